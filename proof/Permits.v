(** Part 3 of the invariant: where the permits are. Part 4: F3. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model Invariant Waiters.
Import ListNotations.
Open Scope Z_scope.

Definition sum {A} (f : A -> Z) (l : list A) : Z := fold_right (fun x a => f x + a) 0 l.

Lemma sum_ext {A} (f g : A -> Z) l : (forall x, In x l -> f x = g x) -> sum f l = sum g l.
Proof. induction l; simpl; intros; auto. rewrite IHl, H; auto. Qed.

Lemma sum_app {A} (f : A -> Z) a b : sum f (a ++ b) = sum f a + sum f b.
Proof. induction a; simpl; lia. Qed.

Lemma sum_pos {A} (f : A -> Z) l : (forall x, In x l -> 0 <= f x) -> 0 <= sum f l.
Proof. induction l; simpl; intros; [lia|]. pose proof (H a (or_introl eq_refl)). assert (0 <= sum f l) by auto. lia. Qed.

Lemma sum_upd_out {A} (g : A -> Z) (f : nat -> A) i v l :
  ~ In i l -> sum (fun j => g (upd f i v j)) l = sum (fun j => g (f j)) l.
Proof. intros H. apply sum_ext. intros x Hx. unfold upd. destruct (Nat.eq_dec x i); subst; tauto. Qed.

Lemma sum_upd {A} (g : A -> Z) (f : nat -> A) i v l :
  NoDup l -> In i l -> sum (fun j => g (upd f i v j)) l = sum (fun j => g (f j)) l - g (f i) + g v.
Proof.
  induction 1; simpl; [tauto|]. intros [<-|K].
  - rewrite sum_upd_out; auto. unfold upd. destruct (Nat.eq_dec x x); [lia|congruence].
  - rewrite IHNoDup; auto. unfold upd. destruct (Nat.eq_dec x i); subst; [tauto|lia].
Qed.

(** The permits that a waiter owns and its owner has not taken. *)
Definition granted_to (x : status) : Z := match x with Granted n => n | _ => 0 end.

(** The permits of claims that have left the word and have no outcome yet. *)
Definition to_publish (c : counter) : Z :=
  match c with Publishing cs false _ => csum cs | _ => 0 end.

Definition granted (s : state) : Z := sum (fun w => granted_to (st s w)) (enqueued s).
Definition publishing (threads : nat) (s : state) : Z := sum (fun t => to_publish (pc s t)) (seq 0 threads).

(** All permits that have been handed out: no longer in the word. *)
Definition handed_out (threads : nat) (s : state) : Z := held s + granted s + publishing threads s.

Record permit_inv (threads : nat) (created : Z) (s : state) : Prop := {
  p_sum : permits (wd s) + handed_out threads s = created + added s - forgotten s - reduced s;
  p_held : 0 <= held s;
  p_granted : forall w n, st s w = Granted n -> 0 <= n;
  p_word : 0 <= permits (wd s) + reduced s;
  p_reduced : 0 <= reduced s;
  p_added : 0 <= added s;
  p_forgotten : 0 <= forgotten s
}.

Lemma publishing_upd threads s t c :
  (t < threads)%nat ->
  sum (fun t' => to_publish (upd (pc s) t c t')) (seq 0 threads) =
  publishing threads s - to_publish (pc s t) + to_publish c.
Proof. intros T. apply sum_upd; [apply seq_NoDup | apply in_seq; lia]. Qed.

Lemma granted_upd s w x :
  waiter_inv s -> st s w <> New ->
  sum (fun v => granted_to (upd (st s) w x v)) (enqueued s) = granted s - granted_to (st s w) + granted_to x.
Proof. intros V K. apply sum_upd; [apply V | apply V; auto]. Qed.

Lemma permit_inv_init threads c : 0 <= c -> permit_inv threads c (initial c).
Proof.
  intros. constructor; simpl; try lia; try congruence.
  unfold handed_out, granted, publishing; simpl.
  assert (E : sum (fun _ : nat => 0) (seq 0 threads) = 0).
  { induction (seq 0 threads); simpl; lia. }
  rewrite E. lia.
Qed.

Lemma publishing_pos threads s : waiter_inv s -> 0 <= publishing threads s.
Proof.
  intros V. apply sum_pos. intros t _. pose proof (w_claims_pos _ V t) as K. unfold to_publish.
  destruct (pc s t); simpl in *; try lia. destruct failed; try lia. revert K.
  induction cs as [|[w n] cs]; simpl; intros; try lia.
  pose proof (K w n (or_introl eq_refl)). assert (0 <= csum cs) by eauto. lia.
