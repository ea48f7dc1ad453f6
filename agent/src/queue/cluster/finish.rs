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
    count::What,
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
        self.count_cause(&lease.carried, -1, format!("{said}:tried")).await?;
        if later.is_empty() {
            if lease.redelivered {
                self.take_back(lease, &said).await?;
            }
            return Ok(owes);
        }
        let mut carried = lease.carried.clone();
        carried.attempts += 1;
        let mut history = complete::history(done);
        // What those met that wait is what is last of it.
        history.sort_by_key(|attempt| matches!(attempt.outcome.as_str(), "deferred" | "unknown"));
        history.into_iter().for_each(|attempt| carried.add(attempt));
        let parts = i64::try_from(later.len()).unwrap_or(i64::MAX);
        self.count_cause(&carried, parts, format!("{said}:put-off")).await?;
        let (record, carry) = self.leased(&lease.place)?;
        let expires = record.envelope.options.expires.map(|moment| moment.unix_seconds.saturating_mul(1_000));
        let bare = Envelope { recipients: Vec::new(), ..record.envelope.clone() };
        let mut waiting = Vec::new();
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
            waiting.extend(lease.blast.clone().map(|token| (token, going.later())));
        }
        self.cancel_where_ordered(&waiting).await?;
        Ok(owes)
    }

    /// Takes back what somebody put off who had the job before, and was lost before it said that it was done.
    async fn take_back(&self, lease: &Lease, said: &str) -> Result<(), QueueError> {
        let going =
            Going { name: &lease.name, class: lease.class, site: &lease.site, carried: &lease.carried };
        let Some(found) = self.last(&going.later()).await? else { return Ok(()) };
        let purged = self.nats.mail.purge().filter(going.later()).await;
        purged.map_err(|error| unanswered("what was put off", &error))?;
        if let Some(token) = lease.blast.as_ref().filter(|_| lease.carried.attempts == 0) {
            let count = i64::try_from(found.record.envelope.recipients.len()).unwrap_or(i64::MAX);
            self.count(token, "deferred", -count, format!("{said}:taken-back")).await?;
        }
        self.count_cause(&found.carried, -1, format!("{said}:taken-back")).await
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
        let Some(lease) = self.leases().claim(message) else { return Ok(()) };
        let what = What { name: &lease.name, carried: &lease.carried, blast: lease.blast.as_deref() };
        self.count_ended(what, outcome, count).await?;
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
        let more = i64::try_from(groups.len()).unwrap_or(i64::MAX) - 1;
        self.count_cause(&lease.carried, more, format!("{}:moved", lease.name)).await?;
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

    /// The senders of these are told of a delay, and not again by whoever tries them next.
    pub(in crate::queue) fn warned(&self, messages: &[i64]) {
        let mut leases = self.leases();
        messages.iter().for_each(|message| leases.warned(*message));
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
