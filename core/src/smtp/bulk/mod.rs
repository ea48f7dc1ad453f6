//! `SendBulk`: any number of messages over several connections.
//!
//! Purpose: messages come from an iterator as they are needed and leave over up to `MaxConnections` connections,
//! pipelined from one message into the next; each gives a result as it completes.
//!
//! Policy: the thread that asks for results is the one that asks the iterator for messages, so neither has to be
//! thread-safe. Each connection has a lane: a task of the program's tokio runtime, or of an event loop of the bulk's own
//! where the caller blocks. A second lane begins only when the first has opened its session: wrong settings or a wrong
//! password are tried once.

mod open;
mod queue;
mod supply;

use std::collections::VecDeque;

pub use self::open::OpenBulk;
use super::Smtp;
use crate::{
    error::Error,
    message::EmailMessage,
    net::{Runtime, on_this_thread},
    types::Report,
};

/// What came of one message of a bulk.
#[derive(Debug)]
pub struct BulkResult {
    /// The place of the message in the iterator, counted from 0.
    pub index: usize,
    /// As [`Smtp::send`] answers for it.
    pub result: Result<Report, Error>,
}

/// What [`Smtp::send_bulk`] takes: a message, or the error that there is in its place, which becomes its result.
pub trait BulkMessage {
    /// The message.
    ///
    /// # Errors
    /// Whatever went wrong in making it.
    fn into_message(self) -> Result<EmailMessage, Error>;
}

impl BulkMessage for EmailMessage {
    fn into_message(self) -> Result<EmailMessage, Error> {
        Ok(self)
    }
}

impl BulkMessage for Result<EmailMessage, Error> {
    fn into_message(self) -> Result<EmailMessage, Error> {
        self
    }
}

/// The results of a bulk, in the order in which they complete.
///
/// Nothing happens but when a result is asked for, or was not taken yet: some messages are kept ahead, so that no
/// connection waits for the caller. Dropped before its end, it cancels the messages that are under way.
#[derive(Debug)]
#[must_use = "messages are sent while results are asked for"]
pub struct Bulk<I> {
    messages: Option<I>,
    /// Results given back.
    given: usize,
    open: OpenBulk,
    /// Results that were taken from the queue and not given back yet.
    ready: VecDeque<BulkResult>,
}

impl Smtp {
    /// Sends any number of messages over up to [`Smtp::max_connections`] connections, pipelined from one message into
    /// the next, and gives a result for each as it completes, with the message's place. One failure never stops the
    /// others.
    ///
    /// Each result says what [`Smtp::send`] would say. A message that a lost connection left untouched is sent over
    /// another one; one whose outcome is unknown is not. When no session can be opened, the messages of the next
    /// seconds fail with the same error, without further attempts; after a refused login all do.
    ///
    /// ```no_run
    /// use freesmtp_core::{EmailMessage, Smtp};
    ///
    /// # fn main() -> Result<(), freesmtp_core::Error> {
    /// let mut smtp = Smtp::new("mail.example.com")?;
    /// smtp.set_max_connections(8)?;
    /// let messages = (1..=10_000).map(|n| {
    ///     EmailMessage::quick(&format!("user{n}@example.org"), "sender@example.com", "News", "Hello",
    ///         Default::default())
    /// });
    /// for sent in smtp.send_bulk(messages) {
    ///     match sent.result {
    ///         Ok(report) => println!("{}: {}", sent.index, report.reply),
    ///         Err(error) => println!("{}: {error}", sent.index),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_bulk<I>(&self, messages: I) -> Bulk<I::IntoIter>
    where
        I: IntoIterator,
        I::Item: BulkMessage,
    {
        self.bulk_on(Runtime::Thread, messages.into_iter())
    }

    /// [`Smtp::send_bulk`] for programs on tokio: the results are awaited with [`Bulk::next_async`].
    ///
    /// # Errors
    /// `ErrorKind::Internal` outside a tokio runtime.
    pub fn send_bulk_async<I>(&self, messages: I) -> Result<Bulk<I::IntoIter>, Error>
    where
        I: IntoIterator,
        I::Item: BulkMessage,
    {
        Ok(self.bulk_on(Runtime::tokio()?, messages.into_iter()))
    }

    fn bulk_on<I>(&self, runtime: Runtime, messages: I) -> Bulk<I> {
        Bulk {
            messages: Some(messages),
            given: 0,
            open: OpenBulk::new(self, runtime),
            ready: VecDeque::new(),
        }
    }
}

impl<I> Bulk<I>
where
    I: Iterator,
    I::Item: BulkMessage,
{
    /// The next result; `None` after the last. For a bulk of [`Smtp::send_bulk_async`].
    pub async fn next_async(&mut self) -> Option<BulkResult> {
        self.advance().await
    }

    async fn advance(&mut self) -> Option<BulkResult> {
        loop {
            if let Some(result) = self.ready.pop_front() {
                self.given += 1;
                return Some(result);
            }
            self.fill();
            if !self.ready.is_empty() {
                continue;
            }
            if self.open.advance(&mut self.ready).await.is_break() {
                return None;
            }
        }
    }

    /// Takes messages from the iterator while some are to be kept ahead and no result waits: the next message may be
    /// long in coming.
    fn fill(&mut self) {
        while let Some(messages) = self.messages.as_mut().filter(|_| self.open.wants_message()) {
            if let Some(message) = messages.next() {
                self.open.push(message.into_message());
                self.open.look(&mut self.ready);
                if !self.ready.is_empty() {
                    return;
                }
            } else {
                self.messages = None;
                self.open.close();
            }
        }
    }
}

impl<I> Iterator for Bulk<I>
where
    I: Iterator,
    I::Item: BulkMessage,
{
    type Item = BulkResult;

    /// Blocks until the next message has its result.
    fn next(&mut self) -> Option<BulkResult> {
        let advanced = on_this_thread(async { Ok(self.advance().await) });
        advanced.unwrap_or_else(|error| Some(BulkResult { index: self.given, result: Err(error) }))
    }
}

impl<I> Drop for Bulk<I> {
    fn drop(&mut self) {
        self.open.cancel();
        self.open.join();
    }
}
