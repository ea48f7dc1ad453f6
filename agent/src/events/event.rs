//! What happened to a recipient, as programs are told.

use freesmtp_core::{spool::Id, types::Moment};
use serde::Serialize;

use crate::queue::{Done, Final, Job, Millis, TargetResult, Verdict, Words};

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A server took responsibility for it.
    Delivered,
    /// It is tried again.
    Deferred,
    /// It was refused for good.
    Bounced,
    /// Its time was over.
    Expired,
    /// Somebody cancelled it.
    Cancelled,
}

impl EventKind {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<Final> for EventKind {
    fn from(outcome: Final) -> Self {
        match outcome {
            Final::Delivered => Self::Delivered,
            Final::Failed => Self::Bounced,
            Final::Expired => Self::Expired,
            Final::Cancelled => Self::Cancelled,
        }
    }
}

/// One event: one recipient, one result. Fields that say nothing are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The same when it is told again: who has seen it may pass over it.
    pub key: String,
    /// What happened.
    pub event: EventKind,
    /// When: RFC 3339, in UTC, to the millisecond.
    pub at: String,
    /// The message's id in the spool.
    pub id: String,
    /// Its `Message-ID`, with angle brackets.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message_id: String,
    /// The reverse-path; empty for the null one.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The blast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blast: Option<String>,
    /// Which attempt it was, counted from 1; 0 when none was made.
    pub attempt: u32,
    /// The server, `mail.example.com:25`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// The phase of the session.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stage: String,
    /// The reply code.
    #[serde(skip_serializing_if = "is_zero")]
    pub code: u16,
    /// The enhanced status code (RFC 3463).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// The reply's text, or what happened.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The identifier of the diagnosis.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
    /// The message was sent whole and no answer came: it may have been delivered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

fn is_zero(code: &u16) -> bool {
    *code == 0
}

/// A message that an event is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its id in the spool.
    pub id: Id,
    /// Its `Message-ID`.
    pub message_id: &'a str,
    /// The reverse-path.
    pub sender: &'a str,
    /// The blast.
    pub blast: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
}

impl Event {
    /// The events of an attempt.
    pub(super) fn of_attempt<'a>(
        job: &'a Job,
        done: &'a Done,
        blast: Option<&'a str>,
    ) -> impl Iterator<Item = Self> + 'a {
        done.results.iter().map(move |result| {
            let subject = Subject {
                id: job.id,
                message_id: &job.message_id,
                sender: &job.sender,
                blast: blast.map(str::to_owned),
                attempts: job.attempts.saturating_add(1),
            };
            Self::of_result(&subject, result, done.at)
        })
    }

    fn of_result(subject: &Subject<'_>, result: &TargetResult, at: Millis) -> Self {
        let (index, email, words) = (result.target.index, &result.target.email, &result.words);
        match result.verdict {
            Verdict::Final { outcome, .. } => Self::new(subject, outcome.into(), index, email, words, at),
            Verdict::Later { due, unknown } => {
                let event = Self::new(subject, EventKind::Deferred, index, email, words, at);
                Self { next_attempt: Some(moment(due)), unknown, ..event }
            }
        }
    }

    /// An event of the recipient at that place of the envelope.
    #[must_use]
    pub fn new(
        subject: &Subject<'_>,
        kind: EventKind,
        index: u32,
        recipient: &str,
        words: &Words,
        at: Millis,
    ) -> Self {
        let words = words.clone();
        Self {
            key: format!("{}.{index}.{}.{}", subject.id, subject.attempts, kind.as_str()),
            event: kind,
            at: moment(at),
            id: subject.id.to_string(),
            message_id: subject.message_id.to_owned(),
            sender: subject.sender.to_owned(),
            recipient: recipient.to_owned(),
            blast: subject.blast.clone(),
            attempt: subject.attempts,
            server: words.server,
            stage: words.stage,
            code: words.code,
            status: words.status,
            text: words.text,
            cause: words.cause,
            remedy: words.remedy,
            next_attempt: None,
            unknown: false,
        }
    }

    /// One line of JSON, with its line end.
    pub(super) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// RFC 3339, in UTC, to the millisecond.
pub(crate) fn moment(at: Millis) -> String {
    let seconds = Moment::new(at.div_euclid(1_000)).to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at.rem_euclid(1_000))
}
