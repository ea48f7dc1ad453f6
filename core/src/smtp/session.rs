//! One connection to one server with its conversation: opened, used for transactions, kept or closed.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Server, Token, lane::Job, mail::Room, second_look};
use crate::{
    error::{Error, ErrorKind},
    log::{Conversation, Logging},
    net::{
        self, Connection, GetToken, Handler, Operation, Poller, Runtime, Socket, Target, TlsConnector,
        TlsSetup,
    },
    os,
    protocol::{Command, Config, Engine, Event, Outcome, Security, Timeouts, TransactionResult},
    types::{Failure, Reply, Stage},
};

/// How long a server may stay silent before it is asked, on a second connection, whether it expects TLS.
const SILENCE: Duration = Duration::from_secs(3);

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) server: Server,
    /// The EHLO name that the settings asked for; empty for the host's own.
    pub(super) domain: String,
    pub(super) connection: Connection,
    pub(super) conversation: Conversation,
    connector: Arc<TlsConnector>,
    timeouts: Timeouts,
    pub(super) mechanism: Option<&'static str>,
    /// How long it took to connect, the name service included.
    pub(super) connecting: Duration,
    /// Messages that were begun.
    pub(super) messages: u64,
    idle_since: Option<Instant>,
    /// What it takes in one transaction.
    pub(super) room: Room,
    /// It takes no further message, though it is open.
    pub(super) exhausted: bool,
}

impl Session {
    /// Connects, greets, encrypts and logs in. An error comes with the session as far as it got, for the diagnosis.
    pub(super) async fn open(
        server: &Server,
        domain: &str,
        timeouts: Timeouts,
        connector: Arc<TlsConnector>,
        logging: Logging,
        operation: &Operation<'_>,
    ) -> Result<Self, (Error, Option<Box<Self>>)> {
        let mut conversation = Conversation::new(logging);
        if let Err(error) = connector.prepare() {
            return Err((error, None));
        }
        conversation.line(&first_line(server));
        if let Some(proxy) = &server.proxy {
            conversation.line(&format!("Connect through proxy. {}", proxy.label()));
        }
        conversation.flush();
        let timeouts = server.timeouts(timeouts);
        let began = Instant::now();
        let (socket, poller) = match connect(server, timeouts.connect, operation).await {
            Ok(connected) => connected,
            Err(error) => {
                conversation.line(&sentence(error.message()));
                let error = error.with_transcript(conversation.transcript());
                return Err((error, None));
            }
        };
        let connecting = began.elapsed();
        let entropy = match os::entropy::random() {
            Ok(entropy) => entropy,
            Err(error) => return Err((error, None)),
        };
        let security = server.effective_security();
        let engine = Engine::new(Config {
            helo_name: helo_name(domain, socket.local()),
            security,
            lmtp: server.lmtp,
            credentials: server.credentials(),
            // Behind a proxy on this machine the server is on another one.
            loopback: server.proxy.is_none()
                && (server.unix_path().is_some()
                    || socket.peer().is_some_and(|peer| peer.ip().is_loopback())),
            timeouts,
            disabled_extensions: server.disabled_extensions.clone(),
            host: server.name.clone(),
            port: server.effective_port(),
            mail_auth: server.mail_auth.clone(),
            certificate_checked: server.checks_certificate(),
            entropy,
            unix_seconds: os::entropy::unix_seconds(),
        });
        let mut session = Self {
            server: server.clone(),
            domain: domain.to_owned(),
            connection: Connection::new(socket, engine, Arc::clone(&poller)),
            conversation,
            connector,
            timeouts,
            mechanism: None,
            connecting,
            messages: 0,
            idle_since: None,
            room: Room::default(),
            exhausted: false,
        };
        let watch = operation.watch(&poller);
        let begun = if security == Security::Implicit {
            session.encrypt(operation).await
        } else {
            session.await_greeting(operation).await
        };
        if let Err(error) = begun {
            session.connection.engine_mut().fail(error);
        }
        session.run(operation).await;
        drop(watch);
        match session.connection.engine().error().cloned() {
            None if session.connection.engine().is_open() => {
                session.room = Room::new(session.connection.engine().capabilities());
                Ok(session)
            }
            error => {
                let error = error.unwrap_or_else(|| over(Stage::Connect));
                let error = session.with_certificate(error, operation).await;
                Err((session.complete(error), Some(Box::new(session))))
            }
        }
    }

    /// Implicit TLS.
    async fn encrypt(&mut self, operation: &Operation<'_>) -> Result<(), Error> {
        let Self { server, connector, timeouts, connection, conversation, .. } = self;
        connection.start_tls(&setup(server, connector, *timeouts), operation).await?;
        conversation.line("TLS established.");
        Ok(())
    }

