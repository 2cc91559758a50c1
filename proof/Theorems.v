(** What holds of the protocol itself, for any number of threads: the refinement, the invariants F1 to F7 of [src/raw], that no
    outcome is lost, and that nobody who has the lock waits. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
From Fairgate Require Import Base Protocol Spec Refine Invariant Enabled.
Import ListNotations.
Open Scope Z_scope.

(** Every run of the protocol is a run of the specification. [run_ops] are the operations: each step of the protocol is none or
    one, except the step that unlocks the queue, which is one grant, or one refusal, for each claim. *)
Theorem refinement k n es s : 0 <= n -> run (initial k n) es = Some s ->
  does (fresh k n) (run_ops (initial k n) es) = Some (abs s).
Proof. intros N R. rewrite <- abs_initial. now apply (run_simulates es _ _ (initial_inv k n N)). Qed.

(** F1: a request takes permits without being queued only while the queue is empty and unlocked. *)
Theorem F1 s t mn mx n s' : reachable s -> exec s t (Acquire mn mx n) = Some s' -> queue s = [] /\ holding s = None.
Proof.
  intros R E. apply reachable_inv in R as [_ L _]. unfold lock_ok in L.
  unfold exec in E. destruct (idle s t); [|discriminate]. apart E.
  destruct (holding s) as [h|]; [intuition congruence|]. destruct L as (_ & _ & L). split; auto.
  destruct (queue s); auto. simpl in L. congruence.
Qed.

(** F2: while the queue is unlocked, QUEUED is set if and only if the queue is not empty, and RECHECK is not set. *)
Theorem F2 s : reachable s -> locked (wd s) = false -> (queued (wd s) = true <-> queue s <> []) /\ recheck (wd s) = false.
Proof.
  intros R U. apply reachable_inv in R as [_ L _]. destruct (unlocked s L U) as (_ & R & Q). split; auto. rewrite Q.
  destruct (queue s); simpl; split; congruence.
Qed.

(** LOCKED is set exactly while one thread has the lock; no step tests anything else. *)
Theorem one_lock_holder s : reachable s -> locked (wd s) = is_some (holding s).
Proof. intros R. apply reachable_inv in R as [_ L _]. unfold lock_ok in L. destruct (holding s); simpl; tauto. Qed.

(** F3: if the queue is unlocked and the front can complete with what the word holds, a thread is committed to examine it: it
    owes a look or a recheck, or is in the middle of a change of the number of permits. *)
Theorem F3 s : reachable s -> locked (wd s) = false -> front_share s (wd s) 0 <> None ->
  exists t x, nth_error (threads s) t = Some x /\ (0 < slack x \/ owes x = true \/ (0 < looks x)%nat).
Proof.
  intros R U FS. apply reachable_inv in R as [_ L F]. destruct (unlocked s L U) as (HN & _).
  destruct (F HN FS) as (t & x & T & B). exists t, x. split; auto. unfold busy in B.
  destruct (0 <? slack x) eqn:E; booleans; auto. destruct (owes x); auto. destruct (looks x); [discriminate|]. right. right. lia.
Qed.

(** F5: the step that unlocks the queue takes exactly the permits of the claims out of the word, or none if the semaphore is
    closed. *)
Theorem F5 s t again s' : reachable s -> exec s t (Unlock again) = Some s' ->
  exists h, holding s = Some h /\ holding s' = None /\
    permits (wd s') = permits (wd s) - (if closed (wd s) then 0 else csum (claims h)) /\
    closed (wd s') = closed (wd s).
Proof. intros R E. step_apart E. eexists. repeat split; eauto. Qed.

(** F7: at every moment the limit, less the permits in the word, is at least the number of permits that are held. *)
Theorem F7 s : reachable s -> total hold (threads s) <= limit s - permits (wd s).
Proof.
  intros R. apply reachable_inv in R as [S _ _]. pose proof (ok_sum _ S) as SUM.
  assert (0 <= total pending (accounts (abs s))).
  { apply total_nonneg. eapply Forall_impl; [|exact (ok_accounts _ S)]. intros a []. assumption. }
  assert (0 <= total owned (customers (abs s))).
  { apply total_nonneg. eapply Forall_impl; [|exact (ok_customers _ S)]. intros a []. assumption. }
  unfold in_use in SUM. simpl in *. rewrite (total_map held abs_thread) in SUM. simpl in SUM.
  replace (total (fun a => hold a) (threads s)) with (total hold (threads s)) in SUM by reflexivity. lia.
Qed.

(** A try that finds QUEUED set is behind a request, or a thread has the queue locked. *)
Theorem queued_means_queued s : reachable s -> queued (wd s) = true -> fifo (abs s) <> [] \/ holding s <> None.
Proof.
  intros R Q. apply reachable_inv in R as [_ L _]. unfold lock_ok in L. unfold abs, claimed. simpl.
  destruct (holding s) as [h|]; [right; discriminate|]. left. destruct L as (_ & _ & L). rewrite Q in L.
  destruct (queue s); discriminate.
Qed.

(** * No outcome is lost *)

Definition is_settled (y : waiter) : bool := match st y with Won _ | Lost => true | _ => false end.

Definition in_todo (i : nat) (x : thread) : Z := Z.of_nat (count_occ Nat.eq_dec (todo x) i).

(** Each claimed request whose permits have left the word belongs to exactly one thread, once. *)
Definition todo_ok (s : state) : Prop := forall i,
  total (in_todo i) (threads s) = match nth_error (waiters s) i with Some y => if is_settled y then 1 else 0 | None => 0 end.

Lemma count_claims (cs : list claim) i : increasing (map fst cs) ->
  Z.of_nat (count_occ Nat.eq_dec (map fst cs) i) = if in_dec Nat.eq_dec i (map fst cs) then 1 else 0.
Proof.
  induction cs as [|[j n] cs IH]; intros I; [reflexivity|].
  assert (N : ~ In j (map fst cs)) by exact (increasing_notin _ _ I).
  cbn [map fst count_occ in_dec]. inversion I as [|? ? I' _]; subst. specialize (IH I').
  simpl. destruct (Nat.eq_dec j i) as [->|D].
  - apply (count_occ_not_In Nat.eq_dec) in N. fold (map (@fst nat Z) cs) in *. rewrite N. reflexivity.
  - fold (map (@fst nat Z) cs) in *. rewrite IH. destruct (in_dec _ _ _); reflexivity.
Qed.

Lemma settle_nth cl (cs : list claim) : forall ws i, increasing (map fst cs) -> (forall j, In j (map fst cs) -> nth_error ws j <> None) ->
  match nth_error (settle cl cs ws) i with Some y => is_settled y | None => false end
  = if in_dec Nat.eq_dec i (map fst cs) then true else match nth_error ws i with Some y => is_settled y | None => false end.
Proof.
  induction cs as [|[j n] cs IH]; intros ws i I H; [reflexivity|]. simpl.
  inversion I as [|? ? I' _]; subst.
  destruct (nth_error ws j) as [x|] eqn:X; [|exfalso; apply (H j); simpl; auto].
  rewrite IH; auto.
  - rewrite (nth_put _ _ _ _ _ X). destruct (Nat.eqb_spec i j) as [->|D].
    + destruct (Nat.eq_dec j j); [|congruence]. destruct (in_dec Nat.eq_dec j (map fst cs)); [reflexivity|].
      unfold is_settled. simpl. destruct cl; reflexivity.
    + destruct (Nat.eq_dec j i); [congruence|]. destruct (in_dec Nat.eq_dec i (map fst cs)); reflexivity.
  - intros k K. rewrite (nth_put _ _ _ _ _ X). destruct (Nat.eqb k j); [discriminate|]. apply H. simpl. auto.
Qed.

Lemma todo_thread xs t x x' i : nth_error xs t = Some x -> todo x' = todo x ->
  total (in_todo i) (put xs t x') = total (in_todo i) xs.
Proof. intros E T. rewrite (total_put _ _ _ _ _ E). unfold in_todo. rewrite T. lia. Qed.

Definition settled_at (ws : list waiter) (i : nat) : Z :=
  match nth_error ws i with Some y => if is_settled y then 1 else 0 | None => 0 end.

Lemma settled_put ws i y y' j : nth_error ws i = Some y -> is_settled y' = is_settled y ->
  settled_at (put ws i y') j = settled_at ws j.
Proof.
  intros E S. unfold settled_at. rewrite (nth_put _ _ _ _ _ E). destruct (Nat.eqb_spec j i) as [->|]; auto.
  now rewrite E, S.
Qed.

Lemma settled_settle s i : sem_ok (abs s) -> forall h, holding s = Some h ->
  settled_at (settle (closed (wd s)) (claims h) (waiters s)) i
  = settled_at (waiters s) i + Z.of_nat (count_occ Nat.eq_dec (map fst (claims h)) i).
Proof.
  intros S h H. pose proof (ok_increasing _ S) as I. simpl in I. unfold claimed in I. rewrite H in I.
  assert (I' : increasing (map fst (claims h))).
  { exact (increasing_app_l _ _ I). }
  assert (W : forall j, In j (map fst (claims h)) -> exists x, nth_error (waiters s) j = Some x /\ st x = Queued).
  { intros j J. apply queue_waits; auto. unfold claimed. rewrite H. apply in_app_iff. auto. }
  rewrite (count_claims _ _ I').
  assert (N : forall j, In j (map fst (claims h)) -> nth_error (waiters s) j <> None).
  { intros j J. destruct (W j J) as (x & -> & _). discriminate. }
  pose proof (settle_nth (closed (wd s)) _ _ i I' N) as Q. unfold settled_at.
  destruct (in_dec Nat.eq_dec i (map fst (claims h))) as [J|J].
  - destruct (W i J) as (x & X1 & X2). rewrite X1. unfold is_settled at 2. rewrite X2.
    destruct (nth_error (settle _ _ _) i); [|discriminate]. now rewrite Q.
  - destruct (nth_error (settle _ _ _) i), (nth_error (waiters s) i); try rewrite Q; try rewrite <- Q; lia.
Qed.

Ltac same_todo :=
  repeat match goal with
  | H : nth_error ?xs ?t = Some ?x |- context [total (in_todo ?i) (put ?xs ?t ?x')] =>
      rewrite (todo_thread xs t x x' i H eq_refl)
  | H : nth_error ?ws ?j = Some ?y |- context [settled_at (put ?ws ?j ?y') ?i] =>
      rewrite (settled_put ws j y y' i H) by (unfold is_settled; simpl;
        repeat match goal with Q : st _ = _ |- _ => rewrite Q end; reflexivity)
  end.

Lemma apply_todo c t x s s' i : apply c t x s = Some s' -> nth_error (threads s) t = Some x ->
  total (in_todo i) (threads s') = total (in_todo i) (threads s)
  /\ settled_at (waiters s') i = settled_at (waiters s) i.
Proof. intros E T. destruct c; simpl in E; apart E; simpl; same_todo; auto. Qed.

Lemma step_todo s t e s' : inv s -> todo_ok s -> exec s t e = Some s' -> todo_ok s'.
Proof.
  intros I T E i. specialize (T i).
  change (total (in_todo i) (threads s') = settled_at (waiters s') i).
  change (total (in_todo i) (threads s) = settled_at (waiters s) i) in T.
  destruct e; step_apart E; simpl; same_todo; try assumption.
  - (* Push *) rewrite T. unfold settled_at. destruct (Nat.lt_ge_cases i (length (waiters s))).
    + now rewrite nth_error_app1.
    + rewrite nth_error_app2 by assumption. rewrite (proj2 (nth_error_None (waiters s) i)) by assumption.
      destruct (i - length (waiters s))%nat as [|k]; simpl; [reflexivity|]. now destruct k.
  - (* Remove *) rewrite (settled_put _ _ w); auto.
    destruct (queue_waits s i0 (i_sem _ I)) as (y & Y1 & Y2).
    { apply in_app_iff. right. rewrite existsb_exists in Heqb. destruct Heqb as (j & J1 & J2). booleans. now subst. }
    unfold is_settled. simpl. replace w with y by congruence. now rewrite Y2.
  - (* Update *)
    match goal with A : apply _ _ _ _ = Some _ |- _ => destruct (apply_todo _ _ _ _ _ i A) as [A1 A2]; auto end.
    destruct (must_serve (wd s)); simpl; congruence.
  - (* FetchAdd *)
    match goal with A : apply _ _ _ _ = Some _ |- _ => destruct (apply_todo _ _ _ _ _ i A) as [A1 A2]; auto end.
    destruct (queued (wd s)); simpl; same_todo; congruence.
  - (* Unlock *)
    rewrite (settled_settle s i (i_sem _ I) h) by assumption.
    rewrite (total_put _ _ _ _ t0) by assumption. unfold in_todo at 2 3. simpl. rewrite count_occ_app. lia.
  - (* Publish *)
    match goal with H : nth_error (threads s) t = Some ?x |- _ => rewrite (total_put _ _ _ _ x H) end.
    unfold in_todo at 2 3, settled_at. simpl. rewrite Heql, (nth_put _ _ _ _ w) by assumption. rewrite T. unfold settled_at. simpl.
    destruct (Nat.eq_dec n i) as [->|D]; [rewrite Nat.eqb_refl|destruct (Nat.eqb_spec i n); [congruence|]]; simpl; try lia.
    rewrite Heqo0. unfold is_settled. rewrite Heqs0. lia.
  - match goal with H : nth_error (threads s) t = Some ?x |- _ => rewrite (total_put _ _ _ _ x H) end.
    unfold in_todo at 2 3, settled_at. simpl. rewrite Heql, (nth_put _ _ _ _ w) by assumption. rewrite T. unfold settled_at. simpl.
    destruct (Nat.eq_dec n i) as [->|D]; [rewrite Nat.eqb_refl|destruct (Nat.eqb_spec i n); [congruence|]]; simpl; try lia.
    rewrite Heqo0. unfold is_settled. rewrite Heqs0. lia.
  - (* Look *) destruct (must_serve (wd s)); simpl; same_todo; assumption.
Qed.

Lemma reachable_todo s : reachable s -> todo_ok s.
Proof.
  intros (k & n & es & N & R).
  assert (G : forall es s s', inv s -> todo_ok s -> run s es = Some s' -> todo_ok s').
  { clear. induction es as [|[t e] es IH]; simpl; intros s s' I T R; [now injection R as <-|].
    destruct (exec s t e) as [s1|] eqn:E; [|discriminate].
    exact (IH _ _ (step_inv _ _ _ _ I E) (step_todo _ _ _ _ I T E) R). }
  apply (G es (initial k n) s (initial_inv k n N)); auto. intros i. simpl.
  replace (match nth_error [] i with Some y => if is_settled y then 1 else 0 | None => 0 end) with 0 by now destruct i.
  clear. induction k as [|k IH]; simpl; [reflexivity|]. unfold total in *. simpl. rewrite IH. reflexivity.
Qed.

(** Once the permits of a claim have left the word, or the claim has failed, the request belongs to exactly one thread, once,
    which stores its outcome. *)
Theorem no_outcome_is_lost s i y : reachable s -> nth_error (waiters s) i = Some y ->
  total (in_todo i) (threads s) = if is_settled y then 1 else 0.
Proof. intros R Y. rewrite (reachable_todo s R i), Y. reflexivity. Qed.

(** The thread that has to store outcomes can store the next one, whatever other threads do: it waits for nobody. *)
Theorem publishing_never_waits s t x i l : reachable s -> nth_error (threads s) t = Some x -> todo x = i :: l ->
  exec s t Publish <> None.
Proof.
  intros R T L. pose proof (reachable_todo s R i) as O.
  assert (P : in_todo i x <= total (in_todo i) (threads s)).
  { refine (total_ge (in_todo i) _ t x _ T). apply Forall_forall. intros z _. unfold in_todo. lia. }
  assert (1 <= in_todo i x) by (unfold in_todo; rewrite L; simpl; destruct (Nat.eq_dec i i); [lia|congruence]).
  destruct (nth_error (waiters s) i) as [y|] eqn:Y; [|lia]. apply (can_publish s t x i l y T L Y).
  unfold is_settled in O. destruct (st y); try lia; eauto.
Qed.

(** * The lock holder never waits *)

Definition holder_exists (s : state) : Prop :=
  forall h, holding s = Some h -> nth_error (threads s) (who h) <> None.

Lemma apply_threads c t x s s' : apply c t x s = Some s' ->
  length (threads s') = length (threads s) /\ holding s' = holding s.
Proof. intros E. destruct c; simpl in E; apart E; simpl; rewrite ?length_put; auto. Qed.

Lemma step_threads s t e s' : exec s t e = Some s' -> length (threads s') = length (threads s) /\
  (holding s' = None \/ option_map who (holding s') = option_map who (holding s)
   \/ option_map who (holding s') = Some t /\ nth_error (threads s) t <> None).
Proof.
  intros E. destruct e; step_apart E;
    try match goal with A : apply _ _ _ _ = Some _ |- _ => destruct (apply_threads _ _ _ _ _ A) as [A1 A2] end;
    try destruct (must_serve (wd s)); try destruct (queued (wd s));
    simpl; rewrite ?length_put, ?A1, ?A2; (split; [reflexivity|]);
    repeat match goal with H : holding ?s = _ |- _ => rewrite H end; simpl; auto;
    right; right; (split; [reflexivity|congruence]).
Qed.

Lemma reachable_holder s : reachable s -> holder_exists s.
Proof.
  intros (k & n & es & N & R).
  assert (G : forall es s s', holder_exists s -> run s es = Some s' -> holder_exists s').
  { clear. induction es as [|[t e] es IH]; simpl; intros s s' I R; [now injection R as <-|].
    destruct (exec s t e) as [s1|] eqn:E; [|discriminate]. apply (IH s1); auto.
    destruct (step_threads _ _ _ _ E) as [L [H|[H|[H H']]]]; intros h Hh; rewrite Hh in H; simpl in H.
    - discriminate.
    - destruct (holding s) as [h0|] eqn:H0; [|discriminate]. simpl in H. injection H as H. specialize (I _ H0).
      rewrite <- H in I. apply nth_error_Some. rewrite L. now apply nth_error_Some.
    - injection H as H. rewrite H. apply nth_error_Some. rewrite L. now apply nth_error_Some. }
  apply (G es (initial k n)); auto. intros h H. discriminate.
Qed.

(** How much the lock holder still has to do, if no other thread changes the word. *)
Definition work (s : state) : nat :=
  match holding s with
  | None => 0
  | Some h => if same_word (wd s) (seen h) then if is_nil (claims h) then 2 else 1 else 3
  end.

(** In every state the lock holder can take a step, which unlocks the queue or leaves it less work. So it waits for nobody, and
    unlocks after at most three steps in which no other thread changes the word. *)
Theorem holder_never_waits s h : reachable s -> holding s = Some h -> doing h = NoEdit ->
  exists e s', exec s (who h) e = Some s' /\
    (holding s' = None \/ exists h', holding s' = Some h' /\ who h' = who h /\ doing h' = NoEdit /\ (work s' < work s)%nat).
Proof.
  intros R H D. pose proof (reachable_holder s R h H) as TH. destruct (nth_error (threads s) (who h)) as [x|] eqn:T; [|congruence].
  assert (HL : has_lock s (who h) h) by (split; auto).
  destruct (same_word (wd s) (seen h)) eqn:W.
  - apply same_word_eq in W. destruct (front_share s (seen h) (csum (claims h))) as [c|] eqn:FS.
    + destruct (claims h) as [|c' cs] eqn:CH.
      * exists Claim. unfold exec. rewrite (has _ _ _ HL), D, CH. simpl. change (csum []) with 0 in FS. rewrite FS.
        eexists. split; [reflexivity|]. right. eexists. split; [reflexivity|]. simpl. repeat split. unfold work.
        rewrite H. simpl. rewrite W, same_word_refl, CH. simpl. lia.
      * exists (Unlock true).
        pose proof (can_unlock_before_the_next s (who h) x h HL T D W ltac:(rewrite CH; discriminate)) as C.
        destruct (exec s (who h) (Unlock true)) as [s'|] eqn:E; [|congruence]. exists s'. split; auto. left.
        step_apart E. reflexivity.
    + exists (Unlock false). pose proof (can_unlock s (who h) x h HL T D W FS) as C.
      destruct (exec s (who h) (Unlock false)) as [s'|] eqn:E; [|congruence]. exists s'. split; auto. left.
      step_apart E. reflexivity.
  - assert (W' : wd s <> seen h) by (intros X; rewrite X, same_word_refl in W; discriminate).
    destruct (can_fail_to_unlock s (who h) h HL D W') as (s' & h' & E & H' & S1 & S2 & Q1 & Q2).
    exists UnlockFails, s'. split; auto. right. exists h'. split; auto.
    assert (who h' = who h /\ doing h' = NoEdit).
    { step_apart E; [|congruence]. simpl in H'; injection H' as <-; simpl; split; congruence. }
    split; [tauto|]. split; [tauto|]. unfold work. rewrite H, H', S2, same_word_refl, W, Q1. simpl. lia.
Qed.

(** Before that it makes its edit, or leaves it. *)
Theorem editor_never_waits s h : reachable s -> holding s = Some h -> doing h <> NoEdit ->
  exists s', exec s (who h) EditNothing = Some s'.
Proof.
  intros R H D. destruct (exec s (who h) EditNothing) eqn:E; eauto. exfalso.
  now apply (can_edit_nothing s (who h) h (conj H eq_refl) D).
Qed.

(** * Runs that exist: each operation, with nothing that hides behind a premise which is never true *)

(** Request 0 for 2 permits waits behind one held permit of a semaphore with 2; the release is handed over, and taken. *)
Example hand_off : exists s, run (initial 2 2)
  [(0, Acquire 1 1 1); (1, LockToEnqueue); (1, Push (Range 2 2)); (1, Unlock false);
   (0, Update (Release 1)); (0, Claim); (0, Unlock false); (0, Publish); (1, Take 0); (1, FetchAdd (Release 2))]%nat = Some s
  /\ wd s = Word 2 false false false false.
Proof. eexists. split; [vm_compute; reflexivity|reflexivity]. Qed.

(** A request for all permits is granted once the limit was lowered to what is available; a claim was put back before. *)
Example put_back_and_all : exists s, run (initial 3 3)
  [(0, Acquire 1 1 1); (1, LockToEnqueue); (1, Push (Range 3 4)); (0, FetchAdd (Release 1)); (1, UnlockFails); (1, Claim);
   (2, Lower 2 true); (1, UnlockFails); (1, Unlock false); (0, Look); (0, Unlock false);
   (2, Limit (-2)); (2, Update Recheck); (2, Unlock false); (2, LockToEnqueue); (2, Push All); (2, Unlock false);
   (0, Limit 2); (0, Update (Add 2)); (0, Claim); (0, Unlock false); (0, Publish); (1, Take 0);
   (1, ForgetHeld 1); (1, Update Recheck); (1, Unlock false);
   (1, Update (Release 2)); (1, Claim); (1, Unlock false); (1, Publish); (2, Take 1);
   (2, ForgetHeld 2); (2, Update Recheck); (0, LockForAll); (0, FindAll); (0, TakeAll); (0, Update Close)]%nat = Some s
  /\ limit s = 0 /\ closed (wd s) = true.
Proof. eexists. split; [vm_compute; reflexivity|split; reflexivity]. Qed.

(** A grant survives a close; cancelling it releases it; a request behind it fails; a batch ends early, and its thread looks. *)
Example close_and_cancel : exists s, run (initial 3 0)
  [(0, LockToEnqueue); (0, Push (Range 1 1)); (0, Unlock false); (1, LockToEnqueue); (1, Push (Range 1 1)); (1, Unlock false);
   (2, Limit 1); (2, Update (Add 1)); (2, Claim); (2, Unlock false); (0, Update Close); (0, Claim); (0, Unlock true);
   (0, Publish); (2, Publish); (0, Look); (1, TakeFailure 1); (2, Cancel 0); (2, Update (Drop 0))]%nat = Some s
  /\ wd s = Word 1 false false false true.
Proof. eexists. split; [vm_compute; reflexivity|reflexivity]. Qed.

(** A queued request is removed, a waker is replaced, and a limit is raised and lowered. *)
Example edits : exists s, run (initial 3 0)
  [(0, LockToEnqueue); (0, Push (Range 1 1)); (0, Unlock false); (0, LockForOwner); (0, EditNothing); (0, Unlock false);
   (0, LockForOwner); (0, Remove 0); (0, Unlock false); (1, Limit 2); (1, Update (Add 2)); (1, Lower 1 false); (1, Limit (-1))]%nat
  = Some s /\ permits (wd s) = 1 /\ limit s = 1.
Proof. eexists. split; [vm_compute; reflexivity|split; reflexivity]. Qed.
