//! Answers as JSON. Their members are only ever added to within a version.

use freesmtp_core::spool::Id;
use serde_json::{Value, json};

use crate::{
    events::moment,
    queue::{
        Attempt, Blast, BlastState, Details, Ended, Millis, Outline, QueueError, SiteCount, Summary, Waiting,
        Words,
    },
};

/// The most recipients, and attempts, of a message that are shown.
const MOST: usize = 1_000;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) trouble: Trouble,
    pub(crate) text: String,
    pub(crate) remedy: &'static str,
}

/// The kinds of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    BadRequest,
    Version,
    UnknownId,
    UnknownBlast,
    Cancelled,
    Queue,
    Ending,
}

impl Trouble {
    /// The stable name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Version => "version",
            Self::UnknownId => "unknown-id",
            Self::UnknownBlast => "unknown-blast",
            Self::Cancelled => "blast-cancelled",
            Self::Queue => "queue",
            Self::Ending => "ending",
        }
    }
}

impl Refusal {
    pub(crate) fn new(trouble: Trouble, text: impl Into<String>, remedy: &'static str) -> Self {
        Self { trouble, text: text.into(), remedy }
    }

    pub(crate) fn unknown(id: Id) -> Self {
        let text = format!("no message with the id {id} is in the queue, and none ended lately");
        let remedy = "Check the id and the spool. Messages that ended longer ago, or before the agent was started, are in \
                      the events file alone.";
        Self::new(Trouble::UnknownId, text, remedy)
    }

    pub(crate) fn unknown_blast(name: &str) -> Self {
        let text = format!("no message of a blast {name:?} was ever in this spool");
        Self::new(
            Trouble::UnknownBlast,
            text,
            "Check the name and the spool; a blast begins with its first message.",
        )
    }

    pub(crate) fn ending() -> Self {
        Self::new(Trouble::Ending, "the agent ends", "Ask again when it runs.")
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "code": self.trouble.as_str(), "message": self.text, "remedy": self.remedy })
    }
}

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        Self::new(
            Trouble::Queue,
            error.to_string(),
            "Look into the agent's log; a full disk is the usual cause.",
        )
    }
}

/// A moment, or nothing.
pub(crate) fn at(millis: Option<Millis>) -> Value {
    millis.map(moment).into()
}

/// When a message was submitted: its id says it.
pub(crate) fn submitted(id: Id) -> Millis {
    i64::try_from(id.unix_ms()).unwrap_or(i64::MAX)
}

