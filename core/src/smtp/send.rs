//! What the object does with servers: each operation once, for whichever runtime it runs on.

use std::{borrow::Cow, time::Instant};

use super::{
    Server, Smtp,
    lane::{Job, Lane, Supply},
    mail::Mail,
    outcome::{self, Facts},
    pool::{Kept, Running},
    rate,
    session::Session,
};
use crate::{
    error::{Error, ErrorKind},
    message::{Date, EmailMessage, Stamp},
    net::{Cancel, Operation, Runtime},
    os,
    protocol::{Capabilities, Command, Timeouts, check_helo_name},
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
        let mail = Mail::new(self, Cow::Borrowed(message), started)?;
        self.await_turn(&operation).await?;
        let mut lane = Lane::new(self, operation);
        let mut single = Single(None);
        lane.deliver(Job::new(0, mail), &mut single).await;
        lane.close();
        single.0.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Internal, Stage::Mail, "the message had no result; please report it"))
        })
    }

    /// [`Smtp::connect`].
    pub(super) async fn connect_on(&self, runtime: Runtime, cancel: &Cancel) -> Result<(), Error> {
        let _running = self.pool.register(cancel);
        self.check_servers()?;
        let operation = Operation::new(runtime, cancel, self.timeouts.operation);
        let session = self.any_session(&operation).await?;
        self.pool.put(session);
        Ok(())
    }

    /// [`Smtp::disconnect`].
    pub(super) async fn disconnect_on(&self, runtime: Runtime, cancel: &Cancel) -> Result<(), Error> {
        let _running = self.pool.register(cancel);
        let operation = Operation::new(runtime, cancel, self.timeouts.operation);
        for session in self.pool.drain() {
            session.quit(&operation).await;
        }
        Ok(())
    }

    /// [`Smtp::send_command`].
    pub(super) async fn command_on(
        &self,
        runtime: Runtime,
        line: &str,
        cancel: &Cancel,
    ) -> Result<Reply, Error> {
        let command = Command::new(line).map_err(outcome::explain_input)?;
        self.ask_on(runtime, cancel, |_| Ok(command)).await
    }

    /// Sends the command that fits what the server offers, and gives the reply.
    pub(super) async fn ask_on(
        &self,
        runtime: Runtime,
        cancel: &Cancel,
        command: impl FnOnce(&Capabilities) -> Result<Command, Error>,
    ) -> Result<Reply, Error> {
        let _running = self.pool.register(cancel);
        self.check_servers()?;
        let operation = Operation::new(runtime, cancel, self.timeouts.operation);
        let mut session = self.any_session(&operation).await?;
        session.conversation.start_transcript();
        let answer = match command(session.connection.engine().capabilities()) {
            Ok(command) => session.command(&command, &operation).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(reply) => {
                self.pool.put(session);
                Ok(reply)
            }
            Err(error) => {
                let error = outcome::explain(error, &session.server, Some(&session), Facts::NONE);
                if session.connection.engine().is_open() {
                    self.pool.put(session);
                }
                Err(error)
            }
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

    /// Whether a message may be sent now, as far as `RateLimit` is concerned; its turn is then used up.
    pub(super) fn is_turn(&self) -> bool {
        let Some(interval) = self.limits.rate.and_then(|rate| rate::interval(rate).ok()) else { return true };
        let now = Instant::now();
        let turn = self.pool.rate().turn(interval, now);
        let is_now = turn.at <= now;
        if is_now {
            turn.use_up();
        }
        is_now
    }

    /// Waits for the message's turn, where `RateLimit` is set.
    pub(super) async fn await_turn(&self, operation: &Operation<'_>) -> Result<(), Error> {
        let Some(rate) = self.limits.rate else { return Ok(()) };
        let now = Instant::now();
        let turn = self.pool.rate().turn(rate::interval(rate)?, now);
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
    pub(super) async fn session(
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
}

/// One message, and its result.
struct Single(Option<Result<Report, Error>>);

impl<'m> Supply<'m> for Single {
    fn next(&mut self, _under_way: usize) -> Option<Job<'m>> {
        None
    }

    fn finished(&mut self, _index: usize, result: Result<Report, Error>) {
        self.0 = Some(result);
    }
}

/// A failed attempt with one server.
pub(super) struct Attempt {
    pub(super) error: Error,
    /// The fault is the server's or the way's, so that another server may do better.
    pub(super) next_server: bool,
}

/// Whether a session that could not be opened says something about the server, and not about account or settings.
pub(super) fn lies_with_server(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Dns | ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Timeout | ErrorKind::Proxy => true,
        ErrorKind::Protocol => error.stage() <= Stage::Ehlo || error.is_temporary(),
        ErrorKind::Authentication => error.is_temporary(),
        _ => false,
    }
}

/// The error of the last server tried, with those of the others.
pub(super) fn last_of(mut failures: Vec<Error>) -> Error {
    failures.pop().unwrap_or_else(no_server).with_others(failures)
}

fn no_server() -> Error {
    outcome::explain_input(Error::input("SMTPServers", "is empty; add a server first"))
}

/// This machine's clock and randomness, for one message.
pub(super) fn stamp(domain: &str) -> Stamp {
    let (seconds, nanoseconds) = os::entropy::unix_time();
    // Without one, it is the domain of `From`.
    let usable = !domain.is_empty() && !domain.starts_with('[') && check_helo_name(domain, "").is_ok();
    let host = if usable { domain } else { "" };
    Stamp { date: Date::utc(seconds), random: os::entropy::unique(nanoseconds), host: host.to_owned() }
}
