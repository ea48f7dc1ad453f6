//! What the object does with servers: each operation once, for whichever runtime it runs on.

use std::time::Instant;

use super::{
    Server, Smtp,
    outcome::{self, Facts},
    pool::{Kept, Running},
    rate,
    session::Session,
};
use crate::{
    error::{Error, ErrorKind},
    message::{Composed, Date, EmailMessage, Form, Stamp},
    net::{Cancel, Operation, Runtime},
    os::{self, file::Disk},
    protocol::{Capabilities, Command, Outcome, Timeouts, check_helo_name},
    types::{Reply, Report, Stage},
};

impl Smtp {
    /// [`Smtp::send`]: every server in turn until one has answered for the message.
    pub(super) async fn send_on(
        &self,
        runtime: Runtime,
        message: &EmailMessage,
        cancel: &Cancel,
    ) -> Result<Report, Error> {
        let _running = self.pool.register(cancel);
        let operation = Operation::new(runtime, cancel, self.timeouts.operation);
        let started = Instant::now();
        self.check_servers()?;
        let stamp = stamp(&self.default_domain, message).map_err(outcome::explain_input)?;
        let compose = |form| message.compose(&stamp, &Disk, form).map_err(outcome::explain_input);
        // Composed for a session that takes everything; one that does not gets it once more, for what it takes.
        let mut composed = Some(compose(WIDEST)?);
        self.await_turn(&operation).await?;
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
            match self.send_to(server, composed, &compose, started, &failures, &operation).await {
                Ok(report) => return Ok(report),
                Err(Attempt { error, next_server }) => {
                    failures.push(error);
                    if !next_server || operation.check(Instant::now(), Stage::Connect).is_err() {
                        break;
                    }
                }
            }
        }
        Err(last_of(failures))
    }

    /// [`Smtp::connect`].
    pub(super) async fn connect_on(&self, runtime: Runtime) -> Result<(), Error> {
        let cancel = Cancel::new();
        let _running = self.pool.register(&cancel);
        self.check_servers()?;
        let operation = Operation::new(runtime, &cancel, self.timeouts.operation);
        let session = self.any_session(&operation).await?;
        self.pool.put(session);
        Ok(())
    }

    /// [`Smtp::disconnect`].
    pub(super) async fn disconnect_on(&self, runtime: Runtime) -> Result<(), Error> {
        let cancel = Cancel::new();
        let _running = self.pool.register(&cancel);
        let operation = Operation::new(runtime, &cancel, self.timeouts.operation);
        for session in self.pool.drain() {
            session.quit(&operation).await;
        }
        Ok(())
    }

    /// [`Smtp::send_command`].
    pub(super) async fn command_on(&self, runtime: Runtime, line: &str) -> Result<Reply, Error> {
        let command = Command::new(line).map_err(outcome::explain_input)?;
        let cancel = Cancel::new();
        let _running = self.pool.register(&cancel);
        self.check_servers()?;
        let operation = Operation::new(runtime, &cancel, self.timeouts.operation);
        let mut session = self.any_session(&operation).await?;
        session.conversation.start_transcript();
        match session.command(&command, &operation).await {
            Ok(reply) => {
                self.pool.put(session);
                Ok(reply)
            }
            Err(error) => Err(outcome::explain(error, &session.server, Some(&session), Facts::NONE)),
        }
    }

    /// Checks the settings of every server, before any is involved.
    pub(crate) fn check_servers(&self) -> Result<(), Error> {
        if self.servers.is_empty() {
            return Err(no_server());
        }
        let mut servers = self.servers.iter().enumerate();
        servers.try_for_each(|(index, server)| server.check(index)).map_err(outcome::explain_input)
    }

    /// Waits for the message's turn, where `RateLimit` is set.
    async fn await_turn(&self, operation: &Operation<'_>) -> Result<(), Error> {
        let Some(rate) = self.limits.rate else { return Ok(()) };
        let now = Instant::now();
        let turn = self.pool.rate.turn(rate::interval(rate)?, now);
        if turn.at > now {
            // No connection exists yet.
            let waited = operation.sleep_until(turn.at, Stage::Compose).await;
            waited.map_err(outcome::explain_input)?;
        }
        turn.use_up();
        Ok(())
    }

    /// A kept session to any of the servers, or a new one to the first that answers.
    async fn any_session(&self, operation: &Operation<'_>) -> Result<Session, Error> {
        let mut failures = Vec::new();
        for server in &self.servers {
            match self.session(server, true, operation).await {
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

    /// A session to this server, and how it was kept, when it was. One that the server is likely to have dropped is
    /// tried with NOOP first.
    async fn session(
        &self,
        server: &Server,
        may_reuse: bool,
        operation: &Operation<'_>,
    ) -> Result<(Session, Option<Kept>), Attempt> {
        while may_reuse
            && let Some((mut session, kept)) = self.pool.take(server, &self.default_domain, operation.runtime)
        {
            session.conversation.set_logging(&self.logging);
            session.conversation.start_transcript();
            // What it answers does not matter, only that it does.
            if kept.doubtful && session.command(&Command::noop(), operation).await.is_err() {
                self.pool.was_dropped(server, kept);
                continue;
            }
            return Ok((session, Some(kept)));
        }
        let connector = self.pool.connector(server.tls_options());
        let logging = self.logging.clone();
        Session::open(server, &self.default_domain, self.timeouts, connector, logging, operation)
            .await
            .map(|session| (session, None))
            .map_err(|(error, session)| {
                let next_server = lies_with_server(&error);
                Attempt {
                    error: outcome::explain(error, server, session.as_deref(), Facts::NONE),
                    next_server,
                }
            })
    }

    /// A session of its own, for a check: never one that was kept, and not kept either.
    pub(super) async fn open_for_check(
        &self,
        server: &Server,
        timeouts: Timeouts,
        operation: &Operation<'_>,
    ) -> Result<Session, (Error, Option<Box<Session>>)> {
        let connector = self.pool.connector(server.tls_options());
        let logging = self.logging.clone();
        Session::open(server, &self.default_domain, timeouts, connector, logging, operation).await
    }

    /// Lets [`Smtp::cancel`] reach an operation, as long as the guard lives.
    pub(crate) fn register(&self, cancel: &Cancel) -> Running<'_> {
        self.pool.register(cancel)
    }

    /// Keeps a session for the next message, or ends it when it has carried as many as it may.
    fn keep(&self, session: Session) {
        let most = self.limits.messages_per_connection;
        if most == 0 || session.messages < most {
            self.pool.put(session);
        }
    }

    async fn send_to(
        &self,
        server: &Server,
        mut composed: Composed,
        compose: &(dyn Fn(Form) -> Result<Composed, Error> + Sync),
        started: Instant,
        failures: &[Error],
        operation: &Operation<'_>,
    ) -> Result<Report, Attempt> {
        let mut may_reuse = true;
        loop {
            let (mut session, kept) = self.session(server, may_reuse, operation).await?;
            let form = form_for(&composed, session.connection.engine().capabilities());
            if form != WIDEST {
                composed = match compose(form) {
                    Ok(composed) => composed,
                    Err(error) => {
                        self.keep(session);
                        return Err(Attempt { error, next_server: true });
                    }
                };
            }
            let sent = session.send(&mut composed, self.all_or_nothing, operation).await;
            let result = sent.map_err(|error| Attempt {
                next_server: lies_with_server(&error),
                error: outcome::explain(error, server, None, Facts::NONE),
            })?;
            let lost = session.connection.engine().error().is_some();
            let untouched = matches!(result.outcome, Outcome::NotDelivered { untouched: true, .. });
            if let (Some(kept), true, true) = (kept, lost && untouched, operation.goes_on()) {
                // The server ended a connection that was idle: nothing of the message was accepted, so nobody
                // need know.
                self.pool.was_dropped(server, kept);
                may_reuse = false;
                continue;
            }
            let next_server = lost && untouched && session_failed(&result.outcome);
            let warnings = failures.iter().map(ToString::to_string).collect();
            let report = outcome::conclude(result, &composed, &mut session, started.elapsed(), warnings);
            if session.connection.engine().is_open() {
                self.keep(session);
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
