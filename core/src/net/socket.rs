//! A connected socket, as the runtime that the session runs on knows it.

use std::{
    io::{self, Read, Write},
    mem::MaybeUninit,
    net::SocketAddr,
};

use socket2::SockRef;

use super::Runtime;
use crate::os;

/// A stream socket, TCP or Unix-domain, that never blocks.
#[derive(Debug)]
pub(crate) enum Socket {
    Thread(socket2::Socket),
    Tokio(super::tokio::Socket),
}

impl Socket {
    /// What it is to the operating system.
    fn system(&self) -> SockRef<'_> {
        match self {
            Self::Thread(socket) => SockRef::from(socket),
            Self::Tokio(socket) => socket.system(),
        }
    }

    /// How an attempt to connect ended.
    pub(crate) fn connected(&self) -> io::Result<()> {
        os::socket::connected(&self.system())
    }

    /// How many octets the system has, 1 for any number; 0 when the peer has closed.
    pub(crate) fn peek(&self) -> io::Result<usize> {
        self.system().peek(&mut [MaybeUninit::uninit()])
    }

    /// The peer's address; none for a Unix-domain socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.system().peer_addr().ok()?.as_socket()
    }

    /// The own address; none for a Unix-domain socket.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.system().local_addr().ok()?.as_socket()
    }

    /// Goes on in another runtime than before, where it is another.
    pub(crate) fn move_to(&mut self, runtime: Runtime) -> io::Result<()> {
        if self.runtime() != runtime {
            // A second handle of the same connection; the first one closes without ending it.
            *self = runtime.attach(self.system().try_clone()?)?;
        }
        Ok(())
    }

    pub(crate) fn runtime(&self) -> Runtime {
        match self {
            Self::Thread(_) => Runtime::Thread,
            Self::Tokio(socket) => socket.runtime(),
        }
    }

    pub(super) fn of_thread(&self) -> io::Result<&socket2::Socket> {
        match self {
            Self::Thread(socket) => Ok(socket),
            Self::Tokio(_) => Err(elsewhere()),
        }
    }

    pub(super) fn of_tokio(&self) -> io::Result<&super::tokio::Socket> {
        match self {
            Self::Tokio(socket) => Ok(socket),
            Self::Thread(_) => Err(elsewhere()),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Thread(socket) => socket.read(buffer),
            Self::Tokio(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Thread(socket) => os::socket::write(&SockRef::from(&*socket), bytes),
            Self::Tokio(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn elsewhere() -> io::Error {
    io::Error::other("the socket belongs to another runtime")
}
