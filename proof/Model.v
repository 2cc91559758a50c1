(** The protocol of [src/raw] as a transition system. One step is one atomic access that changes something, or one
    edit of the queue by the lock holder. See [README.md] for the table from steps to functions. *)

From Coq Require Import ZArith List Lia Bool Arith.
Import ListNotations.
Open Scope Z_scope.

(** * The state word ([State] in [state.rs]) *)

Record word := Word { permits : Z; queued : bool; locked : bool; closed : bool }.

Definition plus (w : word) (n : Z) := Word (permits w + n) (queued w) (locked w) (closed w).
Definition minus (w : word) (n : Z) := Word (permits w - n) (queued w) (locked w) (closed w).
Definition lock (w : word) := Word (permits w) true true (closed w).
Definition close (w : word) := Word (permits w) (queued w) (locked w) true.
Definition unlock (w : word) (is_empty : bool) :=
  Word (permits w) (if is_empty then false else queued w) false (closed w).

(** * Waiters *)

(** A queued request: its waiter, the permits it needs, and the most it takes. *)
Record request := Request { waiter : nat; rmin : Z; rmax : Z }.

Inductive status :=
| New                  (** never enqueued *)
| Queued               (** in the queue *)
| Claimed (n : Z)      (** taken from the front; the outcome is not stored *)
| Granted (n : Z)      (** the outcome is stored: it owns [n] permits *)
| Failed               (** the outcome is stored: closed *)
| Done.                (** completed, cancelled or removed: the owner has taken the outcome or the node *)

(** * Threads *)

(** The edit of the queue for which a thread has locked it. *)
Inductive edit := Nothing | Push (mn mx : Z) | Remove (w : nat).

Definition claim : Type := nat * Z.

Inductive counter :=
| Idle
(** Holds the queue lock, has last seen the word [seen], and has claimed [cs]. *)
| Holds (seen : word) (cs : list claim) (e : edit)
(** Has unlocked the queue, and must still store the outcomes of [cs]. [failed]: the semaphore was closed as it
    unlocked. [again]: the batch was full, so it looks at the queue again afterwards. *)
| Publishing (cs : list claim) (failed again : bool)
(** Has added permits to a word with QUEUED, or published a full batch, and is about to look at the word. *)
| Looking.

Definition holds (c : counter) : Prop := match c with Holds _ _ _ => True | _ => False end.

Definition claims (c : counter) : list claim :=
  match c with Holds _ cs _ => cs | Publishing cs _ _ => cs | _ => [] end.

(** * The whole state *)

Record state := State {
  wd : word;
  queue : list request;
  pc : nat -> counter;
  st : nat -> status;
  held : Z;               (** permits that callers own *)
  added : Z;              (** ghost: all permits ever added with [add] *)
  forgotten : Z;          (** ghost: all permits ever taken away by [forget] *)
  reduced : Z;            (** ghost: all permits ever taken away by [reduce] *)
  enqueued : list nat;    (** ghost: the waiters in the order in which they were enqueued *)
  claimed : list nat      (** ghost: the waiters in the order in which they were claimed *)
}.

Definition upd {A} (f : nat -> A) (i : nat) (v : A) : nat -> A :=
  fun j => if Nat.eq_dec j i then v else f j.

Definition set_word w s :=
  State w (queue s) (pc s) (st s) (held s) (added s) (forgotten s) (reduced s) (enqueued s) (claimed s).
Definition set_queue q s :=
  State (wd s) q (pc s) (st s) (held s) (added s) (forgotten s) (reduced s) (enqueued s) (claimed s).
Definition set_pc t c s :=
  State (wd s) (queue s) (upd (pc s) t c) (st s) (held s) (added s) (forgotten s) (reduced s) (enqueued s) (claimed s).
Definition set_st w x s :=
  State (wd s) (queue s) (pc s) (upd (st s) w x) (held s) (added s) (forgotten s) (reduced s) (enqueued s) (claimed s).
