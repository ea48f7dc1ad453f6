//! Counters over all agents: those of blasts, and how many wait for which cause.

use async_nats::HeaderMap;

use super::{
    super::{Final, QueueError},
    Name, Shared,
    carried::Carried,
};
use crate::cluster::subject;

/// The counters of causes; no blast has this token.
pub(super) const CAUSES: &str = "mailq.count.causes";

/// The header with the remedy of a cause, as JSON: it may have several lines.
pub(super) const REMEDY: &str = "Freesmtp-Remedy";

/// The cause of those without one.
const OTHER: &str = "other";

/// What is counted: a job.
#[derive(Clone, Copy)]
pub(super) struct What<'a> {
    pub(super) name: &'a Name,
    pub(super) carried: &'a Carried,
    /// The token of its blast.
    pub(super) blast: Option<&'a str>,
}

impl Shared {
    /// Adds to a counter of a blast, once for each `message_id`.
    pub(super) async fn count(
        &self,
        token: &str,
        what: &str,
        by: i64,
        message_id: String,
    ) -> Result<(), QueueError> {
        self.increment(format!("mailq.count.{token}.{what}"), by, message_id, HeaderMap::new()).await
    }

    async fn increment(
        &self,
        subject: String,
        by: i64,
        message_id: String,
        mut headers: HeaderMap,
    ) -> Result<(), QueueError> {
        headers.insert("Nats-Incr", format!("{by:+}").as_str());
        self.send(subject, message_id, headers, Vec::new()).await
    }

    /// So many jobs more, or fewer, wait for what the last attempt came to, once for each `said`. One that was not tried yet
    /// waits for no cause.
    pub(super) async fn count_cause(
        &self,
        carried: &Carried,
        by: i64,
        said: String,
    ) -> Result<(), QueueError> {
        let Some((cause, remedy)) = carried.last().filter(|_| by != 0) else { return Ok(()) };
        let cause = subject::encode(if cause.is_empty() { OTHER } else { cause });
        let mut headers = HeaderMap::new();
        let remedy = serde_json::to_string(remedy).map_err(|error| QueueError::new(error.to_string()))?;
        headers.insert(REMEDY, remedy.as_str());
        self.increment(format!("{CAUSES}.{cause}"), by, format!("{said}:cause"), headers).await
    }

    /// Recipients of a job ended without an attempt.
    pub(super) async fn count_ended(
        &self,
        what: What<'_>,
        outcome: Final,
        recipients: usize,
    ) -> Result<(), QueueError> {
        let What { name, carried, blast } = what;
        if let Some(token) = blast {
            let count = i64::try_from(recipients).unwrap_or(i64::MAX);
            self.count(token, outcome.as_str(), count, format!("{name}:{outcome}")).await?;
            if carried.attempts > 0 {
                self.count(token, "deferred", -count, format!("{name}:ended")).await?;
            }
        }
        self.count_cause(carried, -1, format!("{name}:ended")).await
    }
}
