//! What attempts came to.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::{
    Attempt, BlastTallyExt, Done, Final, Job, JobKey, QueueError, Target, TargetResult, Verdict, Words,
    adopt::places_to_bytes, writer::Writing,
};

/// Writes the end of an attempt. A job that is gone meanwhile (somebody cancelled it) leaves no trace but its counters.
pub(super) fn complete(writing: &mut Writing<'_>, done: &Done) -> Result<(), QueueError> {
    let mut later: BTreeMap<i64, Vec<&Target>> = BTreeMap::new();
    let mut finals: Vec<(&TargetResult, Final, bool)> = Vec::new();
    for result in &done.results {
        match result.verdict {
            Verdict::Later { due, .. } => later.entry(due).or_default().push(&result.target),
            Verdict::Final { outcome, report } => finals.push((result, outcome, report)),
        }
    }
    if let Some(result) = done.results.first().filter(|_| done.trouble) {
        trouble(writing, done, &result.words)?;
    }
    if !advance(writing, done, &later)? {
        return Ok(());
    }
    let failed = !later.is_empty() || finals.iter().any(|(_, outcome, _)| *outcome != Final::Delivered);
    if failed {
        attempts(writing, done)?;
    }
    count(writing, done, &finals);
    if finals.is_empty() {
        return Ok(());
    }
    let owes = finals.iter().any(|(_, _, report)| *report);
    if done.whole && later.is_empty() && !owes {
        return forget(writing, done, failed);
    }
    for (result, outcome, report) in &finals {
        outcome_row(writing, done, result, *outcome, *report)?;
    }
    if owes {
        writing.changes.reports.push(done.job.message);
    }
    settle(writing, done.job.message, finals.len())
}

/// Writes the end of an attempt where the job leaves this queue, with what is put off: it is elsewhere by now. What stays is
/// what a report is owed for.
pub(super) fn leave(writing: &mut Writing<'_>, done: &Done) -> Result<(), QueueError> {
    if let Some(result) = done.results.first().filter(|_| done.trouble) {
        trouble(writing, done, &result.words)?;
    }
    if !advance(writing, done, &BTreeMap::new())? {
        return Ok(());
    }
    let owes = |result: &&TargetResult| matches!(result.verdict, Verdict::Final { report: true, .. });
    if done.results.iter().any(|result| owes(&result)) {
        attempts(writing, done)?;
        for result in &done.results {
            if let Verdict::Final { outcome, report } = result.verdict {
                outcome_row(writing, done, result, outcome, report)?;
            }
        }
        writing.changes.reports.push(done.job.message);
    }
    settle(writing, done.job.message, done.results.len())
}

/// Why a site is left alone: for those whose time is over before they are tried.
fn trouble(writing: &Writing<'_>, done: &Done, words: &Words) -> Result<(), QueueError> {
    let Words { server, stage, code, status, text, cause, remedy } = words;
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO troubles(site, at, server, stage, code, status, text, cause, remedy) \
             SELECT site, ?, ?, ?, ?, ?, ?, ?, ? FROM lanes WHERE id = ?",
        )?
        .execute(params![done.at, server, stage, code, status, text, cause, remedy, done.lane])?;
    Ok(())
}

