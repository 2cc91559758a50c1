//! Runs programs and compares every step with the specification.

use std::rc::Rc;
use std::sync::Arc;

use fairgate::{Mutex, Semaphore};

use super::model::Model;
use super::source::{PermitSource, SemaphoreSource, ViaMutex, ViaSemaphore};
use super::step::{Action, Observation, Step};
use super::world::World;

/// The first step at which the specification and the type under test disagree.
#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug")]
pub struct Mismatch {
    step: Step,
    specified: Observation,
    observed: Observation,
}

/// Runs those steps of a program that are possible, then drops all waiters.
pub fn run<S: SemaphoreSource>(source: S, steps: &[Step]) -> Result<(), Box<Mismatch>> {
    let (model, mut world) = (Model::new(source.available_permits()), World::over(source));
    compare(model, steps, |step| world.step(step))
}

/// Like `run`, for a source that starts with `available` permits and does not report its state. Compares outcomes and
/// wake-ups only.
pub fn run_actions<S: PermitSource>(
    source: S,
    available: usize,
    actions: &[Action],
) -> Result<(), Box<Mismatch>> {
    let mut world = World::over(source);
    let steps: Vec<_> = actions.iter().copied().map(Step::Common).collect();
    compare(Model::new(available), &steps, |step| match step {
        Step::Common(action) => {
            let outcome = world.act(action);
            Observation { outcome, woken: world.wake_log.take(), state: None, permits: None }
        }
        Step::Semaphore(_) => unreachable!("all steps are common actions"),
    })
}

/// Runs a program on a semaphore behind each kind of handle.
pub fn run_on_semaphores(available: usize, steps: &[Step]) -> Result<(), Box<Mismatch>> {
    run(ViaSemaphore(&Semaphore::new(available)), steps)?;
    run(ViaSemaphore(Arc::new(Semaphore::new(available))), steps)?;
    run(ViaSemaphore(Rc::new(Semaphore::new(available))), steps)
}

/// Runs the common actions of a program on mutexes.
pub fn run_on_mutexes(steps: &[Step]) -> Result<(), Box<Mismatch>> {
    let actions: Vec<_> = steps.iter().filter_map(|step| step.common()).map(Action::for_mutex).collect();
    run_actions(ViaMutex::new(&Mutex::new(()), 1), 1, &actions)?;
    run_actions(ViaMutex::new(Arc::new(Mutex::new(())), 1), 1, &actions)
}

/// Decodes a program from bytes and runs it: the first byte is the initial number of permits, every three more are a
/// step. Returns a description of the mismatch, if there is one.
pub fn run_bytes(bytes: &[u8]) -> Result<(), String> {
    let (&first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let step = |bytes: &[u8]| Step::from_bytes([bytes[0], bytes[1], bytes[2]]);
    let (available, steps): (_, Vec<_>) =
        (usize::from(first % 6), rest.chunks_exact(3).map(step).collect());
    run_on_semaphores(available, &steps)
        .and_then(|()| run_on_mutexes(&steps))
        .map_err(|mismatch| format!("{available} permits, {steps:#?}: {mismatch:#?}"))
}

fn compare(
    mut model: Model,
    steps: &[Step],
    mut run_step: impl FnMut(Step) -> Observation,
) -> Result<(), Box<Mismatch>> {
    let mut check = |model: &mut Model, step: Step| {
        if !model.allows(step) {
            return Ok(());
        }
        let before = model.total();
        let mut specified = model.step(step);
        assert!(
            !step.keeps_total() || model.total() == before,
            "the specification loses permits: {step:?}"
        );
        let observed = run_step(step);
        specified.state = specified.state.filter(|_| observed.state.is_some());
        specified.permits = specified.permits.filter(|_| observed.permits.is_some());
        if specified == observed { Ok(()) } else { Err(Box::new(Mismatch { step, specified, observed })) }
    };
    steps.iter().try_for_each(|&step| check(&mut model, step))?;
    (0..model.created()).try_for_each(|waiter| check(&mut model, Step::Common(Action::Drop(waiter))))
}
