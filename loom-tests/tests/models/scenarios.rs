//! Instances of the scenario.

use crate::scenario::{Scenario, Step::*};

#[test]
fn two_releases_during_a_cancel() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[1, 1, 1],
        steps: [&[Cancel(1)], &[Add(1)], &[Add(1)]],
    }
    .check();
}

#[test]
fn a_request_is_cancelled_while_its_permits_are_released_in_parts() {
    Scenario {
        available: 0,
        held: [0, 2, 0],
        queue: &[],
        steps: [&[Enqueue(2), Cancel(0)], &[ReleasePart(1), Release], &[]],
    }
    .check();
}

#[test]
fn a_large_release_against_an_addition_and_a_cancel() {
    Scenario {
        available: 0,
        held: [0, 3, 0],
        queue: &[1, 1, 1, 1],
        steps: [&[Cancel(3)], &[Release], &[Add(1)]],
    }
    .check();
}

#[test]
fn a_large_addition_against_a_reduction_and_a_try() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[1, 1, 1, 1],
        steps: [&[Reduce(1)], &[Add(4)], &[Try(1)]],
    }
    .check();
}

#[test]
fn a_close_between_two_grants() {
    Scenario { available: 0, held: [0, 0, 0], queue: &[1, 1, 1], steps: [&[Close], &[Add(3)], &[]] }
        .check();
}

#[test]
fn a_close_against_the_cancel_of_a_large_front() {
    Scenario {
        available: 1,
        held: [0, 0, 0],
        queue: &[2, 1, 1],
        steps: [&[Close], &[Cancel(0)], &[Add(1)]],
    }
    .check();
}

#[test]
fn a_reduction_against_releases_to_a_large_front() {
    Scenario {
        available: 0,
        held: [0, 2, 0],
        queue: &[2, 1],
        steps: [&[Reduce(1)], &[Release], &[Add(1)]],
    }
    .check();
}

#[test]
fn a_deficit_grows_while_it_is_paid() {
    Scenario {
        available: 0,
        held: [0, 1, 1],
        queue: &[1],
        steps: [&[Reduce(2), Add(1)], &[Release], &[Release]],
    }
    .check();
}

#[test]
fn forget_permits_against_the_cancel_of_a_large_front() {
    Scenario {
        available: 1,
        held: [0, 1, 0],
        queue: &[2, 1],
        steps: [&[Forget(2)], &[Release], &[Cancel(0)]],
    }
    .check();
}

#[test]
fn a_permit_is_released_in_parts_and_partly_forgotten() {
    Scenario {
        available: 0,
        held: [0, 3, 0],
        queue: &[1, 1],
        steps: [&[Poll(0), Release], &[ReleasePart(1), ForgetPart(1), Release], &[]],
    }
    .check();
}

#[test]
fn merged_permits_are_released_at_once() {
    Scenario {
        available: 0,
        held: [0, 1, 1],
        queue: &[1, 2],
        steps: [&[], &[Poll(0), Release], &[ReleasePart(1), Poll(1)]],
    }
    .check();
}

#[test]
fn repeated_polls_against_two_releases() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[2, 1],
        steps: [&[Poll(0), Poll(0)], &[Poll(1), Poll(1)], &[Add(1), Add(1)]],
    }
    .check();
}

#[test]
fn wakers_are_replaced_against_a_grant() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[1, 1],
        steps: [&[PollFromNewTask(0), PollFromNewTask(0)], &[Add(1)], &[PollFromNewTask(1)]],
    }
    .check();
}

#[test]
fn a_waker_is_replaced_while_the_front_is_cancelled() {
    Scenario {
        available: 1,
        held: [0, 0, 0],
        queue: &[2, 1],
        steps: [&[PollFromNewTask(1)], &[Cancel(0)], &[Add(1)]],
    }
    .check();
}

#[test]
fn a_waker_is_replaced_against_a_close() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[1, 1],
        steps: [&[PollFromNewTask(0)], &[Close], &[Cancel(1)]],
    }
    .check();
}

#[test]
fn two_threads_enqueue_while_the_front_is_cancelled() {
    Scenario {
        available: 1,
        held: [0, 0, 0],
        queue: &[2],
        steps: [&[Cancel(0)], &[Enqueue(1)], &[Enqueue(1)]],
    }
    .check();
}

#[test]
fn a_request_a_try_and_a_cancel_against_two_releases() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[],
        steps: [&[Enqueue(2), Try(1), Cancel(0)], &[Add(1), Add(1)], &[]],
    }
    .check();
}

#[test]
fn a_cancelled_front_passes_two_permits_to_two_waiters() {
    Scenario {
        available: 0,
        held: [0, 2, 0],
        queue: &[2, 1, 1],
        steps: [&[Cancel(0)], &[Release], &[Poll(1)]],
    }
    .check();
}

#[test]
fn all_waiters_are_cancelled_at_once() {
    Scenario {
        available: 0,
        held: [0, 0, 0],
        queue: &[1, 1, 1],
        steps: [&[Cancel(0)], &[Cancel(1)], &[Cancel(2), Add(1)]],
    }
    .check();
}
