//! A connection's bytes, in clear text or through TLS.

use std::io::{self, Read, Write};

use native_tls::TlsStream;

use super::{Runtime, Socket};

/// How many of the peer's first bytes are kept.
const HEARD: usize = 16;

/// A socket that remembers what the peer said first, to recognise plain text where TLS was expected.
#[derive(Debug)]
pub(crate) struct Tap {
    socket: Socket,
    heard: Vec<u8>,
}

impl Tap {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, heard: Vec::new() }
    }

    pub(crate) fn heard(&self) -> &[u8] {
        &self.heard
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        if self.heard.len() < HEARD {
            self.heard.extend(buffer[..count].iter().take(HEARD - self.heard.len()));
        }
        Ok(count)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stream of a session.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Socket),
    Tls(TlsStream<Tap>),
    /// Between the two, while a handshake owns the socket, and after a failed one.
    Gone,
}

impl Stream {
    pub(crate) fn socket(&self) -> io::Result<&Socket> {
        match self {
            Self::Plain(socket) => Ok(socket),
            Self::Tls(tls) => Ok(tls.get_ref().socket()),
            Self::Gone => Err(gone()),
        }
    }

    /// Goes on in another runtime than before, where it is another.
    pub(crate) fn move_to(&mut self, runtime: Runtime) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.move_to(runtime),
            Self::Tls(tls) => tls.get_mut().socket.move_to(runtime),
            Self::Gone => Err(gone()),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
            Self::Gone => Err(gone()),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
            Self::Gone => Err(gone()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection is closed")
}
