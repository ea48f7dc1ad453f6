//! What a person asks of the queue: what is in it, and what to do with a message. Each question is bounded.

use std::time::Duration;

use freesmtp_core::spool::Id;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::{
    Final, Millis, Place, QueueError, Words, adopt::places_from_bytes, sweep, take::place, writer::Writing,
};

/// Which messages are asked for; what is not set does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of a recipient's or the sender's address, or of the Message-ID; or an id.
    pub text: Option<String>,
    /// The blast.
    pub blast: Option<String>,
    /// The site: a domain, or the servers of a route.
    pub site: Option<String>,
    /// `ready`, `later` or `held`.
    pub state: Option<JobState>,
    /// What the last attempt came to: the identifier of a diagnosis.
    pub cause: Option<String>,
    /// Only messages after this one: where the last answer ended.
    pub after: Option<Id>,
    /// The most messages; 0 for 100.
    pub limit: u32,
    /// How long a page may be looked for before it is given as far as it is; zero for a second.
    pub patience: Duration,
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// For a session.
    Ready,
    /// For its time.
    Later,
    /// For somebody to release it.
    Held,
}

impl JobState {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Later => "later",
            Self::Held => "held",
        }
    }

    pub(super) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Ready,
            1 => Self::Later,
            _ => Self::Held,
        }
    }

    pub(super) fn number(self) -> i64 {
        match self {
            Self::Ready => 0,
            Self::Later => 1,
            Self::Held => 2,
        }
    }
}

/// A message in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its number here.
    pub seq: i64,
    /// Its id.
    pub id: Id,
    /// The reverse-path.
    pub sender: String,
    /// The `Message-ID`.
    pub message_id: String,
    /// Octets.
    pub length: u64,
    /// The blast's name.
    pub blast: Option<String>,
    /// -9 to 9.
    pub priority: i8,
    /// When it is given up, when it says so itself.
    pub expires: Option<Millis>,
    /// Recipients in all.
    pub total: u32,
    /// Recipients without a result.
    pub open: u32,
    /// Where its bytes are.
    pub place: Place,
}

/// Recipients that wait together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The number of the job, by which attempts are its own.
    pub job: i64,
    /// The site.
    pub site: String,
    /// What they wait for.
    pub state: JobState,
    /// When they are tried; for `ready` since when they can be.
    pub due: Millis,
    /// Attempts that failed.
    pub attempts: u32,
    /// The mailboxes, with their places in the envelope.
    pub recipients: Vec<(u32, String)>,
}

/// A recipient with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its place in the envelope.
    pub index: u32,
    /// The mailbox.
    pub email: String,
    /// What became of it.
    pub outcome: Final,
    /// When.
    pub at: Millis,
    /// A report is still owed to the sender.
    pub report: bool,
    /// What was said.
    pub words: Words,
}

/// An attempt that did not deliver to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The number of the job.
    pub job: i64,
    /// When it ended.
    pub at: Millis,
    /// The recipient; empty for all of its job.
    pub email: String,
    /// `deferred`, `failed`, `unknown`, `delivered`.
    pub outcome: String,
    /// What was said.
    pub words: Words,
    /// The conversation; empty where an attempt before it has the same one.
    pub transcript: String,
}

/// Everything about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The message.
    pub summary: Summary,
    /// Recipients that wait.
    pub waiting: Vec<Waiting>,
    /// Recipients with a result.
    pub ended: Vec<Ended>,
    /// The attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

const SUMMARY: &str = "m.seq, m.id, m.sender, m.message_id, m.length, \
    (SELECT name FROM blasts WHERE id = m.blast), m.priority, m.expires, m.total, m.open, \
    s.name, m.record, m.body, m.length, m.file";
const FROM: &str = "FROM messages m JOIN segments s ON s.id = m.segment";

/// The messages that fit, in the order of their ids.
pub(super) fn list(connection: &Connection, filter: &Filter) -> Result<Vec<Summary>, QueueError> {
    list_within(connection, filter, Within::All)
}

/// Where it is looked for messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Within {
    /// Everywhere.
    All,
    /// Up to that id.
    Until(Id),
    /// Among those that have a job in the state of the filter: those are few.
    State,
}

