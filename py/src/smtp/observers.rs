//! The events of sending, and who hears them.
//!
//! The core calls them on threads that hold no GIL.

use std::sync::Arc;

use freesmtp_core::smtp::{BulkStatus, RecipientFailed, SendStatus};
use pyo3::{PyTraverseError, PyVisit, prelude::*};

use super::Smtp;
use crate::{
    boundary::lock,
    listener::{Function, Listener},
};

/// Who listens to an `SMTP` object.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) lines: Listener,
    status: Listener,
    recipient_failed: Listener,
    bulk_status: Listener,
}

impl Listeners {
    fn all(&self) -> [&Listener; 4] {
        [&self.lines, &self.status, &self.recipient_failed, &self.bulk_status]
    }

    /// Shows the garbage collector the functions: a method of an object that holds the `SMTP` makes a cycle.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.all().into_iter().try_for_each(|listener| listener.traverse(visit))
    }

    /// There are none any more; see [`Listener::replace`].
    pub(super) fn clear(&self) -> Vec<Arc<Function>> {
        self.all().into_iter().filter_map(|listener| listener.replace(None)).collect()
    }
}

impl Smtp {
    /// The core tells nobody any more.
    pub(super) fn silence(&self) {
        let mut core = lock(&self.core);
        core.set_protocol_log(None);
        core.on_status(None);
        core.on_recipient_failed(None);
        core.on_bulk_status(None);
    }
}

#[pymethods]
impl Smtp {
    /// A function that hears how far each message is: `total_sent` octets of it were given to the connection, of
    /// `total_size` as far as they are known. It is called after each piece, and at the end, when both are the same.
    ///
    /// It is called on a thread of the library, or on the one that sends; in bulk on several at the same time where there
    /// are several connections. The send waits for it. What it raises goes to `sys.unraisablehook`, and stops no mail; only
    /// what is no `Exception`, such as `KeyboardInterrupt`, ends a send of the main thread.
    #[getter]
    fn smtp_status(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.listeners.status.get(py)
    }

    #[setter]
    fn set_smtp_status(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let function = Function::callable(value, "SMTPStatus")?;
        lock(&self.core).on_status(function.clone().map(|function| {
            Arc::new(move |status: SendStatus| function.tell((status.total_sent, status.total_size))) as _
        }));
        drop(self.listeners.status.replace(function));
        Ok(())
    }

    /// A function that hears of each recipient who does not get a message, refused or put off: the address, and the
    /// server's reply. It is called once what came of the message is settled, where and how `smtp_status` is. An error that
    /// is about no recipient (no connection, an unknown outcome) names none here.
    #[getter]
    fn smtp_recipient_failed(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.listeners.recipient_failed.get(py)
    }

    #[setter]
    fn set_smtp_recipient_failed(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let function = Function::callable(value, "SMTPRecipientFailed")?;
        lock(&self.core).on_recipient_failed(function.clone().map(|function| {
            Arc::new(move |failed: &RecipientFailed| {
                function.tell((failed.email_address.as_str(), failed.response.as_str()));
            }) as _
        }));
        drop(self.listeners.recipient_failed.replace(function));
        Ok(())
    }

    /// A function that hears how far sending in bulk is: messages of which at least one recipient was accepted, messages
    /// whose result is an error, and those taken from the iterable so far. It is called once for each result, before the
    /// program gets it, never twice at the same time, and otherwise as `smtp_status` is.
    #[getter]
    fn smtp_bulk_status(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.listeners.bulk_status.get(py)
    }

    #[setter]
    fn set_smtp_bulk_status(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let function = Function::callable(value, "SMTPBulkStatus")?;
        lock(&self.core).on_bulk_status(function.clone().map(|function| {
            Arc::new(move |status: BulkStatus| {
                function.tell((status.total_sent, status.total_failed, status.total_messages));
            }) as _
        }));
        drop(self.listeners.bulk_status.replace(function));
        Ok(())
    }
}
