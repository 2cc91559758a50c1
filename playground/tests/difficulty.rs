//! Levels are in the order of their difficulty: how often random moves win them.

use fairgate_playground::levels::{self, Difficulty, Level, Variant};

/// Long enough for every solution, short enough that luck alone does not win everything.
const MOVES: usize = 12;
const GAMES: usize = 600;

/// How many of the games random moves win.
fn wins(level: &Level, variant: &Variant) -> usize {
    let mut random = 1_u64;
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    let mut game = || {
        let mut world = level.start(variant);
        for _ in 0..MOVES {
            let legal = world.legal();
            if legal.is_empty() {
                break;
            }
            world.make(legal[below(legal.len())]).unwrap();
            if level.is_won(&world) {
                return true;
            }
        }
        false
    };
    (0..GAMES).filter(|_| game()).count()
}

/// Two levels that are equally hard differ by less, as a rule.
const CHANCE: usize = GAMES / 20;

fn class(wins: usize) -> Difficulty {
    match wins {
        120.. => Difficulty::Easy,
        25.. => Difficulty::Medium,
        _ => Difficulty::Hard,
    }
}

#[test]
fn the_levels_of_a_chapter_become_harder() {
    let mut previous = ("", 0);
    for level in levels::all() {
        let first = level.variants.iter().find(|variant| variant.solution.is_some()).unwrap();
        let wins = wins(level, first);
        println!("{wins:4} of {GAMES} games: {}, {}", level.chapter, level.title);
        assert!(wins < GAMES * 9 / 10, "{} is won by any moves", level.title);
        assert_eq!(level.difficulty, class(wins), "{}: {wins} of {GAMES} games", level.title);
        let is_harder = level.chapter != previous.0 || wins <= previous.1 + CHANCE;
        assert!(is_harder, "{} is easier than the level before it", level.title);
        previous = (level.chapter, wins);
    }
}
