//! Messages that are none of ours: bytes, and those of the standard library's package `email`.

use freesmtp_core::{EmailMessage as Core, message::Content};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyMemoryView},
};

use crate::{message::EmailMessage, value::wrong_type};

/// Bytes, a `bytearray`, a `memoryview`: what they hold now.
pub(crate) fn buffer(value: &Bound<'_, PyAny>) -> PyResult<Option<Content>> {
    let Ok(view) = PyMemoryView::from(value) else { return Ok(None) };
    let bytes = view.call_method0("tobytes")?.cast_into::<PyBytes>()?;
    Ok(Some(Content::Bytes(bytes.as_bytes().into())))
}

/// A message of the standard library, as bytes.
pub(crate) fn standard(value: &Bound<'_, PyAny>) -> PyResult<Option<Content>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static FLATTEN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    if !value.is_instance(CLASS.import(py, "email.message", "Message")?)? {
        return Ok(None);
    }
    buffer(&FLATTEN.import(py, "freesmtp._standard", "flatten")?.call1((value,))?)
}

/// Whatever `send` takes, for the core.
pub(crate) fn message(value: &Bound<'_, PyAny>) -> PyResult<Core> {
    if let Ok(message) = value.cast::<EmailMessage>() {
        return message.get().data(value.py());
    }
    match buffer(value)?.map_or_else(|| standard(value), |content| Ok(Some(content)))? {
        Some(content) => Ok(Core::raw(content)),
        None => Err(wrong_type(value, "EmailMessage", "EmailMessage, email.message.Message or bytes")),
    }
}
