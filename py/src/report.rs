//! What a send answers, as Python objects: the classes are in `freesmtp/_report.py`.

use freesmtp_core::{
    RecipientResult, Report,
    types::{Reply, TlsInfo},
};
use pyo3::{prelude::*, types::PyTuple};

use crate::{data::data, diagnosis::diagnosis, error::tuple};

const MODULE: &str = "freesmtp._report";

/// A `freesmtp.Report`.
pub(crate) fn report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "Report", {
        recipients: tuple(py, report.recipients.iter().map(|r| recipient(py, r)))?,
        reply_code: report.reply.code(),
        enhanced_code: report.reply.enhanced_code().map(|code| code.to_string()),
        reply_text: report.reply.text(),
        message_id: &report.message_id,
        size: report.size,
        server: &report.server,
        peer_address: report.peer_address.map(|address| address.to_string()),
        tls: report.tls.as_ref().map(|info| tls(py, info)).transpose()?,
        auth_mechanism: report.auth_mechanism.as_deref(),
        elapsed: report.elapsed.as_secs_f64(),
        warnings: PyTuple::new(py, &report.warnings)?,
        transcript: PyTuple::new(py, report.transcript.iter())?,
    })
}

/// A `freesmtp.RecipientResult`.
pub(crate) fn recipient<'py>(py: Python<'py>, result: &RecipientResult) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "RecipientResult", {
        email: &result.email,
        status: result.status.as_str(),
        stage: result.stage.as_str(),
        reply_code: result.reply_code(),
        enhanced_code: result.enhanced_code().map(|code| code.to_string()),
        reply_text: result.reply_text(),
        diagnosis: result.diagnosis.as_ref().map(|d| diagnosis(py, d)).transpose()?,
    })
}

/// A `freesmtp.Reply`.
pub(crate) fn reply<'py>(py: Python<'py>, reply: &Reply) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "Reply", {
        code: reply.code(),
        enhanced_code: reply.enhanced_code().map(|code| code.to_string()),
        lines: PyTuple::new(py, reply.lines())?,
        text: reply.text(),
    })
}

fn tls<'py>(py: Python<'py>, info: &TlsInfo) -> PyResult<Bound<'py, PyAny>> {
    data!(py, MODULE, "TlsInfo", {
        version: info.version.as_deref(),
        cipher: info.cipher.as_deref(),
        certificate_subject: info.certificate_subject.as_deref(),
        certificate_not_after: info.certificate_not_after,
    })
}
