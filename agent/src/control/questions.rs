//! Questions: what is in the queue, and how the agent is.

use std::{collections::HashSet, path::Path, sync::atomic::Ordering};

use freesmtp_core::spool::Id;
use serde_json::{Value, json};

use super::{
    CATCH_UP, Context, Refusal, VERSION, answer,
    request::{Request, Which},
};
use crate::{
    delivery::{Delivery, Letters},
    events::moment,
    queue::{Details, Page, Queue, QueueError, Summary},
    subject,
};

/// Answers a question.
pub(super) async fn answer(request: &Request, context: &Context) -> Result<Value, Refusal> {
    match request {
        Request::Status => status(context).await,
        Request::Destinations(limit) => destinations(context, *limit).await,
        Request::Message(id, transcripts) => message(context, *id, *transcripts).await,
        Request::List(which) => {
            let which = which.clone();
            blocking(context, move |context| Messages::of(context).list(&which)).await
        }
        Request::Blasts(limit) => {
            let limit = *limit;
            blocking(context, move |context| {
                let now = context.now();
                let blasts = context.handle.queue.blasts(limit)?;
                let answers: Vec<Value> = blasts
                    .iter()
                    .map(|blast| answer::blast(blast, context.memory.rates.of(blast.id, now)))
                    .collect();
                Ok(json!({ "blasts": answers }))
            })
            .await
        }
        Request::Blast(name) => blast(context, name).await,
        _ => Err(Refusal::ending()),
    }
}

/// Asks the database on a thread that may wait for it.
pub(super) async fn blocking<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce(&Context) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let context = context.clone();
    tokio::task::spawn_blocking(move || question(&context)).await.map_err(|_| Refusal::ending())?
}

/// How the agent is.
pub(super) async fn status(context: &Context) -> Result<Value, Refusal> {
    blocking(context, |context| {
        let now = context.now();
        let queue = &context.handle.queue;
        let (messages, oldest) = queue.size()?;
        let counts = queue.counts()?;
        let oldest = oldest.map(answer::submitted);
        let counters = context.handle.delivery.counters();
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": VERSION,
            "spool": context.spool.display().to_string(),
            "pid": std::process::id(),
            "started": moment(context.started),
            "uptime_seconds": (now - context.started).max(0) / 1_000,
            "sessions": {
                "open": context.handle.delivery.active(),
                "limit": context.handle.delivery.limit(),
            },
            "queue": {
                "messages": messages,
                "ready": counts.ready,
                "later": counts.later,
                "held": counts.held,
                "oldest": answer::at(oldest),
                "oldest_age_seconds": oldest.map(|oldest| (now - oldest).max(0) / 1_000),
            },
            "rate": context.memory.rates.of(0, now),
            "since_start": {
                "delivered": counters.delivered.load(Ordering::Relaxed),
                "deferred": counters.deferred.load(Ordering::Relaxed),
                "failed": counters.failed.load(Ordering::Relaxed),
                "unknown": counters.unknown.load(Ordering::Relaxed),
            },
        }))
    })
    .await
}

async fn destinations(context: &Context, limit: u32) -> Result<Value, Refusal> {
    blocking(context, move |context| Messages::of(context).destinations(limit, context.now())).await
}

/// Everything about a message, in the queue or ended lately.
pub(super) async fn message(context: &Context, id: Id, transcripts: bool) -> Result<Value, Refusal> {
    for caught_up in [false, true] {
        if caught_up {
            // What was just submitted is on its way, and what just ended is being written down.
            context.rounds.catch_up(CATCH_UP).await;
        }
        let found = blocking(context, move |context| Messages::of(context).show(id, transcripts)).await?;
        if let Some(found) = found.or_else(|| context.memory.recent.find(id)) {
            return Ok(found);
        }
    }
    Err(Refusal::unknown(id))
}

/// A blast, with everything that was submitted before.
pub(super) async fn blast(context: &Context, name: &str) -> Result<Value, Refusal> {
    context.rounds.catch_up(CATCH_UP).await;
    blast_now(context, name).await
}

