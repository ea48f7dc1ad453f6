//! From the spool, and from this agent's own queue, into the stream.

use std::{path::Path, time::Duration};

use async_nats::{
    HeaderMap,
    jetstream::{kv::CreateErrorKind, object_store::ObjectInfo},
};
use freesmtp_core::{
    log::escape,
    spool::{Body, CopiedBody, Envelope, Id, Record, copy_record, named_body, read_inline, read_record},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    super::{
        Batch, JOB_RECIPIENTS, Millis, Place, QueueError,
        adopt::{self, Adopted, by_site},
    },
    Name, Shared, WINDOW,
    blasts::token,
    carried::Carried,
    digest, unanswered,
};
use crate::{
    cluster::{Class, subject},
    damage, keyed,
};

/// Headers and envelope have so much room beside a body.
const BESIDE: usize = 192 << 10;

/// A body that all jobs of a message together carry so much of is stored once.
const SHARED: u64 = 1 << 20;

/// A body that nobody has stored anew for so long, and that nothing names, is not needed.
pub(super) const UNUSED: Duration = Duration::from_secs(3_600);

/// How long the object of a body is ago.
pub(super) fn age(object: &ObjectInfo) -> Duration {
    let age = object.modified.map(|at| time::OffsetDateTime::now_utc() - at);
    age.and_then(|age| age.try_into().ok()).unwrap_or_default()
}

/// Of whose idempotency key.
#[derive(Serialize, Deserialize)]
struct Keyed {
    id: String,
    digest: String,
}

/// A job on its way into the stream.
pub(super) struct Going<'a> {
    pub(super) name: &'a Name,
    pub(super) class: Class,
    pub(super) site: &'a str,
    pub(super) carried: &'a Carried,
}

impl Going<'_> {
    fn ready(&self) -> String {
        let (class, site) = (self.class.as_str(), subject::encode(self.site));
        format!("mailq.ready.{class}.{site}.{}", self.name)
    }

    /// Where it waits for its time.
    pub(super) fn later(&self) -> String {
        format!("mailq.later.{}.{}", subject::encode(self.site), self.name)
    }

    /// Where it waits for somebody to release it.
    pub(super) fn held(&self) -> String {
        format!("mailq.held.{}.{}", subject::encode(self.site), self.name)
    }

    /// Where it waits for its blast to go on.
    pub(super) fn parked(&self, blast: &str) -> String {
        format!("mailq.parked.{blast}.{}.{}", subject::encode(self.site), self.name)
    }
}

/// What becomes of a body on the way.
pub(super) enum Carry {
    Bytes(Vec<u8>),
    Named(Body),
}

impl Carry {
    pub(super) fn copied(&self) -> CopiedBody<'_> {
        match self {
            Self::Bytes(bytes) => CopiedBody::Bytes(bytes),
            Self::Named(body) => CopiedBody::Named(body),
        }
    }
}

impl Shared {
    /// Publishes a batch of the spool, and moves the position there when all of it is confirmed.
    pub(in crate::queue) async fn publish(&self, batch: Batch) -> Result<(), QueueError> {
        let mut ends = self.ends.subscribe();
        tokio::select! {
            published = self.publish_records(&batch) => published?,
            _ = ends.wait_for(|ends| *ends) => {
                return Err(ended());
            }
        }
        let file = |adopted: &Adopted| match &adopted.record.body {
            Body::File { name, .. } => Some(name.clone()),
            Body::Inline { .. } => None,
        };
        let files: Vec<String> = batch.records.iter().filter_map(file).collect();
        let ended = batch.finished.then(|| batch.segment.clone());
        let rest = Batch { records: Vec::new(), ..batch };
        self.front
            .write(move |writing| {
                adopt::adopt(writing, &rest)?;
                for file in &files {
                    writing
                        .connection
                        .prepare_cached("INSERT OR IGNORE INTO garbage(file) VALUES (?)")?
                        .execute([file])?;
                }
                Ok(())
            })
            .await?;
        if let Some(segment) = ended {
            self.submissions.forget(&segment);
        }
        Ok(())
    }

    async fn publish_records(&self, batch: &Batch) -> Result<(), QueueError> {
        let segment = self.spool.join("incoming").join(&batch.segment);
        let first = stream::iter(&batch.records).map(|adopted| self.is_first(&segment, adopted));
        let first: Vec<bool> = first.buffered(WINDOW).try_collect().await?;
        let records =
            || batch.records.iter().zip(&first).filter(|(_, first)| **first).map(|(record, _)| record);
        self.count_submitted(&batch.segment, records(), batch.next).await?;
        let records = stream::iter(records()).map(|adopted| self.publish_record(&segment, adopted));
        let waiting: Vec<_> = records.buffer_unordered(WINDOW).try_collect().await?;
        self.cancel_where_ordered(&waiting.concat()).await
    }

