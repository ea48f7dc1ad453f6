//! Blasts over all agents: a bucket has their states, a stream their counters.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::jetstream::{
    consumer::pull,
    kv::{CreateErrorKind, Operation},
};
use freesmtp_core::spool::read_copy;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    super::{Blast, BlastState, Millis, Order, Queue, QueueError, blast},
    Shared, WINDOW, digest, lock, unanswered,
};

/// How long to wait when the servers do not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the servers look for what is parked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a consumer stays that nobody uses.
const IDLE: Duration = Duration::from_secs(300);

/// The name of a blast in subjects.
pub(super) fn token(name: &str) -> String {
    let mut token = digest(name.as_bytes());
    token.truncate(24);
    token
}

/// A blast in the bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    name: String,
    created: Millis,
    state: String,
}

impl Entry {
    fn state(&self) -> BlastState {
        match self.state.as_str() {
            "paused" => BlastState::Paused,
            "cancelled" => BlastState::Cancelled,
            _ => BlastState::Running,
        }
    }
}

/// The blasts that this agent has heard of, by token.
#[derive(Debug, Default)]
pub(super) struct Blasts {
    known: Mutex<HashMap<String, Entry>>,
}

impl Blasts {
    pub(super) fn state(&self, token: &str) -> BlastState {
        lock(&self.known).get(token).map_or(BlastState::Running, Entry::state)
    }
}

