//! From the stream into this agent's own queue.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use async_nats::jetstream::Message;
use freesmtp_core::spool::{Body, CopiedBody, badmail, copy_record, read_copy};
use futures_util::StreamExt;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{
    super::{
        Batch, BlastState, Place, Queue, QueueError,
        adopt::{self, Adopted, Leased},
    },
    Name, Shared,
    carried::Carried,
    lease::Lease,
};
use crate::{
    cluster::{Class, subject},
    intake::Site,
};

/// Jobs that are asked for at a time.
const MOST: usize = 256;

/// How long the servers look for some.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait when they do not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Bodies of the object store that are kept at hand.
const OBJECTS: usize = 64;

/// Takes jobs of a class as long as there is room for them.
pub(super) async fn pull(queue: Queue, shared: Arc<Shared>, class: Class, site: Site) {
    let Some(consumer) = shared.nats.consumers.get(&class) else { return };
    let mut said = String::new();
    loop {
        let room = shared.most.saturating_sub(shared.leases().count(class));
        if room == 0 {
            drop(tokio::time::timeout(Duration::from_millis(100), shared.room.notified()).await);
            continue;
        }
        let pulled = consumer.batch().max_messages(room.min(MOST)).expires(PATIENCE).messages().await;
        let mut problem = String::new();
        match pulled {
            Ok(messages) => {
                let mut chunks = messages.ready_chunks(MOST);
                while let Some(chunk) = chunks.next().await {
                    // What went wrong with one is not seen here again before its lease has run out.
                    let chunk: Vec<Message> = chunk.into_iter().filter_map(Result::ok).collect();
                    if let Err(error) = shared.take_in(&queue, class, chunk, &site).await {
                        problem = error.to_string();
                    }
                }
            }
            Err(error) => problem = format!("the servers do not say what is ready: {error}"),
        }
        if !problem.is_empty() {
            if problem != said {
                eprintln!("freesmtp agent: {problem}");
            }
            tokio::time::sleep(PAUSE).await;
        }
        said = problem;
    }
}

