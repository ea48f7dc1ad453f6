//! Messages one behind the other over one session at a time, each result kept before the next message leaves.
//!
//! Purpose: a program that must be able to say after a crash which messages were sent keeps each result, on a disk, before
//! it sends the next message; so that at most one message of a session has to be sent again. That need not cost a round
//! trip: here the envelope of the next message leaves with the end of the one before, and the message itself once the
//! program asks for the next result.

use std::{borrow::Cow, time::Instant};

use super::{
    Smtp,
    lane::{Job, Lane, Told},
    mail::Mail,
    pool::Running,
};
use crate::{
    error::Error,
    message::EmailMessage,
    net::{Cancel, Operation, Runtime},
    types::Report,
};

/// Sends messages one behind the other; see [`Smtp::sequence`].
#[must_use = "messages are sent while results are asked for"]
pub struct Sequence<'a> {
    smtp: &'a Smtp,
    lane: Lane<'a, 'static>,
    _running: Running<'a>,
}

/// What came of one message of a sequence.
#[derive(Debug)]
pub struct SequenceResult {
    /// The number that the caller gave it.
    pub index: usize,
    /// As [`Smtp::send`] answers for it.
    pub result: Result<Report, Error>,
    /// No session could be opened for it, and `result` says why: no server has heard of it.
    pub unopened: bool,
}

impl Smtp {
    /// A sequence of messages, over one session at a time, for programs on tokio that keep each result before the next
    /// message leaves. `RateLimit` is the caller's affair here.
    ///
    /// Nothing is sent but while [`Sequence::next`] is awaited, and nothing of a message before the results of those before
    /// it were given back. Only its envelope may leave sooner, when it was pushed in time: while [`Sequence::has_room`].
    ///
    /// ```no_run
    /// use freesmtp_core::{Cancel, EmailMessage, Error, Smtp};
    ///
    /// # async fn example(smtp: Smtp, messages: Vec<EmailMessage>, keep: impl Fn(usize, bool)) -> Result<(), Error> {
    /// let cancel = Cancel::new();
    /// let mut sequence = smtp.sequence(&cancel)?;
    /// let mut messages = messages.into_iter().enumerate();
    /// loop {
    ///     while !sequence.is_busy() || sequence.has_room() {
    ///         let Some((index, message)) = messages.next() else { break };
    ///         sequence.push(index, message);
    ///     }
    ///     let Some(sent) = sequence.next().await else { break };
    ///     keep(sent.index, sent.result.is_ok());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the settings of a server are not right; `ErrorKind::Internal` outside a tokio runtime.
    pub fn sequence<'a>(&'a self, cancel: &'a Cancel) -> Result<Sequence<'a>, Error> {
        self.check_servers()?;
        let operation = Operation::new(Runtime::tokio()?, cancel, self.timeouts.operation);
        let lane = Lane::new(self, operation).in_turn();
        Ok(Sequence { smtp: self, lane, _running: self.register(cancel) })
    }
}

impl Sequence<'_> {
    /// Whether messages have no result yet.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.lane.is_busy()
    }

    /// Whether the envelope of another message can leave with the end of the one under way.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.lane.under_way() < 2 && self.lane.has_room()
    }

    /// Gives the next message, with a number of the caller's. Where there is no room it waits for its turn.
    pub fn push(&mut self, index: usize, message: EmailMessage) {
        if !self.lane.is_busy() {
            self.lane.restart();
        }
        let smtp = self.smtp;
        match Mail::new(smtp, Cow::Owned(message), Instant::now()) {
            Ok(mail) => self.lane.add(Job::new(index, mail)),
            Err(error) => self.lane.refuse(index, error),
        }
    }

    /// Waits for the next result; `None` when every message has its own. A sequence whose `next` was dropped before its
    /// end is of no use any more.
    pub async fn next(&mut self) -> Option<SequenceResult> {
        loop {
            match self.lane.told() {
                Some(Told::Opened) => {}
                Some(Told::Unopened(job, error)) => {
                    return Some(SequenceResult { index: job.index, result: Err(error), unopened: true });
                }
                Some(Told::Finished(index, result)) => {
                    return Some(SequenceResult { index, result, unopened: false });
                }
                None if self.lane.is_busy() => {
                    self.lane.start().await;
                    self.lane.go_on().await;
                }
                None => return None,
            }
        }
    }

    /// Takes back the messages, by their numbers, of which no server has heard and for which a session would have to be
    /// opened. They get no result.
    pub async fn withdraw(&mut self) -> Vec<usize> {
        self.lane.withdraw().await.into_iter().map(|job| job.index).collect()
    }
}

impl Drop for Sequence<'_> {
    /// The connection is kept for the next message when nothing is under way, else it ends.
    fn drop(&mut self) {
        if !self.lane.is_busy() {
            self.lane.close();
        }
    }
}