/// The same, within these.
pub(super) fn list_within(
    connection: &Connection,
    filter: &Filter,
    within: Within,
) -> Result<Vec<Summary>, QueueError> {
    let mut conditions = vec!["1".to_owned()];
    let mut values: Vec<Value> = Vec::new();
    let mut from = FROM.to_owned();
    if let (Within::State, Some(state)) = (within, filter.state) {
        // The index of the state, and then each message: never the other way round.
        from = format!(
            "FROM (SELECT DISTINCT message FROM jobs INDEXED BY jobs_{} WHERE state = {}) d \
             CROSS JOIN messages m ON m.seq = d.message JOIN segments s ON s.id = m.segment",
            state.as_str(),
            state.number()
        );
    }
    if let Within::Until(id) = within {
        conditions.push("m.id <= ?".to_owned());
        values.push(Value::Blob(id.number().to_be_bytes().to_vec()));
    }
    if let Some(id) = filter.after {
        conditions.push("m.id > ?".to_owned());
        values.push(Value::Blob(id.number().to_be_bytes().to_vec()));
    }
    if let Some(name) = &filter.blast {
        conditions.push("m.blast = (SELECT id FROM blasts WHERE name = ?)".to_owned());
        values.push(Value::Text(name.clone()));
    }
    if filter.site.is_some() || filter.state.is_some() || filter.cause.is_some() {
        let mut of_job = vec!["j.message = m.seq".to_owned()];
        if let Some(site) = &filter.site {
            of_job.push("j.lane IN (SELECT id FROM lanes WHERE site = ?)".to_owned());
            values.push(Value::Text(site.clone()));
        }
        if let Some(state) = filter.state {
            of_job.push("j.state = ?".to_owned());
            values.push(Value::Integer(state.number()));
        }
        if let Some(cause) = &filter.cause {
            of_job.push("j.cause = (SELECT id FROM causes WHERE cause = ?)".to_owned());
            values.push(Value::Text(cause.clone()));
        }
        conditions.push(format!("EXISTS (SELECT 1 FROM jobs j WHERE {})", of_job.join(" AND ")));
    }
    if let Some(text) = &filter.text {
        conditions.push(
            "(instr(lower(m.sender), ?) OR instr(lower(m.message_id), ?) OR m.id = ? OR EXISTS \
             (SELECT 1 FROM jobs j WHERE j.message = m.seq AND instr(lower(j.emails), ?)) OR EXISTS \
             (SELECT 1 FROM outcomes o WHERE o.message = m.seq AND instr(lower(o.email), ?)))"
                .to_owned(),
        );
        let id = text.parse::<Id>().map_or(Value::Null, |id| Value::Blob(id.number().to_be_bytes().to_vec()));
        let text = || Value::Text(text.to_lowercase());
        values.extend([text(), text(), id, text(), text()]);
    }
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    values.push(Value::Integer(i64::from(limit)));
    let sql = format!("SELECT {SUMMARY} {from} WHERE {} ORDER BY m.id LIMIT ?", conditions.join(" AND "));
    Ok(connection
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(values), summary)?
        .collect::<Result<_, _>>()?)
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let id: [u8; 16] = row.get(1)?;
    Ok(Summary {
        seq: row.get(0)?,
        id: Id::from_number(u128::from_be_bytes(id)),
        sender: row.get(2)?,
        message_id: row.get(3)?,
        length: u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default(),
        blast: row.get(5)?,
        priority: row.get(6)?,
        expires: row.get(7)?,
        total: row.get(8)?,
        open: row.get(9)?,
        place: place(row, 10)?,
    })
}

/// Everything about a message; `None` when it is not in the queue (any more).
pub(super) fn show(connection: &Connection, id: Id) -> Result<Option<Details>, QueueError> {
    let found = connection
        .prepare_cached(&format!("SELECT {SUMMARY} {FROM} WHERE m.id = ?"))?
        .query_row([id.number().to_be_bytes()], summary)
        .optional()?;
    found.map(|summary| details(connection, summary)).transpose()
}

/// The same by its number here.
pub(super) fn show_seq(connection: &Connection, seq: i64) -> Result<Option<Details>, QueueError> {
    let found = connection
        .prepare_cached(&format!("SELECT {SUMMARY} {FROM} WHERE m.seq = ?"))?
        .query_row([seq], summary)
        .optional()?;
    found.map(|summary| details(connection, summary)).transpose()
}

