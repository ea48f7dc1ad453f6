//! What a send answers, as Python objects: the classes are in `freesmtp/_report.py`.

use freesmtp_core::{
    RecipientResult, Report,
    types::{Reply, TlsInfo},
};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple},
};

use crate::{diagnosis::diagnosis, error::tuple};

const MODULE: &str = "freesmtp._report";

/// A `freesmtp.Report`.
pub(crate) fn report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("recipients", tuple(py, report.recipients.iter().map(|r| recipient(py, r)))?)?;
    fields.set_item("reply_code", report.reply.code())?;
    fields.set_item("enhanced_code", report.reply.enhanced_code().map(|code| code.to_string()))?;
    fields.set_item("reply_text", report.reply.text())?;
    fields.set_item("message_id", &report.message_id)?;
    fields.set_item("size", report.size)?;
    fields.set_item("server", &report.server)?;
    fields.set_item("peer_address", report.peer_address.map(|address| address.to_string()))?;
    fields.set_item("tls", report.tls.as_ref().map(|info| tls(py, info)).transpose()?)?;
    fields.set_item("auth_mechanism", report.auth_mechanism.as_deref())?;
    fields.set_item("elapsed", report.elapsed.as_secs_f64())?;
    fields.set_item("warnings", PyTuple::new(py, &report.warnings)?)?;
    fields.set_item("transcript", PyTuple::new(py, report.transcript.iter())?)?;
    CLASS.import(py, MODULE, "Report")?.call((), Some(&fields))
}

/// A `freesmtp.RecipientResult`.
pub(crate) fn recipient<'py>(py: Python<'py>, result: &RecipientResult) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("email", &result.email)?;
    fields.set_item("status", result.status.as_str())?;
    fields.set_item("stage", result.stage.as_str())?;
    fields.set_item("reply_code", result.reply_code())?;
    fields.set_item("enhanced_code", result.enhanced_code().map(|code| code.to_string()))?;
    fields.set_item("reply_text", result.reply_text())?;
    fields.set_item("diagnosis", result.diagnosis.as_ref().map(|d| diagnosis(py, d)).transpose()?)?;
    CLASS.import(py, MODULE, "RecipientResult")?.call((), Some(&fields))
}

/// A `freesmtp.Reply`.
pub(crate) fn reply<'py>(py: Python<'py>, reply: &Reply) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("code", reply.code())?;
    fields.set_item("enhanced_code", reply.enhanced_code().map(|code| code.to_string()))?;
    fields.set_item("lines", PyTuple::new(py, reply.lines())?)?;
    fields.set_item("text", reply.text())?;
    CLASS.import(py, MODULE, "Reply")?.call((), Some(&fields))
}

fn tls<'py>(py: Python<'py>, info: &TlsInfo) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("version", info.version.as_deref())?;
    fields.set_item("cipher", info.cipher.as_deref())?;
    fields.set_item("certificate_subject", info.certificate_subject.as_deref())?;
    fields.set_item("certificate_not_after", info.certificate_not_after)?;
    CLASS.import(py, MODULE, "TlsInfo")?.call((), Some(&fields))
}
