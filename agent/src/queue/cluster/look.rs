//! What the stream says of messages, whoever has them: the records are there until they are acknowledged.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    message::StreamMessage,
    stream::{DirectGetErrorKind, LastRawMessageErrorKind},
};
use freesmtp_core::spool::{Body, Copies, Id, Record, read_copy};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    super::{Counts, Details, Filter, JobState, Millis, Outline, Page, Place, QueueError, Summary, Waiting},
    Shared,
    carried::Carried,
    lock, unanswered,
};
use crate::cluster::subject;

/// Messages that are asked for at the same time.
const TOGETHER: usize = 64;

/// Bytes of messages that were shown are kept for so many.
const SHOWN: usize = 16;

/// As many messages of lists are remembered.
const LISTED: usize = 4_096;

/// How long a page may be looked for.
const USUAL: Duration = Duration::from_secs(1);

/// What was shown lately.
#[derive(Debug, Default)]
pub(super) struct Shown {
    segments: VecDeque<Arc<str>>,
    /// The names of their bodies, of those that are large.
    bodies: VecDeque<String>,
    /// The oldest of all messages, when they were looked through last.
    oldest: Option<Id>,
    /// By numbers below zero, which no message of this agent's queue has.
    outlines: HashMap<i64, Outline>,
    last: i64,
}

/// A job in the stream.
pub(super) struct Found {
    pub(super) message: StreamMessage,
    pub(super) record: Record,
    pub(super) carried: Carried,
    pub(super) state: JobState,
    /// Where it goes when its time comes.
    pub(super) ready: String,
}

impl Found {
    pub(super) fn read(message: StreamMessage) -> Option<Self> {
        let record = read_copy(&message.payload).ok()?;
        let header = |name| message.headers.get(name).map(|value| value.as_str().to_owned());
        let state = state_of(&message.subject);
        let ready = header("Nats-Schedule-Target").or_else(|| header("Freesmtp-Ready"));
        let ready = ready.unwrap_or_else(|| message.subject.to_string());
        Some(Self { carried: Carried::read(Some(&message.headers)), record, state, ready, message })
    }

    /// The last token but two: `mailq.ready.<class>.<site>.<id>.<part>`.
    pub(super) fn site(&self) -> String {
        self.ready.rsplit('.').nth(2).and_then(subject::decode).unwrap_or_default()
    }

    fn due(&self) -> Millis {
        let at =
            self.message.headers.get("Nats-Schedule").and_then(|value| value.as_str().strip_prefix("@at "));
        let at = at.and_then(|text| {
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
        });
        at.map_or(self.message.time, |at| at).unix_timestamp().saturating_mul(1_000)
    }

    fn waiting(&self, job: i64) -> Waiting {
        let recipients =
            (0..).zip(self.record.envelope.recipients.iter().map(|recipient| recipient.email.clone()));
        Waiting {
            job,
            site: self.site(),
            state: self.state,
            due: self.due(),
            attempts: self.carried.attempts,
            recipients: recipients.collect(),
        }
    }

    fn summary(&self) -> Summary {
        let Record { id, message_id, envelope, body, .. } = &self.record;
        let total = u32::try_from(envelope.recipients.len()).unwrap_or(u32::MAX);
        Summary {
            seq: 0,
            id: *id,
            sender: envelope.reverse_path.clone(),
            message_id: message_id.clone(),
            length: body.length(),
            blast: envelope.options.blast.clone(),
            priority: envelope.options.priority,
            expires: envelope.options.expires.map(|moment| moment.unix_seconds.saturating_mul(1_000)),
            total,
            open: total,
            place: Place { segment: "".into(), record: 0, body: body.clone() },
        }
    }

    fn fits(&self, filter: &Filter) -> bool {
        let envelope = &self.record.envelope;
        let has = |text: &String, part: &str| text.to_lowercase().contains(part);
        let text = filter.text.as_ref().is_none_or(|text| {
            let part = text.to_lowercase();
            has(&envelope.reverse_path, &part)
                || has(&self.record.message_id, &part)
                || self.record.id.to_string().eq_ignore_ascii_case(text)
                || envelope.recipients.iter().any(|recipient| has(&recipient.email, &part))
        });
        let last = self.carried.attempts();
        let cause = filter
            .cause
            .as_ref()
            .is_none_or(|cause| last.last().is_some_and(|last| last.words.cause == *cause));
        text && cause
            && filter.blast.as_ref().is_none_or(|name| envelope.options.blast.as_ref() == Some(name))
    }

