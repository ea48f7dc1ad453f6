//! Why something failed: `diagnose`, `explain`, and the core's explanation as a Python object.

use freesmtp_core::{
    Diagnosis, Stage,
    diagnosis::{self, Context, Explanation},
    types::Reply,
};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList},
};

use crate::{
    boundary::{call, detached},
    error::bad_input,
    report::reply,
    value::text,
};

/// A `freesmtp.Diagnosis`.
pub(crate) fn diagnosis<'py>(py: Python<'py>, diagnosis: &Diagnosis) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("cause", diagnosis.cause.as_str())?;
    fields.set_item("who", diagnosis.who.as_str())?;
    fields.set_item("summary", &diagnosis.summary)?;
    fields.set_item("remedy", &diagnosis.remedy)?;
    fields.set_item("evidence", &diagnosis.evidence)?;
    fields.set_item("retry_after", diagnosis.retry_after.map(|wait| wait.as_secs_f64()))?;
    fields.set_item("reference", diagnosis.reference.as_deref())?;
    fields.set_item("text", diagnosis.to_string())?;
    CLASS.import(py, "freesmtp._report", "Diagnosis")?.call((), Some(&fields))
}

/// Explains a refusal that was not seen here: the server's reply as it stands in a log, and what else is known.
///
/// `reply` is `550 5.7.1 ...`, lines separated by `\n`; a text without a reply code is read as the words of an
/// operating system or TLS library. `offered` are the lines of the EHLO reply: `AUTH LOGIN PLAIN`, `SIZE 1000`.
#[pyfunction]
#[pyo3(signature = (reply, stage=None, *, offered=None, authenticated=false, tls=false, host="", port=0,
    account=None, mechanism=None, ehlo_name=None, sender=None, recipient=None, message_size=None,
    recipient_count=0, message_id=None))]
#[allow(clippy::too_many_arguments)] // every one of them is a keyword of Python
pub(crate) fn diagnose<'py>(
    py: Python<'py>,
    reply: &Bound<'py, PyAny>,
    stage: Option<&str>,
    offered: Option<Vec<String>>,
    authenticated: bool,
    tls: bool,
    host: &str,
    port: u16,
    account: Option<&str>,
    mechanism: Option<&str>,
    ehlo_name: Option<&str>,
    sender: Option<&str>,
    recipient: Option<&str>,
    message_size: Option<u64>,
    recipient_count: usize,
    message_id: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let detail = text(reply, "reply")?;
    let stage = stage.map(str::parse::<Stage>).transpose().map_err(|()| {
        let names = Stage::ALL.map(Stage::as_str).join(", ");
        bad_input(py, "stage", &format!("is not known; it is one of {names}"))
    })?;
    let parsed = Reply::parse(&detail);
    let offered = offered.unwrap_or_default();
    let explained = call(py, || {
        Ok(diagnosis::diagnose(&Context {
            stage,
            reply: parsed.as_ref(),
            detail: if parsed.is_none() { &detail } else { "" },
            offered: &offered,
            authenticated,
            tls,
            host,
            port,
            user: account,
            credentials_set: account.is_some(),
            mechanism,
            ehlo_name,
            sender,
            recipient,
            message_size,
            recipient_count,
            message_id,
            ..Context::default()
        }))
    })?;
    diagnosis(py, &explained)
}

/// Explains every failure in a transcript: a log of this library, of another client or of a mail server, a bounce
/// (RFC 3464), the text of an exception, or a bare reply. What holds no failure gives an empty list.
#[pyfunction]
pub(crate) fn explain<'py>(py: Python<'py>, transcript: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let transcript = text(transcript, "transcript")?;
    let found = detached(py, || Ok(diagnosis::explain(&transcript)))?;
    PyList::new(py, found.iter().map(|found| explanation(py, found)).collect::<PyResult<Vec<_>>>()?)
}

/// A `freesmtp.Explanation`.
fn explanation<'py>(py: Python<'py>, found: &Explanation) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("line", found.line)?;
    fields.set_item("stage", found.stage.map(Stage::as_str))?;
    fields.set_item("host", &found.host)?;
    fields.set_item("sender", found.sender.as_deref())?;
    fields.set_item("recipient", found.recipient.as_deref())?;
    fields.set_item("reply", found.reply.as_ref().map(|said| reply(py, said)).transpose()?)?;
    fields.set_item("diagnosis", diagnosis(py, &found.diagnosis)?)?;
    CLASS.import(py, "freesmtp._report", "Explanation")?.call((), Some(&fields))
}
