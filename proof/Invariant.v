(** The invariant of the protocol holds after every step. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
From Fairgate Require Import Base Protocol Spec Refine.
Import ListNotations.
Open Scope Z_scope.

Lemma does_ok s os s' : sem_ok s -> does s os = Some s' -> sem_ok s'.
Proof. intros. eapply do_all; eauto. apply do_ok. Qed.

Lemma held_put xs t x x' : nth_error xs t = Some x ->
  total held (map abs_thread (put xs t x')) = total held (map abs_thread xs) - hold x + hold x'.
Proof. intros E. rewrite map_put, (total_put _ _ _ _ (abs_thread x)); auto. now apply map_nth_error. Qed.

Lemma owned_put ws i y y' : nth_error ws i = Some y ->
  total owned (map abs_waiter (put ws i y'))
  = total owned (map abs_waiter ws) - owned (abs_waiter y) + owned (abs_waiter y').
Proof. intros E. rewrite map_put, (total_put _ _ _ _ (abs_waiter y)); auto. now apply map_nth_error. Qed.

Lemma hold_le s t x : sem_ok (abs s) -> nth_error (threads s) t = Some x -> 0 <= hold x <= in_use (abs s).
Proof.
  intros [S A C I W] E. apply nth_threads in E.
  assert (0 <= hold x) by (apply (Forall_nth _ _ _ _ A) in E as []; assumption).
  assert (hold x <= total held (accounts (abs s))).
  { refine (total_ge held _ t (abs_thread x) _ E). eapply Forall_impl; [|exact A]. intros a []. assumption. }
  assert (0 <= total owned (customers (abs s))).
  { apply total_nonneg. eapply Forall_impl; [|exact C]. intros c []. assumption. }
  unfold in_use. lia.
Qed.

Definition grows (v w : word) : Prop :=
  (closed v = true -> closed w = true) /\ (recheck w = true \/ recheck w = recheck v /\ permits v <= permits w).

(** What other threads do while a thread holds the lock. *)
Lemma holder_frame s s' h : holder_ok s h ->
  queued (wd s) = true -> locked (wd s) = true -> queue s' = queue s -> grows (wd s) (wd s') ->
  (wd s' = wd s -> in_use (abs s) = 0 -> in_use (abs s') = 0) ->
  (forall cl same u p b cs, claims_ok (waiters s) cl same u p b cs -> claims_ok (waiters s') cl same u p b cs) ->
  holder_ok s' h.
Proof.
  intros [(S1 & S2 & S3) G C E] Q L QQ GR U W.
  assert (X : wd s' = seen h -> wd s = seen h).
  { intros H. rewrite H in GR. destruct GR as [CL [?|(R & P)]]; [congruence|].
    destruct G as [CL' [?|P']]; [congruence|].
    destruct (wd s) as [p q l r c], (seen h) as [p' q' l' r' c']. simpl in *.
    destruct c, c'; simpl in *; intuition; f_equal; try congruence; lia. }
  assert (Y : wd s' = seen h -> in_use (abs s) = 0 -> in_use (abs s') = 0).
  { intros H. apply U. rewrite H. symmetry. now apply X. }
  constructor; auto.
  - destruct GR as [CL GR], G as [CL' G]. split; auto. destruct GR as [?|(R & P)]; auto. rewrite R.
    destruct G as [?|P']; auto. right. lia.
  - apply W. revert C. apply claims_ok_weaken; auto.
  - destruct (doing h); auto. destruct E as (E1 & E2 & E3). rewrite QQ. repeat split; auto.
    destruct n; auto. destruct E3 as (E3 & E4 & E5). repeat split; auto.
Qed.

Lemma grows_refl w : grows w w.
Proof. split; auto. right. intuition lia. Qed.

Lemma taken_ok s t w e : permits w = permits w -> recheck w = false ->
  match e with NoEdit | ToPush _ | ToRemove => True | ToTakeAll o => queue s = [] /\ o = None end ->
  lock_ok (take_lock t w e s).
Proof.
  intros _ R E. unfold lock_ok, take_lock. simpl. repeat split; auto; simpl; auto.
  - right. lia.
  - destruct e; auto. destruct E as [E ->]. auto.
Qed.

Lemma front_share_mono s s' w w' c c' : queue s' = queue s ->
  (forall i, option_map req (nth_error (waiters s') i) = option_map req (nth_error (waiters s) i)) ->
  (closed w' = true -> closed w = true) -> (closed w = false -> permits w' - c' <= permits w - c) ->
  limit s <= limit s' ->
  front_share s' w' c' <> None -> front_share s w c <> None.
Proof.
  intros Q R C P L. unfold front_share. rewrite Q. destruct (queue s) as [|i l]; auto. specialize (R i).
  destruct (nth_error (waiters s') i) as [x'|]; destruct (nth_error (waiters s) i) as [x|]; simpl in R; try discriminate; auto.
  injection R as R. rewrite R. destruct (closed w); [intros; discriminate|]. specialize (P eq_refl).
  destruct (closed w'); [specialize (C eq_refl); discriminate|].
  destruct (fits (req x) (permits w' - c') (limit s')) eqn:F; [|congruence]. intros _.
  replace (fits (req x) (permits w - c) (limit s)) with true; [discriminate|].
  symmetry. destruct (req x); simpl in *; booleans; apply Z.leb_le; lia.
Qed.

Lemma reqs_put ws i y q : nth_error ws i = Some y ->
  forall j, option_map req (nth_error (put ws i (Waiter (req y) q)) j) = option_map req (nth_error ws j).
Proof.
  intros E j. rewrite (nth_put _ _ _ _ _ E). destruct (Nat.eqb_spec j i); auto. subst. now rewrite E.
Qed.

Lemma reqs_settle cl cs : forall ws j,
  option_map req (nth_error (settle cl cs ws) j) = option_map req (nth_error ws j).
Proof.
  induction cs as [|[i n] cs IH]; simpl; auto. intros ws j. rewrite IH. destruct (nth_error ws i) eqn:E; auto.
  now apply reqs_put.
Qed.

Definition someone_busy (xs : list thread) := exists t x, nth_error xs t = Some x /\ busy x = true.

Lemma busy_put xs t x x' : nth_error xs t = Some x -> (busy x = true -> busy x' = true) ->
  someone_busy xs -> someone_busy (put xs t x').
Proof.
  intros E B (u & y & U & Y). destruct (Nat.eq_dec u t) as [->|N].
  - exists t, x'. rewrite (nth_put _ _ _ _ _ E), Nat.eqb_refl. split; auto. apply B. congruence.
  - exists u, y. rewrite (nth_put _ _ _ _ _ E). destruct (Nat.eqb_spec u t); [contradiction|]. auto.
Qed.

Lemma busy_now xs t x x' : nth_error xs t = Some x -> busy x' = true -> someone_busy (put xs t x').
Proof. intros E B. exists t, x'. rewrite (nth_put _ _ _ _ _ E), Nat.eqb_refl. auto. Qed.

(** * Every step keeps it *)

Lemma change_frame s t x c s' : inv s -> apply c t x s = Some s' -> nth_error (threads s) t = Some x ->
  queue s' = queue s /\ holding s' = holding s /\
  locked (wd s') = locked (wd s) /\ queued (wd s') = queued (wd s) /\
  (locked (wd s) = false -> recheck (wd s) = false -> recheck (wd s') = false) /\
  grows (wd s) (wd s') /\ (wd s' = wd s -> in_use (abs s) = 0 -> in_use (abs s') = 0) /\
  (forall cl same u p b cs, claims_ok (waiters s) cl same u p b cs -> claims_ok (waiters s') cl same u p b cs) /\
  exists x', nth_error (threads s') t = Some x'.
Proof.
  intros [S L F] E T.
  destruct c; simpl in E; apart E; simpl; repeat split; auto; try apply grows_refl;
    try (intros W; apply (f_equal permits) in W; simpl in W);
    try (split; [auto|right; simpl; intuition lia]);
    try (intros; eapply claims_ok_put; eauto; congruence);
    try (rewrite (nth_put _ _ _ _ _ T), Nat.eqb_refl; eauto); eauto.
  all: try (unfold in_use; simpl; rewrite (held_put _ _ _ _ T); simpl; lia).
  all: try (unfold in_use; simpl; erewrite owned_put by eassumption; unfold owned, abs_waiter; simpl;
            match goal with H : st _ = _ |- _ => rewrite H end; simpl; lia).
  all: try lia.
  all: try (right; simpl; intuition lia).
  - match goal with H : nth_error (waiters s) i = Some ?y |- _ =>
      apply nth_waiters in H; apply (Forall_nth _ _ _ _ (ok_customers _ S)) in H as [N _] end.
    unfold owned, abs_waiter in N. simpl in N.
    match goal with H : st _ = _ |- _ => rewrite H in N end. simpl in N. right. simpl. intuition lia.
  - intros -> ->. reflexivity.
  - simpl. destruct (locked (wd s)); [left; apply orb_true_r|right; rewrite orb_false_r; intuition lia].
Qed.

Lemma claims_ok_app ws cl same u cs i n : forall p b,
  claims_ok ws cl same u p b cs -> claims_ok ws cl same u (p - csum cs) (b + csum cs) [(i, n)] ->
  claims_ok ws cl same u p b (cs ++ [(i, n)]).
Proof.
  induction cs as [|[j m] cs IH]; intros p b C D.
  - unfold csum, total in D. simpl in D. now rewrite Z.sub_0_r, Z.add_0_r in D.
  - simpl in *. destruct C as [C1 C2]. split; auto. apply IH; auto.
    unfold csum, total in *. simpl in D. rewrite Z.sub_add_distr, Z.add_assoc in D. exact D.
Qed.

Lemma claims_ok_true ws cl same same' u u' cs : forall p b p' b',
  claims_ok ws cl same u p b cs -> claims_ok ws true same' u' p' b' cs.
Proof.
  induction cs as [|[j m] cs IH]; simpl; auto. intros p b p' b' [(x & X1 & X2 & X3) C]. split; eauto 6.
Qed.

Lemma claims_nonneg s same u cs : Forall customer_ok (map abs_waiter (waiters s)) -> forall p b,
  claims_ok (waiters s) false same u p b cs -> 0 <= csum cs.
Proof.
  intros V. induction cs as [|[j m] cs IH]; simpl; intros p b; [unfold csum, total; simpl; lia|].
  intros [(x & X1 & X2 & [X3|[X3 X4]]) C]; [discriminate|]. apply IH in C.
  assert (VX : is_valid (req x) = true) by (apply nth_waiters in X1; apply (Forall_nth _ _ _ _ V) in X1 as []; assumption).
  apply (share_nonneg _ p) in VX. unfold csum, total in *. simpl in *. lia.
Qed.

(** F7: while the word holds as many permits as the limit, none is in use. *)
Lemma none_in_use s : sem_ok (abs s) -> limit s <= permits (wd s) ->
  in_use (abs s) = 0 /\ permits (wd s) = limit s.
Proof.
  intros S H. pose proof (ok_sum _ S) as SUM. simpl in SUM.
  assert (0 <= total pending (accounts (abs s))).
  { apply total_nonneg. eapply Forall_impl; [|exact (ok_accounts _ S)]. intros a []. assumption. }
  assert (0 <= in_use (abs s)).
  { unfold in_use. apply Z.add_nonneg_nonneg; apply total_nonneg.
    - eapply Forall_impl; [|exact (ok_accounts _ S)]. intros a []. assumption.
    - eapply Forall_impl; [|exact (ok_customers _ S)]. intros c []. assumption. }
  simpl in *. lia.
Qed.

Lemma claims_waiters s ws cl same u p b cs :
  (forall i x, nth_error (waiters s) i = Some x -> nth_error ws i = Some x) ->
  claims_ok (waiters s) cl same u p b cs -> claims_ok ws cl same u p b cs.
Proof.
  intros H. revert p b. induction cs as [|[j m] cs IH]; simpl; auto. intros p b [(x & X1 & X2 & X3) C]. split; eauto 6.
Qed.

(** A step of a thread that does not have the lock, and does not take it. *)
Ltac frame :=
  unfold lock_ok in *; simpl;
  match goal with
  | |- match holding ?s with _ => _ end =>
      destruct (holding s) as [hh|] eqn:?;
      [ match goal with L : _ /\ _ /\ holder_ok _ _ |- _ => destruct L as (LL & LQ & LH) end;
        split; [try assumption|split; [try assumption|apply (holder_frame s); simpl; auto using grows_refl]]
      | ]
  end.

Theorem step_lock s t e s' : inv s -> exec s t e = Some s' -> lock_ok s'.
Proof.
  intros [S L F] E. destruct e; step_apart E.
  all: try match goal with
  | L : lock_ok ?s, H : locked (wd ?s) = false |- lock_ok (take_lock _ _ _ _) =>
      destruct (unlocked s L H) as (HH & HR & HQ); apply taken_ok; now auto
  end.
  { (* Acquire *) frame; try congruence; intuition. }
  all: try solve [frame; try solve [
    intuition |
    unfold grows; simpl; intuition lia |
    intros; eapply claims_ok_put; eauto; congruence |
    intros; unfold in_use in *; simpl in *; rewrite ?(held_put _ _ _ _ ltac:(eassumption));
    rewrite ?(owned_put _ _ _ _ ltac:(eassumption)); unfold owned at 2 3; simpl;
    repeat match goal with H : st _ = _ |- _ => rewrite H end; simpl; lia]].
  - (* LockForAll *)
    destruct (unlocked s L) as (HH & HR & HQ); auto. apply taken_ok; auto. split; auto.
    destruct (queue s); auto. simpl in HQ. congruence.
  - (* Push *)
    lock_facts. rewrite Heqe in LE. rewrite LE. unfold lock_ok. simpl. repeat split; simpl; auto; tauto.
  - (* Remove *)
    lock_facts. rewrite Heqe in LE. rewrite LE. unfold lock_ok. simpl. repeat split; simpl; auto; tauto.
  - (* EditNothing *)
    lock_facts. rewrite Heqe in LE. rewrite LE. unfold lock_ok. simpl. repeat split; simpl; auto; tauto.
  - lock_facts. rewrite Heqe in LE. rewrite LE. unfold lock_ok. simpl. repeat split; simpl; auto; tauto.
  - lock_facts. rewrite Heqe in LE. destruct LE as [LE _]. rewrite LE. unfold lock_ok. simpl. repeat split; simpl; auto; tauto.
  - (* FindAll *)
    lock_facts. rewrite Heqe in LE. destruct LE as (LE1 & LE2 & _). rewrite LE1.
    unfold lock_ok. simpl. repeat split; simpl; auto; try tauto.
    intros W. apply (none_in_use s); auto. rewrite W. assumption.
  - (* TakeAll *)
    lock_facts. unfold lock_ok. simpl. rewrite LQ. simpl. repeat split; auto. congruence.
  - (* Update *)
    match goal with A : apply c t _ s = Some _ |- _ =>
      destruct (change_frame _ _ _ _ _ (Build_inv _ S L F) A ltac:(assumption))
        as (A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & _) end.
    destruct (must_serve (wd s)) eqn:M.
    + unfold must_serve in M. booleans. destruct (unlocked s L) as (HH & HR & HQ); auto.
      apply taken_ok; auto.
    + unfold lock_ok in *. rewrite A2, A3, A4, A1. destruct (holding s) as [hh|].
      * destruct L as (LL & LQ & LH). split; [auto|split; [auto|]]. apply (holder_frame s); auto.
      * intuition.
  - (* FetchAdd *)
    match goal with A : apply c t _ s = Some _ |- _ =>
      destruct (change_frame _ _ _ _ _ (Build_inv _ S L F) A ltac:(assumption))
        as (A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & _) end.
    assert (L0 : lock_ok s0).
    { unfold lock_ok in *. rewrite A2, A3, A4, A1. destruct (holding s) as [hh|].
      - destruct L as (LL & LQ & LH). split; [auto|split; [auto|]]. apply (holder_frame s); auto.
      - intuition. }
    destruct (queued (wd s)); auto. revert L0. clear - Heqo1. intros L0.
    frame; intros; try (unfold in_use in *; simpl in *; erewrite keep_thread; eauto; fail); intuition.
  - (* Lower *)
    frame.
    + split; [auto|]. left. simpl. rewrite LL. apply orb_true_r.
    + intros W. apply (f_equal permits) in W. simpl in W. unfold in_use. simpl.
      rewrite (held_put _ _ _ _ ltac:(eassumption)). simpl. lia.
    + destruct L as (L1 & L2 & L3). rewrite L1, L2. auto.
  - (* Limit *)
    frame; [|assumption]. intros _. unfold in_use. simpl. rewrite (held_put _ _ _ _ ltac:(eassumption)). simpl. lia.
  - (* ForgetHeld *)
    frame; [|assumption]. intros _ U. match goal with H : nth_error (threads s) t = Some _ |- _ => pose proof (hold_le _ _ _ S H) end.
    unfold in_use in *. simpl in *. rewrite (held_put _ _ _ _ ltac:(eassumption)). simpl. lia.
  - (* Claim *)
    lock_facts. destruct p as [j m].
    match goal with P : front_share _ _ _ = Some _ |- _ => apply front_share_spec in P as (x & l & Q & X & D) end.
    unfold lock_ok. simpl. split; [auto|split; [auto|]]. constructor; simpl; auto.
    split; auto. exists x. split; auto. split.
    { destruct (queue_waits s j S) as (y & Y1 & Y2); [rewrite Q; apply in_app_iff; simpl; auto|congruence]. }
    destruct D as [D|(D1 & D2 & D3)]; auto. right. rewrite Z.sub_0_r in D2, D3. split; auto.
    destruct (req x) as [mn mx|]; simpl in D2; booleans; auto. intros W. rewrite <- W in D2.
    destruct (none_in_use s S) as [U P]; [lia|]. split; [lia|exact U].
  - (* UnlockFails *)
    lock_facts. destruct LG as [LG _].
    unfold lock_ok; simpl; (split; [auto|split; [auto|]]); constructor; simpl; auto; try (split; [auto|right; lia]).
  - lock_facts. rewrite Heqe in LE. destruct LE as (LE1 & LE2 & _). unfold lock_ok. simpl.
    split; [auto|split; [auto|]]. constructor; simpl; auto; try (split; [auto|right; lia]).
  - (* Unlock *)
    lock_facts. unfold lock_ok. simpl. rewrite LQ. simpl. repeat split; auto. congruence.
  - (* Look *)
    destruct (must_serve (wd s)) eqn:M.
    + unfold must_serve in M. booleans. destruct (unlocked s L) as (HH & HR & HQ); auto. apply taken_ok; auto.
    + frame; [|assumption]. unfold in_use. simpl. erewrite keep_thread; eauto.
Qed.

Lemma empty_front s s' w c : lock_ok s -> holding s = None -> queued (wd s) = false -> queue s' = queue s ->
  front_share s' w c = None.
Proof.
  unfold lock_ok, front_share. intros L H Q E. rewrite H in L. destruct L as (_ & _ & L). rewrite E.
  destruct (queue s); auto. simpl in L. congruence.
Qed.

Lemma busy_slack x : 0 < slack x -> busy x = true.
Proof. intros H. apply Z.ltb_lt in H. unfold busy. now rewrite H. Qed.

(** The thread is as busy as before, and the front can complete only if it could before. *)
Lemma may_not_know_busy s : may_not_know s = true -> someone_busy (threads s).
Proof.
  unfold may_not_know. intros H. apply andb_prop in H as [H _]. apply existsb_exists in H as (x & I & O).
  apply In_nth_error in I as [t T]. exists t, x. split; auto. unfold busy. rewrite O. now rewrite orb_true_r.
Qed.

Ltac still_busy F :=
  eapply busy_put; [eassumption| |apply F; [assumption|eapply front_share_mono; [..|eassumption]; simpl; auto; try lia]];
  unfold busy; simpl; auto.

Theorem step_F3 s t e s' : inv s -> exec s t e = Some s' -> F3_ok s'.
Proof.
  intros [S L F] E. unfold F3_ok in *.
  destruct e; step_apart E; simpl; intros HN FS; try discriminate HN.
  - (* Acquire *) exfalso. apply FS. now apply (empty_front s).
  - (* TakeAll *)
    lock_facts. rewrite Heqe in LE. destruct LE as (_ & LE & _). exfalso. apply FS. unfold front_share. simpl. now rewrite LE.
  - (* Update *)
    match goal with A : apply c t _ s = Some _ |- _ =>
      destruct (change_frame _ _ _ _ _ (Build_inv _ S L F) A ltac:(assumption))
        as (A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & _) end.
    destruct (must_serve (wd s)) eqn:M; [discriminate|]. exfalso. apply FS.
    rewrite A2 in HN. apply (empty_front s); auto.
    unfold must_serve in M. unfold lock_ok in L. rewrite HN in L. destruct L as (L1 & _). rewrite L1 in M.
    now rewrite andb_true_r in M.
  - (* FetchAdd *)
    match goal with A : apply c t _ s = Some _ |- _ =>
      destruct (change_frame _ _ _ _ _ (Build_inv _ S L F) A ltac:(assumption))
        as (A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & _) end.
    destruct (queued (wd s)) eqn:Q; simpl in *.
    + eapply busy_now; eauto. unfold busy. simpl. now rewrite orb_true_r.
    + exfalso. apply FS. rewrite A2 in HN. apply (empty_front s); auto.
  - (* Lower *)
    destruct (Z.eq_dec n 0) as [->|N].
    + still_busy F. now rewrite Z.add_0_r.
    + eapply busy_now; eauto. apply busy_slack. simpl.
      match goal with H : nth_error (threads s) t = Some _ |- _ =>
        apply nth_threads in H; apply (Forall_nth _ _ _ _ (ok_accounts _ S)) in H as [_ H] end. simpl in *. lia.
  - (* Limit *)
    destruct (c <? 0) eqn:C.
    + eapply busy_now; eauto. unfold busy. simpl. now rewrite !orb_true_r.
    + booleans. still_busy F. rewrite orb_false_r. intros B. booleans.
      destruct (0 <? slack t0 + c) eqn:P; auto. booleans.
      destruct (0 <? slack t0) eqn:P'; auto. booleans. lia.
  - (* ForgetHeld *)
    eapply busy_now; eauto. unfold busy. simpl. now rewrite !orb_true_r.
  - (* Unlock *)
    destruct again.
    + eapply busy_now; eauto. unfold busy. simpl. now rewrite orb_true_r.
    + match goal with H : negb (is_some _) || may_not_know s = true |- _ => apply orb_prop in H as [H|H] end;
        [exfalso|eapply busy_put; [eassumption|auto|now apply may_not_know_busy]].
      assert (FN : front_share s (seen h) (csum (claims h)) <> None).
      { revert FS. apply front_share_mono; simpl; auto; try lia.
        - intros i. apply reqs_settle.
        - congruence.
        - assert (W : wd s = seen h) by assumption. rewrite W. intros C. rewrite C. lia. }
      match goal with H : negb (is_some _) = true |- _ => destruct (front_share s (seen h) (csum (claims h))); [discriminate|] end.
      now apply FN.
  - (* Publish *) still_busy F. now apply reqs_put.
  - still_busy F. now apply reqs_put.
  - (* Look *)
    destruct (must_serve (wd s)) eqn:M; [discriminate|]. simpl in *. exfalso. apply FS. apply (empty_front s); auto.
    unfold must_serve in M. unfold lock_ok in L. rewrite HN in L. destruct L as (L1 & _). rewrite L1 in M.
    now rewrite andb_true_r in M.
  - (* Take *) still_busy F. now apply reqs_put.
  - (* TakeFailure *) apply F; auto. revert FS. apply front_share_mono; simpl; auto; try lia. now apply reqs_put.
  - (* Cancel *) apply F; auto. revert FS. apply front_share_mono; simpl; auto; try lia. now apply reqs_put.
Qed.

Theorem step_inv s t e s' : inv s -> exec s t e = Some s' -> inv s'.
Proof.
  intros I E. constructor.
  - exact (does_ok _ _ _ (i_sem _ I) (simulates _ _ _ _ I E)).
  - exact (step_lock _ _ _ _ I E).
  - exact (step_F3 _ _ _ _ I E).
Qed.

Lemma abs_initial k n : abs (initial k n) = fresh k n.
Proof. unfold abs, initial, fresh, claimed. simpl. f_equal.
  induction k as [|k IH]; simpl; [reflexivity|]. now rewrite IH. Qed.

Lemma initial_inv k n : 0 <= n -> inv (initial k n).
Proof.
  intros N. constructor.
  - rewrite abs_initial. now apply fresh_ok.
  - unfold lock_ok. simpl. auto.
  - unfold F3_ok, front_share. simpl. tauto.
Qed.

Fixpoint run_ops (s : state) (es : list (nat * event)) : list op :=
  match es with
  | [] => []
  | (t, e) :: es => ops s t e ++ match exec s t e with Some s' => run_ops s' es | None => [] end
  end.

Theorem run_simulates es : forall s s', inv s -> run s es = Some s' ->
  inv s' /\ does (abs s) (run_ops s es) = Some (abs s').
Proof.
  induction es as [|[t e] es IH]; simpl; intros s s' I R.
  - injection R as <-. auto.
  - destruct (exec s t e) as [s1|] eqn:E; [|discriminate]. rewrite does_app, (simulates _ _ _ _ I E).
    apply IH; auto. eapply step_inv; eauto.
Qed.

Theorem reachable_inv s : reachable s -> inv s.
Proof. intros (k & n & es & N & R). now apply (run_simulates es (initial k n) s (initial_inv k n N)) in R. Qed.
