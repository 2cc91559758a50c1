//! TLS, with the feature `https`.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use futures_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};
use futures_rustls::{TlsAcceptor, TlsConnector};
use smol::net::TcpStream;

use crate::client::{Problem, Stream, unreachable};

/// Speaks TLS with servers that some certificates vouch for.
#[derive(Clone)]
pub struct Connector(TlsConnector);

impl Connector {
    /// Trusts the issuers that browsers trust.
    pub fn public() -> Result<Self, String> {
        Ok(Self::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }))
    }

    /// Trusts the certificates of this PEM file as issuers.
    pub fn trusting(file: &Path) -> Result<Self, String> {
        let failed = |error: &dyn fmt::Display| {
            format!("cannot use the certificates in {}: {error}", file.display())
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))? {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&reason(&error)))?;
        }
        if roots.is_empty() {
            return Err(failed(&"it holds none"));
        }
        Ok(Self::new(roots))
    }

    fn new(roots: RootCertStore) -> Self {
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config).into())
    }

    pub async fn connect(&self, host: &str, stream: TcpStream) -> Result<Box<dyn Stream>, Problem> {
        let name = ServerName::try_from(host.to_owned()).map_err(unreachable)?;
        match self.0.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(handshake_failed(&error)),
        }
    }
}

/// Speaks TLS with clients.
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub fn new(config: rustls::ServerConfig) -> Self {
        Self(Arc::new(config).into())
    }

    pub async fn accept(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.0.accept(stream).await?))
    }
}

fn handshake_failed(error: &io::Error) -> Problem {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(cause) => Problem::Untrusted(reason(cause)),
        None => Problem::Untrusted("the server closed the connection during the TLS handshake".to_owned()),
    }
}

/// In plain words: some of these errors print the names of types.
fn reason(error: &rustls::Error) -> String {
    let reason = match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak HTTPS on this port",
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "its certificate is not signed by a known issuer (--ca FILE accepts one of your own)"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host name"
            }
            CertificateError::Revoked => "its certificate is revoked",
            CertificateError::BadEncoding => "the certificate cannot be decoded",
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "its certificate is that of an issuer; --ca FILE needs the issuer of the server's certificate, not the \
                 server's certificate itself"
            }
            _ => "its certificate is not valid",
        },
        rustls::Error::AlertReceived(_) => "the server refused the TLS handshake",
        _ => "the TLS handshake failed",
    };
    reason.to_owned()
}
