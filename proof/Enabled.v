(** If the test in the sources succeeds, the protocol has the step, and the step has the effect that the sources give it. A
    model that forbids what the sources do would make every other theorem easier; here it fails. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Base Protocol.
Import ListNotations.
Open Scope Z_scope.

(** The thread has returned from its last critical section. *)
Definition may_start (s : state) (t : nat) (x : thread) : Prop :=
  nth_error (threads s) t = Some x /\ todo x = [] /\ match holding s with Some h => who h <> t | None => True end.

Definition claimed_now (s : state) : list claim := match holding s with Some h => claims h | None => [] end.

Definition has_lock (s : state) (t : nat) (h : holder) : Prop := holding s = Some h /\ who h = t.

Lemma start s t x : may_start s t x -> idle s t = Some x.
Proof.
  intros (T & E & H). unfold idle, holds. rewrite T, E. destruct (holding s) as [h|]; simpl; auto.
  destruct (Nat.eqb_spec (who h) t); [contradiction|reflexivity].
Qed.

Lemma has s t h : has_lock s t h -> my_lock s t = Some h.
Proof. intros [H <-]. unfold my_lock. rewrite H, Nat.eqb_refl. reflexivity. Qed.

Ltac enabled :=
  intros;
  repeat match goal with
  | H : may_start _ _ _ |- _ => pose proof (proj1 H); apply start in H
  | H : has_lock _ _ _ |- _ => apply has in H
  end;
  unfold exec, apply;
  repeat match goal with
  | H : ?a = _ |- context [?a] => rewrite H; simpl
  | |- context [?a <=? ?b] => replace (a <=? b) with true by (symmetry; apply Z.leb_le; lia); simpl
  | |- context [?a =? ?b] => replace (a =? b) with true by (symmetry; apply Z.eqb_eq; lia); simpl
  end;
  simpl; try discriminate; eauto.

(** ** A new request ([try_take], [share_of_new], [take_all]) *)

Theorem can_acquire s t x mn mx : may_start s t x -> queued (wd s) = false -> closed (wd s) = false ->
  0 <= mn <= mx -> mn <= permits (wd s) -> exec s t (Acquire mn mx (Z.min (permits (wd s)) mx)) <> None.
Proof. enabled. Qed.

Theorem can_lock_to_enqueue s t x : may_start s t x -> locked (wd s) = false -> closed (wd s) = false ->
  exec s t LockToEnqueue <> None.
Proof. enabled. Qed.

Theorem can_lock_for_all s t x : may_start s t x -> locked (wd s) = false -> queued (wd s) = false ->
  closed (wd s) = false -> exec s t LockForAll <> None.
Proof. enabled. Qed.

Theorem can_push s t h from mn mx : has_lock s t h -> doing h = ToPush from -> 1 <= mn <= mx ->
  queued from = true \/ permits from < mn -> exec s t (Push (Range mn mx)) <> None.
Proof.
  enabled. destruct (queued from); simpl; [discriminate|].
  replace (permits from <? mn) with true; [discriminate|]. symmetry. apply Z.ltb_lt. intuition discriminate.
Qed.

Theorem can_push_all s t h from : has_lock s t h -> doing h = ToPush from -> exec s t (Push All) <> None.
Proof. enabled. Qed.

Theorem can_edit_nothing s t h : has_lock s t h -> doing h <> NoEdit -> exec s t EditNothing <> None.
Proof. enabled. destruct (doing h); congruence. Qed.

Theorem can_find_all s t h : has_lock s t h -> doing h = ToTakeAll None -> closed (seen h) = false ->
  limit s <= permits (seen h) -> exec s t FindAll <> None.
Proof. enabled. Qed.

Lemma same_word_refl w : same_word w w = true.
Proof. unfold same_word. now rewrite Z.eqb_refl, !eqb_reflx. Qed.

Theorem can_take_all s t x h n : has_lock s t h -> nth_error (threads s) t = Some x ->
  doing h = ToTakeAll (Some n) -> wd s = seen h -> exec s t TakeAll <> None.
Proof. enabled; rewrite ?same_word_refl; discriminate. Qed.

(** ** The owner of a node, closed or not *)

Theorem can_lock_for_owner s t x : may_start s t x -> locked (wd s) = false -> queued (wd s) = true ->
  exec s t LockForOwner <> None.
Proof. enabled. Qed.

(** Every queued request can be removed, wherever it is. *)
Theorem can_remove s t h i x : has_lock s t h -> doing h = ToRemove -> In i (queue s) ->
  nth_error (waiters s) i = Some x -> exec s t (Remove i) <> None.
Proof.
  enabled. replace (existsb (Nat.eqb i) (queue s)) with true; [discriminate|].
  symmetry. apply existsb_exists. exists i. split; auto. apply Nat.eqb_refl.
Qed.

Theorem can_take s t x i y n : may_start s t x -> nth_error (waiters s) i = Some y -> st y = Granted n ->
  exec s t (Take i) <> None.
Proof. enabled. Qed.

Theorem can_take_failure s t x i y : may_start s t x -> nth_error (waiters s) i = Some y -> st y = Failed ->
  exec s t (TakeFailure i) <> None.
Proof. enabled. Qed.

Theorem can_cancel s t x i y n : may_start s t x -> nth_error (waiters s) i = Some y -> st y = Granted n ->
  exec s t (Cancel i) <> None.
Proof. enabled. Qed.

(** ** Changes that never wait: whatever the word holds, and whoever has the lock (F6) *)

Theorem can_release s t x n : may_start s t x -> 0 <= n <= hold x ->
  exec s t (Update (Release n)) <> None /\ exec s t (FetchAdd (Release n)) <> None.
Proof. split; enabled. erewrite nth_put, Nat.eqb_refl by eassumption. destruct (queued (wd s)); discriminate. Qed.

Theorem can_drop s t x i y n : may_start s t x -> nth_error (waiters s) i = Some y -> st y = Dropping n ->
  exec s t (Update (Drop i)) <> None /\ exec s t (FetchAdd (Drop i)) <> None.
Proof. split; enabled; destruct (queued (wd s)); discriminate. Qed.

Theorem can_add s t x n : may_start s t x -> 1 <= n <= slack x -> exec s t (Update (Add n)) <> None.
Proof. enabled. Qed.

Theorem can_close s t x : may_start s t x -> exec s t (Update Close) <> None.
Proof. enabled. Qed.

Theorem can_recheck s t x : may_start s t x -> exec s t (Update Recheck) <> None.
Proof. enabled. Qed.

Theorem can_forget s t x n : may_start s t x -> 0 <= n <= permits (wd s) -> exec s t (Lower n true) <> None.
Proof. enabled. Qed.

Theorem can_reduce s t x n : may_start s t x -> 0 <= n -> exec s t (Lower n false) <> None.
Proof. enabled. Qed.

Theorem can_change_limit s t x c : may_start s t x -> 0 <= slack x + c -> exec s t (Limit c) <> None.
Proof. enabled. Qed.

Theorem can_forget_held s t x n : may_start s t x -> 0 <= n <= hold x -> exec s t (ForgetHeld n) <> None.
Proof. enabled. Qed.

(** ** The lock holder ([serve_front]) *)

(** The front is claimed if it fits, and gets all that it may take. *)
Theorem can_claim s t h i l x : has_lock s t h -> doing h = NoEdit -> claims h = [] -> queue s = i :: l ->
  nth_error (waiters s) i = Some x -> closed (seen h) = false ->
  match req x with Range mn _ => mn <= permits (seen h) | All => limit s <= permits (seen h) end ->
  exists s', exec s t Claim = Some s' /\
    claimed_now s' = [(i, match req x with
      | Range _ mx => Z.min (Z.max 0 (permits (seen h))) mx
      | All => Z.max 0 (permits (seen h)) end)].
