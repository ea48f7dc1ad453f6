//! Answers, as the socket and the web server give them. Their members are only ever added to within a version.
//!
//! Each is a type, so that the description of the web API says what is answered and cannot say anything else.

use freesmtp_core::spool::Id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::failures::Failed;
use crate::{
    events::moment,
    queue::{Blast, BlastState, Millis},
};

/// A moment, or nothing.
pub(crate) fn at(millis: Option<Millis>) -> Option<String> {
    millis.map(moment)
}

/// When a message was submitted: its id says it.
pub(crate) fn submitted(id: Id) -> Millis {
    i64::try_from(id.unix_ms()).unwrap_or(i64::MAX)
}

/// An answer as JSON.
pub(crate) fn json(answer: &impl Serialize) -> Value {
    // A type of this crate is JSON always: its maps have names, its numbers are finite.
    serde_json::to_value(answer).unwrap_or_default()
}

/// How the agent is; where agents share a queue, with what all of them do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// Of the agent.
    pub(crate) version: &'static str,
    /// Of what is spoken at the socket.
    pub(crate) protocol: u64,
    /// The folder of the spool.
    pub(crate) spool: String,
    /// The agent's process.
    pub(crate) pid: u32,
    /// When it was started: RFC 3339, UTC.
    pub(crate) started: String,
    pub(crate) uptime_seconds: i64,
    pub(crate) sessions: Sessions,
    pub(crate) queue: QueueStatus,
    /// Recipients delivered in a second, over the last ten.
    pub(crate) rate: f64,
    pub(crate) since_start: SinceStart,
    /// Those that share a queue with this one and were heard of in the last ten minutes.
    pub(crate) others: Vec<OtherAgent>,
}

/// An agent that shares the queue.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct OtherAgent {
    pub(crate) name: String,
    /// It was heard of in the last five seconds: what it does is in the figures.
    pub(crate) answers: bool,
    /// When it was heard of last.
    pub(crate) heard_seconds_ago: u64,
    pub(crate) sessions: Sessions,
    pub(crate) rate: f64,
}

/// Sessions with servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sessions {
    pub(crate) open: usize,
    /// The most at the same time.
    pub(crate) limit: usize,
}

/// What waits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QueueStatus {
    /// Messages of which a recipient has no result yet.
    pub(crate) messages: i64,
    /// Deliveries that wait for a session, or are being made.
    pub(crate) ready: i64,
    /// Deliveries that wait for their time.
    pub(crate) later: i64,
    /// Deliveries that wait until somebody releases them.
    pub(crate) held: i64,
    /// When the oldest message was submitted.
    pub(crate) oldest: Option<String>,
    pub(crate) oldest_age_seconds: Option<i64>,
}

/// Recipients, by what attempts came to since the agent was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SinceStart {
    pub(crate) delivered: u64,
    /// Put off; each time anew.
    pub(crate) deferred: u64,
    pub(crate) failed: u64,
    /// The message was sent whole and no answer came.
    pub(crate) unknown: u64,
}

/// Where mail waits, and why.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Destinations {
    /// When the queue was looked through. A long one is looked through now and then, not for every question.
    pub(crate) at: String,
    /// The most first.
    pub(crate) sites: Vec<Site>,
    /// The most first.
    pub(crate) causes: Vec<Cause>,
    /// What failed for good since the agent was started: the most first.
    pub(crate) failed: Vec<Failed>,
}

/// A destination: a domain, or the servers of a route.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Site {
    pub(crate) site: String,
    /// Deliveries that wait for a session.
    pub(crate) ready: i64,
    /// Deliveries that wait for their time.
    pub(crate) later: i64,
    /// Deliveries that are held.
    pub(crate) held: i64,
    /// How long the first of the ready ones has been so.
    pub(crate) oldest_ready_seconds: Option<i64>,
    pub(crate) ages: Ages,
}

/// Deliveries that are ready or wait for their time, by the age of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Ages {
    /// Under ten minutes.
    pub(crate) minutes: i64,
    /// Under an hour.
    pub(crate) hour: i64,
    /// Under a day.
    pub(crate) day: i64,
    pub(crate) older: i64,
}

/// Why deliveries wait: what their last attempts came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Cause {
    /// The identifier of the diagnosis.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) remedy: String,
    /// Deliveries.
    pub(crate) count: i64,
}

/// Where the bytes of a message are.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Whereabouts {
    /// A file that the agent's user may read.
    pub(crate) path: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Blasts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Blasts {
    /// The newest first.
    pub(crate) blasts: Vec<BlastAnswer>,
}

/// A blast: messages of one name. Counts are of recipients.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Blast)]
pub(crate) struct BlastAnswer {
    pub(crate) name: String,
    /// `running`, `paused`, `cancelled` or `done`.
    pub(crate) state: &'static str,
    /// No recipient is open.
    pub(crate) done: bool,
    pub(crate) created: String,
    pub(crate) updated: String,
    pub(crate) messages: i64,
    /// Of all messages.
    pub(crate) recipients: i64,
    /// Without a result.
    pub(crate) open: i64,
    pub(crate) delivered: i64,
    /// Of the open ones: those that wait for another attempt.
    pub(crate) deferred: i64,
    pub(crate) failed: i64,
    pub(crate) expired: i64,
    pub(crate) cancelled: i64,
    /// Delivered in a second, over the last ten.
    pub(crate) rate: f64,
    pub(crate) eta_seconds: Option<f64>,
}

/// A blast; rate in recipients delivered per second.
pub(crate) fn blast(blast: &Blast, rate: f64) -> BlastAnswer {
    let open = blast.open();
    let runs = blast.state == BlastState::Running;
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    let eta = (runs && open > 0 && rate > 0.0).then(|| (open as f64 / rate).ceil());
    BlastAnswer {
        name: blast.name.clone(),
        state: if open == 0 && runs { "done" } else { blast.state.as_str() },
        done: open == 0,
        created: moment(blast.created),
        updated: moment(blast.updated),
        messages: blast.messages,
        recipients: blast.recipients,
        open,
        delivered: blast.delivered,
        deferred: blast.deferred,
        failed: blast.failed,
        expired: blast.expired,
        cancelled: blast.cancelled,
        rate,
        eta_seconds: eta,
    }
}

/// What an order did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// Messages that it was carried out for.
    pub(crate) count: usize,
    /// The first of them, where a filter chose them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ids: Option<Vec<String>>,
    /// Ids that are not in the queue.
    pub(crate) unknown: Vec<String>,
}
