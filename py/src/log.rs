//! `LogOptions` and `protocol_log`: what the log shows, and who hears its lines.
//!
//! The core calls the listener on the thread that sends, which holds no GIL.

use std::sync::{Arc, Mutex};

use freesmtp_core::log::{LogEvent, LogOptions, ProtocolLog};
use pyo3::{PyTraverseError, PyVisit, prelude::*, sync::PyOnceLock};

use crate::{
    boundary::{call, lock},
    value::{text, wrong_type},
};

/// What the program gave, and the function that it means.
pub(crate) struct Function {
    given: Py<PyAny>,
    function: Py<PyAny>,
}

/// The listener of an `SMTP` object, if it has one. The core holds the same `Arc`: to Python it is one reference.
#[derive(Default)]
pub(crate) struct Listener(Mutex<Option<Arc<Function>>>);

impl Listener {
    /// The listener that `value` means, for the core; the function is kept here. The one before is to be let go of last,
    /// and outside locks: that may run code of the program.
    pub(crate) fn set(
        &self,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<(Option<ProtocolLog>, Option<Arc<Function>>)> {
        static LISTENER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = value.py();
        let function = if value.is_none() {
            None
        } else {
            let function = LISTENER.import(py, "freesmtp._log", "listener")?.call1((value,))?;
            if function.is_none() {
                return Err(wrong_type(value, "ProtocolLog", "a function, a logging.Logger, or None"));
            }
            Some(Arc::new(Function { given: value.clone().unbind(), function: function.unbind() }))
        };
        let heard = function.as_ref().map(|function| {
            let function = Arc::clone(function);
            Arc::new(move |event: &LogEvent| function.hear(event)) as ProtocolLog
        });
        Ok((heard, self.replace(function)))
    }

    /// What was given.
    pub(crate) fn get(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        lock(&self.0).as_ref().map(|function| function.given.clone_ref(py))
    }

    /// Shows the garbage collector the function: a method of an object that holds the `SMTP` makes a cycle.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock().as_deref() {
            Ok(Some(function)) => {
                visit.call(&function.given)?;
                visit.call(&function.function)
            }
            _ => Ok(()),
        }
    }

    /// There is none any more; see `set`.
    pub(crate) fn clear(&self) -> Option<Arc<Function>> {
        self.replace(None)
    }

    fn replace(&self, function: Option<Arc<Function>>) -> Option<Arc<Function>> {
        std::mem::replace(&mut *lock(&self.0), function)
    }
}

impl Function {
    /// A log never stops a mail: what is raised goes where Python tells of what nobody can catch.
    fn hear(&self, event: &LogEvent) {
        let milliseconds = i64::try_from(event.unix_milliseconds).unwrap_or(i64::MAX);
        let (kind, line) = (event.kind.as_str(), event.line.as_str());
        // An interpreter that is shutting down hears nothing.
        Python::try_attach(|py| {
            let function = self.function.bind(py);
            if let Err(raised) = function.call1((milliseconds, event.connection, kind, line)) {
                raised.write_unraisable(py, Some(function));
            }
        });
    }
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
