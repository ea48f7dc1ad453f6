//! What became of leased jobs: said to the servers first, then here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::Request;
use freesmtp_core::spool::{Envelope, copy_record};
use futures_util::future::try_join_all;

use super::{
    super::{
        Done, Ending, Final, Job, Millis, Queue, QueueError, Target, Verdict, complete, segments::exists,
        writer::Writing,
    },
    Name, Shared,
    lease::{Begin, Lease},
    publish::Going,
    unanswered,
};

/// How long the servers have to confirm an acknowledgement.
const ANSWER: Duration = Duration::from_secs(5);

/// How long to wait before something is said again.
const PAUSE: Duration = Duration::from_secs(1);

/// A message of this agent's queue that ended without an attempt: what became of its recipients, and how many there were.
pub(in crate::queue) type Ended = (i64, Final, usize);

/// Of the messages that ended in a transaction since there were so many.
pub(in crate::queue) fn ended_since(writing: &Writing<'_>, before: usize) -> Vec<Ended> {
    let ended = |ending: &Ending| (ending.message, ending.outcome, ending.targets.len());
    writing.changes.endings.iter().skip(before).map(ended).collect()
}

impl Queue {
    /// Whether a session may begin a job now: in a queue that is shared somebody else may have it by then.
    #[must_use]
    pub fn may_begin(&self, job: &Job) -> bool {
        let Some(shared) = &self.shared else { return true };
        let begin = shared.leases().begin(job.key.message);
        if begin != Begin::Yes {
            shared.leases().remove(job.key.message);
            let (queue, message) = (self.clone(), job.key.message);
            // One that could not be dropped is found lost again.
            drop(tokio::spawn(async move { queue.drop_leased(vec![message]).await }));
        }
        begin == Begin::Yes
    }

    /// Forgets messages here that somebody else has, or will get.
    pub(super) async fn drop_leased(&self, messages: Vec<i64>) -> Result<(), QueueError> {
        if messages.is_empty() {
            return Ok(());
        }
        self.write(move |writing| {
            for message in &messages {
                complete::remove(writing, *message, true, false)?;
            }
            writing.changes.dropped.extend(&messages);
            Ok(())
        })
        .await
    }

