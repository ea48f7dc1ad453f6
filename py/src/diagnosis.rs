//! Why something failed: `diagnose`, `explain`, and the core's explanation as a Python object.

use freesmtp_core::{
    Diagnosis, Stage,
    diagnosis::{self, Context, Explanation},
    types::Reply,
};
use pyo3::{prelude::*, types::PyList};

use crate::{
    boundary::{call, detached},
    data::data,
    error::bad_input,
    report::reply,
    value::{optional_address, text},
};

/// A `freesmtp.Diagnosis`.
pub(crate) fn diagnosis<'py>(py: Python<'py>, diagnosis: &Diagnosis) -> PyResult<Bound<'py, PyAny>> {
    data!(py, "freesmtp._report", "Diagnosis", {
        cause: diagnosis.cause.as_str(),
        who: diagnosis.who.as_str(),
        summary: &diagnosis.summary,
        remedy: &diagnosis.remedy,
        evidence: &diagnosis.evidence,
        retry_after: diagnosis.retry_after.map(|wait| wait.as_secs_f64()),
        reference: diagnosis.reference.as_deref(),
        text: diagnosis.to_string(),
    })
}

/// Explains a refusal that was not seen here: the server's reply as it stands in a log, and what else is known.
///
/// `reply` is `550 5.7.1 ...`, lines separated by `\n`; a text without a reply code is read as the words of an
/// operating system or TLS library. `offered` are the lines of the EHLO reply: `AUTH LOGIN PLAIN`, `SIZE 1000`;
/// `greeting_host` is the name in the server's greeting, `local_address` the client's end of the connection.
#[pyfunction]
#[pyo3(signature = (reply, stage=None, *, offered=None, authenticated=false, tls=false, host="", port=0,
    greeting_host=None, account=None, mechanism=None, local_address=None, ehlo_name=None, sender=None,
    recipient=None, message_size=None, recipient_count=0, message_id=None))]
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
    greeting_host: Option<&str>,
    account: Option<&str>,
    mechanism: Option<&str>,
    local_address: Option<&Bound<'py, PyAny>>,
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
    let local_address = match local_address {
        Some(address) => optional_address(address, "local_address")?,
        None => None,
    };
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
            greeting_host,
            user: account,
            credentials_set: account.is_some(),
            mechanism,
            local_address,
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
    data!(py, "freesmtp._report", "Explanation", {
        line: found.line,
        stage: found.stage.map(Stage::as_str),
        host: &found.host,
        sender: found.sender.as_deref(),
        recipient: found.recipient.as_deref(),
        reply: found.reply.as_ref().map(|said| reply(py, said)).transpose()?,
        diagnosis: diagnosis(py, &found.diagnosis)?,
    })
}
