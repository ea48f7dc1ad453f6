//! The object itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Server,
    outcome::{self, Facts},
    pool::{Pool, Running},
    session::Session,
};
use crate::{
    error::{Error, ErrorKind},
    log::{LogFile, LogOptions, Logging, ProtocolLog},
    message::{BodyPartFormat, Composed, Date, EmailMessage, Form, Stamp},
    net::Cancel,
    os::{self, file::Disk},
    protocol::{Capabilities, Command, Outcome, Timeouts, check_helo_name},
    types::{Reply, Report, Stage},
};

/// Sends messages to the first of its servers that takes them.
///
/// It keeps its connection for the next message. A clone has its own settings from then on, and shares the kept
/// connections. It may be used from several threads at once; each message then uses a connection of its own.
///
/// Dropping the last clone ends the kept connections with QUIT, without waiting for the answer.
#[derive(Clone, Debug, Default)]
pub struct Smtp {
    servers: Vec<Server>,
    logging: Logging,
    default_domain: String,
    timeouts: Timeouts,
    all_or_nothing: bool,
    pool: Arc<Pool>,
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
        let Timeouts { connect, greeting, command, data_block, end_of_data } = timeouts;
        if [connect, greeting, command, data_block, end_of_data].contains(&Duration::ZERO) {
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
        let _running = self.pool.register(cancel);
        let started = Instant::now();
        self.check_servers()?;
        let stamp = stamp(&self.default_domain, message).map_err(outcome::explain_input)?;
        let compose = |form| message.compose(&stamp, &Disk, form).map_err(outcome::explain_input);
        // Composed for a session that takes everything; one that does not gets it once more, for what it takes.
        let mut composed = Some(compose(WIDEST)?);
        let mut failures: Vec<Error> = Vec::new();
        for server in &self.servers {
            // A message that was read once is composed again: its files start at their first byte.
            let composed = match composed.take() {
                Some(composed) => composed,
                None => match compose(WIDEST) {
                    Ok(composed) => composed,
                    // A stream that was read cannot be read again: the failure that began it all says more.
                    Err(error) => {
                        failures.push(error);
                        failures.rotate_right(1);
                        break;
                    }
                },
            };
            match self.send_to(server, composed, &compose, started, &failures, cancel) {
                Ok(report) => return Ok(report),
                Err(Attempt { error, next_server }) => {
                    failures.push(error);
                    if !next_server {
                        break;
                    }
                }
            }
        }
        Err(last_of(failures))
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
        let cancel = Cancel::new();
        let _running = self.pool.register(&cancel);
        self.check_servers()?;
        let session = self.any_session(&cancel)?;
        self.pool.put(session);
        Ok(())
    }

    /// Ends the kept connections with QUIT and waits for the answer. Without any, it does nothing.
    pub fn disconnect(&self) {
        let cancel = Cancel::new();
        let _running = self.pool.register(&cancel);
        for session in self.pool.drain() {
            session.quit(&cancel);
        }
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
        let command = Command::new(line).map_err(outcome::explain_input)?;
        let cancel = Cancel::new();
        let _running = self.pool.register(&cancel);
        self.check_servers()?;
        let mut session = self.any_session(&cancel)?;
        session.conversation.start_transcript();
        match session.command(&command, &cancel) {
            Ok(reply) => {
                self.pool.put(session);
                Ok(reply)
            }
            Err(error) => Err(outcome::explain(error, &session.server, Some(&session), Facts::NONE)),
        }
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
        stamp(&self.default_domain, message)
            .and_then(|stamp| message.compose(&stamp, &Disk, Form::default()))
            .map_err(outcome::explain_input)
    }

    /// Checks the settings of every server, before any is involved.
    pub(crate) fn check_servers(&self) -> Result<(), Error> {
        if self.servers.is_empty() {
            return Err(no_server());
        }
        let mut servers = self.servers.iter().enumerate();
        servers.try_for_each(|(index, server)| server.check(index)).map_err(outcome::explain_input)
    }

    /// A kept session to any of the servers, or a new one to the first that answers.
    fn any_session(&self, cancel: &Cancel) -> Result<Session, Error> {
        let mut failures = Vec::new();
        for server in &self.servers {
            match self.session(server, true, cancel) {
                Ok((session, _)) => return Ok(session),
                Err(Attempt { error, next_server }) => {
                    failures.push(error);
                    if !next_server {
                        break;
                    }
                }
            }
        }
        Err(last_of(failures))
    }

