//! The pool of the examples never has more connections than permits, however a request ends.

use std::future::ready;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use fairgate::with_timeout;
use fairgate_examples::pool::Pool;
use fairgate_examples::server::{Behavior, Server};
use smol::future::{block_on, yield_now};

#[test]
fn a_returned_connection_is_reused() {
    block_on(async {
        let server = Server::start(Behavior::default()).await.unwrap();
        let pool = Pool::new(server.url().parse().unwrap(), 2);
        for id in 1..=5 {
            pool.check_out().await.unwrap().title(id).await.unwrap();
        }
        assert_eq!((server.connections(), server.connections_peak()), (1, 1));
        assert_eq!(pool.available(), 2);
    });
}

#[test]
fn a_cancelled_request_closes_its_connection_before_another_is_opened() {
    block_on(async {
        let behavior = Behavior { hanging: vec![4], ..Behavior::default() };
        let server = Server::start(behavior).await.unwrap();
        let pool = Pool::new(server.url().parse().unwrap(), 1);
        let mut connection = pool.check_out().await.unwrap();
        let until_it_arrives = async {
            while server.peak() == 0 {
                yield_now().await;
            }
        };
        assert!(with_timeout(connection.title(4), until_it_arrives).await.is_err());
        drop(connection);
        let mut connection = pool.check_out().await.unwrap();
        assert_eq!(connection.title(1).await.unwrap(), "the early harbour");
        assert_eq!((server.connections(), server.connections_peak()), (2, 1));
    });
}

#[test]
fn a_connection_that_the_server_closed_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (closed, wait_until_closed) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0, "the client sent no request");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"title\":\"a\"}").unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    block_on(async {
        let pool = Pool::new(site, 1);
        let ask = async || pool.check_out().await.unwrap().title(1).await;
        for _ in 0..2 {
            // The client may not have noticed yet that its connection is closed. Then one request fails.
            let title = match ask().await {
                Ok(title) => title,
                Err(_) => ask().await.unwrap(),
            };
            assert_eq!(title, "a");
            wait_until_closed.recv().unwrap();
        }
    });
}

#[test]
fn a_cancelled_checkout_loses_no_permit() {
    block_on(async {
        let server = Server::start(Behavior::default()).await.unwrap();
        let pool = Pool::new(server.url().parse().unwrap(), 1);
        let checked_out = pool.check_out().await.unwrap();
        assert!(with_timeout(pool.check_out(), ready(())).await.is_err());
        drop(checked_out);
        assert_eq!(pool.available(), 1);
        assert!(pool.check_out().await.is_ok());
    });
}
