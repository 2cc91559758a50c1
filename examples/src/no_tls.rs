//! Without the feature `https` no connection is encrypted: these types have no values.

use std::io;
use std::path::Path;

use smol::net::TcpStream;

use crate::client::{Problem, Stream};

const NEEDS_HTTPS: &str =
    "https:// needs the feature `https`: cargo run --features https --example fetch_posts";

#[derive(Clone)]
pub enum Connector {}

impl Connector {
    pub fn public() -> Result<Self, String> {
        Err(NEEDS_HTTPS.to_owned())
    }

    pub fn trusting(_: &Path) -> Result<Self, String> {
        Err(NEEDS_HTTPS.to_owned())
    }

    pub async fn connect(&self, _: &str, _: TcpStream) -> Result<Box<dyn Stream>, Problem> {
        match *self {}
    }
}

pub enum Acceptor {}

impl Acceptor {
    pub async fn accept(&self, _: TcpStream) -> io::Result<Box<dyn Stream>> {
        match *self {}
    }
}
