//! What a server offers, and whom it serves.

use super::{
    envelope::{Client, Envelope},
    reply::Reply,
};

/// What a server is called, and the extensions that it offers beside those of every session.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// Its name in the greeting and the reply to EHLO.
    pub(crate) name: String,
    /// What stands behind `ESMTP` in the greeting.
    pub(crate) product: String,
    /// Largest message in bytes (RFC 1870).
    pub(crate) max_size: u64,
    /// BDAT (RFC 3030).
    pub(crate) chunking: bool,
    /// Delivery reports (RFC 3461).
    pub(crate) dsn: bool,
    /// STARTTLS (RFC 3207).
    pub(crate) starttls: bool,
}

/// Who and what is refused: the one place that decides.
pub(crate) trait Policy: std::fmt::Debug + Send + Sync {
    /// What is offered.
    fn offer(&self) -> Offer;

    /// Whether this client, as its session is now, may log in.
    fn offers_auth(&self, client: &Client) -> bool;

    /// Whether that is a user's password.
    fn admits(&self, user: &str, password: &[u8]) -> bool;

    /// Whether the client may begin a transaction.
    fn sender(&self, client: &Client, envelope: &Envelope) -> Result<(), Reply>;

    /// Whether the message may go to `recipient` too.
    fn recipient(&self, client: &Client, envelope: &Envelope, recipient: &str) -> Result<(), Reply>;
}
