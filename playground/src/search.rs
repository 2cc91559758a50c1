//! Tries every sequence of moves.

use std::collections::{HashSet, VecDeque};

use crate::board::Kind;
use crate::levels::{Level, Variant};
use crate::world::{Move, World};

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The shortest sequence of moves that reaches the goal.
    pub solution: Option<Vec<Move>>,
    /// How many different states were reached.
    pub states: usize,
    /// How many moves were made from them.
    pub moves: usize,
    /// The longest sequence that was tried.
    pub depth: usize,
    /// Whether every sequence was followed to its end, or to a state that was reached before.
    pub complete: bool,
    /// Every kind of violation that occurred.
    pub violations: HashSet<Kind>,
}

/// Goes through all states by their distance from the start, each state once, and stops at the goal or when `most`
/// states are known.
///
/// Two sequences that lead to the same [`fingerprint`](crate::world::World::fingerprint) are continued only once.
pub fn states(level: &Level, variant: &Variant, most: usize) -> Found {
    let mut found =
        Found { solution: None, states: 1, moves: 0, depth: 0, complete: true, violations: HashSet::new() };
    let start = level.start(variant);
    let mut known = HashSet::from([start.fingerprint()]);
    let mut frontier = vec![(Vec::new(), start.legal())];
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (moves, legal) in frontier {
            for step in legal {
                let mut longer: Vec<Move> = Vec::with_capacity(moves.len() + 1);
                longer.extend(&moves);
                longer.push(step);
                let Ok(world) = level.replay(variant, &longer) else { continue };
                found.moves += 1;
                found.depth = longer.len();
                found.violations.extend(world.violations());
                if !known.insert(world.fingerprint()) {
                    continue;
                }
                found.states += 1;
                if level.is_won(&world) {
                    found.solution = Some(longer);
                    found.complete = false;
                    return found;
                }
                if found.states >= most {
                    found.complete = false;
                    return found;
                }
                next.push((longer, world.legal()));
            }
        }
        frontier = next;
    }
    found
}

/// Calls `visit` with every state that any sequence of moves reaches, past the goal too, each state once. Returns whether
/// these are all, which they are unless there are more than `most`.
pub fn every_state(
    level: &Level,
    variant: &Variant,
    most: usize,
    visit: &mut dyn FnMut(&[Move], &World),
) -> bool {
    let start = level.start(variant);
    visit(&[], &start);
    let mut known = HashSet::from([start.fingerprint()]);
    let mut frontier = VecDeque::from([(Vec::new(), start.legal())]);
    while let Some((moves, legal)) = frontier.pop_front() {
        for step in legal {
            let longer = [&moves[..], &[step]].concat();
            let Ok(world) = level.replay(variant, &longer) else { continue };
            if !known.insert(world.fingerprint()) {
                continue;
            }
            if known.len() > most {
                return false;
            }
            visit(&longer, &world);
            frontier.push_back((longer, world.legal()));
        }
    }
    true
}

/// Makes every sequence of up to `depth` moves, without merging equal states. Calls `visit`
/// with each sequence and its world; stops if that returns `false`. Returns how many sequences it made.
pub fn sequences(
    level: &Level,
    variant: &Variant,
    depth: usize,
    visit: &mut dyn FnMut(&[Move], &World) -> bool,
) -> usize {
    let mut made = 0;
    let mut stack = vec![Vec::new()];
    while let Some(moves) = stack.pop() {
        let Ok(world) = level.replay(variant, &moves) else { continue };
        made += 1;
        if !visit(&moves, &world) {
            break;
        }
        if moves.len() < depth {
            for step in world.legal().into_iter().rev() {
                let mut longer = moves.clone();
                longer.push(step);
                stack.push(longer);
            }
        }
    }
    made
}
