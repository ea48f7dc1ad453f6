//! Sockets that never block: connecting, waiting until a time, being woken from another thread.
//!
//! Unix has poll(2), Windows has `WSAPoll`; rustix gives both under one name. What wakes a wait is a socket pair on
//! Unix and a UDP socket connected to itself on Windows, which has no socket pairs.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

#[cfg(unix)]
type WakeSocket = std::os::unix::net::UnixStream;
#[cfg(windows)]
type WakeSocket = std::net::UdpSocket;

/// Ends the waits of one connection from another thread.
#[derive(Debug)]
pub(crate) struct Waker {
    receiver: WakeSocket,
    sender: WakeSocket,
}

impl Waker {
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        let (receiver, sender) = WakeSocket::pair()?;
        sender.set_nonblocking(true)?;
        Ok(Self { receiver, sender })
    }

    #[cfg(windows)]
    pub(crate) fn new() -> io::Result<Self> {
        let receiver = WakeSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        receiver.connect(receiver.local_addr()?)?;
        let sender = receiver.try_clone()?;
        sender.set_nonblocking(true)?;
        Ok(Self { receiver, sender })
    }

    /// Every wait from now on returns at once: a connection that was cancelled is never used again.
    pub(crate) fn wake(&self) {
        // A full buffer means that it has been woken already.
        #[cfg(unix)]
        let _ = io::Write::write(&mut &self.sender, &[1]);
        #[cfg(windows)]
        let _ = self.sender.send(&[1]);
    }
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadWrite,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Something can be done: reading and writing say what.
    Ready { read: bool, write: bool },
    /// The time has come.
    TimedOut,
    /// Another thread woke it.
    Woken,
}

/// Waits for one socket.
pub(crate) fn wait(
    stream: &TcpStream,
    interest: Interest,
    deadline: Option<Instant>,
    waker: &Waker,
) -> io::Result<Wait> {
    let flags = match interest {
        Interest::Read => PollFlags::IN,
        Interest::ReadWrite => PollFlags::IN | PollFlags::OUT,
    };
    loop {
        let mut fds = [PollFd::new(stream, flags), PollFd::new(&waker.receiver, PollFlags::IN)];
        match poll(&mut fds, timeout(deadline).as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
            Ok(0) if deadline.is_some_and(|d| Instant::now() >= d) => return Ok(Wait::TimedOut),
            Ok(0) => continue,
            Ok(_) if !fds[1].revents().is_empty() => return Ok(Wait::Woken),
            Ok(_) => {
                let got = fds[0].revents();
                // An error or hang-up is told by the read or write that follows.
                let trouble = got.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
                return Ok(Wait::Ready {
                    read: trouble || got.contains(PollFlags::IN),
                    write: trouble || got.contains(PollFlags::OUT),
                });
            }
        }
    }
}

/// Waits until one of several attempts to connect has ended; gives the indices of those that have.
pub(crate) fn wait_any(
    sockets: &[&Socket],
    deadline: Option<Instant>,
    waker: &Waker,
) -> io::Result<Option<Vec<usize>>> {
    loop {
        let mut fds: Vec<PollFd<'_>> =
            sockets.iter().map(|socket| PollFd::new(*socket, PollFlags::OUT)).collect();
        fds.push(PollFd::new(&waker.receiver, PollFlags::IN));
        match poll(&mut fds, timeout(deadline).as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
            Ok(0) if deadline.is_some_and(|d| Instant::now() >= d) => return Ok(Some(Vec::new())),
            Ok(0) => continue,
            Ok(_) => {
                if fds.pop().is_some_and(|fd| !fd.revents().is_empty()) {
                    return Ok(None);
                }
                let ended = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
                return Ok(Some(ended.map(|(index, _)| index).collect()));
            }
        }
    }
}

fn timeout(deadline: Option<Instant>) -> Option<Timespec> {
    deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up to a millisecond: poll(2) would return just before the time again and again.
        let left = Duration::from_millis(u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX));
        let seconds = left.as_secs().min(86_400);
        Timespec { tv_sec: seconds.cast_signed(), tv_nsec: left.subsec_nanos().into() }
    })
}

/// Begins to connect, without waiting. `Ok` means begun or done; `wait_any` and `finish` tell how it ended.
pub(crate) fn start_connecting(address: SocketAddr, local: Option<SocketAddr>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Without it each small write after another waits for the peer's delayed ACK.
    socket.set_tcp_nodelay(true)?;
    if let Some(local) = local {
        socket.bind(&local.into())?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => Ok(socket),
        Err(error) if in_progress(&error) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// How the attempt ended.
pub(crate) fn finish_connecting(socket: Socket) -> io::Result<TcpStream> {
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(socket.into()),
    }
}

fn in_progress(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::WouldBlock {
        return true;
    }
    #[cfg(unix)]
    {
        error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
    }
    #[cfg(windows)]
    {
        // WSAEWOULDBLOCK
        error.raw_os_error() == Some(10035)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_woken_and_stays_woken() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let waker = Waker::new().unwrap();
        waker.wake();
        for _ in 0..2 {
            assert_eq!(wait(&stream, Interest::Read, None, &waker).unwrap(), Wait::Woken);
        }
    }

    #[test]
    fn a_wait_ends_at_its_time() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let waker = Waker::new().unwrap();
        assert_eq!(wait(&stream, Interest::Read, Some(Instant::now()), &waker).unwrap(), Wait::TimedOut);
    }
}
