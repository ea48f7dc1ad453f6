//! `SMTP`: servers, log, connections, send.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use freesmtp_core::{Cancel, EmailMessage as Message, Error, Smtp as Core, message::BodyPartFormat};
use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::PyRuntimeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};

use crate::{
    agent,
    boundary::{call, detached, guard, interruptible, lock},
    bulk::Bulk,
    check,
    enums::{from_python, to_python},
    foreign,
    log::{self, Listener},
    message::collection,
    report::{reply, report},
    server::{SmtpServer, SmtpServers},
    timeouts::Timeouts,
    value::{from_path, optional_number, optional_path, optional_seconds, path, text, whole},
};

/// Sends messages to the first of its servers that takes them, and keeps the connection for the next message.
///
/// It may be used from several threads at once; each message then uses a connection of its own. Used in a `with`
/// statement, it ends its connections at the end.
#[pyclass(module = "freesmtp", name = "SMTP", frozen, subclass)]
pub(crate) struct Smtp {
    /// Everything but the servers, which are objects of Python.
    core: Arc<Mutex<Core>>,
    servers: Py<SmtpServers>,
    listener: Listener,
}

impl Smtp {
    /// The object as it is set now. It shares the kept connections.
    fn current(&self, py: Python<'_>) -> PyResult<Core> {
        let mut core = lock(&self.core).clone();
        let servers = self.servers.bind(py).as_super().get();
        *core.servers_mut() = servers.data(py, |server: &Bound<'_, SmtpServer>| server.get().data())?;
        Ok(core)
    }

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
        cancel: Cancel,
        wait: impl FnOnce(&Core, Option<Duration>, &Cancel) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<T> {
        let timeout = timeout.map(|timeout| optional_seconds(timeout, "Timeout")).transpose()?.flatten();
        let (core, operation) = (lock(&self.core).clone(), cancel.clone());
        interruptible(py, || cancel.cancel(), move || wait(&core, timeout, &operation))
    }

    /// Work that waits for a server. Ctrl-C cancels what this object has under way: for these operations the core
    /// has no `Cancel` of their own.
    fn operate<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Core) -> Result<T, Error> + Send + 'static,
    ) -> PyResult<T> {
        let core = self.current(py)?;
        let shared = core.clone();
        interruptible(py, || shared.cancel(), move || work(&core))
    }
}

