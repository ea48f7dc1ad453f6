//! A connection's bytes, in clear text or through TLS.

use std::{
    io::{self, Read, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use native_tls::TlsStream;

use super::{Runtime, Socket};

/// How many of the peer's bytes are kept during a handshake: its certificates and what comes behind them.
const HEARD: usize = 16 * 1024;

/// How many octets of TLS may come without any data in them: handshakes, changes of keys, tickets. A record of data has
/// 16 KiB at most, and another handshake with a long chain of certificates little more. A peer that sends them without end
/// would keep the library busy, which asks for more and more and comes back neither for a deadline nor for a cancel.
const MOST_WITHOUT_DATA: usize = 128 * 1024;

/// What the peer said during a handshake. Whoever began it keeps a copy: a handshake that fails drops its socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// What was heard so far, once.
    pub(crate) fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is no TLS: its records begin with a control character.
    fn is_plain_text(&self) -> bool {
        begins_as_plain_text(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, bytes: &[u8]) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = HEARD - heard.len().min(HEARD);
        heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Whether a peer that should speak TLS began with plain text: on every platform, whatever its library says.
pub(crate) fn begins_as_plain_text(heard: &[u8]) -> bool {
    heard.get(..4).is_some_and(|first| first.iter().all(|b| b.is_ascii_graphic() || *b == b' '))
}

/// A socket that remembers what the peer says until the handshake is over, and counts what comes of TLS alone.
#[derive(Debug)]
pub(crate) struct Tap {
    socket: Socket,
    heard: Option<Heard>,
    without_data: usize,
}

impl Tap {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, heard: Some(Heard::default()), without_data: 0 }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone().unwrap_or_default()
    }

    /// What the peer said in the handshake; nothing more is kept from now on.
    pub(crate) fn end_of_handshake(&mut self) -> Vec<u8> {
        self.heard.take().map(|heard| heard.take()).unwrap_or_default()
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.without_data > MOST_WITHOUT_DATA {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer sends nothing but TLS itself, without end",
            ));
        }
        let count = self.socket.read(buffer)?;
        self.without_data += count;
        if let Some(heard) = &self.heard {
            heard.push(&buffer[..count]);
            if heard.is_plain_text() {
                // The handshake has failed. The library reads a few bytes only; whoever sees the error wants the line.
                let mut line = [0; 256];
                let more = self.socket.read(&mut line).unwrap_or(0);
                heard.push(&line[..more]);
            }
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
            Self::Tls(tls) => {
                let read = tls.read(buffer);
                if matches!(read, Ok(1..)) {
                    tls.get_mut().without_data = 0;
                }
                read
            }
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
