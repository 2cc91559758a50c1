//! The engine of the playground: the reader is the scheduler.
//!
//! A [`World`](world::World) has tasks that are real `async fn`s over the real `fairgate::Semaphore` and `Mutex`, or
//! over other semaphores behind the same small trait. Time is virtual, and nothing happens unless a
//! [`Move`](world::Move) makes it happen. There is no I/O, no thread and no chance in it: the same moves lead to the
//! same world, so undo and replay run the moves again.
//!
//! [`levels`] are puzzles in such worlds. [`search`] tries every sequence of moves. [`api`] is what a host offers to
//! the page.

pub mod api;
mod board;
pub mod game;
mod gates;
mod kit;
pub mod levels;
pub mod sandbox;
pub mod search;
pub mod source;
#[cfg(target_family = "wasm")]
mod wasm;
pub mod world;

pub use board::{Kind, Standing, Violation};
