//! Handing messages over to the agent, and asking it.

use std::time::Duration;

use freesmtp_core::{EmailMessage as Message, Error, Smtp as Core};
use pyo3::{prelude::*, sync::PyOnceLock};

use super::Smtp;
use crate::{
    agent,
    boundary::{detached, interruptible, lock},
    cancel::Cancel,
    foreign,
    value::{optional_path, optional_seconds, text},
};

impl Smtp {
    /// What the agent is asked; no server of this object is.
    fn ask<T: Send + 'static>(
        &self,
        py: Python<'_>,
        question: impl FnOnce(&Core) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<T> {
        let core = lock(&self.core).clone();
        detached(py, move || question(&core))
    }

    /// Waits for what the agent tells, as long as `timeout` says.
    fn wait<T: Send + 'static>(
        &self,
        py: Python<'_>,
        timeout: Option<&Bound<'_, PyAny>>,
        cancel: freesmtp_core::Cancel,
        wait: impl FnOnce(&Core, Option<Duration>, &freesmtp_core::Cancel) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<T> {
        let timeout = timeout.map(|timeout| optional_seconds(timeout, "Timeout")).transpose()?.flatten();
        let (core, operation) = (lock(&self.core).clone(), cancel.clone());
        interruptible(py, || cancel.cancel(), move || wait(&core, timeout, &operation))
    }
}

#[pymethods]
impl Smtp {
    /// Hands a message over to the agent (`freesmtp agent`) and gives its id: it is delivered in the background, and tried
    /// until it is. No agent needs to run now, and no server of this object is asked.
    ///
    /// `path` is the folder of the spool, `None` for `spool_path`. An id that was given back survives a kill and a power
    /// cut, or what `spool_durability` says; what raises is not delivered. After a fork, the child goes on in a file of
    /// its own. It takes well under a millisecond on most disks, so there is no form of it for asyncio.
    #[pyo3(signature = (message, path=None))]
    fn submit_to_spool(
        &self,
        py: Python<'_>,
        message: &Bound<'_, PyAny>,
        path: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let core = lock(&self.core).clone();
        let path = path.map(|path| optional_path(path, "Path")).transpose()?.flatten();
        let message = foreign::message(message)?;
        let id = detached(py, move || match path {
            Some(path) => core.submit_to_spool_at(&message, path),
            None => core.submit_to_spool(&message),
        })?;
        Ok(id.to_string())
    }

    /// Hands many messages over with one sync, and gives their ids in the same order: all of them are durable, or it
    /// raises and none of them is delivered.
    #[pyo3(signature = (messages, path=None))]
    fn submit_bulk(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        path: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<String>> {
        let core = lock(&self.core).clone();
        let path = path.map(|path| optional_path(path, "Path")).transpose()?.flatten();
        let messages: Vec<Message> =
            messages.try_iter()?.map(|message| foreign::message(&message?)).collect::<PyResult<_>>()?;
        let ids = detached(py, move || match path {
            Some(path) => core.submit_bulk_at(messages, path),
            None => core.submit_bulk(messages),
        })?;
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    /// `submit_bulk` of the message of each row: see `merge`. A row that lacks a field raises, and none is delivered.
    #[pyo3(signature = (template, rows, path=None))]
    fn submit_bulk_merge<'py>(
        slf: &Bound<'py, Self>,
        template: &Bound<'py, PyAny>,
        rows: &Bound<'py, PyAny>,
        path: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static SUBMIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SUBMIT.import(slf.py(), "freesmtp._merge", "submit_bulk_merge")?.call1((slf, template, rows, path))
    }

    /// Asks the agent (`freesmtp agent`) of the spool what became of a message, by the id of `submit_to_spool`.
    ///
    /// It knows what is in its queue, and what ended lately. `SpoolError` when no agent runs, and when it does not know the
    /// id; its text says what to do. So do the others that ask it.
    fn spool_status<'py>(&self, py: Python<'py>, id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = text(id, "Id")?;
        agent::spool_status(py, &self.ask(py, move |core| core.spool_status(&id))?)
    }

