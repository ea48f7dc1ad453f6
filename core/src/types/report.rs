//! What a send answers: one entry for each recipient, and how the session went.

use std::{fmt, net::SocketAddr, time::Duration};

use super::{Diagnosis, EnhancedCode, Reply, Stage, Transcript};

/// What became of the message for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecipientStatus {
    /// The server took responsibility for delivery (2yz after the end of the message).
    Accepted,
    /// Refused for now (4yz), or the message was not sent because the transaction failed for a temporary reason.
    Deferred,
    /// Refused for good (5yz).
    Refused,
    /// The connection broke between the end of the message and the reply: it may or may not have been delivered.
    Unknown,
}

impl RecipientStatus {
    /// The stable name: `accepted`, `deferred`, `refused`, `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for RecipientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The result for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientResult {
    /// The address as it was given.
    pub email: String,
    /// What became of it.
    pub status: RecipientStatus,
    /// The phase in which that was decided.
    pub stage: Stage,
    /// The server's reply that decided it; `None` when the client decided, or the connection broke.
    pub reply: Option<Reply>,
    /// Why, and what to do, unless accepted.
    pub diagnosis: Option<Diagnosis>,
}

impl RecipientResult {
    /// The reply code, or 0 when no reply decided.
    #[must_use]
    pub fn reply_code(&self) -> u16 {
        self.reply.as_ref().map_or(0, Reply::code)
    }

    /// The enhanced status code of the reply.
    #[must_use]
    pub fn enhanced_code(&self) -> Option<EnhancedCode> {
        self.reply.as_ref().and_then(Reply::enhanced_code)
    }

    /// The text of the reply, without codes of the lines; empty when no reply decided.
    #[must_use]
    pub fn reply_text(&self) -> String {
        self.reply.as_ref().map(Reply::text).unwrap_or_default()
    }
}

/// The TLS session that was in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// Protocol version such as `TLSv1.3`, where the platform's TLS tells it.
    pub version: Option<String>,
    /// Cipher suite, where the platform's TLS tells it.
    pub cipher: Option<String>,
    /// The subject of the server's certificate, where it could be read.
    pub certificate_subject: Option<String>,
    /// When the server's certificate expires, in seconds since 1970-01-01 UTC.
    pub certificate_not_after: Option<i64>,
}

/// The answer of a send that at least one recipient's server accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One entry for each recipient, in the order of the message.
    pub recipients: Vec<RecipientResult>,
    /// The reply after the end of the message; it usually names the server's queue id.
    pub reply: Reply,
    /// The `Message-ID` of the message, with its angle brackets.
    pub message_id: String,
    /// Bytes of the message as composed (RFC 5322 form, before dot-stuffing).
    pub size: u64,
    /// The server that took it, as it was named in the settings, and its port: `mail.example.com:587`.
    pub server: String,
    /// The address that was connected to; `None` for a Unix-domain socket.
    pub peer_address: Option<SocketAddr>,
    /// The TLS session; `None` means clear text.
    pub tls: Option<TlsInfo>,
    /// The mechanism that logged in, such as `PLAIN`; `None` means no login.
    pub auth_mechanism: Option<String>,
    /// The server reports on deliveries itself, as NOTIFY asks for it (DSN, RFC 3461).
    pub reports_delivery: bool,
    /// How long it took, connecting included where a connection was opened.
    pub elapsed: Duration,
    /// Trouble that did not stop the mail: a log that could not be written, a server before this one that failed.
    pub warnings: Vec<String>,
    /// The conversation of this transaction, secrets removed, oldest line first.
    pub transcript: Transcript,
}

impl Report {
    /// The recipients the server took responsibility for.
    pub fn accepted(&self) -> impl Iterator<Item = &RecipientResult> {
        self.recipients.iter().filter(|r| r.status == RecipientStatus::Accepted)
    }

    /// The recipients that were deferred, refused or are unknown.
    pub fn failed(&self) -> impl Iterator<Item = &RecipientResult> {
        self.recipients.iter().filter(|r| r.status != RecipientStatus::Accepted)
    }
}
