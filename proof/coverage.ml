(* Which combinations of a transition, the flags of the word, and what another thread is in the middle of can be reached, and do
   the models not reach?

   usage: coverage recorded.trace THREADS BEFORE AT_ONCE REQUESTS

   A search finds all that these threads reach from 0, 1 or 2 permits, with so many operations one after the other, and then so many
   by each thread at any time. An operation has the steps that the sources make; numbers are 1 and 2, and a batch has two
   requests, as under loom. *)

open Protocol
open Trace

(* Combinations *)

let flags w =
  let flag b c = if b then c else "-" in
  flag w.closed "C" ^ flag w.recheck "R" ^ flag w.locked "L" ^ flag w.queued "Q"

let serves w = w.queued && not w.locked

let csum claims = List.fold_left (fun z (_, n) -> z + n) 0 claims

let show_change = function
  | Release _ -> "release"
  | Drop _ -> "drop"
  | Add _ -> "add"
  | Recheck -> "recheck"
  | Close -> "close"

let claims s = match s.holding with Some h -> h.claims | None -> []

let transition s e next =
  let locks name = if serves s.wd then name ^ " and lock" else name in
  match e with
  | Acquire _ -> "acquire"
  | LockToEnqueue -> "lock to enqueue"
  | LockForAll -> "lock for all"
  | LockForOwner -> "lock for the owner"
  | Push (Range (_, _)) -> "push"
  | Push All -> "push a request for all"
  | Remove _ -> "remove"
  | EditNothing -> "edit nothing"
  | FindAll -> "find all"
  | TakeAll -> "take all"
  | Update c -> locks (show_change c)
  | FetchAdd c -> show_change c ^ " by addition"
  | Lower (_, true) -> "forget"
  | Lower (_, false) -> "reduce"
  | Limit c -> if c > 0 then "raise the limit" else "lower the limit"
  | ForgetHeld _ -> "forget held permits"
  | Claim -> "claim"
  | UnlockFails -> if claims s <> [] && claims next = [] then "unlock fails, claims are put back" else "unlock fails"
  | Unlock true -> "unlock after a full batch"
  | Unlock false -> if claims s = [] then "unlock" else "unlock after claims"
  | Publish -> "publish"
  | Look -> locks "look"
  | Take _ -> "take"
  | TakeFailure _ -> "take a failure"
  | Cancel _ -> "cancel"

(* What another thread is in the middle of. *)
let activity s t x =
  match s.holding with
  | Some h when h.who = t ->
    if h.doing <> NoEdit then "edits the queue" else if h.claims <> [] then "has claimed" else "holds the lock"
  | _ ->
    if x.todo <> [] then "stores outcomes"
    else if x.looks > 0 then "owes a look"
    else if x.slack > 0 then "changes the limit"
    else if x.owes then "owes a recheck"
    else ""

let is_dropping w = match w.st with Dropping _ -> true | _ -> false

let combinations s t e next =
  let others = List.mapi (fun u x -> if u = t then "" else activity s u x) s.threads in
  let drops = match e with Update (Drop _) | FetchAdd (Drop _) -> false | _ -> List.exists is_dropping s.waiters in
  let others = List.sort_uniq compare (if drops then "releases a cancelled grant" :: others else others) in
  let others = match List.filter (fun o -> o <> "") others with [] -> ["nothing"] | others -> others in
  List.map (fun other -> (transition s e next, flags s.wd, other)) others

(* The search *)

let batch = 2

let servable s h =
  match s.queue with
  | [] -> false
  | i :: _ ->
    let p = h.seen.permits - csum h.claims in
    h.seen.closed || (match (List.nth s.waiters i).req with Range (mn, _) -> mn <= p | All -> s.limit <= p)

let indices f s = List.concat (List.mapi (fun i w -> if f w.st then [i] else []) s.waiters)

