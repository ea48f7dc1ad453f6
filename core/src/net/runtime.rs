//! What differs between the runtimes that a session runs on: how it waits, and where slow calls of the system go.
//!
//! Purpose: everything above this module is written once, as `async fn`, for the calling thread and for tokio.
//!
//! Policy: on the calling thread nothing is ever pending. What would suspend a task of tokio blocks there, inside
//! `poll`, with the same deadline and the same waker; so its futures are ready when they are polled first, and
//! [`on_this_thread`] is all the executor that they need. A value and not a type parameter says which runtime it is:
//! sessions of both are of one type, are kept in one pool, and are compiled once.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll},
    thread,
    time::Instant,
};

use super::Socket;
use crate::{
    error::{Error, ErrorKind},
    os::socket::{self, Interest, Wait, Waker},
    types::Stage,
};

/// Where a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// On the thread that calls, which waits.
    Thread,
    /// In a task of that tokio runtime.
    Tokio {
        /// Which it is.
        id: tokio::runtime::Id,
        /// It is an [`EventLoop`](super::EventLoop) of this library, where a task may block if it says so.
        ours: bool,
    },
}

/// How a call of the system ended.
#[derive(Debug)]
pub(crate) enum Called<T> {
    Done(T),
    TimedOut,
    Woken,
}

impl Runtime {
    /// The tokio runtime whose task calls.
    pub(crate) fn tokio() -> Result<Self, Error> {
        tokio::runtime::Handle::try_current()
            .map(|handle| Self::Tokio { id: handle.id(), ours: false })
            .map_err(|_| {
                let text = "an asynchronous call was made outside a tokio runtime; await it in a task of one";
                Error::new(ErrorKind::Internal, Stage::Compose, text)
            })
    }

    /// What waits for the sockets of one connection.
    pub(crate) fn poller(self) -> io::Result<Poller> {
        match self {
            Self::Thread => Waker::new().map(Poller::Thread),
            Self::Tokio { .. } => Ok(Poller::Tokio(super::tokio::Waker::default())),
        }
    }

    /// Takes a socket that never blocks over.
    pub(crate) fn attach(self, socket: socket2::Socket) -> io::Result<Socket> {
        match self {
            Self::Thread => Ok(Socket::Thread(socket)),
            Self::Tokio { .. } => super::tokio::Socket::attach(socket, self).map(Socket::Tokio),
        }
    }

    /// Lets other tasks run now and then while the network takes everything at once. `async` for tokio alone.
    pub(crate) async fn breathe(self) {
        if let Self::Tokio { .. } = self {
            tokio::task::coop::consume_budget().await;
        }
    }

    /// Makes a call that may block for long and has to be made here. In an event loop of this library the other tasks go
    /// on meanwhile; in a runtime of the program it is the program that chose to block there.
    pub(crate) fn aside<T>(self, call: impl FnOnce() -> T) -> T {
        match self {
            Self::Tokio { ours: true, .. } => tokio::task::block_in_place(call),
            _ => call(),
        }
    }
}

/// Waits for the sockets of one connection, and can be woken from another thread.
#[derive(Debug)]
pub(crate) enum Poller {
    Thread(Waker),
    Tokio(super::tokio::Waker),
}

impl Poller {
    /// Every wait from now on ends at once: a connection that was cancelled is never used again.
    pub(crate) fn wake(&self) {
        match self {
            Self::Thread(waker) => waker.wake(),
            Self::Tokio(waker) => waker.wake(),
        }
    }

