//! *Bring your own*: the search finds the mistakes of the historic semaphores in the small language, and none in one that is
//! right.

use fairgate_playground::{Kind, api, game, levels, search};

/// The shortest counterexample and its violations, or how many states there are.
fn search(code: &str) -> Result<usize, (String, Vec<Kind>)> {
    let (level, variant) = levels::find("own", code).unwrap_or_else(|why| panic!("{code}: {why}"));
    let found = search::states(level, &variant, 100_000);
    match found.solution {
        None => {
            assert!(found.complete, "{code}");
            Ok(found.states)
        }
        Some(moves) => {
            let world = level.replay(&variant, &moves).unwrap();
            Err((game::format_moves(&moves), world.violations()))
        }
    }
}

#[test]
fn a_semaphore_that_hands_permits_over_and_on_has_no_fault() {
    let states = search("ce-j-l").unwrap();
    println!("ce-j-l: {states} states");
    assert!(states > 500);
}

#[test]
fn each_missing_line_has_a_counterexample() {
    for (code, moves, kind) in [
        ("ad-gh-", "A1B", Kind::Overtaken),
        ("ad-gh-k", "A1B", Kind::Overtaken),
        ("ad-g-", "A1", Kind::Idle),
        ("d-gh-", "A", Kind::TooMany),
        ("cd-gh-", "AB1xA", Kind::Idle), // asyncio until 2015
        ("cd-gh-h", "ABxAB", Kind::TooMany),
        ("ce-j-", "A1xA", Kind::Miscounted),
        ("cd-j-l", "A1AA", Kind::Miscounted),
    ] {
        let (found, kinds) = search(code).expect_err(code);
        println!("{code}: {found}: {kinds:?}");
        assert_eq!(found.len(), moves.len(), "{code}: {found}");
        assert!(kinds.contains(&kind), "{code}: {kinds:?}");
    }
}

#[test]
fn a_text_that_is_no_program_is_refused() {
    let refused =
        |code: &str| api::answer(&format!(r#"{{"play":{{"game":"own.{code}."}}}}"#)).expect_err(code);
    assert_eq!(refused("abc"), "a semaphore of your own is ACQUIRE-RELEASE-CANCEL");
    assert_eq!(refused("g-g-"), "there is no line 'g' here");
    assert_eq!(refused("aaaaaaa-g-"), "a function has at most 6 lines");
}
