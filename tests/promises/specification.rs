//! Every short program and many long ones match the specification.
//!
//! To run the same long programs again: `FAIRGATE_SEED=... cargo test --test promises long_programs`

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use fairgate::Semaphore;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::common::model::Model;
use crate::common::source::ViaSemaphore;
use crate::common::spec;
use crate::common::step::{Action, Request, SemaphoreAction, Step};
use crate::common::{rounds, slow};

/// Collects the steps that may follow, given the state of the model.
pub(crate) type NextSteps = fn(&Model, &mut Vec<Step>);

/// The program length to use: `length`, or less under a slow tool.
fn program_length(length: usize) -> usize {
    if slow() { length - 2 } else { length }
}

/// Calls `check` with every program of `length` steps that are all possible.
pub(crate) fn every_program(
    available: usize,
    length: usize,
    next_steps: NextSteps,
    check: &mut impl FnMut(&[Step]),
) {
    extend_program(&Model::new(available), &mut Vec::with_capacity(length), length, next_steps, check);
}

fn extend_program(
    model: &Model,
    program: &mut Vec<Step>,
    length: usize,
    next_steps: NextSteps,
    check: &mut impl FnMut(&[Step]),
) {
    if program.len() == length {
        return check(program);
    }
    let mut steps = Vec::with_capacity(24);
    next_steps(model, &mut steps);
    for step in steps.into_iter().filter(|&step| model.allows(step)) {
        let mut model = model.clone();
        model.step(step);
        program.push(step);
        extend_program(&model, program, length, next_steps, check);
        program.pop();
    }
}

/// The core steps: acquire, drop, poll, add, reduce, close.
fn core_steps(model: &Model, steps: &mut Vec<Step>) {
    steps.extend([1, 2].map(|n| Step::Common(Action::Acquire(Request::exactly(n)))));
    steps.extend((0..model.created()).map(|waiter| Step::Common(Action::Drop(waiter))));
    steps.extend((0..model.created()).map(|waiter| Step::Common(Action::Poll(waiter))));
    use SemaphoreAction::{Add, Close, Reduce};
    steps.extend([Add(1), Add(2), Reduce(1), Close].map(Step::Semaphore));
}

/// All steps of a semaphore.
fn all_steps(model: &Model, steps: &mut Vec<Step>) {
    core_steps(model, steps);
    let acquired = [Request::up_to(1, 3).max_waiters(1), Request::exactly(1).max_waiters(1), Request::ALL];
    steps.extend(acquired.map(|request| Step::Common(Action::Acquire(request))));
    let tried = [Request::exactly(1), Request::exactly(0), Request::up_to(1, 2), Request::ALL];
    steps.extend(tried.map(|request| Step::Common(Action::TryAcquire(request))));
    steps.push(Step::Common(Action::Create(Request::exactly(1))));
    use SemaphoreAction::{AddUpTo, ForgetAvailable, SetLimit};
    steps.extend([ForgetAvailable(1), SetLimit(0), SetLimit(2), AddUpTo(2, 1)].map(Step::Semaphore));
    for waiter in 0..model.created() {
        steps.push(Step::Common(Action::PollWithNewWaker(waiter)));
        steps.extend(
            [SemaphoreAction::Forget(waiter), SemaphoreAction::Split(waiter, 1)].map(Step::Semaphore),
        );
        steps.extend(
            (0..model.created()).map(|other| Step::Semaphore(SemaphoreAction::Merge(waiter, other))),
        );
    }
}

/// All steps of a mutex.
pub(crate) fn mutex_steps(model: &Model, steps: &mut Vec<Step>) {
    steps.extend(
        [Action::Acquire, Action::Create, Action::TryAcquire]
            .map(|action| Step::Common(action(Request::exactly(1)))),
    );
    for waiter in 0..model.created() {
        steps.extend(
            [Action::Drop(waiter), Action::Poll(waiter), Action::PollWithNewWaker(waiter)]
                .map(Step::Common),
        );
    }
}

fn assert_matches<E: std::fmt::Debug>(outcome: Result<(), E>, program: &[Step]) {
    if let Err(mismatch) = outcome {
        panic!("{program:#?} differs from the specification: {mismatch:#?}");
    }
}

/// What the limit depends on, and the requests that depend on it.
fn limit_steps(model: &Model, steps: &mut Vec<Step>) {
    let acquired = [Request::exactly(1), Request::ALL, Request::up_to(1, 3)];
    steps.extend(acquired.map(|request| Step::Common(Action::Acquire(request))));
    steps.push(Step::Common(Action::TryAcquire(Request::ALL)));
    use SemaphoreAction::{AddUpTo, Forget, ForgetAvailable, Reduce, SetLimit};
    steps.extend([SetLimit(0), SetLimit(1), SetLimit(3), AddUpTo(2, 1)].map(Step::Semaphore));
    steps.extend([Reduce(2), ForgetAvailable(1)].map(Step::Semaphore));
    for waiter in 0..model.created() {
        steps.extend([Action::Drop(waiter), Action::Poll(waiter)].map(Step::Common));
        steps.push(Step::Semaphore(Forget(waiter)));
    }
}

fn check_each(available: usize, length: usize, next_steps: NextSteps) {
    let mut programs = 0;
    every_program(available, length, next_steps, &mut |program| {
        programs += 1;
        assert_matches(spec::run(ViaSemaphore(&Semaphore::new(available)), program), program);
        assert_matches(spec::run(ViaSemaphore(Arc::new(Semaphore::new(available))), program), program);
    });
    println!("{programs} programs of {length} steps, {available} initial permits");
}

#[test]
fn every_short_program_of_core_steps_matches_the_specification() {
    (0..=1).for_each(|available| check_each(available, program_length(6), core_steps));
}

#[test]
fn every_short_program_of_all_steps_matches_the_specification() {
    (0..=2).for_each(|available| check_each(available, program_length(4), all_steps));
}

#[test]
fn every_short_program_that_changes_the_limit_matches_the_specification() {
    (0..=2).for_each(|available| check_each(available, program_length(5), limit_steps));
}

#[test]
fn every_short_program_on_a_mutex_matches_the_specification() {
    let mut programs = 0;
    every_program(1, program_length(6), mutex_steps, &mut |program| {
        programs += 1;
        assert_matches(spec::run_on_mutexes(program), program);
    });
    println!("{programs} programs");
}

/// A runner that prints its seed, with which the same programs run again.
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

fn to_test_case(outcome: Result<(), Box<spec::Mismatch>>) -> Result<(), TestCaseError> {
    outcome.map_err(|mismatch| TestCaseError::fail(format!("{mismatch:#?}")))
}

#[test]
fn long_programs_match_the_specification() {
    let run =
        |(available, steps): (usize, Vec<Step>)| to_test_case(spec::run_on_semaphores(available, &steps));
    runner().run(&(0..6_usize, steps()), run).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn long_programs_on_a_mutex_match_the_specification() {
    let run = |steps: Vec<Step>| to_test_case(spec::run_on_mutexes(&steps));
    runner().run(&steps(), run).unwrap_or_else(|failure| panic!("{failure}"));
}

/// The committed corpus of the fuzz target (`fuzz/Cargo.toml` describes how to run it).
#[test]
fn the_fuzz_corpus_matches_the_specification() {
    let files: Vec<_> =
        fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/programs")).unwrap().collect();
    assert!(!files.is_empty());
    for file in files {
        let path = file.unwrap().path();
        let outcome = spec::run_bytes(&fs::read(&path).unwrap());
        outcome.unwrap_or_else(|mismatch| panic!("{}: {mismatch}", path.display()));
    }
}
