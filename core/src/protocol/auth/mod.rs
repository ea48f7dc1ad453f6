//! Logging in (RFC 4954): one file for each SASL mechanism, one trait, one table.
//!
//! A new mechanism is a file with a type that implements [`Mechanism`], and a row in the table of `choice.rs`.
//! Nonces and time come in as arguments; nothing here sends, reads or waits.

mod anonymous;
mod bearer;
mod choice;
mod cram_md5;
mod credentials;
mod digest_md5;
mod external;
mod hash;
mod login;
mod mode;
mod ntlm;
mod oauthbearer;
mod plain;
mod prepare;
mod scram;
mod xoauth2;

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::types::is_invisible;

pub use choice::check_sasl_name;
pub(super) use choice::{Channel, Row, choose};
pub use credentials::{Credentials, TokenSource};
pub(super) use credentials::{Material, Nonces};
pub use mode::AuthMode;

/// Bytes of a SASL message, wiped when dropped.
pub type Message = Zeroizing<Vec<u8>>;

/// What is wrong with what the server sent: a sentence without full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No challenge of this mechanism: the exchange is cancelled, another mechanism may be tried.
    Malformed(Cow<'static, str>),
    /// The server could not prove who it is: nothing more is said to it.
    Unverified(Cow<'static, str>),
}

/// One SASL exchange.
pub trait Mechanism: Send {
    /// The client's first message; `None` when the server speaks first.
    fn initial(&mut self) -> Option<Message>;

    /// The answer to a challenge, both without base64.
    ///
    /// # Errors
    /// What is wrong with the challenge.
    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault>;

    /// The answer to a challenge that is no base64, for the servers that break that rule.
    fn prompted(&mut self, _text: &str) -> Option<Message> {
        None
    }

    /// The server says that the login succeeded.
    ///
    /// # Errors
    /// When the mechanism lets the server prove itself, and it did not.
    fn finish(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// What the server said inside the exchange of why it refuses.
    fn remark(&self) -> Option<&str> {
        None
    }

    /// Whether a refusal was about the mechanism, and not about user name or password.
    fn may_yield(&self) -> bool {
        false
    }
}

/// A text of the server for an error message: nothing that can't be seen, so many characters at most.
pub(super) fn printable(text: &str, most: usize) -> String {
    let shown = text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c });
    shown.take(most).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