impl Shared {
    /// Jobs become messages of this agent's queue.
    async fn take_in(
        self: &Arc<Self>,
        queue: &Queue,
        class: Class,
        messages: Vec<Message>,
        site: &Site,
    ) -> Result<(), QueueError> {
        let mut copies = self.copies.lock().await;
        let mut records = Vec::with_capacity(messages.len());
        let mut segment = None;
        let mut failed = None;
        let mut blasts = BTreeSet::new();
        for message in messages {
            // What cannot be taken now comes again when its time here is over; the others go on.
            let taken = match self.examine(queue, class, message).await {
                Ok(Some(taken)) => taken,
                Ok(None) => continue,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            let (name, record) = match copies.append(&taken.content) {
                Ok(appended) if segment.as_ref().is_none_or(|segment| *segment == appended.0) => appended,
                Ok(_) => continue,
                Err(error) => {
                    failed = Some(error.into());
                    continue;
                }
            };
            let message = self.next.fetch_add(1, Ordering::Relaxed);
            let (carried, mut lease) = (taken.lease.carried.clone(), taken.lease);
            lease.place =
                Place { segment: Arc::clone(&name), record: record.offset, body: record.body.clone() };
            segment = Some(name);
            // A job that the routes here would split is split by whoever carries it.
            let first: Arc<str> = record.envelope.recipients.first().map_or("", |first| &first.email).into();
            let first: Arc<str> = site(&first).into();
            let leased = Leased {
                message,
                attempts: carried.attempts,
                warned: carried.warned,
                history: carried.attempts(),
            };
            blasts.extend(lease.blast.clone());
            self.leases().add(message, lease);
            records.push(Adopted {
                sites: vec![first; record.envelope.recipients.len()],
                record,
                digest: None,
                leased: Some(leased),
            });
        }
        let Some(name) = segment else { return failed.map_or(Ok(()), Err) };
        let numbers: Vec<i64> = records
            .iter()
            .filter_map(|adopted| adopted.leased.as_ref().map(|leased| leased.message))
            .collect();
        let next = copies.segment().map_or(0, |(_, end)| end);
        let batch = Batch { segment: name.to_string(), records, next, finished: false };
        if let Err(error) = queue.write(move |writing| adopt::adopt(writing, &batch)).await {
            numbers.iter().for_each(|message| drop(self.leases().remove(*message)));
            return Err(error);
        }
        if let Some((name, end)) = copies.turn() {
            let ended = Batch { segment: name.to_string(), records: Vec::new(), next: end, finished: true };
            queue.write(move |writing| adopt::adopt(writing, &ended)).await?;
        }
        // Whoever heard meanwhile that a blast is stopped has not found what was not leased yet, ...
        for token in blasts {
            failed = self.take_out(queue, &token).await.err().or(failed);
        }
        // ... and not found here what was.
        let gone = self.leases().none_of(numbers);
        queue.drop_leased(gone).await?;
        failed.map_or(Ok(()), Err)
    }

    /// What is to be worked on; `None` for what is not, or was dealt with.
    async fn examine(
        self: &Arc<Self>,
        queue: &Queue,
        class: Class,
        message: Message,
    ) -> Result<Option<Taken>, QueueError> {
        let Some(ack) = message.reply.clone() else { return Ok(None) };
        let (sequence, delivered) =
            message.info().map_or((0, 1), |info| (info.stream_sequence, info.delivered));
        let mut tokens = message.subject.rsplit('.');
        let (part, id, site) = (tokens.next(), tokens.next(), tokens.next());
        let id = id.and_then(|id| id.parse().ok());
        let read = read_copy(&message.payload);
        let (Some(id), Some(part), Some(site), Ok(record)) = (id, part, site, &read) else {
            return self.put_off_bad(&message, &read.err().unwrap_or_default()).await.map(|()| None);
        };
        let name = Name { id, part: part.to_owned() };
        if self.leases().again(sequence, &ack) {
            return Ok(None);
        }
        let blast = record.envelope.options.blast.as_deref();
        let mut lease = Lease {
            name,
            class,
            site: subject::decode(site).unwrap_or_default(),
            ack,
            sequence,
            renewed: Instant::now(),
            redelivered: delivered > 1,
            carried: Carried::read(message.headers.as_ref()),
            blast: blast.map(super::blasts::token),
            place: Place { segment: "".into(), record: 0, body: record.body.clone() },
            begun: false,
            ended: false,
        };
        if let Some(token) = &lease.blast {
            match self.blasts.state(token) {
                BlastState::Running => {}
                BlastState::Paused => {
                    self.park(&lease, message.payload.to_vec()).await?;
                    self.was_parked(queue, token);
                    return Ok(None);
                }
                BlastState::Cancelled => {
                    self.cancelled(&lease, record.envelope.recipients.len()).await?;
                    return Ok(None);
                }
            }
        }
        let mut content = message.payload.to_vec();
        if let Body::File { name, length, crc } = &record.body {
            let own = format!("{name}-{sequence}");
            self.fetch(name, &own).await.map_err(|error| {
                QueueError::new(format!("the body of the message {id} cannot be had: {error}"))
            })?;
            let body = Body::File { name: own, length: *length, crc: *crc };
            content = copy_record(record.id, &record.message_id, &record.envelope, CopiedBody::Named(&body))
                .map_err(|error| QueueError::new(error.to_string()))?;
            lease.place.body = body;
        }
        Ok(Some(Taken { content, lease }))
    }

    /// Gets a body out of the object store, under a name of its own.
    pub(super) async fn fetch(&self, name: &str, own: &str) -> io::Result<()> {
        let folder = self.work.join("objects");
        let kept = folder.join(name);
        if !kept.exists() {
            make_room(&folder)?;
            let mut object = self.nats.bodies.get(name).await.map_err(io::Error::other)?;
            // Who looks at the message may get it at the same time.
            let half = NamedTempFile::new_in(&folder)?;
            let mut file = tokio::fs::File::from_std(half.as_file().try_clone()?);
            // Its length and its digest are checked on the way.
            tokio::io::copy(&mut object, &mut file).await?;
            file.flush().await?;
            half.persist(&kept)?;
        }
        let body = self.work.join("bodies").join(own);
        match std::fs::hard_link(&kept, body) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// What is no job is kept where a person finds it, and is nobody's any more.
    pub(super) async fn put_off_bad(&self, message: &Message, why: &str) -> Result<(), QueueError> {
        let name = format!("{}.record", message.subject.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        let reason = format!(
            "under {} in the stream is what no agent of this version understands: {why}",
            message.subject
        );
        badmail::keep(&self.spool, &name, &message.payload, &reason)
            .map_err(|error| QueueError::new(error.to_string()))?;
        message.double_ack().await.map_err(|error| QueueError::new(error.to_string()))
    }
}

/// A job that this agent works on.
struct Taken {
    content: Vec<u8>,
    lease: Lease,
}

fn make_room(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    kept.sort_unstable();
    let surplus = (kept.len() + 1).saturating_sub(OBJECTS);
    kept.iter().take(surplus).try_for_each(|(_, path)| std::fs::remove_file(path))
}
