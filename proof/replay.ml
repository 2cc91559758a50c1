(* Replays traces through the extracted function [exec]. *)

open Protocol
open Trace

(* Permits may be sent to another thread, which then releases them. The model has no step for it: the permits are moved to the
   account of the thread that uses them. In a recorded trace they have been moved. *)
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

let step state = function
  | t :: e -> exec state (int t) (event e)
  | [] -> raise (Wrong "no event")

let step_of_run state words =
  match words with
  | t :: e when int t >= 0 && int t < List.length state.threads -> step (move state (int t) (event e)) words
  | _ -> raise (Wrong "there is no such thread")

let rec split_at = function
  | [] -> ([], [])
  | "=" :: after -> ([], after)
  | word :: words -> let before, after = split_at words in (word :: before, after)

(* After `at`, steps start in that state; after `new`, in the state after the step before. *)
let () =
  let file = Sys.argv.(1) in
  let input = open_in file in
  let line_number = ref 0 and traces = ref 0 and steps = ref 0 and refused = ref 0 and wrong = ref 0 in
  let state = ref (initial 0 0) in
  let check words =
    match words with
    | [] -> ()
    | word :: _ when word.[0] = '#' -> ()
    | ["new"; threads; permits] ->
      incr traces;
      state := initial (int threads) (int permits)
    | "at" :: words -> state := whole words
    | "!" :: words ->
      incr refused;
      if step !state words <> None then raise (Wrong "the step is possible, and should not be")
    | words ->
      incr steps;
      let single = List.hd words = "?" in
      let before, after = split_at (if single then List.tl words else words) in
      match (if single then step else step_of_run) !state before with
      | None -> raise (Wrong ("the step is not possible in the state " ^ show !state))
      | Some next ->
        if not single then state := next;
        let after = String.concat " " after in
        let limit = Printf.sprintf "%s %d" (show_word next.wd) next.limit in
        if after <> "" && after <> limit && after <> show next then raise (Wrong ("the state after it is " ^ show next)) in
  (try
     while true do
       let line = input_line input in
       incr line_number;
       try check (List.filter (fun w -> w <> "") (String.split_on_char ' ' line))
       with Wrong why ->
         incr wrong;
         if !wrong <= 10 then Printf.eprintf "%s:%d: %s: %s\n" file !line_number line why
     done
   with End_of_file -> ());
  Printf.printf "%d runs, %d steps, %d refused, %d wrong\n" !traces !steps !refused !wrong;
  if !wrong > 0 then exit 1
