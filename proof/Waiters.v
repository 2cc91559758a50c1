(** Part 2 of the invariant: the queue, the claims and the states of the waiters agree. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model Invariant.
Import ListNotations.
Open Scope Z_scope.

(** [a] is what is left of [b] when some elements are removed. *)
Inductive subsequence {A} : list A -> list A -> Prop :=
| sub_nil : subsequence [] []
| sub_skip x a b : subsequence a b -> subsequence a (x :: b)
| sub_keep x a b : subsequence a b -> subsequence (x :: a) (x :: b).

Lemma sub_in {A} (a b : list A) x : subsequence a b -> In x a -> In x b.
Proof. induction 1; simpl; intuition. Qed.

Lemma sub_nodup {A} (a b : list A) : subsequence a b -> NoDup b -> NoDup a.
Proof.
  induction 1; intros D; auto; inversion D; subst; auto.
  constructor; auto. intros K. apply (sub_in _ _ _ H) in K. tauto.
Qed.

Lemma sub_app {A} (a b : list A) x : subsequence a b -> subsequence (a ++ [x]) (b ++ [x]).
Proof. induction 1; simpl; [apply sub_keep, sub_nil | apply sub_skip | apply sub_keep]; auto. Qed.

Lemma sub_drop {A} (a1 a2 b : list A) x : subsequence (a1 ++ x :: a2) b -> subsequence (a1 ++ a2) b.
Proof.
  remember (a1 ++ x :: a2) as l. intros H. revert a1 Heql.
  induction H; intros a1 E.
  - destruct a1; discriminate.
  - constructor. auto.
  - destruct a1; simpl in *; injection E as -> ->.
    + constructor; auto.
    + apply sub_keep. auto.
Qed.

Lemma nodup_snoc {A} (a : list A) x : NoDup a -> ~ In x a -> NoDup (a ++ [x]).
Proof.
  induction 1; simpl; intros; constructor; auto.
  - constructor.
  - rewrite in_app_iff; simpl. intuition.
Qed.

Record waiter_inv (s : state) : Prop := {
  w_queue_st : forall w, In w (map waiter (queue s)) -> st s w = Queued;
  w_st_queue : forall w, st s w = Queued -> In w (map waiter (queue s));
  w_claims_st : forall t w n, In (w, n) (claims (pc s t)) -> st s w = Claimed n;
  w_st_claims : forall w n, st s w = Claimed n -> exists t, In (w, n) (claims (pc s t));
  w_claims_one : forall t t' w n n',
    In (w, n) (claims (pc s t)) -> In (w, n') (claims (pc s t')) -> t = t';
  w_claims_nodup : forall t, NoDup (map fst (claims (pc s t)));
  w_claims_pos : forall t w n, In (w, n) (claims (pc s t)) -> 0 <= n;
  w_nodup : NoDup (enqueued s);
  w_st_enq : forall w, st s w <> New -> In w (enqueued s);
  w_enq_st : forall w, In w (enqueued s) -> st s w <> New;
  w_order : subsequence (claimed s ++ map waiter (queue s)) (enqueued s)
}.

Lemma waiter_inv_init c : waiter_inv (initial c).
Proof. constructor; simpl; intros; try congruence; try tauto; constructor. Qed.

Lemma queue_nodup s : waiter_inv s -> NoDup (map waiter (queue s)).
Proof.
  intros V. pose proof (sub_nodup _ _ (w_order _ V) (w_nodup _ V)) as D. revert D.
  induction (claimed s); simpl; auto. intros D. inversion D; auto.
Qed.

Lemma share_pos threads s w c r : lock_inv threads s -> In r (queue s) -> servable w c r -> 0 <= share w c r.
Proof.
  intros L I [A B]. apply (l_range _ _ L) in I. unfold can_serve, minus in A; simpl in A. unfold share.
  destruct (closed w); [lia|]. destruct B; [discriminate|]. lia.
Qed.

