//! What time brings about: jobs that are due, messages that are over, senders to be warned.

use freesmtp_core::spool::Id;
use rusqlite::{OptionalExtension, Row, params};

use super::{
    BlastTallyExt, Done, Ending, Final, JobKey, Millis, QueueError, Target, TargetResult, Verdict, Words,
    adopt::places_from_bytes,
    complete::{outcome_row, settle},
    flags,
    writer::Writing,
};

/// As much as one transaction does, so that results never wait long behind it.
const STEP: u32 = 1_000;

/// Makes jobs ready whose time has come; whether there are more.
pub(super) fn promote(writing: &mut Writing<'_>, now: Millis) -> Result<bool, QueueError> {
    let due: Vec<(i64, i64, i64)> = writing
        .connection
        .prepare_cached(
            "SELECT message, n, lane FROM jobs WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?",
        )?
        .query_map(params![now, STEP], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (message, n, lane) in &due {
        writing
            .connection
            .prepare_cached("UPDATE jobs SET state = 0 WHERE message = ? AND n = ?")?
            .execute([message, n])?;
        writing.count(*lane, 1, -1);
        writing.count(*lane, 0, 1);
    }
    Ok(due.len() == STEP as usize)
}

/// The clock of this machine went back by so much: what waits for another attempt waits no longer for that.
pub(super) fn clock_went_back(writing: &mut Writing<'_>, by: Millis) -> Result<(), QueueError> {
    writing.connection.execute("UPDATE jobs SET due = due - ? WHERE state = 1 AND attempts > 0", [by])?;
    writing.changes.later = true;
    Ok(())
}

/// Messages whose time is over: those that said when, and those submitted before `oldest` that said nothing.
pub(super) fn expire(
    writing: &mut Writing<'_>,
    now: Millis,
    oldest: Millis,
    reason: &Words,
) -> Result<bool, QueueError> {
    let mut over: Vec<i64> = writing
        .connection
        .prepare_cached("SELECT seq FROM messages WHERE expires <= ? AND open > 0 LIMIT ?")?
        .query_map(params![now, STEP], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let first = Id::new(u64::try_from(oldest).unwrap_or_default(), [0; 16]).number().to_be_bytes();
    let old: Vec<i64> = writing
        .connection
        .prepare_cached(
            "SELECT seq FROM messages WHERE id < ? AND expires IS NULL AND open > 0 AND NOT EXISTS \
             (SELECT 1 FROM jobs WHERE message = seq AND state = 1 AND attempts = 0) ORDER BY id LIMIT ?",
        )?
        .query_map(params![first, STEP], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    over.extend(old);
    for message in &over {
        end(writing, *message, now, Final::Expired, true, reason)?;
    }
    Ok(over.len() >= STEP as usize)
}

/// Ends every open recipient of a message at once.
pub(super) fn end(
    writing: &mut Writing<'_>,
    message: i64,
    now: Millis,
    outcome: Final,
    report: bool,
    reason: &Words,
) -> Result<usize, QueueError> {
    type Row = (i64, i64, i64, i64, Option<Vec<u8>>, String);
    let jobs: Vec<Row> = writing
        .connection
        .prepare_cached("SELECT n, lane, state, attempts, recipients, emails FROM jobs WHERE message = ?")?
        .query_map([message], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?
        .collect::<Result<_, _>>()?;
    let (blast, sender, id, message_id): (i64, String, [u8; 16], String) = writing
        .connection
        .prepare_cached("SELECT COALESCE(blast, 0), sender, id, message_id FROM messages WHERE seq = ?")?
        .query_row([message], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    // Nobody is told of what became of a report.
    let report = report && !sender.is_empty();
    let mut ended = 0;
    for (n, lane, state, attempts, places, emails) in jobs {
        let emails: Vec<&str> = emails.split('\n').collect();
        let places = match places {
            Some(bytes) => places_from_bytes(&bytes),
            None => (0..u32::try_from(emails.len()).unwrap_or(u32::MAX)).collect(),
        };
        writing.count(lane, state, -1);
        let words = last_words(writing, message, n, lane)?.unwrap_or_else(|| reason.clone());
        let done = Done {
            job: JobKey { message, n },
            lane,
            whole: false,
            tried: attempts > 0,
            segment: None,
            blast,
            at: now,
            results: Vec::new(),
            transcript: String::new(),
            trouble: false,
        };
        let count = emails.len();
        let mut targets = Vec::with_capacity(count);
        for (index, email) in places.into_iter().zip(emails) {
            let result = TargetResult {
                target: Target { index, email: email.to_owned() },
                verdict: Verdict::Final { outcome, report },
                words: words.clone(),
            };
            outcome_row(writing, &done, &result, outcome, report)?;
            targets.push(result.target);
        }
        writing.changes.endings.push(Ending {
            message,
            id: Id::from_number(u128::from_be_bytes(id)),
            message_id: message_id.clone(),
            sender: sender.clone(),
            blast,
            attempts: u32::try_from(attempts).unwrap_or_default(),
            outcome,
            at: now,
            targets,
            words,
        });
        let count_signed = i64::try_from(count).unwrap_or(i64::MAX);
        let tally = writing.tally(blast);
        tally.add(outcome, count_signed);
        tally.deferred -= if attempts > 0 { count_signed } else { 0 };
        ended += count;
    }
    writing.connection.prepare_cached("DELETE FROM jobs WHERE message = ?")?.execute([message])?;
    writing.changes.dropped.push(message);
    if report {
        writing.changes.reports.push(message);
    }
    settle(writing, message, ended)?;
    Ok(ended)
}

/// Why the time of a job ran out: what its last attempt was told, or what is wrong with its site.
fn last_words(writing: &Writing<'_>, message: i64, n: i64, lane: i64) -> Result<Option<Words>, QueueError> {
    let of_attempt = writing
        .connection
        .prepare_cached(
            "SELECT server, stage, code, status, text, cause, remedy FROM attempts WHERE message = ? AND job = ? \
             ORDER BY rowid DESC LIMIT 1",
        )?
        .query_row([message, n], words)
        .optional()?;
    if of_attempt.is_some() {
        return Ok(of_attempt);
    }
    Ok(writing
        .connection
        .prepare_cached(
            "SELECT server, stage, code, status, text, cause, remedy FROM troubles \
             WHERE site = (SELECT site FROM lanes WHERE id = ?)",
        )?
        .query_row([lane], words)
        .optional()?)
}

/// Seven columns, from the server to the remedy.
pub(super) fn words(row: &Row<'_>) -> rusqlite::Result<Words> {
    Ok(Words {
        server: row.get(0)?,
        stage: row.get(1)?,
        code: row.get(2)?,
        status: row.get(3)?,
        text: row.get(4)?,
        cause: row.get(5)?,
        remedy: row.get(6)?,
    })
}

/// Messages submitted before `oldest` whose senders asked to be told of a delay; each is given once.
pub(super) fn late(writing: &mut Writing<'_>, oldest: Millis) -> Result<Vec<i64>, QueueError> {
    let first = Id::new(u64::try_from(oldest).unwrap_or_default(), [0; 16]).number().to_be_bytes();
    let late: Vec<i64> = writing
        .connection
        .prepare_cached("SELECT seq FROM messages WHERE flags & 2 AND id < ? AND open > 0 LIMIT ?")?
        .query_map(params![first, STEP], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for message in &late {
        writing
            .connection
            .prepare_cached("UPDATE messages SET flags = flags & ~? WHERE seq = ?")?
            .execute([flags::WARN, *message])?;
    }
    Ok(late)
}
