//! Questions: what is in the queue, and how the agent is.

use std::{collections::HashSet, path::Path};

use freesmtp_core::spool::{Id, MessageReader};
use serde_json::Value;

use super::{
    Context, Refusal, VERSION,
    answer::{
        self, Ages, BlastAnswer, Blasts, Cause, Destinations, QueueStatus, Sessions, Site, Status,
        Whereabouts,
    },
    failures::together,
    letters::{self, Found, Queued},
    others,
    request::{Request, Which},
};
use crate::{
    delivery::{Delivery, Letters},
    events::moment,
    queue::{Blast, CauseCount, Details, Page, Place, Queue, QueueError, SiteCount, Summary},
    subject,
};

/// Answers a question.
pub(super) async fn answer(request: &Request, context: &Context) -> Result<Value, Refusal> {
    Ok(match request {
        Request::Status => answer::json(&status(context).await?),
        Request::Destinations(limit) => answer::json(&destinations(context, *limit).await?),
        Request::Message(id, transcripts) => answer::json(&message(context, *id, *transcripts).await?),
        Request::Content(id) => answer::json(&whereabouts(context, *id).await?),
        Request::List(which) => answer::json(&list(context, which.clone()).await?),
        Request::Blasts(limit) => answer::json(&blasts(context, *limit).await?),
        Request::Blast(name) => answer::json(&blast(context, name).await?),
        Request::Monitor => answer::json(&context.monitor().ok_or_else(Refusal::no_monitor)?),
        _ => return Err(Refusal::ending()),
    })
}

/// Asks the database on a thread that may wait for it.
pub(crate) async fn blocking<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce(&Context) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let context = context.clone();
    tokio::task::spawn_blocking(move || question(&context)).await.map_err(|_| Refusal::ending())?
}

/// How all agents are that share the queue, this one first.
pub(crate) async fn status(context: &Context) -> Result<Status, Refusal> {
    let mut status = own_status(context).await?;
    status.others = context.others.agents();
    for other in &status.others {
        status.sessions.open += other.sessions.open;
        status.sessions.limit += other.sessions.limit;
        status.rate += other.rate;
    }
    status.since_start = status.since_start.and(context.others.since_start());
    Ok(status)
}

/// How this agent is.
pub(crate) async fn own_status(context: &Context) -> Result<Status, Refusal> {
    blocking(context, |context| {
        let now = context.now();
        let queue = &context.handle.queue;
        let counts = queue.counts();
        let oldest = queue.oldest()?.map(answer::submitted);
        let delivery = &context.handle.delivery;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            protocol: VERSION,
            spool: context.spool.display().to_string(),
            pid: std::process::id(),
            started: moment(context.started),
            uptime_seconds: (now - context.started).max(0) / 1_000,
            sessions: Sessions { open: delivery.active(), limit: delivery.limit() },
            queue: QueueStatus {
                messages: counts.messages,
                ready: counts.ready,
                later: counts.later,
                held: counts.held,
                oldest: answer::at(oldest),
                oldest_age_seconds: oldest.map(|oldest| (now - oldest).max(0) / 1_000),
            },
            rate: context.memory.rates.of(0, now),
            since_start: others::since_start(context),
            others: Vec::new(),
        })
    })
    .await
}

/// Where mail waits, and why.
pub(crate) async fn destinations(context: &Context, limit: u32) -> Result<Destinations, Refusal> {
    let survey = context.surveys.get(context).await?;
    let (now, limit) = (context.now(), limit as usize);
    let site = |site: &SiteCount| {
        let [minutes, hour, day, older] = site.ages;
        Site {
            site: site.site.clone(),
            ready: site.ready,
            later: site.later,
            held: site.held,
            oldest_ready_seconds: site.oldest_ready.map(|since| (now - since).max(0) / 1_000),
            ages: Ages { minutes, hour, day, older },
        }
    };
    let cause = |cause: &CauseCount| {
        let CauseCount { cause, remedy, count } = cause.clone();
        Cause { cause, remedy, count }
    };
    Ok(Destinations {
        at: moment(survey.at),
        sites: survey.sites.iter().take(limit).map(site).collect(),
        causes: survey.causes.iter().take(limit).map(cause).collect(),
        failed: together(
            std::iter::once(context.memory.failures.by_cause(limit)).chain(context.others.failed()),
            limit,
        ),
    })
}

/// The messages that fit.
pub(crate) async fn list(context: &Context, which: Which) -> Result<letters::Page, Refusal> {
    blocking(context, move |context| Messages::of(context).list(&which)).await
}

