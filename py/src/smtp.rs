//! `SMTP`: servers, connections, send. Its settings, its events and what concerns the spool are in files of their own.

mod observers;
mod settings;
mod spool;

use std::sync::{Arc, Mutex};

use freesmtp_core::{
    Cancel as CoreCancel, EmailMessage as Message, Error, Smtp as Core, message::BodyPartFormat, net::worker,
};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};

use self::observers::Listeners;
use crate::{
    boundary::{call, guard, interruptible, lock},
    bulk::Bulk,
    cancel::Cancel,
    check,
    enums::from_python,
    exit, foreign,
    message::collection,
    report::{reply, report},
    server::{SmtpServer, SmtpServers},
    value::text,
    waiting::waiting,
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
    listeners: Listeners,
}

impl Smtp {
    /// The object as it is set now. It shares the kept connections.
    fn current(&self, py: Python<'_>) -> PyResult<Core> {
        let mut core = lock(&self.core).clone();
        let servers = self.servers.bind(py).as_super().get();
        *core.servers_mut() = servers.data(py, |server: &Bound<'_, SmtpServer>| server.get().data())?;
        Ok(core)
    }

    /// Work that waits for a server. Ctrl-C ends it, and so does `call`.
    fn operate<T: Send>(
        &self,
        py: Python<'_>,
        call: &Cancel,
        work: impl FnOnce(&Core, &CoreCancel) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let core = self.current(py)?;
        waiting(py, &call.core, move || work(&core, &call.core))
    }

    fn check_as<'py>(
        &self,
        py: Python<'py>,
        arguments: check::Arguments<'py>,
        call: &Cancel,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = arguments.options(py)?;
        let core = self.current(py)?;
        let (cancel, operation) = (call.core.clone(), call.core.clone());
        let found = interruptible(py, || cancel.cancel(), move || core.check_with(&options, &operation))?;
        check::report(py, &found)
    }
}

fn send(py: Python<'_>, core: Core, message: Message) -> PyResult<Bound<'_, PyAny>> {
    let cancel = CoreCancel::new();
    let sent = waiting(py, &cancel, || core.send_with(&message, &cancel))?;
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
        Ok(Self { core: Arc::default(), servers, listeners: Listeners::default() })
    }

    /// The servers, tried in order: the next one when one cannot be reached.
    #[getter]
    fn smtp_servers(&self, py: Python<'_>) -> Py<SmtpServers> {
        self.servers.clone_ref(py)
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
    fn _start(&self, py: Python<'_>, message: &Bound<'_, PyAny>, done: Py<PyAny>) -> PyResult<Cancel> {
        let core = self.current(py)?;
        let message = foreign::message(message)?;
        let operation = Cancel::default();
        let cancel = operation.core.clone();
        worker::run(move || {
            // Both go before Python is attached, so that it lets go then of what only they held.
            let result = guard(move || core.send_with(&message, &cancel));
            // An interpreter that is shutting down takes no more results.
            exit::attached(|py| {
                let outcome = match result {
                    Ok(sent) => report(py, &sent).map(|sent| (Some(sent), None)),
                    Err(failed) => failed.exception(py).map(|error| (None, Some(error))),
                };
                let outcome = outcome
                    .unwrap_or_else(|failed| (None, Some(failed.into_value(py).into_bound(py).into_any())));
                if let Err(failed) = done.call1(py, outcome) {
                    failed.write_unraisable(py, Some(done.bind(py)));
                }
                drop(done);
            });
        });
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
        self._connect(py, &Cancel::default())
    }

    fn _connect(&self, py: Python<'_>, call: &Cancel) -> PyResult<()> {
        self.operate(py, call, Core::connect_with)
    }

    /// Ends the kept connections with QUIT and waits for the answer. Without any, it does nothing.
    fn disconnect(&self, py: Python<'_>) -> PyResult<()> {
        self._disconnect(py, &Cancel::default())
    }

    fn _disconnect(&self, py: Python<'_>, call: &Cancel) -> PyResult<()> {
        if !lock(&self.core).connected() {
            return Ok(());
        }
        self.operate(py, call, |core, cancel| {
            core.disconnect_with(cancel);
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
        self._send_smtp_command(py, command, &Cancel::default())
    }

    fn _send_smtp_command<'py>(
        &self,
        py: Python<'py>,
        command: &Bound<'py, PyAny>,
        call: &Cancel,
    ) -> PyResult<Bound<'py, PyAny>> {
        let command = text(command, "Command")?;
        let answer = self.operate(py, call, move |core, cancel| core.send_command_with(&command, cancel))?;
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
        let arguments = check::Arguments { from_, to, dkim_selector, outgoing_ip, dns, timeout, server };
        self.check_as(py, arguments, &Cancel::default())
    }

    #[pyo3(signature = (call, *, from_=None, to=None, dkim_selector=None, outgoing_ip=None, dns=None, timeout=None,
        server=0))]
    #[allow(clippy::too_many_arguments)] // those of `check`
    fn _check<'py>(
        &self,
        py: Python<'py>,
        call: &Cancel,
        from_: Option<Bound<'py, PyAny>>,
        to: Option<Bound<'py, PyAny>>,
        dkim_selector: Option<Bound<'py, PyAny>>,
        outgoing_ip: Option<Bound<'py, PyAny>>,
        dns: Option<Bound<'py, PyAny>>,
        timeout: Option<Bound<'py, PyAny>>,
        server: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = check::Arguments { from_, to, dkim_selector, outgoing_ip, dns, timeout, server };
        self.check_as(py, arguments, call)
    }

    /// Forgets the servers, the log and all settings, and ends the kept connections.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        let listeners = self.listeners.clear();
        let mut before = std::mem::take(&mut *lock(&self.core));
        drop(listeners);
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
        self.listeners.traverse(&visit)?;
        visit.call(&self.servers)
    }

    fn __clear__(&self) {
        let before = self.listeners.clear();
        self.silence();
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
