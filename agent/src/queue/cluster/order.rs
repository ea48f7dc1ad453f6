//! What is ordered of messages, whoever has them: each agent does it with what it has taken, the rest is done in the stream.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use freesmtp_core::spool::Id;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::{
    super::{Final, JobState, Order, Queue, QueueError},
    Name, Shared,
    carried::Carried,
    count::What,
    look::{Found, subjects},
    publish::Going,
    unanswered,
};
use crate::cluster::subject;

/// Where agents hear of orders.
const SUBJECT: &str = "freesmtp.order";

/// How long they have to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// How long to wait when the servers do not answer.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize, Deserialize)]
struct Ordered {
    ids: Vec<String>,
    order: String,
}

fn name(order: Order) -> &'static str {
    match order {
        Order::Hold => "hold",
        Order::Release => "release",
        Order::Retry => "retry",
        Order::Cancel => "cancel",
    }
}

fn parse(name: &str) -> Option<Order> {
    [Order::Hold, Order::Release, Order::Retry, Order::Cancel]
        .into_iter()
        .find(|order| self::name(*order) == name)
}

/// Does what other agents are told to do, for ever.
pub(super) async fn listen(queue: Queue, shared: Arc<Shared>) {
    loop {
        if let Ok(mut orders) = shared.nats.client.subscribe(SUBJECT).await {
            while let Some(message) = orders.next().await {
                let ordered = serde_json::from_slice::<Ordered>(&message.payload).ok();
                let Some((ordered, reply)) = ordered.zip(message.reply) else { continue };
                let Some(order) = parse(&ordered.order) else { continue };
                let ids: Vec<Id> = ordered.ids.iter().filter_map(|id| id.parse().ok()).collect();
                let known = shared.order_here(&queue, &ids, order).await.unwrap_or_default();
                if known.is_empty() {
                    continue;
                }
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                if let Ok(answer) = serde_json::to_vec(&known) {
                    drop(shared.nats.client.publish(reply, answer.into()).await);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Shared {
    /// Does the same with each of these messages; which of them there are.
    pub(in crate::queue) async fn order(&self, ids: &[Id], order: Order) -> Result<Vec<Id>, QueueError> {
        let mut known = self.ask_agents(ids, order).await?;
        for id in ids {
            let taken = known.contains(id);
            if self.order_in_stream(*id, order, taken).await? && !taken {
                known.push(*id);
            }
        }
        Ok(known)
    }

    /// Has every agent do it, this one too; which of the messages they have.
    async fn ask_agents(&self, ids: &[Id], order: Order) -> Result<Vec<Id>, QueueError> {
        let failed = |error: &dyn std::fmt::Display| unanswered("an order", error);
        let ordered =
            Ordered { ids: ids.iter().map(ToString::to_string).collect(), order: name(order).to_owned() };
        let text = serde_json::to_vec(&ordered).map_err(|error| QueueError::new(error.to_string()))?;
        let client = &self.nats.client;
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.map_err(|error| failed(&error))?;
        client.publish_with_reply(SUBJECT, inbox, text.into()).await.map_err(|error| failed(&error))?;
        let end = tokio::time::Instant::now() + ANSWER;
        let mut known = Vec::new();
        while let Ok(Some(answer)) = tokio::time::timeout_at(end, answers.next()).await {
            let ids: Vec<String> = serde_json::from_slice(&answer.payload).unwrap_or_default();
            known.extend(ids.iter().filter_map(|id| id.parse::<Id>().ok()));
        }
        known.sort_unstable();
        known.dedup();
        Ok(known)
    }

    /// Does it with what this agent has taken and not begun; which of the messages it has.
    async fn order_here(&self, queue: &Queue, ids: &[Id], order: Order) -> Result<Vec<Id>, QueueError> {
        let known = self.leases().ids(ids);
        match order {
            Order::Cancel => queue.order_here(known.clone(), order).await.map(drop)?,
            Order::Hold => {
                let taken = self.leases().take_idle(|lease| ids.contains(&lease.name.id));
                for (message, lease) in taken {
                    let content = self.content(&lease.place, None)?;
                    let going = Going {
                        name: &lease.name,
                        class: lease.class,
                        site: &lease.site,
                        carried: &lease.carried,
                    };
                    self.put_away(&going, content, going.held(), format!("held:{}", lease.sequence)).await?;
                    self.acknowledge(&lease).await?;
                    queue.drop_leased(vec![message]).await?;
                    let held = lease.blast.clone().map(|token| (token, going.held()));
                    self.cancel_where_ordered(held.as_slice()).await?;
                }
            }
            // It is ready.
            Order::Retry | Order::Release => {}
        }
        Ok(known)
    }

    /// Does it with the jobs of a message that no agent has; whether there are any. What an agent has taken is ready.
    async fn order_in_stream(&self, id: Id, order: Order, taken: bool) -> Result<bool, QueueError> {
        let mut any = false;
        for (state, subject) in subjects(id) {
            let is_ready = subject.starts_with("mailq.ready.");
            let concerned = match order {
                Order::Cancel | Order::Hold if is_ready => !taken,
                Order::Cancel => true,
                Order::Hold => state != JobState::Held,
                Order::Release => state == JobState::Held,
                Order::Retry => state == JobState::Later,
            };
            if !concerned {
                any |= self.last(&subject).await?.is_some();
                continue;
            }
            while let Some(found) = self.last(&subject).await? {
                any = true;
                self.order_job(&found, order).await?;
            }
        }
        Ok(any)
    }

    pub(super) async fn order_job(&self, found: &Found, order: Order) -> Result<(), QueueError> {
        let sequence = found.message.sequence;
        let part = found.message.subject.rsplit('.').next().unwrap_or_default();
        let name = Name { id: found.record.id, part: part.to_owned() };
        match order {
            Order::Cancel => {
                let envelope = &found.record.envelope;
                let token = envelope.options.blast.as_deref().map(super::blasts::token);
                let what = What { name: &name, carried: &found.carried, blast: token.as_deref() };
                self.count_ended(what, Final::Cancelled, envelope.recipients.len()).await?;
            }
            Order::Hold => {
                let mut headers = carried(&found.carried);
                headers.insert("Freesmtp-Ready", found.ready.as_str());
                let payload = found.message.payload.to_vec();
                let held = format!("mailq.held.{}.{name}", subject::encode(&found.site()));
                self.send(held, format!("held:{sequence}"), headers, payload).await?;
            }
            Order::Release | Order::Retry => {
                let payload = found.message.payload.to_vec();
                let message_id = format!("moved:{sequence}");
                self.send(found.ready.clone(), message_id, carried(&found.carried), payload).await?;
            }
        }
        self.remove(sequence).await
    }

    /// Removes a job from the stream, unless it went meanwhile: its time came, or somebody else did the same.
    async fn remove(&self, sequence: u64) -> Result<(), QueueError> {
        let Err(error) = self.nats.mail.delete_message(sequence).await else { return Ok(()) };
        match self.nats.mail.get_raw_message(sequence).await {
            Err(gone) if gone.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(()),
            _ => Err(unanswered("an order", &error)),
        }
    }
}

fn carried(carried: &Carried) -> async_nats::HeaderMap {
    let mut headers = async_nats::HeaderMap::new();
    carried.write(&mut headers);
    headers
}
