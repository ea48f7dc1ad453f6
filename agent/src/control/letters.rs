//! Answers about messages: one in a list, one with everything, one that ended.

use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{at, submitted};
use crate::{
    events::moment,
    queue::{self, Details, Ended, JobState, Millis, Outline, Summary, Waiting, Words},
};

/// The most recipients, and attempts, of a message that are shown.
const MOST: usize = 1_000;

/// Messages that fit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    /// In the order of their ids, which is that of their submission.
    pub(crate) messages: Vec<Listed>,
    /// For `after`: where to go on. Null when that is all; there may be a next page though this one is not full.
    pub(crate) next: Option<String>,
}

/// A message in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    pub(crate) id: String,
    /// `ready`, `later`, `held` or `paused`.
    pub(crate) state: &'static str,
    /// The reverse-path; empty for the null one.
    pub(crate) sender: String,
    /// Decoded; null when it has none, or cannot be read.
    pub(crate) subject: Option<String>,
    /// The first three that are open.
    pub(crate) recipients: Vec<String>,
    pub(crate) recipients_total: u32,
    pub(crate) recipients_open: u32,
    pub(crate) message_id: String,
    pub(crate) octets: u64,
    pub(crate) blast: Option<String>,
    /// -9 to 9, higher first.
    pub(crate) priority: i8,
    /// Of the first recipient.
    pub(crate) site: String,
    pub(crate) submitted: String,
    pub(crate) attempts: u32,
    pub(crate) next_attempt: Option<String>,
    /// What was said last.
    pub(crate) last: Option<Said>,
}

/// What a server said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Said {
    /// The reply code (RFC 5321 section 4.2), 0 without a reply.
    pub(crate) code: u16,
    /// The enhanced status code (RFC 3463).
    pub(crate) status: String,
    pub(crate) text: String,
    /// The identifier of the diagnosis.
    pub(crate) cause: String,
}

/// A message: one of the queue, or one that ended lately.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Message)]
pub(crate) enum Found {
    Queued(Box<Queued>),
    Over(Over),
}

impl Found {
    /// Whether no recipient is open.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Queued(message) => message.state == "done",
            Self::Over(_) => true,
        }
    }
}

/// Everything about a message of the queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = QueuedMessage)]
pub(crate) struct Queued {
    pub(crate) id: String,
    /// `ready`, `later`, `held`, `paused`, or `done` when a report is all that is owed.
    pub(crate) state: &'static str,
    /// The reverse-path; empty for the null one.
    pub(crate) sender: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) octets: u64,
    pub(crate) blast: Option<String>,
    /// -9 to 9, higher first.
    pub(crate) priority: i8,
    pub(crate) submitted: String,
    /// When it is given up.
    pub(crate) expires: Option<String>,
    pub(crate) recipients_total: u32,
    pub(crate) recipients_open: u32,
    /// At most 1,000.
    pub(crate) recipients: Vec<Recipient>,
    /// The last 1,000 that did not deliver to all.
    pub(crate) attempts: Vec<Attempt>,
}

/// A message that ended lately.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = EndedMessage)]
pub(crate) struct Over {
    pub(crate) id: String,
    /// `done`.
    pub(crate) state: &'static str,
    pub(crate) message_id: Option<String>,
    pub(crate) sender: Option<String>,
    pub(crate) submitted: String,
    pub(crate) ended: String,
    pub(crate) recipients_total: u32,
    /// 0.
    pub(crate) recipients_open: u32,
    pub(crate) delivered: u32,
    pub(crate) failed: u32,
    pub(crate) expired: u32,
    pub(crate) cancelled: u32,
    /// At most 100; none when it ended longer ago.
    pub(crate) recipients: Vec<Recipient>,
}

/// A recipient: what it waits for or what became of it, and what was said last.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Recipient {
    pub(crate) email: String,
    /// `ready`, `later`, `held`, `delivered`, `failed`, `expired` or `cancelled`.
    pub(crate) state: &'static str,
    /// Where it waits.
    pub(crate) site: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) next_attempt: Option<String>,
    /// Of the last answer.
    pub(crate) at: Option<String>,
    #[serde(flatten)]
    pub(crate) said: Answered,
}

/// What was said, and what it means.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Answered {
    /// `mail.example.com:25`; empty when none was reached.
    pub(crate) server: String,
    /// The phase of the session.
    pub(crate) stage: String,
    /// The reply code (RFC 5321 section 4.2), 0 without a reply.
    pub(crate) code: u16,
    /// The enhanced status code (RFC 3463).
    pub(crate) status: String,
    /// The reply's text, or what happened.
    pub(crate) text: String,
    /// The identifier of the diagnosis.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) remedy: String,
}

