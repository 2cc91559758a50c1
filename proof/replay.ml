(* Replays recorded traces through the extracted function [exec]. proof/README.md has the format. *)

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
  | ["end-batch"] -> Unlock true
  | ["publish"] -> Publish
  | ["look"] -> Look
  | ["take"; i] -> Take (int i)
  | ["take-failure"; i] -> TakeFailure (int i)
  | ["cancel"; i] -> Cancel (int i)
  | words -> raise (Wrong ("no event: " ^ String.concat " " words))

(* Permits may be sent to another thread, which then releases them. The model has no step for it: the permits are moved to the
   account of the thread that uses them. *)
let move state t e =
  match e with
  | Update (Release n) | FetchAdd (Release n) | ForgetHeld n ->
    let missing = ref (n - (List.nth state.threads t).hold) in
    let take i x =
      let m = if i = t then 0 else max 0 (min !missing x.hold) in
      missing := !missing - m;
      { x with hold = x.hold - m } in
    if !missing <= 0 then state
    else
      let threads = List.mapi take state.threads in
      let moved = max 0 (n - (List.nth state.threads t).hold) - !missing in
      { state with threads = List.mapi (fun i x -> if i = t then { x with hold = x.hold + moved } else x) threads }
  | _ -> state

(* What a trace may say about the state after a step: the permits in the word, its flags, and the limit. *)
let shown s =
  let flag b c = if b then c else "-" in
  Printf.sprintf "%d %s%s%s%s %d" s.wd.permits (flag s.wd.closed "C") (flag s.wd.recheck "R") (flag s.wd.locked "L")
    (flag s.wd.queued "Q") s.limit

let step state words =
  match words with
  | t :: e ->
    let t = int t and e = event e in
    if t < 0 || t >= List.length state.threads then raise (Wrong "there is no such thread");
    exec (move state t e) t e
  | [] -> raise (Wrong "no event")

let rec split = function
  | [] -> ([], [])
  | "=" :: after -> ([], after)
  | word :: words -> let before, after = split words in (word :: before, after)

let () =
  let file = Sys.argv.(1) in
  let input = open_in file in
  let line_number = ref 0 and traces = ref 0 and steps = ref 0 and refused = ref 0 in
  let state = ref (initial 0 0) in
  (try
     while true do
       let line = input_line input in
       incr line_number;
       match List.filter (fun w -> w <> "") (String.split_on_char ' ' line) with
       | [] -> ()
       | word :: _ when word.[0] = '#' -> ()
       | ["new"; threads; permits] ->
         incr traces;
         state := initial (int threads) (int permits)
       | "!" :: words ->
         incr refused;
         if step !state words <> None then raise (Wrong "the step is possible, and should not be")
       | words ->
         incr steps;
         let before, after = split words in
         (match step !state before with
          | None -> raise (Wrong ("the step is not possible in the state " ^ shown !state))
          | Some next ->
            state := next;
            let after = String.concat " " after in
            if after <> "" && after <> shown next then
              raise (Wrong (Printf.sprintf "the state after it is %s" (shown next))))
     done
   with
   | End_of_file -> ()
   | Wrong why ->
     Printf.eprintf "%s:%d: %s\n" file !line_number why;
     exit 1);
  Printf.printf "%d traces, %d steps, %d refused\n" !traces !steps !refused
