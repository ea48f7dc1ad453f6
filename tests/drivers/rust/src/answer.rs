//! The answers: reports and errors as the JSON of the contract.

use freesmtp_core::{
    BulkResult, Diagnosis, Error, RecipientResult, Report,
    check::{CheckFact, CheckReport, CheckStep},
    spool::{
        Id,
        agent::{BlastStatus, SpoolEvent, SpoolStatus},
    },
    types::TlsInfo,
};
use serde_json::{Value, json};

/// The line that says that a job is at its end.
pub(crate) fn end() -> Value {
    json!({"end": true})
}

/// The line for a call that was ended and leaves no error.
pub(crate) fn ended() -> Value {
    json!({"ended": true})
}

/// The line for sends that worked; `report` is that of the last one.
pub(crate) fn success(sends: u64, report: &Report) -> Value {
    json!({
        "ok": true,
        "at": "send",
        "sends": sends,
        "report": {
            "recipients": recipients(&report.recipients),
            "reply_code": report.reply.code(),
            "reply_text": report.reply.text(),
            "message_id": report.message_id,
            "size": report.size,
            "server": report.server,
            "tls": report.tls.as_ref().map(tls),
            "auth_mechanism": report.auth_mechanism,
            "warnings": report.warnings,
        },
    })
}

/// The line for a call that has no more to say than these texts.
pub(crate) fn told(at: &str, told: &[String]) -> Value {
    json!({ "ok": true, "at": at, "sends": 0, "told": told })
}

/// The line for messages that the spool has taken.
pub(crate) fn submitted(at: &str, ids: &[Id]) -> Value {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    json!({ "ok": true, "at": at, "sends": 0, "ids": ids })
}

/// What a diagnosis says.
pub(crate) fn diagnosed(diagnosis: &Diagnosis) -> Vec<String> {
    vec![
        diagnosis.cause.to_string(),
        diagnosis.who.to_string(),
        diagnosis.summary.clone(),
        diagnosis.remedy.clone(),
        diagnosis.evidence.clone(),
    ]
}

/// The line for what became of a message.
pub(crate) fn spool_status(at: &str, status: &SpoolStatus) -> Value {
    let mut told = vec![
        status.id.clone(),
        status.state.to_string(),
        status.is_done().to_string(),
        status.recipients_total.to_string(),
        status.recipients_open.to_string(),
    ];
    told.extend(
        status.recipients.iter().map(|one| format!("{} {} {}", one.email, one.state, one.reply_code)),
    );
    self::told(at, &told)
}

/// The line for a blast.
pub(crate) fn blast(at: &str, status: &BlastStatus) -> Value {
    let mut told = vec![status.name.clone(), status.state.to_string(), status.is_done.to_string()];
    let counts =
        [status.messages, status.recipients, status.open, status.delivered, status.failed, status.cancelled];
    told.extend(counts.map(|count| count.to_string()));
    self::told(at, &told)
}

/// The line for events.
pub(crate) fn events(at: &str, events: &[SpoolEvent]) -> Value {
    let told: Vec<String> = events
        .iter()
        .map(|event| format!("{} {} {} {}", event.event, event.recipient, event.blast, event.reply_code))
        .collect();
    self::told(at, &told)
}

/// The line for a check.
pub(crate) fn checked(report: &CheckReport) -> Value {
    let fact = |fact: &CheckFact| json!({ "name": fact.name, "value": fact.value });
    let step = |step: &CheckStep| {
        json!({
            "name": step.name.as_str(),
            "status": step.status.as_str(),
            "summary": step.summary,
            "is_temporary": step.is_temporary,
            "facts": step.facts.iter().map(fact).collect::<Vec<_>>(),
            "diagnosis": step.diagnosis.as_ref().map(diagnosis),
        })
    };
    json!({
        "ok": true,
        "at": "check",
        "sends": 0,
        "check": {
            "server": report.server,
            "status": report.status.as_str(),
            "summary": report.summary,
            "is_temporary": report.is_temporary(),
            "steps": report.steps.iter().map(step).collect::<Vec<_>>(),
            "warnings": report.warnings,
            "transcript": report.transcript.to_vec(),
            "text": report.to_string(),
        },
    })
}

/// The line for an error of the line `at`, after so many sends that worked.
pub(crate) fn failure(at: &str, sends: u64, error: &Error) -> Value {
    json!({
        "ok": false,
        "at": at,
        "sends": sends,
        "error": {
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
        },
    })
}

/// The line for one message of a bulk.
pub(crate) fn sent(sent: &BulkResult) -> Value {
    let mut answer = match &sent.result {
        Ok(report) => success(1, report),
        Err(error) => failure("sendbulk", 0, error),
    };
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("at".to_owned(), json!("sendbulk"));
        fields.insert("index".to_owned(), json!(sent.index));
    }
    answer
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

fn diagnosis(diagnosis: &Diagnosis) -> Value {
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

fn tls(tls: &TlsInfo) -> Value {
    json!({
        "version": tls.version,
        "cipher": tls.cipher,
        "certificate_subject": tls.certificate_subject,
        "certificate_not_after": tls.certificate_not_after,
    })
}
