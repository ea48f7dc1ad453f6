//! Records of the spool become messages of the queue.

use std::{collections::BTreeSet, sync::Arc};

use freesmtp_core::{
    message::{DeliveryOptions, Notify, RecipientOptions},
    spool::{Body, Id, Record},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Attempt, JOB_RECIPIENTS, Millis, QueueError, blast, complete, flags, writer::Writing};

/// A record with what the routes say of it.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) record: Record,
    /// The site of each recipient.
    pub(crate) sites: Vec<Arc<str>>,
    /// With an idempotency key: what the message is.
    pub(crate) digest: Option<[u8; 32]>,
    /// It comes from a queue that is shared.
    pub(crate) leased: Option<Leased>,
}

/// What a job was elsewhere.
#[derive(Debug)]
pub(crate) struct Leased {
    /// Its number here.
    pub(crate) message: i64,
    pub(crate) attempts: u32,
    /// The sender was told that it is late.
    pub(crate) warned: bool,
    pub(crate) history: Vec<Attempt>,
}

/// Records of one segment that were read one behind the other.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The segment's name in `incoming/`.
    pub(crate) segment: String,
    pub(crate) records: Vec<Adopted>,
    /// Where to read on.
    pub(crate) next: u64,
    /// Nothing follows.
    pub(crate) finished: bool,
}

/// Writes a batch: all of it, with the place to read on, or nothing.
pub(super) fn adopt(writing: &mut Writing<'_>, batch: &Batch) -> Result<(), QueueError> {
    let connection = writing.connection;
    connection
        .prepare_cached("INSERT OR IGNORE INTO segments(name, next) VALUES (?, 0)")?
        .execute([&batch.segment])?;
    let segment: i64 = connection
        .prepare_cached("SELECT id FROM segments WHERE name = ?")?
        .query_row([&batch.segment], |row| row.get(0))?;
    let mut live = 0;
    for adopted in &batch.records {
        if insert(writing, segment, adopted)? {
            live += 1;
        }
    }
    *writing.segments.entry(segment).or_default() += live;
    // Of a queue that is shared none is taken in whose blast was cancelled.
    let own = batch.records.iter().filter(|adopted| adopted.leased.is_none());
    let blasts: BTreeSet<_> = own.filter_map(|own| own.record.envelope.options.blast.as_deref()).collect();
    blasts.into_iter().try_for_each(|name| blast::end_if_cancelled(writing, name))?;
    connection
        .prepare_cached("UPDATE segments SET next = ?, finished = ? WHERE id = ?")?
        .execute(params![signed(batch.next), batch.finished, segment])?;
    Ok(())
}

/// Whether it is a new message.
fn insert(writing: &mut Writing<'_>, segment: i64, adopted: &Adopted) -> Result<bool, QueueError> {
    let connection = writing.connection;
    let Record { id, message_id, envelope, body, offset, .. } = &adopted.record;
    let options = &envelope.options;
    let id_bytes = id.number().to_be_bytes();
    if let (Some(key), Some(digest)) = (&options.idempotency_key, adopted.digest)
        && !is_first(writing, key, &id_bytes, digest)?
    {
        return Ok(false);
    }
    let blast = match &options.blast {
        Some(name) => blast::id(writing, name)?,
        None => 0,
    };
    let submitted = signed(id.unix_ms());
    let total = i64::try_from(envelope.recipients.len()).unwrap_or(i64::MAX);
    let (place, file) = match body {
        Body::Inline { offset, .. } => (signed(*offset), None),
        Body::File { name, crc, .. } => (i64::from(*crc), Some(name)),
    };
    let inserted = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO messages(seq, id, segment, record, body, length, file, sender, message_id, blast, \
             priority, expires, total, open, flags) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        )?
        .execute(params![
            adopted.leased.as_ref().map(|leased| leased.message),
            id_bytes,
            segment,
            signed(*offset),
            place,
            signed(body.length()),
            file,
            envelope.reverse_path,
            message_id,
            (blast != 0).then_some(blast),
            options.priority,
            options.expires.map(|moment| moment.unix_seconds.saturating_mul(1_000)),
            total,
            total,
            flags_of(adopted),
        ])?;
    if inserted == 0 {
        // The same record again: it was adopted before.
        return Ok(false);
    }
    let message = connection.last_insert_rowid();
    let not_before: Millis = options.not_before.map_or(0, |moment| moment.unix_seconds.saturating_mul(1_000));
    let held = i64::from(not_before > writing.now && adopted.leased.is_none());
    // What comes from elsewhere is ready as of now; an attempt of it has no other age here.
    let since = adopted.leased.as_ref().map_or(submitted, |_| writing.now);
    let attempts = adopted.leased.as_ref().map_or(0, |leased| leased.attempts);
    let last = adopted.leased.as_ref().and_then(|leased| leased.history.last()).map(|attempt| &attempt.words);
    let cause = writing.cause(last)?;
    let mut n = 0;
    for (site, places) in by_site(&adopted.sites) {
        let lane = writing.lane(site, blast)?;
        for places in places.chunks(JOB_RECIPIENTS) {
            let whole = places.len() == adopted.sites.len();
            let emails: Vec<&str> = places
                .iter()
                .filter_map(|place| envelope.recipients.get(*place as usize))
                .map(|recipient| recipient.email.as_str())
                .collect();
            connection
                .prepare_cached(
                    "INSERT INTO jobs(message, n, lane, rank, state, due, attempts, recipients, emails, cause) \
                     VALUES (?,?,?,?,?,?,?,?,?,?)",
                )?
                .execute(params![
                    message,
                    n,
                    lane,
                    -i64::from(options.priority),
                    held,
                    if held == 1 { not_before } else { since },
                    attempts,
                    (!whole).then(|| places_to_bytes(places.iter().copied())),
                    emails.join("\n"),
                    cause,
                ])?;
            n += 1;
            writing.count(lane, held, 1);
        }
    }
    for attempt in adopted.leased.iter().flat_map(|leased| &leased.history) {
        complete::keep_attempt(writing, message, attempt)?;
    }
    writing.changes.later |= held == 1;
    let tally = writing.tally(blast);
    tally.messages += 1;
    tally.recipients += total;
    Ok(true)
}