    /// A server that says nothing may wait for a TLS handshake: that is found out, not waited for.
    async fn await_greeting(&mut self, operation: &Operation<'_>) -> Result<(), Error> {
        if SILENCE >= self.timeouts.greeting || self.connection.is_readable_within(SILENCE, operation).await?
        {
            return Ok(());
        }
        if second_look::speaks_tls(&self.server, SILENCE, operation).await {
            let text = "the server waits for a TLS handshake, and plain text was spoken";
            return Err(
                Error::new(ErrorKind::Tls, Stage::Connect, text).with_failure(Failure::PlainOnTlsPort)
            );
        }
        Ok(())
    }

    /// Adds the facts of the server's certificate to an error that is about it: the platform's TLS does not give it away
    /// when it refuses it.
    async fn with_certificate(&mut self, error: Error, operation: &Operation<'_>) -> Error {
        if !net::asks_for_certificate(&error) {
            return error;
        }
        self.conversation.line("Connect once more, to read the certificate.");
        self.conversation.flush();
        let helo_name = helo_name(&self.domain, self.connection.local());
        let limit = self.timeouts.connect;
        match second_look::certificate(&self.server, &helo_name, limit, operation).await {
            Some(certificate) => {
                let now = os::entropy::unix_seconds();
                let name = self.server.certificate_name();
                net::with_certificate(&error, &certificate, name, now, self.connector.options())
            }
            None => error,
        }
    }

    /// Whether another message can be begun, so that it leaves without waiting for those under way.
    pub(super) fn has_room(&self) -> bool {
        !self.exhausted && self.connection.engine().has_room()
    }

    /// Ends the session with QUIT, and waits for nothing.
    pub(super) fn leave(&mut self) {
        self.connection.say_goodbye();
        self.connection.engine_mut().quit();
    }

    /// Whether it is open for another message.
    pub(super) fn takes_another(&self) -> bool {
        let engine = self.connection.engine();
        !self.exhausted && engine.is_open() && !engine.is_spent()
    }

    /// Goes on with the transactions under way until the next one has ended.
    pub(super) async fn deliver(
        &mut self,
        under_way: &mut VecDeque<Job<'_>>,
        operation: &Operation<'_>,
    ) -> Option<TransactionResult> {
        let _watch = operation.watch(self.connection.poller());
        let Self { server, connector, timeouts, connection, conversation, mechanism, .. } = self;
        let mut run = Run::new(conversation, mechanism, &server.token);
        run.under_way = under_way.make_contiguous();
        connection.run(&setup(server, connector, *timeouts), operation, &mut run).await;
        run.result
    }

    /// Sends a command of the program and gives the reply.
    pub(super) async fn command(
        &mut self,
        command: &Command,
        operation: &Operation<'_>,
    ) -> Result<Reply, Error> {
        let _watch = operation.watch(self.connection.poller());
        self.connection.engine_mut().command(command);
        match self.run(operation).await {
            Some(reply) => Ok(reply),
            None => {
                let error = self.connection.engine().error().cloned().unwrap_or_else(|| over(Stage::Command));
                Err(self.complete(error))
            }
        }
    }

    /// Ends the session with QUIT and waits for the answer.
    pub(super) async fn quit(mut self, operation: &Operation<'_>) {
        if self.connection.move_to(operation.runtime).is_err() {
            return;
        }
        let _watch = operation.watch(self.connection.poller());
        self.connection.engine_mut().quit();
        self.run(operation).await;
        self.conversation.line("Disconnected.");
    }

    /// The session is kept from now on.
    pub(super) fn rest(&mut self, now: Instant) {
        self.idle_since = Some(now);
    }

    /// How long it has been kept.
    pub(super) fn idle_for(&self, now: Instant) -> Duration {
        self.idle_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether the session can take another transaction, from now on in that runtime.
    pub(super) fn resume(&mut self, runtime: Runtime) -> bool {
        self.connection.engine().is_open()
            && self.connection.move_to(runtime).is_ok()
            && self.connection.is_quiet()
    }

    /// Adds to an error what the session knows of it.
    pub(super) fn complete(&mut self, error: Error) -> Error {
        if error.reply().is_none() && error.failure().is_some() {
            // What broke is no line of the conversation; the log says it in a sentence.
            self.conversation.line(&sentence(error.message()));
            self.conversation.flush();
        }
        error.with_transcript(self.conversation.transcript())
    }

    /// Runs until nothing is outstanding; gives the reply to the program's command.
    async fn run(&mut self, operation: &Operation<'_>) -> Option<Reply> {
        let Self { server, connector, timeouts, connection, conversation, mechanism, .. } = self;
        let mut run = Run::new(conversation, mechanism, &server.token);
        connection.run(&setup(server, connector, *timeouts), operation, &mut run).await;
        run.reply
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.say_goodbye();
    }
}

/// What one run of the session needs and yields.
struct Run<'a, 'm> {
    conversation: &'a mut Conversation,
    mechanism: &'a mut Option<&'static str>,
    token: &'a Token,
    under_way: &'a mut [Job<'m>],
    result: Option<TransactionResult>,
    reply: Option<Reply>,
}

