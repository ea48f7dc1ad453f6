//! TLS of the entrances.

use std::{fs, io, path::Path};

use freesmtp_core::Error;
use tokio_native_tls::{
    TlsAcceptor,
    native_tls::{self, Identity, Protocol},
};

/// TLS with that certificate.
pub(crate) fn acceptor(section: &str, certificate: &Path, key: &Path) -> Result<TlsAcceptor, Error> {
    let read = |field: &str, path: &Path| {
        let failed = |error: io::Error| {
            Error::input(format!("{section}.{field}"), format!("{} cannot be read: {error}", path.display()))
        };
        fs::read(path).map_err(failed)
    };
    let chain = read("certificate_file", certificate)?;
    let own = read("key_file", key)?;
    let wrong = |error: native_tls::Error| {
        let text = format!(
            "{} is no key of the certificate {}: {error}; a key in PEM begins with -----BEGIN PRIVATE KEY-----",
            key.display(),
            certificate.display()
        );
        Error::input(format!("{section}.key_file"), text)
    };
    let identity = Identity::from_pkcs8(&chain, &own).map_err(wrong)?;
    let acceptor = native_tls::TlsAcceptor::builder(identity)
        .min_protocol_version(Some(Protocol::Tlsv12))
        .build()
        .map_err(wrong)?;
    Ok(acceptor.into())
}
