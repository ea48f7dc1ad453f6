//! What the agent of the spool tells, as Python objects: the classes are in `freesmtp/_agent.py`.

use std::sync::{Arc, Mutex};

use freesmtp_core::{
    Cancel,
    smtp::SpoolEvents as Core,
    spool::agent::{BlastStatus, SpoolEvent, SpoolEventKind, SpoolRecipient, SpoolStatus},
    types::Moment,
};
use pyo3::{prelude::*, sync::PyOnceLock, types::PyDict};

use crate::{
    boundary::{interruptible, lock},
    data::data,
    error::tuple,
};

const MODULE: &str = "freesmtp._agent";

/// A moment as the number of seconds since 1970; the classes make a `datetime` of it.
fn moment(moment: Option<Moment>) -> Option<i64> {
    moment.map(|moment| moment.unix_seconds)
}

/// A `freesmtp.SpoolStatus`.
pub(crate) fn spool_status<'py>(py: Python<'py>, status: &SpoolStatus) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("id", &status.id)?;
    fields.set_item("state", status.state.as_str())?;
    fields.set_item("is_done", status.is_done())?;
    fields.set_item("message_id", &status.message_id)?;
    fields.set_item("sender", &status.sender)?;
    fields.set_item("blast", &status.blast)?;
    fields.set_item("submitted", moment(status.submitted))?;
    fields.set_item("expires", moment(status.expires))?;
    fields.set_item("recipients_total", status.recipients_total)?;
    fields.set_item("recipients_open", status.recipients_open)?;
    fields.set_item("recipients", tuple(py, status.recipients.iter().map(|found| recipient(py, found)))?)?;
    CLASS.import(py, MODULE, "spool_status")?.call((), Some(&fields))
}

fn recipient<'py>(py: Python<'py>, recipient: &SpoolRecipient) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("email", &recipient.email)?;
    fields.set_item("state", &recipient.state)?;
    fields.set_item("attempts", recipient.attempts)?;
    fields.set_item("next_attempt", moment(recipient.next_attempt))?;
    fields.set_item("at", moment(recipient.at))?;
    fields.set_item("server", &recipient.server)?;
    fields.set_item("reply_code", recipient.reply_code)?;
    fields.set_item("enhanced_code", &recipient.enhanced_code)?;
    fields.set_item("reply_text", &recipient.reply_text)?;
    fields.set_item("cause", &recipient.cause)?;
    fields.set_item("remedy", &recipient.remedy)?;
    CLASS.import(py, MODULE, "spool_recipient")?.call((), Some(&fields))
}

/// A `freesmtp.BlastStatus`.
pub(crate) fn blast_status<'py>(py: Python<'py>, status: &BlastStatus) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "BlastStatus", {
        name: &status.name,
        state: status.state.as_str(),
        is_done: status.is_done,
        messages: status.messages,
        recipients: status.recipients,
        open: status.open,
        delivered: status.delivered,
        deferred: status.deferred,
        failed: status.failed,
        expired: status.expired,
        cancelled: status.cancelled,
        rate: status.rate,
        eta_seconds: status.eta_seconds,
    })
}

fn event<'py>(py: Python<'py>, event: &SpoolEvent) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "SpoolEvent", {
        event: event.event.as_str(),
        key: &event.key,
        at: &event.at,
        id: &event.id,
        message_id: &event.message_id,
        sender: &event.sender,
        recipient: &event.recipient,
        blast: &event.blast,
        attempt: event.attempt,
        server: &event.server,
        reply_code: event.reply_code,
        enhanced_code: &event.enhanced_code,
        reply_text: &event.reply_text,
        cause: &event.cause,
        remedy: &event.remedy,
        next_attempt: &event.next_attempt,
        is_unknown: event.is_unknown,
        count: event.count,
    })
}

/// Events as they happen; the iterators are in `freesmtp/_agent.py`.
#[pyclass(module = "freesmtp", name = "_SpoolEvents", frozen)]
pub(crate) struct SpoolEvents {
    core: Arc<Mutex<Core>>,
    cancel: Cancel,
}

impl SpoolEvents {
    pub(crate) fn new(core: Core) -> Self {
        Self { core: Arc::new(Mutex::new(core)), cancel: Cancel::new() }
    }
}

#[pymethods]
impl SpoolEvents {
    /// Waits for the next event; `None` after an error.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let (core, cancel, ended) = (Arc::clone(&self.core), self.cancel.clone(), self.cancel.clone());
            let found =
                interruptible(py, || ended.cancel(), move || lock(&core).next_with(&cancel).transpose())?;
            match found {
                Some(found) if found.event == SpoolEventKind::Other => {}
                Some(found) => return event(py, &found).map(Some),
                None => return Ok(None),
            }
        }
    }

    /// Ends it, and the wait that is under way.
    fn cancel(&self) {
        self.cancel.cancel();
    }
}