/// Everything about a message, in the queue or ended lately.
pub(crate) async fn message(context: &Context, id: Id, transcripts: bool) -> Result<Found, Refusal> {
    for caught_up in [false, true] {
        if caught_up {
            // What was just submitted is on its way, and what just ended is being written down.
            context.rounds.catch_up(context.patience).await;
        }
        let found = blocking(context, move |context| Messages::of(context).show(id, transcripts)).await?;
        if let Some(found) = found {
            return Ok(Found::Queued(Box::new(found)));
        }
        if let Some(over) = context.memory.recent.find(id) {
            return Ok(Found::Over(over));
        }
    }
    Err(Refusal::unknown(id))
}

/// The bytes of a message of the queue, and how many there are.
pub(crate) async fn content(context: &Context, id: Id) -> Result<(MessageReader, u64), Refusal> {
    blocking(context, move |context| {
        let place = place(context, id)?;
        let reader = context.handle.delivery.letters().open(&place);
        Ok((reader.map_err(|error| Refusal::unread(&error))?, place.body.length()))
    })
    .await
}

/// Where on this machine they are.
async fn whereabouts(context: &Context, id: Id) -> Result<Whereabouts, Refusal> {
    blocking(context, move |context| {
        let place = place(context, id)?;
        let (path, offset) = context.handle.delivery.letters().whereabouts(&place);
        Ok(Whereabouts { path: path.display().to_string(), offset, length: place.body.length() })
    })
    .await
}

fn place(context: &Context, id: Id) -> Result<Place, Refusal> {
    match context.handle.queue.show(id)? {
        Some(found) => Ok(found.summary.place),
        None if context.memory.recent.find(id).is_some() => Err(Refusal::ended(id)),
        None => Err(Refusal::unknown(id)),
    }
}

/// All blasts, the newest first.
pub(crate) async fn blasts(context: &Context, limit: u32) -> Result<Blasts, Refusal> {
    blocking(context, move |context| {
        let found = context.handle.queue.blasts(limit)?;
        Ok(Blasts { blasts: found.iter().map(|blast| context.blast(blast)).collect() })
    })
    .await
}

/// A blast, with everything that was submitted before.
pub(crate) async fn blast(context: &Context, name: &str) -> Result<BlastAnswer, Refusal> {
    context.rounds.catch_up(context.patience).await;
    blast_now(context, name).await
}

/// A blast, as the queue has it.
pub(super) async fn blast_now(context: &Context, name: &str) -> Result<BlastAnswer, Refusal> {
    let name = name.to_owned();
    blocking(context, move |context| {
        let found = context.handle.queue.blast(&name)?.ok_or_else(|| Refusal::unknown_blast(&name))?;
        Ok(context.blast(&found))
    })
    .await
}

impl Context {
    /// A blast, with how fast it goes.
    pub(crate) fn blast(&self, blast: &Blast) -> BlastAnswer {
        let own = self.memory.rates.of(blast.id, self.now());
        answer::blast(blast, own + self.others.rate(&blast.name))
    }
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
    pub(crate) fn show(&self, id: Id, transcripts: bool) -> Result<Option<Queued>, Refusal> {
        let Some(found) = self.queue.show(id)? else { return Ok(None) };
        Ok(Some(self.shown(&found, transcripts)?))
    }

    fn shown(&self, found: &Details, transcripts: bool) -> Result<Queued, Refusal> {
        let summary = &found.summary;
        let subject = subject::of(self.letters, &summary.place).unwrap_or_default();
        let expires = self.delivery.map(|delivery| delivery.gives_up(summary)).or(summary.expires);
        let paused = self.paused()?.contains(summary.blast.as_deref().unwrap_or_default());
        Ok(letters::queued(found, subject, expires, paused, transcripts))
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
    pub(crate) fn list(&self, which: &Which) -> Result<letters::Page, Refusal> {
        let paused = self.paused()?;
        let page = self.page(which)?;
        let mut listed = Vec::with_capacity(page.messages.len());
        for message in &page.messages {
            let outline = self.queue.outline(message.seq)?;
            let paused = message.blast.as_ref().is_some_and(|blast| paused.contains(blast));
            let subject = subject::of(self.letters, &message.place);
            listed.push(letters::listed(message, subject, outline, paused));
        }
        Ok(letters::Page { messages: listed, next: page.next.map(|id| id.to_string()) })
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
        if let Some(id) = which.only_id()
            && let Some(found) = self.queue.show(id)?
        {
            return Ok(Page { messages: vec![found.summary], next: None });
        }
        let fits = |message: &Summary| match &which.subject {
            None => true,
            Some(text) => subject::of(self.letters, &message.place)
                .is_some_and(|subject| subject.to_lowercase().contains(text)),
        };
        Ok(self.queue.page(&which.filter, &fits)?)
    }
}

/// The queue of a spool without an agent, to read; and what reads its messages.
pub(crate) fn alone(spool: &Path) -> Result<(Queue, Letters), QueueError> {
    Ok((Queue::open_to_read(&spool.join("queue"))?, Letters::new(spool, "")))
}
