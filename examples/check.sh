#!/usr/bin/env bash
# Runs every example and checks the facts it prints: peaks, orders, counts, errors. Never times.
set -euo pipefail
cd "$(dirname "$0")/.."

run() { # run STATUS EXAMPLE [OPTION...]: its output goes to $output
    local expected=$1 status=0
    shift
    what=$*
    echo "$what"
    output=$(cargo run --quiet --example "$1" -- "${@:2}" 2>&1) || status=$?
    [[ $status == "$expected" ]] || fail "exit status $status instead of $expected"
}

says() { # says LINES: the output holds these lines, one after the other
    [[ $'\n'$output == *"$1"* ]] || fail "it does not say: $1"
}

fail() {
    printf '%s\n' "$output" "FAILED: $what: $1" >&2
    exit 1
}

run 0 fetch_posts
says 'Fetched 10 titles
  The server saw 20 at once, and throttled 10'
says 'Fetched 20 titles
  The server saw 5 at once, and throttled 0'
says 'Slots free again: 5'
says '
  the patient gate
  the narrow gate
  the busy gate
  Post 4 timed out
  the broken gate
  the golden gate
  Post 7 timed out
  the crowded gate
  the honest gate
  the last gate
  Fetched 8 titles
  The server saw 3 at once, and throttled 0'
says 'Slots free again: 3'

run 0 fetch_posts --posts 101 --throttle 101 --permits 50 --timed-posts 1
says 'Post 101 was answered 404 Not Found
  Fetched 100 titles'
run 1 fetch_posts --url http://127.0.0.1:9 --posts 2
says 'Post 1 could not be reached: '
says 'Post 2 could not be reached: '
run 1 fetch_posts --throttle 0 --posts 2
says 'Post 1 was answered 429 Too Many Requests'
run 2 fetch_posts --permits 0
run 2 fetch_posts --url https://localhost

run 0 lock_vs_semaphore
in_order='Served in order: job 1, job 2, job 3, job 4, job 5, job 6, job 7, job 8, job 9
  Most at once:'
says "$in_order 9"
says "$in_order 3"
says "$in_order 1"
says 'The semaphore of 1 and the mutex gave the same order and the same most at once'

run 0 rate_limit
[[ $output =~ refused\ [1-9][0-9]*\ of\ 60 ]] || fail 'the concurrency limit was never refused'
says 'refused 0 of 60'

run 0 connection_pool
says 'Fetched 36 titles'
says 'The server saw 3 connections'
says 'No connection within 500ms'
says 'Tried again, and fetched: the patient gate'
says 'Connections free again: 3'

run 0 fair_turns
says 'Order served: g1 g2 p1 p2 p3 p4 p5 g1 g2 g1 g2 g1 g2 g1 g2 g1 g2 g1 g2 g1 g2
  Longest wait: 6 turns, polite 5
  Waited more than once around: nobody'
says 'Order served: g1×8 p1 p2 p3 p4 p5 g2×8
  Longest wait: 13 turns, greedy 2
  Waited more than once around: greedy 2, polite 1, polite 2, polite 3, polite 4, polite 5'

run 0 any_timer
for timer in 'smol  ' 'tokio ' 'thread'; do
    says "$timer | taken: timed out, 0 left in line | free: done"
done

for example in fetch_posts lock_vs_semaphore rate_limit connection_pool fair_turns any_timer; do
    run 0 $example --help
    says '--svg <FILE>'
done
echo 'All examples show what they should.'
