//! Blasts over all agents: a bucket has their states, a stream their counters.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::jetstream::{
    kv::{CreateErrorKind, Operation},
    stream::LastRawMessageErrorKind,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    super::{Blast, BlastState, Millis, Order, Queue, QueueError, blast},
    Shared, WINDOW, digest, lock, unanswered,
};

/// How long to wait when the servers do not answer.
const PAUSE: Duration = Duration::from_secs(1);

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

/// What was heard of a blast last.
#[derive(Debug)]
struct Heard {
    state: BlastState,
    /// Which writing of its entry said so; none while not all is done here that follows from it.
    revision: Option<u64>,
}

/// The blasts that this agent has heard of, by token.
#[derive(Debug, Default)]
pub(super) struct Blasts {
    known: Mutex<HashMap<String, Heard>>,
}

impl Blasts {
    pub(super) fn state(&self, token: &str) -> BlastState {
        lock(&self.known).get(token).map_or(BlastState::Running, |heard| heard.state)
    }
}

/// Hears of blasts and their states, for ever.
pub(super) async fn watch(queue: Queue, shared: Arc<Shared>) {
    loop {
        if let Ok(mut entries) = shared.nats.blasts.watch_with_history(">").await {
            let mut knows_all = false;
            while let Some(Ok(entry)) = entries.next().await {
                let blast = serde_json::from_slice::<Entry>(&entry.value).ok();
                if let Some(blast) = blast.filter(|_| entry.operation == Operation::Put) {
                    if let Err(error) = shared.hear(&queue, &entry.key, blast, entry.revision).await {
                        eprintln!("freesmtp agent: {error}");
                        // It is heard again.
                        break;
                    }
                    if knows_all {
                        shared.begin_to_unpark(&queue, &entry.key);
                    }
                }
                if entry.seen_current && !knows_all {
                    knows_all = true;
                    shared.begin_to_unpark_all(&queue);
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
    async fn hear(
        self: &Arc<Self>,
        queue: &Queue,
        token: &str,
        entry: Entry,
        revision: u64,
    ) -> Result<(), QueueError> {
        let (state, Entry { name, created, .. }) = (entry.state(), entry);
        let heard = Heard { state, revision: None };
        let before = lock(&self.blasts.known).insert(token.to_owned(), heard);
        if before.as_ref().is_none_or(|before| before.revision != Some(revision)) {
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
            self.take_out(queue, token).await?;
        }
        lock(&self.blasts.known).insert(token.to_owned(), Heard { state, revision: Some(revision) });
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
                // The leader is asked: another server may not have it yet.
                match self.last(&name).await? {
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
            let Some((mut entry, revision)) = self.entry(token).await? else { return Ok(false) };
            if entry.state() == BlastState::Cancelled {
                return Ok(false);
            }
            state.as_str().clone_into(&mut entry.state);
            let value = serde_json::to_vec(&entry).map_err(|error| QueueError::new(error.to_string()))?;
            // Another agent may have changed it meanwhile.
            if self.nats.blasts.update(token, value.into(), revision).await.is_ok() {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A blast as the leader of the bucket has it, with the number of that writing: what another server says may be older.
    async fn entry(&self, token: &str) -> Result<Option<(Entry, u64)>, QueueError> {
        let bucket = &self.nats.blasts;
        match bucket.stream.get_last_raw_message_by_subject(&format!("{}{token}", bucket.prefix)).await {
            Ok(found) => Ok(serde_json::from_slice(&found.payload).ok().map(|entry| (entry, found.sequence))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unanswered("a blast", &error)),
        }
    }

    /// Takes out those of these jobs, with the token of the blast and the subject of each, whose blast was cancelled. Whoever
    /// cancels writes that and then looks for what waits; who puts a job where it waits asks for the state then: so one of
    /// the two finds it.
    pub(super) async fn cancel_where_ordered(&self, waiting: &[(String, String)]) -> Result<(), QueueError> {
        let mut blasts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (token, subject) in waiting {
            blasts.entry(token).or_default().push(subject);
        }
        for (token, subjects) in blasts {
            let entry = self.entry(token).await?;
            if entry.is_none_or(|(entry, _)| entry.state() != BlastState::Cancelled) {
                continue;
            }
            let subjects = stream::iter(subjects.into_iter().map(Ok::<_, QueueError>));
            subjects
                .try_for_each_concurrent(WINDOW, |subject| async move {
                    match self.last(subject).await? {
                        Some(found) => self.order_job(&found, Order::Cancel).await,
                        None => Ok(()),
                    }
                })
                .await?;
        }
        Ok(())
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
        // The leader is asked: of two counters another server may have one that is newer than the other.
        let subject = format!("mailq.count.{token}.{what}");
        match self.nats.counts.get_last_raw_message_by_subject(&subject).await {
            Ok(found) => Ok(value(&found.payload)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(0),
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