fn details(connection: &Connection, summary: Summary) -> Result<Details, QueueError> {
    let waiting = connection
        .prepare_cached(
            "SELECT l.site, j.state, j.due, j.attempts, j.recipients, j.emails, j.n FROM jobs j JOIN lanes l ON l.id = j.lane \
             WHERE j.message = ? ORDER BY j.n",
        )?
        .query_map([summary.seq], |row| {
            let emails: String = row.get(5)?;
            let places = match row.get::<_, Option<Vec<u8>>>(4)? {
                Some(bytes) => places_from_bytes(&bytes),
                None => (0..summary.total).collect(),
            };
            Ok(Waiting {
                job: row.get(6)?,
                site: row.get(0)?,
                state: JobState::from_number(row.get(1)?),
                due: row.get(2)?,
                attempts: row.get(3)?,
                recipients: places.into_iter().zip(emails.split('\n').map(str::to_owned)).collect(),
            })
        })?
        .collect::<Result<_, _>>()?;
    let ended = connection
        .prepare_cached(
            "SELECT recipient, email, state, at, report, server, code, status, text, cause FROM outcomes \
             WHERE message = ? ORDER BY recipient",
        )?
        .query_map([summary.seq], |row| {
            Ok(Ended {
                index: row.get(0)?,
                email: row.get(1)?,
                outcome: Final::from_number(row.get(2)?),
                at: row.get(3)?,
                report: row.get::<_, i64>(4)? == 1,
                words: Words {
                    server: row.get(5)?,
                    code: row.get(6)?,
                    status: row.get(7)?,
                    text: row.get(8)?,
                    cause: row.get(9)?,
                    ..Words::default()
                },
            })
        })?
        .collect::<Result<_, _>>()?;
    let attempts = connection
        .prepare_cached(
            "SELECT at, email, outcome, server, stage, code, status, text, cause, remedy, transcript, job FROM attempts \
             WHERE message = ? ORDER BY rowid",
        )?
        .query_map([summary.seq], |row| {
            Ok(Attempt {
                job: row.get(11)?,
                at: row.get(0)?,
                email: row.get(1)?,
                outcome: row.get(2)?,
                words: Words {
                    server: row.get(3)?,
                    stage: row.get(4)?,
                    code: row.get(5)?,
                    status: row.get(6)?,
                    text: row.get(7)?,
                    cause: row.get(8)?,
                    remedy: row.get(9)?,
                },
                transcript: row.get(10)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Details { summary, waiting, ended, attempts })
}

/// What was last wrong with a site.
pub(super) fn trouble(connection: &Connection, site: &str) -> Result<Option<(Millis, Words)>, QueueError> {
    Ok(connection
        .prepare_cached(
            "SELECT server, stage, code, status, text, cause, remedy, at FROM troubles WHERE site = ?",
        )?
        .query_row([site], |row| Ok((row.get(7)?, sweep::words(row)?)))
        .optional()?)
}

/// The id of the oldest message.
pub(super) fn oldest(connection: &Connection) -> Result<Option<Id>, QueueError> {
    let oldest: Option<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM messages ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(oldest.map(|id| Id::from_number(u128::from_be_bytes(id))))
}

fn seq(writing: &Writing<'_>, id: Id) -> Result<Option<i64>, QueueError> {
    Ok(writing
        .connection
        .prepare_cached("SELECT seq FROM messages WHERE id = ?")?
        .query_row([id.number().to_be_bytes()], |row| row.get(0))
        .optional()?)
}

/// Moves the jobs of a message from some states to another one; whether the message is there.
fn shift(
    writing: &mut Writing<'_>,
    id: Id,
    from: &[JobState],
    to: JobState,
    due: Option<Millis>,
) -> Result<bool, QueueError> {
    let Some(message) = seq(writing, id)? else { return Ok(false) };
    let jobs: Vec<(i64, i64, i64)> = writing
        .connection
        .prepare_cached("SELECT n, lane, state FROM jobs WHERE message = ?")?
        .query_map([message], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (n, lane, state) in jobs {
        let before = JobState::from_number(state);
        if before == to || !from.contains(&before) {
            continue;
        }
        writing
            .connection
            .prepare_cached("UPDATE jobs SET state = ?, due = COALESCE(?, due) WHERE message = ? AND n = ?")?
            .execute(params![to.number(), due, message, n])?;
        writing.count(lane, before.number(), -1);
        writing.count(lane, to.number(), 1);
    }
    writing.changes.later = true;
    if to == JobState::Held {
        writing.changes.dropped.push(message);
    }
    Ok(true)
}

/// Holds a message until it is released.
pub(super) fn hold(writing: &mut Writing<'_>, id: Id) -> Result<bool, QueueError> {
    shift(writing, id, &[JobState::Ready, JobState::Later], JobState::Held, None)
}

/// Releases a message that is held, at the time it had.
pub(super) fn release(writing: &mut Writing<'_>, id: Id) -> Result<bool, QueueError> {
    shift(writing, id, &[JobState::Held], JobState::Later, None)
}

/// Tries a message now that waits for its time.
pub(super) fn retry(writing: &mut Writing<'_>, id: Id) -> Result<bool, QueueError> {
    let now = writing.now;
    shift(writing, id, &[JobState::Later], JobState::Ready, Some(now))
}

/// Takes a message out; nobody gets a report.
pub(super) fn cancel(writing: &mut Writing<'_>, id: Id) -> Result<bool, QueueError> {
    let Some(message) = seq(writing, id)? else { return Ok(false) };
    let words =
        Words { text: "it was cancelled".to_owned(), cause: "cancelled".to_owned(), ..Words::default() };
    let now = writing.now;
    sweep::end(writing, message, now, Final::Cancelled, false, &words)?;
    Ok(true)
}

/// The reports that were owed for these recipients are made; without an open recipient, the message goes.
pub(super) fn reported(
    writing: &mut Writing<'_>,
    message: i64,
    recipients: &[u32],
) -> Result<(), QueueError> {
    for recipient in recipients {
        writing
            .connection
            .prepare_cached("UPDATE outcomes SET report = 2 WHERE message = ? AND recipient = ?")?
            .execute(params![message, recipient])?;
    }
    super::complete::settle(writing, message, 0)
}

/// Messages for which a report is owed.
pub(super) fn owed(connection: &Connection) -> Result<Vec<i64>, QueueError> {
    Ok(connection
        .prepare("SELECT DISTINCT message FROM outcomes WHERE report = 1 LIMIT 10000")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}
