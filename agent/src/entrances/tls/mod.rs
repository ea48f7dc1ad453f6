//! TLS of the entrances: 1.2, and 1.3 where the system's library has it.

#[cfg(any(windows, target_vendor = "apple"))]
mod native;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod openssl;

use std::{fs, io, path::Path};

use freesmtp_core::Error;

#[cfg(any(windows, target_vendor = "apple"))]
pub(crate) use native::{Acceptor, Stream};
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(crate) use openssl::{Acceptor, Stream};

/// TLS with that certificate.
pub(crate) fn acceptor(section: &str, certificate: &Path, key: &Path) -> Result<Acceptor, Error> {
    let read = |field: &str, path: &Path| {
        let failed = |error: io::Error| {
            Error::input(format!("{section}.{field}"), format!("{} cannot be read: {error}", path.display()))
        };
        fs::read(path).map_err(failed)
    };
    let chain = read("certificate_file", certificate)?;
    let own = read("key_file", key)?;
    Acceptor::new(&chain, &own).map_err(|error| {
        let text = format!(
            "{} is no key of the certificate {}: {error}; a key in PEM begins with -----BEGIN PRIVATE KEY-----",
            key.display(),
            certificate.display()
        );
        Error::input(format!("{section}.key_file"), text)
    })
}
