//! The driver: carries out what the engine asks for, on whichever runtime the session runs.

use std::{
    io, mem,
    net::SocketAddr,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Called, Certificate, Operation, Poller, Runtime, Socket, TlsConnector,
    cancel::cancelled,
    stream::Stream,
    tls::{self, Handshake},
};
use crate::{
    error::{Error, ErrorKind},
    os::socket::{Interest, Wait},
    protocol::{Engine, Event, Step},
    types::{Failure, Secret, Stage, TlsInfo},
};

/// Bytes read at a time: replies are short, and a connection should cost little.
const READ: usize = 4096;

/// What the driver needs from whoever runs a session.
pub(crate) trait Handler: Send {
    /// Something happened. A break ends the run for now: the next one goes on where it stopped.
    fn event(&mut self, event: Event) -> ControlFlow<()>;

    /// Appends the next piece of that transaction's message; whether more follows.
    fn body(&mut self, token: u64, piece: &mut Vec<u8>) -> Result<bool, Error>;

    /// Whether the next piece may be long in coming: a function of the program makes it.
    fn may_block(&self, token: u64) -> bool;

    /// How to get the access token for the login, or why there is none; `refresh` says that the server refused the
    /// one before. It may take long: the runtime decides where it is called.
    fn token(&mut self, refresh: bool) -> GetToken;

    /// The session is about to wait for the peer.
    fn before_wait(&mut self) {}
}

/// Gets an access token, or a sentence that says why there is none.
pub(crate) type GetToken = Box<dyn FnOnce() -> Result<Secret, String> + Send>;

/// An open connection and the session on it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// Boxed: a session is moved from pool to caller and back with every message, and this is most of it.
    engine: Box<Engine>,
    poller: Arc<Poller>,
    tls: Option<TlsInfo>,
    /// The client has shown a certificate of its own, or would have.
    has_certificate: bool,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    /// The piece of a message on its way from composer to engine.
    piece: Vec<u8>,
    /// What was read: one buffer for the life of the connection.
    heard: Vec<u8>,
}

/// What a handshake needs.
#[derive(Clone, Debug)]
pub(crate) struct TlsSetup<'a> {
    pub(crate) connector: &'a TlsConnector,
    pub(crate) name: &'a str,
    pub(crate) timeout: Duration,
}

