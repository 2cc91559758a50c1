//! Programs that must not compile, as doc tests.
#![doc = include_str!("promises/refused.md")]
