//! The program: what it prints, where it listens, and how it answers what is not a question of the page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

struct Host {
    program: Child,
    address: String,
}

impl Host {
    fn start() -> Self {
        let mut program = program(&[]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect(&line);
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        // From here on its output goes nowhere: that must not end it.
        Self { address: address.to_owned(), program }
    }

    /// The status and the body.
    fn send(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        // The connection may be reset after a refusal; what has arrived counts.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        let length = body.len();
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend(body);
        self.send(&request)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairgate-playground"));
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = program(arguments).output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn the_page_and_the_engine_are_served() {
    let host = Host::start();
    let (status, page) = host.get("/");
    assert_eq!(status, 200);
    // Every file that the page and its modules name is there.
    let mut files = vec![("index.html".to_owned(), page)];
    let mut known = vec!["index.html".to_owned()];
    while let Some((name, text)) = files.pop() {
        let quoted = text.split('"').skip(1).step_by(2);
        let named = quoted.map(|name| name.trim_start_matches("./"));
        for file in
            named.filter(|name| name.ends_with(".js") || name.ends_with(".css") || name.ends_with(".svg"))
        {
            if !known.iter().any(|other| other == file) {
                let (status, text) = host.get(&format!("/{file}"));
                assert_eq!(status, 200, "{file}, named in {name}");
                known.push(file.to_owned());
                files.push((file.to_owned(), text));
            }
        }
    }
    assert!(known.len() > 8, "{known:?}");
    let (status, body) = host.post("/engine", br#"{"play":{"game":"flood.unlimited.ABC"}}"#);
    assert_eq!(status, 200);
    assert!(body.contains(r#""won":true"#), "{body}");
}

#[test]
fn bad_input_is_refused_with_a_sentence() {
    let host = Host::start();
    let (status, body) = host.post("/engine", b"hello");
    assert_eq!(status, 400);
    assert!(body.starts_with("the request is not understood"), "{body}");
    let impossible = br#"{"play":{"game":"flood.unlimited.xA"}}"#;
    assert_eq!(
        host.post("/engine", impossible),
        (400, "move 1 is not possible: A has not started".to_owned())
    );
    assert_eq!(host.post("/engine", &[0xff, 0xfe]), (400, "the request is not UTF-8".to_owned()));
    assert_eq!(host.post("/engine", &[b' '; 65 * 1024]).0, 413);
    assert_eq!(host.get("/nothing").0, 404);
    assert_eq!(host.get("/../Cargo.toml").0, 404);
    assert_eq!(host.post("/", b"").0, 405);
    // It still works.
    assert_eq!(host.get("/").0, 200);
    assert_eq!(host.send(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), (200, String::new()));
}

#[test]
fn a_request_that_breaks_off_harms_no_other() {
    let host = Host::start();
    let mut stream = TcpStream::connect(&host.address).unwrap();
    stream.write_all(b"POST /engine HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").unwrap();
    drop(stream);
    assert_eq!(host.get("/").0, 200);
}

#[test]
fn options_are_explained_and_checked() {
    let (ok, text) = output(&["--help"]);
    assert!(ok && text.contains("--port") && text.contains("--open"), "{text}");
    let (ok, text) = output(&["--prot", "80"]);
    assert!(!ok && text.contains("similar argument exists: '--port'"), "{text}");
    let (ok, text) = output(&["--port", "99999"]);
    assert!(!ok && text.contains("65535"), "{text}");
    let host = Host::start();
    let port = host.address.rsplit(':').next().unwrap();
    let (ok, text) = output(&["--port", port]);
    assert!(!ok && text.contains("cannot be served"), "{text}");
}

#[test]
fn a_closed_pipe_ends_the_help_quietly() {
    let mut child = program(&["--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Output { stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(stderr).unwrap(), "");
}
