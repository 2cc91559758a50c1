//! Programs, held against the specification.

use std::rc::Rc;
use std::sync::Arc;

use fairgate::{Mutex, Semaphore};

use super::kind::{Counted, Counting, Kind, Single};
use super::model::Model;
use super::scene::Scene;
use super::step::{Seen, Step, Turn};

/// Where a program parted from the specification.
#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug")]
pub struct Parting {
    step: Step,
    specified: Seen,
    seen: Seen,
}

/// Runs a program, as far as its steps mean something, and then lets everybody leave.
pub fn run<K: Counting>(kind: K, steps: &[Step]) -> Result<(), Box<Parting>> {
    let (model, mut scene) = (Model::new(kind.available_permits()), Scene::over(kind));
    compare(model, steps, |step| scene.play(step))
}

/// As `run`, for what starts with so many permits and does not tell how many are left: only the answers and the
/// wake-ups are compared.
pub fn run_turns<K: Kind>(kind: K, free: usize, turns: &[Turn]) -> Result<(), Box<Parting>> {
    let mut scene = Scene::over(kind);
    let steps: Vec<_> = turns.iter().copied().map(Step::Turn).collect();
    compare(Model::new(free), &steps, |step| match step {
        Step::Turn(turn) => Seen { answer: scene.turn(turn), woken: scene.log.take(), word: None },
        Step::Change(_) => unreachable!("made of turns"),
    })
}

/// Runs a program on semaphores by all that leads to one.
pub fn run_on_semaphores(free: usize, steps: &[Step]) -> Result<(), Box<Parting>> {
    run(Counted(&Semaphore::new(free)), steps)?;
    run(Counted(Arc::new(Semaphore::new(free))), steps)?;
    run(Counted(Rc::new(Semaphore::new(free))), steps)
}

/// Runs what a mutex can do of a program.
pub fn run_on_mutexes(steps: &[Step]) -> Result<(), Box<Parting>> {
    let turns: Vec<_> = steps.iter().filter_map(|step| step.turn()).map(Turn::for_one).collect();
    run_turns(Single::new(&Mutex::new(()), 1), 1, &turns)?;
    run_turns(Single::new(Arc::new(Mutex::new(())), 1), 1, &turns)
}

/// Runs the program that any bytes are: the first says how many permits there are at the start, each three more are a
/// step. If it parts from the specification, says where.
pub fn run_bytes(bytes: &[u8]) -> Result<(), String> {
    let (&first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let step = |bytes: &[u8]| Step::from_bytes([bytes[0], bytes[1], bytes[2]]);
    let (free, steps): (_, Vec<_>) = (usize::from(first % 6), rest.chunks_exact(3).map(step).collect());
    run_on_semaphores(free, &steps)
        .and_then(|()| run_on_mutexes(&steps))
        .map_err(|parting| format!("{free} permits, {steps:#?}, parts: {parting:#?}"))
}

fn compare(
    mut model: Model,
    steps: &[Step],
    mut play: impl FnMut(Step) -> Seen,
) -> Result<(), Box<Parting>> {
    let mut one = |model: &mut Model, step: Step| {
        if !model.allows(step) {
            return Ok(());
        }
        let before = model.total();
        let mut specified = model.play(step);
        assert!(
            !step.keeps_total() || model.total() == before,
            "the specification loses permits: {step:?}"
        );
        let seen = play(step);
        specified.word = specified.word.filter(|_| seen.word.is_some());
        if specified == seen { Ok(()) } else { Err(Box::new(Parting { step, specified, seen })) }
    };
    steps.iter().try_for_each(|&step| one(&mut model, step))?;
    (0..model.cast()).try_for_each(|who| one(&mut model, Step::Turn(Turn::Leave(who))))
}
