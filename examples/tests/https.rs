//! HTTPS, with a server on this machine and a certificate made for the test.

use std::fs;
use std::path::PathBuf;

use crate::common::{printed, text};
use fairgate_examples::client::Site;
use fairgate_examples::server::{Behavior, Server};
use fairgate_examples::tls::Acceptor;
use futures_rustls::rustls::ServerConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use smol::block_on;

/// A server with a certificate for `localhost`, and the file with the certificate of its issuer.
async fn serve_https(name: &str) -> (Server, PathBuf) {
    let issuer_key = KeyPair::generate().unwrap();
    let mut issuer = CertificateParams::new([]).unwrap();
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer_certificate = issuer.self_signed(&issuer_key).unwrap();
    let issuer = Issuer::new(issuer, issuer_key);

    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();

    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
    fs::write(&file, issuer_certificate.pem()).unwrap();
    (Server::start_https(Behavior::default(), Acceptor::new(config)).await.unwrap(), file)
}

fn site(url: &str) -> Site {
    url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn a_known_issuer_is_accepted() {
    block_on(async {
        let (server, ca) = serve_https("known").await;
        let site = site(server.url()).with_ca(&ca).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(site.title(1).await.unwrap(), "the early harbour");
        let mut connection = site.connect().await.unwrap();
        for _ in 0..2 {
            assert_eq!(connection.title(2).await.unwrap(), "the narrow harbour");
        }
        assert_eq!(server.connections(), 2);
    });
}

#[test]
fn an_unknown_issuer_is_refused_with_a_hint() {
    block_on(async {
        let (server, _) = serve_https("unknown").await;
        let (_, other) = serve_https("other").await;
        let by_default = site(server.url());
        let by_another = by_default.clone().with_ca(&other).unwrap_or_else(|error| panic!("{error}"));
        for site in [by_default, by_another] {
            let error = site.title(1).await.unwrap_err().to_string();
            assert!(
                error.starts_with("Post 1 was not requested: ") && error.contains("--ca FILE"),
                "{error}"
            );
        }
    });
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    block_on(async {
        let (server, ca) = serve_https("name").await;
        let url = server.url().replace("localhost", "127.0.0.1");
        let site = site(&url).with_ca(&ca).unwrap_or_else(|error| panic!("{error}"));
        let error = site.title(1).await.unwrap_err().to_string();
        assert!(error.contains("its certificate is for another host name"), "{error}");
    });
}

/// Neither kind of self-signed certificate is an issuer of itself. What is said about that has no names of types in it.
#[test]
fn a_self_signed_certificate_is_explained() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let key = KeyPair::generate().unwrap();
        let mut own = CertificateParams::new(["localhost".to_owned()]).unwrap();
        own.is_ca = is_ca;
        let own = own.self_signed(&key).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key.into())
            .unwrap();
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("self-signed.pem");
        fs::write(&file, own.pem()).unwrap();
        block_on(async {
            let server = Server::start_https(Behavior::default(), Acceptor::new(config)).await.unwrap();
            let site = site(server.url()).with_ca(&file).unwrap_or_else(|error| panic!("{error}"));
            let Err(error) = site.title(1).await else { return };
            let error = error.to_string();
            assert!(error.starts_with("Post 1 was not requested: its certificate "), "{error}");
            assert!(!error.contains(['{', '(', '"']) || error.contains("(--ca"), "{is_ca:?}: {error}");
        });
    }
}

#[test]
fn a_server_without_https_is_reported() {
    block_on(async {
        let server = Server::start(Behavior::default()).await.unwrap();
        let error = site(&server.url().replace("http:", "https:")).title(1).await.unwrap_err().to_string();
        assert!(error.contains("does not speak HTTPS"), "{error}");
    });
}

#[test]
fn the_example_fetches_over_https() {
    let (server, ca) = block_on(serve_https("example"));
    let options = ["--url", server.url(), "--ca", ca.to_str().unwrap()];
    let printed = printed("fetch_posts", &options);
    assert_eq!(printed.matches("Fetched 20 titles").count(), 2, "{printed}");
    assert!(printed.contains("Fetched 10 titles"), "{printed}");
    assert_eq!(server.connections(), 50);
}

#[test]
fn a_file_without_a_certificate_is_refused() {
    let server = "https://localhost:1";
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("none.pem");
    fs::write(&file, "no certificate").unwrap();
    for (file, message) in
        [(file.to_str().unwrap(), "it holds none"), ("no/such/file.pem", "no/such/file.pem")]
    {
        let output = crate::common::run("fetch_posts", &["--url", server, "--ca", file]);
        let stderr = text(output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr.starts_with("error: cannot use the certificates in ") && stderr.contains(message),
            "{stderr}"
        );
    }
}