Qed.

Lemma granted_pos threads created s : permit_inv threads created s -> 0 <= granted s.
Proof.
  intros P. apply sum_pos. intros w _. pose proof (p_granted _ _ _ P w). unfold granted_to.
  destruct (st s w); try lia. auto.
Qed.

Lemma csum_pos threads s t : lock_inv threads s -> waiter_inv s -> 0 <= csum (claims (pc s t)).
Proof.
  intros L V. pose proof (w_claims_pos _ V t) as K. revert K.
  induction (claims (pc s t)) as [|[w n] cs]; simpl; intros; try lia.
  pose proof (K w n (or_introl eq_refl)). assert (0 <= csum cs) by eauto. lia.
Qed.

Lemma permit_inv_step threads created t s s' :
  (t < threads)%nat -> lock_inv threads s -> waiter_inv s -> permit_inv threads created s -> step t s s' ->
  permit_inv threads created s'.
Proof.
  intros T L V P St. pose proof (csum_pos _ _ t L V) as CP.
  destruct P as [P1 P2 P3 P4 P5 P6 P7].
  unfold handed_out in P1.
  inversion St; subst; clear St.
  all: try (destruct c; simpl in * ).
  all: try match goal with H : pc _ _ = Holds _ _ _ |- _ =>
    pose proof (l_holds _ _ L _ _ _ _ H) as HO; unfold holder_ok in HO;
    destruct HO as (HO1 & HO2 & HO3 & HO4 & HO5 & HO6 & HO7 & HO8) end.
  (* steps that change no waiter *)
  all: try (constructor; unfold handed_out; simpl; try lia; try assumption;
    unfold granted, publishing in *; simpl; rewrite ?publishing_upd by assumption; unfold publishing;
    repeat match goal with H : pc _ _ = _ |- _ => rewrite H end; simpl;
    try (destruct (queued (wd s))); try (destruct again); try (destruct failed); simpl; lia).
  - (* push *)
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted, publishing; simpl. rewrite publishing_upd by assumption. rewrite H. simpl.
      rewrite sum_app. simpl. rewrite sum_upd_out.
      2:{ intros K. apply (w_enq_st _ V) in K. congruence. }
      fold (granted s). unfold upd. destruct (Nat.eq_dec w w); [simpl; lia|congruence].
    + intros v n. upd; [discriminate|]. apply P3.
  - (* remove *)
    assert (Q : st s (waiter r) = Queued).
    { apply (w_queue_st _ V). rewrite H0, map_app. apply in_app_iff. simpl. auto. }
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted, publishing; simpl. rewrite publishing_upd, granted_upd by (assumption || congruence).
      rewrite H, Q. simpl. lia.
    + intros v n. upd; [discriminate|]. apply P3.
  - (* claim *)
    assert (Q : st s (waiter r) = Queued).
    { apply (w_queue_st _ V). rewrite H0. simpl. auto. }
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted, publishing; simpl. rewrite publishing_upd, granted_upd by (assumption || congruence).
      rewrite H, Q. simpl. lia.
    + intros v n. upd; [discriminate|]. apply P3.
  - (* unlock *)
    rewrite H in CP. simpl in CP.
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted, publishing; simpl. rewrite publishing_upd by assumption. rewrite H.
      fold (granted s). unfold spent. simpl. destruct (closed (wd s)); simpl; lia.
    + unfold spent. destruct (closed (wd s)); lia.
  - (* publish *)
    assert (C0 : st s w = Claimed n).
    { apply (w_claims_st _ V t). rewrite H. simpl. auto. }
    assert (N0 : 0 <= n).
    { apply (w_claims_pos _ V t w). rewrite H. simpl. auto. }
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted, publishing; simpl. rewrite publishing_upd, granted_upd by (assumption || congruence).
      rewrite H, C0. simpl. destruct failed; simpl; lia.
    + intros v m. upd; [|apply P3]. destruct failed; simpl; [discriminate|]. intros K. injection K as <-. exact N0.
  - (* take granted *)
    pose proof (P3 _ _ H0).
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted; simpl. rewrite granted_upd by (assumption || congruence). rewrite H0. simpl.
      unfold publishing in *. simpl. lia.
    + intros v m. upd; [discriminate|]. apply P3.
  - (* take failed *)
    constructor; unfold handed_out; simpl; try lia; try assumption.
    + unfold granted; simpl. rewrite granted_upd by (assumption || congruence). rewrite H0. simpl.
      unfold publishing in *. simpl. lia.
    + intros v m. upd; [discriminate|]. apply P3.
