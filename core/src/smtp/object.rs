//! The object itself.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{Server, observers::Observers, outcome, pool::Pool, rate, send::stamp, spool};
use crate::{
    error::Error,
    log::{LogFile, LogOptions, Logging, ProtocolLog},
    message::{BodyPartFormat, Composed, EmailMessage, Form},
    net::{Cancel, Runtime, on_this_thread},
    os::file::Disk,
    protocol::{Timeouts, check_helo_name},
    types::{Reply, Report},
};

/// How much the object does at once.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) connections: NonZeroUsize,
    /// 0 for any number.
    pub(super) messages_per_connection: u64,
    /// Messages per second.
    pub(super) rate: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: NonZeroUsize::MIN, messages_per_connection: 0, rate: None }
    }
}

/// Sends messages to the first of its servers that takes them.
///
/// It keeps its connection for the next message. A clone has its own settings from then on, and shares the kept
/// connections. It may be used from several threads at once; each message then uses a connection of its own.
///
/// Dropping the last clone ends the kept connections with QUIT, without waiting for the answer.
#[derive(Clone, Debug, Default)]
pub struct Smtp {
    pub(super) servers: Vec<Server>,
    pub(super) logging: Logging,
    pub(super) observers: Observers,
    pub(super) default_domain: String,
    pub(super) timeouts: Timeouts,
    pub(super) all_or_nothing: bool,
    pub(super) limits: Limits,
    pub(super) spool: spool::Settings,
    pub(super) spools: Arc<spool::Spools>,
    pub(super) pool: Arc<Pool>,
}

impl Smtp {
    /// An object with one server: a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
    ///
    /// # Errors
    /// `ErrorKind::Message` when `server` is none of these.
    pub fn new(server: &str) -> Result<Self, Error> {
        let server = Server::parse(server).map_err(outcome::explain_input)?;
        Ok(Self { servers: vec![server], ..Self::default() })
    }

    /// The servers, tried in order: the next one on a failure to connect or of the session before the message.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The servers, to add, change or remove.
    pub fn servers_mut(&mut self) -> &mut Vec<Server> {
        &mut self.servers
    }

    /// The log's path.
    #[must_use]
    pub fn log_file(&self) -> Option<&Path> {
        self.logging.file.as_ref().map(|log| log.path())
    }

    /// Appends the conversation to a file from now on, secrets removed. An empty path ends it.
    ///
    /// # Errors
    /// `ErrorKind::FileIo` with field `LogFile` when the folder does not exist. A log that can't be written
    /// later never stops a mail: it becomes a warning of the report.
    pub fn set_log_file(&mut self, path: impl Into<PathBuf>) -> Result<(), Error> {
        let path = path.into();
        self.logging.file = if path.as_os_str().is_empty() {
            None
        } else {
            Some(Arc::new(LogFile::new(&path).map_err(outcome::explain_input)?))
        };
        Ok(())
    }

    /// What the log shows besides the conversation.
    #[must_use]
    pub fn log_options(&self) -> LogOptions {
        self.logging.options
    }

    /// Sets what the log shows besides the conversation: times, the message, JSON. Secrets are removed in any case.
    pub fn set_log_options(&mut self, options: LogOptions) {
        self.logging.options = options;
    }

    /// Gives every line of the conversations to a function as it is said, the event `ProtocolLog`; `None` ends it. The
    /// lines are those of the log. The function is called on the thread that sends and should be quick.
    pub fn set_protocol_log(&mut self, listener: Option<ProtocolLog>) {
        self.logging.listener = listener;
    }

    /// The name given in EHLO; empty means this host's full name, or its address.
    #[must_use]
    pub fn default_domain(&self) -> &str {
        &self.default_domain
    }

    /// Sets the name given in EHLO (RFC 5321 section 4.1.1.1): a host name or an address literal; empty for the
    /// host's own.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `DefaultDomain`.
    pub fn set_default_domain(&mut self, domain: &str) -> Result<(), Error> {
        if !domain.is_empty() {
            check_helo_name(domain, "DefaultDomain").map_err(outcome::explain_input)?;
        }
        domain.clone_into(&mut self.default_domain);
        Ok(())
    }

