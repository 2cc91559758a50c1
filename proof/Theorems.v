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
    + destruct (in_dec Nat.eq_dec j (map fst cs)); [reflexivity|]. destruct (Nat.eq_dec j j); [|congruence].
      unfold is_settled. simpl. destruct cl; reflexivity.
    + destruct (Nat.eq_dec j i); [congruence|]. destruct (in_dec Nat.eq_dec i (map fst cs)); reflexivity.
  - intros k K. rewrite (nth_put _ _ _ _ _ X). destruct (Nat.eqb k j); [discriminate|]. apply H. simpl. auto.
Qed.
