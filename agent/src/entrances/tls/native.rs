//! By the library of the system, as the rest of freesmtp has it.

use std::io;

use tokio::net::TcpStream;
use tokio_native_tls::{
    TlsAcceptor, TlsStream,
    native_tls::{self, Identity, Protocol},
};

/// A connection.
pub(crate) type Stream = TlsStream<TcpStream>;

/// Takes connections.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// With that certificate, the others of its chain behind it, and its key, in PEM.
    pub(super) fn new(chain: &[u8], key: &[u8]) -> Result<Self, native_tls::Error> {
        let acceptor = native_tls::TlsAcceptor::builder(Identity::from_pkcs8(chain, key)?)
            .min_protocol_version(Some(Protocol::Tlsv12))
            .build()?;
        Ok(Self(acceptor.into()))
    }

    /// The handshake of the server.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        self.0.accept(stream).await.map_err(io::Error::other)
    }
}