    /// A session to this server, and whether it had been kept.
    fn session(&self, server: &Server, may_reuse: bool, cancel: &Cancel) -> Result<(Session, bool), Attempt> {
        if may_reuse && let Some(mut session) = self.pool.take(server, &self.default_domain) {
            session.conversation.set_logging(&self.logging);
            return Ok((session, true));
        }
        let connector = self.pool.connector(server.tls_options());
        Session::open(server, &self.default_domain, self.timeouts, connector, self.logging.clone(), cancel)
            .map(|session| (session, false))
            .map_err(|(error, session)| {
                let next_server = lies_with_server(&error);
                Attempt {
                    error: outcome::explain(error, server, session.as_deref(), Facts::NONE),
                    next_server,
                }
            })
    }

    /// A session of its own, for a check: never one that was kept, and not kept either.
    pub(super) fn open_for_check(
        &self,
        server: &Server,
        timeouts: Timeouts,
        cancel: &Cancel,
    ) -> Result<Session, (Error, Option<Box<Session>>)> {
        let connector = self.pool.connector(server.tls_options());
        Session::open(server, &self.default_domain, timeouts, connector, self.logging.clone(), cancel)
    }

    /// Lets [`Smtp::cancel`] reach an operation, as long as the guard lives.
    pub(crate) fn register(&self, cancel: &Cancel) -> Running<'_> {
        self.pool.register(cancel)
    }

    fn send_to(
        &self,
        server: &Server,
        mut composed: Composed,
        compose: &dyn Fn(Form) -> Result<Composed, Error>,
        started: Instant,
        failures: &[Error],
        cancel: &Cancel,
    ) -> Result<Report, Attempt> {
        let mut may_reuse = true;
        loop {
            let (mut session, reused) = self.session(server, may_reuse, cancel)?;
            if reused {
                session.conversation.start_transcript();
            }
            let form = form_for(&composed, session.connection.engine().capabilities());
            if form != WIDEST {
                composed = match compose(form) {
                    Ok(composed) => composed,
                    Err(error) => {
                        self.pool.put(session);
                        return Err(Attempt { error, next_server: true });
                    }
                };
            }
            let result =
                session.send(&mut composed, self.all_or_nothing, cancel).map_err(|error| Attempt {
                    next_server: lies_with_server(&error),
                    error: outcome::explain(error, server, None, Facts::NONE),
                })?;
            let lost = session.connection.engine().error().is_some();
            let untouched = matches!(result.outcome, Outcome::NotDelivered { untouched: true, .. });
            if reused && lost && untouched && !cancel.is_cancelled() {
                // The server ended a connection that was idle: nothing of the message was accepted, so nobody
                // need know.
                may_reuse = false;
                continue;
            }
            let next_server = lost && untouched && session_failed(&result.outcome);
            let warnings = failures.iter().map(ToString::to_string).collect();
            let report = outcome::conclude(result, &composed, &mut session, started.elapsed(), warnings);
            if session.connection.engine().is_open() {
                self.pool.put(session);
            }
            return report.map_err(|error| Attempt { error, next_server });
        }
    }
}

/// What a session with every extension allows.
const WIDEST: Form = Form { eight_bit: true, utf8: true };

/// What this session allows of the form that the message has; what the message does not use does not matter.
fn form_for(composed: &Composed, offered: &Capabilities) -> Form {
    let utf8 = offered.smtputf8 || !composed.needs_utf8();
    Form { eight_bit: offered.eight_bit_mime || !composed.has_eight_bit(), utf8 }
}

/// A failed attempt with one server.
struct Attempt {
    error: Error,
    /// The fault is the server's or the way's, so that another server may do better.
    next_server: bool,
}

/// Whether a session that could not be opened says something about the server, and not about account or settings.
fn lies_with_server(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Dns | ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Timeout | ErrorKind::Proxy => true,
        ErrorKind::Protocol => error.stage() <= Stage::Ehlo || error.is_temporary(),
        ErrorKind::Authentication => error.is_temporary(),
        _ => false,
    }
}

/// The error of the last server tried, with those of the others.
fn last_of(mut failures: Vec<Error>) -> Error {
    failures.pop().unwrap_or_else(no_server).with_others(failures)
}

fn no_server() -> Error {
    outcome::explain_input(Error::input("SMTPServers", "is empty; add a server first"))
}

fn session_failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotDelivered { error, .. } if lies_with_server(error))
}

/// This machine's clock and randomness, for one message.
pub(super) fn stamp(domain: &str, message: &EmailMessage) -> Result<Stamp, Error> {
    let host = [domain, message.from.email.rsplit('@').next().unwrap_or_default()]
        .into_iter()
        .find(|name| !name.is_empty() && !name.starts_with('[') && check_helo_name(name, "").is_ok())
        .unwrap_or("localhost");
    Ok(Stamp {
        date: Date { unix_seconds: os::entropy::unix_seconds(), offset_minutes: 0 },
        random: os::entropy::random()?,
        host: host.to_owned(),
    })
}
