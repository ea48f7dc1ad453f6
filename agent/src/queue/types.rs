//! What the queue gives and takes: plain data, without a word about how it is kept.

use std::{fmt, sync::Arc};

use freesmtp_core::spool::{Body, Id};

/// Milliseconds since 1970-01-01 00:00 UTC.
pub type Millis = i64;

/// The name of a lane in memory; see [`Lane`].
pub type LaneId = i64;

/// The most recipients of one job, and so of one transaction.
pub const JOB_RECIPIENTS: usize = 100;

/// Messages for the same site and of the same blast stand in one lane, in the order of priority and age. Of several lanes
/// of a site each has its turn, so a blast never keeps a single message from its site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name.
    pub id: LaneId,
    /// What `Routes::site` says.
    pub site: Arc<str>,
    /// The blast, 0 for none.
    pub blast: i64,
}

/// The name of a job: a message, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// The message.
    pub message: i64,
    /// The number of the job, counted from 0.
    pub n: i64,
}

/// A recipient of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its place in the envelope.
    pub index: u32,
    /// The mailbox.
    pub email: String,
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the segment in `incoming/`.
    pub segment: Arc<str>,
    /// Where its record begins.
    pub record: u64,
    /// Its bytes.
    pub body: Body,
}

/// Recipients of one message that are due at the same time at the same site: what a session carries at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub key: JobKey,
    /// Where it stands.
    pub lane: LaneId,
    /// The id of the message.
    pub id: Id,
    /// The `Message-ID` with its angle brackets; empty when it has none.
    pub message_id: String,
    /// The reverse-path, empty for the null one.
    pub sender: String,
    /// Who gets it.
    pub targets: Vec<Target>,
    /// How many recipients the message has in all.
    pub total: u32,
    /// How many attempts have failed.
    pub attempts: u32,
    /// Where the message is.
    pub place: Place,
    /// The number of its segment in the queue.
    pub segment: i64,
    /// The record says more than sender and recipients: it is read for every attempt.
    pub has_options: bool,
    /// It needs SMTPUTF8.
    pub utf8: bool,
    /// When it is given up, when the message says so itself.
    pub expires: Option<Millis>,
    /// The blast, 0 for none.
    pub blast: i64,
    /// -9 to 9, higher first.
    pub priority: i8,
}

impl Job {
    /// The number of the segment that holds the bytes of the message; none where they have a file.
    #[must_use]
    pub fn segment_of_bytes(&self) -> Option<i64> {
        matches!(self.place.body, Body::Inline { .. }).then_some(self.segment)
    }

    /// When it was submitted.
    #[must_use]
    pub fn submitted(&self) -> Millis {
        i64::try_from(self.id.unix_ms()).unwrap_or(i64::MAX)
    }
}

/// What became of a recipient for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final {
    /// A server took responsibility for it.
    Delivered,
    /// It was refused.
    Failed,
    /// Its time was over.
    Expired,
    /// Somebody cancelled it.
    Cancelled,
}

impl Final {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn number(self) -> i64 {
        match self {
            Self::Delivered => 0,
            Self::Failed => 1,
            Self::Expired => 2,
            Self::Cancelled => 3,
        }
    }

    pub(super) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Delivered,
            1 => Self::Failed,
            2 => Self::Expired,
            _ => Self::Cancelled,
        }
    }
}

impl fmt::Display for Final {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a server, or the way to it, said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The server, `mail.example.com:25`; empty when none was reached.
    pub server: String,
    /// The phase of the session.
    pub stage: String,
    /// The reply code, 0 without a reply.
    pub code: u16,
    /// The enhanced status code (RFC 3463), empty when there is none.
    pub status: String,
    /// The reply's text, or what happened.
    pub text: String,
    /// The identifier of the diagnosis.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// What an attempt came to for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetResult {
    /// The recipient.
    pub target: Target,
    /// What now.
    pub verdict: Verdict,
    /// What was said.
    pub words: Words,
}

/// What now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done with; a report (RFC 3464) is owed where `report` says so.
    Final {
        /// What became of it.
        outcome: Final,
        /// Whether its sender is to be told.
        report: bool,
    },
    /// It is tried again.
    Later {
        /// When.
        due: Millis,
        /// The message was sent whole, and no answer came: it may have been delivered.
        unknown: bool,
    },
}

/// An attempt of a job, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The job.
    pub job: JobKey,
    /// Its lane.
    pub lane: LaneId,
    /// The job has all recipients of the message.
    pub whole: bool,
    /// It has failed before.
    pub tried: bool,
    /// The number of the segment that holds the bytes of the message; none where they have a file.
    pub segment: Option<i64>,
    /// The blast, 0 for none.
    pub blast: i64,
    /// When it ended.
    pub at: Millis,
    /// One for each recipient of the job.
    pub results: Vec<TargetResult>,
    /// The conversation, where it did not go well.
    pub transcript: String,
    /// It says something about the whole site: others are not tried for a while, and this is why.
    pub trouble: bool,
}

/// Recipients of a message that ended without an attempt: their time was over, or somebody cancelled them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The number of the message in the queue.
    pub message: i64,
    /// The id of the message.
    pub id: Id,
    /// The `Message-ID` with its angle brackets; empty when it has none.
    pub message_id: String,
    /// The reverse-path, empty for the null one.
    pub sender: String,
    /// The blast, 0 for none.
    pub blast: i64,
    /// How many attempts have failed.
    pub attempts: u32,
    /// What became of them.
    pub outcome: Final,
    /// When.
    pub at: Millis,
    /// The recipients.
    pub targets: Vec<Target>,
    /// What was said at the last attempt, or the reason.
    pub words: Words,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: i64,
    /// Jobs that wait for a session.
    pub ready: i64,
    /// Jobs that wait for their time.
    pub later: i64,
    /// Jobs that are held.
    pub held: i64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.messages += more.messages;
        self.ready += more.ready;
        self.later += more.later;
        self.held += more.held;
    }
}

/// What changed, for whoever plans deliveries.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Lanes that got ready jobs (or lost them), and how many.
    pub lanes: Vec<(Lane, i64)>,
    /// Messages whose jobs may be in memory and must not be begun: held, cancelled, expired.
    pub dropped: Vec<i64>,
    /// Blasts that were paused (`true`) or go on.
    pub blasts: Vec<(i64, bool)>,
    /// Messages for which a report (RFC 3464) is owed.
    pub reports: Vec<i64>,
    /// Recipients that ended without an attempt.
    pub endings: Vec<Ending>,
    /// Jobs that will be ready later were added, or their times changed.
    pub later: bool,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
            && self.dropped.is_empty()
            && self.blasts.is_empty()
            && self.reports.is_empty()
            && self.endings.is_empty()
            && !self.later
    }
}
