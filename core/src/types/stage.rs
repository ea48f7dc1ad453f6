//! The phase of a session in which something happened.

use std::{fmt, str::FromStr};

/// The phase of an SMTP session, named as in the transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// The message and the settings were checked; no connection exists yet.
    Compose,
    /// The host name was looked up.
    Resolve,
    /// The connection was opened and the greeting awaited (RFC 5321 section 3.1).
    Connect,
    /// `EHLO` or `HELO`.
    Ehlo,
    /// `STARTTLS` and the TLS handshake (RFC 3207), or the handshake of implicit TLS (RFC 8314).
    StartTls,
    /// `AUTH` (RFC 4954).
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, and the bytes of the message.
    Data,
    /// The reply after the end of the message.
    Eom,
    /// `RSET`, `NOOP`, `VRFY` and other commands outside a transaction.
    Command,
    /// `QUIT`.
    Quit,
}

impl Stage {
    /// Every stage, in the order of a session.
    pub const ALL: [Stage; 12] = [
        Stage::Compose,
        Stage::Resolve,
        Stage::Connect,
        Stage::Ehlo,
        Stage::StartTls,
        Stage::Auth,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Eom,
        Stage::Command,
        Stage::Quit,
    ];

    /// The stable name, the same in every language: `CONNECT`, `EHLO`, `RCPT`, `EOM` …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Compose => "COMPOSE",
            Stage::Resolve => "RESOLVE",
            Stage::Connect => "CONNECT",
            Stage::Ehlo => "EHLO",
            Stage::StartTls => "STARTTLS",
            Stage::Auth => "AUTH",
            Stage::Mail => "MAIL",
            Stage::Rcpt => "RCPT",
            Stage::Data => "DATA",
            Stage::Eom => "EOM",
            Stage::Command => "COMMAND",
            Stage::Quit => "QUIT",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = ();

    /// Takes the name in any case; `HELO` is `EHLO`.
    fn from_str(s: &str) -> Result<Self, ()> {
        if s.eq_ignore_ascii_case("HELO") {
            return Ok(Stage::Ehlo);
        }
        Self::ALL.into_iter().find(|stage| s.eq_ignore_ascii_case(stage.as_str())).ok_or(())
    }
}
