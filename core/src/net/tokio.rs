//! Sockets and waits of a tokio runtime.
//!
//! The runtime's own sockets, not `AsyncFd`: they exist on every system. Reading and writing never wait; a wait polls
//! readiness, the time and the waker together, so that a session costs no task of its own.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
    time::Instant,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
    sync::Notify,
    task::spawn_blocking,
    time::{Sleep, sleep_until},
};

use super::{
    Runtime,
    runtime::{Called, ended_early},
};
use crate::os::{
    self,
    socket::{Interest, Wait},
};

/// A socket that a tokio runtime watches.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    runtime: Runtime,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

impl Socket {
    /// Lets the runtime of the calling task, which is `runtime`, watch a socket that never blocks.
    pub(super) fn attach(socket: socket2::Socket, runtime: Runtime) -> io::Result<Self> {
        #[cfg(unix)]
        if socket.local_addr()?.is_unix() {
            let stream = tokio::net::UnixStream::from_std(socket.into())?;
            return Ok(Self { stream: Stream::Unix(stream), runtime });
        }
        Ok(Self { stream: Stream::Tcp(TcpStream::from_std(socket.into())?), runtime })
    }

    pub(super) fn runtime(&self) -> Runtime {
        self.runtime
    }

    pub(super) fn system(&self) -> SockRef<'_> {
        match &self.stream {
            Stream::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Stream::Unix(stream) => SockRef::from(stream),
        }
    }

    /// Reads what is there. Not `try_read`: after a read that did not fill the buffer this one knows that nothing is left,
    /// so that the wait that follows is one, and not another read that finds nothing.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Whoever waits does so with a waker of its own.
        let context = &mut Context::from_waker(std::task::Waker::noop());
        let mut buffer = ReadBuf::new(buffer);
        let read = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, &mut buffer),
        };
        match read {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Not `try_write`: on a Unix-domain socket that may raise SIGPIPE.
        let write = || os::socket::write(&self.system(), bytes);
        match &self.stream {
            Stream::Tcp(stream) => stream.try_io(tokio::io::Interest::WRITABLE, write),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.try_io(tokio::io::Interest::WRITABLE, write),
        }
    }

    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.stream {
            Stream::Tcp(stream) => stream.poll_read_ready(context),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.poll_read_ready(context),
        }
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.stream {
            Stream::Tcp(stream) => stream.poll_write_ready(context),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.poll_write_ready(context),
        }
    }
}

/// Ends the waits of one connection from another task or thread.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    woken: AtomicBool,
    notify: Notify,
}

/// What ends a wait besides that which it is for.
enum End {
    TimedOut,
    Woken,
}

impl Waker {
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Waits for one socket.
    pub(super) async fn wait(
        &self,
        socket: &Socket,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> io::Result<Wait> {
        let ready = poll_fn(|context| {
            let read = socket.poll_read_ready(context)?.is_ready();
            let write = interest == Interest::ReadWrite && socket.poll_write_ready(context)?.is_ready();
            if read || write { Poll::Ready(Ok(Wait::Ready { read, write })) } else { Poll::Pending }
        });
        match self.until(ready, deadline).await {
            Ok(ready) => ready,
            Err(End::TimedOut) => Ok(Wait::TimedOut),
            Err(End::Woken) => Ok(Wait::Woken),
        }
    }

    /// Waits until one of several attempts to connect has ended.
    pub(super) async fn wait_any(
        &self,
        sockets: &[&Socket],
        deadline: Option<Instant>,
    ) -> io::Result<Option<Vec<usize>>> {
        let ended = poll_fn(|context| {
            let mut ended = Vec::new();
            for (index, socket) in sockets.iter().enumerate() {
                if socket.poll_write_ready(context)?.is_ready() {
                    ended.push(index);
                }
            }
            if ended.is_empty() { Poll::Pending } else { Poll::Ready(Ok(Some(ended))) }
        });
        match self.until(ended, deadline).await {
            Ok(ended) => ended,
            Err(End::TimedOut) => Ok(Some(Vec::new())),
            Err(End::Woken) => Ok(None),
        }
    }

    /// Makes a call that blocks on a thread that the runtime has for such calls.
    pub(super) async fn call_beside<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
        deadline: Option<Instant>,
    ) -> io::Result<Called<T>> {
        match self.until(spawn_blocking(call), deadline).await {
            Ok(Ok(answer)) => Ok(Called::Done(answer)),
            Ok(Err(_)) => Err(ended_early()),
            Err(End::TimedOut) => Ok(Called::TimedOut),
            Err(End::Woken) => Ok(Called::Woken),
        }
    }

    /// The future, unless the time comes or somebody wakes first.
    async fn until<T>(&self, future: impl Future<Output = T>, deadline: Option<Instant>) -> Result<T, End> {
        let mut future = pin!(future);
        // Made before the look at `woken`: a wake-up between the two is not missed.
        let mut notified = pin!(self.notify.notified());
        let mut time: std::pin::Pin<&mut Option<Sleep>> = pin!(deadline.map(|at| sleep_until(at.into())));
        poll_fn(|context| {
            if self.woken.load(Ordering::SeqCst) || notified.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(End::Woken));
            }
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            match time.as_mut().as_pin_mut() {
                Some(time) => time.poll(context).map(|()| Err(End::TimedOut)),
                None => Poll::Pending,
            }
        })
        .await
    }
}
