//! A game as a short text that fits into a link: `LEVEL.VARIANT.MOVES`.
//!
//! | text | move |
//! |---|---|
//! | `A` to `Z` | poll this task |
//! | `xA` to `xZ` | cancel this task |
//! | `t` | let time pass |
//! | `1` to `9` | an action of the level, such as a release |

use std::fmt::{self, Display, Formatter, Write};

use crate::levels::{self, Level, Variant};
use crate::world::Move;

/// No game is longer.
pub const MOST_MOVES: usize = 200;

/// A level, a variant and the moves so far.
pub struct Game {
    /// The level.
    pub level: &'static Level,
    /// The variant.
    pub variant: Variant,
    /// Its name in links.
    pub name: String,
    /// The moves so far.
    pub moves: Vec<Move>,
}

impl Display for Game {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.level.id, self.name, format_moves(&self.moves))
    }
}

/// Reads a game.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse(text: &str) -> Result<Game, String> {
    let mut parts = text.split('.');
    let (Some(level), Some(variant), moves, None) =
        (parts.next(), parts.next(), parts.next().unwrap_or(""), parts.next())
    else {
        return Err("a game is LEVEL.VARIANT.MOVES".to_owned());
    };
    let name = variant.to_owned();
    let (level, variant) = levels::find(level, variant)?;
    Ok(Game { level, variant, name, moves: parse_moves(moves)? })
}

/// Reads moves.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_moves(text: &str) -> Result<Vec<Move>, String> {
    let mut letters = text.chars();
    let mut moves = Vec::new();
    while let Some(letter) = letters.next() {
        moves.push(match letter {
            'A'..='Z' => Move::Poll(task(letter)),
            'x' => match letters.next() {
                Some(letter @ 'A'..='Z') => Move::Cancel(task(letter)),
                _ => return Err("after x comes the letter of the task to cancel".to_owned()),
            },
            't' => Move::Tick,
            '1'..='9' => Move::Act(letter as usize - '1' as usize),
            _ => return Err(format!("there is no move {letter:?}")),
        });
    }
    if moves.len() > MOST_MOVES {
        return Err(format!("a game has at most {MOST_MOVES} moves"));
    }
    Ok(moves)
}

fn task(letter: char) -> usize {
    letter as usize - 'A' as usize
}

/// The text of moves.
pub fn format_moves(moves: &[Move]) -> String {
    moves.iter().map(|step| format_move(*step)).collect()
}

/// The text of a move.
pub fn format_move(step: Move) -> String {
    let mut text = String::new();
    let letter = |task: usize| char::from(b'A' + task as u8);
    // Writing to a string cannot fail.
    let _ = match step {
        Move::Poll(task) => write!(text, "{}", letter(task)),
        Move::Cancel(task) => write!(text, "x{}", letter(task)),
        Move::Tick => write!(text, "t"),
        Move::Act(action) => write!(text, "{}", action + 1),
    };
    text
}