(* The steps of a lock holder. *)
let steps_of_holder s h most =
  let unlocks = [UnlockFails; Unlock (List.length h.claims = batch && servable s h)] in
  match h.doing with
  | ToPush from when List.length s.waiters < most ->
    (if s.queue <> [] then [EditNothing] else [])
    @ List.filter_map
        (fun (r, waits) -> if from.queued || waits then Some (Push r) else None)
        [ (Range (1, 1), from.permits < 1); (Range (1, 2), from.permits < 1); (Range (2, 2), from.permits < 2);
          (All, from.permits < s.limit) ]
  | ToPush _ -> [EditNothing]
  | ToRemove -> EditNothing :: List.map (fun i -> Remove i) s.queue
  | ToTakeAll None -> if (not h.seen.closed) && s.limit <= h.seen.permits then [FindAll] else [EditNothing]
  | ToTakeAll (Some _) -> [UnlockFails; TakeAll]
  | NoEdit -> if servable s h && List.length h.claims < batch then [Claim] else unlocks

(* A release looks at the word first: it is an addition if nothing was queued. [seen] are the values of QUEUED that it may have
   found. *)
let releases seen c = List.map (fun queued -> if queued then Update c else FetchAdd c) seen

(* The rest of an operation that a thread has begun; nothing if it is idle. [drops] is the cancelled grant that it releases. *)
let rest s t drops seen most =
  let x = List.nth s.threads t in
  match (s.holding, drops) with
  | Some h, _ when h.who = t -> steps_of_holder s h most
  | _ when x.todo <> [] -> [Publish]
  | _, Some i -> releases seen (Drop i)
  | _ when x.looks > 0 -> [Look]
  | _ when x.slack > 0 -> [Limit (-x.slack); Update (Add x.slack)]
  | _ when x.owes -> [Update Recheck]
  | _ -> []

(* The first steps of operations. *)
let begins s t seen =
  let x = List.nth s.threads t in
  let waits = s.wd.queued || s.wd.permits < 2 || s.wd.permits < s.limit in
  let pending = indices (function Queued | Won _ | Lost -> true | _ -> false) s <> [] in
  [Acquire (1, 1, 1); Acquire (1, 2, 2)]
  @ (if waits then [LockToEnqueue] else [])
  @ (if s.wd.permits >= s.limit then [LockForAll] else [])
  @ (if pending then [LockForOwner] else [])
  @ [Update Close; Lower (1, true); Lower (1, false)]
  @ (if s.limit < 2 then [Limit 1; Limit 2] else [])
  @ (if x.hold > 0 then ForgetHeld x.hold :: releases seen (Release x.hold) else [])
  @ List.concat_map (fun i -> [Take i; Cancel i]) (indices (function Granted _ -> true | _ -> false) s)
  @ List.map (fun i -> TakeFailure i) (indices (fun st -> st = Failed) s)

module Nodes = Hashtbl.Make (struct
  type t = string
  let equal = String.equal
  let hash = Hashtbl.hash
end)

(* A node of the search: the state; the cancelled grant that each thread releases next; how many operations may still be made one
   after the other, -1 after them; how many each thread may begin at any time then; and the values that QUEUED has had since. *)
let search threads before at_once most =
  let known = Nodes.create 1_000_000 and queue = Queue.create () and found = Hashtbl.create 1000 in
  let visit s drops before left seen =
    let seen = if before < 0 then List.sort_uniq compare (s.wd.queued :: seen) else [s.wd.queued] in
    let node = (s, drops, before, left, seen) in
    let key = Digest.string (Marshal.to_string node [Marshal.No_sharing]) in
    if not (Nodes.mem known key) then begin
      Nodes.add known key ();
      Queue.add node queue
    end in
  let each a = List.init threads (fun _ -> a) in
  let set l t a = List.mapi (fun u b -> if u = t then a else b) l in
  List.iter (fun n -> visit (initial threads n) (each None) before (each at_once) []) [0; 1; 2];
  while not (Queue.is_empty queue) do
    let s, drops, before, left, seen = Queue.pop queue in
    let rests = List.init threads (fun t -> rest s t (List.nth drops t) seen most) in
    let are_idle = List.for_all (fun r -> r = []) rests in
    for t = 0 to threads - 1 do
      let apply before left e =
        match exec s t e with
        | None -> ()
        | Some next ->
          List.iter (fun c -> Hashtbl.replace found c ()) (combinations s t e next);
          let seen = if before < 0 then s.wd.queued :: seen else seen in
          visit next (set drops t (match e with Cancel i -> Some i | _ -> None)) before left seen in
      let n = List.nth left t in
      if List.nth rests t <> [] then List.iter (apply before left) (List.nth rests t)
      else begin
        if before > 0 && are_idle then List.iter (apply (before - 1) left) (begins s t seen);
        if n > 0 && (are_idle || before < 0) then List.iter (apply (-1) (set left t (n - 1))) (begins s t seen)
      end
    done
  done;
  Printf.printf "%d threads, %d operations one by one, %d at once by each, %d requests: %d states, %d combinations\n%!" threads before
    at_once most (Nodes.length known) (Hashtbl.length found);
  found