/// A blast, as the queue has it.
pub(super) async fn blast_now(context: &Context, name: &str) -> Result<Value, Refusal> {
    let name = name.to_owned();
    blocking(context, move |context| {
        let found = context.handle.queue.blast(&name)?.ok_or_else(|| Refusal::unknown_blast(&name))?;
        Ok(answer::blast(&found, context.memory.rates.of(found.id, context.now())))
    })
    .await
}

/// What can be asked of a queue, by its agent or without one.
pub(crate) struct Messages<'a> {
    queue: &'a Queue,
    letters: &'a Letters,
    /// What knows when a message is given up.
    delivery: Option<&'a Delivery>,
}

impl<'a> Messages<'a> {
    /// By its agent.
    pub(super) fn of(context: &'a Context) -> Self {
        let delivery = &context.handle.delivery;
        Self { queue: &context.handle.queue, letters: delivery.letters(), delivery: Some(delivery) }
    }

    /// Without an agent.
    pub(crate) fn alone(queue: &'a Queue, letters: &'a Letters) -> Self {
        Self { queue, letters, delivery: None }
    }

    /// Everything about a message of the queue.
    pub(crate) fn show(&self, id: Id, transcripts: bool) -> Result<Option<Value>, Refusal> {
        let Some(found) = self.queue.show(id)? else { return Ok(None) };
        Ok(Some(self.shown(&found, transcripts)?))
    }

    fn shown(&self, found: &Details, transcripts: bool) -> Result<Value, Refusal> {
        let summary = &found.summary;
        let subject = subject::of(self.letters, &summary.place).unwrap_or_default();
        let expires = self.delivery.map(|delivery| delivery.gives_up(summary)).or(summary.expires);
        let paused = self.paused()?.contains(summary.blast.as_deref().unwrap_or_default());
        Ok(answer::message(found, &subject, expires, paused, transcripts))
    }

    /// The names of blasts that are paused.
    fn paused(&self) -> Result<HashSet<String>, QueueError> {
        let mut names = HashSet::new();
        for (number, _) in self.queue.stopped_blasts()? {
            names.extend(self.queue.blast_name(number)?);
        }
        Ok(names)
    }

    /// The messages that fit, page by page.
    pub(crate) fn list(&self, which: &Which) -> Result<Value, Refusal> {
        let paused = self.paused()?;
        let page = self.page(which)?;
        let mut listed = Vec::with_capacity(page.messages.len());
        for message in &page.messages {
            let outline = self.queue.outline(message.seq)?;
            let paused = message.blast.as_ref().is_some_and(|blast| paused.contains(blast));
            listed.push(answer::listed(message, &outline, paused));
        }
        Ok(json!({ "messages": listed, "next": page.next.map(|id| id.to_string()) }))
    }

    /// The messages that fit.
    pub(crate) fn page(&self, which: &Which) -> Result<Page, Refusal> {
        if !which.ids.is_empty() {
            let mut page = Page::default();
            for id in &which.ids {
                page.messages.extend(self.queue.show(*id)?.map(|details| details.summary));
            }
            return Ok(page);
        }
        let fits = |message: &Summary| match &which.subject {
            None => true,
            Some(text) => subject::of(self.letters, &message.place)
                .is_some_and(|subject| subject.to_lowercase().contains(text)),
        };
        Ok(self.queue.page(&which.filter, &fits)?)
    }

    /// Where mail waits, and why.
    pub(crate) fn destinations(&self, limit: u32, now: i64) -> Result<Value, Refusal> {
        let sites = self.queue.sites(limit)?;
        let causes = self.queue.causes(limit)?;
        Ok(json!({
            "sites": sites.iter().map(|site| answer::site(site, now)).collect::<Vec<_>>(),
            "causes": causes
                .iter()
                .map(|(cause, remedy, count)| json!({ "cause": cause, "remedy": remedy, "count": count }))
                .collect::<Vec<_>>(),
        }))
    }
}

/// The queue of a spool without an agent, to read; and what reads its messages.
pub(crate) fn alone(spool: &Path) -> Result<(Queue, Letters), QueueError> {
    Ok((Queue::open_to_read(&spool.join("queue"))?, Letters::new(spool, "")))
}
