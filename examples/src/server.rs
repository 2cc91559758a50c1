//! A posts server on a free loopback port. Like a public API it takes its time, and it refuses clients that send too
//! many requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, Write};
use hyper::{Method, Request, Response, StatusCode, server::conn::http1, service::service_fn};
use serde_json::json;
use smol::net::{TcpListener, TcpStream};
use smol::{Task, Timer};
use smol_hyper::rt::FuturesIo;

use crate::gauge::{Gauge, Peer};
use crate::tls::Acceptor;

/// How the server behaves.
#[derive(Clone)]
pub struct Behavior {
    /// The fastest answer takes this long, the slowest nearly twice as long.
    pub latency: Duration,
    /// The part of the latency that is spent on the network. A refusal takes this long and no longer.
    pub round_trip: Duration,
    /// A request is refused if this many others are in flight.
    pub max_in_flight: usize,
    /// A request is refused if this many others were accepted within the last `quota_period`.
    pub quota: usize,
    pub quota_period: Duration,
    /// Posts that are never answered.
    pub hanging: Vec<u32>,
    /// No request is answered before this many were in flight together.
    pub gather: usize,
}

impl Default for Behavior {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(1),
            round_trip: Duration::ZERO,
            max_in_flight: usize::MAX,
            quota: usize::MAX,
            quota_period: Duration::from_secs(1),
            hanging: Vec::new(),
            gather: 0,
        }
    }
}

/// A running server. Dropping it stops it from accepting connections.
pub struct Server {
    url: String,
    state: Arc<State>,
    _accepting: Task<()>,
}

struct State {
    behavior: Behavior,
    tls: Option<Acceptor>,
    requests: Arc<Gauge>,
    connections: Arc<Gauge>,
    refused: AtomicUsize,
    /// When the requests of the last `quota_period` were accepted.
    accepted: Mutex<VecDeque<Instant>>,
}

impl Server {
    pub async fn start(behavior: Behavior) -> io::Result<Self> {
        Self::bind(behavior, None).await
    }

    /// Serves HTTPS, as `localhost`.
    pub async fn start_https(behavior: Behavior, tls: Acceptor) -> io::Result<Self> {
        Self::bind(behavior, Some(tls)).await
    }

    async fn bind(behavior: Behavior, tls: Option<Acceptor>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let url = match tls {
            None => format!("http://{address}"),
            Some(_) => format!("https://localhost:{}", address.port()),
        };
        let state = Arc::new(State {
            behavior,
            tls,
            requests: Arc::default(),
            connections: Arc::default(),
            refused: AtomicUsize::new(0),
            accepted: Mutex::default(),
        });
        Ok(Self { url, state: state.clone(), _accepting: smol::spawn(accept(listener, state)) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The most requests in flight at one time.
    pub fn peak(&self) -> usize {
        self.state.requests.peak()
    }

    /// How many connections were opened in all.
    pub fn connections(&self) -> usize {
        self.state.connections.total()
    }

    /// The most connections open at one time.
    pub fn connections_peak(&self) -> usize {
        self.state.connections.peak()
    }

    /// How many requests were answered 429.
    pub fn refused(&self) -> usize {
        self.state.refused.load(Relaxed)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        smol::spawn(serve(stream, state.clone())).detach();
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let peer = Peer::from(stream.clone());
    let _open = state.connections.enter(peer.clone());
    match &state.tls {
        None => serve_http(FuturesIo::new(stream), peer, &state).await,
        Some(tls) => {
            // The client reports a failed handshake.
            let Ok(stream) = tls.accept(stream).await else { return };
            serve_http(FuturesIo::new(stream), peer, &state).await;
        }
    }
}

async fn serve_http(stream: impl Read + Write + Unpin, peer: Peer, state: &Arc<State>) {
    let service = service_fn(|request| answer(request, peer.clone(), state.clone()));
    // An error here is a client that closed the connection. hyper then drops the request's future.
    let _ = http1::Builder::new().serve_connection(stream, service).await;
}

/// The request leaves the gauge when this returns, before the client can have the answer. So a client that then
/// starts another request is never counted twice.
async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let entry = state.requests.enter(peer);
    if entry.in_flight > state.behavior.max_in_flight || !state.within_quota() {
        state.refused.fetch_add(1, Relaxed);
        Timer::after(state.behavior.round_trip).await;
        state.gather().await;
        return Ok(reply(StatusCode::TOO_MANY_REQUESTS, json!({})));
    }
    let id = post_id(&request);
    state.take_time(id.unwrap_or(0)).await;
    Ok(match id {
        Some(id) => reply(StatusCode::OK, post(id)),
        None => reply(StatusCode::NOT_FOUND, json!({})),
    })
}

impl State {
    fn within_quota(&self) -> bool {
        let now = Instant::now();
        let mut accepted = self.accepted.lock().unwrap();
        while accepted.front().is_some_and(|then| now - *then >= self.behavior.quota_period) {
            accepted.pop_front();
        }
        let within = accepted.len() < self.behavior.quota;
        if within {
            accepted.push_back(now);
        }
        within
    }

    /// Differs from post to post, and is the same in each run.
    async fn take_time(&self, id: u32) {
        if self.behavior.hanging.contains(&id) {
            Timer::never().await;
        }
        Timer::after(self.behavior.latency * (10 + id * 7 % 10) / 10).await;
        self.gather().await;
    }

    async fn gather(&self) {
        while self.requests.peak() < self.behavior.gather {
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

/// A hundred posts by ten users, with a hundred different titles.
fn post(id: u32) -> serde_json::Value {
    #[rustfmt::skip]
    const ADJECTIVES: [&str; 10] =
        ["early", "narrow", "busy", "quiet", "broken", "golden", "hidden", "crowded", "honest", "last"];
    #[rustfmt::skip]
    const NOUNS: [&str; 10] =
        ["harbour", "bridge", "market", "kitchen", "station", "library", "ferry", "garden", "tunnel", "tower"];
    let (tens, ones) = ((id - 1) / 10, (id - 1) % 10);
    let title = format!("the {} {}", ADJECTIVES[ones as usize], NOUNS[tens as usize]);
    json!({
        "userId": tens + 1,
        "id": id,
        "title": title,
        "body": format!("A post about {title}."),
    })
}
