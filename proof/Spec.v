(** The specification: an atomic semaphore with a FIFO queue. Each operation is one step, except that [set_limit] and the like
    change two numbers, the permits and the limit, in one step each: callers can see both, and the sources change them one
    after the other. Each promise to users is a theorem here. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
From Fairgate Require Import Base Protocol.
Import ListNotations.
Open Scope Z_scope.

Inductive progress := Waiting | Owns (n : Z) | Refused | Gone.

Record customer := Customer { wants : request; has : progress }.

(** A caller, which is a thread or a task: the permits that it holds, and those that it has withdrawn and not yet taken from
    the limit, or added to the limit and not yet deposited. *)
Record account := Account { held : Z; pending : Z }.

Record sem := Sem {
  avail : Z;                   (** available permits; negative: owed *)
  bound : Z;                   (** the limit *)
  is_closed : bool;
  fifo : list nat;             (** the waiting requests, by the order of their arrival *)
  customers : list customer;   (** all requests that ever waited, in the order of their arrival *)
  accounts : list account
}.

Inductive op :=
| TakeNow (t : nat) (mn mx n : Z)   (** a try, or a request that need not wait *)
| TakeAllNow (t : nat) (n : Z)
| Enqueue (r : request)
| Grant (i : nat) (n : Z)
| Refuse (i : nat)
| CancelRequest (i : nat) (n : Z)   (** [n]: what it held *)
| Receive (t i : nat) (n : Z)       (** the caller [t] takes what was granted to [i] *)
| ReceiveRefusal (i : nat)
| Return (t : nat) (n : Z)
| CloseIt
| Withdraw (t : nat) (n : Z)
| ChangeLimit (t : nat) (c : Z)
| Deposit (t : nat) (n : Z)
| ForgetPermits (t : nat) (n : Z).

Definition owned (c : customer) : Z := match has c with Owns n => n | _ => 0 end.

(** The permits that somebody holds: callers, and requests that were granted and have not been received. *)
Definition in_use (s : sem) : Z := total held (accounts s) + total owned (customers s).

Definition with_customer i r p s :=
  Sem (avail s) (bound s) (is_closed s) (fifo s) (put (customers s) i (Customer r p)) (accounts s).
Definition with_account t h p s :=
  Sem (avail s) (bound s) (is_closed s) (fifo s) (customers s) (put (accounts s) t (Account h p)).
Definition with_avail n s := Sem n (bound s) (is_closed s) (fifo s) (customers s) (accounts s).
Definition with_bound n s := Sem (avail s) n (is_closed s) (fifo s) (customers s) (accounts s).
Definition with_fifo l s := Sem (avail s) (bound s) (is_closed s) l (customers s) (accounts s).

Definition do (s : sem) (o : op) : option sem :=
  match o with
  | TakeNow t mn mx n =>
      read a <- nth_error (accounts s) t ;;
      check is_nil (fifo s) && negb (is_closed s) ;;
      check (0 <=? mn) && (mn <=? mx) && (mn <=? avail s) && (n =? Z.min (avail s) mx) ;;
      Some (with_avail (avail s - n) (with_account t (held a + n) (pending a) s))
  | TakeAllNow t n =>
      read a <- nth_error (accounts s) t ;;
      check is_nil (fifo s) && negb (is_closed s) ;;
      check (in_use s =? 0) && (n =? available (avail s)) ;;
      Some (with_avail (avail s - n) (with_account t (held a + n) (pending a) s))
  | Enqueue r =>
      check is_valid r ;;
      Some (Sem (avail s) (bound s) (is_closed s) (fifo s ++ [length (customers s)])
              (customers s ++ [Customer r Waiting]) (accounts s))
  | Grant i n =>
      match fifo s with
      | j :: l =>
          check Nat.eqb i j && negb (is_closed s) ;;
          read c <- nth_error (customers s) i ;;
          check match wants c with Range mn _ => mn <=? avail s | All => in_use s =? 0 end ;;
          check n =? share (wants c) (avail s) ;;
          Some (with_avail (avail s - n) (with_customer i (wants c) (Owns n) (with_fifo l s)))
      | [] => None
      end
  | Refuse i =>
      match fifo s with
      | j :: l =>
          check Nat.eqb i j && is_closed s ;;
          read c <- nth_error (customers s) i ;;
          Some (with_customer i (wants c) Refused (with_fifo l s))
      | [] => None
      end
  | CancelRequest i n =>
      read c <- nth_error (customers s) i ;;
      match has c with
      | Waiting => check n =? 0 ;; Some (with_customer i (wants c) Gone (with_fifo (without i (fifo s)) s))
      | Owns m => check n =? m ;; Some (with_avail (avail s + n) (with_customer i (wants c) Gone s))
      | _ => None
      end
  | Receive t i n =>
      read a <- nth_error (accounts s) t ;;
      read c <- nth_error (customers s) i ;;
      match has c with
      | Owns m => check n =? m ;; Some (with_customer i (wants c) Gone (with_account t (held a + n) (pending a) s))
      | _ => None
      end
  | ReceiveRefusal i =>
      read c <- nth_error (customers s) i ;;
      match has c with Refused => Some (with_customer i (wants c) Gone s) | _ => None end
  | Return t n =>
      read a <- nth_error (accounts s) t ;;
      check (0 <=? n) && (n <=? held a) ;;
      Some (with_avail (avail s + n) (with_account t (held a - n) (pending a) s))
  | CloseIt => Some (Sem (avail s) (bound s) true (fifo s) (customers s) (accounts s))
  | Withdraw t n =>
      read a <- nth_error (accounts s) t ;;
      check 0 <=? n ;;
      Some (with_avail (avail s - n) (with_account t (held a) (pending a + n) s))
  | ChangeLimit t c =>
      read a <- nth_error (accounts s) t ;;
      check 0 <=? pending a + c ;;
      Some (with_bound (bound s + c) (with_account t (held a) (pending a + c) s))
  | Deposit t n =>
      read a <- nth_error (accounts s) t ;;
      check (1 <=? n) && (n <=? pending a) ;;
      Some (with_avail (avail s + n) (with_account t (held a) (pending a - n) s))
  | ForgetPermits t n =>
      read a <- nth_error (accounts s) t ;;
      check (0 <=? n) && (n <=? held a) ;;
      Some (with_bound (bound s - n) (with_account t (held a - n) (pending a) s))
  end.

Fixpoint does (s : sem) (os : list op) : option sem :=
  match os with [] => Some s | o :: os => read s' <- do s o ;; does s' os end.

Definition fresh (callers : nat) (n : Z) : sem := Sem n n false [] [] (repeat (Account 0 0) callers).

(** * What holds after every sequence of operations *)

Definition account_ok (a : account) := 0 <= held a /\ 0 <= pending a.
Definition customer_ok (c : customer) := 0 <= owned c /\ is_valid (wants c) = true.

Record sem_ok (s : sem) : Prop := {
  ok_sum : avail s + in_use s + total pending (accounts s) = bound s;
  ok_accounts : Forall account_ok (accounts s);
  ok_customers : Forall customer_ok (customers s);
  ok_increasing : increasing (fifo s);
  ok_waiting : forall i, In i (fifo s) <-> exists r, nth_error (customers s) i = Some (Customer r Waiting)
}.

Lemma do_all {P : sem -> Prop} : (forall s o s', P s -> do s o = Some s' -> P s') ->
  forall os s s', P s -> does s os = Some s' -> P s'.
Proof.
  intros H os. induction os as [|o os IH]; simpl; intros s s' HP D.
  - now injection D as <-.
  - destruct (do s o) eqn:E; [|discriminate]. eauto.
Qed.

Lemma does_app os1 os2 s : does s (os1 ++ os2) = read s' <- does s os1 ;; does s' os2.
Proof. revert s. induction os1; simpl; intros s; auto. destruct (do s a); auto. Qed.

(** Takes a step apart into its tests. *)
Ltac booleans :=
  repeat match goal with
  | H : _ && _ = true |- _ => apply andb_prop in H as [? ?]
  | H : _ || _ = false |- _ => apply orb_false_elim in H as [? ?]
  | H : negb _ = true |- _ => apply negb_true_iff in H
  | H : negb _ = false |- _ => apply negb_false_iff in H
  | H : (_ <=? _) = true |- _ => apply Z.leb_le in H
  | H : (_ <=? _) = false |- _ => apply Z.leb_gt in H
  | H : (_ <? _) = true |- _ => apply Z.ltb_lt in H
  | H : (_ <? _) = false |- _ => apply Z.ltb_ge in H
  | H : (_ =? _) = true |- _ => apply Z.eqb_eq in H
  | H : Nat.eqb _ _ = true |- _ => apply Nat.eqb_eq in H
  | H : is_nil ?l = true |- _ => destruct l eqn:?; [clear H | discriminate H]
  end.

Ltac apart H :=
  repeat match type of H with
  | match ?x with _ => _ end = Some _ => destruct x eqn:?; try discriminate H
  end;
  try (injection H as <-); booleans; subst.


Lemma waiting_gone cs l l' i c p :
  (forall j, In j l <-> exists r, nth_error cs j = Some (Customer r Waiting)) ->
  nth_error cs i = Some c -> p <> Waiting -> (forall j, In j l' <-> In j l /\ j <> i) ->
  forall j, In j l' <-> exists r, nth_error (put cs i (Customer (wants c) p)) j = Some (Customer r Waiting).
Proof.
  intros W E P L j. rewrite (nth_put _ _ _ _ _ E), L. destruct (Nat.eqb_spec j i) as [->|N].
  - split; [tauto|]. intros [r R]. injection R as _ R. contradiction.
  - rewrite W. tauto.
Qed.

Lemma waiting_other cs l i c p :
  (forall j, In j l <-> exists r, nth_error cs j = Some (Customer r Waiting)) ->
  nth_error cs i = Some c -> has c <> Waiting -> p <> Waiting ->
  forall j, In j l <-> exists r, nth_error (put cs i (Customer (wants c) p)) j = Some (Customer r Waiting).
Proof.
  intros W E C P. apply (waiting_gone _ _ _ _ _ _ W E P). intros j. split; [|tauto].
  intros I. split; auto. intros ->. apply W in I as [r R]. rewrite R in E. injection E as <-. now apply C.
Qed.

Lemma grant_waiting cs n l c p :
  increasing (n :: l) ->
  (forall j, In j (n :: l) <-> exists r, nth_error cs j = Some (Customer r Waiting)) ->
  nth_error cs n = Some c -> p <> Waiting ->
  forall j, In j l <-> exists r, nth_error (put cs n (Customer (wants c) p)) j = Some (Customer r Waiting).
Proof.
  intros I W E P. apply (waiting_gone _ _ _ _ _ _ W E P). intros j. pose proof (increasing_notin _ _ I).
  simpl. split; [|intuition congruence]. intros J. split; auto. intros ->. contradiction.
Qed.

Ltac sums :=
  unfold in_use, with_customer, with_account, with_avail, with_bound, with_fifo in *; simpl in *;
  repeat match goal with
  | |- context [total ?f (put ?l ?i ?a)] =>
      match goal with E : nth_error l i = Some ?b |- _ => rewrite (total_put f l i a b E) end
  end;
  unfold owned in *; simpl in *;
  repeat match goal with
  | E : has ?c = _ |- context [has ?c] => rewrite E
  end.

Lemma do_ok s o s' : sem_ok s -> do s o = Some s' -> sem_ok s'.
Proof.
  intros [S A C I W] D.
  assert (G : forall t a, nth_error (accounts s) t = Some a -> account_ok a) by (intros; eapply Forall_nth; eauto).
  assert (K : forall i c, nth_error (customers s) i = Some c -> customer_ok c) by (intros; eapply Forall_nth; eauto).
  destruct o; simpl in D; apart D;
    repeat match goal with
    | E : nth_error (accounts s) _ = Some _ |- _ => pose proof (G _ _ E) as []; revert E
    | E : nth_error (customers s) _ = Some _ |- _ => pose proof (K _ _ E) as []; revert E
    end; intros;
    try match goal with
    | F : fifo s = ?i :: _, E : nth_error (customers s) ?i = Some ?c |- _ =>
        assert (has c = Waiting) by (destruct (proj1 (W i) (or_introl eq_refl)) as [r R]; rewrite R in E;
          now injection E as <-)
    end;
    constructor; try (sums; lia); try assumption;
    try (sums; apply Forall_put; auto; split; unfold available; simpl; lia);
    try (sums; apply Forall_put; auto; split; unfold owned; simpl; auto; lia);
    try (sums; eapply waiting_other; eauto; congruence).
  all: try (sums; apply Forall_put; auto; split; auto; unfold owned, share, available, is_valid in *; simpl in *;
            destruct (wants _); booleans; lia).
  all: try (sums; rewrite ?Heql in *; now inversion I).
  - unfold in_use. simpl. rewrite total_app. unfold total at 3. unfold owned at 2. simpl. unfold in_use in S. lia.
  - simpl. apply Forall_app. split; auto. repeat constructor; auto. unfold owned. simpl. lia.
  - simpl. apply increasing_last; auto. apply Forall_forall. intros i H. apply W in H as [q H].
    apply nth_error_Some. congruence.
  - simpl. intros i. rewrite in_app_iff, W. simpl. split.
    + intros [[q H]|[<-|[]]].
      * exists q. rewrite nth_error_app1; auto. apply nth_error_Some. congruence.
      * exists r. rewrite nth_error_app2, Nat.sub_diag; auto.
    + intros [q H]. destruct (Nat.lt_ge_cases i (length (customers s))) as [L|L].
      * rewrite nth_error_app1 in H; eauto.
      * right. left. rewrite nth_error_app2 in H; auto. destruct (i - length (customers s))%nat eqn:Q; [lia|].
        simpl in H. now destruct n.
  - apply grant_waiting with (c := c) (n := n0); auto; discriminate.
  - apply grant_waiting with (c := c) (n := n); auto; discriminate.
  - sums. now apply increasing_without.
  - sums. eapply waiting_gone; eauto; [discriminate|]. intros j. apply in_without.
  - sums. apply Forall_put; auto. unfold owned in *. match goal with E : has _ = _ |- _ => rewrite E in * end.
    split; simpl; lia.
Qed.

Lemma fresh_ok callers n : 0 <= n -> sem_ok (fresh callers n).
Proof.
  intros H. assert (Z0 : forall f, f (Account 0 0) = 0 -> total f (repeat (Account 0 0) callers) = 0).
  { intros f F. induction callers; unfold total in *; simpl; lia. }
  constructor; simpl; auto.
  - unfold in_use. simpl. rewrite !Z0; auto. unfold total. simpl. lia.
  - apply Forall_forall. intros a I. apply repeat_spec in I as ->. split; simpl; lia.
  - constructor.
  - intros i. split; [tauto|]. intros [r R]. now destruct i.
Qed.

(** States after any operations of any number of callers, from a semaphore with any number of permits. *)
Definition possible (s : sem) : Prop := exists callers n os, 0 <= n /\ does (fresh callers n) os = Some s.

Lemma possible_ok s : possible s -> sem_ok s.
Proof.
  intros (callers & n & os & N & D).
  exact (do_all do_ok _ _ _ (fresh_ok callers n N) D).
Qed.