Definition set_held n s :=
  State (wd s) (queue s) (pc s) (st s) n (added s) (forgotten s) (reduced s) (enqueued s) (claimed s).
Definition set_added n s :=
  State (wd s) (queue s) (pc s) (st s) (held s) n (forgotten s) (reduced s) (enqueued s) (claimed s).
Definition set_forgotten n s :=
  State (wd s) (queue s) (pc s) (st s) (held s) (added s) n (reduced s) (enqueued s) (claimed s).
Definition set_reduced n s :=
  State (wd s) (queue s) (pc s) (st s) (held s) (added s) (forgotten s) n (enqueued s) (claimed s).
Definition log_enqueued w s :=
  State (wd s) (queue s) (pc s) (st s) (held s) (added s) (forgotten s) (reduced s) (enqueued s ++ [w]) (claimed s).
Definition log_claimed w s :=
  State (wd s) (queue s) (pc s) (st s) (held s) (added s) (forgotten s) (reduced s) (enqueued s) (claimed s ++ [w]).

(** * Decisions ([state.rs], [servable_front]) *)

Definition csum (cs : list claim) : Z := fold_right (fun c a => snd c + a) 0 cs.

Definition can_serve (w : word) : Prop := permits w > 0 \/ closed w = true.

(** The request at the front can complete with what the word holds besides [c] claimed permits. *)
Definition servable (w : word) (c : Z) (r : request) : Prop :=
  can_serve (minus w c) /\ (closed w = true \/ rmin r <= permits w - c).

(** How many permits it takes then. *)
Definition share (w : word) (c : Z) (r : request) : Z :=
  if closed w then 0 else Z.min (permits w - c) (rmax r).

Definition front_servable (w : word) (c : Z) (q : list request) : Prop :=
  match q with [] => False | r :: _ => servable w c r end.

Definition is_empty {A} (l : list A) : bool := match l with [] => true | _ => false end.

(** What [update] is called for. *)
Inductive change := Release (n : Z) | Add (n : Z) | Close.

Definition change_allowed (c : change) (s : state) : Prop :=
  match c with Release n => 0 <= n <= held s | Add n => 0 <= n | Close => True end.
Definition change_word (c : change) (w : word) : word :=
  match c with Release n => plus w n | Add n => plus w n | Close => close w end.
Definition change_counts (c : change) (s : state) : state :=
  match c with
  | Release n => set_held (held s - n) s
  | Add n => set_added (added s + n) s
  | Close => s
  end.

(** The permits that leave the word as the queue is unlocked (F5). *)
Definition spent (w : word) (cs : list claim) : Z := if closed w then 0 else csum cs.

Definition outcome (failed : bool) (n : Z) : status := if failed then Failed else Granted n.

(** * The steps of thread [t] *)

Inductive step (t : nat) (s : state) : state -> Prop :=
| s_acquire n :
    pc s t = Idle -> queued (wd s) = false -> closed (wd s) = false -> 0 <= n <= permits (wd s) ->
    step t s (set_held (held s + n) (set_word (minus (wd s) n) s))
| s_lock_to_enqueue mn mx :
    pc s t = Idle -> locked (wd s) = false -> closed (wd s) = false -> 1 <= mn <= mx ->
    queued (wd s) = true \/ permits (wd s) < mn ->
    step t s (set_pc t (Holds (lock (wd s)) [] (Push mn mx)) (set_word (lock (wd s)) s))
| s_push seen cs mn mx w :
    pc s t = Holds seen cs (Push mn mx) -> st s w = New ->
    step t s (log_enqueued w (set_st w Queued (set_queue (queue s ++ [Request w mn mx])
      (set_pc t (Holds seen cs Nothing) s))))
| s_lock_for_owner w :
    pc s t = Idle -> locked (wd s) = false -> queued (wd s) = true ->
    step t s (set_pc t (Holds (lock (wd s)) [] (Remove w)) (set_word (lock (wd s)) s))
