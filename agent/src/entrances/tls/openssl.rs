//! By OpenSSL itself: what native-tls makes of it for servers speaks TLS 1.2 and nothing newer.

use std::{io, pin::Pin};

use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslAcceptor, SslMethod, SslOptions, SslVersion},
    x509::X509,
};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// A connection.
pub(crate) type Stream = SslStream<TcpStream>;

/// Takes connections.
#[derive(Clone)]
pub(crate) struct Acceptor(SslAcceptor);

impl Acceptor {
    /// With that certificate, the others of its chain behind it, and its key, in PEM.
    pub(super) fn new(chain: &[u8], key: &[u8]) -> io::Result<Self> {
        // The suites of version 4 let old devices in; 5 has TLS 1.3, and none of them.
        let mut builder = SslAcceptor::mozilla_intermediate(SslMethod::tls_server())?;
        builder.clear_options(SslOptions::NO_TLSV1_3);
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        // Without a passphrase nobody is asked for one on a terminal.
        builder.set_private_key(&*PKey::private_key_from_pem_passphrase(key, b"")?)?;
        let mut chain = X509::stack_from_pem(chain)?.into_iter();
        let own = chain.next().ok_or_else(|| io::Error::other("there is no certificate"))?;
        builder.set_certificate(&own)?;
        for certificate in chain {
            builder.add_extra_chain_cert(certificate)?;
        }
        builder.check_private_key()?;
        Ok(Self(builder.build()))
    }

    /// The handshake of the server.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let mut stream = SslStream::new(Ssl::new(self.0.context())?, stream)?;
        Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
        Ok(stream)
    }
}
