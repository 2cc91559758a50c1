//! The client: a post's title over real HTTP, or one clear line about why not.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use fairgate::Elapsed;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::{Request, StatusCode, Uri, header};
use smol::future;
use smol::net::TcpStream;
use smol_hyper::rt::FuturesIo;

/// No post is this long.
const LONGEST_BODY: usize = 1 << 20;

/// Where the posts are: a base such as `http://localhost:8000`.
#[derive(Clone, Debug)]
pub struct Site {
    authority: String,
    path: String,
}

impl Site {
    /// Fetches one title over a connection of its own.
    ///
    /// Dropping this future closes the connection: a request that is given up is really gone.
    pub async fn title(&self, id: u32) -> Result<String, FetchError> {
        let fetch = async { self.connect().await?.title(id).await };
        fetch.await.map_err(|problem| FetchError { id, problem })
    }

    pub async fn connect(&self) -> Result<Wire, Problem> {
        let stream = TcpStream::connect(&self.authority).await.map_err(unreachable)?;
        let (asking, working) = http1::handshake(FuturesIo::new(stream)).await.map_err(unreachable)?;
        Ok(Wire { site: self.clone(), asking, working })
    }
}

/// An open connection. It works only while it is asked, so it closes as soon as it is dropped.
pub struct Wire {
    site: Site,
    asking: SendRequest<Empty<Bytes>>,
    working: Connection<FuturesIo<TcpStream>, Empty<Bytes>>,
}

impl Wire {
    /// Whether the server has left it open.
    pub async fn is_open(&mut self) -> bool {
        let Self { asking, working, .. } = self;
        future::or(work(working), asking.ready()).await.is_ok()
    }

    pub async fn title(&mut self, id: u32) -> Result<String, Problem> {
        let Self { site, asking, working } = self;
        future::or(work(working), site.ask(asking, id)).await
    }
}

/// Sends and receives, for as long as somebody waits for an answer. How that ends, the answer tells.
async fn work<T>(working: impl Future) -> T {
    working.await;
    future::pending().await
}

impl Site {
    async fn ask(&self, asking: &mut SendRequest<Empty<Bytes>>, id: u32) -> Result<String, Problem> {
        let request = Request::get(format!("{}/posts/{id}", self.path))
            .header(header::HOST, &self.authority)
            .body(Empty::new())
            .map_err(unreachable)?;
        asking.ready().await.map_err(unreachable)?;
        let response = asking.send_request(request).await.map_err(unreachable)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST_BODY).collect().await;
        let body = body.map_err(|error| Problem::Unreachable(error.to_string()))?;
        if status != StatusCode::OK {
            return Err(Problem::Status(status));
        }
        let post: serde_json::Value = serde_json::from_slice(&body.to_bytes()).map_err(Problem::NotJson)?;
        let title = post["title"].as_str().ok_or(Problem::NoTitle)?;
        Ok(title.to_owned())
    }
}

impl FromStr for Site {
    type Err = String;

    fn from_str(base: &str) -> Result<Self, String> {
        let uri: Uri = base.parse().map_err(|error| format!("{error}"))?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http"));
        let host = host.ok_or("a plain base such as http://localhost:8000 is needed")?;
        Ok(Self {
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(80)),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// Why there is no title of this post.
#[derive(Debug)]
pub struct FetchError {
    pub id: u32,
    pub problem: Problem,
}

#[derive(Debug)]
pub enum Problem {
    Unreachable(String),
    Status(StatusCode),
    NotJson(serde_json::Error),
    NoTitle,
    TimedOut(Elapsed),
}

fn unreachable(error: impl Error) -> Problem {
    Problem::Unreachable(match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post {} {}", self.id, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "could not be reached: {why}"),
            Self::Status(status) => write!(f, "was answered {status}"),
            Self::NotJson(why) => write!(f, "is not JSON: {why}"),
            Self::NoTitle => write!(f, "has no title"),
            Self::TimedOut(_) => write!(f, "timed out"),
        }
    }
}

impl Error for FetchError {}
