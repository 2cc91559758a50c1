(** Lists whose elements are found and replaced by number, and sums over them. *)

From Coq Require Import ZArith List Lia Bool Arith Sorted.
Import ListNotations.
Open Scope Z_scope.

Fixpoint put {A} (l : list A) (i : nat) (a : A) : list A :=
  match l, i with
  | [], _ => []
  | _ :: l, O => a :: l
  | b :: l, S i => b :: put l i a
  end.

Definition total {A} (f : A -> Z) (l : list A) : Z := fold_right (fun a z => f a + z) 0 l.

Lemma nth_put {A} (l : list A) i j a b :
  nth_error l i = Some b -> nth_error (put l i a) j = if Nat.eqb j i then Some a else nth_error l j.
Proof.
  revert i j. induction l as [|c l IH]; intros [|i] [|j] H; simpl in *; try discriminate; auto.
Qed.

Lemma length_put {A} (l : list A) i a : length (put l i a) = length l.
Proof. revert i. induction l; intros [|i]; simpl; auto. Qed.

Lemma map_put {A B} (f : A -> B) l i a : map f (put l i a) = put (map f l) i (f a).
Proof. revert i. induction l; intros [|i]; simpl; auto. now rewrite IHl. Qed.

Lemma put_same {A} (l : list A) i a : nth_error l i = Some a -> put l i a = l.
Proof.
  revert i. induction l; intros [|i] H; simpl in *; try discriminate; auto.
  - now injection H as ->.
  - now rewrite IHl.
Qed.

Lemma put_put {A} (l : list A) i a b : put (put l i a) i b = put l i b.
Proof. revert i. induction l; intros [|i]; simpl; auto. now rewrite IHl. Qed.

Lemma total_put {A} (f : A -> Z) l i a b :
  nth_error l i = Some b -> total f (put l i a) = total f l - f b + f a.
Proof.
  revert i. induction l as [|c l IH]; intros [|i] H; simpl in *; try discriminate.
  - injection H as ->. unfold total. simpl. lia.
  - unfold total in *. simpl. rewrite (IH i H). lia.
Qed.

Lemma total_app {A} (f : A -> Z) l m : total f (l ++ m) = total f l + total f m.
Proof. induction l; unfold total in *; simpl in *; [|rewrite IHl]; lia. Qed.

Lemma total_map {A B} (f : B -> Z) (g : A -> B) l : total f (map g l) = total (fun a => f (g a)) l.
Proof. induction l; unfold total in *; simpl in *; [|rewrite IHl]; lia. Qed.

Lemma total_nonneg {A} (f : A -> Z) l : Forall (fun a => 0 <= f a) l -> 0 <= total f l.
Proof. induction 1; unfold total in *; simpl in *; lia. Qed.

Lemma total_ge {A} (f : A -> Z) l i a :
  Forall (fun a => 0 <= f a) l -> nth_error l i = Some a -> f a <= total f l.
Proof.
  intros H. revert i. induction H; intros [|i] E; simpl in *; try discriminate.
  - injection E as ->. apply total_nonneg in H0. unfold total in *; simpl; lia.
  - apply IHForall in E. unfold total in *; simpl in *; lia.
Qed.

Lemma Forall_put {A} (P : A -> Prop) l i a : Forall P l -> P a -> Forall P (put l i a).
Proof. intros H Ha. revert i. induction H; intros [|i]; simpl; auto. Qed.

Lemma Forall_nth {A} (P : A -> Prop) l i a : Forall P l -> nth_error l i = Some a -> P a.
Proof. intros H E. apply nth_error_In in E. rewrite Forall_forall in H. auto. Qed.

(** Strictly increasing numbers. *)
Definition increasing := StronglySorted lt.

Lemma increasing_app_r (l m : list nat) : increasing (l ++ m) -> increasing m.
Proof. induction l; simpl; auto. intros H. inversion H; auto. Qed.

Lemma increasing_app_l (l m : list nat) : increasing (l ++ m) -> increasing l.
Proof.
  induction l as [|a l IH]; simpl; intros H; [constructor|]. inversion H as [|? ? H1 H2]; subst.
  constructor; [now apply IH|]. apply Forall_app in H2. tauto.
Qed.

Lemma increasing_last l n : increasing l -> Forall (fun i => i < n)%nat l -> increasing (l ++ [n]).
Proof.
  induction 1; simpl; intros F.
  - repeat constructor.
  - inversion F; subst. constructor; [now apply IHStronglySorted|]. apply Forall_app. split; auto.
Qed.

Lemma increasing_remove l1 i l2 : increasing (l1 ++ i :: l2) -> increasing (l1 ++ l2).
Proof.
  induction l1; simpl; intros H; inversion H; subst; auto.
  constructor; [now apply IHl1|]. apply Forall_app in H3 as [F1 F2]. inversion F2. apply Forall_app. auto.
Qed.

Lemma increasing_notin i l : increasing (i :: l) -> ~ In i l.
Proof. intros H. inversion H; subst. rewrite Forall_forall in H3. intros I. apply H3 in I. lia. Qed.

Definition without (i : nat) (l : list nat) : list nat := filter (fun j => negb (Nat.eqb j i)) l.

Lemma without_app i l m : without i (l ++ m) = without i l ++ without i m.
Proof. apply filter_app. Qed.

Lemma without_notin i l : ~ In i l -> without i l = l.
Proof.
  induction l as [|j l IH]; simpl; auto. intros H.
  destruct (Nat.eqb_spec j i); simpl; [exfalso; auto|]. f_equal. apply IH. auto.
Qed.

Lemma in_without i j l : In j (without i l) <-> In j l /\ j <> i.
Proof.
  unfold without. rewrite filter_In. destruct (Nat.eqb_spec j i); simpl; intuition discriminate.
Qed.

Lemma increasing_without i l : increasing l -> increasing (without i l).
Proof.
  induction 1; simpl; [constructor|]. destruct (negb (Nat.eqb a i)); auto.
  constructor; [assumption|]. rewrite Forall_forall in *. intros j I. apply in_without in I. apply H0. tauto.
Qed.

Definition available (p : Z) : Z := Z.max 0 p.

Definition is_nil {A} (l : list A) : bool := match l with [] => true | _ => false end.
Definition is_some {A} (o : option A) : bool := match o with Some _ => true | None => false end.

(** [check b] in front of the rest of a step: the step exists only if [b]. *)
Notation "'check' b ';;' x" := (if b then x else None) (at level 60, b at level 55, right associativity).
Notation "'read' a '<-' o ';;' x" := (match o with Some a => x | None => None end)
  (at level 60, a pattern, o at level 55, right associativity).