(** A step that changes neither the queue, nor the claims, nor a waiter. *)
Lemma waiter_inv_same s s' :
  waiter_inv s -> queue s' = queue s -> st s' = st s -> enqueued s' = enqueued s -> claimed s' = claimed s ->
  (forall t, claims (pc s' t) = claims (pc s t)) -> waiter_inv s'.
Proof.
  intros [V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11] A B C D E. constructor; rewrite ?A, ?B, ?C, ?D; auto.
  - intros t w n. rewrite E. apply V3.
  - intros w n H. destruct (V4 w n H) as [t T]. exists t. rewrite E. exact T.
  - intros t t' w n n'. rewrite !E. apply V5.
  - intros t. rewrite E. apply V6.
  - intros t w n. rewrite E. apply V7.
Qed.

(** A waiter that is neither queued nor claimed nor new gets a status of the same kind. *)
Lemma waiter_inv_taken s s' w x :
  waiter_inv s -> queue s' = queue s -> st s' = upd (st s) w x -> enqueued s' = enqueued s ->
  claimed s' = claimed s -> pc s' = pc s ->
  (exists n, st s w = Granted n) \/ st s w = Failed -> x = Done -> waiter_inv s'.
Proof.
  intros [V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11] A B C D E F ->. constructor; rewrite ?A, ?B, ?C, ?D, ?E; auto.
  - intros v H. unfold upd. destruct (Nat.eq_dec v w); auto. subst. apply V1 in H.
    destruct F as [[n F]|F]; congruence.
  - intros v H. unfold upd in H. destruct (Nat.eq_dec v w); auto. discriminate.
  - intros t v n H. unfold upd. destruct (Nat.eq_dec v w); eauto. subst. apply V3 in H.
    destruct F as [[m F]|F]; congruence.
  - intros v n H. unfold upd in H. destruct (Nat.eq_dec v w); auto. discriminate.
  - intros v H. unfold upd in H. destruct (Nat.eq_dec v w); auto. subst. apply V9.
    destruct F as [[m F]|F]; congruence.
  - intros v H. unfold upd. destruct (Nat.eq_dec v w); auto. discriminate.
Qed.

Lemma claims_upd s t c : claims c = claims (pc s t) -> forall t', claims (upd (pc s) t c t') = claims (pc s t').
Proof. intros E t'. unfold upd. destruct (Nat.eq_dec t' t); subst; auto. Qed.

Lemma waiter_inv_step threads t s s' : lock_inv threads s -> waiter_inv s -> step t s s' -> waiter_inv s'.
Proof.
  intros L V St.
  inversion St; subst; clear St.
  all: try (destruct c).
  (* steps that change no waiter *)
  all: try (apply (waiter_inv_same s); simpl; auto; try (apply claims_upd);
    repeat match goal with H : pc _ _ = _ |- _ => rewrite H end; simpl; auto;
    try (destruct (queued (wd s))); try (destruct again); simpl; auto; fail).
  (* take *)
  all: try (eapply (waiter_inv_taken s _ w Done); simpl; eauto; fail).
  - (* push *)
    assert (Cl : forall t', claims (upd (pc s) t (Holds seen cs Nothing) t') = claims (pc s t')).
    { apply claims_upd. rewrite H. reflexivity. }
    destruct V as [V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11].
    constructor; simpl; rewrite ?map_app; simpl.
    + intros v K. apply in_app_iff in K. upd; auto. destruct K as [K|[K|[]]]; auto; congruence.
    + intros v K. apply in_app_iff. simpl. upd; auto.
    + intros t' v n. rewrite Cl. intros K. apply V3 in K. upd; auto. congruence.
    + intros v n K. upd; try discriminate. destruct (V4 v n K) as [t' K']. exists t'.
      rewrite <- Cl in K'. exact K'.
    + intros t1 t2 v n n'. rewrite !Cl. apply V5.
    + intros t'. rewrite Cl. apply V6.
    + intros t' v n. rewrite Cl. apply V7.
    + apply nodup_snoc; auto. intros K. apply V10 in K. congruence.
    + intros v K. apply in_app_iff. simpl. upd; auto.
    + intros v K. apply in_app_iff in K. upd; [discriminate|]. destruct K as [K|[K|[]]]; auto; congruence.
    + rewrite app_assoc. apply sub_app. exact V11.
  - (* remove *)
    pose proof (queue_nodup _ V) as D. rewrite H0, map_app in D. simpl in D.
    assert (Q : st s (waiter r) = Queued).
    { apply (w_queue_st _ V). rewrite H0, map_app. apply in_app_iff. simpl. auto. }
    assert (Cl : forall t', claims (upd (pc s) t (Holds seen cs Nothing) t') = claims (pc s t')).
    { apply claims_upd. rewrite H. reflexivity. }
    destruct V as [V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11].
    rewrite H0, map_app in *. simpl in *.
    pose proof (NoDup_remove_2 _ _ _ D) as D2. rewrite <- map_app in *.
    constructor; simpl.
    + intros v K. upd; [tauto|]. apply V1. rewrite map_app in K. apply in_app_iff in K.
      apply in_app_iff. simpl. tauto.
    + intros v K. upd; [discriminate|]. apply V2 in K. rewrite map_app. apply in_app_iff in K. apply in_app_iff.
      simpl in K. destruct K as [K|[K|K]]; auto. congruence.
    + intros t' v n'. rewrite Cl. intros K. apply V3 in K. upd; auto. congruence.
    + intros v n' K. upd; try discriminate. destruct (V4 v n' K) as [t' K']. exists t'.
      rewrite <- Cl in K'. exact K'.
    + intros t1 t2 v n' n''. rewrite !Cl. apply V5.
    + intros t'. rewrite Cl. apply V6.
    + intros t' v n'. rewrite Cl. apply V7.
    + exact V8.
    + intros v K. upd; auto. apply V9. congruence.
    + intros v K. upd; [discriminate|]. auto.
    + rewrite map_app, app_assoc. apply sub_drop with (x := waiter r). rewrite <- app_assoc. exact V11.
  - (* claim *)
    pose proof (queue_nodup _ V) as D. rewrite H0 in D. simpl in D. inversion D as [|? ? D1 D2]; subst.
    assert (Q : st s (waiter r) = Queued).
    { apply (w_queue_st _ V). rewrite H0. simpl. auto. }
    assert (Pos0 : 0 <= share seen (csum cs) r).
    { apply (share_pos threads s); auto. rewrite H0. left. reflexivity. }
    destruct V as [V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11].
    rewrite H0 in *. simpl in *.
    set (n := share seen (csum cs) r) in *.
    assert (Pos : 0 <= n).
    { exact Pos0. }
    assert (Fresh : forall t' m, ~ In (waiter r, m) (claims (pc s t'))).
    { intros t' m K. apply V3 in K. congruence. }
    assert (Cl : forall t' v m, In (v, m) (claims (upd (pc s) t (Holds seen (cs ++ [(waiter r, n)]) Nothing) t')) ->
      In (v, m) (claims (pc s t')) \/ (t' = t /\ v = waiter r /\ m = n)).
    { intros t' v m. unfold upd. destruct (Nat.eq_dec t' t); auto. subst. rewrite H. simpl.
      rewrite in_app_iff. simpl. intros [K|[K|[]]]; auto. injection K as <- <-. auto. }
    constructor; simpl.
    + intros v K. upd; [tauto|]. apply V1. auto.
    + intros v K. upd; [discriminate|]. apply V2 in K. destruct K; congruence.
    + intros t' v m K. apply Cl in K. destruct K as [K|(-> & -> & ->)].
      * pose proof (V3 _ _ _ K). upd; auto. exfalso. eapply Fresh; eauto.
      * upd; auto. congruence.
    + intros v m K. upd.
      * injection K as <-. exists t. destruct (Nat.eq_dec t t); [|congruence]. simpl. rewrite in_app_iff. simpl. auto.
      * destruct (V4 v m K) as [t' K']. exists t'. destruct (Nat.eq_dec t' t); auto. subst. rewrite H in K'.
        simpl in *. rewrite in_app_iff. auto.
    + intros t1 t2 v m m' K1 K2. apply Cl in K1. apply Cl in K2.
      destruct K1 as [K1|(-> & -> & ->)]; destruct K2 as [K2|(-> & ? & ->)]; subst; eauto;
        exfalso; eapply Fresh; eauto.
    + intros t'. pose proof (V6 t') as Dt. pose proof (Fresh t) as Ft. upd; auto. rewrite H in *. simpl in *.
      rewrite map_app. simpl. apply nodup_snoc; auto.
      intros K. apply in_map_iff in K. destruct K as ((v, m) & E & K). simpl in E. subst. eapply Ft; eauto.
    + intros t' v m K. apply Cl in K. destruct K as [K|(-> & -> & ->)]; eauto.
    + exact V8.
    + intros v K. upd; auto. apply V9. congruence.
    + intros v K. upd; [discriminate|]. auto.
    + rewrite <- app_assoc. exact V11.
  - (* publish *)
    assert (C0 : st s w = Claimed n).
    { apply (w_claims_st _ V t). rewrite H. simpl. auto. }
    destruct V as [V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11].
    assert (Sub : forall t' v m, In (v, m) (claims (upd (pc s) t (Publishing cs failed again) t')) ->
      In (v, m) (claims (pc s t')) /\ v <> w).
    { intros t' v m K. unfold upd in K. destruct (Nat.eq_dec t' t).
      - subst. pose proof (V6 t) as D. rewrite H in *. simpl in *. split; auto. intros ->.
        inversion D; subst. apply H2. apply in_map_iff. exists (w, m). auto.
      - split; auto. intros ->. apply n0. apply (V5 t' t w m n); auto. rewrite H. simpl. auto. }
    constructor; simpl.
    + intros v K. apply V1 in K. upd; auto. congruence.
    + intros v K. upd; [destruct failed; discriminate|]. auto.
    + intros t' v m K. apply Sub in K. destruct K as [K Ne]. apply V3 in K. unfold upd.
      destruct (Nat.eq_dec v w); auto. congruence.
    + intros v m K. unfold upd in K. destruct (Nat.eq_dec v w); [destruct failed; discriminate|].
      destruct (V4 v m K) as [t' K']. exists t'. unfold upd. destruct (Nat.eq_dec t' t); auto. subst.
      rewrite H in K'. simpl in *. destruct K' as [K'|K']; auto. congruence.
    + intros t1 t2 v m m' K1 K2. apply Sub in K1. apply Sub in K2. eapply V5; [apply K1|apply K2].
    + intros t'. pose proof (V6 t') as D. unfold upd. destruct (Nat.eq_dec t' t); auto. subst. rewrite H in D.
      simpl in *. inversion D; auto.
    + intros t' v m K. apply Sub in K. eapply V7. apply K.
    + exact V8.
    + intros v K. upd; auto. apply V9. congruence.
    + intros v K. upd; auto. destruct failed; discriminate.
    + exact V11.
Qed.
