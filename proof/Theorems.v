(** The theorems. [README.md] says each of them as a sentence. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model Invariant Waiters Permits.
Import ListNotations.
Open Scope Z_scope.

Record invariant (threads : nat) (created : Z) (s : state) : Prop := {
  inv_lock : lock_inv threads s;
  inv_waiters : waiter_inv s;
  inv_permits : permit_inv threads created s;
  inv_f3 : f3 s
}.

Theorem invariant_holds threads created s : reachable threads created s -> invariant threads created s.
Proof.
  induction 1 as [C | s t s' R [A B C D] T St].
  - constructor; [apply lock_inv_init | apply waiter_inv_init | apply permit_inv_init; auto | apply f3_init].
  - constructor; [eapply lock_inv_step | eapply waiter_inv_step | eapply permit_inv_step | eapply f3_step]; eauto.
Qed.

(** * Conservation *)

Theorem conservation threads created s :
  reachable threads created s ->
  permits (wd s) + held s + granted s + publishing threads s = created + added s - forgotten s - reduced s.
Proof.
  intros R. apply invariant_holds in R. pose proof (p_sum _ _ _ (inv_permits _ _ _ R)). unfold handed_out in *. lia.
Qed.

Theorem never_too_many threads created s :
  reachable threads created s ->
  0 <= held s /\ 0 <= granted s /\ 0 <= publishing threads s /\
  handed_out threads s <= created + added s - forgotten s.
Proof.
  intros R. apply invariant_holds in R. destruct R as [L V P F]. pose proof P as [P1 P2 P3 P4 P5 P6 P7].
  pose proof (publishing_pos threads _ V). pose proof (granted_pos _ _ _ P). lia.
Qed.

(** The permits that the lock holder has claimed are in the word, until it unlocks the queue. *)
Theorem claims_are_covered threads created s t seen cs e :
  reachable threads created s -> pc s t = Holds seen cs e ->
  csum cs = 0 \/ 0 < csum cs <= permits (wd s).
Proof.
  intros R E. apply invariant_holds in R. destruct R as [L V P F].
  pose proof (csum_pos _ _ t L V) as C. rewrite E in C. simpl in C.
  apply (l_holds _ _ L) in E. unfold holder_ok in E. lia.
Qed.

(** A step that hands permits out leaves no deficit. *)
Theorem handed_out_only_if_available threads created s t s' :
  reachable threads created s -> (t < threads)%nat -> step t s s' ->
  handed_out threads s < handed_out threads s' -> 0 <= permits (wd s').
Proof.
  intros R T St I. pose proof (invariant_holds _ _ _ R) as [L V P F].
  pose proof (invariant_holds _ _ _ (r_step _ _ _ _ _ R T St)) as [L' V' P' F'].
  destruct P as [P1 P2 P3 P4 P5 P6 P7]. destruct P' as [Q1 Q2 Q3 Q4 Q5 Q6 Q7].
  pose proof (csum_pos _ _ t L V) as CP.
  inversion St; subst; clear St; try (destruct c); simpl in *; try lia.
  rewrite H in CP. simpl in CP.
  pose proof (l_holds _ _ L _ _ _ _ H) as HO; unfold holder_ok in HO.
  unfold spent in *. destruct (closed (wd s)); lia.
Qed.

(** * The lock and the flags *)

Theorem one_lock_holder threads created s t t' :
  reachable threads created s -> holds (pc s t) -> holds (pc s t') -> t = t'.
Proof. intros R. apply (l_one threads). apply (invariant_holds _ _ _ R). Qed.

Theorem locked_flag threads created s :
  reachable threads created s -> (locked (wd s) = true <-> exists t, holds (pc s t)).
Proof.
  intros R. pose proof (inv_lock _ _ _ (invariant_holds _ _ _ R)) as L. split.
  - apply (l_locked _ _ L).
  - intros [t H]. eapply holder_locked; eauto.
Qed.

Theorem F2 threads created s :
  reachable threads created s -> locked (wd s) = false -> (queued (wd s) = true <-> queue s <> []).
Proof. intros R. apply (l_f2 threads). apply (invariant_holds _ _ _ R). Qed.

Theorem F3 threads created s r q :
  reachable threads created s -> locked (wd s) = false -> queue s = r :: q -> can_complete (wd s) r ->
  exists t, (t < threads)%nat /\ on_its_way (pc s t).
Proof.
  intros R U Q C. apply invariant_holds in R. destruct R as [L V P F].
  destruct (F U) as [A|[t A]].
  - exfalso. eapply A; eauto.
  - exists t. split; auto. destruct (le_lt_dec threads t) as [K|K]; auto. rewrite (l_idle _ _ L _ K) in A. destruct A.
Qed.

(** F6: while the queue is locked, no step but the unlocking takes permits out of the word, or clears CLOSED or QUEUED. *)
Theorem F6 threads created s t s' :
  reachable threads created s -> step t s s' -> locked (wd s) = true -> locked (wd s') = true ->
  permits (wd s) <= permits (wd s') /\ queued (wd s') = true /\ (closed (wd s) = true -> closed (wd s') = true).
Proof.
  intros R St A B. apply invariant_holds in R. pose proof (inv_lock _ _ _ R) as L.
  pose proof (locked_queued _ _ L A) as Q.
  inversion St; subst; clear St; try (destruct c); simpl in *; try congruence; repeat split; auto; try congruence; lia.
Qed.

(** CLOSED is never cleared. *)
Theorem closed_stays t s s' : step t s s' -> closed (wd s) = true -> closed (wd s') = true.
Proof. intros St A. inversion St; subst; try (destruct c); simpl in *; auto. Qed.

(** * Order *)

Theorem order threads created s :
  reachable threads created s ->
  NoDup (enqueued s) /\ subsequence (claimed s ++ map waiter (queue s)) (enqueued s).
Proof. intros R. apply invariant_holds in R. split; apply R. Qed.

(** The logs record what happens, and only that. *)
Theorem logs t s s' :
  step t s s' ->
  (claimed s' = claimed s \/
    exists r q, queue s = r :: q /\ queue s' = q /\ claimed s' = claimed s ++ [waiter r]) /\
  (enqueued s' = enqueued s \/
    exists r, queue s' = queue s ++ [r] /\ enqueued s' = enqueued s ++ [waiter r]).
Proof.
  intros St. inversion St; subst; try (destruct c); simpl; split; auto; right.
  - eexists. split; reflexivity.
  - exists r, q. auto.
Qed.

(** Every waiter whose request was claimed is in the log. *)
Definition was_claimed (x : status) : Prop :=
  match x with Claimed _ | Granted _ | Failed => True | _ => False end.

Lemma logged threads created s w : reachable threads created s -> was_claimed (st s w) -> In w (claimed s).
Proof.
  intros R. revert w. induction R as [C | s t s' R IH T St]; [simpl; tauto|].
  pose proof (inv_waiters _ _ _ (invariant_holds _ _ _ R)) as V.
  intros v H'.
  inversion St; subst; clear St; try (destruct c); simpl in *; try (apply IH; exact H');
    try (upd; [simpl in H'; tauto | apply IH; exact H']; fail).
  - apply in_app_iff. simpl. upd; auto.
  - upd; [|apply IH; exact H']. apply IH.
    rewrite (w_claims_st _ V t w n); [exact I|]. rewrite H. simpl. auto.
Qed.

Lemma sub_before {A} (a b : list A) x y :
  subsequence a b -> NoDup b ->
  (exists b1 b2, b = b1 ++ b2 /\ In x b1 /\ In y b2) ->
  forall a1 a2, a = a1 ++ a2 -> In y a1 -> In x a2 -> False.
Proof.
  induction 1 as [ | z a b H IH | z a b H IH ]; intros D (b1 & b2 & E & X & Y) a1 a2 Ea Y1 X2.
  - destruct a1; [destruct Y1 | discriminate].
  - inversion D; subst. destruct b1 as [|z' b1]; [destruct X|]. simpl in E. injection E as <- ->.
    destruct X as [<-|X].
    + apply H2. apply (sub_in _ _ _ H). apply in_app_iff. auto.
    + eapply IH; eauto.
  - inversion D; subst. destruct b1 as [|z' b1]; [destruct X|]. simpl in E. injection E as <- ->.
    destruct a1 as [|z' a1]; [destruct Y1|]. simpl in Ea. injection Ea as <- ->.
    destruct Y1 as [<-|Y1].
    + apply H2. apply in_app_iff. auto.
    + destruct X as [<-|X].
      * apply H2. apply (sub_in _ _ _ H). apply in_app_iff. auto.
      * eapply IH; eauto.
Qed.

(** If [w] was enqueued before [v], and [v] has been claimed, then [w] is no longer queued. *)
Theorem no_overtaking threads created s w v l1 l2 :
  reachable threads created s -> enqueued s = l1 ++ l2 -> In w l1 -> In v l2 ->
  was_claimed (st s v) -> st s w <> Queued.
Proof.
  intros R E W Vv C Q. pose proof (logged _ _ _ _ R C) as K.
  apply invariant_holds in R. destruct R as [L V P F].
  apply (w_st_queue _ V) in Q.
  eapply (sub_before _ _ w v (w_order _ V) (w_nodup _ V)); eauto.
Qed.

(** F1: a request takes permits without queueing only if no request is queued or claimed by the lock holder. *)
Theorem F1 threads created s t s' :
  reachable threads created s -> step t s s' -> pc s t = Idle -> pc s' t = Idle -> st s' = st s -> held s < held s' ->
  queue s = [] /\ locked (wd s) = false.
Proof.
  intros R St A B C D. apply invariant_holds in R. pose proof (inv_lock _ _ _ R) as L.
  assert (Q : queued (wd s) = false).
  { inversion St; subst; try (destruct c); simpl in *; try lia; auto.
    pose proof (f_equal (fun f => f w) C) as K. simpl in K. unfold upd in K.
    destruct (Nat.eq_dec w w); congruence. }
  pose proof (unqueued_unlocked _ _ L Q) as U. split; auto.
  destruct (queue s) eqn:E; auto. exfalso.
  assert (queued (wd s) = true) by (apply (l_f2 _ _ L); auto; rewrite E; discriminate). congruence.
Qed.

(** * No grant is lost *)

(** A claimed request belongs to exactly one thread, which holds the lock or is about to store the outcome. *)
Theorem no_claim_is_lost threads created s w n :
  reachable threads created s -> st s w = Claimed n ->
  exists t, (t < threads)%nat /\ In (w, n) (claims (pc s t)) /\
    forall t' n', In (w, n') (claims (pc s t')) -> t' = t.
Proof.
  intros R E. apply invariant_holds in R. destruct R as [L V P F].
  destruct (w_st_claims _ V _ _ E) as [t T]. exists t. split; [|split; auto].
  - destruct (le_lt_dec threads t) as [K|K]; auto. rewrite (l_idle _ _ L _ K) in T. destruct T.
  - intros t' n' T'. eapply (w_claims_one _ V); eauto.
Qed.

(** A grant stays until its owner takes it; then the owner holds exactly its permits. *)
Theorem no_grant_is_lost threads created s t s' w n :
  reachable threads created s -> step t s s' -> st s w = Granted n ->
  st s' w = Granted n \/ (st s' w = Done /\ held s' = held s + n).
Proof.
  intros R St G. apply invariant_holds in R. destruct R as [L V P F].
  inversion St; subst; clear St; try (destruct c); simpl in *; auto; upd; auto; try congruence.
  - assert (st s (waiter r) = Queued) by (apply (w_queue_st _ V); rewrite H0, map_app; apply in_app_iff; simpl; auto).
    congruence.
  - assert (st s (waiter r) = Queued) by (apply (w_queue_st _ V); rewrite H0; simpl; auto). congruence.
  - assert (st s w0 = Claimed n0) by (apply (w_claims_st _ V t); rewrite H; simpl; auto). congruence.
  - right. split; auto. congruence.
Qed.

(** A queued request leaves the queue only as its owner removes it, or as it is claimed with at least [rmin] and at most
    [rmax] permits, or with none if the semaphore is closed. *)
Theorem no_request_is_lost threads created s t s' r :
  reachable threads created s -> step t s s' -> In r (queue s) ->
  In r (queue s') \/ (exists seen cs, pc s t = Holds seen cs (Remove (waiter r))) \/
  exists n, st s' (waiter r) = Claimed n /\ (rmin r <= n <= rmax r \/ n = 0 /\ closed (wd s) = true).
Proof.
  intros R St I. apply invariant_holds in R. destruct R as [L V P F].
  inversion St; subst; clear St; try (destruct c); simpl in *; auto.
  - left. apply in_app_iff. auto.
  - rewrite H0 in I. apply in_app_iff in I. destruct I as [I|[<-|I]].
    + left. apply in_app_iff. auto.
    + right. left. eauto.
    + left. apply in_app_iff. auto.
  - pose proof (l_range _ _ L r0) as Rg. rewrite H0 in *. destruct I as [<-|I]; auto.
    right. right. exists (share seen (csum cs) r0). split; [upd; congruence|].
    pose proof (l_holds _ _ L _ _ _ _ H) as HO; unfold holder_ok in HO.
    specialize (Rg (or_introl eq_refl)). destruct H1 as [S1 S2]. unfold share.
    destruct (closed seen) eqn:Cl; [right; tauto|]. destruct S2; [discriminate|]. left. lia.
Qed.

(** Permits that have left the word for a claim become a grant, whatever happens to the semaphore afterwards. *)
Theorem grant_survives_close threads created s t cs again w n t' s' :
  reachable threads created s -> pc s t = Publishing cs false again -> In (w, n) cs -> step t' s s' ->
  st s' w = Granted n \/ exists cs', pc s' t = Publishing cs' false again /\ In (w, n) cs'.
Proof.
  intros R E In0 St. apply invariant_holds in R. destruct R as [L V P F].
  destruct (Nat.eq_dec t' t) as [->|Ne].
  - inversion St; subst; clear St; try congruence; try (destruct c); simpl in *; try congruence;
      rewrite E in H; injection H; intros; subst.
    + destruct In0 as [K|K].
      * injection K as -> ->. left. unfold upd. destruct (Nat.eq_dec w w); [reflexivity | congruence].
      * right. exists cs0. split; auto. unfold upd. destruct (Nat.eq_dec t t); congruence.
    + destruct In0.
  - right. exists cs. split; auto. inversion St; subst; clear St; try (destruct c); simpl; auto;
      unfold upd; destruct (Nat.eq_dec t t'); congruence.
Qed.

(** If the semaphore was closed before the queue was unlocked, the claims fail and the permits stay in the word. *)
Theorem closed_claims_fail threads created s t s' seen cs :
  reachable threads created s -> step t s s' -> pc s t = Holds seen cs Nothing -> locked (wd s') = false ->
  exists again, pc s' t = Publishing cs (closed (wd s)) again /\
    permits (wd s') = permits (wd s) - (if closed (wd s) then 0 else csum cs).
Proof.
  intros R St E U. apply invariant_holds in R. pose proof (inv_lock _ _ _ R) as L.
  pose proof (l_holds _ _ L _ _ _ _ E) as HO; unfold holder_ok in HO.
  inversion St; subst; clear St; try congruence; simpl in *; try congruence.
  - destruct HO. congruence.
  - destruct HO. congruence.
  - rewrite E in H. injection H as <- <-. exists again. split.
    + unfold upd. destruct (Nat.eq_dec t t); congruence.
    + reflexivity.
Qed.
