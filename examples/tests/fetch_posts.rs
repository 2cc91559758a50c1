//! The lesson's programme does what it says: the same server and the same client as the example.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fairgate::Semaphore;
use fairgate_examples::client::Site;
use fairgate_examples::lesson::{self, Fetched};
use fairgate_examples::record::Recorder;
use fairgate_examples::server::{Manners, Server};
use fairgate_examples::timeline::{Doing, Ending, Row, Span, Timeline};
use smol::block_on;

/// Far more than a request needs that is answered at all.
const GENEROUS: Duration = Duration::from_secs(3);

async fn serve(manners: Manners) -> (Server, Site) {
    let server = Server::start(manners).await.unwrap();
    let site = server.url().parse().unwrap();
    (server, site)
}

/// A server that answers whatever it is asked with these words.
fn parrot(answer: &'static str) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0, "the client asked for nothing");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    site
}

fn nobody_home() -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

fn lines(fetched: &[Fetched]) -> Vec<String> {
    fetched.iter().map(|post| post.as_ref().map_or_else(ToString::to_string, String::clone)).collect()
}

#[test]
fn without_a_limit_all_twenty_are_in_flight_together_and_half_are_throttled() {
    block_on(async {
        let (server, site) = serve(Manners { throttle: 10, gather: 20, ..Manners::default() }).await;
        let fetched = lesson::unlimited(&site, 20, &Recorder::new()).await;
        assert_eq!(server.peak(), 20);
        assert_eq!(server.throttled(), 10);
        let refused = lines(&fetched).into_iter().filter(|line| line.ends_with("429 Too Many Requests"));
        assert_eq!(refused.count(), 10);
        assert_eq!(fetched.iter().flatten().count(), 10);
    });
}

#[test]
fn five_slots_fetch_twenty_titles_never_six_at_once() {
    block_on(async {
        let (server, site) = serve(Manners { throttle: 5, gather: 5, ..Manners::default() }).await;
        let slots = Arc::new(Semaphore::new(5));
        let recorder = Recorder::new();
        let fetched = lesson::limited(&site, 20, &slots, &recorder).await;
        assert_eq!(fetched.iter().flatten().count(), 20);
        assert_eq!(fetched[0].as_deref().unwrap(), "the patient gate");
        assert_eq!(server.peak(), 5);
        assert_eq!(server.throttled(), 0);
        assert_eq!(recorder.timeline().most_at_once(), 5);
        assert_eq!(slots.available_permits(), 5);
    });
}

#[test]
fn a_post_that_hangs_times_out_gives_its_slot_back_and_harms_no_other() {
    block_on(async {
        let (server, site) =
            serve(Manners { hanging: vec![4, 7], throttle: 3, gather: 3, ..Manners::default() }).await;
        let slots = Arc::new(Semaphore::new(3));
        let fetched = lesson::timed(&site, 10, &slots, GENEROUS, &Recorder::new()).await;
        let expected = [
            "the patient gate",
            "the narrow gate",
            "the busy gate",
            "Post 4 timed out",
            "the broken gate",
            "the golden gate",
            "Post 7 timed out",
            "the crowded gate",
            "the honest gate",
            "the last gate",
        ];
        assert_eq!(lines(&fetched), expected);
        assert_eq!(server.peak(), 3);
        assert_eq!(server.throttled(), 0);
        assert_eq!(slots.available_permits(), 3);
    });
}

#[test]
fn more_hanging_posts_than_slots_still_let_everybody_through() {
    block_on(async {
        let (server, site) = serve(Manners { hanging: vec![1, 2, 3], ..Manners::default() }).await;
        let slots = Arc::new(Semaphore::new(2));
        let fetched = lesson::timed(&site, 6, &slots, GENEROUS / 3, &Recorder::new()).await;
        assert_eq!(lines(&fetched)[..3], ["Post 1 timed out", "Post 2 timed out", "Post 3 timed out"]);
        assert_eq!(fetched[3..].iter().flatten().count(), 3);
        assert!(server.peak() <= 2, "{} were in flight under a limit of 2", server.peak());
    });
}

#[test]
fn what_goes_wrong_is_told_in_a_line_that_names_the_post_and_costs_no_slot() {
    let (_server, unknown) = block_on(serve(Manners::default()));
    let table = [
        (unknown, 101, "Post 101 was answered 404 Not Found"),
        (nobody_home(), 2, "Post 2 could not be reached: Connection refused"),
        (
            parrot("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            2,
            "Post 2 is not JSON: expected value",
        ),
        (parrot("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), 2, "Post 2 has no title"),
        (parrot("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), 2, "Post 2 could not be reached: "),
        (parrot("no HTTP at all\r\n\r\n"), 2, "Post 2 could not be reached: "),
    ];
    for (site, posts, expected) in table {
        let slots = Arc::new(Semaphore::new(2));
        let fetched = block_on(lesson::limited(&site, posts, &slots, &Recorder::new()));
        let last = lines(&fetched).pop().unwrap();
        assert!(last.starts_with(expected), "{last:?} instead of {expected:?}");
        assert_eq!(slots.available_permits(), 2, "a slot is lost after {last:?}");
    }
}

#[test]
fn only_a_plain_http_base_is_a_site() {
    for base in ["", "localhost", "https://localhost", "ftp://localhost", "/posts"] {
        assert!(base.parse::<Site>().is_err(), "{base:?} was taken");
    }
    for base in ["http://localhost", "http://[::1]:8000/", "http://localhost:8000/deep/er/"] {
        assert!(base.parse::<Site>().is_ok(), "{base:?} was refused");
    }
}

#[test]
fn a_timeline_shows_who_waited_and_who_held() {
    let span = |doing, from, to| Span { doing, from, to };
    let row = |name: &str, spans, ending| Row { name: name.to_owned(), spans, ending: Some(ending) };
    let rows = vec![
        row("a", vec![span(Doing::Holding, 0.0, 37.0)], Ending::Done),
        row("b", vec![span(Doing::Waiting, 0.0, 37.0), span(Doing::Holding, 37.0, 74.0)], Ending::TimedOut),
    ];
    let timeline = Timeline { unit: "ms", rows };
    let (half, wait) = ("█".repeat(37), "·".repeat(37));
    let expected = format!("  a {half}✓\n  b {wait}{half}×\n");
    assert!(timeline.to_string().starts_with(&expected), "{timeline}");
    assert_eq!(timeline.served(), ["a", "b"]);
    assert_eq!(timeline.most_at_once(), 1);
}
