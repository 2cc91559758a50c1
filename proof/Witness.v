(** The model is not empty: a run in which a request for 2 permits waits, is granted them and takes them, and a run in which
    all other steps are taken. So no step has a premise that is never true. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Model.
Import ListNotations.
Open Scope Z_scope.

(** Thread [t] takes a step from the state that [R] reaches, which is then computed. *)
Tactic Notation "next" hyp(R) constr(threads) constr(created) constr(t) tactic3(s) :=
  let K := fresh in
  eassert (K : reachable threads created _); [eapply (r_step _ _ _ t _ R); [lia | s] | clear R; rename K into R; lazy -[upd] in R].

Theorem a_request_is_granted :
  exists s, reachable 2 0 s /\ st s 7%nat = Done /\ held s = 2 /\ permits (wd s) = 1 /\ queue s = [].
Proof.
  assert (R : reachable 2 0 (initial 0)) by (apply r_initial; lia).
  next R 2%nat 0 0%nat (apply (s_lock_to_enqueue _ _ 2 2); [reflexivity | reflexivity | reflexivity | lia | simpl; lia]).
  next R 2%nat 0 0%nat (apply (s_push _ _ (Word 0 true true false) [] 2 2 7); reflexivity).
  next R 2%nat 0 0%nat (apply (s_unlock _ _ (Word 0 true true false) [] false); [reflexivity | reflexivity | ]).
  { simpl. intros [[A|A] _]; simpl in A; [lia | discriminate]. }
  next R 2%nat 0 0%nat (apply (s_published _ _ false false); reflexivity).
  next R 2%nat 0 1%nat (apply (s_update_and_lock _ _ (Add 3)); [reflexivity | simpl; lia | reflexivity | reflexivity]).
  next R 2%nat 0 1%nat (apply (s_claim _ _ (Word 3 true true false) [] (Request 7 2 2) []); [reflexivity | reflexivity | ]).
  { split; [left | right]; simpl; lia. }
  next R 2%nat 0 1%nat (apply (s_unlock _ _ (Word 3 true true false) [(7%nat, 2)] false); [reflexivity | reflexivity | exact (fun x => x)]).
  next R 2%nat 0 1%nat (apply (s_publish _ _ 7%nat 2 [] false false); reflexivity).
  next R 2%nat 0 0%nat (apply (s_take_granted _ _ 7%nat 2); reflexivity).
  eexists. split; [exact R|]. repeat split; reflexivity.
Qed.

(** The run for the other steps. Two permits are created and acquired. The requests 5 and 6 are queued. Request 5 is cancelled
    while a permit is released, which finds the queue locked, so the cancelling thread's attempt to unlock fails and it
    claims for request 6. Then a third request is queued and fails, because the semaphore is closed in the meantime. *)
Theorem every_other_step_is_taken :
  exists s, reachable 3 2 s /\ st s 5%nat = Done /\ st s 6%nat = Done /\ st s 7%nat = Done /\ held s = 1 /\
    permits (wd s) = -1 /\ forgotten s = 1 /\ reduced s = 2 /\ closed (wd s) = true /\ queue s = [].
Proof.
  assert (R : reachable 3 2 (initial 2)) by (apply r_initial; lia).
  next R 3%nat 2 0%nat (apply (s_acquire _ _ 2); [reflexivity | reflexivity | reflexivity | simpl; lia]).
  next R 3%nat 2 0%nat (apply (s_lock_to_enqueue _ _ 2 2); [reflexivity | reflexivity | reflexivity | lia | simpl; lia]).
  next R 3%nat 2 0%nat (apply (s_push _ _ (Word 0 true true false) [] 2 2 5); reflexivity).
  next R 3%nat 2 0%nat (apply (s_unlock _ _ (Word 0 true true false) [] false); [reflexivity | reflexivity | ]).
  { simpl. intros [[A|A] _]; simpl in A; [lia | discriminate]. }
  next R 3%nat 2 0%nat (apply (s_published _ _ false false); reflexivity).
  next R 3%nat 2 1%nat (apply (s_lock_to_enqueue _ _ 1 1); [reflexivity | reflexivity | reflexivity | lia | simpl; lia]).
  next R 3%nat 2 1%nat (apply (s_push _ _ (Word 0 true true false) [] 1 1 6); reflexivity).
  next R 3%nat 2 1%nat (apply (s_unlock _ _ (Word 0 true true false) [] false); [reflexivity | reflexivity | ]).
  { simpl. intros [[A|A] _]; simpl in A; [lia | discriminate]. }
  next R 3%nat 2 1%nat (apply (s_published _ _ false false); reflexivity).
  (* A permit is released, is not enough for the front, and the thread looks and leaves the queue as it is. *)
  next R 3%nat 2 0%nat (apply (s_release_fast _ _ 1); [reflexivity | simpl; lia]).
  next R 3%nat 2 0%nat (apply s_look_and_lock; reflexivity).
  next R 3%nat 2 0%nat (apply (s_unlock _ _ (Word 1 true true false) [] false); [reflexivity | reflexivity | ]).
  { simpl. intros [_ [A|A]]; simpl in A; [discriminate | lia]. }
  next R 3%nat 2 0%nat (apply (s_published _ _ false false); reflexivity).
  next R 3%nat 2 0%nat (apply (s_forget _ _ 1); [reflexivity | reflexivity | simpl; lia]).
  (* Request 5 is cancelled; the release in between leaves the queue to the lock holder. *)
  next R 3%nat 2 0%nat (apply (s_lock_for_owner _ _ 5%nat); reflexivity).
  next R 3%nat 2 1%nat (apply (s_release_fast _ _ 1); [reflexivity | simpl; lia]).
  next R 3%nat 2 1%nat (apply s_look_and_leave; [reflexivity | right; reflexivity]).
  next R 3%nat 2 0%nat (apply (s_remove _ _ (Word 0 true true false) [] (Request 5 2 2) [] [Request 6 1 1]); reflexivity).
  next R 3%nat 2 0%nat (apply (s_unlock_fails _ _ (Word 0 true true false) []); [reflexivity | discriminate]).
  next R 3%nat 2 0%nat (apply (s_claim _ _ (Word 1 true true false) [] (Request 6 1 1) []); [reflexivity | reflexivity | ]).
  { split; [left | right]; simpl; lia. }
  next R 3%nat 2 0%nat (apply (s_unlock _ _ (Word 1 true true false) [(6%nat, 1)] true); [reflexivity | reflexivity | discriminate]).
  next R 3%nat 2 0%nat (apply (s_publish _ _ 6%nat 1 [] false true); reflexivity).
  next R 3%nat 2 0%nat (apply (s_published _ _ false true); reflexivity).
  next R 3%nat 2 0%nat (apply s_look_and_leave; [reflexivity | left; reflexivity]).
  next R 3%nat 2 1%nat (apply (s_take_granted _ _ 6%nat 1); reflexivity).
  (* A request that is closed; its owner tries to replace its waker after it was claimed. *)
  next R 3%nat 2 2%nat (apply (s_reduce _ _ 2); [reflexivity | reflexivity | lia]).
  next R 3%nat 2 2%nat (apply (s_update _ _ (Add 1)); [reflexivity | simpl; lia | left; reflexivity]).
  next R 3%nat 2 1%nat (apply (s_lock_to_enqueue _ _ 1 1); [reflexivity | reflexivity | reflexivity | lia | simpl; lia]).
  next R 3%nat 2 1%nat (apply (s_push _ _ (Word (-1) true true false) [] 1 1 7); reflexivity).
  next R 3%nat 2 1%nat (apply (s_unlock _ _ (Word (-1) true true false) [] false); [reflexivity | reflexivity | ]).
  { simpl. intros [[A|A] _]; simpl in A; [lia | discriminate]. }
  next R 3%nat 2 1%nat (apply (s_published _ _ false false); reflexivity).
  next R 3%nat 2 1%nat (apply (s_lock_for_owner _ _ 7%nat); reflexivity).
  next R 3%nat 2 2%nat (apply (s_update _ _ Close); [reflexivity | exact I | right; reflexivity]).
  next R 3%nat 2 1%nat (apply (s_no_edit _ _ (Word (-1) true true false) [] (Remove 7)); [reflexivity | discriminate]).
  next R 3%nat 2 1%nat (apply (s_unlock_fails _ _ (Word (-1) true true false) []); [reflexivity | discriminate]).
  next R 3%nat 2 1%nat (apply (s_claim _ _ (Word (-1) true true true) [] (Request 7 1 1) []); [reflexivity | reflexivity | ]).
  { split; [right | left]; reflexivity. }
  next R 3%nat 2 1%nat (apply (s_unlock _ _ (Word (-1) true true true) [(7%nat, 0)] false); [reflexivity | reflexivity | exact (fun x => x)]).
  next R 3%nat 2 1%nat (apply (s_publish _ _ 7%nat 0 [] true false); reflexivity).
  next R 3%nat 2 1%nat (apply (s_published _ _ true false); reflexivity).
  next R 3%nat 2 1%nat (apply (s_take_failed _ _ 7%nat); reflexivity).
  eexists. split; [exact R|]. repeat split; reflexivity.
Qed.
