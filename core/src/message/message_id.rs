//! The `Message-ID` header (RFC 5322 section 3.6.4).

use std::{borrow::Cow, cell::RefCell};

use super::{
    EmailMessage, Stamp, check,
    figures::{self, MOST_DIGITS},
    parties::Parties,
};
use crate::{error::Error, types::Mailbox};

/// `<` and a second in decimal, with a dot behind it.
struct Second {
    second: u64,
    text: [u8; MOST_DIGITS + 2],
    start: usize,
}

impl Second {
    /// Appends it.
    fn write(second: u64, out: &mut Vec<u8>) {
        thread_local! {
            /// The last one: many messages are of one second.
            static LAST: RefCell<Second> = RefCell::new(Second::of(0));
        }
        LAST.with_borrow_mut(|last| {
            if last.second != second {
                *last = Self::of(second);
            }
            out.extend_from_slice(&last.text[last.start..]);
        });
    }

    fn of(second: u64) -> Self {
        let mut text = [b'.'; MOST_DIGITS + 2];
        let (digits, start) = figures::digits(second);
        text[1..=MOST_DIGITS].copy_from_slice(&digits);
        text[start] = b'<';
        Self { second, text, start }
    }
}

/// The identifier of a message, without angle brackets.
pub(super) enum MessageId<'a> {
    /// That of the program, checked.
    Given(&'a str),
    /// `time.random@host`
    Generated { stamp: &'a Stamp, host: Cow<'a, str> },
}

impl<'a> MessageId<'a> {
    /// The one that is set, else one made of the stamp and, where that names no host, of the author's domain.
    #[inline(always)]
    pub(super) fn of(
        message: &'a EmailMessage,
        parties: &Parties<'a>,
        stamp: &'a Stamp,
    ) -> Result<Self, Error> {
        match &message.message_id {
            Some(id) => check::message_id(id, "MessageID").map(Self::Given),
            None if stamp.host.is_empty() => Ok(Self::Generated { stamp, host: parties.author_domain() }),
            None => Ok(Self::of_host(parties, stamp)),
        }
    }

    fn of_host(parties: &Parties<'a>, stamp: &'a Stamp) -> Self {
        let author = parties.author_domain();
        let other = (!stamp.host.eq_ignore_ascii_case(&author))
            .then(|| Mailbox::parse(&format!("x@{}", stamp.host), "Host").ok())
            .flatten();
        Self::Generated { stamp, host: other.map_or(author, |other| other.ascii_domain().to_owned().into()) }
    }

    /// Appends it in angle brackets.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Given(id) => {
                out.push(b'<');
                out.extend_from_slice(id.as_bytes());
            }
            Self::Generated { stamp, host } => {
                Second::write(stamp.date.unix_seconds.unsigned_abs(), out);
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