impl<'a> Run<'a, '_> {
    fn new(
        conversation: &'a mut Conversation,
        mechanism: &'a mut Option<&'static str>,
        token: &'a Token,
    ) -> Self {
        Self { conversation, mechanism, token, under_way: &mut [], result: None, reply: None }
    }
}

impl Handler for Run<'_, '_> {
    fn event(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::Sent(line) => self.conversation.sent(&line),
            Event::Received(line) => self.conversation.received(&line),
            Event::Notice(line) => self.conversation.line(&line),
            Event::MessageSent(octets) => self.conversation.line(&format!("Message sent. {octets} bytes")),
            Event::LoggedIn(name) => *self.mechanism = Some(name),
            // The result says the same.
            Event::RecipientRefused { .. } => {}
            Event::Finished(result) => {
                if let Outcome::Unknown(error) = &result.outcome {
                    self.conversation.line(&sentence(error.message()));
                }
                self.result = Some(result);
                return ControlFlow::Break(());
            }
            Event::CommandReply(reply) => self.reply = Some(reply),
        }
        ControlFlow::Continue(())
    }

    fn body(&mut self, token: u64, piece: &mut Vec<u8>) -> Result<bool, Error> {
        let Some(job) = self.under_way.iter_mut().find(|job| job.is(token)) else {
            let text = "a message was asked for and there is none";
            return Err(Error::new(ErrorKind::Internal, Stage::Data, text));
        };
        let start = piece.len();
        let more = job.mail.read(piece)?;
        self.conversation.body(piece.get(start..).unwrap_or_default(), more);
        Ok(more)
    }

    fn may_block(&self, token: u64) -> bool {
        self.under_way.iter().any(|job| job.is(token) && job.mail.has_streams())
    }

    fn token(&mut self, refresh: bool) -> GetToken {
        let token = self.token.clone();
        Box::new(move || token.get(refresh))
    }

    fn before_wait(&mut self) {
        self.conversation.flush();
    }
}

/// Opens a connection; what waits for it belongs to it from then on.
pub(super) async fn connect(
    server: &Server,
    timeout: Duration,
    operation: &Operation<'_>,
) -> Result<(Socket, Arc<Poller>), Error> {
    let poller = operation.poller()?;
    let _watch = operation.watch(&poller);
    let target = Target { place: server.place(), timeout };
    let socket = match &server.proxy {
        Some(proxy) => net::connect_through(proxy, &target, &poller, operation).await,
        None => net::connect(&target, &poller, operation).await,
    }?;
    Ok((socket, poller))
}

/// The log's first line for a connection.
fn first_line(server: &Server) -> String {
    match (server.unix_path(), server.effective_port()) {
        (Some(path), _) => format!("Connect to server. {}", path.display()),
        (None, 25) => format!("Connect to server. {}", server.name),
        (None, port) => format!("Connect to server. {} Port: {port}", server.name),
    }
}

fn setup<'a>(server: &'a Server, connector: &'a TlsConnector, timeouts: Timeouts) -> TlsSetup<'a> {
    TlsSetup { connector, name: server.certificate_name(), timeout: timeouts.connect }
}

/// The argument of EHLO: as set, else this host's full name, else its address (RFC 5321 section 4.1.3).
fn helo_name(domain: &str, local: Option<std::net::SocketAddr>) -> String {
    if !domain.is_empty() {
        return domain.to_owned();
    }
    os::host::qualified_name().unwrap_or_else(|| match local {
        Some(std::net::SocketAddr::V6(address)) => format!("[IPv6:{}]", address.ip()),
        Some(std::net::SocketAddr::V4(address)) => format!("[{}]", address.ip()),
        None => "[127.0.0.1]".to_owned(),
    })
}

fn over(stage: Stage) -> Error {
    Error::new(ErrorKind::Connect, stage, "the session is over").with_failure(Failure::ConnectionLost)
}

/// An error's words as a sentence of the log.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