impl Connection {
    pub(crate) fn new(socket: Socket, engine: Engine, poller: Arc<Poller>) -> Self {
        let (peer, local) = (socket.peer(), socket.local());
        Self {
            stream: Stream::Plain(socket),
            engine: Box::new(engine),
            poller,
            tls: None,
            has_certificate: false,
            peer,
            local,
            piece: Vec::new(),
            heard: vec![0; READ],
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub(crate) fn poller(&self) -> &Arc<Poller> {
        &self.poller
    }

    /// Goes on in that runtime, where it was in another before.
    pub(crate) fn move_to(&mut self, runtime: Runtime) -> io::Result<()> {
        if self.stream.socket()?.runtime() != runtime {
            self.stream.move_to(runtime)?;
            self.poller = runtime.poller().map(Arc::new)?;
        }
        Ok(())
    }

    pub(crate) fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Runs the session until nothing is outstanding, or it is over.
    pub(crate) async fn run(
        &mut self,
        setup: &TlsSetup<'_>,
        operation: &Operation<'_>,
        handler: &mut dyn Handler,
    ) {
        loop {
            let now = Instant::now();
            if let Err(error) = operation.check(now, self.engine.stage()) {
                self.engine.fail_after_input(error);
            }
            match self.engine.next(now) {
                Step::Event(event) => {
                    if handler.event(event).is_break() {
                        return;
                    }
                }
                Step::Output => self.write(operation, handler).await,
                Step::NeedInput => self.read(operation, handler).await,
                Step::Body(token) => {
                    self.give_body(token, operation, handler);
                    operation.runtime.breathe().await;
                }
                Step::StartTls => match self.start_tls(setup, operation).await {
                    Ok(()) => {
                        // A notice ends nothing.
                        let _ = handler.event(Event::Notice("TLS established.".to_owned()));
                        self.engine.tls_established();
                    }
                    Err(error) => self.engine.fail(self.refused_tls(error)),
                },
                Step::NeedToken { refresh } => {
                    handler.before_wait();
                    self.get_token(handler.token(refresh), operation).await;
                }
                Step::Idle | Step::Done => return handler.before_wait(),
            }
        }
    }

    /// The TLS handshake.
    pub(crate) async fn start_tls(
        &mut self,
        setup: &TlsSetup<'_>,
        operation: &Operation<'_>,
    ) -> Result<(), Error> {
        let Stream::Plain(socket) = mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(broken(Stage::StartTls, "TLS was started twice"));
        };
        let deadline = Instant::now().checked_add(setup.timeout);
        let mut handshake = setup.connector.begin(setup.name, socket)?;
        let mut stream = loop {
            match handshake {
                Handshake::Done(stream) => break stream,
                Handshake::Wait(mid) => {
                    let socket = mid.get_ref().socket();
                    let waited = self.poller.wait(socket, Interest::Read, operation.until(deadline)).await;
                    match waited.map_err(|source| lost(Stage::StartTls, &source))? {
                        Wait::Ready { .. } => handshake = setup.connector.resume(mid)?,
                        Wait::Woken => return Err(cancelled(Stage::StartTls)),
                        Wait::TimedOut => {
                            operation.check(Instant::now(), Stage::StartTls)?;
                            let text = "the server did not answer the TLS handshake in time";
                            return Err(Error::new(ErrorKind::Timeout, Stage::StartTls, text)
                                .with_failure(Failure::TlsFailed));
                        }
                    }
                }
            }
        };
        // Where the platform does not tell it, there is no channel binding, and mechanisms without it are used.
        self.engine.channel_binding(stream.tls_server_end_point().ok().flatten());
        self.has_certificate = setup.connector.options().client_certificate.is_some();
        self.tls = Some(setup.connector.established(&mut stream)?);
        self.stream = Stream::Tls(stream);
        Ok(())
    }

    /// What a failed handshake means. A server that offered STARTTLS and goes on in plain text is at the right port, and cannot
    /// do what it offers.
    fn refused_tls(&self, error: Error) -> Error {
        let offered = self.engine.capabilities().starttls;
        if offered && error.failure() == Some(Failure::TlsOnPlainPort) {
            return error.with_failure(Failure::TlsFailed);
        }
        error
    }

    async fn get_token(&mut self, get: GetToken, operation: &Operation<'_>) {
        let stage = self.engine.stage();
        match self.poller.call(get, operation.until(None)).await {
            // That may have taken long. Whoever cancelled meanwhile hears of that, not of a missing token.
            _ if operation.cancel.is_cancelled() => self.engine.fail(cancelled(stage)),
            Ok(Called::Done(token)) => self.engine.token(token),
            Ok(Called::Woken) => self.engine.fail(cancelled(stage)),
            // The operation's time is over, which the next step finds.
            Ok(Called::TimedOut) => {}
            Err(source) => self.engine.token(Err(source.to_string())),
        }
    }

    /// Goes on to where TLS would begin, and no further; whether it came there.
    pub(crate) async fn run_to_start_tls(&mut self, operation: &Operation<'_>) -> bool {
        loop {
            let now = Instant::now();
            if operation.check(now, self.engine.stage()).is_err() {
                return false;
            }
            match self.engine.next(now) {
                Step::Event(_) => {}
                Step::Output => self.write(operation, &mut Nobody).await,
                Step::NeedInput => self.read(operation, &mut Nobody).await,
                Step::StartTls => return true,
                Step::Body(_) | Step::NeedToken { .. } | Step::Idle | Step::Done => return false,
            }
        }
    }

    /// The server's certificate, once the session is encrypted.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        match &self.stream {
            Stream::Tls(stream) => tls::certificate_of(stream),
            Stream::Plain(_) | Stream::Gone => None,
        }
    }

    /// Whether an idle connection is still as it was: the server has neither closed nor spoken.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let waits = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        // A runtime may not have heard yet of what the system knows; what TLS holds the system does not know.
        self.stream.read(&mut self.heard).is_err_and(|error| waits(&error))
            && self.stream.socket().and_then(Socket::peek).is_err_and(|error| waits(&error))
    }

    /// Whether the peer says something, or closes, within `limit`.
    pub(crate) async fn is_readable_within(
        &mut self,
        limit: Duration,
        operation: &Operation<'_>,
    ) -> Result<bool, Error> {
        let deadline = operation.until(Instant::now().checked_add(limit));
        let waited = self.wait_until(Interest::Read, deadline).await;
        match waited.map_err(|source| lost(Stage::Connect, &source))? {
            Wait::Ready { .. } => Ok(true),
            Wait::TimedOut => operation.check(Instant::now(), Stage::Connect).map(|()| false),
            Wait::Woken => Err(cancelled(Stage::Connect)),
        }
    }

    /// Says QUIT without waiting for the answer: the session is not needed any more.
    pub(crate) fn say_goodbye(&mut self) {
        let idle = self.engine.is_open() && matches!(self.engine.next(Instant::now()), Step::Idle);
        if idle {
            let _ = self.stream.write(b"QUIT\r\n");
        }
    }

    fn give_body(&mut self, token: u64, operation: &Operation<'_>, handler: &mut dyn Handler) {
        // Where the network takes all at once, nothing waits that could be woken.
        if operation.cancel.is_cancelled() {
            return self.engine.body_abort(cancelled(Stage::Data));
        }
        self.piece.clear();
        let given = if handler.may_block(token) {
            operation.runtime.aside(|| handler.body(token, &mut self.piece))
        } else {
            handler.body(token, &mut self.piece)
        };
        match given {
            Ok(more) => {
                self.engine.body(&self.piece, more);
                if more {
                    // The server may have refused already: then nothing more is sent.
                    self.read_now();
                }
            }
            // A source that was waited for may have been told that nobody wants it any more.
            Err(_) if operation.cancel.is_cancelled() => self.engine.body_abort(cancelled(Stage::Data)),
            Err(error) => self.engine.body_abort(error),
        }
    }

    async fn write(&mut self, operation: &Operation<'_>, handler: &mut dyn Handler) {
        match self.stream.write(self.engine.output()) {
            Ok(count) => self.engine.written(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                handler.before_wait();
                // Reading too: a peer that is blocked writing replies would never read.
                if let Some(Wait::Ready { read: true, .. }) = self.wait(Interest::ReadWrite, operation).await
                {
                    self.read_now();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                // The server's last words say more than the error.
                self.read_now();
                let stage = self.engine.stage();
                self.engine.fail_after_input(lost(stage, &error));
            }
        }
    }

    async fn read(&mut self, operation: &Operation<'_>, handler: &mut dyn Handler) {
        // TLS may hold decrypted bytes that poll knows nothing of.
        if self.stream.is_tls() && self.read_now() {
            return;
        }
        handler.before_wait();
        if let Some(Wait::Ready { .. }) = self.wait(Interest::Read, operation).await {
            self.read_now();
        }
    }

    /// Reads what is there; whether anything was, the end included.
    fn read_now(&mut self) -> bool {
        match self.stream.read(&mut self.heard) {
            Ok(0) => self.engine.eof(),
            Ok(count) => self.engine.input(&self.heard[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return false;
            }
            Err(error) => {
                let stage = self.engine.stage();
                let refused =
                    tls::after_handshake(&error, self.has_certificate).filter(|_| self.stream.is_tls());
                self.engine.fail_after_input(refused.unwrap_or_else(|| lost(stage, &error)));
            }
        }
        true
    }

    /// Waits for the socket; `None` when the session has ended meanwhile.
    async fn wait(&mut self, interest: Interest, operation: &Operation<'_>) -> Option<Wait> {
        let stage = self.engine.stage();
        let deadline = operation.until(self.engine.deadline());
        match self.wait_until(interest, deadline).await {
            Ok(Wait::Woken) => self.engine.fail(cancelled(stage)),
            Ok(other) => return Some(other),
            Err(error) => self.engine.fail(lost(stage, &error)),
        }
        None
    }

    async fn wait_until(&mut self, interest: Interest, deadline: Option<Instant>) -> io::Result<Wait> {
        self.poller.wait(self.stream.socket()?, interest, deadline).await
    }
}

/// Runs a session that nobody looks at, and that sends nothing.
struct Nobody;

impl Handler for Nobody {
    fn event(&mut self, _event: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn body(&mut self, _token: u64, _piece: &mut Vec<u8>) -> Result<bool, Error> {
        Err(broken(Stage::Data, "a message was asked for and there is none"))
    }

    fn may_block(&self, _token: u64) -> bool {
        false
    }

    fn token(&mut self, _refresh: bool) -> GetToken {
        Box::new(|| Err("nobody logs in here".to_owned()))
    }
}

fn lost(stage: Stage, source: &io::Error) -> Error {
    Error::io(ErrorKind::Connect, stage, "the connection broke", source).with_failure(Failure::ConnectionLost)
}

fn broken(stage: Stage, text: &str) -> Error {
    Error::new(ErrorKind::Internal, stage, text)
}