Proof.
  enabled. unfold front_share. rewrite ?H2, ?H3, ?H4, ?Z.sub_0_r.
  replace (fits (req x) _ (limit s)) with true.
  - eexists. split; [reflexivity|]. simpl. unfold share, available. destruct (req x); reflexivity.
  - symmetry. destruct (req x); apply Z.leb_le; assumption.
Qed.

Theorem can_claim_closed s t h i l x : has_lock s t h -> doing h = NoEdit -> claims h = [] -> queue s = i :: l ->
  nth_error (waiters s) i = Some x -> closed (seen h) = true -> exec s t Claim <> None.
Proof. enabled. unfold front_share. rewrite ?H2, ?H3, ?H4. discriminate. Qed.

Lemma different v w : v <> w -> same_word v w = false.
Proof.
  intros N. destruct (same_word v w) eqn:E; auto. exfalso. apply N. unfold same_word in E.
  repeat (apply andb_prop in E as [E ?]). destruct v, w; simpl in *. apply Z.eqb_eq in E.
  repeat match goal with H : eqb _ _ = true |- _ => apply eqb_prop in H end. congruence.
Qed.

(** After a failed unlock the holder puts back what it has claimed, and goes on with the new word. *)
Theorem can_fail_to_unlock s t h : has_lock s t h -> doing h = NoEdit -> wd s <> seen h ->
  exists s' h', exec s t UnlockFails = Some s' /\ holding s' = Some h' /\ seen h' = clear_recheck (wd s) /\ wd s' = seen h' /\
    claims h' = [] /\ queue s' = map fst (claims h) ++ queue s.
