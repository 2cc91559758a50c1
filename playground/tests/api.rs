//! Whatever the page sends, the answer is JSON or a sentence.

use fairgate_playground::levels;
use fairgate_playground::{api, game};
use proptest::prelude::*;

fn refused(request: &str) -> String {
    api::answer(request).expect_err(request)
}

#[test]
fn a_bad_request_is_answered_with_a_sentence() {
    assert!(refused("").contains("not understood"));
    assert!(refused("[]").contains("not understood"));
    assert!(refused(r#"{"fly":{}}"#).contains("unknown variant"));
    assert!(refused(r#"{"play":{"game":"flood.unlimited.A","more":1}}"#).contains("unknown field"));
    let game = |text: &str| refused(&format!(r#"{{"play":{{"game":"{text}"}}}}"#));
    assert_eq!(game("moon.unlimited.A"), "there is no level \"moon\"");
    assert_eq!(game("flood.sunny.A"), "level \"flood\" has no variant \"sunny\"");
    assert_eq!(game("flood"), "a game is LEVEL.VARIANT.MOVES");
    assert_eq!(game("flood.unlimited.A?"), "there is no move '?'");
    assert_eq!(game("flood.unlimited.x"), "after x comes the letter of the task to cancel");
    assert_eq!(game("flood.unlimited.AAA"), "move 3 is not possible: A is done");
    assert_eq!(game("flood.unlimited.Z"), "move 1 is not possible: there is no task Z");
    assert_eq!(game("flood.unlimited.t"), "move 1 is not possible: no timer is set");
    assert_eq!(game("flood.unlimited.5"), "move 1 is not possible: action 5 is not possible");
    assert_eq!(game(&format!("flood.unlimited.{}", "A".repeat(201))), "a game has at most 200 moves");
    let large = format!(r#"{{"play":{{"game":"{}"}}}}"#, "A".repeat(70_000));
    assert_eq!(refused(&large), "a request has at most 65536 bytes");
}

/// The word changes twice while A has the queue locked, so A examines the front three times.
#[test]
fn two_threads_change_the_word_of_a_locked_queue() {
    let steps = api::answer(r#"{"two-threads":{}}"#).unwrap();
    let steps: Vec<serde_json::Value> = serde_json::from_str(&steps).unwrap();
    let shown = steps.iter().map(|step| {
        let (by, what, after) =
            (step["by"].as_str().unwrap(), step["what"].as_str().unwrap(), &step["after"]);
        format!("{by} {what} {} {:04b}", after["permits"], after["flags"].as_u64().unwrap())
    });
    let expected = [
        "A before 0 0000",
        "A lock 0 0011",
        "A push 0 0011",
        "B release 1 0011",
        "A retry 1 0011",
        "A claim 1 0011",
        "B forget 0 0111",
        "B recheck 0 0111",
        "A retry 0 0111",
        "A examine 0 0011",
        "A put-back 0 0011",
        "A unlock 0 0001",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn settings_out_of_range_are_refused() {
    let settings = |change: (&str, &str)| {
        let mut request = serde_json::json!({ "sandbox": {
            "act": 2, "tasks": 20, "permits": 5, "turns": 1, "latency": 200, "spread": 90,
            "limit": 400, "hanging": 2, "throttle": 10, "fair": true,
        }});
        request["sandbox"][change.0] = change.1.parse::<u64>().unwrap().into();
        request.to_string()
    };
    assert!(api::answer(&settings(("tasks", "40"))).is_ok());
    assert_eq!(refused(&settings(("tasks", "41"))), "tasks is 41; it goes from 1 to 40");
    assert_eq!(refused(&settings(("permits", "0"))), "permits is 0; it goes from 1 to 40");
    assert_eq!(
        refused(&settings(("latency", "99999999"))),
        "latency is 99999999; it goes from 10 to 10000"
    );
    assert_eq!(refused(&settings(("act", "4"))), "act is 4; it goes from 1 to 3");
}

/// No move panics, whatever state the world is in, and a move that is refused changes nothing.
#[test]
fn random_moves_never_panic() {
    let mut random = 1_u64;
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % n
    };
    for level in levels::all() {
        for variant in level.variants {
            for _ in 0..20 {
                let mut world = level.start(variant);
                for _ in 0..30 {
                    let text = ["A", "B", "C", "D", "xA", "xB", "xC", "Z", "t", "1", "2", "9"][below(12)];
                    let step = game::parse_moves(text).unwrap()[0];
                    let before = world.fingerprint();
                    let legal = world.legal().contains(&step);
                    assert_eq!(world.make(step).is_ok(), legal, "{}.{}: {text}", level.id, variant.id);
                    assert!(legal || world.fingerprint() == before);
                }
            }
        }
    }
}

fn any_variant() -> impl Strategy<Value = String> {
    let all = levels::all().iter();
    let names = all.flat_map(|level| level.variants.iter().map(move |v| format!("{}.{}", level.id, v.id)));
    prop::sample::select(names.collect::<Vec<_>>())
}

proptest! {
    /// The answer is JSON, or a sentence; moves that are possible lead to a world with as many moves.
    #[test]
    fn any_text_of_moves_is_answered(name in any_variant(), moves in "[A-EZxt1-4]{0,24}|\\PC{0,12}") {
        for kind in ["play", "around"] {
            let request = serde_json::json!({ kind: { "game": format!("{name}.{moves}") } });
            match api::answer(&request.to_string()) {
                Ok(answer) => {
                    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
                    prop_assert!(kind == "around" || answer["moves"].as_array().unwrap().len() <= moves.len());
                }
                Err(why) => prop_assert!(why.contains(' ') && !why.contains('\n'), "{why:?}"),
            }
        }
    }

    #[test]
    fn any_request_is_answered(request in r#"\PC{0,60}|[{}\[\]":,a-z0-9]{0,60}|\{"(play|around|search|sandbox|levels)":\{("[a-z]{0,8}":("[a-z.A-Z]{0,9}"|[0-9]{1,20}),?){0,10}\}\}"#) {
        if let Err(why) = api::answer(&request) {
            prop_assert!(why.contains(' '), "{why:?}");
        }
    }
}

/// The page draws a move from these worlds, so each must be the one that the move leads to.
#[test]
fn the_worlds_around_a_game_match_its_moves() {
    let ask = |kind: &str, game: &str| -> serde_json::Value {
        serde_json::from_str(&api::answer(&format!(r#"{{"{kind}":{{"game":"{game}"}}}}"#)).unwrap())
            .unwrap()
    };
    for level in levels::all() {
        for variant in level.variants {
            let whole = variant.solution.unwrap_or("AB");
            for length in 0..=whole.len().min(3) {
                if whole[..length].ends_with('x') {
                    continue;
                }
                let game = format!("{}.{}.{}", level.id, variant.id, &whole[..length]);
                let here = ask("play", &game);
                let next = here["legal"].as_array().unwrap();
                let mut expected: Vec<_> =
                    next.iter().map(|step| format!("{game}{}", step["text"].as_str().unwrap())).collect();
                if length > 0 {
                    let before = here["moves"].as_array().unwrap();
                    let before: String =
                        before[..before.len() - 1].iter().map(|step| step.as_str().unwrap()).collect();
                    expected.push(format!("{}.{}.{before}", level.id, variant.id));
                }
                expected.sort();
                let around = ask("around", &game);
                let mut found: Vec<_> = around.as_object().unwrap().keys().cloned().collect();
                found.sort();
                assert_eq!(found, expected, "around {game}");
                for game in found {
                    assert_eq!(around[&game], ask("play", &game), "{game}");
                }
            }
        }
    }
}

#[test]
fn after_the_last_possible_move_none_is_offered() {
    // On this level a task that waits may be polled as often as the player likes.
    let game = format!("overtaking.fairgate.AB{}", "B".repeat(game::MOST_MOVES - 2));
    let answer = api::answer(&format!(r#"{{"play":{{"game":"{game}"}}}}"#)).unwrap();
    assert!(answer.contains(r#""legal":[]"#), "{answer}");
    let around = api::answer(&format!(r#"{{"around":{{"game":"{game}"}}}}"#)).unwrap();
    let around: serde_json::Value = serde_json::from_str(&around).unwrap();
    assert_eq!(around.as_object().unwrap().len(), 1, "the world before the last move");
}

#[test]
fn the_search_is_offered_to_the_page() {
    let answer = api::answer(r#"{"search":{"level":"flood","variant":"unlimited"}}"#).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["solution"], serde_json::json!(["A", "B", "C"]));
}
