//! `LogOptions` and `protocol_log`: what the log shows, and who hears its lines.

use std::sync::Arc;

use freesmtp_core::log::{LogEvent, LogOptions, ProtocolLog};
use pyo3::{prelude::*, sync::PyOnceLock};

use crate::{
    boundary::call,
    listener::Function,
    value::{text, wrong_type},
};

/// The function that hears lines for `value`: the program's own, or one for its logger.
pub(crate) fn listener(value: &Bound<'_, PyAny>) -> PyResult<Option<Arc<Function>>> {
    static LISTENER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if value.is_none() {
        return Ok(None);
    }
    let function = LISTENER.import(value.py(), "freesmtp._log", "listener")?.call1((value,))?;
    if function.is_none() {
        return Err(wrong_type(value, "ProtocolLog", "a function, a logging.Logger, or None"));
    }
    Ok(Some(Arc::new(Function::new(value, function))))
}

/// The same for the core.
pub(crate) fn protocol_log(function: Arc<Function>) -> ProtocolLog {
    Arc::new(move |event: &LogEvent| {
        let milliseconds = i64::try_from(event.unix_milliseconds).unwrap_or(i64::MAX);
        function.tell((milliseconds, event.connection, event.kind.as_str(), event.line.as_str()));
    })
}

/// A `freesmtp.LogOptions`.
pub(crate) fn options<'py>(py: Python<'py>, options: LogOptions) -> PyResult<Bound<'py, PyAny>> {
    class(py)?.call1((options.timestamps, options.body.as_str(), options.json))
}

/// Those that a `freesmtp.LogOptions` means.
pub(crate) fn read_options(value: &Bound<'_, PyAny>) -> PyResult<LogOptions> {
    let py = value.py();
    if !value.is_instance(class(py)?)? {
        return Err(wrong_type(value, "LogOptions", "LogOptions"));
    }
    let body = text(&value.getattr("body")?, "LogOptions")?;
    Ok(LogOptions {
        timestamps: value.getattr("timestamps")?.is_truthy()?,
        body: call(py, || body.parse())?,
        json: value.getattr("json")?.is_truthy()?,
    })
}

fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "freesmtp._log", "LogOptions")
}
