//! Reports and errors as text, for a person.
//!
//! What a server said is escaped: it may hold what drives a terminal.

use std::fmt::Write as _;

use freesmtp_core::{Diagnosis, Error, RecipientResult, Report, Who, log::escape};

/// Most lines of the conversation that are shown.
const LINES_SHOWN: usize = 12;

/// One line on where the message is now, and one for each warning and for each recipient that did not get it.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    let taken = report.accepted().count();
    line(
        &mut text,
        &format!("{} took the message for {}: {}", report.server, people(taken), one_line(&report.reply)),
    );
    line(&mut text, &format!("Message-ID: {}", report.message_id));
    for warning in &report.warnings {
        line(&mut text, &format!("warning: {}", warning.replace('\n', " ")));
    }
    text
}

/// What happened to the recipients that did not get a message that others did; empty when there are none.
pub(super) fn not_delivered(report: &Report) -> String {
    let mut text = String::new();
    for result in report.failed() {
        recipient(&mut text, result);
        if let Some(diagnosis) = &result.diagnosis {
            explanation(&mut text, diagnosis);
        }
    }
    text
}

/// What failed, why, what to do, and the end of the conversation.
pub(super) fn error(error: &Error) -> String {
    let mut text = String::new();
    let field = error.field().map(|field| format!("{field}: ")).unwrap_or_default();
    let server = error.server().map(|server| format!(" [{server}, {}]", error.stage())).unwrap_or_default();
    line(&mut text, &format!("{field}{}{server}", error.message().replace('\n', " / ")));
    if error.recipients().len() > 1 {
        error.recipients().iter().for_each(|result| recipient(&mut text, result));
    }
    if let Some(diagnosis) = error.diagnosis() {
        text.push('\n');
        explanation(&mut text, diagnosis);
    }
    for other in error.others() {
        line(&mut text, &format!("before that: {}", other.message().replace('\n', " / ")));
    }
    let transcript = error.transcript();
    if !transcript.is_empty() {
        line(&mut text, "\nThe end of the conversation:");
        for said in transcript.iter().skip(transcript.len().saturating_sub(LINES_SHOWN)) {
            line(&mut text, &format!("  | {}", escape(said)));
        }
    }
    text
}

/// Cause, who must act, and the remedies as a list.
pub(super) fn explanation(text: &mut String, diagnosis: &Diagnosis) {
    line(text, &format!("Why: {} ({})", diagnosis.summary, diagnosis.cause));
    line(text, &format!("What to do ({}):", actor(diagnosis.who)));
    for remedy in diagnosis.remedy.lines() {
        line(text, &format!("  - {remedy}"));
    }
    if let Some(wait) = diagnosis.retry_after {
        line(text, &format!("Wait before the next attempt: {} s", wait.as_secs()));
    }
    if let Some(reference) = &diagnosis.reference {
        line(text, &format!("Reference: {reference}"));
    }
}

fn recipient(text: &mut String, result: &RecipientResult) {
    let said = result.reply.as_ref().map(|reply| format!(": {}", one_line(reply))).unwrap_or_default();
    line(text, &format!("{} {}{said}", result.email, result.status));
}

fn actor(who: Who) -> &'static str {
    match who {
        Who::SenderCode => "you, in the program or its settings",
        Who::SenderAccount => "the owner of the sending account",
        Who::ServerAdmin => "the administrator of the server",
        Who::Recipient => "the recipient",
        Who::Network => "whoever runs the network",
        Who::NobodyRetry => "nobody: try again later",
        _ => "see below",
    }
}

fn people(count: usize) -> String {
    if count == 1 { "one recipient".to_owned() } else { format!("{count} recipients") }
}

fn one_line(reply: &impl ToString) -> String {
    reply.to_string().replace('\n', " / ")
}

/// Adds a line; line breaks of our own text stay, everything else that drives a terminal does not.
fn line(text: &mut String, content: &str) {
    for (index, piece) in content.split('\n').enumerate() {
        let before = if index == 0 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{before}{}", escape(piece));
    }
    text.push('\n');
}