| s_remove seen cs r q1 q2 :
    pc s t = Holds seen cs (Remove (waiter r)) -> queue s = q1 ++ r :: q2 ->
    step t s (set_st (waiter r) Done (set_queue (q1 ++ q2) (set_pc t (Holds seen cs Nothing) s)))
| s_no_edit seen cs e :
    pc s t = Holds seen cs e -> e <> Nothing ->
    step t s (set_pc t (Holds seen cs Nothing) s)
| s_release_fast n :
    pc s t = Idle -> 0 <= n <= held s ->
    step t s (set_pc t (if queued (wd s) then Looking else Idle)
      (set_held (held s - n) (set_word (plus (wd s) n) s)))
| s_update_and_lock c :
    pc s t = Idle -> change_allowed c s -> queued (wd s) = true -> locked (wd s) = false ->
    step t s (set_pc t (Holds (lock (change_word c (wd s))) [] Nothing)
      (set_word (lock (change_word c (wd s))) (change_counts c s)))
| s_update c :
    pc s t = Idle -> change_allowed c s -> queued (wd s) = false \/ locked (wd s) = true ->
    step t s (set_word (change_word c (wd s)) (change_counts c s))
| s_forget n :
    pc s t = Idle -> locked (wd s) = false -> 0 <= n <= permits (wd s) ->
    step t s (set_forgotten (forgotten s + n) (set_word (minus (wd s) n) s))
| s_reduce n :
    pc s t = Idle -> locked (wd s) = false -> 0 <= n ->
    step t s (set_reduced (reduced s + n) (set_word (minus (wd s) n) s))
| s_claim seen cs r q :
    pc s t = Holds seen cs Nothing -> queue s = r :: q -> servable seen (csum cs) r ->
    step t s (log_claimed (waiter r) (set_st (waiter r) (Claimed (share seen (csum cs) r)) (set_queue q
      (set_pc t (Holds seen (cs ++ [(waiter r, share seen (csum cs) r)]) Nothing) s))))
| s_unlock_fails seen cs :
    pc s t = Holds seen cs Nothing -> wd s <> seen ->
    step t s (set_pc t (Holds (wd s) cs Nothing) s)
| s_unlock seen cs again :
    pc s t = Holds seen cs Nothing -> wd s = seen ->
    (if again : bool then cs <> [] else ~ front_servable seen (csum cs) (queue s)) ->
    step t s (set_pc t (Publishing cs (closed seen) again)
      (set_word (unlock (minus seen (spent seen cs)) (is_empty (queue s))) s))
| s_publish w n cs failed again :
    pc s t = Publishing ((w, n) :: cs) failed again ->
    step t s (set_st w (outcome failed n) (set_pc t (Publishing cs failed again) s))
| s_published failed again :
    pc s t = Publishing [] failed again ->
    step t s (set_pc t (if again : bool then Looking else Idle) s)
| s_look_and_lock :
    pc s t = Looking -> queued (wd s) = true -> locked (wd s) = false ->
    step t s (set_pc t (Holds (lock (wd s)) [] Nothing) (set_word (lock (wd s)) s))
| s_look_and_leave :
    pc s t = Looking -> queued (wd s) = false \/ locked (wd s) = true ->
    step t s (set_pc t Idle s)
| s_take_granted w n :
    pc s t = Idle -> st s w = Granted n ->
    step t s (set_st w Done (set_held (held s + n) s))
| s_take_failed w :
    pc s t = Idle -> st s w = Failed ->
    step t s (set_st w Done s).

(** * Runs: [threads] threads, and [created] permits at the start *)

Definition initial (created : Z) : state :=
  State (Word created false false false) [] (fun _ => Idle) (fun _ => New) 0 0 0 0 [] [].

Inductive reachable (threads : nat) (created : Z) : state -> Prop :=
| r_initial : 0 <= created -> reachable threads created (initial created)
| r_step s t s' : reachable threads created s -> (t < threads)%nat -> step t s s' -> reachable threads created s'.
