//! Blasts: messages of one name, their progress, and what is done with all of them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Final, Millis, Queue, QueueError, Words, sweep,
    writer::{BlastTally, Writing},
};

/// How far a blast is; the counters count recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blast {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether it is under way.
    pub state: BlastState,
    /// When its first message was adopted.
    pub created: Millis,
    /// When anything last happened.
    pub updated: Millis,
    /// Messages.
    pub messages: i64,
    /// Recipients of all messages.
    pub recipients: i64,
    /// Recipients whose server took the message.
    pub delivered: i64,
    /// Recipients that wait for another attempt.
    pub deferred: i64,
    /// Recipients that were refused.
    pub failed: i64,
    /// Recipients whose time was over.
    pub expired: i64,
    /// Recipients that were cancelled.
    pub cancelled: i64,
}

impl Queue {
    /// The blasts, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn blasts(&self, limit: u32) -> Result<Vec<Blast>, QueueError> {
        self.counted(self.read(|connection| list(connection, limit))?)
    }

    /// The blasts of which anything changed since the last call, or one of these.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn changed_blasts(&self, or: impl IntoIterator<Item = i64>) -> Result<Vec<Blast>, QueueError> {
        let mut ids = self.inner.news.blasts();
        ids.extend(or);
        let changed = self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM blasts WHERE id = ?"))?;
            let found = ids.iter().map(|id| statement.query_row([id], read).optional());
            Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })?;
        self.counted(changed)
    }

    /// The blast of that name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn blast(&self, name: &str) -> Result<Option<Blast>, QueueError> {
        let found = self.read(|connection| get(connection, name))?;
        Ok(self.counted(found.into_iter().collect())?.pop())
    }

    /// The name of the blast with that number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn blast_name(&self, number: i64) -> Result<Option<String>, QueueError> {
        self.read(|connection| name(connection, number))
    }

    /// The numbers of the blasts that are paused or cancelled: where to begin. [`Queue::changes`] tells the rest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stopped_blasts(&self) -> Result<Vec<(i64, bool)>, QueueError> {
        self.read(stopped)
    }

    /// Pauses a blast; whether there is one of that name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn pause_blast(&self, name: &str) -> Result<bool, QueueError> {
        self.set_blast(name, BlastState::Paused).await
    }

    /// Lets a paused blast go on; whether there is one of that name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn resume_blast(&self, name: &str) -> Result<bool, QueueError> {
        self.set_blast(name, BlastState::Running).await
    }

    /// Takes all messages of a blast out, without reports; whether there was one of that name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn cancel_blast(&self, name: &str) -> Result<bool, QueueError> {
        let known = self.set_blast(name, BlastState::Cancelled).await?;
        if self.shared.is_some() {
            // Each agent that hears of it takes out what it has.
            return Ok(known);
        }
        let key = name.to_owned();
        let step = move |writing: &mut Writing<'_>| cancel_some(writing, &key);
        while self.write(step.clone()).await? {}
        Ok(known)
    }

    async fn set_blast(&self, name: &str, state: BlastState) -> Result<bool, QueueError> {
        if let Some(shared) = &self.shared {
            return shared.set_blast(name, state).await;
        }
        let name = name.to_owned();
        self.write(move |writing| set_state(writing, &name, state)).await
    }

    /// The same blasts, with what all agents have counted where the queue is shared.
    fn counted(&self, blasts: Vec<Blast>) -> Result<Vec<Blast>, QueueError> {
        match &self.shared {
            Some(shared) => shared.counted(blasts),
            None => Ok(blasts),
        }
    }

    /// Takes out what is left of blasts that were being cancelled when the agent was killed.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn sweep_cancelled(&self) -> Result<(), QueueError> {
        // Of a queue that is shared such are not taken in.
        let names = if self.shared.is_some() { Vec::new() } else { self.read(cancelled)? };
        for name in names {
            let step = move |writing: &mut Writing<'_>| cancel_some(writing, &name);
            while self.write(step.clone()).await? {}
        }
        Ok(())
    }
}

impl Blast {
    /// Recipients that have no result yet.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.recipients - self.delivered - self.failed - self.expired - self.cancelled
    }
}

/// Whether a blast is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlastState {
    /// It is.
    Running,
    /// Its messages wait until it is resumed.
    Paused,
    /// Its messages are being taken out.
    Cancelled,
}

impl BlastState {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Running => 0,
            Self::Paused => 1,
            Self::Cancelled => 2,
        }
    }
}

/// Adds an end to a counter.
pub(super) trait BlastTallyExt {
    fn add(&mut self, outcome: Final, count: i64);
}

