//! The time limit of a check: whatever is under way when it has come is cancelled.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::failure_at;
use crate::{
    error::{Error, ErrorKind},
    net::Cancel,
    smtp::{Server, explain_at, probe::Probe},
    types::Stage,
};

/// How often it is looked whether the program cancelled the check.
const LOOK: Duration = Duration::from_millis(25);

/// Cancels the work of a check when its time has come, or when the program cancels the check.
pub(super) struct Bound {
    cancel: Cancel,
    limit: Duration,
    /// Dropped with the bound: the thread ends.
    _running: mpsc::Sender<()>,
}

impl Bound {
    pub(super) fn new(program: &Cancel, limit: Duration) -> Result<Self, Error> {
        let cancel = Cancel::new();
        // A limit beyond what the clock can count is none.
        let deadline = Instant::now().checked_add(limit);
        let (running, ended) = mpsc::channel::<()>();
        let (ours, program) = (cancel.clone(), program.clone());
        thread::Builder::new()
            .name("freesmtp-check".to_owned())
            .spawn(move || {
                while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if program.is_cancelled() || deadline.is_some_and(|at| Instant::now() >= at) {
                        ours.cancel();
                        return;
                    }
                }
            })
            .map_err(|source| {
                Error::io(ErrorKind::Internal, Stage::Command, "no thread could be started", &source)
            })?;
        Ok(Self { cancel, limit, _running: running })
    }

    /// What the work of the check is given.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// What this bound cut off did not answer in time: nobody cancelled it.
    pub(super) fn explain(&self, mut probe: Probe, server: &Server) -> Probe {
        let late = |error: Error| self.late(error, server);
        probe.error = probe.error.map(late);
        probe.addresses = probe.addresses.map_err(late);
        for attempt in &mut probe.attempts {
            if let Err(error) = &attempt.result {
                attempt.result = Err(late(error.clone()));
            }
        }
        probe
    }

    fn late(&self, error: Error, server: &Server) -> Error {
        if error.kind() != ErrorKind::Cancelled {
            return error;
        }
        let text = format!("no answer came within the {} s of the check", self.limit.as_secs_f64());
        let late = Error::new(ErrorKind::Timeout, error.stage(), text)
            .with_failure(failure_at(error.stage()))
            .with_transcript(error.transcript().clone());
        explain_at(late, server)
    }
}
