//! The settings of an `SMTP` object.

use std::sync::Arc;

use pyo3::prelude::*;

use super::Smtp;
use crate::{
    boundary::{call, lock},
    enums::{from_python, to_python},
    log,
    timeouts::Timeouts,
    value::{from_path, optional_number, optional_path, optional_seconds, path, text, whole},
};

#[pymethods]
impl Smtp {
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
        self.listeners.lines.get(py)
    }

    #[setter]
    fn set_protocol_log(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let function = log::listener(value)?;
        lock(&self.core).set_protocol_log(function.clone().map(log::protocol_log));
        drop(self.listeners.lines.replace(function));
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
}
