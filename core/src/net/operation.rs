//! One call of the program: where it runs, who may end it, and when it ends at the latest.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Cancel, Poller, Runtime,
    cancel::{Watch, cancelled},
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// One call of the program under way.
#[derive(Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) runtime: Runtime,
    pub(crate) cancel: &'a Cancel,
    /// Its limit, and when that is reached.
    limit: Option<(Duration, Instant)>,
}

impl<'a> Operation<'a> {
    /// Begins now; `limit` is [`Timeouts::operation`](crate::Timeouts::operation).
    pub(crate) fn new(runtime: Runtime, cancel: &'a Cancel, limit: Option<Duration>) -> Self {
        let limit = limit.and_then(|limit| Some((limit, Instant::now().checked_add(limit)?)));
        Self { runtime, cancel, limit }
    }

    /// Counts its time from now on: something was brought to its end.
    pub(crate) fn restart(&mut self) {
        self.limit = self.limit.and_then(|(limit, _)| Some((limit, Instant::now().checked_add(limit)?)));
    }

    /// What waits for one connection of it.
    pub(crate) fn poller(&self) -> Result<Arc<Poller>, Error> {
        self.runtime.poller().map(Arc::new).map_err(|source| no_poller(&source))
    }

    /// Lets the cancel wake the waits of a connection, as long as the guard lives.
    pub(crate) fn watch(&self, poller: &Arc<Poller>) -> Watch {
        self.cancel.watch(poller)
    }

    /// When a wait that may last until `deadline` ends at the latest.
    pub(crate) fn until(&self, deadline: Option<Instant>) -> Option<Instant> {
        [deadline, self.limit.map(|(_, end)| end)].into_iter().flatten().min()
    }

    /// Waits for the time, or until somebody cancels.
    pub(crate) async fn sleep_until(&self, time: Instant, stage: Stage) -> Result<(), Error> {
        let poller = self.poller()?;
        let _watch = self.watch(&poller);
        let waited = poller.wait_any(&[], self.until(Some(time))).await;
        match waited.map_err(|source| no_poller(&source))? {
            None => Err(cancelled(stage)),
            Some(_) => self.check(Instant::now(), stage),
        }
    }

    /// Whether it is neither cancelled nor out of time.
    pub(crate) fn goes_on(&self) -> bool {
        !self.cancel.is_cancelled() && self.check(Instant::now(), Stage::Command).is_ok()
    }

    /// An error once the whole operation has lasted too long; `stage` is what it was doing.
    pub(crate) fn check(&self, now: Instant, stage: Stage) -> Result<(), Error> {
        match self.limit {
            Some((limit, end)) if now >= end => {
                let text = format!("the operation did not end within {limit:?}; it was in phase {stage}");
                Err(Error::new(ErrorKind::Timeout, stage, text).with_failure(timed_out_in(stage)))
            }
            _ => Ok(()),
        }
    }
}

/// What the time ran out in, for the diagnosis.
fn timed_out_in(stage: Stage) -> Failure {
    match stage {
        Stage::Resolve => Failure::DnsFailed,
        Stage::Connect => Failure::ConnectTimeout,
        _ => Failure::ReplyTimeout,
    }
}

fn no_poller(source: &io::Error) -> Error {
    Error::io(ErrorKind::Connect, Stage::Connect, "no wake-up channel could be opened", source)
}