(* What the models reach *)

(* Which object a step accesses, apart from those that only its thread accesses. *)
type access = Word | The_limit | Outcome of int | Nothing

let access s t e =
  match e with
  | Limit _ | ForgetHeld _ -> The_limit
  | Take i | TakeFailure i | Cancel i -> Outcome i
  | Publish -> (match (List.nth s.threads t).todo with i :: _ -> Outcome i | [] -> Nothing)
  | Push _ | Remove _ | EditNothing -> Nothing
  | Claim | FindAll ->
    (* The limit is only read where it decides. *)
    (match s.queue with
     | i :: _ when e = Claim -> (match (List.nth s.waiters i).req with All -> The_limit | Range _ -> Nothing)
     | _ -> The_limit)
  | _ -> Word

(* The steps of the file, and those of the same runs with two steps in the other order that access different objects. Loom runs
   only one of these orders. *)
let reached file =
  let input = open_in file and found = Hashtbl.create 1000 and state = ref (initial 0 0) in
  let steps = Hashtbl.create 100_000 and from = Hashtbl.create 100_000 and into = Hashtbl.create 100_000 in
  let queue = Queue.create () in
  let key s = Digest.string (Marshal.to_string s [Marshal.No_sharing]) in
  let add ((a, t, e, b) as step) =
    let ka = key a in
    if not (Hashtbl.mem steps (ka, t, e)) then begin
      Hashtbl.add steps (ka, t, e) ();
      List.iter (fun c -> Hashtbl.replace found c ()) (combinations a t e b);
      Hashtbl.add from ka step;
      Hashtbl.add into (key b) step;
      Queue.add step queue
    end in
  (try
     while true do
       match List.filter (fun w -> w <> "") (String.split_on_char ' ' (input_line input)) with
       | "at" :: words -> state := whole words
       | "?" :: t :: words ->
         let rec before = function [] | "=" :: _ -> [] | w :: words -> w :: before words in
         let t = int t and e = event (before words) in
         (match exec !state t e with Some next -> add (!state, t, e, next) | None -> ())
       | _ -> ()
     done
   with End_of_file -> ());
  let recorded = Hashtbl.length steps in
  let swap (a, u, f, b) (_, t, e, c) =
    if u <> t && access a u f <> access b t e then
      match exec a t e with
      | None -> ()
      | Some b' -> if exec b' u f = Some c then begin add (a, t, e, b'); add (b', u, f, c) end in
  while not (Queue.is_empty queue) do
    let (a, _, _, b) as step = Queue.pop queue in
    List.iter (swap step) (Hashtbl.find_all from (key b));
    List.iter (fun first -> swap first step) (Hashtbl.find_all into (key a))
  done;
  Printf.printf "%d recorded steps, %d with those in another order\n%!" recorded (Hashtbl.length steps);
  found

let () =
  let number i = int_of_string Sys.argv.(i) in
  let models = reached Sys.argv.(1) and searched = search (number 2) (number 3) (number 4) (number 5) in
  let missing = Hashtbl.fold (fun c () l -> if Hashtbl.mem models c then l else c :: l) searched [] in
  List.iter (fun (t, f, o) -> Printf.printf "missing: %s; %s; another thread: %s\n" t f o) (List.sort compare missing);
  Printf.printf "the models reach %d combinations; %d missing\n" (Hashtbl.length models) (List.length missing);
  if missing <> [] then exit 1
