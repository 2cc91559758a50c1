(** Bounded liveness: once no new operation begins, what is in progress ends after a bounded number of steps, whatever the order
    in which the threads take them, and the request at the front is served if it can be. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
From Fairgate Require Import Base Protocol Spec Refine Invariant Enabled Theorems.
Import ListNotations.
Open Scope nat_scope.

(** * Steps that belong to what a thread has begun *)

(** The lock holder edits, claims and unlocks; outcomes are stored; a thread looks at the queue if it owes that, makes sure that
    the front is examined, and completes its change of the number of permits. All other events begin something. *)
Definition continues (s : state) (t : nat) (e : event) : Prop :=
  match e with
  | Push _ | Remove _ | EditNothing | FindAll | TakeAll | Claim | UnlockFails | Unlock _ | Publish | Look => True
  | Update Recheck => exists x, nth_error (threads s) t = Some x /\ owes x = true
  | Update (Add n) => exists x, nth_error (threads s) t = Some x /\ n = slack x
  | Limit c => exists x, nth_error (threads s) t = Some x /\ (0 < slack x)%Z /\ c = (- slack x)%Z
  | _ => False
  end.

Inductive goes_on : state -> list (nat * event) -> state -> Prop :=
| goes_nowhere s : goes_on s [] s
| goes_further s t e s1 es s' :
    continues s t e -> exec s t e = Some s1 -> goes_on s1 es s' -> goes_on s ((t, e) :: es) s'.

Lemma reachable_step s t e s' : reachable s -> exec s t e = Some s' -> reachable s'.
Proof.
  intros (k & n & es & N & R) E. exists k, n, (es ++ [(t, e)]). split; auto. revert R. generalize (initial k n).
  induction es as [|[u f] es IH]; simpl; intros s0 R.
  - injection R as ->. now rewrite E.
  - destruct (exec s0 u f); [|discriminate]. auto.
Qed.

(** * The bound *)

Definition sum (f : thread -> nat) (l : list thread) : nat := list_sum (map f l).

(** The steps of a thread after which the front must be examined: parts of a change, and looks. *)
Definition duties (x : thread) : nat := (if (0 <? slack x)%Z then 2 else 0) + (if owes x then 1 else 0) + looks x.

Definition outcomes (x : thread) : nat := length (todo x).

(** Requests that are queued or claimed, or about to be enqueued. *)
Definition waiting (s : state) : nat :=
  length (queue s) + match holding s with
    | Some h => length (claims h) + match doing h with ToPush _ => 1 | _ => 0 end
    | None => 0
    end.

(** What the lock holder has to do if no other thread changes the word. *)
Definition holder_work (s : state) : nat :=
  match holding s with
  | None => 0
  | Some h =>
      let changed := negb (same_word (wd s) (seen h)) in
      match doing h with
      | NoEdit => if changed then 2 * length (queue s) + length (claims h) + 2 else length (queue s) + 1
      | ToPush _ | ToRemove => 2 * waiting s + 3
      | ToTakeAll o => 2 * waiting s + (if changed then 5 else 3) + (if o then 0 else 1)
      end
  end.

(** The most steps that can follow. *)
Definition most_steps (s : state) : nat :=
  (2 * waiting s + 7) * (sum duties (threads s) + waiting s) + sum outcomes (threads s) + holder_work s.

Lemma sum_put f xs t x x' : nth_error xs t = Some x -> sum f (put xs t x') + f x = sum f xs + f x'.
Proof.
  unfold sum. revert t. induction xs as [|y xs IH]; intros [|t] E; simpl in *; try discriminate.
  - injection E as ->. lia.
  - specialize (IH t E). lia.
Qed.

Lemma without_length i l : length (without i l) <= length l.
Proof. unfold without. induction l; simpl; auto. destruct (negb _); simpl; lia. Qed.