/// Recipients by site, in the order of the first of each.
pub(super) fn by_site(sites: &[Arc<str>]) -> Vec<(&Arc<str>, Vec<u32>)> {
    let mut groups: Vec<(&Arc<str>, Vec<u32>)> = Vec::with_capacity(1);
    let mut index = std::collections::HashMap::new();
    for (place, site) in (0..).zip(sites) {
        let at = match groups.last() {
            Some((last, _)) if *last == site => groups.len() - 1,
            _ => *index.entry(site).or_insert_with(|| {
                groups.push((site, Vec::new()));
                groups.len() - 1
            }),
        };
        groups[at].1.push(place);
    }
    groups
}

fn flags_of(adopted: &Adopted) -> i64 {
    let envelope = &adopted.record.envelope;
    let plain = RecipientOptions::default();
    let asks = envelope.recipients.iter().any(|recipient| recipient.options != plain)
        || envelope.delivery != DeliveryOptions::default();
    let warns = !envelope.reverse_path.is_empty()
        && envelope.recipients.iter().any(|recipient| recipient.options.notify.contains(Notify::DELAY));
    let mut flags = 0;
    flags |= if asks { flags::OPTIONS } else { 0 };
    let warned = adopted.leased.as_ref().is_some_and(|leased| leased.warned);
    flags |= if warns && !warned { flags::WARN } else { 0 };
    flags |= if envelope.utf8 { flags::UTF8 } else { 0 };
    flags
}

/// Whether no message had that key; this one has it from now on.
fn is_first(writing: &Writing<'_>, key: &str, id: &[u8; 16], digest: [u8; 32]) -> Result<bool, QueueError> {
    let known: Option<Vec<u8>> = writing
        .connection
        .prepare_cached("SELECT id FROM keys WHERE key = ?")?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return Ok(known == id);
    }
    writing
        .connection
        .prepare_cached("INSERT INTO keys(key, id, digest, at) VALUES (?,?,?,?)")?
        .execute(params![key, id, digest, writing.now])?;
    Ok(true)
}

/// The message of a key, and what it is.
pub(super) fn key(connection: &Connection, key: &str) -> Result<Option<(Id, [u8; 32])>, QueueError> {
    Ok(connection
        .prepare_cached("SELECT id, digest FROM keys WHERE key = ?")?
        .query_row([key], |row| {
            let id: [u8; 16] = row.get(0)?;
            Ok((Id::from_number(u128::from_be_bytes(id)), row.get(1)?))
        })
        .optional()?)
}

/// The places of recipients, as they are kept.
pub(super) fn places_to_bytes(places: impl Iterator<Item = u32>) -> Vec<u8> {
    places.flat_map(u32::to_le_bytes).collect()
}

/// The same, read.
pub(super) fn places_from_bytes(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
