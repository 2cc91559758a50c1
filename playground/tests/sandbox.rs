//! The sandbox shows what the lesson says.

use fairgate_playground::sandbox::{Run, Settings, run};

fn settings(act: u8) -> Settings {
    Settings {
        act,
        tasks: 20,
        permits: 5,
        turns: 1,
        latency: 200,
        spread: 90,
        limit: 2000,
        hanging: 2,
        throttle: 10,
        fair: true,
    }
}

/// The first task that works in its second turn, and the number of tasks that have not worked at all by then.
fn not_served_before_the_second_turn(run: &Run) -> usize {
    let works = |row: &Vec<_>, turn: usize| {
        row.iter()
            .filter(|span: &&fairgate_playground::sandbox::Span| span.kind == "work")
            .nth(turn)
            .map(|span| span.from)
    };
    let second = run.rows.iter().filter_map(|row| works(row, 1)).min().unwrap();
    run.rows.iter().filter(|row| works(row, 0).is_none_or(|first| first > second)).count()
}

#[test]
fn all_at_once_are_twenty_in_flight_for_a_server_that_takes_them() {
    let patient = run(&Settings { throttle: 100, ..settings(1) }).unwrap();
    assert_eq!((patient.peak, patient.answered, patient.refused), (20, 20, 0));
    let strict = run(&settings(1)).unwrap();
    assert_eq!((strict.peak, strict.answered, strict.refused), (10, 10, 10));
}

#[test]
fn with_five_permits_never_more_than_five_are_in_flight() {
    let run = run(&settings(2)).unwrap();
    assert_eq!((run.peak, run.answered, run.refused), (5, 20, 0));
    assert!(run.longest_wait > 0);
}

#[test]
fn a_request_that_hangs_times_out_and_harms_no_other() {
    let run = run(&Settings { permits: 3, tasks: 10, ..settings(3) }).unwrap();
    assert_eq!((run.peak, run.answered, run.timed_out), (3, 8, 2));
    let hung = run.rows.iter().flatten().find(|span| span.kind == "timed-out").unwrap();
    assert_eq!(hung.to - hung.from, 2000);
}

#[test]
fn on_the_textbook_semaphore_a_task_takes_its_second_turn_before_others_take_their_first() {
    let two_turns = |fair| run(&Settings { turns: 2, fair, ..settings(2) }).unwrap();
    assert_eq!(not_served_before_the_second_turn(&two_turns(true)), 0);
    assert!(not_served_before_the_second_turn(&two_turns(false)) > 0);
}