Proof. enabled. rewrite (different _ _ H1). simpl. do 2 eexists. repeat split. Qed.

Theorem can_fail_to_take_all s t h o : has_lock s t h -> doing h = ToTakeAll o -> wd s <> seen h ->
  exec s t UnlockFails <> None.
Proof. enabled. rewrite (different _ _ H1). discriminate. Qed.

Theorem can_unlock s t x h : has_lock s t h -> nth_error (threads s) t = Some x -> doing h = NoEdit -> wd s = seen h ->
  front_share s (seen h) (csum (claims h)) = None -> exec s t (Unlock false) <> None.
Proof. enabled; rewrite ?same_word_refl; discriminate. Qed.

(** The holder has read the limit before another thread has lowered it, which has yet to make sure that the front is examined. *)
Theorem can_unlock_with_old_limit s t x h u y i l : has_lock s t h -> nth_error (threads s) t = Some x -> doing h = NoEdit ->
  wd s = seen h -> nth_error (threads s) u = Some y -> owes y = true -> queue s = i :: l ->
  option_map req (nth_error (waiters s) i) = Some All -> closed (wd s) = false -> exec s t (Unlock false) <> None.
Proof.
  enabled. rewrite same_word_refl. replace (may_not_know s) with true; [rewrite orb_true_r; discriminate|].
  unfold may_not_know. rewrite H5, H7. destruct (nth_error (waiters s) i) as [[r st]|]; simpl in H6; [|discriminate].
  injection H6 as ->. symmetry. rewrite andb_true_r. apply existsb_exists. exists y. split; auto. eauto using nth_error_In.
Qed.

(** After a claim the queue may be unlocked although the next request can complete; then the holder owes a look. *)
Theorem can_unlock_before_the_next s t x h : has_lock s t h -> nth_error (threads s) t = Some x -> doing h = NoEdit -> wd s = seen h ->
  claims h <> [] -> exec s t (Unlock true) <> None.
Proof. enabled. rewrite ?same_word_refl. destruct (claims h); [contradiction|]. discriminate. Qed.

Theorem can_publish s t x i l y : nth_error (threads s) t = Some x -> todo x = i :: l ->
  nth_error (waiters s) i = Some y -> (exists n, st y = Won n) \/ st y = Lost -> exec s t Publish <> None.
Proof. enabled. destruct H2 as [[n ->]| ->]; discriminate. Qed.

Theorem can_look s t x n : may_start s t x -> looks x = S n -> exec s t Look <> None.
Proof. enabled. Qed.
