//! A bulk whose messages are given to it, for callers whose source of messages cannot be an iterator.
//!
//! Where messages come from an event loop, or from the thread of an interpreter, the thread that waits for results may
//! not be the one that asks for messages. So both sides are calls here: whether a message is wanted, the message, and
//! the wait for results, each from any thread. [`super::Bulk`] is this with an iterator.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use super::{
    BulkResult,
    queue::Queue,
    supply::{self, BulkSupply},
};
use crate::{
    error::{Error, ErrorKind},
    message::EmailMessage,
    net::{Cancel, Runtime, on_this_thread},
    smtp::Smtp,
    types::Stage,
};

/// A bulk that takes its messages one by one; see [`Smtp::open_bulk`].
#[derive(Debug)]
pub struct OpenBulk {
    smtp: Smtp,
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    runtime: Runtime,
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
        Self { smtp: smtp.clone(), queue, threads: Mutex::default(), runtime }
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
    }

    /// Begins the lanes that are wanted, and waits for news; `Break` when there will be none.
    pub(super) async fn advance(&self, results: &mut VecDeque<BulkResult>) -> ControlFlow<()> {
        self.begin_lanes();
        let flow = self.queue.next(self.runtime, results).await;
        if flow.is_break() {
            self.join();
        }
        flow
    }

    fn begin_lanes(&self) {
        while self.queue.lane_begins() {
            self.begin_lane();
        }
    }

    fn begin_lane(&self) {
        let supply = BulkSupply::new(Arc::clone(&self.queue));
        let (smtp, runtime) = (self.smtp.clone(), self.runtime);
        let lane = async move {
            supply::run(&smtp, supply, runtime).await;
            Ok(())
        };
        match runtime {
            Runtime::Thread => {
                let thread = std::thread::Builder::new()
                    .name("freesmtp-bulk".to_owned())
                    .spawn(move || drop(on_this_thread(lane)));
                match thread {
                    Ok(thread) => self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread),
                    // The lane's supply was dropped, which says that it has ended.
                    Err(error) => self.queue.lane_failed(&no_thread(&error)),
                }
            }
            #[cfg(feature = "tokio")]
            Runtime::Tokio(_) => drop(tokio::spawn(lane)),
        }
    }

    /// Waits for the lanes to put their connections back.
    pub(super) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A lane that panicked has told so by the results of its messages.
            drop(thread.join());
        }
    }
}

impl Drop for OpenBulk {
    /// Does not wait: it may happen on the thread of an event loop.
    fn drop(&mut self) {
        self.queue.stop();
    }
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::io(ErrorKind::Internal, Stage::Connect, "no thread could be started for a connection", error)
}
