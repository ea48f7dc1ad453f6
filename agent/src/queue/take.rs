//! What is ready, for whoever delivers.

use std::{collections::HashSet, sync::Arc};

use freesmtp_core::spool::{Body, Id};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Job, JobKey, Lane, LaneId, Millis, Place, QueueError, Target, adopt::places_from_bytes, flags};

const COLUMNS: &str = "j.message, j.n, j.lane, j.attempts, j.recipients, j.emails, m.id, m.message_id, m.sender, \
    m.total, s.name, m.record, m.body, m.length, m.file, m.flags, m.expires, m.blast, m.priority";

/// The next ready jobs of a lane, without those that were taken before.
pub(super) fn take(
    connection: &Connection,
    lane: LaneId,
    limit: usize,
    taken: &HashSet<JobKey>,
) -> Result<Vec<Job>, QueueError> {
    // One snapshot for both questions.
    let transaction = connection.unchecked_transaction()?;
    let most = i64::try_from(limit.saturating_add(taken.len())).unwrap_or(i64::MAX);
    let keys: Vec<JobKey> = transaction
        .prepare_cached(
            "SELECT message, n FROM jobs INDEXED BY jobs_ready WHERE lane = ? AND state = 0 \
             ORDER BY rank, message, n LIMIT ?",
        )?
        .query_map([lane, most], |row| Ok(JobKey { message: row.get(0)?, n: row.get(1)? }))?
        .filter(|key| key.as_ref().map_or(true, |key| !taken.contains(key)))
        .take(limit)
        .collect::<Result<_, _>>()?;
    let mut jobs = Vec::with_capacity(keys.len());
    for key in keys {
        jobs.extend(job(&transaction, key)?);
    }
    Ok(jobs)
}

/// One job, whatever its state.
pub(super) fn job(connection: &Connection, key: JobKey) -> Result<Option<Job>, QueueError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM jobs j JOIN messages m ON m.seq = j.message JOIN segments s ON s.id = m.segment \
             WHERE j.message = ? AND j.n = ?"
        ))?
        .query_row([key.message, key.n], read)
        .optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Job> {
    let id: [u8; 16] = row.get(6)?;
    let emails: &str = row.get_ref(5)?.as_str()?;
    let total: u32 = row.get(9)?;
    let places: Vec<u32> = match row.get_ref(4)?.as_blob_or_null()? {
        Some(bytes) => places_from_bytes(bytes),
        None => (0..total).collect(),
    };
    let targets = places
        .into_iter()
        .zip(emails.split('\n'))
        .map(|(index, email)| Target { index, email: email.to_owned() });
    let flags: i64 = row.get(15)?;
    Ok(Job {
        key: JobKey { message: row.get(0)?, n: row.get(1)? },
        lane: row.get(2)?,
        id: Id::from_number(u128::from_be_bytes(id)),
        message_id: row.get(7)?,
        sender: row.get(8)?,
        targets: targets.collect(),
        total,
        attempts: row.get(3)?,
        place: place(row, 10)?,
        has_options: flags & flags::OPTIONS != 0,
        utf8: flags & flags::UTF8 != 0,
        expires: row.get(16)?,
        blast: row.get::<_, Option<i64>>(17)?.unwrap_or(0),
        priority: row.get(18)?,
    })
}

/// Segment name, record, body, length and file, from that column on.
pub(super) fn place(row: &Row<'_>, first: usize) -> rusqlite::Result<Place> {
    let unsigned = |column: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
    };
    let (body, length, file) =
        (unsigned(first + 2)?, unsigned(first + 3)?, row.get::<_, Option<String>>(first + 4)?);
    Ok(Place {
        segment: Arc::from(row.get_ref(first)?.as_str()?),
        record: unsigned(first + 1)?,
        body: match file {
            Some(name) => Body::File { name, length, crc: u32::try_from(body).unwrap_or_default() },
            None => Body::Inline { offset: body, length },
        },
    })
}

/// All lanes with ready jobs, and how many.
pub(super) fn lanes(connection: &Connection) -> Result<Vec<(Lane, i64)>, QueueError> {
    Ok(connection
        .prepare(
            "SELECT r.lane, r.count, l.site, l.blast FROM \
             (SELECT lane, COUNT(*) AS count FROM jobs WHERE state = 0 GROUP BY lane) r JOIN lanes l ON l.id = r.lane",
        )?
        .query_map([], |row| {
            let site: String = row.get(2)?;
            Ok((Lane { id: row.get(0)?, site: site.into(), blast: row.get(3)? }, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?)
}

/// When the next job of those that wait for their time is due.
pub(super) fn next_due(connection: &Connection) -> Result<Option<Millis>, QueueError> {
    Ok(connection
        .prepare_cached("SELECT due FROM jobs WHERE state = 1 ORDER BY due LIMIT 1")?
        .query_row(params![], |row| row.get(0))
        .optional()?)
}
