//! What is known about a message besides its bytes.

use std::net::IpAddr;

use freesmtp_core::message::{RecipientOptions, ReturnContent};

/// Who is at the other end of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address and port; `None` where there is none, as in a test.
    pub(crate) peer: Option<(IpAddr, u16)>,
    /// The name it gave in EHLO or HELO; empty before that.
    pub(crate) name: String,
    /// It said EHLO: extensions may be used.
    pub(crate) extended: bool,
    /// The account it logged in with.
    pub(crate) account: Option<String>,
    /// The session is encrypted.
    pub(crate) tls: bool,
}

/// One recipient of an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// The forward-path without its angle brackets.
    pub(crate) address: String,
    /// `NOTIFY` and `ORCPT` (RFC 3461).
    pub(crate) options: RecipientOptions,
}

impl From<&str> for Recipient {
    fn from(address: &str) -> Self {
        Self { address: address.to_owned(), options: RecipientOptions::default() }
    }
}

/// The envelope of a message (RFC 5321 section 2.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The reverse-path without its angle brackets; empty for the null reverse-path.
    pub(crate) sender: String,
    /// In the order of the commands.
    pub(crate) recipients: Vec<Recipient>,
    /// What `SIZE=` declared (RFC 1870).
    pub(crate) declared_size: Option<u64>,
    /// `8BITMIME` was declared (RFC 6152).
    pub(crate) eight_bit: bool,
    /// SMTPUTF8 was asked for (RFC 6531).
    pub(crate) utf8: bool,
    /// `RET` (RFC 3461).
    pub(crate) return_content: ReturnContent,
    /// `ENVID`, decoded (RFC 3461).
    pub(crate) envelope_id: Option<String>,
}
