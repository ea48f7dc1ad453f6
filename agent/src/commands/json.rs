//! Reports and errors as JSON, for programs.

use freesmtp_core::{
    Diagnosis, Error, RecipientResult, Report, Stage,
    check::{CheckReport, CheckStep},
    diagnosis::Explanation,
    types::Reply,
};
use serde_json::{Value, json};

/// The answer to a send that worked.
pub(super) fn report(report: &Report) -> Value {
    json!({
        "ok": true,
        "report": {
            "recipients": recipients(&report.recipients),
            "reply_code": report.reply.code(),
            "reply_text": report.reply.text(),
            "message_id": report.message_id,
            "size": report.size,
            "server": report.server,
            "peer_address": report.peer_address.map(|address| address.to_string()),
            "tls": report.tls.as_ref().map(|tls| json!({
                "version": tls.version,
                "cipher": tls.cipher,
                "certificate_subject": tls.certificate_subject,
                "certificate_not_after": tls.certificate_not_after,
            })),
            "auth_mechanism": report.auth_mechanism,
            "elapsed_seconds": report.elapsed.as_secs_f64(),
            "warnings": report.warnings,
            "transcript": report.transcript.to_vec(),
        },
    })
}

/// The answer to one that failed.
pub(super) fn error(error: &Error) -> Value {
    json!({ "ok": false, "error": error_body(error) })
}

fn error_body(error: &Error) -> Value {
    json!({
        "kind": error.kind().as_str(),
        "number": error.kind().number(),
        "stage": error.stage().as_str(),
        "field": error.field(),
        "message": error.message(),
        "reply_code": error.reply_code(),
        "enhanced_code": error.enhanced_code().map(|code| code.to_string()),
        "reply_text": error.reply_text(),
        "server": error.server(),
        "is_temporary": error.is_temporary(),
        "message_id": error.message_id(),
        "recipients": recipients(error.recipients()),
        "diagnosis": error.diagnosis().map(diagnosis),
        "transcript": error.transcript().to_vec(),
        "others": error.others().iter().map(error_body).collect::<Vec<_>>(),
    })
}

fn recipients(results: &[RecipientResult]) -> Vec<Value> {
    let entry = |result: &RecipientResult| {
        json!({
            "email": result.email,
            "status": result.status.as_str(),
            "stage": result.stage.as_str(),
            "reply_code": result.reply_code(),
            "enhanced_code": result.enhanced_code().map(|code| code.to_string()),
            "reply_text": result.reply_text(),
            "diagnosis": result.diagnosis.as_ref().map(diagnosis),
        })
    };
    results.iter().map(entry).collect()
}

/// An explanation.
pub(super) fn diagnosis(diagnosis: &Diagnosis) -> Value {
    json!({
        "cause": diagnosis.cause.as_str(),
        "who": diagnosis.who.as_str(),
        "summary": diagnosis.summary,
        "remedy": diagnosis.remedy,
        "evidence": diagnosis.evidence,
        "retry_after": diagnosis.retry_after.map(|wait| wait.as_secs()),
        "reference": diagnosis.reference,
    })
}

/// One failure of a transcript.
pub(super) fn explanation(found: &Explanation) -> Value {
    let reply = found.reply.as_ref();
    json!({
        "line": found.line,
        "stage": found.stage.map(Stage::as_str),
        "host": found.host,
        "sender": found.sender,
        "recipient": found.recipient,
        "reply_code": reply.map(Reply::code),
        "enhanced_code": reply.and_then(Reply::enhanced_code).map(|code| code.to_string()),
        "reply_text": reply.map(Reply::text),
        "diagnosis": diagnosis(&found.diagnosis),
    })
}

/// What a check found.
pub(super) fn check(report: &CheckReport) -> Value {
    json!({
        "server": report.server,
        "status": report.status.as_str(),
        "summary": report.summary,
        "is_temporary": report.is_temporary(),
        "steps": report.steps.iter().map(check_step).collect::<Vec<_>>(),
        "elapsed_seconds": report.elapsed.as_secs_f64(),
        "warnings": report.warnings,
        "transcript": report.transcript,
    })
}

fn check_step(step: &CheckStep) -> Value {
    json!({
        "name": step.name.as_str(),
        "status": step.status.as_str(),
        "summary": step.summary,
        "is_temporary": step.is_temporary,
        "facts": step
            .facts
            .iter()
            .map(|fact| json!({ "name": fact.name, "value": fact.value }))
            .collect::<Vec<_>>(),
        "diagnosis": step.diagnosis.as_ref().map(diagnosis),
    })
}
