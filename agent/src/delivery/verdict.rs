//! What the answer of a server means for each recipient, and for the destination.

use std::{path::Path, time::Duration};

use freesmtp_core::{
    Cause, Error, ErrorKind, RecipientResult, RecipientStatus, Report, Stage,
    types::{Diagnosis, Failure, Transcript},
};

use super::health::{BREATHER, Signal};
use crate::{
    queue::{Done, Final, Job, Millis, Target, TargetResult, Verdict, Words},
    retry::{Retry, lies_with_settings},
    routes::RouteError,
};

/// The longest conversation that is kept.
const TRANSCRIPT: usize = 8_192;

/// The moment, the schedule and the shake of one attempt.
#[derive(Clone, Copy)]
pub(super) struct When<'a> {
    pub(super) now: Millis,
    pub(super) retry: &'a Retry,
    /// From 0 to 1.
    pub(super) random: f64,
    /// Until when the destination rests anyway.
    pub(super) held_until: Millis,
}

/// What an answer says about the destination.
pub(super) fn signal(answer: &Result<Report, Error>) -> Signal {
    match answer {
        Ok(report) => signal_of(&report.recipients),
        Err(error) => signal_of_error(error),
    }
}

/// What it says about each recipient.
///
/// `asked` says which of them the sender wants to hear of from here when they are delivered; empty for none.
pub(super) fn judge(job: &Job, answer: &Result<Report, Error>, asked: &[bool], when: When<'_>) -> Done {
    let (recipients, transcript) = match answer {
        Ok(report) => (&report.recipients[..], &report.transcript),
        Err(error) => (error.recipients(), error.transcript()),
    };
    let server = match answer {
        Ok(report) => report.server.as_str(),
        Err(error) => error.server().unwrap_or_default(),
    };
    let results = job.targets.iter().enumerate().map(|(at, target)| {
        // The entries stand in the order of the recipients; a mailbox that was given twice has one.
        let found = recipients
            .get(at)
            .filter(|found| found.email == target.email)
            .or_else(|| recipients.iter().find(|found| found.email == target.email));
        let asked = asked.get(at).copied().unwrap_or_default() && !job.sender.is_empty();
        match (found, answer) {
            (Some(found), _) => {
                let mut result = of_recipient(job, target, found, server, when);
                if let Verdict::Final { outcome: Final::Delivered, report } = &mut result.verdict {
                    *report |= asked;
                }
                result
            }
            (None, Err(error)) => of_error(job, target, error, when),
            (None, Ok(_)) => unheard(job, target, when),
        }
    });
    let results: Vec<TargetResult> = results.collect();
    let well = results.iter().all(|r| matches!(r.verdict, Verdict::Final { outcome: Final::Delivered, .. }));
    let transcript = if well { String::new() } else { shortened(transcript) };
    let trouble =
        matches!(signal(answer), Signal::Trouble { .. } | Signal::Slower { .. } | Signal::RateLimited { .. });
    Done { trouble, ..done(job, results, transcript, when.now) }
}

/// Judges that there are no servers for the job.
pub(super) fn no_route(job: &Job, error: &RouteError, when: When<'_>) -> Done {
    let words = Words {
        stage: Stage::Resolve.as_str().to_owned(),
        status: error.code().to_owned(),
        text: error.text().to_owned(),
        cause: error.cause().as_str().to_owned(),
        remedy: error.remedy().to_owned(),
        ..Words::default()
    };
    let each = |target: &Target| {
        let verdict =
            if error.is_permanent() { ended(job, Final::Failed) } else { later(job, None, false, when) };
        TargetResult { target: target.clone(), verdict, words: words.clone() }
    };
    let results = job.targets.iter().map(each).collect();
    Done { trouble: !error.is_permanent(), ..done(job, results, String::new(), when.now) }
}

/// Judges that the message cannot be read from the spool: that is for this machine's administrator, and tried again.
pub(super) fn unreadable(job: &Job, error: &std::io::Error, when: When<'_>) -> Done {
    let words = Words {
        stage: Stage::Compose.as_str().to_owned(),
        text: format!("the message cannot be read from the spool: {error}"),
        cause: Cause::FileFailed.as_str().to_owned(),
        ..Words::default()
    };
    let each = |target: &Target| TargetResult {
        target: target.clone(),
        verdict: later(job, None, false, when),
        words: words.clone(),
    };
    let results = job.targets.iter().map(each).collect();
    done(job, results, String::new(), when.now)
}

