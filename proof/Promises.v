(** What a user may rely on, as theorems about the specification. [possible s]: the state after any operations of any number
    of callers, on a semaphore that was created with any number of permits. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
From Fairgate Require Import Base Protocol Spec.
Import ListNotations.
Open Scope Z_scope.

Definition waits (s : sem) (i : nat) : Prop := exists r, nth_error (customers s) i = Some (Customer r Waiting).

(** * Order *)

(** Requests are granted in the order in which they were enqueued: when one is granted, no earlier one still waits. *)
Theorem order s i n s' : possible s -> do s (Grant i n) = Some s' -> forall j, (j < i)%nat -> ~ waits s j.
Proof.
  intros P D j J W. apply possible_ok in P. simpl in D. destruct (fifo s) as [|k l] eqn:F; [discriminate|]. apart D.
  pose proof (ok_increasing _ P) as I. rewrite F in I. inversion I as [|? ? _ A]; subst.
  apply (ok_waiting _ P) in W. rewrite F in W. destruct W as [->|W]; [lia|].
  rewrite Forall_forall in A. apply A in W. lia.
Qed.

(** A request that need not wait overtakes nobody: it takes permits only while no request waits. *)
Theorem no_barging s t mn mx n s' : possible s -> do s (TakeNow t mn mx n) = Some s' -> forall j, ~ waits s j.
Proof.
  intros P D j W. apply possible_ok in P. simpl in D. apart D. apply (ok_waiting _ P) in W. now rewrite Heql in W.
Qed.

(** So does a try for all permits. *)
Theorem no_barging_all s t n s' : possible s -> do s (TakeAllNow t n) = Some s' -> forall j, ~ waits s j.
Proof.
  intros P D j W. apply possible_ok in P. simpl in D. apart D. apply (ok_waiting _ P) in W. now rewrite Heql in W.
Qed.

(** * Conservation *)

(** Available permits, those in use, and those of unfinished changes add up to the limit. *)
Theorem conservation s : possible s -> avail s + in_use s + total pending (accounts s) = bound s.
Proof. intros P. now apply ok_sum, possible_ok. Qed.

(** What an operation gives to the caller [t]. *)
Definition gain (t : nat) (o : op) : Z :=
  match o with
  | TakeNow u _ _ n | TakeAllNow u n | Receive u _ n => if Nat.eqb u t then n else 0
  | Return u n | ForgetPermits u n => if Nat.eqb u t then - n else 0
  | _ => 0
  end.

Definition balance (s : sem) (t : nat) : Z := match nth_error (accounts s) t with Some a => held a | None => 0 end.

Lemma balance_step s o s' t : do s o = Some s' -> balance s' t = balance s t + gain t o.
Proof.
  intros D. destruct o; simpl in D; apart D; unfold balance; simpl;
    repeat match goal with
    | E : nth_error (accounts s) ?u = Some ?a |- context [nth_error (put (accounts s) ?u ?b) t] =>
        rewrite (nth_put _ _ _ _ _ E), (Nat.eqb_sym t u); destruct (Nat.eqb_spec u t); subst; rewrite ?E; simpl
    end; lia.
Qed.

(** A caller holds exactly what it took and received, less what it returned and forgot. No operation of another caller changes
    that. *)
Theorem own_account os : forall callers n s t, does (fresh callers n) os = Some s ->
  balance s t = total (gain t) os.
Proof.
  assert (G : forall os s s' t, does s os = Some s' -> balance s' t = balance s t + total (gain t) os).
  { clear os. induction os as [|o os IH]; simpl; intros s s' t D.
    - injection D as <-. unfold total. simpl. lia.
    - destruct (do s o) as [s1|] eqn:E; [|discriminate]. rewrite (IH _ _ _ D), (balance_step _ _ _ _ E).
      unfold total. simpl. lia. }
  intros callers n s t D. rewrite (G _ _ _ _ D). unfold balance. simpl.
  destruct (nth_error (repeat (Account 0 0) callers) t) eqn:E; auto. apply nth_error_In, repeat_spec in E. now subst.
Qed.

Definition owns (s : sem) (i : nat) (n : Z) : Prop := exists r, nth_error (customers s) i = Some (Customer r (Owns n)).

(** A grant stays, whatever else happens, until its owner receives exactly these permits, or cancels the request and exactly
    these permits are available again. *)
Theorem grant_stays s i n o s' : possible s -> owns s i n -> do s o = Some s' ->
  owns s' i n
  \/ (exists t, o = Receive t i n /\ avail s' = avail s /\ balance s' t = balance s t + n)
  \/ (o = CancelRequest i n /\ avail s' = avail s + n).
Proof.
  intros P [r R] D. unfold owns. apply possible_ok in P.
  pose proof (ok_waiting _ P i) as W.
  destruct o; try (pose proof (balance_step _ _ _ t D) as B); simpl in D; apart D; simpl in *; eauto;
    repeat match goal with
    | E : nth_error (customers s) ?j = Some ?c |- context [nth_error (put (customers s) ?j ?b) i] =>
        rewrite (nth_put _ _ _ _ _ E); destruct (Nat.eqb_spec i j) as [->|]; simpl; eauto;
        rewrite R in E; injection E as <-; simpl in *
    end; try discriminate.
  - left. exists r. rewrite nth_error_app1; auto. apply nth_error_Some. congruence.
  - exfalso. destruct (proj1 W (or_introl eq_refl)) as [q Q]. congruence.
  - exfalso. destruct (proj1 W (or_introl eq_refl)) as [q Q]. congruence.
  - right. right. match goal with H : Owns _ = Owns _ |- _ => injection H as -> end. auto.
  - right. left. match goal with H : Owns _ = Owns _ |- _ => injection H as -> end. exists t. simpl in B. rewrite Nat.eqb_refl in B. auto.
Qed.

(** * Cancelling *)

(** A request that waits can be cancelled at any time, gives up its place, and holds nothing. *)
Theorem cancel_waiting s i : possible s -> waits s i ->
  exists s', do s (CancelRequest i 0) = Some s' /\ avail s' = avail s /\ fifo s' = without i (fifo s) /\ ~ waits s' i.
Proof.
  intros P [r R]. simpl. rewrite R. simpl. eexists. split; [reflexivity|]. simpl. repeat split; auto.
  intros [q Q]. simpl in Q. rewrite (nth_put _ _ _ _ _ R), Nat.eqb_refl in Q. discriminate.
Qed.

(** A request that was granted [n] permits can be cancelled at any time, closed or not, and exactly [n] become available. *)
Theorem cancel_granted s i n : owns s i n ->
  exists s', do s (CancelRequest i n) = Some s' /\ avail s' = avail s + n /\ accounts s' = accounts s.
Proof.
  intros [r R]. simpl. rewrite R. simpl. rewrite Z.eqb_refl. eexists. split; [reflexivity|]. simpl. auto.
Qed.

(** * What is granted *)

(** A try succeeds if and only if the semaphore is not closed, no request waits, and its minimum is available. Then it takes
    all that is available, up to its maximum. *)
Theorem exact_try s t a mn mx n : nth_error (accounts s) t = Some a -> 0 <= mn <= mx ->
  (do s (TakeNow t mn mx n) <> None <->
    is_closed s = false /\ fifo s = [] /\ mn <= avail s /\ n = Z.min (avail s) mx).
Proof.
  intros A M. simpl. rewrite A. split.
  - destruct (fifo s); simpl; [|congruence]. destruct (is_closed s); simpl; [congruence|].
    destruct (0 <=? mn) eqn:E1; simpl; [|congruence]. destruct (mn <=? mx) eqn:E2; simpl; [|congruence].
    destruct (mn <=? avail s) eqn:E3; simpl; [|congruence]. destruct (n =? _) eqn:E4; [|congruence]. booleans. auto.
  - intros (-> & -> & L & ->). simpl.
    replace (0 <=? mn) with true by (symmetry; apply Z.leb_le; lia).
    replace (mn <=? mx) with true by (symmetry; apply Z.leb_le; lia).
    replace (mn <=? avail s) with true by (symmetry; apply Z.leb_le; lia).
    rewrite Z.eqb_refl. discriminate.
Qed.

(** A request for [mn] to [mx] permits gets at least [mn], and all that is available up to [mx]. *)
Theorem range_takes_what_there_is s i mn mx p n s' : possible s ->
  nth_error (customers s) i = Some (Customer (Range mn mx) p) -> do s (Grant i n) = Some s' ->
  mn <= n <= mx /\ n = Z.min (avail s) mx /\ avail s' = avail s - n.
Proof.
  intros P C D. apply possible_ok in P. pose proof (Forall_nth _ _ _ _ (ok_customers _ P) C) as [_ V]. simpl in *.
  destruct (fifo s); [discriminate|]. apart D. simpl in *.
  injection C as ->. simpl in *.
  booleans. unfold available in *. lia.
Qed.

(** A grant is possible as soon as the first waiting request fits: the semaphore is not closed, and its minimum is available. *)
Theorem first_can_be_granted s i l mn mx p : fifo s = i :: l -> is_closed s = false ->
  nth_error (customers s) i = Some (Customer (Range mn mx) p) -> mn <= avail s ->
  do s (Grant i (Z.min (available (avail s)) mx)) <> None.
Proof.
  intros F C E L. simpl. rewrite F, C, E, Nat.eqb_refl. simpl.
  replace (mn <=? avail s) with true by (symmetry; apply Z.leb_le; lia). rewrite Z.eqb_refl. discriminate.
Qed.

(** A request for all permits is granted only while no permit is in use, and then holds every permit that exists, except those
    of unfinished changes. *)
Theorem all_is_exclusive s i p n s' : possible s ->
  nth_error (customers s) i = Some (Customer All p) -> do s (Grant i n) = Some s' ->
  in_use s = 0 /\ n = Z.max 0 (avail s) /\ in_use s' = n /\ (total pending (accounts s) = 0 -> n = Z.max 0 (bound s)).
Proof.
  intros P C D. pose proof (conservation _ P) as SUM. apply possible_ok in P.
  assert (P' := do_ok _ _ _ P D). pose proof (ok_sum _ P') as SUM'. simpl in D.
  destruct (fifo s); [discriminate|]. apart D. simpl in *.
  injection C as ->. simpl in *.
  booleans. unfold available in *. intuition lia.
Qed.

(** The same for a try for all permits, whose caller then holds them. *)
Theorem try_all_is_exclusive s t n s' : possible s -> do s (TakeAllNow t n) = Some s' ->
  in_use s = 0 /\ n = Z.max 0 (avail s) /\ in_use s' = n /\ balance s' t = balance s t + n.
Proof.
  intros P D. pose proof (balance_step _ _ _ t D) as B. pose proof (conservation _ P) as SUM. apply possible_ok in P.
  assert (P' := do_ok _ _ _ P D). pose proof (ok_sum _ P') as SUM'. simpl in D.
  apart D. simpl in *. rewrite Nat.eqb_refl in B.
  assert (TP : total pending (put (accounts s) t (Account (held a + available (avail s)) (pending a)))
    = total pending (accounts s)) by (rewrite (total_put _ _ _ _ _ Heqo); simpl; lia).
  rewrite TP in SUM'. unfold available in *. intuition lia.
Qed.

(** No step hands out more than is available. *)
Theorem never_too_many s o s' : possible s -> do s o = Some s' -> in_use s < in_use s' -> 0 <= avail s'.
Proof.
  intros P D U. pose proof (conservation _ P) as SUM. apply possible_ok in P.
  assert (P' := do_ok _ _ _ P D). pose proof (ok_sum _ P') as SUM'.
  destruct o; simpl in D; apart D; simpl in *; unfold share, available in *;
    repeat match goal with
    | E : nth_error (accounts s) ?u = Some ?a |- _ =>
        rewrite (total_put pending _ _ _ _ E) in SUM'; clear E; simpl in SUM'
    end; try (destruct (wants c)); booleans; try lia.
  all: pose proof (Forall_nth _ _ _ _ (ok_customers _ P) Heqo) as [N _]; unfold owned in N; rewrite Heqp in N; lia.
Qed.

(** * The limit *)

(** While no change is in progress, the limit is what is available and what is in use; what is owed counts as negative. *)
Theorem limit_is_what_exists s : possible s -> total pending (accounts s) = 0 -> avail s + in_use s = bound s.
Proof. intros P Z. pose proof (conservation _ P). lia. Qed.

(** Lowering the limit is possible whatever is in use, and revokes nothing: the caller withdraws permits, into a deficit if
    too few are available, and then lowers the limit by as many. *)
Theorem set_limit_lowers s t a n : nth_error (accounts s) t = Some a -> pending a = 0 -> n <= bound s ->
  exists s', does s [Withdraw t (bound s - n); ChangeLimit t (n - bound s)] = Some s'
    /\ bound s' = n /\ avail s' = avail s - (bound s - n) /\ in_use s' = in_use s.
Proof.
  intros A PZ L. simpl. rewrite A. replace (0 <=? bound s - n) with true by (symmetry; apply Z.leb_le; lia).
  simpl. rewrite (nth_put _ _ _ _ _ A), Nat.eqb_refl. simpl.
  replace (0 <=? pending a + (bound s - n) + (n - bound s)) with true by (symmetry; apply Z.leb_le; lia).
  eexists. split; [reflexivity|]. unfold in_use. simpl. rewrite put_put, (total_put _ _ _ _ _ A). simpl. lia.
Qed.

(** Raising the limit is possible at any time, and adds as many permits. *)
Theorem set_limit_raises s t a n : nth_error (accounts s) t = Some a -> pending a = 0 -> bound s < n ->
  exists s', does s [ChangeLimit t (n - bound s); Deposit t (n - bound s)] = Some s'
    /\ bound s' = n /\ avail s' = avail s + (n - bound s) /\ in_use s' = in_use s.
Proof.
  intros A PZ L. simpl. rewrite A. replace (0 <=? pending a + (n - bound s)) with true by (symmetry; apply Z.leb_le; lia).
  simpl. rewrite (nth_put _ _ _ _ _ A), Nat.eqb_refl. simpl.
  replace (1 <=? n - bound s) with true by (symmetry; apply Z.leb_le; lia). simpl.
  replace (n - bound s <=? pending a + (n - bound s)) with true by (symmetry; apply Z.leb_le; lia).
  eexists. split; [reflexivity|]. unfold in_use. simpl. rewrite put_put, (total_put _ _ _ _ _ A). simpl. lia.
Qed.

(** * Closing *)

(** A closed semaphore stays closed, and gives permits to no request that has none. *)
Theorem closed_for_good s o s' : is_closed s = true -> do s o = Some s' ->
  is_closed s' = true /\ match o with TakeNow _ _ _ _ | TakeAllNow _ _ | Grant _ _ => False | _ => True end.
Proof. intros C D. destruct o; simpl in D; rewrite ?C, ?andb_false_r in D; apart D; auto; try congruence. Qed.
