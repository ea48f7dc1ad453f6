//! What goes in when a session begins, and what comes out while it runs: the words between engine and driver.

#[cfg(doc)]
use super::Engine;
use super::{Security, Timeouts, TransactionResult, auth::Credentials};
use crate::types::Reply;

/// What the session may and must do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The argument of EHLO; checked with [`check_helo_name`](super::check_helo_name).
    pub helo_name: String,
    /// `Implicit` means that the driver has done the handshake before the first step. Never `Auto`.
    pub security: Security,
    /// The server speaks LMTP (RFC 2033): LHLO, and a reply for each recipient after the message.
    pub lmtp: bool,
    /// Who logs in.
    pub credentials: Option<Credentials>,
    /// The peer is on this machine.
    pub loopback: bool,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// EHLO keywords to be ignored.
    pub disabled_extensions: Vec<String>,
    /// The server as the settings name it; some mechanisms of AUTH name it to the server.
    pub host: String,
    /// The port in use.
    pub port: u16,
    /// The `AUTH=` parameter of MAIL (RFC 4954 section 5): the mailbox of whoever submitted the message first, empty
    /// for nobody known (`<>`); `None` sends no parameter.
    pub mail_auth: Option<String>,
    /// The server's certificate is checked in every respect; REQUIRETLS asks for it (RFC 8689 section 4.1).
    pub certificate_checked: bool,
    /// Bytes that nobody can guess: nonces are made of them. Of each session its own.
    pub entropy: [u8; 32],
    /// Seconds since 1970-01-01 UTC, for mechanisms that name the time.
    pub unix_seconds: i64,
}

/// What the driver does next.
#[must_use = "a step that is not carried out deadlocks the session"]
#[derive(Debug)]
pub enum Step {
    /// Write [`Engine::output`], then call [`Engine::written`]. Reading meanwhile is allowed, and needed when
    /// the write blocks: the peer may be blocked writing replies.
    Output,
    /// Read, then call [`Engine::input`] or [`Engine::eof`].
    NeedInput,
    /// Call [`Engine::body`] or [`Engine::body_abort`] for the transaction of that token.
    Body(u64),
    /// Do the TLS handshake, then call [`Engine::channel_binding`] where there is one, and
    /// [`Engine::tls_established`].
    StartTls,
    /// Get an access token, then call [`Engine::token`].
    NeedToken {
        /// The server refused the token given before: a new one is needed, not the one that is kept.
        refresh: bool,
    },
    /// Something happened.
    Event(Event),
    /// The session is open, and nothing is outstanding.
    Idle,
    /// The session is over.
    Done,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A command line, secrets removed, now that its reply is awaited.
    Sent(String),
    /// A line of a reply, secrets removed.
    Received(String),
    /// A whole message has been given to the output: so many octets before dot-stuffing.
    MessageSent(u64),
    /// Something worth a sentence that is no line of the conversation.
    Notice(String),
    /// Logged in with this mechanism.
    LoggedIn(&'static str),
    /// RCPT was refused.
    RecipientRefused {
        /// The transaction.
        token: u64,
        /// The index of the forward path.
        index: usize,
        /// The server's answer.
        reply: Reply,
    },
    /// A transaction has ended.
    Finished(TransactionResult),
    /// The answer to a command of the program.
    CommandReply(Reply),
}
