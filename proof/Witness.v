(** The model is not empty: a run in which a request for 2 permits waits, is granted them and takes them. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model.
Import ListNotations.
Open Scope Z_scope.

(** Thread [t] takes a step from the state that [R] reaches. *)
Tactic Notation "next" hyp(R) constr(t) tactic3(s) :=
  let K := fresh in
  eassert (K : reachable 2 0 _); [eapply (r_step _ _ _ t _ R); [lia | s] | clear R; rename K into R].

Theorem a_request_is_granted :
  exists s, reachable 2 0 s /\ st s 7%nat = Done /\ held s = 2 /\ permits (wd s) = 1 /\ queue s = [].
Proof.
  assert (R : reachable 2 0 (initial 0)) by (apply r_initial; lia).
  next R 0%nat (apply (s_lock_to_enqueue _ _ 2 2); [reflexivity | reflexivity | reflexivity | lia | simpl; lia]).
  next R 0%nat (apply (s_push _ _ (Word 0 true true false) [] 2 2 7); reflexivity).
  next R 0%nat (apply (s_unlock _ _ (Word 0 true true false) [] false); [reflexivity | reflexivity | ]).
  { simpl. intros [[A|A] _]; simpl in A; [lia | discriminate]. }
  next R 0%nat (apply (s_published _ _ false false); reflexivity).
  next R 1%nat (apply (s_update_and_lock _ _ (Add 3)); [reflexivity | simpl; lia | reflexivity | reflexivity]).
  next R 1%nat (apply (s_claim _ _ (Word 3 true true false) [] (Request 7 2 2) []); [reflexivity | reflexivity | ]).
  { split; [left | right]; simpl; lia. }
  next R 1%nat (apply (s_unlock _ _ (Word 3 true true false) [(7%nat, 2)] false); [reflexivity | reflexivity | exact (fun x => x)]).
  next R 1%nat (apply (s_publish _ _ 7%nat 2 [] false false); reflexivity).
  next R 0%nat (apply (s_take_granted _ _ 7%nat 2); reflexivity).
  eexists. split; [exact R|]. repeat split; reflexivity.
Qed.
