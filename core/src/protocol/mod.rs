//! The SMTP engine, without I/O: bytes in, bytes and events out, time passed in.
//!
//! Purpose: decide what is said to a server and what its answers mean, once, for every driver.
//!
//! Policy: nothing here opens a socket, reads a clock or draws a random number (a test enforces it).
//! A refused command leaves the session usable; a broken connection, a timeout, an unparsable reply
//! or an unasked-for byte ends it, so that no reply is ever taken for the answer to another command.
//!
//! Diagnostics: every line of the conversation leaves as an [`Event`], secrets already removed.
//!
//! A driver carries out one [`Step`] after the other, whatever its sockets are:
//!
//! ```
//! use std::time::Instant;
//!
//! use freesmtp_core::{Security, protocol::{Config, Engine, Step, Timeouts}};
//!
//! let mut engine = Engine::new(Config {
//!     helo_name: "client.example.com".to_owned(),
//!     security: Security::None,
//!     lmtp: false,
//!     credentials: None,
//!     loopback: true,
//!     timeouts: Timeouts::default(),
//!     disabled_extensions: Vec::new(),
//!     host: "mail.example.com".to_owned(),
//!     port: 25,
//!     mail_auth: None,
//!     certificate_checked: false,
//!     entropy: [0; 32],
//!     unix_seconds: 0,
//! });
//! let mut said = Vec::new();
//! let mut answers = [&b"220 mail.example.com\r\n"[..], b"250-mail.example.com\r\n250 SIZE 1000\r\n"].into_iter();
//! loop {
//!     match engine.next(Instant::now()) {
//!         Step::NeedInput => engine.input(answers.next().unwrap()),
//!         Step::Output => {
//!             said.extend_from_slice(engine.output());
//!             engine.written(engine.output().len());
//!         }
//!         Step::Event(event) => println!("{event:?}"),
//!         Step::Idle => break,
//!         step => unreachable!("{step:?}"),
//!     }
//! }
//! assert_eq!(said, b"EHLO client.example.com\r\n");
//! assert_eq!(engine.greeting_host(), Some("mail.example.com"));
//! ```

pub mod auth;
mod authentication;
mod capabilities;
mod command;
mod delivery;
mod dialogue;
mod engine;
mod handshake;
mod inquiry;
mod parameters;
mod redact;
pub mod reply_parser;
mod sending;
mod step;
mod stuffing;
mod timeouts;
mod transaction;

pub use capabilities::{Capabilities, DeliverByOffer, FutureReleaseOffer, Limits, MtPriorityOffer};
pub use command::{Command, check_helo_name};
pub use engine::Engine;
pub(crate) use inquiry::Inquiry;
pub use reply_parser::ReplyParser;
pub use step::{Config, Event, Step};
pub use stuffing::Stuffer;
pub use timeouts::Timeouts;
pub use transaction::{Decision, Outcome, Transaction, TransactionResult};

use crate::error::Error;

/// How the connection is protected. The numbers are those of the property `Security`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Security {
    /// Clear text, even when STARTTLS is offered.
    None = 0,
    /// STARTTLS when it is offered, else clear text.
    Opportunistic = 1,
    /// STARTTLS, or the send fails (RFC 3207).
    Required = 2,
    /// TLS from the first byte (RFC 8314, port 465).
    Implicit = 3,
    /// Chosen from port, account and host: `Implicit` on 465; `Required` on 587 or when an account is set and
    /// the host is not loopback; else `Opportunistic`; clear text on a loopback host without account.
    #[default]
    Auto = 4,
}

impl Security {
    /// Every value.
    pub const ALL: [Security; 5] =
        [Self::None, Self::Opportunistic, Self::Required, Self::Implicit, Self::Auto];

    /// The stable name: `none`, `opportunistic`, `required`, `implicit`, `auto`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Opportunistic => "opportunistic",
            Self::Required => "required",
            Self::Implicit => "implicit",
            Self::Auto => "auto",
        }
    }

    /// The value with that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|value| i64::from(*value as u8) == number)
    }
}

impl std::str::FromStr for Security {
    type Err = Error;

    /// Takes the name in any case.
    fn from_str(s: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|value| s.eq_ignore_ascii_case(value.as_str())).ok_or_else(|| {
            Error::input("Security", "is one of none, opportunistic, required, implicit, auto")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_has_a_name_and_a_number() {
        for (number, (value, name)) in Security::ALL
            .into_iter()
            .zip(["none", "opportunistic", "required", "implicit", "auto"])
            .enumerate()
        {
            assert_eq!(value.as_str(), name);
            assert_eq!(name.to_uppercase().parse::<Security>().unwrap(), value);
            assert_eq!(Security::from_number(i64::try_from(number).unwrap()), Some(value));
        }
        assert_eq!((Security::from_number(5), Security::from_number(-1)), (None, None));
        assert_eq!("tls".parse::<Security>().unwrap_err().field(), Some("Security"));
    }
}
