//! The core's error as a Python exception: the classes are in `freesmtp/_errors.py`, the fields come from here.

use freesmtp_core::{
    Error, ErrorKind,
    diagnosis::{Context, Failure, diagnose},
};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple},
};

use crate::{diagnosis::diagnosis, report::recipient};

/// An error of the core, and what the program's own functions raised on the way to it, in order.
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) raised: Vec<PyErr>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, raised: Vec::new() }
    }
}

impl Failed {
    /// The exception to raise.
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        self.exception(py).map_or_else(|failed| failed, PyErr::from_value)
    }

    /// The exception as an object, for those that are stored and not raised.
    pub(crate) fn exception(mut self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        exception(py, &self.error, &mut self.raised)
    }
}

/// The same for input that was refused while it was read: the core explains what it refuses when it sends.
pub(crate) fn raise_explained(py: Python<'_>, error: Error) -> PyErr {
    if error.kind() != ErrorKind::Message || error.diagnosis().is_some() {
        return Failed::from(error).raise(py);
    }
    let diagnosis = diagnose(&Context {
        failure: Some(Failure::InvalidInput),
        field: error.field(),
        detail: error.message(),
        ..Context::default()
    });
    Failed::from(error.with_diagnosis(diagnosis)).raise(py)
}

/// Bad input that the core's types cannot even hold: a number out of range, a name that no enum has.
pub(crate) fn bad_input(py: Python<'_>, field: &str, problem: &str) -> PyErr {
    raise_explained(py, Error::input(field, problem))
}

/// The exception of an error and of those before it, `others`. Each function that raises ends its session, so the
/// last exception belongs to the last session that lacked a token or a file.
fn exception<'py>(py: Python<'py>, error: &Error, raised: &mut Vec<PyErr>) -> PyResult<Bound<'py, PyAny>> {
    let called = error.failure() == Some(Failure::TokenUnavailable) || error.kind() == ErrorKind::FileIo;
    let cause = if called { raised.pop() } else { None };
    let mut others =
        error.others().iter().rev().map(|e| exception(py, e, raised)).collect::<PyResult<Vec<_>>>()?;
    others.reverse();
    let fields = PyDict::new(py);
    fields.set_item("kind", error.kind().as_str())?;
    fields.set_item("number", error.kind().number())?;
    fields.set_item("stage", error.stage().as_str())?;
    fields.set_item("field", error.field())?;
    fields.set_item("message", error.message())?;
    fields.set_item("reply_code", error.reply_code())?;
    fields.set_item("enhanced_code", error.enhanced_code().map(|code| code.to_string()))?;
    fields.set_item("reply_text", error.reply_text())?;
    fields.set_item("recipients", tuple(py, error.recipients().iter().map(|r| recipient(py, r)))?)?;
    fields.set_item("server", error.server())?;
    fields.set_item("is_temporary", error.is_temporary())?;
    fields.set_item("diagnosis", error.diagnosis().map(|d| diagnosis(py, d)).transpose()?)?;
    fields.set_item("transcript", PyTuple::new(py, error.transcript().iter())?)?;
    fields.set_item("message_id", error.message_id())?;
    fields.set_item("others", PyTuple::new(py, others)?)?;
    fields.set_item("os_error", error.os_error())?;
    static FROM_CORE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let exception =
        FROM_CORE.import(py, "freesmtp._errors", "from_core")?.call1((error.to_string(), fields))?;
    if let Some(cause) = cause {
        exception.setattr("__cause__", cause.into_value(py))?;
    }
    Ok(exception)
}

/// A tuple of objects whose making may fail.
pub(crate) fn tuple<'py>(
    py: Python<'py>,
    items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, items.collect::<PyResult<Vec<_>>>()?)
}