/// Judges that the message was damaged on this machine's disk: another attempt would read the same.
pub(super) fn damaged(job: &Job, error: &std::io::Error, kept: Option<&Path>, when: When<'_>) -> Done {
    let kept = kept.map(|path| format!("what is left of it is {}; ", path.display())).unwrap_or_default();
    let words = Words {
        stage: Stage::Compose.as_str().to_owned(),
        // Other or undefined mail system status (RFC 3463 section 3.4).
        status: "5.3.0".to_owned(),
        text: format!("the message was damaged in the spool, and nothing of it was sent: {error}"),
        cause: Cause::FileFailed.as_str().to_owned(),
        remedy: format!(
            "{kept}look after the disk and the memory of this machine, and submit the message again"
        ),
        ..Words::default()
    };
    let verdict = ended(job, Final::Failed);
    let each = |target: &Target| TargetResult { target: target.clone(), verdict, words: words.clone() };
    done(job, job.targets.iter().map(each).collect(), String::new(), when.now)
}

fn done(job: &Job, results: Vec<TargetResult>, transcript: String, at: Millis) -> Done {
    Done {
        job: job.key,
        lane: job.lane,
        whole: job.targets.len() == job.total as usize,
        tried: job.attempts > 0,
        segment: job.segment_of_bytes(),
        blast: job.blast,
        at,
        results,
        transcript,
        trouble: false,
    }
}

fn of_recipient(
    job: &Job,
    target: &Target,
    found: &RecipientResult,
    server: &str,
    when: When<'_>,
) -> TargetResult {
    let diagnosis = found.diagnosis.as_ref();
    let after = diagnosis.and_then(|diagnosis| diagnosis.retry_after);
    let settings = diagnosis.is_some_and(|diagnosis| lies_with_settings(diagnosis.cause));
    let verdict = match found.status {
        RecipientStatus::Accepted => ended(job, Final::Delivered),
        RecipientStatus::Refused if !settings => ended(job, Final::Failed),
        RecipientStatus::Refused | RecipientStatus::Deferred => later(job, after, false, when),
        RecipientStatus::Unknown => later(job, after, true, when),
    };
    let words = Words {
        server: server.to_owned(),
        stage: found.stage.as_str().to_owned(),
        code: found.reply_code(),
        status: found.enhanced_code().map(|code| code.to_string()).unwrap_or_default(),
        text: match (found.reply.as_ref(), diagnosis) {
            (Some(reply), _) => reply.text(),
            (None, Some(diagnosis)) => diagnosis.summary.clone(),
            (None, None) => String::new(),
        },
        cause: diagnosis.map(|diagnosis| diagnosis.cause.as_str().to_owned()).unwrap_or_default(),
        remedy: diagnosis.map(|diagnosis| diagnosis.remedy.clone()).unwrap_or_default(),
    };
    TargetResult { target: target.clone(), verdict, words }
}

/// No recipient was decided on: the session was not opened, or the message is none for this server.
fn of_error(job: &Job, target: &Target, error: &Error, when: When<'_>) -> TargetResult {
    let diagnosis = error.diagnosis();
    let named = diagnosis.and_then(|diagnosis| diagnosis.retry_after);
    // Nothing was said about the message: it waits for the others' sessions, not for the next step of the schedule.
    let crowded = error.stage() < Stage::Mail
        && diagnosis.is_some_and(|diagnosis| diagnosis.cause == Cause::TooManyConnections);
    let after = named.or_else(|| crowded.then(|| Duration::from_millis(BREATHER.unsigned_abs())));
    let unknown = error.kind() == ErrorKind::OutcomeUnknown;
    let for_good = match error.kind() {
        ErrorKind::Message => true,
        // A size, an extension, a number of recipients that this server does not take.
        ErrorKind::Protocol | ErrorKind::RecipientsRefused => {
            error.stage() >= Stage::Mail && !error.is_temporary() && !of_settings(diagnosis)
        }
        _ => false,
    };
    let verdict = if for_good { ended(job, Final::Failed) } else { later(job, after, unknown, when) };
    TargetResult { target: target.clone(), verdict, words: words_of(error) }
}