    /// How long each phase may take, for servers without a `Timeout` of their own.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Sets how long each phase may take; [`Timeouts::all`] is what `DefaultTimeout` sets.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `DefaultTimeout` when one of them is zero.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) -> Result<(), Error> {
        let Timeouts { connect, greeting, command, data_block, end_of_data, operation } = timeouts;
        let phases = [connect, greeting, command, data_block, end_of_data];
        if phases.contains(&Duration::ZERO) || operation == Some(Duration::ZERO) {
            let error = Error::input("DefaultTimeout", "is zero; give seconds above zero");
            return Err(outcome::explain_input(error));
        }
        self.timeouts = timeouts;
        Ok(())
    }

    /// Whether nothing is sent when one recipient is refused.
    #[must_use]
    pub fn all_or_nothing(&self) -> bool {
        self.all_or_nothing
    }

    /// Sets whether nothing is sent when one recipient is refused; else the others get the message.
    pub fn set_all_or_nothing(&mut self, all_or_nothing: bool) {
        self.all_or_nothing = all_or_nothing;
    }

    /// How many connections `SendBulk` uses at once.
    #[must_use]
    pub fn max_connections(&self) -> usize {
        self.limits.connections.get()
    }

    /// Sets how many connections `SendBulk` uses at once; 1 at first. A message of [`Smtp::send`] has a connection of
    /// its own, on however many threads that is called.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `MaxConnections` when it is zero.
    pub fn set_max_connections(&mut self, connections: usize) -> Result<(), Error> {
        let error = || Error::input("MaxConnections", "is zero; give 1 or more");
        let connections = NonZeroUsize::new(connections).ok_or_else(error);
        self.limits.connections = connections.map_err(outcome::explain_input)?;
        Ok(())
    }

    /// How many messages one connection carries before it is ended; 0 for any number.
    #[must_use]
    pub fn max_messages_per_connection(&self) -> u64 {
        self.limits.messages_per_connection
    }

    /// Sets how many messages one connection carries; then it is ended with QUIT, and the next message has a new one.
    /// 0, as it is at first, means any number.
    pub fn set_max_messages_per_connection(&mut self, messages: u64) {
        self.limits.messages_per_connection = messages;
    }

    /// The most messages per second, when there is a limit.
    #[must_use]
    pub fn rate_limit(&self) -> Option<f64> {
        self.limits.rate
    }

    /// Sets the most messages per second; 0.5 is one in two seconds. It holds for all threads and tasks that send with
    /// this object or its clones: each message waits until its turn has come, before anything is connected to. `None`,
    /// as it is at first, means no limit.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `RateLimit` when it is no number above zero, or less than one message a day.
    pub fn set_rate_limit(&mut self, messages_per_second: Option<f64>) -> Result<(), Error> {
        if let Some(rate) = messages_per_second {
            rate::interval(rate).map_err(outcome::explain_input)?;
        }
        self.limits.rate = messages_per_second;
        Ok(())
    }

    /// Sends a message: composed and checked first, so that bad input reaches no server.
    ///
    /// # Errors
    /// When no recipient was accepted. [`Error::diagnosis`] says why and what to do; [`Error::recipients`] has an
    /// entry for each recipient when the transaction got that far.
    pub fn send(&self, message: &EmailMessage) -> Result<Report, Error> {
        self.send_with(message, &Cancel::new())
    }

    /// Like [`Smtp::send`], and `cancel` ends it from another thread.
    ///
    /// # Errors
    /// As [`Smtp::send`]; `ErrorKind::Cancelled` when it was cancelled.
    pub fn send_with(&self, message: &EmailMessage, cancel: &Cancel) -> Result<Report, Error> {
        on_this_thread(self.send_on(Runtime::Thread, message, cancel))
    }

    /// Sends a text or HTML message to one recipient with the defaults of everything else.
    ///
    /// # Errors
    /// As [`Smtp::send`].
    pub fn quick_send(
        server: &str,
        recipient: &str,
        from: &str,
        subject: &str,
        body: &str,
        format: BodyPartFormat,
    ) -> Result<Report, Error> {
        Self::new(server)?.send(&EmailMessage::quick(recipient, from, subject, body, format))
    }

    /// Opens a connection to the first server that answers, logs in, and keeps it for the next message.
    ///
    /// # Errors
    /// The failure of the last server, those of the others in [`Error::others`].
    pub fn connect(&self) -> Result<(), Error> {
        self.connect_with(&Cancel::new())
    }

    /// Like [`Smtp::connect`], and `cancel` ends it from another thread.
    ///
    /// # Errors
    /// As [`Smtp::connect`]; `ErrorKind::Cancelled` when it was cancelled.
    pub fn connect_with(&self, cancel: &Cancel) -> Result<(), Error> {
        on_this_thread(self.connect_on(Runtime::Thread, cancel))
    }

    /// Ends the kept connections with QUIT and waits for the answer. Without any, it does nothing.
    pub fn disconnect(&self) {
        self.disconnect_with(&Cancel::new());
    }

    /// Like [`Smtp::disconnect`], and `cancel` ends the waiting from another thread: the connections are closed all the
    /// same.
    pub fn disconnect_with(&self, cancel: &Cancel) {
        // It has no failure that anybody could act on.
        let _ = on_this_thread(self.disconnect_on(Runtime::Thread, cancel));
    }

    /// Whether a connection is kept for the next message.
    #[must_use]
    pub fn connected(&self) -> bool {
        !self.pool.is_empty()
    }

    /// Cancels every operation of this object and its clones that is under way, from any thread.
    pub fn cancel(&self) {
        self.pool.cancel();
    }

    /// Sends one command such as `VRFY postmaster` on the kept connection, or on a new one, and gives the reply,
    /// whatever its code is.
    ///
    /// # Errors
    /// `ErrorKind::Message` for a line that is no such command; else as [`Smtp::connect`].
    pub fn send_command(&self, line: &str) -> Result<Reply, Error> {
        self.send_command_with(line, &Cancel::new())
    }

    /// Like [`Smtp::send_command`], and `cancel` ends it from another thread.
    ///
    /// # Errors
    /// As [`Smtp::send_command`]; `ErrorKind::Cancelled` when it was cancelled.
    pub fn send_command_with(&self, line: &str, cancel: &Cancel) -> Result<Reply, Error> {
        on_this_thread(self.command_on(Runtime::Thread, line, cancel))
    }

    /// Forgets the servers, the log and all settings, and ends the kept connections.
    pub fn reset(&mut self) {
        self.disconnect();
        *self = Self::default();
    }

    /// The message as it would be sent, for `SaveMessage` and `ToBytes`.
    ///
    /// # Errors
    /// `ErrorKind::Message` naming the field that is not valid, `ErrorKind::FileIo` for a file.
    pub fn compose(&self, message: &EmailMessage) -> Result<Composed, Error> {
        let stamp = stamp(&self.default_domain);
        message.compose(&stamp, &Disk, Form::default()).map_err(outcome::explain_input)
    }
}
