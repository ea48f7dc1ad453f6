//! What keeps a part of the shared queue alive: leases are renewed, and dropped where they ran out.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{Request, Subject};
use futures_util::StreamExt;

use super::{
    super::{Queue, QueueError},
    Shared,
    publish::{UNUSED, age},
    unanswered,
};
use crate::cluster::Class;

/// How often leases are looked at.
const TICK: Duration = Duration::from_secs(2);

/// How old a lease is when it is renewed.
const AGE: Duration = Duration::from_secs(18);

/// How often bodies are looked at that nobody may need.
const COLLECT: Duration = Duration::from_secs(600);

/// How long the servers have to confirm that.
const ANSWER: Duration = Duration::from_secs(5);

/// Does so, for ever.
pub(super) async fn keep(queue: Queue, shared: Arc<Shared>) {
    let mut collected = Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        shared.renew().await;
        // What is not answered stays as it was.
        drop(shared.recount().await);
        let ended = shared.leases().ended();
        for message in ended {
            // Where a report was made, and the servers did not answer then.
            if let Err(error) = shared.settled(&queue, message).await {
                eprintln!("freesmtp agent: {error}");
                break;
            }
        }
        if collected.elapsed() >= COLLECT {
            collected = Instant::now();
            drop(shared.collect_bodies().await);
        }
        let lost: Vec<i64> = shared.leases().take_lost().into_iter().map(|(message, _)| message).collect();
        if !lost.is_empty() {
            eprintln!(
                "freesmtp agent: {} messages that were taken are left to other agents: the servers were not reached in time",
                lost.len()
            );
        }
        if let Err(error) = queue.drop_leased(lost).await {
            eprintln!("freesmtp agent: {error}");
        }
    }
}

impl Shared {
    /// Removes bodies from the object store, while the stream is empty: nothing names them, but for what is about to be
    /// published, whose bodies were stored or renewed just now.
    async fn collect_bodies(&self) -> Result<(), QueueError> {
        let failed = |error: &dyn std::fmt::Display| unanswered("bodies", error);
        let info = self.nats.mail.get_info().await.map_err(|error| failed(&error))?;
        if info.state.messages > 0 {
            return Ok(());
        }
        let mut objects = self.nats.bodies.list().await.map_err(|error| failed(&error))?;
        while let Some(Ok(object)) = objects.next().await {
            if age(&object) >= UNUSED {
                self.nats.bodies.delete(&object.name).await.map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }

    /// Says of what was taken that it is worked on.
    async fn renew(&self) {
        let mut classes: BTreeMap<Class, Vec<(i64, Subject)>> = BTreeMap::new();
        for (message, class, ack) in self.leases().due(AGE) {
            classes.entry(class).or_default().push((message, ack));
        }
        for due in classes.values() {
            let at = Instant::now();
            for (_, ack) in due {
                drop(self.nats.client.publish(ack.clone(), "+WPI".into()).await);
            }
            let Some((_, last)) = due.last() else { continue };
            // On one connection they arrive in this order: who confirms the last one has heard of all.
            let request = Request::new().payload("+WPI".into()).timeout(Some(ANSWER));
            if self.nats.client.send_request(last.clone(), request).await.is_ok() {
                let messages: Vec<i64> = due.iter().map(|(message, _)| *message).collect();
                self.leases().renew(&messages, at);
            }
        }
    }
}
