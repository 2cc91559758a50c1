(** The protocol behaves like the specification: a forward simulation, for any number of threads. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
From Fairgate Require Import Base Protocol Spec.
Import ListNotations.
Open Scope Z_scope.

(** * The state of the specification that a state of the protocol stands for *)

Definition abs_status (x : status) : progress :=
  match x with
  | Queued => Waiting
  | Won n | Granted n | Dropping n => Owns n
  | Lost | Failed => Refused
  | Done => Gone
  end.

Definition abs_waiter (x : waiter) : customer := Customer (req x) (abs_status (st x)).
Definition abs_thread (x : thread) : account := Account (hold x) (slack x).
Definition claimed (s : state) : list claim := match holding s with Some h => claims h | None => [] end.

Definition abs (s : state) : sem :=
  Sem (permits (wd s)) (limit s) (closed (wd s)) (map fst (claimed s) ++ queue s)
    (map abs_waiter (waiters s)) (map abs_thread (threads s)).

(** The operations of the specification that happen in a step. *)
Definition change_ops (s : state) (t : nat) (c : change) : list op :=
  match c with
  | Release n => [Return t n]
  | Drop i =>
      match nth_error (waiters s) i with
      | Some y => match st y with Dropping n => [CancelRequest i n] | _ => [] end
      | None => []
      end
  | Add n => [Deposit t n]
  | Recheck => []
  | Close => [CloseIt]
  end.

Definition ops (s : state) (t : nat) (e : event) : list op :=
  match e with
  | Acquire mn mx n => [TakeNow t mn mx n]
  | Push r => [Enqueue r]
  | Remove i => [CancelRequest i 0]
  | TakeAll =>
      match holding s with
      | Some h => match doing h with ToTakeAll (Some n) => [TakeAllNow t n] | _ => [] end
      | None => []
      end
  | Update c | FetchAdd c => change_ops s t c
  | Lower n _ => [Withdraw t n]
  | Limit c => [ChangeLimit t c]
  | ForgetHeld n => [ForgetPermits t n]
  | Unlock _ => map (fun c => if closed (wd s) then Refuse (fst c) else Grant (fst c) (snd c)) (claimed s)
  | Take i =>
      match nth_error (waiters s) i with
      | Some y => match st y with Granted n => [Receive t i n] | _ => [] end
      | None => []
      end
  | TakeFailure i => [ReceiveRefusal i]
  | _ => []
  end.

(** * The invariant *)

(** What each claim gets if the word holds [p] permits besides the claims before it, which take [b]. [same]: the word has
    not changed since the claims were made; [u]: the permits in use. *)
Fixpoint claims_ok (ws : list waiter) (cl : bool) (same : Prop) (u p b : Z) (cs : list claim) : Prop :=
  match cs with
  | [] => True
  | (i, n) :: cs =>
      (exists x, nth_error ws i = Some x /\ st x = Queued /\
        (cl = true \/ n = share (req x) p /\
          match req x with Range mn _ => mn <= p | All => same -> b = 0 /\ u = 0 end))
      /\ claims_ok ws cl same u (p - n) (b + n) cs
  end.

Record holder_ok (s : state) (h : holder) : Prop := {
  h_seen : queued (seen h) = true /\ locked (seen h) = true /\ recheck (seen h) = false;
  h_grows : (closed (seen h) = true -> closed (wd s) = true)
    /\ (recheck (wd s) = true \/ permits (seen h) <= permits (wd s));
  h_claims : claims_ok (waiters s) (closed (seen h)) (wd s = seen h) (in_use (abs s)) (permits (seen h)) 0 (claims h);
  h_edit : match doing h with
    | NoEdit => True
    | ToPush _ | ToRemove => claims h = []
    | ToTakeAll o => claims h = [] /\ queue s = [] /\
        match o with
        | None => True
        | Some n => n = available (permits (seen h)) /\ closed (seen h) = false
            /\ (wd s = seen h -> in_use (abs s) = 0)
        end
    end
}.

Definition lock_ok (s : state) : Prop :=
  match holding s with
  | None => locked (wd s) = false /\ recheck (wd s) = false /\ queued (wd s) = negb (is_nil (queue s))  (* F2 *)
  | Some h => locked (wd s) = true /\ queued (wd s) = true /\ holder_ok s h
  end.

Definition busy (x : thread) : bool := (0 <? slack x) || owes x || negb (Nat.eqb (looks x) 0).

Definition F3_ok (s : state) : Prop :=
  holding s = None -> front_share s (wd s) 0 <> None ->
  exists t x, nth_error (threads s) t = Some x /\ busy x = true.

Record inv (s : state) : Prop := { i_sem : sem_ok (abs s); i_lock : lock_ok s; i_F3 : F3_ok s }.

(** * The simulation *)

Lemma same_word_eq v w : same_word v w = true <-> v = w.
Proof.
  unfold same_word. split.
  - intros H. booleans. destruct v, w; simpl in *.
    repeat match goal with H : eqb _ _ = true |- _ => apply eqb_prop in H end. congruence.
  - intros ->. destruct w. simpl. rewrite Z.eqb_refl, !eqb_reflx. reflexivity.
Qed.


Lemma claims_ok_put ws cl same u p b cs i x y :
  nth_error ws i = Some x -> st x <> Queued ->
  claims_ok ws cl same u p b cs -> claims_ok (put ws i y) cl same u p b cs.
Proof.
  intros E Q. revert p b. induction cs as [|[j n] cs IH]; simpl; auto. intros p b [(z & Z1 & Z2 & Z3) C]. split; auto.
  exists z. split; auto. rewrite (nth_put _ _ _ _ _ E). destruct (Nat.eqb_spec j i); auto. congruence.
Qed.

Lemma claims_ok_put_notin ws cl same u p b cs i y :
  ~ In i (map fst cs) -> claims_ok ws cl same u p b cs ->
  nth_error ws i <> None -> claims_ok (put ws i y) cl same u p b cs.
Proof.
  intros N C E. revert p b N C. induction cs as [|[j n] cs IH]; simpl; auto. intros p b N [(z & Z1 & Z2 & Z3) C].
  split; [|apply IH; tauto]. exists z. split; auto. destruct (nth_error ws i) eqn:Q; [|tauto].
  rewrite (nth_put _ _ _ _ _ Q). destruct (Nat.eqb_spec j i); auto. subst. tauto.
Qed.

Lemma claims_ok_weaken ws cl (same same' : Prop) u u' p b cs :
  (same' -> same) -> (same' -> u = 0 -> u' = 0) -> claims_ok ws cl same u p b cs -> claims_ok ws cl same' u' p b cs.
Proof.
  intros S U. revert p b. induction cs as [|[j n] cs IH]; simpl; auto. intros p b [(z & Z1 & Z2 & Z3) C]. split; auto.
  exists z. repeat split; auto. destruct Z3 as [?|[Z3 Z4]]; auto. right. split; auto. destruct (req z); auto.
  intros Q. destruct (Z4 (S Q)). auto.
Qed.

Lemma claims_ok_closed ws same u p b p' b' cs :
  claims_ok ws true same u p b cs -> claims_ok ws true same u p' b' cs.
Proof.
  revert p b p' b'. induction cs as [|[j m] cs IH]; simpl; auto. intros p b p' b' [(y & Y1 & Y2 & Y3) C].
  split; eauto 6.
Qed.

(** The claims become grants one after the other. *)
Lemma grants cl lim q accs u : forall cs ws p b,
  claims_ok ws cl True u p b cs -> u + b = total held accs + total owned (map abs_waiter ws) \/ cl = true ->
  increasing (map fst cs ++ q) ->
  does (Sem p lim cl (map fst cs ++ q) (map abs_waiter ws) accs)
    (map (fun c => if cl then Refuse (fst c) else Grant (fst c) (snd c)) cs)
  = Some (Sem (p - if cl then 0 else csum cs) lim cl q (map abs_waiter (settle cl cs ws)) accs).
Proof.
  induction cs as [|[i n] cs IH]; simpl; intros ws p b C U I.
  - destruct cl; unfold csum, total; simpl; rewrite Z.sub_0_r; auto.
  - destruct C as [(x & X1 & X2 & X3) C].
    pose proof (increasing_notin _ _ I) as N. rewrite in_app_iff in N.
    assert (I' : increasing (map fst cs ++ q)) by now inversion I.
    assert (A : nth_error (map abs_waiter ws) i = Some (abs_waiter x)) by now apply map_nth_error.
    destruct cl; simpl; rewrite Nat.eqb_refl; simpl; rewrite X1, A; simpl; unfold with_customer, with_fifo, with_avail; simpl.
    + assert (C' : claims_ok (put ws i (Waiter (req x) Lost)) true True u p (b + n) cs).
      { apply claims_ok_put_notin; [tauto|exact (claims_ok_closed _ _ _ _ _ _ _ _ C)|congruence]. }
      specialize (IH _ _ _ C' (or_intror eq_refl) I').
      rewrite map_put in IH. change (abs_waiter (Waiter (req x) Lost)) with (Customer (req x) Refused) in IH.
      rewrite IH. reflexivity.
    + destruct X3 as [?|[X3 X4]]; [discriminate|]. destruct U as [U|?]; [|discriminate].
      subst n.
      assert (K : (match req x with Range mn _ => mn <=? p
        | All => in_use (Sem p lim false (i :: map fst cs ++ q) (map abs_waiter ws) accs) =? 0 end) = true).
      { destruct (req x); [now apply Z.leb_le|]. destruct (X4 Logic.I). unfold in_use. simpl. apply Z.eqb_eq. lia. }
      rewrite K, Z.eqb_refl.
      assert (C' := claims_ok_put_notin _ _ _ _ _ _ _ i (Waiter (req x) (Won (share (req x) p)))
        (fun H => N (or_introl H)) C ltac:(congruence)).
      specialize (fun U' => IH _ _ _ C' U' I').
      rewrite map_put in IH. change (abs_waiter (Waiter (req x) (Won (share (req x) p))))
        with (Customer (req x) (Owns (share (req x) p))) in IH. rewrite IH.
      * f_equal. f_equal. unfold csum, total. simpl. lia.
      * left. change (abs_waiter (Waiter (req x) (Won (share (req x) p)))) with (Customer (req x) (Owns (share (req x) p))).
        rewrite (total_put _ _ _ _ _ A). unfold abs_waiter at 2. unfold owned at 2 3. simpl. rewrite X2. simpl. lia.
Qed.

Lemma share_nonneg r p : is_valid r = true -> 0 <= share r p.
Proof. destruct r; simpl; unfold available; intros; booleans; lia. Qed.

Ltac step_apart E :=
  unfold exec, idle, my_lock, holds in E; apart E;
  repeat match goal with
  | H : match ?x with _ => _ end = Some _ |- _ => destruct x eqn:?; try discriminate H
  | H : Some _ = Some _ |- _ => injection H as H; subst
  end; booleans; subst;
  repeat match goal with H : same_word _ _ = true |- _ => apply same_word_eq in H end.

(** The word and the lock agree. *)
Lemma unlocked s : lock_ok s -> locked (wd s) = false ->
  holding s = None /\ recheck (wd s) = false /\ queued (wd s) = negb (is_nil (queue s)).
Proof. unfold lock_ok. destruct (holding s); intuition congruence. Qed.

Lemma nth_threads s t x : nth_error (threads s) t = Some x ->
  nth_error (map abs_thread (threads s)) t = Some (abs_thread x).
Proof. apply map_nth_error. Qed.

Lemma nth_waiters s i x : nth_error (waiters s) i = Some x ->
  nth_error (map abs_waiter (waiters s)) i = Some (abs_waiter x).
Proof. apply map_nth_error. Qed.

Lemma keep_waiter ws i y y' : nth_error ws i = Some y -> abs_waiter y' = abs_waiter y ->
  map abs_waiter (put ws i y') = map abs_waiter ws.
Proof. intros E H. rewrite map_put, H. apply put_same. now apply map_nth_error. Qed.

Lemma keep_thread xs t x x' : nth_error xs t = Some x -> abs_thread x' = abs_thread x ->
  map abs_thread (put xs t x') = map abs_thread xs.
Proof. intros E H. rewrite map_put, H. apply put_same. now apply map_nth_error. Qed.

(** Goals of the form [Some (Sem ..) = Some (Sem ..)]. *)
Ltac sem_eq :=
  unfold with_avail, with_account, with_customer, with_bound, with_fifo; simpl;
  repeat match goal with |- Some _ = Some _ => f_equal end;
  repeat match goal with |- Sem _ _ _ _ _ _ = Sem _ _ _ _ _ _ => f_equal end;
  rewrite ?map_put, ?map_app, ?map_length; simpl; try reflexivity; try lia;
  try unfold abs_thread at 1; try unfold abs_waiter at 1; simpl;
  try reflexivity; try (f_equal; f_equal; lia);
  try (symmetry; apply put_same; erewrite map_nth_error by eassumption; reflexivity).

Ltac look_up :=
  repeat match goal with
  | H : nth_error (threads ?s) ?t = Some _ |- context [nth_error (map abs_thread (threads ?s)) ?t] =>
      rewrite (nth_threads _ _ _ H); simpl
  | H : nth_error (waiters ?s) ?i = Some _ |- context [nth_error (map abs_waiter (waiters ?s)) ?i] =>
      rewrite (nth_waiters _ _ _ H); simpl
  | H : nth_error ?l ?i = Some _ |- context [nth_error ?l ?i] => rewrite H; simpl
  | H : st _ = _ |- context [st _] => rewrite H; simpl
  end;
  repeat match goal with
  | |- context [?a <=? ?b] => replace (a <=? b) with true by (symmetry; apply Z.leb_le; lia); simpl
  | |- context [?a =? ?b] => replace (a =? b) with true by (symmetry; apply Z.eqb_eq; lia); simpl
  end.

Lemma apply_simulates s t x c s' : apply c t x s = Some s' -> nth_error (threads s) t = Some x ->
  does (abs s) (change_ops s t c) = Some (abs s') /\ holding s' = holding s /\ queue s' = queue s.
Proof.
  intros E T. destruct c; simpl in E; apart E; unfold abs, claimed; simpl; look_up; rewrite ?Z.eqb_refl;
    (split; [|auto]); sem_eq.
Qed.

Lemma abs_take_lock s t w e : holding s = None -> permits w = permits (wd s) -> closed w = closed (wd s) ->
  abs (take_lock t w e s) = abs s.
Proof. intros H P C. unfold abs, take_lock, claimed. simpl. rewrite H, P, C. reflexivity. Qed.

Lemma front_share_spec s w c i n : front_share s w c = Some (i, n) ->
  exists x l, queue s = i :: l /\ nth_error (waiters s) i = Some x /\
    (closed w = true \/ closed w = false /\ fits (req x) (permits w - c) (limit s) = true /\ n = share (req x) (permits w - c)).
Proof.
  unfold front_share. destruct (queue s) as [|j l] eqn:Q; [discriminate|].
  destruct (nth_error (waiters s) j) as [x|] eqn:X; [|discriminate]. intros E.
  destruct (closed w) eqn:C.
  - injection E as <- <-. eauto 7.
  - destruct (fits _ _ _) eqn:F; [|discriminate]. injection E as <- <-. exists x, l. repeat split; auto.
Qed.

(** Requests in the queue wait. *)
Lemma queue_waits s i : sem_ok (abs s) -> In i (map fst (claimed s) ++ queue s) ->
  exists x, nth_error (waiters s) i = Some x /\ st x = Queued.
Proof.
  intros S I. apply (ok_waiting _ S) in I as [r R]. simpl in R.
  destruct (nth_error (waiters s) i) as [x|] eqn:X.
  - rewrite (nth_waiters _ _ _ X) in R. injection R as _ R. exists x. split; auto. destruct (st x); simpl in R; congruence.
  - apply nth_error_None in X. rewrite <- (map_length abs_waiter) in X. apply nth_error_None in X. congruence.
Qed.

Lemma locked_by s h : lock_ok s -> holding s = Some h ->
  locked (wd s) = true /\ queued (wd s) = true /\ holder_ok s h.
Proof. unfold lock_ok. intros L H. now rewrite H in L. Qed.

Ltac use_holding := repeat match goal with H : holding ?s = _ |- context [holding ?s] => rewrite H end.
Ltac use_holding_everywhere := match goal with H : holding ?s = Some _ |- _ => rewrite H in * end.

Ltac lock_facts :=
  match goal with
  | L : lock_ok ?s, H : holding ?s = Some ?h |- _ =>
      destruct (locked_by s h L H) as (LL & LQ & [(LS1 & LS2 & LS3) LG LC LE])
  end.

Lemma simulates s t e s' : inv s -> exec s t e = Some s' -> does (abs s) (ops s t e) = Some (abs s').
Proof.
  intros [S L F] E.
  destruct e; step_apart E.
  { (* Acquire *)
    destruct (unlocked s L) as (HH & _ & Q).
    { unfold lock_ok in L. destruct (holding s); intuition congruence. }
    replace (queued (wd s)) with false in Q by congruence. symmetry in Q. apply negb_false_iff in Q.
    destruct (queue s) eqn:QQ; [|discriminate].
    unfold abs, claimed. simpl. rewrite HH, QQ. simpl. look_up.
    match goal with C : closed (wd s) = false |- _ => rewrite C end. simpl. sem_eq. }
  all: try match goal with
    | L : lock_ok ?s, H : locked (wd ?s) = false |- _ =>
        destruct (unlocked s L H) as (HH & _ & _); simpl; rewrite abs_take_lock; now auto
    end.
  all: try solve [unfold abs, claimed; simpl;
    repeat match goal with H : holding ?s = _ |- context [holding ?s] => rewrite H; simpl end;
    look_up; rewrite ?Z.eqb_refl; sem_eq].
  - (* Push *)
    unfold abs, claimed. simpl. use_holding. simpl. rewrite Heqb. sem_eq. now rewrite app_assoc.
  - (* Remove *)
    lock_facts. rewrite Heqe in LE.
    destruct (queue_waits s i S) as (y & Y1 & Y2).
    { apply in_app_iff. right. rewrite existsb_exists in Heqb. destruct Heqb as (j & J1 & J2). booleans. now subst. }
    assert (y = w) by congruence. subst y.
    unfold abs, claimed. simpl. use_holding. simpl. look_up. rewrite LE. simpl. sem_eq.
  - (* TakeAll *)
    lock_facts. rewrite Heqe in LE. destruct LE as (E1 & E2 & -> & E4 & E5).
    match goal with W : wd s = seen h |- _ => specialize (E5 W); rewrite <- W in *; clear W end.
    simpl. use_holding; rewrite Heqe. unfold abs, claimed in *. simpl. use_holding; rewrite E1, E2, E4 in *. simpl.
    look_up. unfold in_use in *. simpl in *. rewrite E5, Z.eqb_refl. simpl. sem_eq.
  - (* Update *)
    match goal with A : apply c t _ s = Some _ |- _ => destruct (apply_simulates _ _ _ _ _ A) as (B & B1 & B2); auto end.
    simpl. rewrite B. f_equal. destruct (must_serve (wd s)) eqn:M; auto.
    rewrite abs_take_lock; auto. rewrite B1. apply (unlocked s L). unfold must_serve in M. booleans. auto.
  - (* FetchAdd *)
    match goal with A : apply c t _ s = Some _ |- _ => destruct (apply_simulates _ _ _ _ _ A) as (B & B1 & B2); auto end.
    simpl. rewrite B. f_equal. destruct (queued (wd s)); auto.
    unfold abs, claimed. simpl. sem_eq.
  - (* Claim *)
    destruct p as [j m].
    match goal with P : front_share _ _ _ = Some _ |- _ => apply front_share_spec in P as (x & l & Q & _) end.
    destruct (claims h) eqn:CH; [|discriminate].
    unfold abs, claimed. simpl. use_holding; rewrite ?CH, Q. simpl. sem_eq.
  - (* UnlockFails *)
    lock_facts. rewrite Heqe in LE. destruct LE as (E1 & E2 & _).
    unfold abs, claimed. simpl. use_holding; rewrite E1. reflexivity.
  - (* Unlock *)
    lock_facts. pose proof (ok_increasing _ S) as I.
    assert (W : wd s = seen h) by assumption. rewrite <- W in *.
    simpl. unfold abs in *. simpl in I. unfold claimed in *. use_holding_everywhere. simpl.
    rewrite (grants _ _ _ _ (in_use (abs s)) _ _ _ 0).
    + sem_eq.
    + apply (claims_ok_weaken _ _ (wd s = wd s) True _ (in_use (abs s))) in LC; auto.
    + left. unfold in_use. simpl. lia.
    + assumption.
  - (* Publish *)
    unfold abs, claimed. simpl. erewrite keep_waiter, keep_thread; eauto. unfold abs_waiter. simpl. now rewrite Heqs0.
  - unfold abs, claimed. simpl. erewrite keep_waiter, keep_thread; eauto. unfold abs_waiter. simpl. now rewrite Heqs0.
  - (* Look *)
    simpl. f_equal. destruct (must_serve (wd s)) eqn:M.
    + rewrite abs_take_lock; auto; [unfold abs, claimed; simpl; erewrite keep_thread; eauto|].
      apply (unlocked s L). unfold must_serve in M. booleans. auto.
    + unfold abs, claimed. simpl. erewrite keep_thread; eauto.
  - (* Cancel *)
    unfold abs, claimed. simpl. erewrite keep_waiter; eauto. unfold abs_waiter. simpl. now rewrite Heqs0.
Qed.
