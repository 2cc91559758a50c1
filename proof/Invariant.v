(** The inductive invariant, in four parts. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model.
Import ListNotations.
Open Scope Z_scope.

Ltac upd := unfold upd in *; repeat match goal with
  | H : context [Nat.eq_dec ?a ?b] |- _ => destruct (Nat.eq_dec a b); subst
  | |- context [Nat.eq_dec ?a ?b] => destruct (Nat.eq_dec a b); subst
  end; simpl in *.

Lemma csum_app a b : csum (a ++ b) = csum a + csum b.
Proof. induction a; simpl; lia. Qed.

(** * Part 1: the lock and the flags *)

Definition holder_ok (s : state) (seen : word) (cs : list claim) (e : edit) : Prop :=
  locked (wd s) = true /\ queued (wd s) = true /\ locked seen = true /\ queued seen = true /\
  permits seen <= permits (wd s) /\ (closed seen = true -> closed (wd s) = true) /\
  (csum cs = 0 \/ csum cs <= permits seen) /\
  match e with Push mn mx => 1 <= mn <= mx | _ => True end.

Record lock_inv (threads : nat) (s : state) : Prop := {
  l_idle : forall t, (threads <= t)%nat -> pc s t = Idle;
  l_holds : forall t seen cs e, pc s t = Holds seen cs e -> holder_ok s seen cs e;
  l_one : forall t t', holds (pc s t) -> holds (pc s t') -> t = t';
  l_locked : locked (wd s) = true -> exists t, holds (pc s t);
  l_f2 : locked (wd s) = false -> (queued (wd s) = true <-> queue s <> []);
  l_range : forall r, In r (queue s) -> 1 <= rmin r <= rmax r
}.

Lemma holds_is c : holds c -> exists seen cs e, c = Holds seen cs e.
Proof. destruct c; simpl; try tauto; eauto. Qed.

Lemma holder_locked threads s t :
  lock_inv threads s -> holds (pc s t) -> locked (wd s) = true /\ queued (wd s) = true.
Proof.
  intros L H. destruct (holds_is _ H) as (a & b & c & E). apply (l_holds _ _ L) in E. firstorder.
Qed.

Lemma locked_queued threads s : lock_inv threads s -> locked (wd s) = true -> queued (wd s) = true.
Proof. intros L H. destruct (l_locked _ _ L H) as [t T]. eapply holder_locked; eauto. Qed.

Lemma unqueued_unlocked threads s : lock_inv threads s -> queued (wd s) = false -> locked (wd s) = false.
Proof.
  intros L H. destruct (locked (wd s)) eqn:E; auto. apply (locked_queued _ _ L) in E. congruence.
Qed.

Lemma lock_inv_init threads c : lock_inv threads (initial c).
Proof.
  constructor; simpl; intros; try congruence; try tauto.
  split; intros; congruence.
Qed.

Lemma lock_inv_step threads t s s' : (t < threads)%nat -> lock_inv threads s -> step t s s' -> lock_inv threads s'.
Proof.
  intros T L St.
  assert (Lf : locked (wd s) = false -> forall t', ~ holds (pc s t')).
  { intros F t' H. destruct (holder_locked _ _ _ L H). congruence. }
  assert (Qf := unqueued_unlocked _ _ L).
  assert (H1 : forall seen cs e, pc s t = Holds seen cs e -> forall t', holds (pc s t') -> t' = t).
  { intros seen cs e E t' H. apply (l_one _ _ L); auto. rewrite E; exact I. }
  inversion St; subst; clear St.
  all: try (destruct c; simpl in *).
  all: try match goal with H : pc _ _ = Holds _ _ _ |- _ =>
    pose proof (l_holds _ _ L _ _ _ _ H) as HO; unfold holder_ok in HO;
    destruct HO as (HO1 & HO2 & HO3 & HO4 & HO5 & HO6 & HO7 & HO8);
    specialize (H1 _ _ _ H) end.
  all: constructor; simpl.
  (* l_idle *)
  all: try (intros t' T'; upd; try lia; apply (l_idle _ _ L); assumption).
  all: try exact (l_f2 _ _ L).
  all: try exact (l_range _ _ L).
  all: try exact (l_one _ _ L).
  all: try exact (l_locked _ _ L).
  (* l_holds *)
  all: try (intros t' seen' cs' e' E; unfold holder_ok; simpl; upd;
    try (destruct (queued (wd s)); discriminate E);
    try (destruct again; discriminate E);
    try discriminate E;
    try (exfalso; apply (Lf ltac:(auto) t'); rewrite E; exact I);
    try (exfalso; match goal with H : _ <> _ |- _ => apply H; apply H1; rewrite E; exact I end);
    first [ injection E as <- <- <- | apply (l_holds _ _ L) in E; unfold holder_ok in E ];
    simpl; intuition (try congruence; try lia); fail).
  (* l_one *)
  all: try (intros t1 t2; upd; intros A B; auto;
    try (exfalso; eapply Lf; eauto; fail);
    try (exfalso; match goal with H : _ <> _ |- _ => apply H; apply H1; assumption end);
    try (destruct (queued (wd s)); simpl in *; tauto);
    try (destruct again; simpl in *; tauto);
    try tauto; apply (l_one _ _ L); assumption).
  (* l_locked *)
  all: try (intros _; exists t; upd; [exact I | congruence]).
  all: try (intros K; try discriminate K;
    destruct (l_locked _ _ L K) as [t' Ht]; exists t'; upd; auto;
    repeat match goal with H : pc _ _ = _ |- _ => rewrite H in Ht; simpl in Ht end; tauto).
  (* l_f2 *)
  all: try (intros K; try discriminate K; try congruence; apply (l_f2 _ _ L); exact K).
  (* l_range *)
  all: try (intros r' In'; apply (l_range _ _ L);
    match goal with H : queue _ = _ |- _ => rewrite H end;
    try (apply in_app_iff in In'; apply in_app_iff; simpl; tauto); simpl; tauto).
  - intros r' In'. apply in_app_iff in In'. destruct In' as [In'|[<-|[]]]; [apply (l_range _ _ L); auto | simpl; lia].
  - (* claim: the sum *)
    intros t' seen' cs' e' E. upd.
    2:{ exfalso. apply n. apply H1. rewrite E. exact I. }
    inversion E; subst; clear E. unfold holder_ok; simpl.
    repeat split; auto.
    destruct H2 as [S1 S2]. unfold can_serve, minus in S1; simpl in S1.
    assert (1 <= rmin r <= rmax r) by (apply (l_range _ _ L); rewrite H0; left; auto).
    rewrite csum_app. unfold share. simpl. destruct (closed seen'); [lia|].
    destruct S2; [discriminate|]. lia.
  - intros _. destruct (queue s); simpl.
    + split; congruence.
    + rewrite HO2. split; intros; congruence.
Qed.
