//! Ending an operation from another thread.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::Poller;
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// Cancels the operation that it was given to, from any thread. Clones cancel the same operation.
///
/// The connection in use is closed; nothing half-sent is delivered. Once used it stays cancelled.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cancelled: AtomicBool,
    pollers: Mutex<Vec<Arc<Poller>>>,
}

impl Cancel {
    /// A cancel that nobody has used yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the operation: it fails with `ErrorKind::Cancelled` (or `OutcomeUnknown`, when the whole message
    /// had been sent already).
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        for poller in self.pollers().iter() {
            poller.wake();
        }
    }

    /// Whether [`Cancel::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Whether both cancel the same operation.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Lets `cancel` wake the waits of a connection, as long as the guard lives.
    pub(crate) fn watch(&self, poller: &Arc<Poller>) -> Watch {
        self.pollers().push(Arc::clone(poller));
        // A cancel that came before the push has not seen this poller.
        if self.is_cancelled() {
            poller.wake();
        }
        Watch { cancel: self.clone(), poller: Arc::clone(poller) }
    }

    fn pollers(&self) -> MutexGuard<'_, Vec<Arc<Poller>>> {
        self.0.pollers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that a [`Cancel`] can reach.
#[derive(Debug)]
pub(crate) struct Watch {
    cancel: Cancel,
    poller: Arc<Poller>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.cancel.pollers().retain(|poller| !Arc::ptr_eq(poller, &self.poller));
    }
}

/// The error of an operation that was cancelled.
pub(crate) fn cancelled(stage: Stage) -> Error {
    Error::new(ErrorKind::Cancelled, stage, "the operation was cancelled").with_failure(Failure::Cancelled)
}
