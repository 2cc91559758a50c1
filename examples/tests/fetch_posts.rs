//! The three runs of the lesson, with the example's own server and client.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{fixed_server, no_server, silent_server};
use fairgate::{Semaphore, with_timeout};
use fairgate_examples::client::Site;
use fairgate_examples::lesson::{self, Fetched};
use fairgate_examples::recorder::Recorder;
use fairgate_examples::server::{Behavior, Server};
use smol::{Timer, block_on};

/// Far longer than a request takes that is answered at all.
const GENEROUS: Duration = Duration::from_secs(3);

/// Long enough to connect to a server on this machine.
const BRIEF: Duration = Duration::from_millis(100);

async fn serve(behavior: Behavior) -> (Server, Site) {
    let server = Server::start(behavior).await.unwrap();
    let site = server.url().parse().unwrap();
    (server, site)
}

fn lines(fetched: &[Fetched]) -> Vec<String> {
    fetched.iter().map(|post| post.as_ref().map_or_else(ToString::to_string, String::clone)).collect()
}

#[test]
fn without_a_limit_twenty_requests_are_in_flight_and_half_are_refused() {
    block_on(async {
        let (server, site) = serve(Behavior { max_in_flight: 10, gather: 20, ..Behavior::default() }).await;
        let fetched = lesson::unlimited(&site, 20, &Recorder::new()).await;
        assert_eq!(server.peak(), 20);
        assert_eq!(server.refused(), 10);
        let refused = lines(&fetched).into_iter().filter(|line| line.ends_with("429 Too Many Requests"));
        assert_eq!(refused.count(), 10);
        assert_eq!(fetched.iter().flatten().count(), 10);
    });
}

#[test]
fn five_permits_fetch_twenty_titles_with_five_requests_in_flight() {
    block_on(async {
        let (server, site) = serve(Behavior { max_in_flight: 5, gather: 5, ..Behavior::default() }).await;
        let slots = Arc::new(Semaphore::new(5));
        let recorder = Recorder::new();
        let fetched = lesson::limited(&site, 20, &slots, &recorder).await;
        assert_eq!(fetched.iter().flatten().count(), 20);
        assert_eq!(fetched[0].as_deref().unwrap(), "the early harbour");
        assert_eq!(server.peak(), 5);
        assert_eq!(server.refused(), 0);
        assert_eq!(recorder.timeline().peak(), 5);
        assert_eq!(slots.available_permits(), 5);
    });
}

#[test]
fn a_request_that_times_out_releases_its_permit_and_affects_no_other() {
    block_on(async {
        let behavior = Behavior { hanging: vec![4, 7], max_in_flight: 3, gather: 3, ..Behavior::default() };
        let (server, site) = serve(behavior).await;
        let slots = Arc::new(Semaphore::new(3));
        let fetched = lesson::timed(&site, 10, &slots, GENEROUS, &Recorder::new()).await;
        let expected = [
            "the early harbour",
            "the narrow harbour",
            "the busy harbour",
            "Post 4 timed out",
            "the broken harbour",
            "the golden harbour",
            "Post 7 timed out",
            "the crowded harbour",
            "the honest harbour",
            "the last harbour",
        ];
        assert_eq!(lines(&fetched), expected);
        assert_eq!(server.peak(), 3);
        assert_eq!(server.refused(), 0);
        assert_eq!(slots.available_permits(), 3);
    });
}

#[test]
fn more_hanging_requests_than_permits_do_not_block_the_rest() {
    block_on(async {
        let (server, site) = serve(Behavior { hanging: vec![1, 2, 3], ..Behavior::default() }).await;
        let slots = Arc::new(Semaphore::new(2));
        let fetched = lesson::timed(&site, 6, &slots, GENEROUS / 3, &Recorder::new()).await;
        assert_eq!(lines(&fetched)[..3], ["Post 1 timed out", "Post 2 timed out", "Post 3 timed out"]);
        assert_eq!(fetched[3..].iter().flatten().count(), 3);
        assert!(server.peak() <= 2, "{} requests were in flight under a limit of 2", server.peak());
    });
}

/// The latency is an hour, so a refusal that waited for it would time out here.
#[test]
fn a_refusal_does_not_wait_for_the_latency() {
    const HOUR: Duration = Duration::from_secs(3600);
    for behavior in [
        Behavior { latency: HOUR, max_in_flight: 0, ..Behavior::default() },
        Behavior { latency: HOUR, quota: 0, ..Behavior::default() },
    ] {
        block_on(async {
            let (_server, site) = serve(behavior).await;
            let answer = with_timeout(site.title(1), Timer::after(10 * GENEROUS)).await.unwrap();
            assert!(answer.unwrap_err().problem.is_refusal());
        });
    }
}

#[test]
fn an_error_names_the_post_and_loses_no_permit() {
    let (_server, unknown) = block_on(serve(Behavior::default()));
    let fixed =
        |answer: &str| fixed_server(answer).parse::<Site>().unwrap_or_else(|error| panic!("{error}"));
    let table = [
        (unknown, 101, "Post 101 was answered 404 Not Found"),
        (no_server().parse().unwrap(), 2, "Post 2 could not be reached: the connection was refused"),
        (
            silent_server().parse::<Site>().unwrap().with_patience(BRIEF),
            2,
            "Post 2 was given up: the server sent no answer within 100ms",
        ),
        (
            fixed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            2,
            "Post 2 is not JSON: expected value",
        ),
        (fixed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), 2, "Post 2 has no title"),
        (
            fixed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
            2,
            "Post 2 was cut off: the connection closed before",
        ),
        (fixed(""), 2, "Post 2 was cut off: "),
        (
            fixed(&format!("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n{}", " ".repeat(1048577))),
            2,
            "Post 2 is longer than 1048576 bytes",
        ),
        (fixed("no HTTP at all\r\n\r\n"), 2, "Post 2 was answered with something that is not HTTP"),
    ];
    for (site, posts, expected) in table {
        let slots = Arc::new(Semaphore::new(2));
        let fetched = block_on(lesson::limited(&site, posts, &slots, &Recorder::new()));
        let last = lines(&fetched).pop().unwrap();
        assert!(last.starts_with(expected), "{last:?} instead of {expected:?}");
        assert_eq!(slots.available_permits(), 2, "a permit is lost after {last:?}");
    }
}

#[test]
fn a_base_url_may_have_a_port_and_a_path() {
    for base in
        ["http://localhost", "HTTP://localhost", "http://[::1]:8000/", "http://localhost:8000/deep/er/"]
    {
        assert!(base.parse::<Site>().is_ok(), "{base:?} was refused");
    }
    for base in ["https://jsonplaceholder.typicode.com", "https://localhost:8443/posts-server"] {
        let error = base.parse::<Site>().err();
        let names_the_feature = error.as_ref().is_some_and(|error| error.contains("--features https"));
        assert_eq!(names_the_feature, cfg!(not(feature = "https")), "{base:?}: {error:?}");
    }
    for base in ["", "localhost", "ftp://localhost", "/posts", "https://", "http://local host"] {
        assert!(base.parse::<Site>().is_err(), "{base:?} was accepted");
    }
}
