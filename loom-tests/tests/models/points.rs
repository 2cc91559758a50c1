//! Points of the scenario, each named after what it reaches.

use crate::scenario::{Act::*, Scenario};

#[test]
fn two_leave_their_permits_to_one_who_edits_the_line() {
    Scenario { free: 0, held: [0, 0, 0], line: &[1, 1, 1], acts: [&[Cancel(1)], &[Add(1)], &[Add(1)]] }
        .check();
}

#[test]
fn one_comes_and_leaves_as_what_it_came_for_is_given_back_in_parts() {
    Scenario {
        free: 0,
        held: [0, 2, 0],
        line: &[],
        acts: [&[Ask(2), Cancel(0)], &[GivePart(1), Give], &[]],
    }
    .check();
}

#[test]
fn a_batch_is_full_as_more_come_and_the_last_leaves() {
    Scenario { free: 0, held: [0, 3, 0], line: &[1, 1, 1, 1], acts: [&[Cancel(3)], &[Give], &[Add(1)]] }
        .check();
}

#[test]
fn a_batch_is_full_as_permits_are_taken_away() {
    Scenario { free: 0, held: [0, 0, 0], line: &[1, 1, 1, 1], acts: [&[Reduce(1)], &[Add(4)], &[Try(1)]] }
        .check();
}

#[test]
fn a_close_amid_a_batch() {
    Scenario { free: 0, held: [0, 0, 0], line: &[1, 1, 1], acts: [&[Close], &[Add(3)], &[]] }.check();
}

#[test]
fn a_close_as_a_large_front_leaves_the_small_ones_to_be_served() {
    Scenario { free: 1, held: [0, 0, 0], line: &[2, 1, 1], acts: [&[Close], &[Cancel(0)], &[Add(1)]] }
        .check();
}

#[test]
fn what_is_taken_away_meets_what_is_given_back_to_a_large_front() {
    Scenario { free: 0, held: [0, 2, 0], line: &[2, 1], acts: [&[Reduce(1)], &[Give], &[Add(1)]] }.check();
}

#[test]
fn a_debt_grows_as_it_is_paid() {
    Scenario { free: 0, held: [0, 1, 1], line: &[1], acts: [&[Reduce(2), Add(1)], &[Give], &[Give]] }
        .check();
}

#[test]
fn only_what_no_front_was_granted_is_forgotten() {
    Scenario { free: 1, held: [0, 1, 0], line: &[2, 1], acts: [&[Forget(2)], &[Give], &[Cancel(0)]] }
        .check();
}

#[test]
fn a_permit_is_parted_lost_and_merged_as_its_parts_come_back() {
    Scenario {
        free: 0,
        held: [0, 3, 0],
        line: &[1, 1],
        acts: [&[Poll(0), Give], &[GivePart(1), Lose(1), Give], &[]],
    }
    .check();
}

#[test]
fn permits_that_are_taken_at_different_times_are_one_permit_when_given_back() {
    Scenario {
        free: 0,
        held: [0, 1, 1],
        line: &[1, 2],
        acts: [&[], &[Poll(0), Give], &[GivePart(1), Poll(1)]],
    }
    .check();
}

#[test]
fn polls_that_are_none_of_the_line_s_business() {
    Scenario {
        free: 0,
        held: [0, 0, 0],
        line: &[2, 1],
        acts: [&[Poll(0), Poll(0)], &[Poll(1), Poll(1)], &[Add(1), Add(1)]],
    }
    .check();
}

#[test]
fn a_waker_is_changed_twice_against_a_grant() {
    Scenario {
        free: 0,
        held: [0, 0, 0],
        line: &[1, 1],
        acts: [&[Elsewhere(0), Elsewhere(0)], &[Add(1)], &[Elsewhere(1)]],
    }
    .check();
}

#[test]
fn a_waker_is_changed_as_its_neighbour_leaves() {
    Scenario { free: 1, held: [0, 0, 0], line: &[2, 1], acts: [&[Elsewhere(1)], &[Cancel(0)], &[Add(1)]] }
        .check();
}

#[test]
fn a_waker_is_changed_against_a_close() {
    Scenario { free: 0, held: [0, 0, 0], line: &[1, 1], acts: [&[Elsewhere(0)], &[Close], &[Cancel(1)]] }
        .check();
}

#[test]
fn newcomers_of_two_threads_stand_behind_a_front_that_leaves() {
    Scenario { free: 1, held: [0, 0, 0], line: &[2], acts: [&[Cancel(0)], &[Ask(1)], &[Ask(1)]] }.check();
}

#[test]
fn a_newcomer_asks_tries_and_leaves_as_permits_come() {
    Scenario {
        free: 0,
        held: [0, 0, 0],
        line: &[],
        acts: [&[Ask(2), Try(1), Cancel(0)], &[Add(1), Add(1)], &[]],
    }
    .check();
}

#[test]
fn the_front_leaves_granted_or_not_and_its_two_permits_feed_two() {
    Scenario { free: 0, held: [0, 2, 0], line: &[2, 1, 1], acts: [&[Cancel(0)], &[Give], &[Poll(1)]] }
        .check();
}

#[test]
fn all_of_the_line_leaves_at_once() {
    Scenario {
        free: 0,
        held: [0, 0, 0],
        line: &[1, 1, 1],
        acts: [&[Cancel(0)], &[Cancel(1)], &[Cancel(2), Add(1)]],
    }
    .check();
}