    /// How far a blast is: all messages that were submitted under that name.
    fn blast_status<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = text(name, "Blast")?;
        agent::blast_status(py, &self.ask(py, move |core| core.blast_status(&name))?)
    }

    /// Keeps the messages of a blast until it is resumed; those that are being sent are sent.
    fn pause_blast<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = text(name, "Blast")?;
        agent::blast_status(py, &self.ask(py, move |core| core.pause_blast(&name))?)
    }

    /// Lets a paused blast go on; one that was cancelled does not.
    fn resume_blast<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = text(name, "Blast")?;
        agent::blast_status(py, &self.ask(py, move |core| core.resume_blast(&name))?)
    }

    /// Takes all messages of a blast out that are not delivered; their senders get no reports.
    fn cancel_blast<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let name = text(name, "Blast")?;
        agent::blast_status(py, &self.ask(py, move |core| core.cancel_blast(&name))?)
    }

    /// Waits until each recipient of a blast has its result, or until `timeout` seconds are over, and gives how far it is
    /// then.
    #[pyo3(signature = (name, timeout=None))]
    fn wait_for_blast<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self._wait_for_blast(py, name, timeout, &Bound::new(py, Cancel::default())?)
    }

    #[pyo3(signature = (name, timeout, call))]
    fn _wait_for_blast<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        call: &Bound<'py, Cancel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (name, cancel) = (text(name, "Blast")?, call.get().core.clone());
        let found = self.wait(py, timeout, cancel, move |core, limit, cancel| {
            core.wait_for_blast_with(&name, limit, cancel)
        })?;
        agent::blast_status(py, &found)
    }

    /// Waits until each recipient of a message of the spool has its result, or until `timeout` seconds are over, and gives
    /// what became of it until then.
    #[pyo3(signature = (id, timeout=None))]
    fn wait_for_message<'py>(
        &self,
        py: Python<'py>,
        id: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self._wait_for_message(py, id, timeout, &Bound::new(py, Cancel::default())?)
    }

    #[pyo3(signature = (id, timeout, call))]
    fn _wait_for_message<'py>(
        &self,
        py: Python<'py>,
        id: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        call: &Bound<'py, Cancel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (id, cancel) = (text(id, "Id")?, call.get().core.clone());
        let found = self.wait(py, timeout, cancel, move |core, limit, cancel| {
            core.wait_for_message_with(&id, limit, cancel)
        })?;
        agent::spool_status(py, &found)
    }

    /// What happens to recipients from now on, of one blast or of all messages, for `for` and `async for`.
    #[pyo3(signature = (blast=None))]
    fn spool_events<'py>(
        &self,
        py: Python<'py>,
        blast: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self._spool_events(py, blast, &Bound::new(py, Cancel::default())?)
    }

    #[pyo3(signature = (blast, call))]
    fn _spool_events<'py>(
        &self,
        py: Python<'py>,
        blast: Option<&Bound<'py, PyAny>>,
        call: &Bound<'py, Cancel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let blast = blast.map(|blast| text(blast, "Blast")).transpose()?.unwrap_or_default();
        let (core, cancel) = (lock(&self.core).clone(), call.get().core.clone());
        let opening = cancel.clone();
        let events = interruptible(py, || cancel.cancel(), move || core.spool_events_with(&blast, &opening))?;
        CLASS.import(py, "freesmtp._agent", "SpoolEvents")?.call1((agent::SpoolEvents::new(events),))
    }

    /// Writes to the disk what was submitted under `Durability.BATCH` so far.
    fn sync_spool(&self, py: Python<'_>) -> PyResult<()> {
        let core = lock(&self.core).clone();
        detached(py, move || core.sync_spool())
    }
}
