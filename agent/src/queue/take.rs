//! What is ready, for whoever delivers.

use std::{collections::HashSet, sync::Arc};

use freesmtp_core::spool::{Body, Id};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Job, JobKey, Lane, LaneId, Millis, Place, QueueError, Target, adopt::places_from_bytes, flags};

const COLUMNS: &str = "j.message, j.n, j.lane, j.attempts, j.recipients, j.emails, m.id, m.message_id, m.sender, \
    m.total, m.segment, m.record, m.body, m.length, m.file, m.flags, m.expires, m.blast, m.priority";

/// The next ready jobs of a lane, without those that were taken before.
pub(super) fn take(
    connection: &Connection,
    lane: LaneId,
    limit: usize,
    taken: &HashSet<JobKey>,
) -> Result<Vec<Job>, QueueError> {
    // One snapshot for both questions.
    let transaction = connection.unchecked_transaction()?;
    let whole = i64::try_from(limit.saturating_add(taken.len())).unwrap_or(i64::MAX);
    // What is taken stands at the front, mostly: it is passed over in the index alone.
    let mut passed = 0;
    let first = transaction
        .prepare_cached(
            "SELECT rank, message, n FROM jobs INDEXED BY jobs_ready WHERE lane = ? AND state = 0 \
             ORDER BY rank, message, n LIMIT ?",
        )?
        .query_map([lane, whole], |row| {
            Ok((row.get::<_, i64>(0)?, JobKey { message: row.get(1)?, n: row.get(2)? }))
        })?
        .inspect(|_| passed += 1)
        .find(|key| key.as_ref().map_or(true, |(_, key)| !taken.contains(key)))
        .transpose()?;
    let Some((rank, JobKey { message, n })) = first else { return Ok(Vec::new()) };
    let rest = whole.saturating_sub(passed - 1);
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM jobs j INDEXED BY jobs_ready CROSS JOIN messages m ON m.seq = j.message \
         WHERE j.lane = ? AND j.state = 0 AND (j.rank, j.message, j.n) >= (?, ?, ?) \
         ORDER BY j.rank, j.message, j.n LIMIT ?"
    ))?;
    let mut rows = statement.query([lane, rank, message, n, rest])?;
    let mut names = Names::default();
    let mut jobs = Vec::with_capacity(limit.min(usize::try_from(rest).unwrap_or(limit)));
    while jobs.len() < limit
        && let Some(row) = rows.next()?
    {
        if !taken.contains(&JobKey { message: row.get(0)?, n: row.get(1)? }) {
            jobs.push(read(row, names.of(&transaction, row.get(10)?)?)?);
        }
    }
    Ok(jobs)
}

/// The names of segments, each asked for once.
#[derive(Default)]
struct Names(Vec<(i64, Arc<str>)>);

impl Names {
    fn of(&mut self, connection: &Connection, segment: i64) -> rusqlite::Result<Arc<str>> {
        if let Some((_, name)) = self.0.iter().find(|(id, _)| *id == segment) {
            return Ok(Arc::clone(name));
        }
        let name: String = connection
            .prepare_cached("SELECT name FROM segments WHERE id = ?")?
            .query_row([segment], |row| row.get(0))?;
        let name: Arc<str> = name.into();
        self.0.push((segment, Arc::clone(&name)));
        Ok(name)
    }
}

fn read(row: &Row<'_>, segment: Arc<str>) -> rusqlite::Result<Job> {
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
        place: place_in(segment, row, 11)?,
        segment: row.get(10)?,
        has_options: flags & flags::OPTIONS != 0,
        utf8: flags & flags::UTF8 != 0,
        expires: row.get(16)?,
        blast: row.get::<_, Option<i64>>(17)?.unwrap_or(0),
        priority: row.get(18)?,
    })
}

/// Segment name, record, body, length and file, from that column on.
pub(super) fn place(row: &Row<'_>, first: usize) -> rusqlite::Result<Place> {
    place_in(Arc::from(row.get_ref(first)?.as_str()?), row, first + 1)
}

/// Record, body, length and file, from that column on.
fn place_in(segment: Arc<str>, row: &Row<'_>, first: usize) -> rusqlite::Result<Place> {
    let unsigned = |column: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
    };
    let (body, length, file) =
        (unsigned(first + 1)?, unsigned(first + 2)?, row.get::<_, Option<String>>(first + 3)?);
    Ok(Place {
        segment,
        record: unsigned(first)?,
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