/// Hears of blasts and their states, for ever.
pub(super) async fn watch(queue: Queue, shared: Arc<Shared>) {
    loop {
        if let Ok(mut entries) = shared.nats.blasts.watch_with_history(">").await {
            while let Some(Ok(entry)) = entries.next().await {
                if entry.operation != Operation::Put {
                    continue;
                }
                let Ok(blast) = serde_json::from_slice::<Entry>(&entry.value) else { continue };
                if let Err(error) = shared.hear(&queue, &entry.key, blast).await {
                    eprintln!("freesmtp agent: {error}");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Shared {
    /// The token of a blast, which begins with its first message.
    pub(super) async fn blast(&self, name: &str) -> Result<String, QueueError> {
        let token = token(name);
        if lock(&self.blasts.known).contains_key(&token) {
            return Ok(token);
        }
        let entry =
            Entry { name: name.to_owned(), created: crate::clock::now(), state: "running".to_owned() };
        let value = serde_json::to_vec(&entry).map_err(|error| QueueError::new(error.to_string()))?;
        match self.nats.blasts.create(&token, value.into()).await {
            Ok(_) => Ok(token),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(token),
            // Two agents that begin it at the same moment: servers and client have several words for that.
            Err(error) => match self.nats.blasts.entry(&token).await {
                Ok(Some(_)) => Ok(token),
                _ => Err(unanswered("a blast", &error)),
            },
        }
    }

    /// A blast began, or its state changed.
    async fn hear(self: &Arc<Self>, queue: &Queue, token: &str, entry: Entry) -> Result<(), QueueError> {
        let (name, state, created) = (entry.name.clone(), entry.state(), entry.created);
        let before = lock(&self.blasts.known).insert(token.to_owned(), entry).map(|entry| entry.state());
        if before == Some(state) {
            return Ok(());
        }
        queue
            .write(move |writing| {
                let id = blast::id(writing, &name)?;
                writing
                    .connection
                    .prepare_cached("UPDATE blasts SET created = ? WHERE id = ?")?
                    .execute([created, id])?;
                blast::set_state(writing, &name, state).map(drop)
            })
            .await?;
        let idle = |lease: &super::lease::Lease| lease.blast.as_deref() == Some(token);
        match state {
            BlastState::Running => {
                if before == Some(BlastState::Paused) {
                    self.begin_to_unpark(queue, token);
                }
                Ok(())
            }
            BlastState::Paused => {
                let taken = self.leases().take_idle(idle);
                for (message, lease) in taken {
                    self.park(&lease, self.content(&lease.place, None)?).await?;
                    queue.drop_leased(vec![message]).await?;
                }
                Ok(())
            }
            BlastState::Cancelled => {
                let taken = self.leases().take_idle(idle);
                for (message, lease) in taken {
                    let count = self.leased(&lease.place)?.0.envelope.recipients.len();
                    self.cancelled(&lease, count).await?;
                    queue.drop_leased(vec![message]).await?;
                }
                self.begin_to_unpark(queue, token);
                Ok(())
            }
        }
    }

    /// Makes ready what waited for a blast, beside the watch: that takes seconds, and meanwhile another blast may be paused.
    fn begin_to_unpark(self: &Arc<Self>, queue: &Queue, token: &str) {
        let (shared, queue, token) = (Arc::clone(self), queue.clone(), token.to_owned());
        let task = tokio::spawn(async move {
            while let Err(error) = shared.unpark(&token).await {
                if queue.is_closed() {
                    return;
                }
                eprintln!("freesmtp agent: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        });
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// The same; every agent does some of it.
    async fn unpark(&self, token: &str) -> Result<(), QueueError> {
        let name = format!("unpark-{token}");
        let config = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: format!("mailq.parked.{token}.>"),
            inactive_threshold: IDLE,
            ..pull::Config::default()
        };
        let failed = |error: &dyn std::fmt::Display| unanswered("what is parked", error);
        let consumer =
            self.nats.mail.get_or_create_consumer(&name, config).await.map_err(|error| failed(&error))?;
        // What is paused again would only come back.
        while self.blasts.state(token) != BlastState::Paused {
            let messages = consumer.batch().max_messages(WINDOW).expires(PATIENCE).messages().await;
            let messages: Vec<_> = messages
                .map_err(|error| failed(&error))?
                .filter_map(|one| async { one.ok() })
                .collect()
                .await;
            if messages.is_empty() {
                // What an agent had that was killed comes again.
                if consumer.get_info().await.map_err(|error| failed(&error))?.num_ack_pending == 0 {
                    return Ok(());
                }
                continue;
            }
            let some = stream::iter(messages.into_iter().map(Ok::<_, QueueError>));
            some.try_for_each_concurrent(WINDOW, |message| async move {
                let mut headers = message.headers.clone().unwrap_or_default();
                let ready = headers.get("Freesmtp-Ready").map(|ready| ready.as_str().to_owned());
                let Some(subject) = ready.filter(|_| read_copy(&message.payload).is_ok()) else {
                    return Ok(());
                };
                let parked = message.info().map_or(0, |info| info.stream_sequence);
                let message_id = format!("unparked:{parked}");
                headers = carried_only(&headers);
                let payload = message.payload.to_vec();
                self.send(subject, message_id, headers, payload).await?;
                message.double_ack().await.map_err(|error| QueueError::new(error.to_string()))
            })
            .await?;
        }
        Ok(())
    }

    /// Gives a blast another state; whether there is one of that name that was not cancelled.
    pub(in crate::queue) async fn set_blast(
        &self,
        name: &str,
        state: BlastState,
    ) -> Result<bool, QueueError> {
        let token = token(name);
        let known = self.write_state(&token, state).await?;
        if known && state == BlastState::Cancelled {
            self.cancel_waiting(name).await?;
        }
        Ok(known)
    }

    /// Takes out what waits for its time, or for somebody to release it. An agent that dies meanwhile leaves the rest: it is
    /// taken out when its time comes.
    async fn cancel_waiting(&self, blast: &str) -> Result<(), QueueError> {
        let mut names = self.names("mailq.later.>").await?;
        names.extend(self.names("mailq.held.>").await?);
        let names = stream::iter(names.into_iter().map(Ok::<_, QueueError>));
        names
            .try_for_each_concurrent(WINDOW, |name| async move {
                match self.job(name).await? {
                    Some(found) if found.record.envelope.options.blast.as_deref() == Some(blast) => {
                        self.order_job(&found, Order::Cancel).await
                    }
                    _ => Ok(()),
                }
            })
            .await
    }

    async fn write_state(&self, token: &str, state: BlastState) -> Result<bool, QueueError> {
        loop {
            let found = self.nats.blasts.entry(token).await.map_err(|error| unanswered("a blast", &error))?;
            let Some(found) = found else { return Ok(false) };
            let Ok(mut entry) = serde_json::from_slice::<Entry>(&found.value) else { return Ok(false) };
            if entry.state() == BlastState::Cancelled {
                return Ok(false);
            }
            state.as_str().clone_into(&mut entry.state);
            let value = serde_json::to_vec(&entry).map_err(|error| QueueError::new(error.to_string()))?;
            // Another agent may have changed it meanwhile.
            if self.nats.blasts.update(token, value.into(), found.revision).await.is_ok() {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same blasts with the counters of all agents.
    pub(in crate::queue) fn counted(&self, blasts: Vec<Blast>) -> Result<Vec<Blast>, QueueError> {
        self.wait(async {
            let counted = stream::iter(blasts).map(|blast| self.counters(blast));
            counted.buffered(16).try_collect().await
        })
    }

    async fn counters(&self, mut blast: Blast) -> Result<Blast, QueueError> {
        let token = token(&blast.name);
        let read = |what: &'static str| self.counter(&token, what);
        (
            blast.messages,
            blast.recipients,
            blast.delivered,
            blast.deferred,
            blast.failed,
            blast.expired,
            blast.cancelled,
        ) = tokio::try_join!(
            read("messages"),
            read("recipients"),
            read("delivered"),
            read("deferred"),
            read("failed"),
            read("expired"),
            read("cancelled"),
        )?;
        Ok(blast)
    }

    async fn counter(&self, token: &str, what: &str) -> Result<i64, QueueError> {
        use async_nats::jetstream::stream::DirectGetErrorKind;
        match self.nats.counts.direct_get_last_for_subject(format!("mailq.count.{token}.{what}")).await {
            Ok(found) => Ok(value(&found.payload)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(0),
            Err(error) => Err(unanswered("the counters of a blast", &error)),
        }
    }
}

/// What a counter says.
pub(super) fn value(payload: &[u8]) -> i64 {
    #[derive(Deserialize)]
    struct Value {
        val: String,
    }
    let value = serde_json::from_slice::<Value>(payload);
    value.ok().and_then(|value| value.val.parse().ok()).unwrap_or(0)
}

/// The headers that a job keeps.
fn carried_only(headers: &async_nats::HeaderMap) -> async_nats::HeaderMap {
    let mut kept = async_nats::HeaderMap::new();
    super::carried::Carried::read(Some(headers)).write(&mut kept);
    kept
}
