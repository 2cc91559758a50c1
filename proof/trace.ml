(* The format of traces, which proof/README.md describes. *)

open Protocol

exception Wrong of string

let int s = try int_of_string s with Failure _ -> raise (Wrong ("not a number: " ^ s))

let request = function
  | ["all"] -> All
  | [mn; mx] -> Range (int mn, int mx)
  | _ -> raise (Wrong "a request is `all` or two numbers")

let change = function
  | ["release"; n] -> Release (int n)
  | ["drop"; i] -> Drop (int i)
  | ["add"; n] -> Add (int n)
  | ["recheck"] -> Recheck
  | ["close"] -> Close
  | words -> raise (Wrong ("no change: " ^ String.concat " " words))

let event = function
  | ["acquire"; mn; mx; n] -> Acquire (int mn, int mx, int n)
  | ["lock-to-enqueue"] -> LockToEnqueue
  | ["lock-for-all"] -> LockForAll
  | ["lock-for-owner"] -> LockForOwner
  | "push" :: r -> Push (request r)
  | ["remove"; i] -> Remove (int i)
  | ["edit-nothing"] -> EditNothing
  | ["find-all"] -> FindAll
  | ["take-all"] -> TakeAll
  | "update" :: c -> Update (change c)
  | "fetch-add" :: c -> FetchAdd (change c)
  | ["forget"; n] -> Lower (int n, true)
  | ["reduce"; n] -> Lower (int n, false)
  | ["limit"; c] -> Limit (int c)
  | ["forget-held"; n] -> ForgetHeld (int n)
  | ["claim"] -> Claim
  | ["unlock-fails"] -> UnlockFails
  | ["unlock"] -> Unlock false
  | ["unlock-again"] -> Unlock true
  | ["publish"] -> Publish
  | ["look"] -> Look
  | ["take"; i] -> Take (int i)
  | ["take-failure"; i] -> TakeFailure (int i)
  | ["cancel"; i] -> Cancel (int i)
  | words -> raise (Wrong ("no event: " ^ String.concat " " words))

(* A whole state, as a line of six words. *)

let show_word w =
  let flag b c = if b then c else "-" in
  Printf.sprintf "%d%s%s%s%s" w.permits (flag w.closed "C") (flag w.recheck "R") (flag w.locked "L") (flag w.queued "Q")

let list show separator = function [] -> "-" | l -> String.concat separator (List.map show l)

let show_request = function Range (mn, mx) -> Printf.sprintf "%d:%d" mn mx | All -> "all"

let show_status = function
  | Queued -> "queued"
  | Won n -> Printf.sprintf "won:%d" n
  | Lost -> "lost"
  | Granted n -> Printf.sprintf "granted:%d" n
  | Failed -> "failed"
  | Dropping n -> Printf.sprintf "dropping:%d" n
  | Done -> "done"

let show_edit = function
  | NoEdit -> "none"
  | ToPush w -> "push:" ^ show_word w
  | ToRemove -> "remove"
  | ToTakeAll None -> "all"
  | ToTakeAll (Some n) -> Printf.sprintf "all:%d" n

let show_holder h =
  let claims = List.map (fun (i, n) -> Printf.sprintf "/%d:%d" i n) h.claims in
  Printf.sprintf "%d/%s/%s%s" h.who (show_word h.seen) (show_edit h.doing) (String.concat "" claims)

let show_thread x =
  let todo = List.map (Printf.sprintf "/%d") x.todo in
  Printf.sprintf "%d/%d/%s/%d%s" x.hold x.slack (if x.owes then "owes" else "-") x.looks (String.concat "" todo)

let show s =
  Printf.sprintf "%s %d %s %s %s %s" (show_word s.wd) s.limit
    (match s.holding with None -> "-" | Some h -> show_holder h)
    (list string_of_int "," s.queue)
    (list (fun w -> show_request w.req ^ "/" ^ show_status w.st) "," s.waiters)
    (list show_thread "," s.threads)

let split c s = if s = "-" then [] else String.split_on_char c s

let word s =
  let n = String.length s - 4 in
  if n < 1 then raise (Wrong ("no word: " ^ s));
  let flag i c = s.[n + i] = c in
  { permits = int (String.sub s 0 n); closed = flag 0 'C'; recheck = flag 1 'R'; locked = flag 2 'L'; queued = flag 3 'Q' }

let status = function
  | ["queued"] -> Queued
  | ["won"; n] -> Won (int n)
  | ["lost"] -> Lost
  | ["granted"; n] -> Granted (int n)
  | ["failed"] -> Failed
  | ["dropping"; n] -> Dropping (int n)
  | ["done"] -> Done
  | words -> raise (Wrong ("no status: " ^ String.concat ":" words))

let waiter s =
  match split '/' s with
  | [r; st] -> { req = request (split ':' r); st = status (split ':' st) }
  | _ -> raise (Wrong ("no waiter: " ^ s))

let holder s =
  let claim s = match split ':' s with [i; n] -> (int i, int n) | _ -> raise (Wrong ("no claim: " ^ s)) in
  let edit = function
    | ["none"] -> NoEdit
    | ["push"; w] -> ToPush (word w)
    | ["remove"] -> ToRemove
    | ["all"] -> ToTakeAll None
    | ["all"; n] -> ToTakeAll (Some (int n))
    | _ -> raise (Wrong ("no edit: " ^ s)) in
  match split '/' s with
  | who :: seen :: doing :: claims ->
    { who = int who; seen = word seen; doing = edit (split ':' doing); claims = List.map claim claims }
  | _ -> raise (Wrong ("no lock holder: " ^ s))

let thread s =
  match String.split_on_char '/' s with
  | hold :: slack :: owes :: looks :: todo ->
    { hold = int hold; slack = int slack; owes = owes = "owes"; looks = int looks; todo = List.map int todo }
  | _ -> raise (Wrong ("no thread: " ^ s))

let whole = function
  | [w; limit; h; queue; waiters; threads] ->
    { wd = word w; limit = int limit; holding = (if h = "-" then None else Some (holder h));
      queue = List.map int (split ',' queue); waiters = List.map waiter (split ',' waiters);
      threads = List.map thread (if threads = "-" then [] else String.split_on_char ',' threads) }
  | words -> raise (Wrong ("no state: " ^ String.concat " " words))
