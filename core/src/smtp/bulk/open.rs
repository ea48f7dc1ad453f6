//! A bulk whose messages are given to it, for callers whose source of messages cannot be an iterator.
//!
//! Where messages come from an event loop, or from the thread of an interpreter, the thread that waits for results may
//! not be the one that asks for messages. So both sides are calls here: whether a message is wanted, the message, and
//! the wait for results, each from any thread. [`super::Bulk`] is this with an iterator.

use std::{
    collections::VecDeque,
    io,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    BulkResult,
    queue::Queue,
    supply::{self, BulkSupply},
};
use crate::{
    error::{Error, ErrorKind},
    message::EmailMessage,
    net::{Cancel, EventLoop, Runtime, on_this_thread},
    smtp::{BulkStatus, Smtp},
    types::Stage,
};

/// A bulk that takes its messages one by one; see [`Smtp::open_bulk`].
#[derive(Debug)]
pub struct OpenBulk {
    smtp: Smtp,
    queue: Arc<Queue>,
    /// Where the lanes run when the caller blocks; opened with the first of them.
    event_loop: Mutex<Option<EventLoop>>,
    /// How the caller waits.
    runtime: Runtime,
    /// How far it is, counted where somebody wants to hear it.
    status: Mutex<BulkStatus>,
}

impl Smtp {
    /// [`Smtp::send_bulk`] for a source of messages that is no iterator. As long as [`OpenBulk::wants_message`] says so,
    /// give one with [`OpenBulk::push`]; [`OpenBulk::close`] after the last; take results with [`OpenBulk::next`].
    #[must_use = "messages are sent while results are asked for"]
    pub fn open_bulk(&self) -> OpenBulk {
        OpenBulk::new(self, Runtime::Thread)
    }
}

impl OpenBulk {
    pub(super) fn new(smtp: &Smtp, runtime: Runtime) -> Self {
        let queue = Arc::new(Queue::new(smtp.max_connections(), Cancel::new()));
        Self { smtp: smtp.clone(), queue, event_loop: Mutex::default(), runtime, status: Mutex::default() }
    }

    /// Whether the next message is to be fetched now. After a `true` nobody is woken for another one, until
    /// [`OpenBulk::push`] gave it.
    #[must_use]
    pub fn wants_message(&self) -> bool {
        self.queue.ask()
    }

    /// Gives the next message, or the error that there is in its place, and answers with its place: they are counted
    /// from 0. `None` after [`OpenBulk::close`] or [`OpenBulk::cancel`]: it is not sent.
    pub fn push(&self, message: Result<EmailMessage, Error>) -> Option<usize> {
        self.queue.push(message)
    }

    /// No message will follow. Messages given later are not sent.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Ends it early: what waits is forgotten, what is under way is cancelled. [`OpenBulk::next`] gives the results of
    /// those, and then `None`.
    pub fn cancel(&self) {
        self.queue.stop();
    }

    /// Blocks until there are results, and gives them in the order in which they completed; without any when a message
    /// is wanted, or nothing was to be told after all. `None` after the last.
    ///
    /// One thread at a time may wait here, and no message leaves unless one does.
    pub fn next(&self) -> Option<VecDeque<BulkResult>> {
        let mut results = VecDeque::new();
        let advanced = on_this_thread(async { Ok(self.advance(&mut results).await) });
        match advanced {
            Ok(ControlFlow::Continue(())) => Some(results),
            // The runtime is this thread, which never leaves a wait unfinished.
            Ok(ControlFlow::Break(())) | Err(_) => None,
        }
    }

    /// The results that are ready, without waiting. It also sees to it that what was pushed is under way, so it is to be
    /// called before a source is asked that may be slow.
    pub fn ready(&self) -> VecDeque<BulkResult> {
        let mut results = VecDeque::new();
        self.look(&mut results);
        results
    }

    /// The same, in an empty `results`.
    pub(super) fn look(&self, results: &mut VecDeque<BulkResult>) {
        self.begin_lanes();
        self.queue.look(results);
        self.tell(results);
    }

    /// Begins the lanes that are wanted, and waits for news; `Break` when there will be none.
    pub(super) async fn advance(&self, results: &mut VecDeque<BulkResult>) -> ControlFlow<()> {
        self.begin_lanes();
        let advanced = self.queue.next(self.runtime, results).await;
        self.tell(results);
        advanced
    }

    /// Tells whoever listens of new results.
    fn tell(&self, results: &VecDeque<BulkResult>) {
        let Some(listener) = self.smtp.observers.bulk() else { return };
        for BulkResult { result, .. } in results {
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            status.total_sent += usize::from(result.is_ok());
            status.total_failed += usize::from(result.is_err());
            status.total_messages = self.queue.given();
            let now = *status;
            drop(status);
            listener(now);
        }
    }

    fn begin_lanes(&self) {
        while self.queue.lane_begins() {
            self.begin_lane();
        }
    }

    fn begin_lane(&self) {
        let supply = BulkSupply::new(Arc::clone(&self.queue));
        let smtp = self.smtp.clone();
        match self.runtime {
            Runtime::Thread => {
                let begun = self.on_event_loop(|event_loop| {
                    let runtime = event_loop.runtime();
                    event_loop
                        .spawn(async move { supply::run(smtp, supply, runtime, Runtime::Thread).await });
                });
                // The lane's supply was dropped, which says that it has ended.
                if let Err(error) = begun {
                    self.queue.lane_failed(&no_thread(&error));
                }
            }
            runtime @ Runtime::Tokio { .. } => {
                drop(tokio::spawn(async move { supply::run(smtp, supply, runtime, runtime).await }));
            }
        }
    }

    fn on_event_loop(&self, act: impl FnOnce(&EventLoop)) -> io::Result<()> {
        let mut event_loop = self.event_loop.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match event_loop.take() {
            Some(opened) => opened,
            None => EventLoop::open("freesmtp-bulk", self.smtp.max_connections())?,
        };
        act(event_loop.insert(opened));
        Ok(())
    }

    /// Waits for the lanes to put their connections back.
    pub(super) fn join(&self) {
        if self.runtime == Runtime::Thread {
            self.queue.await_end_of_lanes();
        }
    }
}

impl Drop for OpenBulk {
    /// Does not wait: it may happen on the thread of an event loop.
    fn drop(&mut self) {
        self.queue.stop();
    }
}

fn no_thread(error: &io::Error) -> Error {
    Error::io(ErrorKind::Internal, Stage::Connect, "no thread could be started for the connections", error)
}
