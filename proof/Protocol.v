(** The protocol of [src/raw] as a function: [exec s e] is the state after the event [e] in the state [s], or [None] if the
    sources make no such step there. An event is one atomic access that changes something, or one edit of the queue by the
    lock holder. A load that only prepares a compare-and-swap is no event: the compare-and-swap succeeds only if the word
    still has that value. *)

From Coq Require Import ZArith List Lia Bool Arith.
From Fairgate Require Import Base.
Import ListNotations.
Open Scope Z_scope.

(** * The state word ([State] in [state.rs]) *)

Record word := Word { permits : Z; queued : bool; locked : bool; recheck : bool; closed : bool }.

Definition plus (w : word) (n : Z) := Word (permits w + n) (queued w) (locked w) (recheck w) (closed w).
Definition minus (w : word) (n : Z) := plus w (- n).
Definition lock (w : word) := Word (permits w) true true (recheck w) (closed w).
Definition close (w : word) := Word (permits w) (queued w) (locked w) (recheck w) true.
Definition set_recheck (w : word) := Word (permits w) (queued w) (locked w) (recheck w || locked w) (closed w).
Definition clear_recheck (w : word) := Word (permits w) (queued w) (locked w) false (closed w).
Definition unlock (w : word) (n : Z) (is_empty : bool) :=
  Word (permits w - (if closed w then 0 else n)) (queued w && negb is_empty) false (recheck w) (closed w).
Definition must_serve (w : word) := queued w && negb (locked w).

Definition same_word (v w : word) : bool :=
  (permits v =? permits w) && eqb (queued v) (queued w) && eqb (locked v) (locked w)
  && eqb (recheck v) (recheck w) && eqb (closed v) (closed w).

(** * Requests *)

Inductive request := Range (mn mx : Z) | All.

Definition is_valid (r : request) : bool := match r with Range mn mx => (1 <=? mn) && (mn <=? mx) | All => true end.

(** How many permits a request takes if [p] are there, and whether it can complete. *)
Definition share (r : request) (p : Z) : Z := match r with Range _ mx => Z.min (available p) mx | All => available p end.
Definition fits (r : request) (p limit : Z) : bool := match r with Range mn _ => mn <=? p | All => limit <=? p end.

Inductive status :=
| Queued               (** in the queue, or claimed: the claim may still be put back *)
| Won (n : Z)          (** [n] permits have left the word for it; the outcome is not stored *)
| Lost                 (** it fails; the outcome is not stored *)
| Granted (n : Z)      (** the outcome is stored *)
| Failed               (** the outcome is stored: closed *)
| Dropping (n : Z)     (** cancelled: its owner must release what was granted *)
| Done.                (** removed, or the owner has taken the outcome *)

(** Waiters have numbers in the order in which they are enqueued: their place in the list of waiters. *)
Record waiter := Waiter { req : request; st : status }.

(** * Threads *)

(** The edit for which a thread has locked the queue. *)
Inductive edit :=
| NoEdit
| ToPush (from : word)     (** [from]: the word that was locked *)
| ToRemove                 (** or to replace a waker *)
| ToTakeAll (n : option Z) (** a try for all permits; [n]: it has found that none is held, and takes these *).

Definition claim : Type := nat * Z.

Record holder := Holder { who : nat; seen : word; claims : list claim; doing : edit }.

Record thread := Thread {
  hold : Z;          (** permits that the caller owns *)
  slack : Z;         (** how far an unfinished change keeps the limit above the permits that exist (F7) *)
  owes : bool;       (** it has lowered the limit, and must make sure that the front is examined *)
  looks : nat;       (** looks at the queue that it owes: after an addition (F3 a), or a grant (F3 b) *)
  todo : list nat    (** claimed waiters whose outcomes it must store *)
}.

(** * The whole state *)

Record state := State {
  wd : word;
  limit : Z;
  holding : option holder;    (** who has the queue lock. No step tests this: they test LOCKED *)
  queue : list nat;           (** from front to back *)
  waiters : list waiter;
  threads : list thread
}.

