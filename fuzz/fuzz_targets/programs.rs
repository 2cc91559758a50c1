//! Any bytes are a program: the first says how many permits there are at the start, and each three more are a step.
//! What it does must be what the specification says.
#![no_main]

#[path = "../../tests/common/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "shared with the tests")]
mod common;

use std::rc::Rc;
use std::sync::Arc;

use common::kind::{Counted, Single};
use common::spec;
use common::step::{Step, Turn};
use fairgate::{Mutex, Semaphore};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let free = usize::from(first % 6);
    let (steps, _) = rest.as_chunks();
    let steps: Vec<_> = steps.iter().copied().map(Step::from_bytes).collect();
    hold(&steps, spec::run(Counted(&Semaphore::new(free)), &steps));
    hold(&steps, spec::run(Counted(Arc::new(Semaphore::new(free))), &steps));
    hold(&steps, spec::run(Counted(Rc::new(Semaphore::new(free))), &steps));

    let turns: Vec<_> = steps.iter().filter_map(|step| step.turn()).map(Turn::for_one).collect();
    hold(&turns, spec::run_turns(Single::new(&Mutex::new(()), 1), 1, &turns));
    hold(&turns, spec::run_turns(Single::new(Arc::new(Mutex::new(())), 1), 1, &turns));
});

fn hold<S: std::fmt::Debug>(steps: &[S], outcome: Result<(), Box<spec::Parting>>) {
    if let Err(parting) = outcome {
        panic!("{steps:#?} parts from the specification: {parting:#?}");
    }
}