/// An attempt that did not deliver to all.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    pub(crate) at: String,
    /// The recipient; empty for all that were due then.
    pub(crate) email: String,
    /// `deferred`, `failed`, `unknown` or `delivered`.
    pub(crate) outcome: String,
    #[serde(flatten)]
    pub(crate) said: Answered,
    /// The conversation, where it was asked for; empty where an attempt before it has the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transcript: Option<Vec<String>>,
}

impl From<&Words> for Answered {
    fn from(words: &Words) -> Self {
        let Words { server, stage, code, status, text, cause, remedy } = words.clone();
        Self { server, stage, code, status, text, cause, remedy }
    }
}

/// A message in a list.
pub(crate) fn listed(message: &Summary, subject: Option<String>, outline: Outline, paused: bool) -> Listed {
    Listed {
        id: message.id.to_string(),
        state: state(outline.ready, outline.later, outline.held, paused),
        sender: message.sender.clone(),
        subject,
        recipients: outline.recipients,
        recipients_total: message.total,
        recipients_open: message.open,
        message_id: message.message_id.clone(),
        octets: message.length,
        blast: message.blast.clone(),
        priority: message.priority,
        site: outline.site,
        submitted: moment(submitted(message.id)),
        attempts: outline.attempts,
        next_attempt: at(outline.due),
        last: outline.said.map(|(code, status, text, cause)| Said { code, status, text, cause }),
    }
}

/// The state of a message by those of its recipients.
fn state(ready: u32, later: u32, held: u32, paused: bool) -> &'static str {
    match (ready, later, held) {
        (0, 0, 0) => "done",
        (0, 0, _) => "held",
        _ if paused => "paused",
        (0, ..) => "later",
        _ => "ready",
    }
}

/// Everything about a message of the queue.
pub(crate) fn queued(
    found: &Details,
    subject: String,
    expires: Option<Millis>,
    paused: bool,
    transcripts: bool,
) -> Queued {
    let summary = &found.summary;
    let count = |state| {
        u32::try_from(found.waiting.iter().filter(|waiting| waiting.state == state).count())
            .unwrap_or(u32::MAX)
    };
    let waiting = found.waiting.iter().flat_map(|waiting| {
        waiting
            .recipients
            .iter()
            .map(|(index, email)| (*index, waiting_recipient(waiting, email, &found.attempts)))
    });
    let mut recipients: Vec<(u32, Recipient)> = waiting
        .chain(found.ended.iter().map(|ended| (ended.index, ended_recipient(ended))))
        .take(MOST)
        .collect();
    recipients.sort_by_key(|(index, _)| *index);
    let skip = found.attempts.len().saturating_sub(MOST);
    Queued {
        id: summary.id.to_string(),
        state: state(count(JobState::Ready), count(JobState::Later), count(JobState::Held), paused),
        sender: summary.sender.clone(),
        subject,
        message_id: summary.message_id.clone(),
        octets: summary.length,
        blast: summary.blast.clone(),
        priority: summary.priority,
        submitted: moment(submitted(summary.id)),
        expires: at(expires),
        recipients_total: summary.total,
        recipients_open: summary.open,
        recipients: recipients.into_iter().map(|(_, recipient)| recipient).collect(),
        attempts: found.attempts[skip..].iter().map(|one| attempt(one, transcripts)).collect(),
    }
}

fn waiting_recipient(waiting: &Waiting, email: &str, attempts: &[queue::Attempt]) -> Recipient {
    let last = attempts
        .iter()
        .rev()
        .find(|one| one.job == waiting.job && (one.email.is_empty() || one.email == email));
    Recipient {
        email: email.to_owned(),
        state: waiting.state.as_str(),
        site: Some(waiting.site.clone()),
        attempts: waiting.attempts,
        next_attempt: Some(moment(waiting.due)),
        at: at(last.map(|last| last.at)),
        said: last.map(|last| Answered::from(&last.words)).unwrap_or_default(),
    }
}

fn ended_recipient(ended: &Ended) -> Recipient {
    Recipient {
        email: ended.email.clone(),
        state: ended.outcome.as_str(),
        site: None,
        attempts: 0,
        next_attempt: None,
        at: Some(moment(ended.at)),
        said: (&ended.words).into(),
    }
}

fn attempt(attempt: &queue::Attempt, transcripts: bool) -> Attempt {
    Attempt {
        at: moment(attempt.at),
        email: attempt.email.clone(),
        outcome: attempt.outcome.clone(),
        said: (&attempt.words).into(),
        transcript: transcripts.then(|| attempt.transcript.lines().map(str::to_owned).collect()),
    }
}