fn of_settings(diagnosis: Option<&Diagnosis>) -> bool {
    diagnosis.is_some_and(|diagnosis| lies_with_settings(diagnosis.cause))
}

pub(super) fn words_of(error: &Error) -> Words {
    let diagnosis = error.diagnosis();
    Words {
        server: error.server().unwrap_or_default().to_owned(),
        stage: error.stage().as_str().to_owned(),
        code: error.reply_code(),
        status: match (error.enhanced_code(), error.failure()) {
            (Some(code), _) => code.to_string(),
            (None, Some(Failure::MessageTooLarge { .. })) => "5.3.4".to_owned(),
            (None, Some(Failure::SmtpUtf8Unsupported)) => "5.6.7".to_owned(),
            (None, _) => String::new(),
        },
        text: error.reply().map_or_else(|| error.message().to_owned(), freesmtp_core::types::Reply::text),
        cause: diagnosis.map(|diagnosis| diagnosis.cause.as_str().to_owned()).unwrap_or_default(),
        remedy: diagnosis.map(|diagnosis| diagnosis.remedy.clone()).unwrap_or_default(),
    }
}

/// The report has no entry for it, which should not be: asking again is safer than forgetting.
fn unheard(job: &Job, target: &Target, when: When<'_>) -> TargetResult {
    let words = Words { text: "the session gave no result for it".to_owned(), ..Words::default() };
    TargetResult { target: target.clone(), verdict: later(job, None, false, when), words }
}

fn ended(job: &Job, outcome: Final) -> Verdict {
    let report = match outcome {
        // Nobody is told of a report that fails (RFC 5321 section 4.5.5).
        Final::Failed | Final::Expired => !job.sender.is_empty(),
        Final::Delivered | Final::Cancelled => false,
    };
    Verdict::Final { outcome, report }
}

fn later(job: &Job, after: Option<Duration>, unknown: bool, when: When<'_>) -> Verdict {
    let When { now, retry, random, held_until } = when;
    let expires = retry.expires(job.submitted(), job.expires, job.sender.is_empty());
    if expires <= now {
        return ended(job, Final::Expired);
    }
    let failures = job.attempts.saturating_add(1);
    // There is one attempt shortly before the end, not none because the next step of the schedule is after it.
    let due =
        (now + retry.delay_after(failures, after, random)).max(held_until).min(expires.max(now + 1_000));
    Verdict::Later { due, unknown }
}

/// What the results of a session that went to its end say about the destination.
fn signal_of(recipients: &[RecipientResult]) -> Signal {
    recipients
        .iter()
        .find_map(|found| of_words(found.diagnosis.as_ref(), found.reply_code(), found.stage))
        .unwrap_or(Signal::Fine)
}

pub(super) fn signal_of_error(error: &Error) -> Signal {
    if let Some(signal) = of_words(error.diagnosis(), error.reply_code(), error.stage()) {
        return signal;
    }
    match error.kind() {
        ErrorKind::Message | ErrorKind::FileIo | ErrorKind::Cancelled | ErrorKind::Internal => {
            Signal::Nothing
        }
        ErrorKind::RecipientsRefused => signal_of(error.recipients()),
        ErrorKind::Protocol if error.stage() >= Stage::Mail && error.reply().is_some() => {
            signal_of(error.recipients())
        }
        ErrorKind::Protocol if error.stage() >= Stage::Mail => Signal::Fine,
        _ => Signal::Trouble { after: error.diagnosis().and_then(|diagnosis| diagnosis.retry_after) },
    }
}

fn of_words(diagnosis: Option<&Diagnosis>, code: u16, stage: Stage) -> Option<Signal> {
    let after = diagnosis.and_then(|diagnosis| diagnosis.retry_after);
    match diagnosis.map(|diagnosis| diagnosis.cause) {
        Some(Cause::RateLimited) => Some(Signal::RateLimited { after }),
        Some(Cause::TooManyConnections) => Some(Signal::Slower { after }),
        _ if code == 421 && stage >= Stage::Mail => Some(Signal::Slower { after }),
        _ if code == 421 => Some(Signal::Trouble { after }),
        _ => None,
    }
}

fn shortened(lines: &Transcript) -> String {
    let text = lines.to_vec().join("\n");
    if text.len() <= TRANSCRIPT {
        return text;
    }
    let mut from = text.len() - TRANSCRIPT;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    format!("…{}", &text[from..])
}