/// A message in a list.
pub(crate) fn listed(message: &Summary, outline: &Outline, paused: bool) -> Value {
    let state = state(outline.ready, outline.later, outline.held, paused);
    let said = outline.said.as_ref().map(
        |(code, status, text, cause)| json!({ "code": code, "status": status, "text": text, "cause": cause }),
    );
    json!({
        "id": message.id.to_string(),
        "state": state,
        "sender": message.sender,
        "recipients": outline.recipients,
        "recipients_total": message.total,
        "recipients_open": message.open,
        "message_id": message.message_id,
        "octets": message.length,
        "blast": message.blast,
        "priority": message.priority,
        "site": outline.site,
        "submitted": moment(submitted(message.id)),
        "attempts": outline.attempts,
        "next_attempt": at(outline.due),
        "last": said,
    })
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
pub(crate) fn message(
    found: &Details,
    subject: &str,
    expires: Option<Millis>,
    paused: bool,
    transcripts: bool,
) -> Value {
    let summary = &found.summary;
    let count = |state| {
        u32::try_from(found.waiting.iter().filter(|waiting| waiting.state == state).count())
            .unwrap_or(u32::MAX)
    };
    use crate::queue::JobState::{Held, Later, Ready};
    let waiting = found.waiting.iter().flat_map(|waiting| {
        waiting
            .recipients
            .iter()
            .map(|(index, email)| (*index, waiting_recipient(waiting, email, &found.attempts)))
    });
    let mut recipients: Vec<(u32, Value)> = waiting
        .chain(found.ended.iter().map(|ended| (ended.index, ended_recipient(ended))))
        .take(MOST)
        .collect();
    recipients.sort_by_key(|(index, _)| *index);
    let skip = found.attempts.len().saturating_sub(MOST);
    json!({
        "id": summary.id.to_string(),
        "state": state(count(Ready), count(Later), count(Held), paused),
        "sender": summary.sender,
        "subject": subject,
        "message_id": summary.message_id,
        "octets": summary.length,
        "blast": summary.blast,
        "priority": summary.priority,
        "submitted": moment(submitted(summary.id)),
        "expires": at(expires),
        "recipients_total": summary.total,
        "recipients_open": summary.open,
        "recipients": recipients.into_iter().map(|(_, recipient)| recipient).collect::<Vec<_>>(),
        "attempts": found.attempts[skip..].iter().map(|one| attempt(one, transcripts)).collect::<Vec<_>>(),
    })
}

fn waiting_recipient(waiting: &Waiting, email: &str, attempts: &[Attempt]) -> Value {
    let last = attempts
        .iter()
        .rev()
        .find(|one| one.job == waiting.job && (one.email.is_empty() || one.email == email));
    let words = last.map(|last| last.words.clone()).unwrap_or_default();
    recipient(
        email,
        waiting.state.as_str(),
        Some(&waiting.site),
        waiting.attempts,
        Some(waiting.due),
        last.map(|last| last.at),
        &words,
    )
}

fn ended_recipient(ended: &Ended) -> Value {
    recipient(&ended.email, ended.outcome.as_str(), None, 0, None, Some(ended.at), &ended.words)
}

/// A recipient: what it waits for or what became of it, and what was said last.
pub(crate) fn recipient(
    email: &str,
    state: &str,
    site: Option<&str>,
    attempts: u32,
    next: Option<Millis>,
    last: Option<Millis>,
    words: &Words,
) -> Value {
    json!({
        "email": email,
        "state": state,
        "site": site,
        "attempts": attempts,
        "next_attempt": at(next),
        "at": at(last),
        "server": words.server,
        "stage": words.stage,
        "code": words.code,
        "status": words.status,
        "text": words.text,
        "cause": words.cause,
        "remedy": words.remedy,
    })
}

fn attempt(attempt: &Attempt, transcripts: bool) -> Value {
    let words = &attempt.words;
    let mut answer = json!({
        "at": moment(attempt.at),
        "email": attempt.email,
        "outcome": attempt.outcome,
        "server": words.server,
        "stage": words.stage,
        "code": words.code,
        "status": words.status,
        "text": words.text,
        "cause": words.cause,
        "remedy": words.remedy,
    });
    if transcripts {
        answer["transcript"] = attempt.transcript.lines().collect::<Vec<_>>().into();
    }
    answer
}

/// A blast; rate in recipients delivered per second.
pub(crate) fn blast(blast: &Blast, rate: f64) -> Value {
    let open = blast.open();
    let runs = blast.state == BlastState::Running;
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    let eta = (runs && open > 0 && rate > 0.0).then(|| (open as f64 / rate).ceil());
    json!({
        "name": blast.name,
        "state": if open == 0 && runs { "done" } else { blast.state.as_str() },
        "done": open == 0,
        "created": moment(blast.created),
        "updated": moment(blast.updated),
        "messages": blast.messages,
        "recipients": blast.recipients,
        "open": open,
        "delivered": blast.delivered,
        "deferred": blast.deferred,
        "failed": blast.failed,
        "expired": blast.expired,
        "cancelled": blast.cancelled,
        "rate": rate,
        "eta_seconds": eta,
    })
}

/// A site.
pub(crate) fn site(site: &SiteCount, now: Millis) -> Value {
    json!({
        "site": site.site,
        "ready": site.ready,
        "later": site.later,
        "held": site.held,
        "oldest_ready_seconds": site.oldest_ready.map(|since| (now - since).max(0) / 1_000),
    })
}
