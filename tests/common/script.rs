//! Programs as text, for tables of claims.

use super::source::{NewSource, SemaphoreSource};
use super::spec;
use super::step::{Action, Request, SemaphoreAction, Step};
use super::world::World;

/// A claim, the permits available at the start, the script, the waiters woken in order, the permits available at the end.
///
/// `3` a new waiter requests 3 permits and is polled once · `1-5` the same with a range · `*` with all permits ·
/// `n1` a new waiter requests 1 permit and is not polled · `t2` a new waiter tries to acquire 2 permits ·
/// `p0` polls waiter 0 · `x0` drops the future or the permits of waiter 0 · `g0` forgets the permits of waiter 0 ·
/// `+2` adds two permits · `-2` removes two · `f2` forgets at most two · `=2` sets the limit to two · `c` closes
pub type Row = (&'static str, usize, &'static str, &'static [usize], usize);

fn request(word: &str) -> Request {
    let number = |digits: &str| digits.parse().unwrap_or_else(|_| panic!("no request: {word}"));
    match word.split_once('-') {
        Some((min, max)) => Request::up_to(number(min), number(max)),
        None if word == "*" => Request::ALL,
        None => Request::exactly(number(word)),
    }
}

pub fn parse(script: &str) -> Vec<Step> {
    use SemaphoreAction::{Add, Close, Forget, ForgetAvailable, Reduce, SetLimit};
    let step = |word: &str| {
        let (rest, number) = (&word[1..], || word[1..].parse().unwrap());
        match word.as_bytes()[0] {
            b'n' => Step::Common(Action::Create(request(rest))),
            b't' => Step::Common(Action::TryAcquire(request(rest))),
            b'p' => Step::Common(Action::Poll(number())),
            b'x' => Step::Common(Action::Drop(number())),
            b'g' => Step::Semaphore(Forget(number())),
            b'+' => Step::Semaphore(Add(number())),
            b'-' => Step::Semaphore(Reduce(number())),
            b'f' => Step::Semaphore(ForgetAvailable(number())),
            b'=' => Step::Semaphore(SetLimit(number())),
            b'c' => Step::Semaphore(Close),
            _ => Step::Common(Action::Acquire(request(word))),
        }
    };
    script.split_whitespace().map(step).collect()
}

/// Checks what each row says, and compares everything else with the specification.
pub fn check<S: SemaphoreSource + NewSource>(table: &[Row]) {
    for &(claim, available, script, woken, left) in table {
        let (steps, mut world) = (parse(script), World::<S>::new(available));
        let wake_ups = steps.iter().flat_map(|&step| world.step(step).woken);
        let wake_ups: Vec<_> = wake_ups.map(|(waiter, _)| waiter).collect();
        assert_eq!(wake_ups, woken, "{claim}: {script}");
        assert_eq!(world.state().available, left, "{claim}: {script}");
        let outcome = spec::run(S::with_permits(available), &steps);
        outcome.unwrap_or_else(|mismatch| panic!("{claim}: {script}: {mismatch:#?}"));
    }
}