fn send(py: Python<'_>, core: Core, message: Message) -> PyResult<Bound<'_, PyAny>> {
    let cancel = Cancel::new();
    let operation = cancel.clone();
    let sent = interruptible(py, || cancel.cancel(), move || core.send_with(&message, &operation))?;
    report(py, &sent)
}

#[pymethods]
impl Smtp {
    #[new]
    #[pyo3(signature = (server=None))]
    fn new(py: Python<'_>, server: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let servers = collection(py, SmtpServers)?;
        if let Some(server) = server {
            servers.call_method1(py, "add", (server,))?;
        }
        Ok(Self { core: Arc::default(), servers, listener: Listener::default() })
    }

    /// The servers, tried in order: the next one when one cannot be reached.
    #[getter]
    fn smtp_servers(&self, py: Python<'_>) -> Py<SmtpServers> {
        self.servers.clone_ref(py)
    }

    /// The file that the conversation is appended to, secrets removed; `None` means no log.
    ///
    /// A folder that does not exist raises `FileIOError` at once. A log that cannot be written later never stops a
    /// mail: it becomes one of the report's `warnings`.
    #[getter]
    fn log_file<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let path = lock(&self.core).log_file().map(ToOwned::to_owned);
        from_path(py, path)
    }

    #[setter]
    fn set_log_file(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let file = if value.is_none() { std::path::PathBuf::new() } else { path(value, "LogFile")? };
        call(value.py(), || lock(&self.core).set_log_file(file))
    }

    /// What the log shows besides the conversation.
    #[getter]
    fn log_options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let options = lock(&self.core).log_options();
        log::options(py, options)
    }

    #[setter]
    fn set_log_options(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let options = log::read_options(value)?;
        lock(&self.core).set_log_options(options);
        Ok(())
    }

    /// Who hears every line of the conversations as it is said, whether there is a log or not: a function that takes a
    /// `LogEvent`, or a `logging.Logger`, which gets the lines at the level DEBUG. It is called on the thread that sends.
    #[getter]
    fn protocol_log(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.listener.get(py)
    }

    #[setter]
    fn set_protocol_log(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (listener, before) = self.listener.set(value)?;
        lock(&self.core).set_protocol_log(listener);
        drop(before);
        Ok(())
    }

    /// The name given in EHLO (RFC 5321 section 4.1.1.1); empty means this host's own.
    #[getter]
    fn default_domain(&self) -> String {
        lock(&self.core).default_domain().to_owned()
    }

    #[setter]
    fn set_default_domain(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let domain = text(value, "DefaultDomain")?;
        call(value.py(), || lock(&self.core).set_default_domain(&domain))
    }

    /// One limit for each phase in seconds; `None` when they differ. Setting `None` brings the defaults back.
    #[getter]
    fn default_timeout(&self) -> Option<f64> {
        lock(&self.core).timeouts().same().map(|limit| limit.as_secs_f64())
    }

    #[setter]
    fn set_default_timeout(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let limit = optional_seconds(value, "DefaultTimeout")?;
        call(value.py(), || {
            let mut smtp = lock(&self.core);
            let timeouts = smtp.timeouts().with_phases(limit);
            smtp.set_timeouts(timeouts)
        })
    }

    /// The limit of each phase.
    #[getter]
    fn timeouts(&self) -> Timeouts {
        Timeouts(Arc::clone(&self.core))
    }

    /// Whether nothing is sent when one recipient is refused; else the others get the message.
    #[getter]
    fn all_or_nothing(&self) -> bool {
        lock(&self.core).all_or_nothing()
    }

    #[setter]
    fn set_all_or_nothing(&self, value: bool) {
        lock(&self.core).set_all_or_nothing(value);
    }

    /// How many connections sending in bulk uses at once; 1 at first.
    #[getter]
    fn max_connections(&self) -> usize {
        lock(&self.core).max_connections()
    }

    #[setter]
    fn set_max_connections(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let connections = whole(value, "MaxConnections")?;
        call(value.py(), || lock(&self.core).set_max_connections(connections))
    }

    /// How many messages one connection carries, before the next has a new one; 0 for any number.
    #[getter]
    fn max_messages_per_connection(&self) -> u64 {
        lock(&self.core).max_messages_per_connection()
    }

    #[setter]
    fn set_max_messages_per_connection(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let messages = whole(value, "MaxMessagesPerConnection")?;
        lock(&self.core).set_max_messages_per_connection(messages);
        Ok(())
    }

    /// The most messages per second, over all threads; 0.5 is one in two seconds, `None` means no limit.
    #[getter]
    fn rate_limit(&self) -> Option<f64> {
        lock(&self.core).rate_limit()
    }

    #[setter]
    fn set_rate_limit(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let rate = optional_number(value, "RateLimit")?;
        call(value.py(), || lock(&self.core).set_rate_limit(rate))
    }

    /// The folder of the spool that messages are submitted to; `None` for the usual place: `$FREESMTP_SPOOL`, else
    /// `/var/spool/freesmtp` for root, and for other users `freesmtp/spool` in `$XDG_STATE_HOME` or in `~/.local/state`.
    #[getter]
    fn spool_path<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let path = lock(&self.core).spool_path().map(ToOwned::to_owned);
        from_path(py, path)
    }

    #[setter]
    fn set_spool_path(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let folder = optional_path(value, "SpoolPath")?.unwrap_or_default();
        lock(&self.core).set_spool_path(folder);
        Ok(())
    }

    /// How safe a message is when its id is given back; `FULL` at first.
    #[getter]
    fn spool_durability<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = lock(&self.core).spool_durability();
        to_python(py, value)
    }

    #[setter]
    fn set_spool_durability(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "SpoolDurability")?;
        lock(&self.core).set_spool_durability(value);
        Ok(())
    }

    /// Whether a connection is kept for the next message.
    #[getter]
    fn connected(&self) -> bool {
        lock(&self.core).connected()
    }

    /// The version of the library.
    #[getter]
    fn version(&self) -> &'static str {
        freesmtp_core::VERSION
    }

    /// Sends a message, and answers as soon as one recipient was accepted. Raises an `SMTPError` when none was.
    ///
    /// A message of the standard library (`email.message`) and bytes are passed through as they are, `Bcc` left out;
    /// their headers say from whom and to whom, see `EmailMessage.raw`.
    fn send<'py>(&self, py: Python<'py>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let core = self.current(py)?;
        let message = foreign::message(message)?;
        send(py, core, message)
    }

    /// Like `send`, without blocking the event loop. Cancelling the task ends the operation.
    fn send_async<'py>(slf: &Bound<'py, Self>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static SEND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SEND.import(slf.py(), "freesmtp._asyncio", "send")?.call1((slf, message))
    }

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
        self._wait_for_blast(py, name, timeout, &Bound::new(py, agent::AgentCall::default())?)
    }

    #[pyo3(signature = (name, timeout, call))]
    fn _wait_for_blast<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        call: &Bound<'py, agent::AgentCall>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (name, cancel) = (text(name, "Blast")?, call.get().cancel.clone());
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
        self._wait_for_message(py, id, timeout, &Bound::new(py, agent::AgentCall::default())?)
    }

    #[pyo3(signature = (id, timeout, call))]
    fn _wait_for_message<'py>(
        &self,
        py: Python<'py>,
        id: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        call: &Bound<'py, agent::AgentCall>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (id, cancel) = (text(id, "Id")?, call.get().cancel.clone());
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
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let blast = blast.map(|blast| text(blast, "Blast")).transpose()?.unwrap_or_default();
        let events = self.ask(py, move |core| core.spool_events(&blast))?;
        CLASS.import(py, "freesmtp._agent", "SpoolEvents")?.call1((agent::SpoolEvents::new(events),))
    }

    /// Writes to the disk what was submitted under `Durability.BATCH` so far.
    fn sync_spool(&self, py: Python<'_>) -> PyResult<()> {
        let core = lock(&self.core).clone();
        detached(py, move || core.sync_spool())
    }

    /// Sends any number of messages over up to `max_connections` connections, and gives a `BulkResult` for each as it
    /// completes. One failure never stops the others.
    ///
    /// The iterable is asked for messages as they are needed, by the thread that runs the loop. What it raises ends the
    /// loop; what `send` would raise for one message is the `error` of its result. Leaving the loop cancels the rest.
    fn send_bulk<'py>(slf: &Bound<'py, Self>, messages: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static SEND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SEND.import(slf.py(), "freesmtp._bulk", "send_bulk")?.call1((slf, messages))
    }

    /// Like `send_bulk`, for `async for`; the iterable may be an asynchronous one. Cancelling the task ends it.
    fn send_bulk_async<'py>(
        slf: &Bound<'py, Self>,
        messages: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static SEND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SEND.import(slf.py(), "freesmtp._bulk", "send_bulk_async")?.call1((slf, messages))
    }

    /// `send_bulk` of the message of each row: see `merge`. The index is that of the row; a row that lacks a field has that
    /// error as its result, and the others are sent.
    fn send_bulk_merge<'py>(
        slf: &Bound<'py, Self>,
        template: &Bound<'py, PyAny>,
        rows: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static SEND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SEND.import(slf.py(), "freesmtp._merge", "send_bulk_merge")?.call1((slf, template, rows))
    }

    /// Like `send_bulk_merge`, for `async for`; the rows may come from an asynchronous iterable.
    fn send_bulk_merge_async<'py>(
        slf: &Bound<'py, Self>,
        template: &Bound<'py, PyAny>,
        rows: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static SEND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        SEND.import(slf.py(), "freesmtp._merge", "send_bulk_merge_async")?.call1((slf, template, rows))
    }

    /// A bulk without messages yet.
    fn _open_bulk(&self, py: Python<'_>) -> PyResult<Bulk> {
        self.current(py).map(|core| Bulk::new(&core))
    }

    /// Begins to send in a thread of its own, which calls `done(report, error)` at the end; one of them is `None`.
    fn _start(&self, py: Python<'_>, message: &Bound<'_, PyAny>, done: Py<PyAny>) -> PyResult<Operation> {
        let core = self.current(py)?;
        let message = foreign::message(message)?;
        let operation = Operation(Cancel::new());
        let cancel = operation.0.clone();
        std::thread::Builder::new()
            .name("freesmtp".into())
            .spawn(move || {
                let result = guard(|| core.send_with(&message, &cancel));
                // An interpreter that is shutting down takes no more results.
                Python::try_attach(|py| {
                    let outcome = match result {
                        Ok(sent) => report(py, &sent).map(|sent| (Some(sent), None)),
                        Err(failed) => failed.exception(py).map(|error| (None, Some(error))),
                    };
                    let outcome = outcome.unwrap_or_else(|failed| {
                        (None, Some(failed.into_value(py).into_bound(py).into_any()))
                    });
                    if let Err(failed) = done.call1(py, outcome) {
                        failed.write_unraisable(py, Some(done.bind(py)));
                    }
                    drop(done);
                });
            })
            .map_err(|error| PyRuntimeError::new_err(format!("no thread could be started: {error}")))?;
        Ok(operation)
    }

    /// Sends a text or HTML message to one recipient with the defaults of everything else.
    #[staticmethod]
    #[pyo3(signature = (smtp_server_name, recipient_email, from_email, subject, body_text,
        body_part_format=None))]
    fn quick_send<'py>(
        py: Python<'py>,
        smtp_server_name: &Bound<'py, PyAny>,
        recipient_email: &Bound<'py, PyAny>,
        from_email: &Bound<'py, PyAny>,
        subject: &Bound<'py, PyAny>,
        body_text: &Bound<'py, PyAny>,
        body_part_format: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let format: Option<BodyPartFormat> =
            body_part_format.map(|value| from_python(value, "BodyPartFormat")).transpose()?;
        let server = text(smtp_server_name, "SMTPServerName")?;
        let message = Message::quick(
            text(recipient_email, "RecipientEmail")?,
            text(from_email, "FromEmail")?,
            text(subject, "Subject")?,
            text(body_text, "BodyText")?,
            format.unwrap_or_default(),
        );
        let core = call(py, || Core::new(&server))?;
        send(py, core, message)
    }

    /// Opens a connection to the first server that answers, logs in, and keeps it for the next message.
    fn connect(&self, py: Python<'_>) -> PyResult<()> {
        self.operate(py, Core::connect)
    }

    /// Ends the kept connections with QUIT and waits for the answer. Without any, it does nothing.
    fn disconnect(&self, py: Python<'_>) -> PyResult<()> {
        if !self.connected() {
            return Ok(());
        }
        self.operate(py, |core| {
            core.disconnect();
            Ok(())
        })
    }

    /// Cancels every operation of this object that is under way, from any thread.
    fn cancel(&self) {
        let core = lock(&self.core).clone();
        core.cancel();
    }

    /// Sends one command such as `VRFY postmaster` and gives the reply, whatever its code is.
    fn send_smtp_command<'py>(
        &self,
        py: Python<'py>,
        command: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let command = text(command, "Command")?;
        let answer = self.operate(py, move |core| core.send_command(&command))?;
        reply(py, &answer)
    }

    /// Looks at a server without sending mail: addresses, connections, greeting, extensions, TLS, login, and what it says
    /// to a sender and recipients; and at the records of the sender's domain: MX, SPF, DKIM, DMARC.
    ///
    /// What is wrong with the server or the domain raises nothing; it is a step of the report. `outgoing_ip` is the
    /// address that recipients' servers see, `dns` a name server to ask in place of the system's, `timeout` the seconds
    /// that the whole check may take, `server` the place in `smtp_servers`.
    #[pyo3(signature = (*, from_=None, to=None, dkim_selector=None, outgoing_ip=None, dns=None, timeout=None,
        server=0))]
    #[allow(clippy::too_many_arguments)] // every one of them is a keyword of Python
    fn check<'py>(
        &self,
        py: Python<'py>,
        from_: Option<Bound<'py, PyAny>>,
        to: Option<Bound<'py, PyAny>>,
        dkim_selector: Option<Bound<'py, PyAny>>,
        outgoing_ip: Option<Bound<'py, PyAny>>,
        dns: Option<Bound<'py, PyAny>>,
        timeout: Option<Bound<'py, PyAny>>,
        server: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options =
            check::Arguments { from_, to, dkim_selector, outgoing_ip, dns, timeout, server }.options(py)?;
        let core = self.current(py)?;
        let cancel = Cancel::new();
        let operation = cancel.clone();
        let found = interruptible(py, || cancel.cancel(), move || core.check_with(&options, &operation))?;
        check::report(py, &found)
    }

    /// Forgets the servers, the log and all settings, and ends the kept connections.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        let listener = self.listener.clear();
        let mut before = std::mem::take(&mut *lock(&self.core));
        drop(listener);
        self.servers.bind(py).as_super().get().empty();
        let shared = before.clone();
        interruptible(
            py,
            || shared.cancel(),
            move || {
                before.reset();
                Ok(())
            },
        )
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (exc_type=None, exc_value=None, traceback=None, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: Option<Bound<'_, PyType>>,
        exc_value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (exc_type, exc_value, traceback);
        self.disconnect(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.listener.traverse(&visit)?;
        visit.call(&self.servers)
    }

    fn __clear__(&self) {
        let before = self.listener.clear();
        lock(&self.core).set_protocol_log(None);
        drop(before);
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let servers = PyTuple::new(
            slf.py(),
            slf.get().servers.bind(slf.py()).try_iter()?.collect::<PyResult<Vec<_>>>()?,
        )?;
        Ok(format!("{}{}", slf.get_type().name()?, servers.repr()?))
    }
}

/// A send that runs in a thread of its own.
#[pyclass(module = "freesmtp", name = "_Operation", frozen)]
pub(crate) struct Operation(Cancel);

#[pymethods]
impl Operation {
    /// Ends it; `done` is still called.
    fn cancel(&self) {
        self.0.cancel();
    }
}