Qed.

(** * Part 4: F3 *)

(** The request can complete with what the word holds. *)
Definition can_complete (w : word) (r : request) : Prop := closed w = true \/ rmin r <= permits w.

(** The thread will look at the queue again before it ends what it is doing. *)
Definition on_its_way (c : counter) : Prop :=
  match c with Looking => True | Publishing _ _ true => True | _ => False end.

Definition f3 (s : state) : Prop :=
  locked (wd s) = false ->
  (forall r q, queue s = r :: q -> ~ can_complete (wd s) r) \/ exists t, on_its_way (pc s t).

Lemma f3_init c : f3 (initial c).
Proof. left. simpl. intros. discriminate. Qed.

Lemma f3_step threads t s s' :
  (t < threads)%nat -> lock_inv threads s -> f3 s -> step t s s' -> f3 s'.
Proof.
  intros T L F St. pose proof (l_f2 _ _ L) as F2. pose proof (unqueued_unlocked _ _ L) as UQ.
  assert (Emp : queued (wd s) = false -> queue s = []).
  { intros Q. pose proof (UQ Q) as U. apply F2 in U. destruct (queue s); auto.
    assert (queued (wd s) = true) by (apply U; discriminate). congruence. }
  unfold f3 in *.
  inversion St; subst; clear St.
  all: try match goal with H : pc _ _ = Holds _ _ _ |- _ =>
    pose proof (l_holds _ _ L _ _ _ _ H) as HO; unfold holder_ok in HO;
    destruct HO as (HO1 & HO2 & HO3 & HO4 & HO5 & HO6 & HO7 & HO8) end.
  all: simpl; try (intros K; congruence).
  - (* acquire *) intros _. left. intros r q E. rewrite Emp in E by assumption. discriminate.
  - (* release fast *)
    intros K. destruct (queued (wd s)) eqn:Q.
    + right. exists t. unfold upd. destruct (Nat.eq_dec t t); [exact I|congruence].
    + left. intros r q E. rewrite Emp in E by reflexivity. discriminate.
  - (* update *)
    intros K. assert (K' : locked (wd s) = false) by (destruct c; exact K).
    destruct H1 as [H1|H1]; [|congruence].
    left. intros r q E. assert (E' : queue s = r :: q) by (destruct c; exact E).
    rewrite Emp in E' by assumption. discriminate.
  - (* forget *)
    intros K. destruct (F K) as [A|A]; [left|right; exact A].
    intros r q E C. apply (A r q E). destruct C as [C|C]; [left; exact C|right; simpl in C; lia].
  - (* reduce *)
    intros K. destruct (F K) as [A|A]; [left|right; exact A].
    intros r q E C. apply (A r q E). destruct C as [C|C]; [left; exact C|right; simpl in C; lia].
  - (* unlock *)
    intros _. destruct again.
    + right. exists t. unfold upd. destruct (Nat.eq_dec t t); [exact I|congruence].
    + left. intros r q E C. rewrite E in H1. simpl in H1. apply H1.
      assert (R : 1 <= rmin r <= rmax r) by (apply (l_range _ _ L); rewrite E; left; auto).
      unfold can_complete, spent in C. simpl in C. unfold servable, can_serve. simpl.
      destruct (closed (wd s)) eqn:Cl; [auto|]. destruct C as [C|C]; [discriminate|]. split; [left; lia | right; lia].
  - (* publish *)
    intros K. destruct (F K) as [A|[t' A]]; [left; exact A|right]. exists t'. upd; auto. rewrite H in A. exact A.
  - (* published *)
    intros K. destruct (F K) as [A|[t' A]]; [left; exact A|right]. exists t'. upd; auto. rewrite H in A.
    destruct again; exact A.
  - (* look and leave *)
    intros K. destruct H0 as [H0|H0]; [|congruence]. left. intros r q E. rewrite Emp in E by assumption. discriminate.
  - (* take granted *) exact F.
  - (* take failed *) exact F.
Qed.