    /// Whether no other message has its idempotency key. One that has another message's is put aside: an agent elsewhere has
    /// claimed it since this one asked.
    async fn is_first(&self, segment: &Path, adopted: &Adopted) -> Result<bool, QueueError> {
        let Record { id, envelope, body, .. } = &adopted.record;
        let (Some(key), Some(digest)) = (&envelope.options.idempotency_key, adopted.digest) else {
            return Ok(true);
        };
        let other = self.claim(key, *id, digest).await?.filter(|(first, _)| first != id);
        if let Some((first, known)) = other
            && known != digest
        {
            self.put_aside(*id, segment, body, &keyed::of_another(key, first))?;
        }
        Ok(other.is_none())
    }

    /// What of it waits for its time, with the token of its blast.
    async fn publish_record(
        &self,
        segment: &Path,
        adopted: &Adopted,
    ) -> Result<Vec<(String, String)>, QueueError> {
        let Record { id, message_id, envelope, body, .. } = &adopted.record;
        let options = &envelope.options;
        let jobs: Vec<(&str, Vec<u32>)> = by_site(&adopted.sites)
            .into_iter()
            .flat_map(|(site, places)| {
                places.chunks(JOB_RECIPIENTS).map(|some| (&**site, some.to_vec())).collect::<Vec<_>>()
            })
            .collect();
        let carry = match self.carry(segment, body, jobs.len()).await {
            Ok(carry) => carry,
            Err(error) if damage::is_damage(&error) => {
                self.put_aside(*id, segment, body, &format!("it was damaged in the spool: {error}"))?;
                self.not_submitted(&adopted.record).await?;
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        let not_before = options.not_before.map(|moment| moment.unix_seconds.saturating_mul(1_000));
        let not_before = not_before.filter(|at| *at > crate::clock::now());
        let bare = Envelope { recipients: Vec::new(), ..envelope.clone() };
        let token = options.blast.as_deref().filter(|_| not_before.is_some()).map(token);
        let mut waiting = Vec::new();
        for (n, (site, places)) in jobs.into_iter().enumerate() {
            let recipients = places.iter().filter_map(|place| envelope.recipients.get(*place as usize));
            let part = Envelope { recipients: recipients.cloned().collect(), ..bare.clone() };
            let content = copy_record(*id, message_id, &part, carry.copied())
                .map_err(|error| QueueError::new(error.to_string()))?;
            let name = Name { id: *id, part: n.to_string() };
            let carried = Carried::default();
            let class = Class::of(options.priority, options.blast.is_some());
            let going = Going { name: &name, class, site, carried: &carried };
            self.put(&going, content, not_before).await?;
            waiting.extend(token.clone().map(|token| (token, going.later())));
        }
        Ok(waiting)
    }

    /// Gives a key to a message, unless one has it already: that one, and what it is.
    async fn claim(&self, key: &str, id: Id, digest: [u8; 32]) -> Result<Option<(Id, [u8; 32])>, QueueError> {
        let keyed = Keyed { id: id.to_string(), digest: hex(&digest) };
        let value = serde_json::to_vec(&keyed).map_err(|error| QueueError::new(error.to_string()))?;
        match self.nats.keys.create(super::digest(key.as_bytes()), value.into()).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => self.keyed(key).await,
            Err(error) => Err(unanswered("an idempotency key", &error)),
        }
    }

    /// The message of a key, and what it is.
    pub(super) async fn keyed(&self, key: &str) -> Result<Option<(Id, [u8; 32])>, QueueError> {
        let found = self.nats.keys.get(super::digest(key.as_bytes())).await;
        let Some(value) = found.map_err(|error| unanswered("an idempotency key", &error))? else {
            return Ok(None);
        };
        let wrong = || QueueError::new("an idempotency key in the bucket is not as it was written");
        let keyed: Keyed = serde_json::from_slice(&value).map_err(|_| wrong())?;
        let id = keyed.id.parse().map_err(|_| wrong())?;
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(keyed.digest.as_bytes().chunks(2)) {
            let text = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(text, 16).map_err(|_| wrong())?;
        }
        Ok(Some((id, digest)))
    }

    /// The same, where nothing else can be done meanwhile.
    pub(in crate::queue) fn key(&self, key: &str) -> Result<Option<(Id, [u8; 32])>, QueueError> {
        let mut ends = self.ends.subscribe();
        self.wait(async {
            tokio::select! {
                keyed = self.keyed(key) => keyed,
                _ = ends.wait_for(|ends| *ends) => Err(ended()),
            }
        })
    }

    /// The body of a record for so many jobs: in each, or stored once.
    async fn carry(&self, segment: &Path, body: &Body, jobs: usize) -> std::io::Result<Carry> {
        let most = self.nats.client.server_info().max_payload.saturating_sub(BESIDE) as u64;
        let failed = |error: &dyn std::fmt::Display| {
            std::io::Error::other(format!("the servers do not take the body of a message: {error}"))
        };
        match body {
            Body::Inline { offset, length } => {
                let bytes = read_inline(&freesmtp_core::spool::open_file(segment)?, *offset, *length)?;
                if bytes.len() as u64 <= most && (jobs == 1 || bytes.len() as u64 * jobs as u64 <= SHARED) {
                    return Ok(Carry::Bytes(bytes));
                }
                let name = digest(&bytes);
                if !self.is_stored(&name).await {
                    self.nats.bodies.put(&*name, &mut &bytes[..]).await.map_err(|error| failed(&error))?;
                }
                Ok(Carry::Named(named_body(name, &bytes)))
            }
            Body::File { name: file, length, crc } => {
                let path = self.spool.join("bodies").join(file);
                let name = hex(&digest_of(freesmtp_core::spool::open_file(&path)?)?);
                if !self.is_stored(&name).await {
                    let mut reader = tokio::fs::File::from_std(freesmtp_core::spool::open_file(&path)?);
                    self.nats.bodies.put(&*name, &mut reader).await.map_err(|error| failed(&error))?;
                }
                Ok(Carry::Named(Body::File { name, length: *length, crc: *crc }))
            }
        }
    }

    /// Whether a body is there and will be for long enough.
    async fn is_stored(&self, name: &str) -> bool {
        self.nats.bodies.info(name).await.is_ok_and(|object| age(&object) < UNUSED / 2)
    }

    /// What cannot be published is for whoever runs this machine.
    fn put_aside(&self, id: Id, segment: &Path, body: &Body, reason: &str) -> Result<(), QueueError> {
        eprintln!("freesmtp agent: the message {id} is not sent: {}", escape(reason));
        damage::put_aside(&self.spool, id, segment, body, reason)
            .map(drop)
            .map_err(|error| QueueError::new(error.to_string()))
    }

    /// Publishes a job: to go now, or at that time.
    pub(super) async fn put(
        &self,
        going: &Going<'_>,
        content: Vec<u8>,
        due: Option<Millis>,
    ) -> Result<(), QueueError> {
        let mut headers = HeaderMap::new();
        going.carried.write(&mut headers);
        let subject = match due {
            None => going.ready(),
            Some(due) => {
                headers.insert("Nats-Schedule", format!("@at {}", super::time(due)).as_str());
                headers.insert("Nats-Schedule-Target", going.ready().as_str());
                going.later()
            }
        };
        let message_id = format!("{}:a{}", going.name, going.carried.attempts);
        self.send(subject, message_id, headers, content).await?;
        Ok(())
    }

    /// Publishes a job under another subject, where it waits for somebody: once for each `message_id`.
    pub(super) async fn put_away(
        &self,
        going: &Going<'_>,
        content: Vec<u8>,
        subject: String,
        message_id: String,
    ) -> Result<(), QueueError> {
        let mut headers = HeaderMap::new();
        going.carried.write(&mut headers);
        headers.insert("Freesmtp-Ready", going.ready().as_str());
        self.send(subject, message_id, headers, content).await
    }

    /// The record of a leased job, and its body as it came.
    pub(super) fn leased(&self, place: &Place) -> Result<(Record, Carry), QueueError> {
        let segment = self.work.join("incoming").join(&*place.segment);
        let record =
            read_record(&segment, place.record).map_err(|error| QueueError::new(error.to_string()))?;
        let carry = match &record.body {
            Body::Inline { offset, length } => {
                Carry::Bytes(read_inline(&freesmtp_core::spool::open_file(&segment)?, *offset, *length)?)
            }
            // Here each job has a name of its own for it.
            Body::File { name, length, crc } => {
                let name = name.split('-').next().unwrap_or_default().to_owned();
                Carry::Named(Body::File { name, length: *length, crc: *crc })
            }
        };
        Ok((record, carry))
    }

    /// The content of a leased job for some of its recipients; all of them where `places` is none.
    pub(super) fn content(&self, place: &Place, places: Option<&[u32]>) -> Result<Vec<u8>, QueueError> {
        let (record, carry) = self.leased(place)?;
        let mut envelope = record.envelope;
        if let Some(places) = places {
            let all = std::mem::take(&mut envelope.recipients);
            envelope.recipients =
                places.iter().filter_map(|place| all.get(*place as usize)).cloned().collect();
        }
        copy_record(record.id, &record.message_id, &envelope, carry.copied())
            .map_err(|error| QueueError::new(error.to_string()))
    }
}

fn ended() -> QueueError {
    QueueError::new("what is new in the spool is published when the agent is started again")
}

fn digest_of(mut file: std::fs::File) -> std::io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match std::io::Read::read(&mut file, &mut piece)? {
            0 => return Ok(digest.finalize().into()),
            length => digest.update(&piece[..length]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
