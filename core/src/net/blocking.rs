//! The blocking driver: carries out what the engine asks for, on a socket that never blocks for longer than asked.

use std::{
    io, mem,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    TlsConnector,
    cancel::cancelled,
    stream::Stream,
    tls::{self, Handshake},
};
use crate::{
    error::{Error, ErrorKind},
    os::socket::{Interest, Wait, Waker, wait},
    protocol::{Engine, Event, Step},
    types::{Failure, Secret, Stage, TlsInfo},
};

/// Bytes read at a time: replies are short, and a connection should cost little.
const READ: usize = 4096;

/// What the driver needs from whoever runs a session.
pub(crate) trait Handler {
    /// Something happened.
    fn event(&mut self, event: Event);

    /// Appends the next piece of that transaction's message; whether more follows.
    fn body(&mut self, token: u64, piece: &mut Vec<u8>) -> Result<bool, Error>;

    /// The access token for the login, or why there is none; `refresh` says that the server refused the one before.
    fn token(&mut self, refresh: bool) -> Result<Secret, String>;

    /// The session is about to wait for the peer.
    fn before_wait(&mut self) {}
}

/// An open connection and the session on it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    engine: Engine,
    waker: Arc<Waker>,
    tls: Option<TlsInfo>,
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
    pub(crate) fn new(socket: TcpStream, engine: Engine, waker: Arc<Waker>) -> Self {
        let (peer, local) = (socket.peer_addr().ok(), socket.local_addr().ok());
        Self {
            stream: Stream::Plain(socket),
            engine,
            waker,
            tls: None,
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

    pub(crate) fn waker(&self) -> &Arc<Waker> {
        &self.waker
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
    pub(crate) fn run(&mut self, setup: &TlsSetup<'_>, handler: &mut dyn Handler) {
        loop {
            match self.engine.next(Instant::now()) {
                Step::Event(event) => handler.event(event),
                Step::Output => self.write(handler),
                Step::NeedInput => self.read(handler),
                Step::Body(token) => self.give_body(token, handler),
                Step::StartTls => match self.start_tls(setup) {
                    Ok(()) => {
                        handler.event(Event::Notice("TLS established.".to_owned()));
                        self.engine.tls_established();
                    }
                    Err(error) => self.engine.fail(error),
                },
                Step::NeedToken { refresh } => {
                    handler.before_wait();
                    let token = handler.token(refresh);
                    // That may have taken long. Whoever cancelled meanwhile hears of that, not of a missing token.
                    match self.wait_until(Interest::Read, Some(Instant::now())) {
                        Ok(Wait::Woken) => self.engine.fail(cancelled(self.engine.stage())),
                        _ => self.engine.token(token),
                    }
                }
                Step::Idle | Step::Done => return handler.before_wait(),
            }
        }
    }

    /// The TLS handshake.
    pub(crate) fn start_tls(&mut self, setup: &TlsSetup<'_>) -> Result<(), Error> {
        let Stream::Plain(socket) = mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(broken(Stage::StartTls, "TLS was started twice"));
        };
        let deadline = Instant::now().checked_add(setup.timeout);
        let mut handshake = setup.connector.begin(setup.name, socket)?;
        let stream = loop {
            match handshake {
                Handshake::Done(stream) => break stream,
                Handshake::Wait(mid) => {
                    let waited = wait(mid.get_ref().socket(), Interest::Read, deadline, &self.waker);
                    match waited.map_err(|source| lost(Stage::StartTls, &source))? {
                        Wait::Ready { .. } => handshake = tls::resume(mid)?,
                        Wait::Woken => return Err(cancelled(Stage::StartTls)),
                        Wait::TimedOut => {
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
        self.stream = Stream::Tls(stream);
        self.tls = Some(TlsInfo::default());
        Ok(())
    }

    /// Whether an idle connection is still as it was: the server has neither closed nor spoken.
    pub(crate) fn is_quiet(&mut self) -> bool {
        matches!(self.stream.read(&mut self.heard), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether the peer says something, or closes, within `limit`.
    pub(crate) fn is_readable_within(&self, limit: Duration) -> Result<bool, Error> {
        let deadline = Instant::now().checked_add(limit);
        let waited = self.wait_until(Interest::Read, deadline);
        match waited.map_err(|source| lost(Stage::Connect, &source))? {
            Wait::Ready { .. } => Ok(true),
            Wait::TimedOut => Ok(false),
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

    fn give_body(&mut self, token: u64, handler: &mut dyn Handler) {
        self.piece.clear();
        match handler.body(token, &mut self.piece) {
            Ok(more) => {
                self.engine.body(&self.piece, more);
                if more {
                    // The server may have refused already: then nothing more is sent.
                    self.read_now();
                }
            }
            Err(error) => self.engine.body_abort(error),
        }
    }

    fn write(&mut self, handler: &mut dyn Handler) {
        match self.stream.write(self.engine.output()) {
            Ok(count) => self.engine.written(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                handler.before_wait();
                // Reading too: a peer that is blocked writing replies would never read.
                if let Some(Wait::Ready { read: true, .. }) = self.wait(Interest::ReadWrite) {
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

    fn read(&mut self, handler: &mut dyn Handler) {
        // TLS may hold decrypted bytes that poll knows nothing of.
        if self.stream.is_tls() && self.read_now() {
            return;
        }
        handler.before_wait();
        if let Some(Wait::Ready { .. }) = self.wait(Interest::Read) {
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
                self.engine.fail_after_input(lost(stage, &error));
            }
        }
        true
    }

    /// Waits for the socket; `None` when the session has ended meanwhile.
    fn wait(&mut self, interest: Interest) -> Option<Wait> {
        let stage = self.engine.stage();
        match self.wait_until(interest, self.engine.deadline()) {
            Ok(Wait::Woken) => self.engine.fail(cancelled(stage)),
            Ok(other) => return Some(other),
            Err(error) => self.engine.fail(lost(stage, &error)),
        }
        None
    }

    fn wait_until(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<Wait> {
        self.stream.socket().and_then(|socket| wait(socket, interest, deadline, &self.waker))
    }
}

fn lost(stage: Stage, source: &io::Error) -> Error {
    Error::io(ErrorKind::Connect, stage, "the connection broke", source).with_failure(Failure::ConnectionLost)
}

fn broken(stage: Stage, text: &str) -> Error {
    Error::new(ErrorKind::Internal, stage, text)
}
