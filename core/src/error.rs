//! The one error type.
//!
//! ```
//! use freesmtp_core::{ErrorKind, Smtp};
//!
//! let error = Smtp::new("127.0.0.1:1")?.connect().unwrap_err();
//! assert_eq!((error.kind(), error.kind().number(), error.stage().as_str()), (ErrorKind::Connect, 201, "CONNECT"));
//! assert_eq!(error.server(), Some("127.0.0.1:1"));
//! let diagnosis = error.diagnosis().unwrap();
//! assert_eq!(diagnosis.cause.as_str(), "connect-refused");
//! println!("{error}"); // all of it for a person, with the remedies
//! # Ok::<(), freesmtp_core::Error>(())
//! ```

use std::{fmt, io};

use crate::types::{
    Diagnosis, EnhancedCode, Failure, RecipientResult, RecipientStatus, Reply, Stage, Transcript,
    escaped_lines,
};

/// What kind of failure it is. The numbers are stable, banded by hundred and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u16)]
pub enum ErrorKind {
    /// The message or a setting is not valid; `field` names it. Nothing was sent.
    Message = 100,
    /// The host name could not be resolved.
    Dns = 200,
    /// No connection could be opened, or it broke.
    Connect = 201,
    /// TLS could not be established.
    Tls = 202,
    /// The proxy refused.
    Proxy = 203,
    /// The server did not answer in time.
    Timeout = 204,
    /// The server refused the login, or no usable mechanism is offered.
    Authentication = 300,
    /// The server refused a command, or broke the protocol.
    Protocol = 400,
    /// Every recipient was refused.
    RecipientsRefused = 401,
    /// The connection broke after the whole message was sent: it may have been delivered.
    OutcomeUnknown = 402,
    /// A file could not be opened, read or written.
    FileIo = 500,
    /// The spool could not take the message.
    Spool = 600,
    /// The program cancelled the operation.
    Cancelled = 700,
    /// A fault of this library, caught at a language boundary. Please report it.
    Internal = 900,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [ErrorKind; 14] = [
        Self::Message,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Proxy,
        Self::Timeout,
        Self::Authentication,
        Self::Protocol,
        Self::RecipientsRefused,
        Self::OutcomeUnknown,
        Self::FileIo,
        Self::Spool,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The stable name: `message`, `dns`, `connect`, `tls`, `recipients-refused` …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Timeout => "timeout",
            Self::Authentication => "authentication",
            Self::Protocol => "protocol",
            Self::RecipientsRefused => "recipients-refused",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::FileIo => "file-io",
            Self::Spool => "spool",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// The stable number.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a call failed: what, where, the server's own words, and what to do about it.
///
/// One pointer wide, so that `Result` stays small.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    stage: Stage,
    message: String,
    field: Option<String>,
    /// What the client noticed, for the diagnosis: never guessed from text later.
    failure: Option<Failure>,
    reply: Option<Reply>,
    recipients: Vec<RecipientResult>,
    server: Option<String>,
    message_id: Option<String>,
    temporary: Option<bool>,
    diagnosis: Option<Diagnosis>,
    transcript: Transcript,
    /// Failures of the servers that were tried before the last one.
    others: Vec<Error>,
    io: Option<(io::ErrorKind, Option<i32>)>,
}

impl Error {
    /// A failure of `kind` during `stage`, in one sentence. Control characters in it, such as a server's words may hold, are
    /// escaped: it will be shown on terminals and written to logs.
    pub fn new(kind: ErrorKind, stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            stage,
            message: escaped_lines(message.into()),
            field: None,
            failure: None,
            reply: None,
            recipients: Vec::new(),
            server: None,
            message_id: None,
            temporary: None,
            diagnosis: None,
            transcript: Transcript::default(),
            others: Vec::new(),
            io: None,
        }))
    }

    /// Bad input: `field` is the name of the property, `message` says what to do.
    pub fn input(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::Message, Stage::Compose, message);
        error.0.field = Some(field.into());
        error.0.failure = Some(Failure::InvalidInput);
        error
    }

    /// A failure of the operating system.
    pub fn io(kind: ErrorKind, stage: Stage, message: impl fmt::Display, source: &io::Error) -> Self {
        let mut error = Self::new(kind, stage, format!("{message}: {source}"));
        error.0.io = Some((source.kind(), source.raw_os_error()));
        error
    }

    /// A reply that refused.
    #[must_use]
    pub fn refused(kind: ErrorKind, stage: Stage, reply: Reply) -> Self {
        let mut error = Self::new(kind, stage, format!("the server answered: {reply}"));
        error.0.reply = Some(reply);
        error
    }

    /// The same with the field of the input that it is about.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// The same, with what it happened in before the sentence.
    #[must_use]
    pub(crate) fn within(mut self, whole: impl fmt::Display) -> Self {
        self.0.message = escaped_lines(format!("{whole}: {}", self.0.message));
        self
    }

    /// The same with what the client noticed.
    #[must_use]
    pub fn with_failure(mut self, failure: Failure) -> Self {
        self.0.failure = Some(failure);
        self
    }

    /// The same with the server's last reply (RFC 5321 section 3.8: often a 421 that says why it closes).
    #[must_use]
    pub fn with_reply(mut self, reply: Reply) -> Self {
        self.0.reply = Some(reply);
        self
    }

    /// The same with one entry for each recipient.
    #[must_use]
    pub fn with_recipients(mut self, recipients: Vec<RecipientResult>) -> Self {
        self.0.recipients = recipients;
        self
    }

    /// The same with the server it is about.
    #[must_use]
    pub fn with_server(mut self, server: impl Into<String>) -> Self {
        self.0.server = Some(server.into());
        self
    }

    /// The same with the `Message-ID` of the message it is about.
    #[must_use]
    pub fn with_message_id(mut self, message_id: impl Into<String>) -> Self {
        self.0.message_id = Some(message_id.into());
        self
    }

    /// The same with an explanation.
    #[must_use]
    pub fn with_diagnosis(mut self, diagnosis: Diagnosis) -> Self {
        self.0.diagnosis = Some(diagnosis);
        self
    }

    /// The same with the last lines of the conversation.
    #[must_use]
    pub fn with_transcript(mut self, transcript: Transcript) -> Self {
        self.0.transcript = transcript;
        self
    }

    /// The same, said to be temporary or not whatever the reply's code is.
    #[must_use]
    pub fn with_temporary(mut self, temporary: bool) -> Self {
        self.0.temporary = Some(temporary);
        self
    }

    /// The same, with the failures of the servers tried before.
    #[must_use]
    pub fn with_others(mut self, others: Vec<Error>) -> Self {
        self.0.others = others;
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The phase of the session it happened in.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What happened, in one sentence, without the diagnosis.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The property that holds the bad input, such as `Recipients[2].Email`.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What the client itself noticed; `None` when a reply alone decided.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.0.failure
    }

    /// The server's reply, when one decided, or its last words.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.0.reply.as_ref()
    }

    /// The reply code, or 0 when there was no reply.
    #[must_use]
    pub fn reply_code(&self) -> u16 {
        self.0.reply.as_ref().map_or(0, Reply::code)
    }

    /// The enhanced status code of the reply (RFC 3463).
    #[must_use]
    pub fn enhanced_code(&self) -> Option<EnhancedCode> {
        self.0.reply.as_ref().and_then(Reply::enhanced_code)
    }

    /// The text of the reply, codes left out, lines joined by `\n`; empty when there was no reply.
    #[must_use]
    pub fn reply_text(&self) -> String {
        self.0.reply.as_ref().map(Reply::text).unwrap_or_default()
    }

    /// One entry for each recipient, when the transaction got that far.
    #[must_use]
    pub fn recipients(&self) -> &[RecipientResult] {
        &self.0.recipients
    }

    /// The server it is about: `mail.example.com:587`.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.0.server.as_deref()
    }

    /// The `Message-ID` of the message, to search for when the outcome is unknown.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.0.message_id.as_deref()
    }

    /// Whether the same call may succeed later without a change.
    ///
    /// Decided by kind and reply code, never by text. An unknown outcome is not temporary:
    /// a repetition may deliver twice.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        if let Some(temporary) = self.0.temporary {
            return temporary;
        }
        if let Some(reply) = &self.0.reply {
            return reply.is_transient() && self.0.kind != ErrorKind::OutcomeUnknown;
        }
        match self.0.kind {
            ErrorKind::Dns | ErrorKind::Connect | ErrorKind::Proxy | ErrorKind::Timeout => true,
            ErrorKind::RecipientsRefused => {
                self.0.recipients.iter().any(|r| r.status == RecipientStatus::Deferred)
            }
            _ => false,
        }
    }

    /// Why it failed and what to do.
    #[must_use]
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.0.diagnosis.as_ref()
    }

    /// The last lines of the conversation, secrets removed, oldest first.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.0.transcript
    }

    /// The failures of the servers that were tried before the last one.
    #[must_use]
    pub fn others(&self) -> &[Error] {
        &self.0.others
    }

    /// The operating system's own error kind, where it was one.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.0.io.map(|(kind, _)| kind)
    }

    /// The operating system's own error number, where it was one.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        self.0.io.and_then(|(_, number)| number)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(field) = &inner.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&inner.message)?;
        if let Some(server) = &inner.server {
            write!(f, " [{server}, {}]", inner.stage)?;
        }
        if let Some(diagnosis) = &inner.diagnosis {
            write!(f, "\n{diagnosis}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("stage", &self.0.stage)
            .field("message", &self.0.message)
            .field("field", &self.0.field)
            .field("reply", &self.0.reply)
            .field("recipients", &self.0.recipients)
            .field("server", &self.0.server)
            .field("diagnosis", &self.0.diagnosis)
            .field("transcript", &self.0.transcript)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}
