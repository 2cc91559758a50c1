(** A release never waits: it can always take its next step, and takes a bounded number of them if no other thread
    takes a step in between. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model Invariant Waiters Permits Theorems.
Import ListNotations.
Open Scope Z_scope.

Lemma word_eq_dec (a b : word) : {a = b} + {a <> b}.
Proof. decide equality; try apply bool_dec. apply Z.eq_dec. Qed.

Lemma servable_dec w c r : {servable w c r} + {~ servable w c r}.
Proof.
  unfold servable, can_serve; simpl. destruct (closed w); [left; auto|].
  destruct (Z_gt_dec (permits w - c) 0); [|right; intros [[A|A] _]; [lia|discriminate]].
  destruct (Z_le_dec (rmin r) (permits w - c)); [left; auto|].
  right. intros [_ [A|A]]; [discriminate|lia].
Qed.

(** A release can start in every state, whatever the other threads do. *)
Theorem release_can_start s t n :
  pc s t = Idle -> 0 <= n <= held s -> exists s', step t s s' /\ held s' = held s - n.
Proof. intros A B. eexists. split; [apply s_release_fast; eauto|]. reflexivity. Qed.

(** So can [add_permits] and [close]. *)
Theorem update_can_start s t c :
  pc s t = Idle -> change_allowed c s -> exists s', step t s s'.
Proof.
  intros A B. destruct (queued (wd s)) eqn:Q; [destruct (locked (wd s)) eqn:K|].
  - eexists. apply s_update; eauto.
  - eexists. apply s_update_and_lock; eauto.
  - eexists. apply s_update; eauto.
Qed.

(** A thread that holds the lock, has outcomes to store or is about to look has a step that it can take now. *)
Theorem never_blocked s t : pc s t <> Idle -> exists s', step t s s'.
Proof.
  intros A. destruct (pc s t) eqn:E; [tauto| | |].
  - destruct e.
    + destruct (word_eq_dec (wd s) seen) as [W|W]; [|eexists; eapply s_unlock_fails; eauto].
      destruct (queue s) as [|r q] eqn:Q.
      * eexists. eapply (s_unlock _ _ _ _ false); eauto. rewrite Q. simpl. tauto.
      * destruct (servable_dec seen (csum cs) r); [eexists; eapply s_claim; eauto|].
        eexists. eapply (s_unlock _ _ _ _ false); eauto. rewrite Q. simpl. tauto.
    + eexists. eapply s_no_edit; eauto. discriminate.
    + eexists. eapply s_no_edit; eauto. discriminate.
  - destruct cs as [|[w n] cs]; eexists; [eapply s_published | eapply s_publish]; eauto.
  - destruct (queued (wd s)) eqn:Q; [destruct (locked (wd s)) eqn:K|].
    + eexists. eapply s_look_and_leave; eauto.
    + eexists. eapply s_look_and_lock; eauto.
    + eexists. eapply s_look_and_leave; eauto.
Qed.

(** What is left to do for a thread, in steps, if no other thread takes one. *)
Definition work (s : state) (t : nat) : nat :=
  let q := length (queue s) in
  match pc s t with
  | Idle => 0
  | Looking => 6 * q + 4
  | Publishing cs _ again => length cs + 1 + (if again then 6 * q + 4 else 0)
  | Holds seen cs e =>
      6 * q + 3 + 4 * length cs + (match e with Nothing => 0 | _ => 7 end)
      + (if word_eq_dec (wd s) seen then 0 else 1)
  end.

Lemma work_decreases t s s' : step t s s' -> pc s t <> Idle -> (work s' t < work s t)%nat.
Proof.
  intros St A.
  inversion St; subst; clear St; try congruence; unfold work; simpl;
    repeat match goal with H : pc _ _ = _ |- _ => rewrite H; clear H end;
    unfold upd; (destruct (Nat.eq_dec t t); [|congruence]).
  - rewrite app_length. simpl. destruct (word_eq_dec (wd s) seen); lia.
  - match goal with H : queue s = _ |- _ => rewrite H end. rewrite !app_length. simpl.
    destruct (word_eq_dec (wd s) seen); lia.
  - destruct (word_eq_dec (wd s) seen); destruct e; try congruence; lia.
  - match goal with H : queue s = _ |- _ => rewrite H end. rewrite app_length. simpl.
    destruct (word_eq_dec (wd s) seen); lia.
  - destruct (word_eq_dec (wd s) (wd s)); [|congruence]. destruct (word_eq_dec (wd s) seen); [congruence|lia].
  - destruct (word_eq_dec (wd s) (wd s)); [|congruence].
    destruct again; [|lia]. destruct cs; [congruence|]. simpl. lia.
  - simpl. destruct again; lia.
  - destruct again; simpl; lia.
  - destruct (word_eq_dec (lock (wd s)) (lock (wd s))); [simpl; lia|congruence].
  - lia.
Qed.

(** [k] steps of one thread in a row, none of which starts a new operation. *)
Inductive alone (t : nat) : nat -> state -> state -> Prop :=
| alone_end s : alone t 0 s s
| alone_step k s s' s'' : pc s t <> Idle -> step t s s' -> alone t k s' s'' -> alone t (S k) s s''.

Theorem bounded_alone t k s s' : alone t k s s' -> (k <= work s t)%nat.
Proof. induction 1; [lia|]. pose proof (work_decreases _ _ _ H0 H). lia. Qed.

(** A release, an addition or a close ends after at most [6 * length (queue s) + 5] steps of its own, if no other thread
    takes one in between. *)
Theorem release_bounded t k s s1 s' n :
  pc s t = Idle -> s1 = set_pc t (if queued (wd s) then Looking else Idle)
      (set_held (held s - n) (set_word (plus (wd s) n) s)) ->
  alone t k s1 s' -> (1 + k <= 6 * length (queue s) + 5)%nat.
Proof.
  intros A -> R. apply bounded_alone in R. revert R. unfold work. simpl. unfold upd.
  destruct (Nat.eq_dec t t); [|congruence]. destruct (queued (wd s)); lia.
Qed.

Theorem update_bounded t k s c s1 s' :
  pc s t = Idle -> s1 = set_pc t (Holds (lock (change_word c (wd s))) [] Nothing)
      (set_word (lock (change_word c (wd s))) (change_counts c s)) ->
  alone t k s1 s' -> (1 + k <= 6 * length (queue s) + 5)%nat.
Proof.
  intros A -> R. apply bounded_alone in R. revert R. unfold work. simpl. unfold upd.
  destruct (Nat.eq_dec t t); [|congruence].
  destruct (word_eq_dec (lock (change_word c (wd s))) (lock (change_word c (wd s)))); [|congruence].
  destruct c; simpl; lia.
Qed.

(** If a release finds the queue locked, it has at most one more step: it looks, and leaves the rest to the lock holder. *)
Theorem release_into_locked t s s' : pc s t = Looking -> locked (wd s) = true -> step t s s' -> pc s' t = Idle.
Proof.
  intros A B St. inversion St; subst; try congruence; simpl. unfold upd. destruct (Nat.eq_dec t t); congruence.
Qed.
