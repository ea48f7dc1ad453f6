//! One connection to one server with its conversation: opened, used for transactions, kept or closed.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{Server, Token};
use crate::{
    error::{Error, ErrorKind},
    log::{Conversation, Logging},
    message::Composed,
    net::{self, Cancel, Connection, Handler, Target, TlsConnector, TlsOptions, TlsSetup},
    os::{self, socket::Waker},
    protocol::{Command, Config, Engine, Event, Outcome, Security, Timeouts, Transaction, TransactionResult},
    types::{Failure, Reply, Secret, Stage},
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
}

impl Session {
    /// Connects, greets, encrypts and logs in. An error comes with the session as far as it got, for the diagnosis.
    pub(super) fn open(
        server: &Server,
        domain: &str,
        timeouts: Timeouts,
        connector: Arc<TlsConnector>,
        logging: Logging,
        cancel: &Cancel,
    ) -> Result<Self, (Error, Option<Box<Self>>)> {
        let mut conversation = Conversation::new(logging);
        let port = server.effective_port();
        conversation.line(&match port {
            25 => format!("Connect to server. {}", server.name),
            port => format!("Connect to server. {} Port: {port}", server.name),
        });
        conversation.flush();
        let timeouts = server.timeouts(timeouts);
        let opened = Waker::new()
            .map(Arc::new)
            .map_err(|source| {
                Error::io(ErrorKind::Connect, Stage::Connect, "no wake-up channel could be opened", &source)
            })
            .and_then(|waker| {
                let _watch = cancel.watch(&waker);
                let target = target(server, timeouts.connect);
                net::connect(&target, &waker, cancel).map(|socket| (socket, waker))
            });
        let (socket, waker) = match opened {
            Ok(opened) => opened,
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
            helo_name: helo_name(domain, socket.local_addr().ok()),
            security,
            lmtp: false,
            credentials: server.credentials(),
            loopback: socket.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()),
            timeouts,
            disabled_extensions: server.disabled_extensions.clone(),
            host: server.name.clone(),
            port,
            mail_auth: server.mail_auth.clone(),
            certificate_checked: server.checks_certificate(),
            entropy,
            unix_seconds: os::entropy::unix_seconds(),
        });
        let mut session = Self {
            server: server.clone(),
            domain: domain.to_owned(),
            connection: Connection::new(socket, engine, Arc::clone(&waker)),
            conversation,
            connector,
            timeouts,
            mechanism: None,
        };
        let watch = cancel.watch(&waker);
        let begun =
            if security == Security::Implicit { session.encrypt() } else { session.await_greeting(cancel) };
        if let Err(error) = begun {
            session.connection.engine_mut().fail(error);
        }
        session.run(None);
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
    fn encrypt(&mut self) -> Result<(), Error> {
        let Self { server, connector, timeouts, connection, conversation, .. } = self;
        connection.start_tls(&setup(server, connector, *timeouts))?;
        conversation.line("TLS established.");
        Ok(())
    }

    /// A server that says nothing may wait for a TLS handshake: that is found out, not waited for.
    fn await_greeting(&mut self, cancel: &Cancel) -> Result<(), Error> {
        if SILENCE >= self.timeouts.greeting || self.connection.is_readable_within(SILENCE)? {
            return Ok(());
        }
        if speaks_tls(&self.server, cancel) {
            let text = "the server waits for a TLS handshake, and plain text was spoken";
            return Err(
                Error::new(ErrorKind::Tls, Stage::Connect, text).with_failure(Failure::PlainOnTlsPort)
            );
        }
        Ok(())
    }

    /// Sends one message. `untouched` results may be repeated on another connection.
    pub(super) fn send(
        &mut self,
        composed: &mut Composed,
        all_or_nothing: bool,
        cancel: &Cancel,
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
        let _watch = cancel.watch(self.connection.waker());
        self.connection.engine_mut().begin(transaction);
        let mut results = self.run(Some(composed)).results;
        match results.pop_front() {
            Some(result) => Ok(result),
            None => Err(self.connection.engine().error().cloned().unwrap_or_else(|| over(Stage::Mail))),
        }
    }

    /// Sends a command of the program and gives the reply.
    pub(super) fn command(&mut self, command: &Command, cancel: &Cancel) -> Result<Reply, Error> {
        let _watch = cancel.watch(self.connection.waker());
        self.connection.engine_mut().command(command);
        match self.run(None).reply {
            Some(reply) => Ok(reply),
            None => {
                let error = self.connection.engine().error().cloned().unwrap_or_else(|| over(Stage::Command));
                Err(self.complete(error))
            }
        }
    }

    /// Ends the session with QUIT and waits for the answer.
    pub(super) fn quit(mut self, cancel: &Cancel) {
        let _watch = cancel.watch(self.connection.waker());
        self.connection.engine_mut().quit();
        self.run(None);
        self.conversation.line("Disconnected.");
    }

    /// Whether the session can take another transaction.
    pub(super) fn is_usable(&mut self) -> bool {
        self.connection.engine().is_open() && self.connection.is_quiet()
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

    fn run<'a>(&'a mut self, composed: Option<&'a mut Composed>) -> Run<'a> {
        let Self { server, connector, timeouts, connection, conversation, mechanism, .. } = self;
        let token = &server.token;
        let mut run = Run { conversation, mechanism, token, composed, results: VecDeque::new(), reply: None };
        connection.run(&setup(server, connector, *timeouts), &mut run);
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

    fn token(&mut self, refresh: bool) -> Result<Secret, String> {
        self.token.get(refresh)
    }

    fn before_wait(&mut self) {
        self.conversation.flush();
    }
}

fn target(server: &Server, timeout: Duration) -> Target<'_> {
    Target { host: &server.name, port: server.effective_port(), local: server.local_end_point, timeout }
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
fn speaks_tls(server: &Server, cancel: &Cancel) -> bool {
    let Ok(waker) = Waker::new().map(Arc::new) else { return false };
    let _watch = cancel.watch(&waker);
    let Ok(socket) = net::connect(&target(server, SILENCE), &waker, cancel) else { return false };
    let options =
        TlsOptions { accept_invalid_certs: true, accept_invalid_hostnames: true, ..TlsOptions::default() };
    let connector = TlsConnector::new(options);
    let setup = TlsSetup { connector: &connector, name: server.certificate_name(), timeout: SILENCE };
    let engine = Engine::new(Config {
        helo_name: String::new(),
        security: Security::Implicit,
        lmtp: false,
        credentials: None,
        loopback: false,
        timeouts: Timeouts::all(SILENCE),
        disabled_extensions: Vec::new(),
        host: server.name.clone(),
        port: server.effective_port(),
        mail_auth: None,
        certificate_checked: false,
        // Nobody logs in here.
        entropy: [0; 32],
        unix_seconds: 0,
    });
    Connection::new(socket, engine, waker).start_tls(&setup).is_ok()
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
