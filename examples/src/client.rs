//! The client: the title of a post over HTTP or HTTPS, or one line that says why there is none.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use fairgate::{Elapsed, with_timeout};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, Connection as Driver, SendRequest};
use hyper::{Request, StatusCode, Uri, header};
use smol::Timer;
use smol::future;
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;
use smol_hyper::rt::FuturesIo;

use crate::tls::Connector;

/// Longer than any post.
const MAX_BODY: usize = 1 << 20;

const EXAMPLE: &str = "http://localhost:8000 or https://jsonplaceholder.typicode.com";

/// Where the posts are: a base URL such as `http://localhost:8000`.
#[derive(Clone)]
pub struct Site {
    host: String,
    port: u16,
    /// Host and port as the URL has them.
    authority: String,
    path: String,
    tls: Option<Connector>,
    /// How long a request may take.
    patience: Option<Duration>,
}

impl Site {
    /// Fetches one title over its own connection.
    ///
    /// Dropping this future closes the connection, so a cancelled request really ends.
    pub async fn title(&self, id: u32) -> Result<String, FetchError> {
        let connected = AtomicBool::new(false);
        let fetch = async {
            let mut connection = self.connect().await?;
            connected.store(true, Relaxed);
            connection.title(id).await
        };
        let fetched = match self.patience {
            None => fetch.await,
            Some(patience) => {
                with_timeout(fetch, Timer::after(patience)).await.unwrap_or_else(|_elapsed| {
                    Err(match connected.load(Relaxed) {
                        true => Problem::NoAnswer(patience),
                        false => Problem::Unreachable(format!("no connection within {patience:?}")),
                    })
                })
            }
        };
        fetched.map_err(|problem| FetchError { id, problem })
    }

    /// Gives a request up that takes longer.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    pub async fn connect(&self) -> Result<Connection, Problem> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(not_connected)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => tls.connect(&self.host, stream).await?,
        };
        let (sender, driver) = http1::handshake(FuturesIo::new(stream)).await.map_err(unreachable)?;
        Ok(Connection { site: self.clone(), sender, driver })
    }

    /// Accepts the certificates of this PEM file as issuers, and no others.
    pub fn with_ca(self, file: &Path) -> Result<Self, String> {
        let connector = Connector::trusting(file)?;
        let tls = self.tls.is_some().then_some(connector);
        Ok(Self { tls, ..self })
    }

    async fn get(&self, sender: &mut SendRequest<Empty<Bytes>>, id: u32) -> Result<String, Problem> {
        let request = Request::get(format!("{}/posts/{id}", self.path))
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, "fairgate-examples")
            .body(Empty::new())
            .map_err(unreachable)?;
        sender.ready().await.map_err(|error| broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => Problem::TooLong,
            false => Problem::CutOff,
        })?;
        if status != StatusCode::OK {
            return Err(Problem::Status(status));
        }
        let post: serde_json::Value = serde_json::from_slice(&body.to_bytes()).map_err(Problem::NotJson)?;
        let title = post["title"].as_str().ok_or(Problem::NoTitle)?;
        Ok(title.to_owned())
    }
}

/// A connection, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open connection. It makes progress only within a request, so it closes as soon as it is dropped.
pub struct Connection {
    site: Site,
    sender: SendRequest<Empty<Bytes>>,
    driver: Driver<FuturesIo<Box<dyn Stream>>, Empty<Bytes>>,
}

impl Connection {
    /// Whether the server has left it open.
    pub async fn is_open(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        future::or(drive(driver), sender.ready()).await.is_ok()
    }

    pub async fn title(&mut self, id: u32) -> Result<String, Problem> {
        let Self { site, sender, driver } = self;
        future::or(drive(driver), site.get(sender, id)).await
    }
}

/// Sends and receives while a request is pending. The request itself reports an error.
async fn drive<T>(driver: impl Future) -> T {
    driver.await;
    future::pending().await
}

impl FromStr for Site {
    type Err = String;

    fn from_str(base: &str) -> Result<Self, String> {
        let (scheme, rest) =
            base.split_once("://").ok_or(format!("write a whole URL, such as {EXAMPLE}"))?;
        let (default_port, tls) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (80, None),
            "https" => (443, Some(Connector::public()?)),
            _ => return Err(format!("{scheme}:// is not supported; write a URL such as {EXAMPLE}")),
        };
        if rest.is_empty() || rest.starts_with(['/', ':', '?', '#']) {
            return Err(format!("the host is missing; write a URL such as {EXAMPLE}"));
        }
        let uri: Uri = base.parse().map_err(|error| format!("{error}"))?;
        let authority = uri.authority().ok_or("the host is missing")?;
        if authority.as_str().contains('@') {
            return Err("a user name and a password are not supported".to_owned());
        }
        if uri.query().is_some() || base.contains('#') {
            return Err("leave out what follows the path: /posts/ID is appended to it".to_owned());
        }
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: port(authority.as_str(), authority.host())?.unwrap_or(default_port),
            authority: authority.to_string(),
            path: uri.path().trim_end_matches('/').to_owned(),
            tls,
            patience: None,
        })
    }
}

/// The port behind the host. `Uri` drops a port that is not a number below 65536.
fn port(authority: &str, host: &str) -> Result<Option<u16>, String> {
    let Some(port) = authority[host.len()..].strip_prefix(':') else { return Ok(None) };
    match port.parse::<u16>() {
        Ok(port @ 1..) => Ok(Some(port)),
        _ => Err(format!("the port is {port:?}, and must be a number from 1 to 65535")),
    }
}

/// Why a post could not be fetched.
#[derive(Debug)]
pub struct FetchError {
    pub id: u32,
    pub problem: Problem,
}

#[derive(Debug)]
pub enum Problem {
    Unreachable(String),
    /// The server's certificate is not accepted, or there is no TLS.
    Untrusted(String),
    NoAnswer(Duration),
    NotHttp,
    CutOff,
    Status(StatusCode),
    TooLong,
    NotJson(serde_json::Error),
    NoTitle,
    TimedOut(Elapsed),
}

impl Problem {
    /// Whether the server asked for fewer requests.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Status(StatusCode::TOO_MANY_REQUESTS))
    }
}

pub(crate) fn unreachable(error: impl Error) -> Problem {
    Problem::Unreachable(match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

fn not_connected(error: io::Error) -> Problem {
    match error.kind() {
        ErrorKind::ConnectionRefused => Problem::Unreachable(
            "the connection was refused; does a server listen on this port?".to_owned(),
        ),
        _ => unreachable(error),
    }
}

/// The connection is open, but what came back is no answer.
fn broken(error: &hyper::Error) -> Problem {
    if error.is_parse() || error.is_parse_too_large() { Problem::NotHttp } else { Problem::CutOff }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post {} {}", self.id, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) => write!(f, "could not be reached: {cause}"),
            Self::Untrusted(cause) => write!(f, "was not requested: {cause}"),
            Self::NoAnswer(patience) => {
                write!(f, "was given up: the server sent no answer within {patience:?}")
            }
            Self::NotHttp => write!(f, "was answered with something that is not HTTP"),
            Self::CutOff => {
                write!(f, "was cut off: the connection closed before the whole answer had arrived")
            }
            Self::Status(status) => write!(f, "was answered {status}"),
            Self::TooLong => write!(f, "is longer than {MAX_BODY} bytes"),
            Self::NotJson(cause) => write!(f, "is not JSON: {cause}"),
            Self::NoTitle => write!(f, "has no title"),
            Self::TimedOut(_) => write!(f, "timed out"),
        }
    }
}

impl Error for FetchError {}
