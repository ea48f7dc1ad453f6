//! What an agent tells.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::types::Moment;

/// What becomes of a message of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SpoolStatus {
    /// Its id.
    pub id: String,
    /// What it waits for, or that it is done with.
    pub state: SpoolState,
    /// Its `Message-ID`, with angle brackets; empty when it has none, or ended longer ago.
    #[serde(default, deserialize_with = "text")]
    pub message_id: String,
    /// Its reverse-path; empty for the null one.
    #[serde(default, deserialize_with = "text")]
    pub sender: String,
    /// The blast it belongs to; empty for none.
    #[serde(default, deserialize_with = "text")]
    pub blast: String,
    /// When it was submitted.
    #[serde(default, deserialize_with = "moment")]
    pub submitted: Option<Moment>,
    /// When it is given up, as long as it waits.
    #[serde(default, deserialize_with = "moment")]
    pub expires: Option<Moment>,
    /// How many recipients it has.
    pub recipients_total: u64,
    /// How many of them have no result yet.
    pub recipients_open: u64,
    /// The recipients, at most a thousand; of a message that ended longer ago none.
    #[serde(default)]
    pub recipients: Vec<SpoolRecipient>,
}

impl SpoolStatus {
    /// Whether each recipient has its result.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.recipients_open == 0
    }
}

/// What a message of the spool waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpoolState {
    /// For a session, or it is being sent.
    Ready,
    /// For its time: after a failure, or because it asked for one.
    Later,
    /// For somebody to release it.
    Held,
    /// For its blast to be resumed.
    Paused,
    /// For nothing: each recipient has its result.
    Done,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Other,
}

impl SpoolState {
    /// The stable name: `ready`, `later`, `held`, `paused`, `done`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Later => "later",
            Self::Held => "held",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for SpoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A recipient of a message of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SpoolRecipient {
    /// The mailbox.
    pub email: String,
    /// `ready`, `later`, `held`; or what became of it: `delivered`, `failed`, `expired`, `cancelled`.
    pub state: String,
    /// How many attempts were made.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried again.
    #[serde(default, deserialize_with = "moment")]
    pub next_attempt: Option<Moment>,
    /// When it was tried last, or got its result.
    #[serde(default, deserialize_with = "moment")]
    pub at: Option<Moment>,
    /// The server that answered last: `mail.example.com:25`; empty when none did.
    #[serde(default)]
    pub server: String,
    /// Its reply code, or 0.
    #[serde(default, rename = "code")]
    pub reply_code: u16,
    /// Its enhanced status code (RFC 3463), or empty.
    #[serde(default, rename = "status")]
    pub enhanced_code: String,
    /// Its reply's text, or what happened.
    #[serde(default, rename = "text")]
    pub reply_text: String,
    /// The identifier of the diagnosis; empty when nothing went wrong.
    #[serde(default)]
    pub cause: String,
    /// What to do, a line for each way.
    #[serde(default)]
    pub remedy: String,
}

/// How far a blast is; the counts are recipients.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct BlastStatus {
    /// Its name.
    pub name: String,
    /// Whether it is under way.
    pub state: BlastState,
    /// Whether each recipient has its result.
    #[serde(rename = "done")]
    pub is_done: bool,
    /// Messages that were submitted under its name.
    pub messages: u64,
    /// Their recipients.
    pub recipients: u64,
    /// Those without a result.
    pub open: u64,
    /// Those whose server took the message.
    pub delivered: u64,
    /// Those of the open ones that were put off at least once.
    pub deferred: u64,
    /// Those that were refused for good.
    pub failed: u64,
    /// Those whose time was over.
    pub expired: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Recipients delivered per second, lately.
    pub rate: f64,
    /// Seconds that it takes at this rate; `None` when nothing says how long.
    #[serde(default)]
    pub eta_seconds: Option<f64>,
}

/// Whether a blast is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BlastState {
    /// It is.
    Running,
    /// Its messages wait until it is resumed.
    Paused,
    /// It was cancelled.
    Cancelled,
    /// Each recipient has its result.
    Done,
    /// Something that this version does not know.
    #[default]
    #[serde(other)]
    Other,
}

impl BlastState {
    /// The stable name: `running`, `paused`, `cancelled`, `done`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for BlastState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happened to a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SpoolEvent {
    /// What happened.
    pub event: SpoolEventKind,
    /// The same when the same event is told again.
    pub key: String,
    /// When: RFC 3339, UTC, milliseconds.
    pub at: String,
    /// The message's id.
    pub id: String,
    /// Its `Message-ID`.
    pub message_id: String,
    /// Its reverse-path; empty for the null one.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The blast; empty for none.
    pub blast: String,
    /// Which attempt it was, counted from 1; 0 when none was made.
    pub attempt: u32,
    /// The server, or empty.
    pub server: String,
    /// Its reply code, or 0.
    #[serde(rename = "code")]
    pub reply_code: u16,
    /// Its enhanced status code (RFC 3463), or empty.
    #[serde(rename = "status")]
    pub enhanced_code: String,
    /// Its reply's text, or what happened.
    #[serde(rename = "text")]
    pub reply_text: String,
    /// The identifier of the diagnosis, or empty.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// When it is tried again: RFC 3339; empty when it is not.
    pub next_attempt: String,
    /// The message was sent whole and no answer came: it may have been delivered.
    #[serde(rename = "unknown")]
    pub is_unknown: bool,
    /// How many events were missed, for [`SpoolEventKind::Lost`].
    pub count: u64,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpoolEventKind {
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
    /// Events were missed, because they were read too slowly.
    Lost,
    /// Something that this version does not know, or no event of a recipient.
    #[default]
    #[serde(other)]
    Other,
}

impl SpoolEventKind {
    /// The stable name: `delivered`, `deferred`, `bounced`, `expired`, `cancelled`, `lost`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for SpoolEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text, or nothing.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// A moment of RFC 3339, or nothing.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}
