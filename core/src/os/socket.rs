//! Sockets that never block: connecting, waiting until a time, being woken from another thread.
//!
//! Unix has poll(2), Windows has `WSAPoll`; rustix gives both under one name. What wakes a wait is a socket pair on
//! Unix and a UDP socket connected to itself on Windows, which has no socket pairs.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Protocol, SockAddr, SockRef, Socket, Type};

use super::attention;

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
    socket: &Socket,
    interest: Interest,
    deadline: Option<Instant>,
    waker: &Waker,
) -> io::Result<Wait> {
    let flags = match interest {
        Interest::Read => PollFlags::IN,
        Interest::ReadWrite => PollFlags::IN | PollFlags::OUT,
    };
    let mut fds = [PollFd::new(socket, flags), PollFd::new(&waker.receiver, PollFlags::IN)];
    if !poll_until(&mut fds, deadline)? {
        return Ok(Wait::TimedOut);
    }
    if !fds[1].revents().is_empty() {
        return Ok(Wait::Woken);
    }
    let got = fds[0].revents();
    // An error or hang-up is told by the read or write that follows.
    let trouble = got.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    Ok(Wait::Ready {
        read: trouble || got.contains(PollFlags::IN),
        write: trouble || got.contains(PollFlags::OUT),
    })
}

/// Waits until one of several sockets can be written to, which is when an attempt to connect has ended; gives the
/// indices of those. Without sockets it waits for the time. `None` when it was woken.
pub(crate) fn wait_any(
    sockets: &[&Socket],
    deadline: Option<Instant>,
    waker: &Waker,
) -> io::Result<Option<Vec<usize>>> {
    let mut fds: Vec<PollFd<'_>> =
        sockets.iter().map(|socket| PollFd::new(*socket, PollFlags::OUT)).collect();
    fds.push(PollFd::new(&waker.receiver, PollFlags::IN));
    if poll_until(&mut fds, deadline)? && fds.pop().is_some_and(|fd| !fd.revents().is_empty()) {
        return Ok(None);
    }
    let ended = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
    Ok(Some(ended.map(|(index, _)| index).collect()))
}

/// Waits until `end` is woken: whether it was, before the time and before `waker`.
pub(crate) fn wait_for(end: &Waker, deadline: Option<Instant>, waker: &Waker) -> io::Result<Wait> {
    let mut fds = [PollFd::new(&end.receiver, PollFlags::IN), PollFd::new(&waker.receiver, PollFlags::IN)];
    Ok(match poll_until(&mut fds, deadline)? {
        false => Wait::TimedOut,
        true if !fds[1].revents().is_empty() => Wait::Woken,
        true => Wait::Ready { read: true, write: false },
    })
}

/// poll(2) until something happened, `true`, or the time has come, `false`. Whoever looks after the thread is asked on the way.
fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    let look = attention::look();
    loop {
        let next_look = look.as_ref().and_then(|_| Instant::now().checked_add(attention::INTERVAL));
        let until = [deadline, next_look].into_iter().flatten().min();
        match poll(fds, timeout(until).as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => return Ok(true),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        if let Some(look) = &look {
            look();
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

/// The address of a Unix-domain socket; the error says what is wrong with the path, or that this system has none.
pub(crate) fn path_address(path: &Path) -> io::Result<SockAddr> {
    if cfg!(windows) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this system has no Unix-domain sockets; give a host name",
        ));
    }
    SockAddr::unix(path)
}

/// Begins to connect, without waiting. `Ok` means begun or done; `wait_any` and `connected` tell how it ended.
pub(crate) fn start_connecting(address: &SockAddr, local: Option<SocketAddr>) -> io::Result<Socket> {
    let protocol = (!address.is_unix()).then_some(Protocol::TCP);
    let socket = Socket::new(address.domain(), Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    if !address.is_unix() {
        // Without it each small write after another waits for the peer's delayed ACK.
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(local) = local {
        socket.bind(&local.into())?;
    }
    match socket.connect(address) {
        Ok(()) => Ok(socket),
        // A Unix-domain socket is connected at once, or its server's queue is full.
        Err(error) if !address.is_unix() && in_progress(&error) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// How the attempt ended.
pub(crate) fn connected(socket: &SockRef<'_>) -> io::Result<()> {
    socket.take_error()?.map_or(Ok(()), Err)
}

/// Writes; a peer that is gone is an error, never a signal that ends the program.
pub(crate) fn write(socket: &SockRef<'_>, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(any(windows, target_vendor = "apple"))]
    const NO_SIGNAL: i32 = 0; // Windows has no signals; Apple's sockets were told when they were made.
    #[cfg(not(any(windows, target_vendor = "apple")))]
    const NO_SIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits().cast_signed();
    socket.send_with_flags(bytes, NO_SIGNAL)
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
    use std::{cell::Cell, rc::Rc, sync::Arc};

    use super::*;

    fn connected_pair() -> (std::net::TcpListener, Socket) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener, stream.into())
    }

    #[test]
    fn a_wait_ends_when_woken_and_stays_woken() {
        let (_listener, socket) = connected_pair();
        let waker = Waker::new().unwrap();
        waker.wake();
        for _ in 0..2 {
            assert_eq!(wait(&socket, Interest::Read, None, &waker).unwrap(), Wait::Woken);
            assert_eq!(wait_any(&[&socket], None, &waker).unwrap(), None);
        }
    }

    #[test]
    fn a_wait_ends_at_its_time() {
        let (_listener, socket) = connected_pair();
        let waker = Waker::new().unwrap();
        let now = Some(Instant::now());
        assert_eq!(wait(&socket, Interest::Read, now, &waker).unwrap(), Wait::TimedOut);
        assert_eq!(wait_for(&Waker::new().unwrap(), now, &waker).unwrap(), Wait::TimedOut);
        assert_eq!(wait_any(&[], now, &waker).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn a_wait_lets_others_look_and_goes_on() {
        let (_listener, socket) = connected_pair();
        let waker = Arc::new(Waker::new().unwrap());
        let looks = Rc::new(Cell::new(0));
        let (counted, woken) = (Rc::clone(&looks), Arc::clone(&waker));
        let look = move || {
            counted.set(counted.get() + 1);
            if counted.get() == 3 {
                woken.wake();
            }
        };
        let waited = attention::attend(look, || wait(&socket, Interest::Read, None, &waker));
        assert_eq!((waited.unwrap(), looks.get()), (Wait::Woken, 3));
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_domain_socket_connects_at_once_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let address = path_address(&path).unwrap();
        assert_eq!(start_connecting(&address, None).unwrap_err().kind(), io::ErrorKind::NotFound);
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let socket = start_connecting(&address, None).unwrap();
        connected(&SockRef::from(&socket)).unwrap();
        assert!(path_address(Path::new(&"x".repeat(200))).is_err());
    }
}
