//! A posts server on a free loopback port. It behaves as public APIs do: it takes its time, and it
//! refuses those who ask too much.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, server::conn::http1, service::service_fn};
use serde_json::json;
use smol::net::{TcpListener, TcpStream};
use smol::{Task, Timer};
use smol_hyper::rt::FuturesIo;

use crate::ledger::{Caller, Ledger};

/// How the server behaves.
#[derive(Clone)]
pub struct Manners {
    /// The quickest answer takes this long, the slowest not quite twice as long.
    pub latency: Duration,
    /// With more requests than this in flight, a newcomer is answered 429.
    pub throttle: usize,
    /// More requests than this within a second are answered 429.
    pub quota: usize,
    /// These posts are never answered.
    pub hanging: Vec<u32>,
    /// Nobody is answered before so many requests were in flight together.
    pub gather: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(1),
            throttle: usize::MAX,
            quota: usize::MAX,
            hanging: Vec::new(),
            gather: 0,
        }
    }
}

/// A running server. It stops taking callers when dropped.
pub struct Server {
    url: String,
    counts: Arc<Counts>,
    _accepting: Task<()>,
}

struct Counts {
    manners: Manners,
    requests: Arc<Ledger>,
    connections: Arc<Ledger>,
    throttled: AtomicUsize,
    last_second: Mutex<VecDeque<Instant>>,
}

impl Server {
    pub async fn start(manners: Manners) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let counts = Arc::new(Counts {
            manners,
            requests: Arc::default(),
            connections: Arc::default(),
            throttled: AtomicUsize::new(0),
            last_second: Mutex::default(),
        });
        Ok(Self { url, counts: counts.clone(), _accepting: smol::spawn(accept(listener, counts)) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The most requests that were in flight together.
    pub fn peak(&self) -> usize {
        self.counts.requests.peak()
    }

    /// How many connections were ever opened.
    pub fn connections(&self) -> usize {
        self.counts.connections.entered()
    }

    /// The most connections that were open together.
    pub fn connections_peak(&self) -> usize {
        self.counts.connections.peak()
    }

    /// How many requests were answered 429.
    pub fn throttled(&self) -> usize {
        self.counts.throttled.load(Relaxed)
    }
}

async fn accept(listener: TcpListener, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        smol::spawn(serve(stream, counts.clone())).detach();
    }
}

async fn serve(stream: TcpStream, counts: Arc<Counts>) {
    let caller = Caller::from(stream.clone());
    let _open = counts.connections.enter(caller.clone());
    let service = service_fn(|request| answer(request, caller.clone(), counts.clone()));
    // An error here is a caller that hung up. hyper then drops the answer it was waiting for.
    let _ = http1::Builder::new().serve_connection(FuturesIo::new(stream), service).await;
}

/// The request leaves the ledger when this returns, which is before the caller can have the answer:
/// a caller that asks again, or lets another ask, is never counted twice.
async fn answer(
    request: Request<Incoming>,
    caller: Caller,
    counts: Arc<Counts>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let entry = counts.requests.enter(caller);
    let refused = counts.over_quota() || entry.crowd > counts.manners.throttle;
    let id = post_id(&request);
    counts.take_time(id).await;
    if refused {
        counts.throttled.fetch_add(1, Relaxed);
        return Ok(reply(StatusCode::TOO_MANY_REQUESTS, json!({})));
    }
    Ok(match id {
        Some(id) => reply(StatusCode::OK, post(id)),
        None => reply(StatusCode::NOT_FOUND, json!({})),
    })
}

impl Counts {
    fn over_quota(&self) -> bool {
        let now = Instant::now();
        let mut answered = self.last_second.lock().unwrap();
        while answered.front().is_some_and(|then| now - *then >= Duration::from_secs(1)) {
            answered.pop_front();
        }
        let over = answered.len() >= self.manners.quota;
        if !over {
            answered.push_back(now);
        }
        over
    }

    /// Varies from post to post, and is the same on every run.
    async fn take_time(&self, id: Option<u32>) {
        let id = id.unwrap_or(0);
        if self.manners.hanging.contains(&id) {
            Timer::never().await;
        }
        Timer::after(self.manners.latency * (10 + id * 7 % 10) / 10).await;
        while self.requests.peak() < self.manners.gather {
            Timer::after(Duration::from_millis(1)).await;
        }
    }
}

fn post_id(request: &Request<Incoming>) -> Option<u32> {
    let id = request.uri().path().strip_prefix("/posts/")?.parse().ok()?;
    (request.method() == Method::GET && (1..=100).contains(&id)).then_some(id)
}

fn reply(status: StatusCode, body: serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}

/// A hundred posts by ten users, no two titles alike.
fn post(id: u32) -> serde_json::Value {
    const WHAT: [&str; 10] =
        ["patient", "narrow", "busy", "quiet", "broken", "golden", "hidden", "crowded", "honest", "last"];
    const WHICH: [&str; 10] = [
        "gate",
        "queue",
        "bridge",
        "harbour",
        "counter",
        "staircase",
        "kitchen",
        "station",
        "library",
        "ferry",
    ];
    let (tens, ones) = ((id - 1) / 10, (id - 1) % 10);
    let title = format!("the {} {}", WHAT[ones as usize], WHICH[tens as usize]);
    json!({
        "userId": tens + 1,
        "id": id,
        "title": title,
        "body": format!("Everything there is to say about {title}."),
    })
}