    fn outline(&self) -> Outline {
        let last = self.carried.attempts().pop().map(|last| last.words);
        let mut outline = Outline {
            due: Some(self.due()),
            attempts: self.carried.attempts,
            site: self.site(),
            said: last.map(|words| (words.code, words.status, words.text, words.cause)),
            recipients: self.record.envelope.recipients.iter().take(3).map(|one| one.email.clone()).collect(),
            ..Outline::default()
        };
        match self.state {
            JobState::Ready => outline.ready = 1,
            JobState::Later => outline.later = 1,
            JobState::Held => outline.held = 1,
        }
        outline
    }
}

pub(super) fn state_of(subject: &str) -> JobState {
    match subject.split('.').nth(1) {
        Some("later") => JobState::Later,
        Some("held") => JobState::Held,
        _ => JobState::Ready,
    }
}

/// The subjects of all jobs of a message, by state.
pub(super) fn subjects(id: Id) -> [(JobState, String); 4] {
    [
        (JobState::Later, format!("mailq.later.*.{id}.*")),
        (JobState::Held, format!("mailq.held.*.{id}.*")),
        (JobState::Ready, format!("mailq.parked.*.*.{id}.*")),
        (JobState::Ready, format!("mailq.ready.*.*.{id}.*")),
    ]
}

impl Shared {
    /// The last job under such subjects.
    pub(super) async fn last(&self, subjects: &str) -> Result<Option<Found>, QueueError> {
        match self.nats.mail.get_last_raw_message_by_subject(subjects).await {
            Ok(message) => Ok(Found::read(message)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unanswered("a message", &error)),
        }
    }

    /// The names of what is under such subjects.
    pub(super) async fn names(&self, filter: &str) -> Result<Vec<String>, QueueError> {
        let failed = |error: &dyn std::fmt::Display| unanswered("what is in the stream", error);
        let names = self.nats.mail.info_with_subjects(filter).await.map_err(|error| failed(&error))?;
        names.map_ok(|(name, _)| name).map_err(|error| failed(&error)).try_collect().await
    }

    /// The job under a subject, from any of the servers.
    async fn job(&self, name: String) -> Result<Option<Found>, QueueError> {
        match self.nats.mail.direct_get_last_for_subject(&*name).await {
            Ok(message) => Ok(Found::read(message)),
            // Or that one does not have it yet.
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => self.last(&name).await,
            Err(error) => Err(unanswered("a message", &error)),
        }
    }

    /// Everything about a message, from all its jobs.
    pub(in crate::queue) fn show(&self, id: Id) -> Result<Option<Details>, QueueError> {
        let found: Vec<Found> = self.wait(async {
            let mut names = Vec::new();
            for (_, subject) in subjects(id) {
                names.extend(self.names(&subject).await?);
            }
            let jobs = stream::iter(names).map(|name| self.job(name)).buffered(TOGETHER);
            jobs.try_filter_map(|job| async { Ok(job) }).try_collect().await
        })?;
        let Some(first) = found.first() else { return Ok(None) };
        let mut summary = first.summary();
        summary.total = found.iter().map(|job| job.summary().total).sum();
        summary.open = summary.total;
        summary.place = match &first.record.body {
            Body::Inline { .. } => self.shown(&first.message.payload)?,
            Body::File { name, length, crc } => {
                let name = self.shown_body(name, first.message.sequence)?;
                Place { body: Body::File { name, length: *length, crc: *crc }, ..summary.place }
            }
        };
        let attempts = found.iter().zip(0..).flat_map(|(job, n)| {
            job.carried.attempts().into_iter().map(move |attempt| super::super::Attempt { job: n, ..attempt })
        });
        let attempts = attempts.collect();
        let waiting = found.iter().zip(0..).map(|(job, n)| job.waiting(n)).collect();
        Ok(Some(Details { summary, waiting, ended: Vec::new(), attempts }))
    }

    /// Keeps the bytes of a message for whoever looks at it.
    fn shown(&self, content: &[u8]) -> Result<Place, QueueError> {
        let folder = self.work.join("incoming");
        let (segment, record) = Copies::new(&folder).append(content)?;
        let mut shown = lock(&self.shown);
        shown.segments.push_back(Arc::clone(&segment));
        while shown.segments.len() > SHOWN {
            if let Some(old) = shown.segments.pop_front() {
                drop(std::fs::remove_file(folder.join(&*old)));
            }
        }
        Ok(Place { segment, record: record.offset, body: record.body })
    }