    /// Says what ended without an attempt, as often as that takes.
    pub(in crate::queue) fn tell_ended(&self, ended: Vec<Ended>) {
        let Some(shared) = self.shared.clone().filter(|_| !ended.is_empty()) else { return };
        let queue = self.clone();
        drop(tokio::spawn(async move {
            for one in ended {
                while let Err(error) = shared.ended(&queue, one).await {
                    if queue.is_closed() {
                        return;
                    }
                    eprintln!("freesmtp agent: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }));
    }
}

impl Shared {
    /// Says what an attempt came to, then writes it.
    pub(in crate::queue) async fn complete(&self, queue: &Queue, done: &Arc<Done>) -> Result<(), QueueError> {
        let message = done.job.message;
        let lease = self.leases().get(message).filter(|lease| !lease.ended);
        let mut owes = false;
        if let Some(lease) = lease {
            owes = self.say(&lease, done).await?;
            if !owes {
                self.acknowledge(&lease).await?;
            }
        }
        let written = Arc::clone(done);
        queue.write(move |writing| complete::leave(writing, &written)).await?;
        if owes {
            self.leases().end(message);
        } else {
            self.leases().remove(message);
            self.room.notify_waiters();
        }
        Ok(())
    }

    /// Publishes what is put off, and counts what ended; whether a report is owed.
    async fn say(&self, lease: &Lease, done: &Done) -> Result<bool, QueueError> {
        let mut later: BTreeMap<Millis, Vec<u32>> = BTreeMap::new();
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        let mut owes = false;
        for result in &done.results {
            match result.verdict {
                Verdict::Later { due, .. } => {
                    later.entry(due).or_default().push(result.target.index);
                    *counts.entry("deferred").or_default() += i64::from(!done.tried);
                }
                Verdict::Final { outcome, report } => {
                    owes |= report;
                    *counts.entry(outcome.as_str()).or_default() += 1;
                    *counts.entry("deferred").or_default() -= i64::from(done.tried);
                }
            }
        }
        let said = format!("{}:a{}", lease.name, lease.carried.attempts);
        if let Some(token) = &lease.blast {
            let counted = counts.iter().filter(|(_, count)| **count != 0);
            try_join_all(
                counted.map(|(what, count)| self.count(token, what, *count, format!("{said}:{what}"))),
            )
            .await?;
        }
        if later.is_empty() {
            if lease.redelivered {
                // Whoever had it before may have put it off, and was lost before it said that it was done.
                let subject = format!("mailq.later.{}", lease.name);
                let purged = self.nats.mail.purge().filter(subject).await;
                purged.map_err(|error| unanswered("what was put off", &error))?;
            }
            return Ok(owes);
        }
        let mut carried = lease.carried.clone();
        carried.attempts += 1;
        complete::history(done).into_iter().for_each(|attempt| carried.add(attempt));
        let (record, carry) = self.leased(&lease.place)?;
        let expires = record.envelope.options.expires.map(|moment| moment.unix_seconds.saturating_mul(1_000));
        let bare = Envelope { recipients: Vec::new(), ..record.envelope.clone() };
        for (n, (due, places)) in later.into_iter().enumerate() {
            let recipients =
                places.iter().filter_map(|place| record.envelope.recipients.get(*place as usize));
            let part = Envelope { recipients: recipients.cloned().collect(), ..bare.clone() };
            let content = copy_record(record.id, &record.message_id, &part, carry.copied())
                .map_err(|error| QueueError::new(error.to_string()))?;
            let mut name = lease.name.clone();
            if n > 0 {
                name.part = format!("{}-{}-{n}", name.part, carried.attempts);
            }
            let going = Going { name: &name, class: lease.class, site: &lease.site, carried: &carried };
            let due = expires.map_or(due, |expires| due.min(expires));
            self.put(&going, content, Some(due)).await?;
        }
        Ok(owes)
    }

    /// Adds to a counter of a blast, once for each `message_id`.
    pub(super) async fn count(
        &self,
        token: &str,
        what: &str,
        by: i64,
        message_id: String,
    ) -> Result<(), QueueError> {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Incr", format!("{by:+}").as_str());
        let subject = format!("mailq.count.{token}.{what}");
        self.send(subject, message_id, headers, Vec::new()).await?;
        Ok(())
    }

    /// Says that a job is done, and waits until that is confirmed.
    pub(super) async fn acknowledge(&self, lease: &Lease) -> Result<(), QueueError> {
        let request = Request::new().payload("+ACK".into()).timeout(Some(ANSWER));
        let Err(error) = self.nats.client.send_request(lease.ack.clone(), request).await else {
            return Ok(());
        };
        // One that the servers know nothing of any more is not answered.
        match self.nats.mail.get_raw_message(lease.sequence).await {
            Err(gone)
                if gone.kind() == async_nats::jetstream::stream::LastRawMessageErrorKind::NoMessageFound =>
            {
                Ok(())
            }
            _ => Err(unanswered("an acknowledgement", &error)),
        }
    }

    /// A message ended here without an attempt.
    async fn ended(&self, queue: &Queue, (message, outcome, count): Ended) -> Result<(), QueueError> {
        let Some(lease) = self.leases().get(message).filter(|lease| !lease.ended) else { return Ok(()) };
        if let Some(token) = &lease.blast {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.count(token, outcome.as_str(), count, format!("{}:{outcome}", lease.name)).await?;
            if lease.carried.attempts > 0 {
                self.count(token, "deferred", -count, format!("{}:ended", lease.name)).await?;
            }
        }
        self.leases().end(message);
        self.settled(queue, message).await
    }

    /// Says that a job is done when nothing of it is left here.
    pub(in crate::queue) async fn settled(&self, queue: &Queue, message: i64) -> Result<(), QueueError> {
        if queue.read(|connection| exists(connection, message))? {
            return Ok(());
        }
        let lease = self.leases().get(message);
        if let Some(lease) = lease {
            self.acknowledge(&lease).await?;
            self.leases().remove(message);
            self.room.notify_waiters();
        }
        Ok(())
    }

    /// The routes of this agent lead elsewhere: the job becomes one for each site.
    pub(in crate::queue) async fn move_job(
        &self,
        queue: &Queue,
        job: &Job,
        groups: &[(String, Vec<Target>)],
    ) -> Result<(), QueueError> {
        let Some(lease) = self.leases().get(job.key.message) else { return Ok(()) };
        for (n, (site, targets)) in groups.iter().enumerate() {
            let places: Vec<u32> = targets.iter().map(|target| target.index).collect();
            let content = self.content(&lease.place, Some(&places))?;
            let part = format!("{}-s{n}", lease.name.part);
            let name = Name { id: lease.name.id, part };
            let going = Going { name: &name, class: lease.class, site, carried: &lease.carried };
            self.put(&going, content, None).await?;
        }
        self.acknowledge(&lease).await?;
        self.leases().remove(job.key.message);
        queue.drop_leased(vec![job.key.message]).await
    }

    /// Lets others have at once what this agent did not begin.
    pub(super) async fn give_back(&self) {
        let idle = self.leases().take_idle(|_| true);
        for (_, lease) in idle {
            // What is not heard comes back to others by itself, later.
            drop(self.nats.client.publish(lease.ack, "-NAK".into()).await);
        }
        drop(tokio::time::timeout(PAUSE, self.nats.client.flush()).await);
    }
}
