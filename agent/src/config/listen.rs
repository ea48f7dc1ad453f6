//! Where an entrance listens.

use std::{net::SocketAddr, path::Path};

use freesmtp_core::Error;

/// The addresses of `section.listen`. One beyond loopback is refused with that text, unless it is `safe`.
pub(super) fn check_addresses(
    section: &str,
    listen: &[String],
    safe: bool,
    refusal: impl Fn(SocketAddr) -> String,
) -> Result<Vec<(SocketAddr, bool)>, Error> {
    let one = |(index, text): (usize, &String)| {
        let field = format!("{section}.listen[{index}]");
        let address: SocketAddr = text.parse().map_err(|_| {
            Error::input(&field, format!("{text:?} is no address with a port, such as 127.0.0.1:2525"))
        })?;
        if !address.ip().to_canonical().is_loopback() && !safe {
            return Err(Error::input(&field, refusal(address)));
        }
        Ok((address, false))
    };
    listen.iter().enumerate().map(one).collect()
}

/// A certificate comes with its key.
pub(super) fn check_pair(section: &str, certificate: Option<&Path>, key: Option<&Path>) -> Result<(), Error> {
    let missing = match (certificate, key) {
        (Some(_), None) => "key_file",
        (None, Some(_)) => "certificate_file",
        _ => return Ok(()),
    };
    let text = "is not set, and the other of the two is; a certificate comes with its key";
    Err(Error::input(format!("{section}.{missing}"), text))
}
