//! What the server says to a sender and to recipients, and its limits.

use super::{CheckName, CheckStatus, CheckStep, counted, failed};
use crate::{
    smtp::probe::{Answer, Probe},
    types::{Diagnosis, Mailbox, Reply, Stage},
};

pub(super) fn envelope(probe: &Probe, from: bool, to: &[Mailbox]) -> CheckStep {
    const NAME: CheckName = CheckName::Envelope;
    if !from {
        let summary = "No sender and recipient were given: whether the server takes mail was not asked.";
        return CheckStep::skipped(NAME, summary);
    }
    let answers = probe.talk().map(|talk| talk.answers.as_slice()).unwrap_or_default();
    if let Some(error) = probe.error_at(&[Stage::Mail, Stage::Rcpt, Stage::Command]) {
        return answers.iter().fold(failed(NAME, error), add);
    }
    if answers.is_empty() {
        return CheckStep::skipped(NAME, "The session ended before MAIL FROM.");
    }
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.diagnosis.is_some()).collect();
    let asked = answers.iter().filter(|answer| answer.recipient.is_some()).count();
    let taken = asked - refused.iter().filter(|answer| answer.recipient.is_some()).count();
    let step = match refused.first() {
        None if to.is_empty() => {
            CheckStep::new(NAME, CheckStatus::Ok, "The server takes the sender; no recipient was given.")
        }
        None => CheckStep::new(
            NAME,
            CheckStatus::Ok,
            format!("The server takes the sender and {}.", counted(taken, "recipient", "recipients")),
        ),
        Some(first) => {
            let summary = match &first.recipient {
                None => "The server refuses the sender.".to_owned(),
                Some(email) if asked == 1 => format!("The server refuses the recipient {email}."),
                Some(_) => format!("The server refuses {} of {asked} recipients.", refused.len()),
            };
            let is_temporary =
                refused.iter().all(|answer| answer.reply.as_ref().is_some_and(Reply::is_transient));
            let step = CheckStep::new(NAME, CheckStatus::Failed, summary).temporary(is_temporary);
            match &first.diagnosis {
                Some(diagnosis) => step.with_diagnosis(or_log_in(diagnosis.clone(), probe)),
                None => step,
            }
        }
    };
    answers.iter().fold(step, add)
}

/// A login that was not made may be the way out, whatever else the server says.
fn or_log_in(mut diagnosis: Diagnosis, probe: &Probe) -> Diagnosis {
    let Some(talk) = probe.talk().filter(|talk| talk.authenticated.is_none()) else { return diagnosis };
    let offered = talk.capabilities.auth.join(" ");
    if !offered.is_empty() && !diagnosis.remedy.contains("AUTH") {
        diagnosis.remedy.push_str(&format!(
            "\nOr log in, if you have an account there: the server offers AUTH {offered} and none was tried."
        ));
    }
    diagnosis
}

/// Who was asked about, and the reply: three facts that belong together.
fn add(step: CheckStep, answer: &Answer) -> CheckStep {
    let reply =
        answer.reply.as_ref().map_or_else(|| "not asked: it needs SMTPUTF8".to_owned(), ToString::to_string);
    let result = if answer.diagnosis.is_none() { "accepted" } else { "refused" };
    step.with("address", answer.recipient.as_deref().unwrap_or("sender"))
        .with("result", result)
        .with("reply", reply)
}

pub(super) fn limits(probe: &Probe) -> CheckStep {
    const NAME: CheckName = CheckName::Limits;
    let Some(talk) = probe.talk().filter(|talk| !talk.capabilities.host.is_empty()) else {
        return CheckStep::skipped(NAME, "The session ended before the server named its limits.");
    };
    let offered = &talk.capabilities;
    let mut parts = Vec::new();
    if let Some(limit) = offered.size_limit {
        parts.push(format!("messages up to {}", bytes(limit)));
    }
    let named = [
        (offered.limits.recipients, "recipients a message", "recipients"),
        (offered.limits.messages, "messages a connection", "messages"),
        (offered.limits.domains, "recipient domains a connection", "recipient_domains"),
    ];
    for (limit, words, _) in named {
        parts.extend(limit.map(|limit| format!("{limit} {words}")));
    }
    let summary = match parts.is_empty() {
        true => "The server names no limits.".to_owned(),
        false => format!("The server takes {}.", parts.join(", ")),
    };
    let step = CheckStep::new(NAME, CheckStatus::Ok, summary)
        .with("message_size", offered.size_limit.map(|limit| limit.to_string()).unwrap_or_default());
    named.into_iter().fold(step, |step, (limit, _, name)| {
        step.with(name, limit.map(|limit| limit.to_string()).unwrap_or_default())
    })
}

/// `35.9 MB`, `100 kB`, `512 bytes`.
fn bytes(count: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = count / (unit / 10);
        match tenths % 10 {
            0 => (tenths / 10).to_string(),
            part => format!("{}.{part}", tenths / 10),
        }
    };
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let texts = [512, 102_400, 35_882_577, 80_000_000, u64::MAX].map(bytes);
        assert_eq!(texts, ["512 bytes", "102.4 kB", "35.8 MB", "80 MB", "18446744073.7 GB"]);
    }
}