    /// Waits for one socket.
    pub(crate) async fn wait(
        &self,
        socket: &Socket,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> io::Result<Wait> {
        match self {
            Self::Thread(waker) => socket::wait(socket.of_thread()?, interest, deadline, waker),
            Self::Tokio(waker) => waker.wait(socket.of_tokio()?, interest, deadline).await,
        }
    }

    /// Waits until one of several attempts to connect has ended; gives the indices of those that have. Without
    /// sockets it waits for the time. `None` when it was woken.
    pub(crate) async fn wait_any(
        &self,
        sockets: &[&Socket],
        deadline: Option<Instant>,
    ) -> io::Result<Option<Vec<usize>>> {
        match self {
            Self::Thread(waker) => {
                let sockets: Vec<_> = sockets.iter().map(|s| s.of_thread()).collect::<io::Result<_>>()?;
                socket::wait_any(&sockets, deadline, waker)
            }
            Self::Tokio(waker) => {
                let sockets: Vec<_> = sockets.iter().map(|s| s.of_tokio()).collect::<io::Result<_>>()?;
                waker.wait_any(&sockets, deadline).await
            }
        }
    }

    /// Makes a call that may take long and can't be interrupted, such as a name lookup, beside the session. When it
    /// is not waited for any more, it ends by itself.
    pub(crate) async fn call_beside<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
        deadline: Option<Instant>,
    ) -> io::Result<Called<T>> {
        match self {
            Self::Thread(waker) => on_another_thread(call, deadline, waker),
            Self::Tokio(waker) => waker.call_beside(call, deadline).await,
        }
    }

    /// Makes a call that may take long where the session runs: on the calling thread, which a callback of the program
    /// may expect; under tokio beside it, because a task must not block.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
        deadline: Option<Instant>,
    ) -> io::Result<Called<T>> {
        match self {
            Self::Thread(_) => {
                let answer = call();
                let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                Ok(if late { Called::TimedOut } else { Called::Done(answer) })
            }
            Self::Tokio(waker) => waker.call_beside(call, deadline).await,
        }
    }
}

/// Runs what runs on the calling thread, to its end.
pub(crate) fn on_this_thread<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match pin!(future).poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(result) => result,
        // Only a mistake in this crate can get here; it must not become a hang.
        Poll::Pending => {
            let text = "a call of the blocking interface was left waiting; please report it";
            Err(Error::new(ErrorKind::Internal, Stage::Command, text))
        }
    }
}

fn on_another_thread<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
    deadline: Option<Instant>,
    waker: &Waker,
) -> io::Result<Called<T>> {
    /// Tells of the end of the thread, however it ends.
    struct AtEnd(Arc<Waker>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.0.wake();
        }
    }
    let end = Arc::new(Waker::new()?);
    let at_end = AtEnd(Arc::clone(&end));
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("freesmtp-call".to_owned()).spawn(move || {
        let _at_end = at_end;
        // Nobody may be waiting any more.
        let _ = sender.send(call());
    })?;
    match socket::wait_for(&end, deadline, waker)? {
        Wait::Woken => Ok(Called::Woken),
        Wait::TimedOut => Ok(Called::TimedOut),
        Wait::Ready { .. } => receiver.recv().map(Called::Done).map_err(|_| ended_early()),
    }
}

/// The thread of a call ended without an answer.
pub(super) fn ended_early() -> io::Error {
    io::Error::other("the call ended without an answer")
}

#[cfg(test)]
mod tests {
    use std::{future, time::Duration};

    use super::*;

    #[test]
    fn the_executor_of_a_thread_runs_to_the_end_and_never_hangs() {
        assert_eq!(on_this_thread(future::ready(Ok(1))).unwrap(), 1);
        let error = on_this_thread(future::pending::<Result<(), Error>>()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }

    #[test]
    fn a_call_beside_answers_ends_in_time_and_is_left_when_woken() {
        let poller = Runtime::Thread.poller().unwrap();
        let beside = |call: Box<dyn FnOnce() -> i32 + Send>, deadline| {
            on_this_thread(async {
                let called = poller.call_beside(call, deadline).await;
                called.map_err(|e| Error::io(ErrorKind::Internal, Stage::Resolve, "", &e))
            })
        };
        assert!(matches!(beside(Box::new(|| 7), None), Ok(Called::Done(7))));
        // It waits for this test, so that it can't be done.
        let (_open, wait) = mpsc::channel::<i32>();
        let late = Instant::now().checked_add(Duration::from_millis(1));
        let stuck = Box::new(move || wait.recv().unwrap_or(0));
        assert!(matches!(beside(stuck, late), Ok(Called::TimedOut)));
        poller.wake();
        let (_open, wait) = mpsc::channel::<i32>();
        assert!(matches!(beside(Box::new(move || wait.recv().unwrap_or(0)), None), Ok(Called::Woken)));
        assert!(beside(Box::new(|| 7), None).is_ok());
    }
}
