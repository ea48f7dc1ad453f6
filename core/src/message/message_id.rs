//! The `Message-ID` header (RFC 5322 section 3.6.4).

use std::borrow::Cow;

use super::{EmailMessage, Stamp, check, figures, parties::Parties};
use crate::{error::Error, types::Mailbox};

/// The identifier of a message, without angle brackets.
pub(super) enum MessageId<'a> {
    /// That of the program, checked.
    Given(&'a str),
    /// `time.random@host`
    Generated { stamp: &'a Stamp, host: Cow<'a, str> },
}

impl<'a> MessageId<'a> {
    /// The one that is set, else one made of the stamp and, where that names no host, of the author's domain.
    #[inline]
    pub(super) fn of(
        message: &'a EmailMessage,
        parties: &Parties<'a>,
        stamp: &'a Stamp,
    ) -> Result<Self, Error> {
        if let Some(id) = &message.message_id {
            return check::message_id(id, "MessageID").map(Self::Given);
        }
        let author = parties.author_domain();
        let other = (!stamp.host.is_empty() && !stamp.host.eq_ignore_ascii_case(&author))
            .then(|| Mailbox::parse(&format!("x@{}", stamp.host), "Host").ok())
            .flatten();
        let host = other.map_or(author, |other| other.ascii_domain().to_owned().into());
        Ok(Self::Generated { stamp, host })
    }

    /// Appends it in angle brackets.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'<');
        match self {
            Self::Given(id) => out.extend_from_slice(id.as_bytes()),
            Self::Generated { stamp, host } => {
                figures::decimal(stamp.date.unix_seconds.unsigned_abs(), out);
                out.push(b'.');
                out.extend_from_slice(&figures::hex(stamp.seen()));
                out.push(b'@');
                // `:` occurs in an IPv6 literal, which RFC 5322 allows there; nothing else in a domain needs quoting.
                out.extend_from_slice(host.as_bytes());
            }
        }
        out.push(b'>');
    }

    /// The same on its own.
    pub(super) fn into_string(self) -> String {
        let mut text = Vec::with_capacity(64);
        self.write(&mut text);
        // All of it is ASCII.
        String::from_utf8(text).unwrap_or_default()
    }
}