impl BlastTallyExt for BlastTally {
    fn add(&mut self, outcome: Final, count: i64) {
        *match outcome {
            Final::Delivered => &mut self.delivered,
            Final::Failed => &mut self.failed,
            Final::Expired => &mut self.expired,
            Final::Cancelled => &mut self.cancelled,
        } += count;
    }
}

/// The number of a blast, which begins with its first message.
pub(super) fn id(writing: &Writing<'_>, name: &str) -> Result<i64, QueueError> {
    let known: Option<i64> = writing
        .connection
        .prepare_cached("SELECT id FROM blasts WHERE name = ?")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    writing
        .connection
        .prepare_cached("INSERT INTO blasts(name, created, updated) VALUES (?, ?, ?)")?
        .execute(params![name, writing.now, writing.now])?;
    Ok(writing.connection.last_insert_rowid())
}

/// The name of the blast with that number.
fn name(connection: &Connection, number: i64) -> Result<Option<String>, QueueError> {
    let name = connection
        .prepare_cached("SELECT name FROM blasts WHERE id = ?")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    Ok(name)
}

/// Pauses a blast or lets it go on; whether there is one of that name that was not cancelled.
pub(super) fn set_state(
    writing: &mut Writing<'_>,
    name: &str,
    state: BlastState,
) -> Result<bool, QueueError> {
    let id: Option<i64> = writing
        .connection
        .prepare_cached(
            "UPDATE blasts SET state = ?, updated = ? WHERE name = ? AND state <> 2 RETURNING id",
        )?
        .query_row(params![state.number(), writing.now, name], |row| row.get(0))
        .optional()?;
    if let Some(id) = id {
        writing.changes.blasts.push((id, state != BlastState::Running));
    }
    Ok(id.is_some())
}

/// Takes some messages of a cancelled blast out; whether there are more.
fn cancel_some(writing: &mut Writing<'_>, name: &str) -> Result<bool, QueueError> {
    const STEP: u32 = 500;
    let messages: Vec<i64> = writing
        .connection
        .prepare_cached(
            "SELECT seq FROM messages WHERE blast = (SELECT id FROM blasts WHERE name = ?) AND open > 0 LIMIT ?",
        )?
        .query_map(params![name, STEP], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let words = Words {
        text: "the blast was cancelled".to_owned(),
        cause: "cancelled".to_owned(),
        ..Words::default()
    };
    for message in &messages {
        sweep::end(writing, *message, writing.now, Final::Cancelled, false, &words)?;
    }
    Ok(messages.len() == STEP as usize)
}

/// Takes out what has just come to a blast, if that was cancelled before.
pub(super) fn end_if_cancelled(writing: &mut Writing<'_>, name: &str) -> Result<(), QueueError> {
    let is_cancelled: bool = writing
        .connection
        .prepare_cached("SELECT EXISTS(SELECT 1 FROM blasts WHERE name = ? AND state = 2)")?
        .query_row([name], |row| row.get(0))?;
    while is_cancelled && cancel_some(writing, name)? {}
    Ok(())
}

const COLUMNS: &str = "id, name, state, created, updated, messages, recipients, delivered, deferred, failed, expired, cancelled";

/// The blast of that name.
fn get(connection: &Connection, name: &str) -> Result<Option<Blast>, QueueError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM blasts WHERE name = ?"))?
        .query_row([name], read)
        .optional()?)
}

/// The blasts, the newest first.
fn list(connection: &Connection, limit: u32) -> Result<Vec<Blast>, QueueError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM blasts ORDER BY id DESC LIMIT ?"))?
        .query_map([limit], read)?
        .collect::<Result<_, _>>()?)
}

/// The blasts that are paused or cancelled.
fn stopped(connection: &Connection) -> Result<Vec<(i64, bool)>, QueueError> {
    Ok(connection
        .prepare("SELECT id FROM blasts WHERE state <> 0")?
        .query_map([], |row| Ok((row.get(0)?, true)))?
        .collect::<Result<_, _>>()?)
}

/// The names of cancelled blasts that have messages.
fn cancelled(connection: &Connection) -> Result<Vec<String>, QueueError> {
    Ok(connection
        .prepare_cached(
            "SELECT name FROM blasts b WHERE state = 2 AND EXISTS (SELECT 1 FROM messages WHERE blast = b.id AND open > 0)",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Blast> {
    Ok(Blast {
        id: row.get(0)?,
        name: row.get(1)?,
        state: match row.get::<_, i64>(2)? {
            0 => BlastState::Running,
            1 => BlastState::Paused,
            _ => BlastState::Cancelled,
        },
        created: row.get(3)?,
        updated: row.get(4)?,
        messages: row.get(5)?,
        recipients: row.get(6)?,
        delivered: row.get(7)?,
        deferred: row.get(8)?,
        failed: row.get(9)?,
        expired: row.get(10)?,
        cancelled: row.get(11)?,
    })
}