/// Takes the job out, or puts it off; `false` when it is not there.
fn advance(
    writing: &mut Writing<'_>,
    done: &Done,
    later: &BTreeMap<i64, Vec<&Target>>,
) -> Result<bool, QueueError> {
    let connection = writing.connection;
    let (message, n) = (done.job.message, done.job.n);
    let mut groups = later.iter();
    let Some((due, targets)) = groups.next() else {
        // As good as always it is still ready; then nothing else is to be asked.
        let deleted = connection
            .prepare_cached("DELETE FROM jobs WHERE message = ? AND n = ? AND state = 0")?
            .execute([message, n])?;
        if deleted > 0 {
            writing.count(done.lane, 0, -1);
            return Ok(true);
        }
        let state: Option<i64> = connection
            .prepare_cached("DELETE FROM jobs WHERE message = ? AND n = ? RETURNING state")?
            .query_row([message, n], |row| row.get(0))
            .optional()?;
        if let Some(state) = state {
            writing.count(done.lane, state, -1);
        }
        return Ok(state.is_some());
    };
    let before: Option<(i64, i64, i64, i64)> = connection
        .prepare_cached("SELECT state, rank, attempts, lane FROM jobs WHERE message = ? AND n = ?")?
        .query_row([message, n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((state, rank, attempts, lane)) = before else { return Ok(false) };
    // What somebody holds stays held.
    let put_off = if state == 2 { 2 } else { 1 };
    writing.count(lane, state, -1);
    writing.count(lane, put_off, i64::try_from(later.len()).unwrap_or(i64::MAX));
    let cause = |targets: &[&Target]| {
        let first = targets.first().map(|target| target.index);
        done.results.iter().find(|result| Some(result.target.index) == first).map(|result| &result.words)
    };
    let places = |targets: &[&Target]| {
        let whole = done.whole && targets.len() == done.results.len();
        (!whole).then(|| places_to_bytes(targets.iter().map(|target| target.index)))
    };
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?, due = ?, attempts = attempts + 1, recipients = ?, emails = ?, cause = ? \
             WHERE message = ? AND n = ?",
        )?
        .execute(params![
            put_off,
            due,
            places(targets),
            emails(targets),
            writing.cause(cause(targets))?,
            message,
            n
        ])?;
    for (due, targets) in groups {
        let cause = writing.cause(cause(targets))?;
        connection
            .prepare_cached(
                "INSERT INTO jobs(message, n, lane, rank, state, due, attempts, recipients, emails, cause) \
                 SELECT ?1, MAX(n) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM jobs WHERE message = ?1",
            )?
            .execute(params![
                message,
                lane,
                rank,
                put_off,
                due,
                attempts + 1,
                places(targets),
                emails(targets),
                cause
            ])?;
    }
    writing.changes.later = true;
    Ok(true)
}

/// Moves a job to the lanes of other sites.
pub(super) fn move_job(
    writing: &mut Writing<'_>,
    job: &Job,
    groups: &[(String, Vec<Target>)],
) -> Result<(), QueueError> {
    let JobKey { message, n } = job.key;
    let connection = writing.connection;
    let before: Option<(i64, i64, i64, i64, Option<i64>)> = connection
        .prepare_cached(
            "DELETE FROM jobs WHERE message = ? AND n = ? RETURNING state, rank, due, attempts, cause",
        )?
        .query_row([message, n], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .optional()?;
    let Some((state, rank, due, attempts, cause)) = before else { return Ok(()) };
    writing.count(job.lane, state, -1);
    for (at, (site, targets)) in groups.iter().enumerate() {
        let lane = writing.lane(site, job.blast)?;
        let targets: Vec<&Target> = targets.iter().collect();
        let whole = targets.len() == job.total as usize;
        // The first keeps the number, by which its attempts are known.
        connection
            .prepare_cached(
                "INSERT INTO jobs(message, n, lane, rank, state, due, attempts, recipients, emails, cause) \
                 SELECT ?1, CASE ?2 WHEN 0 THEN ?3 ELSE (SELECT MAX(n) + 1 FROM jobs WHERE message = ?1) END, \
                 ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11",
            )?
            .execute(params![
                message,
                i64::try_from(at).unwrap_or(i64::MAX),
                n,
                lane,
                rank,
                state,
                due,
                attempts,
                (!whole).then(|| places_to_bytes(targets.iter().map(|target| target.index))),
                emails(&targets),
                cause,
            ])?;
        writing.count(lane, state, 1);
    }
    Ok(())
}

fn emails(targets: &[&Target]) -> String {
    targets.iter().map(|target| target.email.as_str()).collect::<Vec<_>>().join("\n")
}

/// The history of what did not go well; what a whole job was told is written once.
fn attempts(writing: &Writing<'_>, done: &Done) -> Result<(), QueueError> {
    history(done).iter().try_for_each(|attempt| keep_attempt(writing, done.job.message, attempt))
}

/// The same as it is told of.
pub(super) fn history(done: &Done) -> Vec<Attempt> {
    let same =
        done.results.iter().all(|r| r.words == done.results[0].words && r.verdict == done.results[0].verdict);
    let rows = if same && done.results.len() > 1 { &done.results[..1] } else { &done.results[..] };
    let attempt = |(at, result): (usize, &TargetResult)| Attempt {
        job: done.job.n,
        at: done.at,
        email: if same && done.results.len() > 1 { String::new() } else { result.target.email.clone() },
        outcome: match result.verdict {
            Verdict::Final { outcome, .. } => outcome.as_str(),
            Verdict::Later { unknown: true, .. } => "unknown",
            Verdict::Later { .. } => "deferred",
        }
        .to_owned(),
        words: result.words.clone(),
        transcript: if at == 0 { done.transcript.clone() } else { String::new() },
    };
    rows.iter().enumerate().map(attempt).collect()
}

/// Writes an attempt of a message.
pub(super) fn keep_attempt(writing: &Writing<'_>, message: i64, attempt: &Attempt) -> Result<(), QueueError> {
    let Attempt { job, at, email, outcome, words, transcript } = attempt;
    writing
        .connection
        .prepare_cached(
            "INSERT INTO attempts(message, at, job, email, outcome, server, stage, code, status, text, cause, remedy, \
             transcript) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        )?
        .execute(params![
            message,
            at,
            job,
            email,
            outcome,
            words.server,
            words.stage,
            words.code,
            words.status,
            words.text,
            words.cause,
            words.remedy,
            transcript,
        ])?;
    Ok(())
}

fn count(writing: &mut Writing<'_>, done: &Done, finals: &[(&TargetResult, Final, bool)]) {
    if done.blast == 0 {
        return;
    }
    let tally = writing.tally(done.blast);
    let ended = i64::try_from(finals.len()).unwrap_or(i64::MAX);
    let put_off = i64::try_from(done.results.len()).unwrap_or(i64::MAX) - ended;
    tally.deferred += if done.tried { -ended } else { put_off };
    for (_, outcome, _) in finals {
        tally.add(*outcome, 1);
    }
}

pub(super) fn outcome_row(
    writing: &Writing<'_>,
    done: &Done,
    result: &TargetResult,
    outcome: Final,
    report: bool,
) -> Result<(), QueueError> {
    let words = &result.words;
    writing
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO outcomes(message, recipient, email, state, at, report, server, code, status, text, \
             cause) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        )?
        .execute(params![
            done.job.message,
            result.target.index,
            result.target.email,
            outcome.number(),
            done.at,
            report,
            words.server,
            words.code,
            words.status,
            words.text,
            words.cause,
        ])?;
    Ok(())
}

/// So many recipients of the message are done with; without any left, and without a report owed, it goes.
pub(super) fn settle(writing: &mut Writing<'_>, message: i64, ended: usize) -> Result<(), QueueError> {
    let open: Option<i64> = writing
        .connection
        .prepare_cached("UPDATE messages SET open = open - ? WHERE seq = ? RETURNING open")?
        .query_row(params![i64::try_from(ended).unwrap_or(i64::MAX), message], |row| row.get(0))
        .optional()?;
    if open.is_none_or(|open| open > 0) {
        return Ok(());
    }
    let owed: bool = writing
        .connection
        .prepare_cached("SELECT EXISTS(SELECT 1 FROM outcomes WHERE message = ? AND report = 1)")?
        .query_row([message], |row| row.get(0))?;
    if owed { Ok(()) } else { remove(writing, message, true, false) }
}

/// Forgets a message that had one job, which is gone, and no report is owed for.
fn forget(writing: &mut Writing<'_>, done: &Done, failed: bool) -> Result<(), QueueError> {
    let message = done.job.message;
    let Some(segment) = done.segment.filter(|_| !done.tried && !failed) else {
        return remove(writing, message, done.tried || failed, true);
    };
    let deleted =
        writing.connection.prepare_cached("DELETE FROM messages WHERE seq = ?")?.execute([message])?;
    if deleted > 0 {
        *writing.segments.entry(segment).or_default() -= 1;
    }
    Ok(())
}

/// Forgets a message. Its bytes stay until a checkpoint has made sure that nobody will ask for them.
pub(super) fn remove(
    writing: &mut Writing<'_>,
    message: i64,
    has_attempts: bool,
    whole: bool,
) -> Result<(), QueueError> {
    let connection = writing.connection;
    let gone: Option<(i64, Option<String>)> = connection
        .prepare_cached("DELETE FROM messages WHERE seq = ? RETURNING segment, file")?
        .query_row([message], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((segment, file)) = gone else { return Ok(()) };
    *writing.segments.entry(segment).or_default() -= 1;
    if let Some(file) = file {
        connection.prepare_cached("INSERT OR IGNORE INTO garbage(file) VALUES (?)")?.execute([file])?;
    }
    if has_attempts {
        connection.prepare_cached("DELETE FROM attempts WHERE message = ?")?.execute([message])?;
    }
    if !whole {
        connection.prepare_cached("DELETE FROM outcomes WHERE message = ?")?.execute([message])?;
        let left: Vec<(i64, i64)> = connection
            .prepare_cached("DELETE FROM jobs WHERE message = ? RETURNING lane, state")?
            .query_map([message], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        left.into_iter().for_each(|(lane, state)| writing.count(lane, state, -1));
    }
    Ok(())
}
