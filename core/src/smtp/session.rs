//! One connection to one server with its conversation: opened, used for transactions, kept or closed.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Server, Token};
use crate::{
    error::{Error, ErrorKind},
    log::{Conversation, Logging},
    message::Composed,
    net::{
        self, Connection, GetToken, Handler, Operation, Poller, Runtime, Socket, Target, TlsConnector,
        TlsOptions, TlsSetup,
    },
    os,
    protocol::{Command, Config, Engine, Event, Outcome, Security, Timeouts, Transaction, TransactionResult},
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
    /// Messages that were begun.
    pub(super) messages: u64,
    idle_since: Option<Instant>,
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
        conversation.line(&first_line(server));
        conversation.flush();
        let timeouts = server.timeouts(timeouts);
        let (socket, poller) = match connect(server, timeouts.connect, operation).await {
            Ok(connected) => connected,
            Err(error) => {
                conversation.line(&sentence(error.message()));
                let error = error.with_transcript(conversation.transcript());
                return Err((error, None));
            }
        };
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
            loopback: server.unix_path().is_some()
                || socket.peer().is_some_and(|peer| peer.ip().is_loopback()),
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
            messages: 0,
            idle_since: None,
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
        session.run(None, operation).await;
        drop(watch);
        match session.connection.engine().error().cloned() {
            None if session.connection.engine().is_open() => Ok(session),
            error => {
                let error = error.unwrap_or_else(|| over(Stage::Connect));
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
        if speaks_tls(&self.server, operation).await {
            let text = "the server waits for a TLS handshake, and plain text was spoken";
            return Err(
                Error::new(ErrorKind::Tls, Stage::Connect, text).with_failure(Failure::PlainOnTlsPort)
            );
        }
        Ok(())
    }

    /// Sends one message. `untouched` results may be repeated on another connection.
    pub(super) async fn send(
        &mut self,
        composed: &mut Composed,
        all_or_nothing: bool,
        operation: &Operation<'_>,
    ) -> Result<TransactionResult, Error> {
        let transaction = Transaction {
            token: 0,
            reverse_path: composed.reverse_path().cloned(),
            forward_paths: composed.recipients().iter().map(|r| r.mailbox.clone()).collect(),
            size: composed.exact_size().unwrap_or(0),
            eight_bit: composed.has_eight_bit(),
            utf8: composed.needs_utf8(),
            binary: false,
            exact: false,
            all_or_nothing,
            mail_options: composed.options().clone(),
            rcpt_options: composed.rcpt_options(),
        };
        let _watch = operation.watch(self.connection.poller());
        self.messages += 1;
        self.connection.engine_mut().begin(transaction);
        let result = self.run(Some(composed), operation).await.results.pop_front();
        result.ok_or_else(|| self.connection.engine().error().cloned().unwrap_or_else(|| over(Stage::Mail)))
    }

    /// Sends a command of the program and gives the reply.
    pub(super) async fn command(
        &mut self,
        command: &Command,
        operation: &Operation<'_>,
    ) -> Result<Reply, Error> {
        let _watch = operation.watch(self.connection.poller());
        self.connection.engine_mut().command(command);
        match self.run(None, operation).await.reply {
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
        self.run(None, operation).await;
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

    async fn run<'a>(&'a mut self, composed: Option<&'a mut Composed>, operation: &Operation<'_>) -> Run<'a> {
        let Self { server, connector, timeouts, connection, conversation, mechanism, .. } = self;
        let token = &server.token;
        let mut run = Run { conversation, mechanism, token, composed, results: VecDeque::new(), reply: None };
        connection.run(&setup(server, connector, *timeouts), operation, &mut run).await;
        run
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.say_goodbye();
    }
}

/// What one run of the session needs and yields.
struct Run<'a> {
    conversation: &'a mut Conversation,
    mechanism: &'a mut Option<&'static str>,
    token: &'a Token,
    composed: Option<&'a mut Composed>,
    results: VecDeque<TransactionResult>,
    reply: Option<Reply>,
}

impl Handler for Run<'_> {
    fn event(&mut self, event: Event) {
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
                self.results.push_back(result);
            }
            Event::CommandReply(reply) => self.reply = Some(reply),
        }
    }

    fn body(&mut self, _token: u64, piece: &mut Vec<u8>) -> Result<bool, Error> {
        match &mut self.composed {
            Some(composed) => {
                let start = piece.len();
                let more = composed.read(piece)?;
                self.conversation.body(piece.get(start..).unwrap_or_default(), more);
                Ok(more)
            }
            None => {
                Err(Error::new(ErrorKind::Internal, Stage::Data, "a message was asked for and there is none"))
            }
        }
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
async fn connect(
    server: &Server,
    timeout: Duration,
    operation: &Operation<'_>,
) -> Result<(Socket, Arc<Poller>), Error> {
    let poller = operation.poller()?;
    let _watch = operation.watch(&poller);
    let target = Target { place: server.place(), timeout };
    let socket = net::connect(&target, &poller, operation).await?;
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

/// Whether the port answers a TLS handshake. The certificate does not matter for that, and nothing else is said.
async fn speaks_tls(server: &Server, operation: &Operation<'_>) -> bool {
    let Ok((socket, poller)) = connect(server, SILENCE, operation).await else { return false };
    let _watch = operation.watch(&poller);
    let options =
        TlsOptions { accept_invalid_certs: true, accept_invalid_hostnames: true, ..TlsOptions::default() };
    let connector = TlsConnector::new(options);
    let setup = TlsSetup { connector: &connector, name: server.certificate_name(), timeout: SILENCE };
    let engine = Engine::new(Config {
        helo_name: String::new(),
        security: Security::Implicit,
        credentials: None,
        loopback: false,
        timeouts: Timeouts::all(SILENCE),
        disabled_extensions: Vec::new(),
        host: server.name.clone(),
        port: server.effective_port(),
        lmtp: server.lmtp,
        mail_auth: None,
        certificate_checked: false,
        // Nobody logs in here.
        entropy: [0; 32],
        unix_seconds: 0,
    });
    Connection::new(socket, engine, poller).start_tls(&setup, operation).await.is_ok()
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