Lemma without_shorter i l : existsb (Nat.eqb i) l = true -> length (without i l) < length l.
Proof.
  unfold without. induction l as [|j l IH]; simpl; [discriminate|]. intros H. rewrite (Nat.eqb_sym j i).
  destruct (Nat.eqb i j); simpl in *; [pose proof (without_length i l); unfold without in *; lia|]. apply IH in H. lia.
Qed.

Lemma holder_work_le s : holder_work s <= 2 * waiting s + 6.
Proof.
  unfold holder_work, waiting. destruct (holding s) as [h|]; [|lia].
  destruct (doing h) as [| | |[]], (negb (same_word (wd s) (seen h))); lia.
Qed.

Ltac facts :=
  repeat match goal with
  | H : nth_error ?xs ?t = Some ?x |- context [sum duties (put ?xs ?t ?x')] =>
      let N := fresh "SD" in pose proof (sum_put duties xs t x x' H) as N; revert N
  | H : nth_error ?xs ?t = Some ?x |- context [sum outcomes (put ?xs ?t ?x')] =>
      let N := fresh "SO" in pose proof (sum_put outcomes xs t x x' H) as N; revert N
  end.

Lemma edits w S T W w' W' : w' <= w -> W' < W ->
  (2 * w' + 7) * (S + w') + T + W' < (2 * w + 7) * (S + w) + T + W.
Proof. intros. assert ((2 * w' + 7) * (S + w') <= (2 * w + 7) * (S + w)) by (apply Nat.mul_le_mono; lia). lia. Qed.

Lemma duty_done w S T W S' W' : S' < S -> W' <= 2 * w + 6 ->
  (2 * w + 7) * (S' + w) + T + W' < (2 * w + 7) * (S + w) + T + W.
Proof. intros. assert ((2 * w + 7) * (S' + w + 1) <= (2 * w + 7) * (S + w)) by (apply Nat.mul_le_mono; lia). lia. Qed.

Lemma unlock_done w S T W c again : 0 < W -> (again <= 1) -> again <= c ->
  (2 * w + 7) * (S + again + w) + (T + c) + 0 < (2 * (w + c) + 7) * (S + (w + c)) + T + W.
Proof. intros. nia. Qed.

Lemma bound_edit s s' : waiting s' <= waiting s -> sum duties (threads s') = sum duties (threads s) ->
  sum outcomes (threads s') = sum outcomes (threads s) -> holder_work s' < holder_work s -> most_steps s' < most_steps s.
Proof. intros W D O H. unfold most_steps. rewrite D, O. now apply edits. Qed.

Lemma bound_duty s s' : waiting s' = waiting s -> sum duties (threads s') < sum duties (threads s) ->
  sum outcomes (threads s') = sum outcomes (threads s) -> most_steps s' < most_steps s.
Proof. intros W D O. pose proof (holder_work_le s'). unfold most_steps. rewrite W, O in *. now apply duty_done. Qed.

Lemma bound_publish s s' : waiting s' = waiting s -> sum duties (threads s') = sum duties (threads s) ->
  sum outcomes (threads s') < sum outcomes (threads s) -> holder_work s' = holder_work s -> most_steps s' < most_steps s.
Proof. intros W D O H. unfold most_steps. rewrite W, D, H. lia. Qed.

Lemma bound_unlock s s' c again : waiting s = waiting s' + c -> sum duties (threads s') = sum duties (threads s) + again ->
  sum outcomes (threads s') = sum outcomes (threads s) + c -> holder_work s' = 0 -> 0 < holder_work s -> again <= 1 ->
  again <= c -> most_steps s' < most_steps s.
Proof. intros W D O H H' A A'. unfold most_steps. rewrite W, D, O, H. now apply unlock_done. Qed.

Lemma change_duty c t x s s' : apply c t x s = Some s' -> nth_error (threads s) t = Some x ->
  match c with Recheck => owes x = true | Add n => n = slack x | _ => False end ->
  waiting s' = waiting s /\ sum duties (threads s') < sum duties (threads s) /\
  sum outcomes (threads s') = sum outcomes (threads s) /\ holding s' = holding s /\ queue s' = queue s.
Proof.
  intros A T C. destruct c; try contradiction; simpl in A; apart A; unfold waiting; simpl; repeat split;
  match goal with |- context [put _ _ ?x'] =>
    pose proof (sum_put duties _ _ _ x' T); pose proof (sum_put outcomes _ _ _ x' T) end;
  unfold duties, outcomes in *; simpl in *; booleans; subst; try lia.
  - replace (0 <? slack x)%Z with true in * by (symmetry; apply Z.ltb_lt; lia).
    rewrite Z.sub_diag in *. simpl in *. destruct (owes x); lia.
  - rewrite C in *. destruct (0 <? slack x)%Z; lia.
Qed.

Ltac named s :=
  try match goal with H : holding s = Some _ |- _ => rename H into HL end;
  try match goal with H : doing _ = _ |- _ => rename H into HD end;
  try match goal with H : nth_error (threads s) _ = Some _ |- _ => rename H into HT end.

(** Every step that goes on decreases the bound. *)
Theorem bound_decreases s t e s' : reachable s -> continues s t e -> exec s t e = Some s' -> most_steps s' < most_steps s.
Proof.
  intros R C E. pose proof (i_lock _ (reachable_inv _ R)) as L.
  destruct e; simpl in C; try contradiction; step_apart E; named s.
  - (* Push *) apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD, ?app_length; simpl; try lia.
    destruct (same_word (wd s) (seen h)); simpl; lia.
  - (* Remove *) pose proof (without_shorter _ _ ltac:(eassumption)).
    apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD; simpl; try lia.
    destruct (same_word (wd s) (seen h)); simpl; lia.
  - apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD; simpl; try lia.
    destruct (same_word (wd s) (seen h)); simpl; lia.
  - apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD; simpl; try lia.
    destruct (same_word (wd s) (seen h)); simpl; lia.
  - apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD; simpl; try lia.
    destruct (same_word (wd s) (seen h)), n; simpl; lia.
  - (* FindAll *) apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD; simpl; try lia.
  - (* TakeAll *)
    apply bound_edit; simpl; auto.
    1: unfold waiting; simpl; rewrite HL; simpl; lia.
    1, 2: match goal with |- context [put _ _ ?x'] =>
      pose proof (sum_put duties _ _ _ x' HT); pose proof (sum_put outcomes _ _ _ x' HT) end;
      unfold duties, outcomes in *; simpl in *; lia.
    unfold holder_work, waiting; simpl; rewrite HL, HD; simpl. destruct (same_word (wd s) (seen h)); simpl; lia.
  - (* Update *)
    assert (K : match c with Recheck => owes t0 = true | Add n => n = slack t0 | _ => False end).
    { destruct c; try contradiction; destruct C as (x & X & Y); congruence. }
    destruct (change_duty c t t0 s s0 ltac:(eassumption) HT K) as (W & D & O & HH & Q).
    destruct (must_serve (wd s)) eqn:M; [|apply bound_duty; auto].
    unfold must_serve in M. booleans. destruct (unlocked s L) as (HN & _); auto.
    apply bound_duty; simpl; auto. unfold waiting in *. simpl in *. rewrite HH, HN in W. rewrite HN. simpl. lia.
  - (* Limit *)
    destruct C as (x & X & P & ->). assert (x = t0) by congruence. subst x. clear X.
    apply bound_duty; auto; simpl;
    match goal with |- context [put _ _ ?x'] =>
      pose proof (sum_put duties _ _ _ x' HT); pose proof (sum_put outcomes _ _ _ x' HT) end;
    unfold duties, outcomes in *; simpl in *; try lia.
    replace (0 <? slack t0)%Z with true in * by (symmetry; apply Z.ltb_lt; lia).
    rewrite Z.add_opp_diag_r in *. simpl in *. destruct (owes t0), (- slack t0 <? 0)%Z; simpl in *; lia.
  - (* Claim *)
    destruct p as [i n]. destruct (front_share_spec s (seen h) 0 i n ltac:(eassumption)) as (y & l & Q & _).
    destruct (claims h) eqn:CH; [|discriminate].
    apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD, Q, ?CH; simpl; try lia.
    destruct (same_word (wd s) (seen h)); simpl; lia.
  - (* UnlockFails *)
    match goal with H : same_word _ _ = false |- _ => rename H into NW end.
    apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD, ?NW, ?same_word_refl; simpl;
    rewrite ?app_length, ?map_length; unfold claim in *; lia.
  - match goal with H : same_word _ _ = false |- _ => rename H into NW end.
    apply bound_edit; auto; unfold holder_work, waiting; simpl; rewrite HL, HD, ?NW, ?same_word_refl; simpl;
    destruct n; lia.
  - (* Unlock *)
    apply (bound_unlock _ _ (length (claims h)) (if again then 1 else 0)); simpl;
    try match goal with |- context [put _ _ ?x'] =>
      pose proof (sum_put duties _ _ _ x' HT); pose proof (sum_put outcomes _ _ _ x' HT) end;
    unfold waiting, holder_work, duties, outcomes in *; simpl in *; rewrite ?HL, ?HD, ?app_length, ?map_length in *; simpl in *;
    unfold claim in *; try (destruct again; lia).
    + destruct (same_word (wd s) (seen h)); simpl; lia.
    + destruct again; [|lia]. destruct (claims h); simpl in *; [discriminate|lia].
  - (* Publish *)
    apply bound_publish; auto; simpl;
    match goal with |- context [put _ _ ?x'] =>
      pose proof (sum_put duties _ _ _ x' HT); pose proof (sum_put outcomes _ _ _ x' HT) end;
    unfold duties, outcomes in *; simpl in *; match goal with H : todo _ = _ |- _ => rewrite H in * end; simpl in *; lia.
  - apply bound_publish; auto; simpl;
    match goal with |- context [put _ _ ?x'] =>
      pose proof (sum_put duties _ _ _ x' HT); pose proof (sum_put outcomes _ _ _ x' HT) end;
    unfold duties, outcomes in *; simpl in *; match goal with H : todo _ = _ |- _ => rewrite H in * end; simpl in *; lia.
  - (* Look *)
    match goal with H : nth_error (threads s) t = Some ?x |- _ =>
      pose proof (sum_put duties _ _ _ (set_looks n x) H); pose proof (sum_put outcomes _ _ _ (set_looks n x) H) end.
    destruct (must_serve (wd s)) eqn:M; apply bound_duty; simpl; auto; unfold duties, outcomes in *; simpl in *; try lia.
    unfold must_serve in M. booleans. destruct (unlocked s L) as (HN & _); auto. unfold waiting. simpl. rewrite HN. simpl. lia.
Qed.

(** From any reachable state at most [most_steps] steps go on, whichever threads take them. *)
Theorem work_ends s es s' : reachable s -> goes_on s es s' -> length es + most_steps s' <= most_steps s.
Proof.
  intros R G. revert R. induction G as [s|s t e s1 es s' C E G IH]; intros R; simpl; [lia|].
  pose proof (bound_decreases _ _ _ _ R C E). specialize (IH (reachable_step _ _ _ _ R E)). lia.
Qed.

(** * No thread waits *)

(** The thread has not completed what it has begun. *)
Definition at_work (s : state) (t : nat) : Prop :=
  (exists h, holding s = Some h /\ who h = t) \/
  exists x, nth_error (threads s) t = Some x /\ (todo x <> [] \/ looks x <> 0 \/ owes x = true \/ (0 < slack x)%Z).

Lemma holder_goes_on s h : reachable s -> holding s = Some h -> exists e s', continues s (who h) e /\ exec s (who h) e = Some s'.
Proof.
  intros R H. pose proof (reachable_holder s R h H) as TH.
  destruct (nth_error (threads s) (who h)) as [x|] eqn:T; [|congruence].
  assert (HL : has_lock s (who h) h) by (split; auto).
  assert (G : forall e, exec s (who h) e <> None -> continues s (who h) e ->
    exists e s', continues s (who h) e /\ exec s (who h) e = Some s').
  { intros e E C. destruct (exec s (who h) e) as [s'|] eqn:E'; [eauto|congruence]. }
  destruct (doing h) eqn:D;
    try (apply (G EditNothing); [apply (can_edit_nothing s (who h) h HL); congruence|exact I]).
  destruct (same_word (wd s) (seen h)) eqn:W.
  - apply same_word_eq in W. destruct (front_share s (seen h) (csum (claims h))) as [c|] eqn:FS.
    + destruct (claims h) as [|c' cs] eqn:CH.
      * apply (G Claim); [|exact I]. unfold exec. rewrite (has _ _ _ HL), D, CH. simpl. change (csum []) with 0%Z in FS. now rewrite FS.
      * apply (G (Unlock true)); [|exact I].
        exact (can_unlock_before_the_next s (who h) x h HL T D W ltac:(rewrite CH; discriminate)).
    + apply (G (Unlock false)); [|exact I]. exact (can_unlock s (who h) x h HL T D W FS).
  - assert (W' : wd s <> seen h) by (intros X; rewrite X, same_word_refl in W; discriminate).
    destruct (can_fail_to_unlock s (who h) h HL D W') as (s' & _ & E & _). apply (G UnlockFails); [congruence|exact I].
Qed.

(** Whatever other threads do, a thread that has not completed its work can take its next step: it waits for no thread. *)
Theorem no_thread_waits s t : reachable s -> at_work s t -> exists e s', continues s t e /\ exec s t e = Some s'.
Proof.
  intros R [(h & H & <-)|(x & T & W)]; [now apply holder_goes_on|].
  destruct (holds s t) eqn:HO.
  { unfold holds in HO. destruct (holding s) as [h|] eqn:H; [|discriminate]. apply Nat.eqb_eq in HO as <-. now apply holder_goes_on. }
  assert (G : forall e, exec s t e <> None -> continues s t e -> exists e s', continues s t e /\ exec s t e = Some s').
  { intros e E C. destruct (exec s t e) as [s'|] eqn:E'; [eauto|congruence]. }
  destruct (todo x) as [|i l] eqn:TD.
  - assert (M : may_start s t x).
    { repeat split; auto. unfold holds in HO. destruct (holding s); auto. intros <-. rewrite Nat.eqb_refl in HO. discriminate. }
    destruct W as [W|[W|[W|W]]]; [congruence| | |].
    + destruct (looks x) as [|n] eqn:L; [congruence|]. apply (G Look); [exact (can_look s t x n M L)|exact I].
    + apply (G (Update Recheck)); [exact (can_recheck s t x M)|simpl; eauto].
    + apply (G (Update (Add (slack x)))); [apply (can_add s t x); auto; lia|simpl; eauto].
  - apply (G Publish); [exact (publishing_never_waits s t x i l R T TD)|exact I].
Qed.

(** Once no thread is at work, the queue is unlocked, the front cannot complete, and each outcome is stored. *)
Theorem rest s : reachable s -> (forall t, ~ at_work s t) ->
  locked (wd s) = false /\ front_share s (wd s) 0 = None /\
  forall i y, nth_error (waiters s) i = Some y -> is_settled y = false.
Proof.
  intros R N. pose proof (i_lock _ (reachable_inv _ R)) as L. unfold lock_ok in L.
  destruct (holding s) as [h|] eqn:H; [exfalso; apply (N (who h)); left; eauto|]. destruct L as (U & _). split; auto. split.
  - destruct (front_share s (wd s) 0) eqn:FS; auto. exfalso.
    destruct (F3 s R U) as (t & x & T & B); [congruence|]. apply (N t). right. exists x. split; auto.
    destruct B as [B|[B|B]]; auto. right. left. lia.
  - intros i y Y. pose proof (no_outcome_is_lost s i y R Y) as O. destruct (is_settled y); auto. exfalso.
    assert (Z : total (in_todo i) (threads s) = 0%Z); [|lia]. clear O.
    assert (A : Forall (fun x => todo x = []) (threads s)).
    { apply Forall_forall. intros x X. apply In_nth_error in X as [t T]. destruct (todo x) eqn:TD; auto. exfalso.
      apply (N t). right. exists x. rewrite TD. split; auto. left. discriminate. }
    induction A as [|x l E]; [reflexivity|]. unfold total in *. simpl. rewrite IHA. unfold in_todo. now rewrite E.
Qed.

Lemma work_or_rest s : (exists t, at_work s t) \/ forall t, ~ at_work s t.
Proof.
  destruct (holding s) as [h|] eqn:H; [left; exists (who h); left; eauto|].
  destruct (Exists_dec (fun x => todo x <> [] \/ looks x <> 0 \/ owes x = true \/ (0 < slack x)%Z) (threads s)) as [E|E].
  - intros x. destruct (todo x); [|left; left; discriminate]. destruct (looks x); [|left; right; left; discriminate].
    destruct (owes x); [left; auto|]. destruct (Z_lt_dec 0 (slack x)); [left; auto|]. right. intuition congruence.
  - apply Exists_exists in E as (x & X & W). apply In_nth_error in X as [t T]. left. exists t. right. eauto.
  - right. intros t [(h & K & _)|(x & T & W)]; [congruence|]. apply E, Exists_exists. exists x. split; auto.
    now apply nth_error_In in T.
Qed.

(** As long as the threads at work take steps, any of them, all of them come to rest. *)
Theorem comes_to_rest s : reachable s -> exists es s', goes_on s es s' /\ forall t, ~ at_work s' t.
Proof.
  remember (most_steps s) as n eqn:M. revert s M. induction n as [n IH] using lt_wf_ind. intros s -> R.
  destruct (work_or_rest s) as [[t W]|N]; [|exists [], s; split; [constructor|auto]].
  destruct (no_thread_waits s t R W) as (e & s1 & C & E).
  destruct (IH _ (bound_decreases _ _ _ _ R C E) s1 eq_refl (reachable_step _ _ _ _ R E)) as (es & s' & G & N).
  exists ((t, e) :: es), s'. split; auto. econstructor; eauto.
Qed.

(** * The front is served *)

(** In the specification: the request is the first that waits, and can complete. *)
Definition ready (s : sem) (i : nat) : Prop :=
  exists l c, fifo s = i :: l /\ nth_error (customers s) i = Some c /\
    (is_closed s = true \/ fits (wants c) (avail s) (bound s) = true).

Definition no_longer_waits (s : sem) (i : nat) : Prop := i < length (customers s) /\ ~ In i (fifo s).

(** It takes permits only for the front, and raises no limit. *)
Definition is_tame (o : op) : Prop :=
  match o with
  | Enqueue _ | Grant _ _ | Refuse _ | CancelRequest _ _ | TakeAllNow _ _ | Deposit _ _ => True
  | ChangeLimit _ c => (c <= 0)%Z
  | _ => False
  end.

Lemma fits_more r p l p' l' : (p <= p')%Z -> (l' <= l)%Z -> fits r p l = true -> fits r p' l' = true.
Proof. destruct r; simpl; rewrite !Z.leb_le; lia. Qed.

(** Nothing joins the queue but a new request at its back. *)
Lemma stays_served s s' i : length (customers s) <= length (customers s') ->
  (forall j, In j (fifo s') -> In j (fifo s) \/ j = length (customers s)) ->
  no_longer_waits s i -> no_longer_waits s' i.
Proof. intros L F [N I]. split; [lia|]. intros J. apply F in J as [J| ->]; [auto|lia]. Qed.

Lemma stays_ready s o s' i : sem_ok s -> is_tame o -> do s o = Some s' ->
  ready s i \/ no_longer_waits s i -> ready s' i \/ no_longer_waits s' i.
Proof.
  intros S T D H.
  assert (K : length (customers s) <= length (customers s') /\
    (forall j, In j (fifo s') -> In j (fifo s) \/ j = length (customers s))).
  { destruct o; simpl in T; try contradiction; simpl in D; apart D; simpl; rewrite ?length_put, ?app_length; split; try lia; auto;
    intros j J; repeat match goal with E : fifo s = _ |- _ => rewrite E in *; clear E end; simpl; auto.
    - apply in_app_iff in J as [J|[J|[]]]; auto.
    - apply in_without in J as [J _]. auto. }
  destruct K as [K1 K2]. destruct H as [H|H]; [|right; now apply (stays_served s)].
  destruct H as (l & c & F & C & H). pose proof (ok_increasing _ S) as I. rewrite F in I. apply increasing_notin in I.
  assert (LT : i < length (customers s)) by (apply nth_error_Some; congruence).
  destruct o; simpl in T; try contradiction; simpl in D; rewrite ?F in D; simpl in D; apart D; try congruence.
  - (* Enqueue *) left. unfold ready. simpl. rewrite ?F. exists (l ++ [length (customers s)]), c. simpl. repeat split; auto.
    now rewrite nth_error_app1.
  - (* Grant *) right. split; simpl; [now rewrite length_put|]. assumption.
  - (* Refuse *) right. split; simpl; [now rewrite length_put|]. assumption.
  - (* CancelRequest *)
    destruct (Nat.eq_dec i i0) as [->|N].
    + right. split; simpl; [now rewrite length_put|]. rewrite ?F. change (~ In i0 (without i0 (i0 :: l))). rewrite in_without. tauto.
    + left. unfold ready. simpl. rewrite ?F. exists (without i0 l), c. simpl.
      destruct (Nat.eqb_spec i i0); [contradiction|]. simpl. repeat split; auto.
      erewrite nth_put by eassumption. destruct (Nat.eqb_spec i i0); [contradiction|]. auto.
  - assert (N : i <> i0).
    { intros <-. assert (W : In i (fifo s)) by (rewrite F; simpl; auto). apply (ok_waiting _ S) in W as [r W].
      assert (c0 = Customer r Waiting) by congruence. subst c0. discriminate. }
    left. unfold ready. simpl. exists l, c. repeat split; auto.
    + erewrite nth_put by eassumption. destruct (Nat.eqb_spec i i0); [contradiction|]. auto.
    + destruct H as [H|H]; auto. right. revert H. apply fits_more; [|lia].
      match goal with E : nth_error (customers s) i0 = Some ?y |- _ => apply (Forall_nth _ _ _ _ (ok_customers _ S)) in E as [E _] end.
      unfold owned in *. match goal with E : Spec.has _ = Owns _ |- _ => rewrite E in * end. booleans. subst. lia.
  - (* Deposit *) left. unfold ready. simpl. exists l, c. repeat split; auto. destruct H as [H|H]; auto. right. revert H.
    booleans. apply fits_more; lia.
  - (* ChangeLimit *) left. unfold ready. simpl. exists l, c. repeat split; auto. destruct H as [H|H]; auto. right. revert H.
    apply fits_more; lia.
Qed.

Lemma all_stay_ready os : forall s s' i, sem_ok s -> Forall is_tame os -> does s os = Some s' ->
  ready s i \/ no_longer_waits s i -> ready s' i \/ no_longer_waits s' i.
Proof.
  induction os as [|o os IH]; simpl; intros s s' i S F D H; [now injection D as <-|].
  destruct (do s o) as [s1|] eqn:E; [|discriminate]. inversion F; subst.
  apply (IH s1); auto; [exact (do_ok _ _ _ S E)|exact (stays_ready _ _ _ _ S H2 E H)].
Qed.

Lemma continues_tame s t e : continues s t e -> Forall is_tame (ops s t e).
Proof.
  destruct e; simpl; try contradiction; intros C; auto using Forall_nil.
  - destruct (holding s) as [h|]; auto. destruct (doing h) as [| | |[]]; auto; repeat constructor.
  - destruct c; simpl; try contradiction; auto; repeat constructor.
  - destruct C as (x & _ & P & ->). constructor; [simpl; lia|auto].
  - apply Forall_map, Forall_forall. intros x _. destruct (closed (wd s)); exact I.
Qed.

(** The request is the first that waits, claimed or not, and can complete with the permits in the word, or fail. *)
Definition can_be_served (s : state) (i : nat) : Prop :=
  exists l x, map fst (claimed s) ++ queue s = i :: l /\ nth_error (waiters s) i = Some x /\
    (closed (wd s) = true \/ fits (req x) (permits (wd s)) (limit s) = true).

(** If the front can be served, then after at most [most_steps] further steps of the threads at work, in any order, its outcome
    is stored, unless its owner has removed it. New operations do not count: this is what the threads do that have begun. *)
Theorem front_is_served s i es s' : reachable s -> can_be_served s i ->
  goes_on s es s' -> (forall t, ~ at_work s' t) ->
  length es <= most_steps s /\
  exists y, nth_error (waiters s') i = Some y /\ st y <> Queued /\ is_settled y = false.
Proof.
  intros R (l & x & Q & X & F) G N. pose proof (work_ends _ _ _ R G) as B. split; [lia|].
  assert (P : reachable s' /\ (ready (abs s') i \/ no_longer_waits (abs s') i)).
  { assert (P : ready (abs s) i \/ no_longer_waits (abs s) i).
    { left. exists l, (abs_waiter x). simpl. repeat split; auto. now apply nth_waiters. }
    clear - R G P. revert R P. induction G as [s|s t e s1 es s' C E G IH]; intros R P; auto.
    apply IH; [exact (reachable_step _ _ _ _ R E)|].
    refine (all_stay_ready _ _ _ _ (i_sem _ (reachable_inv _ R)) (continues_tame _ _ _ C) _ P).
    exact (simulates _ _ _ _ (reachable_inv _ R) E). }
  destruct P as [R' P]. destruct (rest s' R' N) as (U & FS & ST).
  pose proof (reachable_inv _ R') as [S L _]. destruct (unlocked s' L U) as (HN & _).
  destruct P as [(l' & c & F' & C' & H)|[LT NI]].
  - exfalso. simpl in *. unfold claimed in F'. rewrite HN in F'. simpl in F'. unfold front_share in FS. rewrite F' in FS.
    destruct (nth_error (waiters s') i) as [y|] eqn:Y.
    + rewrite (nth_waiters _ _ _ Y) in C'. injection C' as <-. simpl in H.
      destruct (closed (wd s')); [discriminate|]. destruct H as [H|H]; [discriminate|].
      rewrite Z.sub_0_r, H in FS. discriminate.
    + apply nth_error_None in Y. assert (K : nth_error (map abs_waiter (waiters s')) i <> None) by congruence.
      apply nth_error_Some in K. rewrite map_length in K. lia.
  - simpl in LT. rewrite map_length in LT. destruct (nth_error (waiters s') i) as [y|] eqn:Y.
    + exists y. repeat split; eauto. intros E. apply NI. apply (ok_waiting _ S). exists (req y). simpl.
      rewrite (nth_waiters _ _ _ Y). unfold abs_waiter. now rewrite E.
    + apply nth_error_None in Y. lia.
Qed.

(** The bound is not tight: after a release to the only request in the queue it is 11, and three steps follow. *)
Example hand_off_steps : exists s s', run (initial 2 1)
  [(0, Acquire 1 1 1); (1, LockToEnqueue); (1, Push (Range 1 1)); (1, Unlock false); (0, Update (Release 1))] = Some s
  /\ can_be_served s 0 /\ most_steps s = 11
  /\ goes_on s [(0, Claim); (0, Unlock false); (0, Publish)] s' /\ most_steps s' = 0.
Proof.
  eexists. eexists. split; [vm_compute; reflexivity|]. split; [|split; [reflexivity|split]].
  - exists [], (Waiter (Range 1 1) Queued). repeat split. right. reflexivity.
  - repeat (econstructor; [exact I|vm_compute; reflexivity|]). constructor.
  - reflexivity.
Qed.