Definition set_word w s := State w (limit s) (holding s) (queue s) (waiters s) (threads s).
Definition set_limit n s := State (wd s) n (holding s) (queue s) (waiters s) (threads s).
Definition set_holder h s := State (wd s) (limit s) h (queue s) (waiters s) (threads s).
Definition set_queue q s := State (wd s) (limit s) (holding s) q (waiters s) (threads s).
Definition set_waiters ws s := State (wd s) (limit s) (holding s) (queue s) ws (threads s).
Definition set_thread t x s := State (wd s) (limit s) (holding s) (queue s) (waiters s) (put (threads s) t x).
Definition set_status i r x s := set_waiters (put (waiters s) i (Waiter r x)) s.

Definition set_hold n x := Thread n (slack x) (owes x) (looks x) (todo x).
Definition set_slack n x := Thread (hold x) n (owes x) (looks x) (todo x).
Definition set_owes b x := Thread (hold x) (slack x) b (looks x) (todo x).
Definition set_looks n x := Thread (hold x) (slack x) (owes x) n (todo x).
Definition set_todo l x := Thread (hold x) (slack x) (owes x) (looks x) l.

(** * Events *)

(** A change of the word by a thread that serves the queue if it must ([update], [release]). *)
Inductive change :=
| Release (n : Z)      (** permits that the caller owns *)
| Drop (i : nat)       (** what was granted to a cancelled request *)
| Add (n : Z)          (** the word's part of an addition; the limit was raised before *)
| Recheck              (** the limit was lowered *)
| Close.

Inductive event :=
| Acquire (mn mx n : Z)   (** a new request takes [n] permits without being queued *)
| LockToEnqueue
| LockForAll
| LockForOwner
| Push (r : request)
| Remove (i : nat)
| EditNothing             (** the queue is full, or only a waker changes, or the node was claimed, or a try gives up *)
| FindAll                 (** a try for all permits finds that none is held *)
| TakeAll                 (** and takes them as it unlocks the queue *)
| Update (c : change)     (** compare-and-swap; locks the queue in the same step if the thread must serve it *)
| FetchAdd (c : change)   (** the fast path of a release *)
| Lower (n : Z) (forget : bool) (** the word's part of [forget], or of [reduce] and [set_limit] *)
| Limit (c : Z)           (** a change of the limit *)
| ForgetHeld (n : Z)      (** [Permit::forget] *)
| Claim
| UnlockFails             (** the word has changed: a claimed request is put back *)
| Unlock (again : bool)   (** [again]: a request was claimed, and the next one can complete as well *)
| Publish                 (** stores the next outcome *)
| Look                    (** examines the queue; locks it if the thread must serve it *)
| Take (i : nat)          (** the owner takes a grant *)
| TakeFailure (i : nat)
| Cancel (i : nat).       (** the owner of a grant drops it: it must release it next *)

(** * The step *)

Definition csum (cs : list claim) : Z := total snd cs.

Definition holds (s : state) (t : nat) : bool := match holding s with Some h => Nat.eqb (who h) t | None => false end.

Definition my_lock (s : state) (t : nat) : option holder :=
  read h <- holding s ;; check Nat.eqb (who h) t ;; Some h.

(** The thread [t], if it is in no critical section and has stored all outcomes. *)
Definition idle (s : state) (t : nat) : option thread :=
  check negb (holds s t) ;; read x <- nth_error (threads s) t ;; check is_nil (todo x) ;; Some x.

Definition take_lock (t : nat) (w : word) (e : edit) (s : state) : state :=
  set_holder (Some (Holder t (lock w) [] e)) (set_word (lock w) s).

(** What the front can take besides the claims; [None] if it must wait. *)
Definition front_share (s : state) (w : word) (c : Z) : option (nat * Z) :=
  match queue s with
  | [] => None
  | i :: _ =>
      read x <- nth_error (waiters s) i ;;
      if closed w then Some (i, 0) else
      check fits (req x) (permits w - c) (limit s) ;; Some (i, share (req x) (permits w - c))
  end.

(** The front is a request for all permits, and a thread has lowered the limit and not yet made sure that the front is examined: the
    lock holder may have read the limit before that. *)
Definition may_not_know (s : state) : bool :=
  existsb owes (threads s)
  && match queue s with
     | [] => false
     | i :: _ => match nth_error (waiters s) i with Some (Waiter All _) => negb (closed (wd s)) | _ => false end
     end.

(** The waiters after the permits of the claims have left the word. *)
Fixpoint settle (closed : bool) (cs : list claim) (ws : list waiter) : list waiter :=
  match cs with
  | [] => ws
  | (i, n) :: cs =>
      settle closed cs
        match nth_error ws i with
        | Some x => put ws i (Waiter (req x) (if closed then Lost else Won n))
        | None => ws
        end
  end.

(** A change of the word, with what it does to the thread and its waiter. *)
Definition apply (c : change) (t : nat) (x : thread) (s : state) : option state :=
  match c with
  | Release n =>
      check (0 <=? n) && (n <=? hold x) ;;
      Some (set_word (plus (wd s) n) (set_thread t (set_hold (hold x - n) x) s))
  | Drop i =>
      read y <- nth_error (waiters s) i ;;
      match st y with
      | Dropping n => Some (set_word (plus (wd s) n) (set_status i (req y) Done s))
      | _ => None
      end
  | Add n =>
      check (1 <=? n) && (n <=? slack x) ;;
      Some (set_word (plus (wd s) n) (set_thread t (set_owes false (set_slack (slack x - n) x)) s))
  | Recheck => Some (set_word (set_recheck (wd s)) (set_thread t (set_owes false x) s))
  | Close => Some (set_word (close (wd s)) s)
  end.

Definition exec (s : state) (t : nat) (e : event) : option state :=
  match e with
  | Acquire mn mx n =>
      read x <- idle s t ;;
      check negb (queued (wd s)) && negb (closed (wd s)) ;;
      check (0 <=? mn) && (mn <=? mx) && (mn <=? permits (wd s)) && (n =? Z.min (permits (wd s)) mx) ;;
      Some (set_word (minus (wd s) n) (set_thread t (set_hold (hold x + n) x) s))
  | LockToEnqueue =>
      read x <- idle s t ;;
      check negb (locked (wd s)) && negb (closed (wd s)) ;;
      Some (take_lock t (wd s) (ToPush (wd s)) s)
  | LockForAll =>
      read x <- idle s t ;;
      check negb (locked (wd s)) && negb (queued (wd s)) && negb (closed (wd s)) ;;
      Some (take_lock t (wd s) (ToTakeAll None) s)
  | LockForOwner =>
      read x <- idle s t ;;
      check negb (locked (wd s)) && queued (wd s) ;;
      Some (take_lock t (wd s) ToRemove s)
  | Push r =>
      read h <- my_lock s t ;;
      match doing h with
      | ToPush from =>
          check is_valid r ;;
          check match r with Range mn _ => queued from || (permits from <? mn) | All => true end ;;
          Some (set_holder (Some (Holder t (seen h) (claims h) NoEdit))
            (set_queue (queue s ++ [length (waiters s)]) (set_waiters (waiters s ++ [Waiter r Queued]) s)))
      | _ => None
      end
  | Remove i =>
      read h <- my_lock s t ;;
      match doing h with
      | ToRemove =>
          check existsb (Nat.eqb i) (queue s) ;;
          read x <- nth_error (waiters s) i ;;
          Some (set_holder (Some (Holder t (seen h) (claims h) NoEdit))
            (set_queue (without i (queue s)) (set_status i (req x) Done s)))
      | _ => None
      end
  | EditNothing =>
      read h <- my_lock s t ;;
      match doing h with
      | NoEdit => None
      | _ => Some (set_holder (Some (Holder t (seen h) (claims h) NoEdit)) s)
      end
  | FindAll =>
      read h <- my_lock s t ;;
      match doing h with
      | ToTakeAll None =>
          check negb (closed (seen h)) && (limit s <=? permits (seen h)) ;;
          Some (set_holder (Some (Holder t (seen h) (claims h) (ToTakeAll (Some (available (permits (seen h))))))) s)
      | _ => None
      end
  | TakeAll =>
      read h <- my_lock s t ;;
      read x <- nth_error (threads s) t ;;
      match doing h with
      | ToTakeAll (Some n) =>
          check same_word (wd s) (seen h) ;;
          Some (set_word (unlock (wd s) n (is_nil (queue s)))
            (set_holder None (set_thread t (set_hold (hold x + n) x) s)))
      | _ => None
      end
  | Update c =>
      read x <- idle s t ;;
      read s' <- apply c t x s ;;
      Some (if must_serve (wd s) then take_lock t (wd s') NoEdit s' else s')
  | FetchAdd c =>
      read x <- idle s t ;;
      check match c with Release _ | Drop _ => true | _ => false end ;;
      read s' <- apply c t x s ;;
      read x' <- nth_error (threads s') t ;;
      Some (if queued (wd s) then set_thread t (set_looks (S (looks x')) x') s' else s')
  | Lower n forget =>
      read x <- idle s t ;;
      check (0 <=? n) && (if forget : bool then n <=? permits (wd s) else true) ;;
      Some (set_word (set_recheck (minus (wd s) n)) (set_thread t (set_slack (slack x + n) x) s))
  | Limit c =>
      read x <- idle s t ;;
      check 0 <=? slack x + c ;;
      Some (set_limit (limit s + c) (set_thread t (set_owes (owes x || (c <? 0)) (set_slack (slack x + c) x)) s))
  | ForgetHeld n =>
      read x <- idle s t ;;
      check (0 <=? n) && (n <=? hold x) ;;
      Some (set_limit (limit s - n) (set_thread t (set_owes true (set_hold (hold x - n) x)) s))
  | Claim =>
      read h <- my_lock s t ;;
      match doing h with
      | NoEdit =>
          check is_nil (claims h) ;;
          read c <- front_share s (seen h) 0 ;;
          Some (set_queue (tl (queue s)) (set_holder (Some (Holder t (seen h) [c] NoEdit)) s))
      | _ => None
      end
  | UnlockFails =>
      read h <- my_lock s t ;;
      check negb (same_word (wd s) (seen h)) ;;
      let w := clear_recheck (wd s) in
      match doing h with
      | NoEdit =>
          Some (set_word w (set_queue (map fst (claims h) ++ queue s) (set_holder (Some (Holder t w [] NoEdit)) s)))
      | ToTakeAll _ => Some (set_word w (set_holder (Some (Holder t w [] (ToTakeAll None))) s))
      | _ => None
      end
  | Unlock again =>
      read h <- my_lock s t ;;
      read x <- nth_error (threads s) t ;;
      match doing h with
      | NoEdit =>
          check same_word (wd s) (seen h) ;;
          check (if again : bool then negb (is_nil (claims h))
                 else negb (is_some (front_share s (seen h) (csum (claims h)))) || may_not_know s) ;;
          Some (set_word (unlock (wd s) (csum (claims h)) (is_nil (queue s)))
            (set_holder None
              (set_waiters (settle (closed (wd s)) (claims h) (waiters s))
                (set_thread t (set_looks (if again : bool then S (looks x) else looks x)
                                (set_todo (todo x ++ map fst (claims h)) x)) s))))
      | _ => None
      end
  | Publish =>
      read x <- nth_error (threads s) t ;;
      match todo x with
      | [] => None
      | i :: l =>
          read y <- nth_error (waiters s) i ;;
          let s' := set_thread t (set_todo l x) s in
          match st y with
          | Won n => Some (set_status i (req y) (Granted n) s')
          | Lost => Some (set_status i (req y) Failed s')
          | _ => None
          end
      end
  | Look =>
      read x <- idle s t ;;
      match looks x with
      | O => None
      | S n =>
          let s' := set_thread t (set_looks n x) s in
          Some (if must_serve (wd s) then take_lock t (wd s) NoEdit s' else s')
      end
  | Take i =>
      read x <- idle s t ;;
      read y <- nth_error (waiters s) i ;;
      match st y with
      | Granted n => Some (set_status i (req y) Done (set_thread t (set_hold (hold x + n) x) s))
      | _ => None
      end
  | TakeFailure i =>
      read x <- idle s t ;;
      read y <- nth_error (waiters s) i ;;
      match st y with Failed => Some (set_status i (req y) Done s) | _ => None end
  | Cancel i =>
      read x <- idle s t ;;
      read y <- nth_error (waiters s) i ;;
      match st y with Granted n => Some (set_status i (req y) (Dropping n) s) | _ => None end
  end.

(** * Runs: any number of threads, and [n] permits at the start *)

Definition initial (number_of_threads : nat) (n : Z) : state :=
  State (Word n false false false false) n None [] [] (repeat (Thread 0 0 false 0 []) number_of_threads).

Fixpoint run (s : state) (es : list (nat * event)) : option state :=
  match es with
  | [] => Some s
  | (t, e) :: es => read s' <- exec s t e ;; run s' es
  end.

Definition reachable (s : state) : Prop := exists k n es, 0 <= n /\ run (initial k n) es = Some s.
