//! Serves the page on a loopback port and runs the engine. It keeps nothing between two requests.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fairgate_playground::api;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, server::conn::http1, service::service_fn};
use smol::net::{TcpListener, TcpStream};
use smol_hyper::rt::FuturesIo;

/// A playground for async semaphores: you are the scheduler. Serves a page for the browser, on this machine only.
#[derive(Parser)]
struct Options {
    /// The port to serve on; a free one by default
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Print the levels as JSON instead: the static files need them
    #[arg(long)]
    levels: bool,
}

macro_rules! files {
    ($($name:literal from $file:literal as $kind:literal,)*) => {
        &[$((concat!("/", $name), $kind, include_str!(concat!("../page/", $file)))),*]
    };
}

/// The page. `host.js` is the only file that differs when the engine runs in the browser.
const FILES: &[(&str, &str, &str)] = files![
    "" from "index.html" as "text/html; charset=utf-8",
    "style.css" from "style.css" as "text/css; charset=utf-8",
    "app.js" from "app.js" as "text/javascript; charset=utf-8",
    "code.js" from "code.js" as "text/javascript; charset=utf-8",
    "dom.js" from "dom.js" as "text/javascript; charset=utf-8",
    "home.js" from "home.js" as "text/javascript; charset=utf-8",
    "programs.js" from "programs.js" as "text/javascript; charset=utf-8",
    "sections.js" from "sections.js" as "text/javascript; charset=utf-8",
    "figure.js" from "figure.js" as "text/javascript; charset=utf-8",
    "inside.js" from "inside.js" as "text/javascript; charset=utf-8",
    "own.js" from "own.js" as "text/javascript; charset=utf-8",
    "lesson.js" from "lesson.js" as "text/javascript; charset=utf-8",
    "level.js" from "level.js" as "text/javascript; charset=utf-8",
    "picture.js" from "picture.js" as "text/javascript; charset=utf-8",
    "timeline.js" from "timeline.js" as "text/javascript; charset=utf-8",
    "sandbox.js" from "sandbox.js" as "text/javascript; charset=utf-8",
    "store.js" from "store.js" as "text/javascript; charset=utf-8",
    "host.js" from "host-server.js" as "text/javascript; charset=utf-8",
    "icon.svg" from "icon.svg" as "image/svg+xml",
];

fn main() -> ExitCode {
    let options = Options::parse();
    if options.levels {
        let levels = api::answer(r#"{"levels":{}}"#).unwrap_or_default();
        let _ = writeln!(io::stdout(), "{levels}");
        return ExitCode::SUCCESS;
    }
    match smol::block_on(serve(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "error: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> Result<(), String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .map_err(|error| format!("port {} cannot be served: {error}", options.port))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let url = format!("http://{address}/");
    // A reader that is gone is no reason to stop.
    let _ = writeln!(io::stdout(), "The playground is at {url} (Ctrl-C ends it)");
    let opened = if options.open { open::that(&url) } else { Ok(()) };
    if let Err(error) = opened {
        let _ = writeln!(io::stderr(), "no browser could be opened: {error}");
    }
    loop {
        match listener.accept().await {
            Ok((stream, _)) => smol::spawn(talk(stream)).detach(),
            // One connection failed. If the file descriptors are used up, the next attempt fails as well until a
            // connection is closed.
            Err(_) => {
                smol::Timer::after(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn talk(stream: TcpStream) {
    // A move is a small request and a small answer: neither should wait for more to send.
    let _ = stream.set_nodelay(true);
    // An error here is a browser that closed the connection.
    let _ = http1::Builder::new().serve_connection(FuturesIo::new(stream), service_fn(respond)).await;
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::POST, "/engine") => ask(request).await,
        // hyper leaves out the body of an answer to HEAD.
        (&Method::GET | &Method::HEAD, path) => file(path),
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD, and POST to /engine"),
    })
}

fn file(path: &str) -> Response<Full<Bytes>> {
    match FILES.iter().find(|(name, ..)| *name == path) {
        Some((_, kind, content)) => reply(StatusCode::OK, kind, content.as_bytes().into()),
        None => text(StatusCode::NOT_FOUND, "there is no such file"),
    }
}

async fn ask(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let body = match Limited::new(request.into_body(), api::MOST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 65536 bytes");
        }
        Err(_) => return text(StatusCode::BAD_REQUEST, "the request broke off"),
    };
    let Ok(question) = String::from_utf8(body.into()) else {
        return text(StatusCode::BAD_REQUEST, "the request is not UTF-8");
    };
    // A search takes a while, and should not hold up other requests.
    match smol::unblock(move || api::answer(&question)).await {
        Ok(answer) => reply(StatusCode::OK, "application/json", answer.into()),
        Err(why) => text(StatusCode::BAD_REQUEST, &why),
    }
}

fn text(status: StatusCode, sentence: &str) -> Response<Full<Bytes>> {
    reply(status, "text/plain; charset=utf-8", sentence.to_owned().into())
}

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
