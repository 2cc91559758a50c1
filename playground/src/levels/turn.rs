//! What several levels have in common: each task takes one turn with a permit.

use std::rc::Rc;

use crate::gates::Gate;
use crate::kit::{Outcome, Slots, Work};
use crate::source::{Source, source};
use crate::world::World;

pub(super) const SOURCE: Source = source!("turn.rs");

/// A semaphore with all permits held by the player, and `n` tasks.
pub(super) fn build(world: &mut World, gate: Rc<dyn Gate>, permits: usize, n: usize) {
    let slots = world.semaphore("slots", gate);
    world.player_holds(&slots, permits, "Release a permit");
    tasks(world, &slots, n);
}

pub(super) fn tasks(world: &mut World, slots: &Slots, n: usize) {
    for title in &["turn 1", "turn 2", "turn 3"][..n] {
        world.task(title, "turn", turn(slots.clone(), world.work()));
    }
}

async fn turn(slots: Slots, work: Work) -> Outcome {
    let _slot = slots.acquire().await?;
    work.step().await;
    Ok(())
}
