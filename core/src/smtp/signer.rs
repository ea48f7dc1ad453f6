//! A signer of messages, as a program makes it.

use super::outcome::explain_input;
use crate::{error::Error, message::DkimSigner};

impl DkimSigner {
    /// A signer with relaxed canonicalization of headers and body, over all headers that readers show.
    ///
    /// `key` is PEM text: PKCS#1 (`RSA PRIVATE KEY`), or PKCS#8 (`PRIVATE KEY`) with an RSA or an Ed25519 key; or
    /// the 32 bytes of an Ed25519 key in base64.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) with field `DKIM.Domain`, `DKIM.Selector` or `DKIM.Key`;
    /// an RSA key must have 1024 bits at least (RFC 8301).
    pub fn new(domain: &str, selector: &str, key: &str) -> Result<Self, Error> {
        Self::read(domain, selector, key).map_err(explain_input)
    }
}