    /// The same for a body that is in the object store; its name here.
    fn shown_body(&self, name: &str, sequence: u64) -> Result<String, QueueError> {
        let own = format!("shown-{sequence}");
        self.wait(self.fetch(name, &own)).map_err(|error| unanswered("the body of a message", &error))?;
        let mut shown = lock(&self.shown);
        if !shown.bodies.contains(&own) {
            shown.bodies.push_back(own.clone());
        }
        while shown.bodies.len() > SHOWN {
            if let Some(old) = shown.bodies.pop_front() {
                drop(std::fs::remove_file(self.work.join("bodies").join(old)));
            }
        }
        Ok(own)
    }

    /// Remembers what is the oldest message of all.
    pub(super) fn saw_oldest(&self, oldest: Option<Id>) {
        lock(&self.shown).oldest = oldest;
    }

    /// The oldest message of all agents, as of when they were looked through last.
    pub(in crate::queue) fn oldest(&self) -> Option<Id> {
        if self.counts().messages == 0 { None } else { lock(&self.shown).oldest }
    }

    /// Some of the messages that fit, in the order of their ids; one entry for each job.
    pub(in crate::queue) fn page(
        &self,
        filter: &Filter,
        accept: &dyn Fn(&Summary) -> bool,
    ) -> Result<Page, QueueError> {
        let begun = Instant::now();
        let patience = if filter.patience.is_zero() { USUAL } else { filter.patience };
        let limit = if filter.limit == 0 { 100 } else { filter.limit as usize };
        let subjects: &[&str] = match filter.state {
            None => &["mailq.>"],
            Some(JobState::Ready) => &["mailq.ready.>", "mailq.parked.>"],
            Some(JobState::Later) => &["mailq.later.>"],
            Some(JobState::Held) => &["mailq.held.>"],
        };
        let mut names: BTreeMap<(Id, String), ()> = BTreeMap::new();
        for subject in subjects {
            for name in self.wait(self.names(subject))? {
                let id = name.rsplit('.').nth(1).and_then(|id| id.parse::<Id>().ok());
                if let Some(id) = id.filter(|id| filter.after.is_none_or(|after| *id > after)) {
                    names.insert((id, name), ());
                }
            }
        }
        let mut page = Page::default();
        let names: Vec<(Id, String)> = names.into_keys().collect();
        for chunk in names.chunks(TOGETHER) {
            let jobs = stream::iter(chunk.iter().map(|(_, name)| name.clone()));
            let found: Vec<Option<Found>> =
                self.wait(jobs.map(|name| self.job(name)).buffered(TOGETHER).try_collect())?;
            for (job, (id, _)) in found.into_iter().zip(chunk) {
                let Some(job) = job.filter(|job| job.fits(filter)) else { continue };
                if filter.site.as_ref().is_some_and(|site| *site != job.site()) {
                    continue;
                }
                let mut summary = job.summary();
                if page.messages.last().is_some_and(|last: &Summary| last.id == *id) || !accept(&summary) {
                    continue;
                }
                if page.messages.len() >= limit {
                    page.next = page.messages.last().map(|last| last.id);
                    return Ok(page);
                }
                summary.seq = self.listed(job.outline());
                page.messages.push(summary);
            }
            if begun.elapsed() > patience {
                page.next = chunk.last().map(|(id, _)| *id);
                return Ok(page);
            }
        }
        Ok(page)
    }

    /// Remembers what a list says of a message, under a number.
    fn listed(&self, outline: Outline) -> i64 {
        let mut shown = lock(&self.shown);
        if shown.outlines.len() >= LISTED {
            shown.outlines.clear();
        }
        shown.last -= 1;
        let number = shown.last;
        shown.outlines.insert(number, outline);
        number
    }

    /// What a list said of the message with that number.
    pub(in crate::queue) fn outline(&self, number: i64) -> Outline {
        lock(&self.shown).outlines.get(&number).cloned().unwrap_or_default()
    }

    /// How much all agents have, as of a moment ago.
    pub(in crate::queue) fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    /// Counts anew.
    pub(super) async fn recount(&self) -> Result<(), QueueError> {
        let failed = |error: &dyn std::fmt::Display| unanswered("how much there is", error);
        let info = self.nats.mail.get_info().await.map_err(|error| failed(&error))?;
        let messages = signed(info.state.messages);
        let mut ready = 0;
        for consumer in self.nats.consumers.values() {
            let info = consumer.get_info().await.map_err(|error| failed(&error))?;
            ready += signed(info.num_pending) + signed(info.num_ack_pending as u64);
        }
        let held = signed(self.names("mailq.held.>").await?.len() as u64);
        let ready = ready.min(messages);
        *lock(&self.counts) = Counts { messages, ready, later: (messages - ready - held).max(0), held };
        Ok(())
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
