//! Every short program does what the specification says, and so do many long ones.
//!
//! The same long program again: `FAIRGATE_SEED=... cargo test --test promises long_programs`

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use fairgate::Semaphore;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::common::kind::Counted;
use crate::common::model::Model;
use crate::common::spec;
use crate::common::step::{Ask, Change, Step, Turn};
use crate::common::{rounds, slow};

/// What may come next, given who takes part already.
pub(crate) type Letters = fn(&Model, &mut Vec<Step>);

/// So many steps; fewer where everything is slow.
fn steps_of(length: usize) -> usize {
    if slow() { length - 2 } else { length }
}

/// Calls `check` with every program of so many steps that all mean something.
pub(crate) fn every_program(free: usize, length: usize, letters: Letters, check: &mut impl FnMut(&[Step])) {
    extend(&Model::new(free), &mut Vec::with_capacity(length), length, letters, check);
}

fn extend(
    model: &Model,
    program: &mut Vec<Step>,
    length: usize,
    letters: Letters,
    check: &mut impl FnMut(&[Step]),
) {
    if program.len() == length {
        return check(program);
    }
    let mut steps = Vec::with_capacity(24);
    letters(model, &mut steps);
    for step in steps.into_iter().filter(|&step| model.allows(step)) {
        let mut model = model.clone();
        model.play(step);
        program.push(step);
        extend(&model, program, length, letters, check);
        program.pop();
    }
}

/// The heart: ask, look, leave, give, take away, close.
fn few_letters(model: &Model, steps: &mut Vec<Step>) {
    steps.extend([1, 2].map(|n| Step::Turn(Turn::Ask(Ask::For(n)))));
    steps.extend((0..model.cast()).map(|who| Step::Turn(Turn::Leave(who))));
    steps.extend((0..model.cast()).map(|who| Step::Turn(Turn::Poll(who))));
    steps.extend([Change::Add(1), Change::Add(2), Change::Reduce(1), Change::Close].map(Step::Change));
}

/// All that can be done.
fn all_letters(model: &Model, steps: &mut Vec<Step>) {
    few_letters(model, steps);
    steps.extend([Ask::UpTo(1, 3), Ask::Behind(1, 1)].map(|ask| Step::Turn(Turn::Ask(ask))));
    steps.extend([Turn::Make(Ask::For(1)), Turn::Try(1), Turn::Try(0)].map(Step::Turn));
    steps.extend([Change::ForgetFree(1), Change::Resize(3, 1)].map(Step::Change));
    for who in 0..model.cast() {
        steps.push(Step::Turn(Turn::PollAnew(who)));
        steps.extend([Change::Forget(who), Change::Split(who, 1)].map(Step::Change));
        steps.extend((0..model.cast()).map(|other| Step::Change(Change::Merge(who, other))));
    }
}

/// What can be done with a mutex.
pub(crate) fn turns(model: &Model, steps: &mut Vec<Step>) {
    steps.extend([Turn::Ask(Ask::For(1)), Turn::Make(Ask::For(1)), Turn::Try(1)].map(Step::Turn));
    for who in 0..model.cast() {
        steps.extend([Turn::Leave(who), Turn::Poll(who), Turn::PollAnew(who)].map(Step::Turn));
    }
}

fn hold<E: std::fmt::Debug>(outcome: Result<(), E>, program: &[Step]) {
    if let Err(parting) = outcome {
        panic!("{program:#?} parts from the specification: {parting:#?}");
    }
}

fn check_each(free: usize, length: usize, letters: Letters) {
    let mut programs = 0;
    every_program(free, length, letters, &mut |program| {
        programs += 1;
        hold(spec::run(Counted(&Semaphore::new(free)), program), program);
        hold(spec::run(Counted(Arc::new(Semaphore::new(free))), program), program);
    });
    println!("{programs} programs of {length} steps, {free} permits at the start");
}

#[test]
fn every_short_program_over_few_steps_does_what_is_specified() {
    (0..=1).for_each(|free| check_each(free, steps_of(6), few_letters));
}

#[test]
fn every_short_program_over_all_steps_does_what_is_specified() {
    (0..=2).for_each(|free| check_each(free, steps_of(4), all_letters));
}

#[test]
fn every_short_program_on_a_mutex_does_what_is_specified() {
    let mut programs = 0;
    every_program(1, steps_of(6), turns, &mut |program| {
        programs += 1;
        hold(spec::run_on_mutexes(program), program);
    });
    println!("{programs} programs");
}

/// A runner that says how to run the same programs again.
pub(crate) fn runner() -> TestRunner {
    let seed = std::env::var("FAIRGATE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one("a new seed"));
    println!("FAIRGATE_SEED={seed}");
    let rng_seed = RngSeed::Fixed(seed);
    TestRunner::new(ProptestConfig {
        rng_seed,
        failure_persistence: None,
        cases: rounds(1000) as u32,
        ..Default::default()
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<[u8; 3]>().prop_map(Step::from_bytes), 0..120)
}

fn tell(outcome: Result<(), Box<spec::Parting>>) -> Result<(), TestCaseError> {
    outcome.map_err(|parting| TestCaseError::fail(format!("{parting:#?}")))
}

#[test]
fn long_programs_do_what_is_specified() {
    let run = |(free, steps): (usize, Vec<Step>)| tell(spec::run_on_semaphores(free, &steps));
    runner().run(&(0..6_usize, steps()), run).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn long_programs_on_a_mutex_do_what_is_specified() {
    let run = |steps: Vec<Step>| tell(spec::run_on_mutexes(&steps));
    runner().run(&steps(), run).unwrap_or_else(|failure| panic!("{failure}"));
}

/// The programs by which the fuzzer got about (`fuzz/Cargo.toml` tells how it is run).
#[test]
#[cfg(not(miri))]
fn the_programs_of_the_fuzzer_do_what_is_specified() {
    let files: Vec<_> = fs::read_dir("fuzz/corpus/programs").unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        let path = file.unwrap().path();
        let outcome = spec::run_bytes(&fs::read(&path).unwrap());
        outcome.unwrap_or_else(|parting| panic!("{}: {parting}", path.display()));
    }
}
