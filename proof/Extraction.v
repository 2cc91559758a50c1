(** The function [exec] as an OCaml program, which replays recorded traces. *)

From Coq Require Import ZArith Extraction ExtrOcamlBasic ExtrOcamlNatInt ExtrOcamlZInt.
From Fairgate Require Import Base Protocol.

Extraction "protocol.ml" exec initial.
