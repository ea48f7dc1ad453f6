//! The tables, and how the database is opened.
//!
//! What happens for every message touches few trees: a row of `messages` with its id, a row of `jobs` with its place in
//! `jobs_ready`. What is rare (later attempts, results of some recipients, keys, blasts) has its own tables and partial
//! indices, which cost nothing where they hold nothing.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{Counts, QueueError, compact, log};

/// Raised with every change of the tables; an older agent does not open a newer queue.
const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS segments(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  next INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0, live INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages(
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,
  segment INTEGER NOT NULL, record INTEGER NOT NULL, body INTEGER NOT NULL, length INTEGER NOT NULL, file TEXT,
  sender TEXT NOT NULL, message_id TEXT NOT NULL, blast INTEGER, priority INTEGER NOT NULL,
  expires INTEGER, total INTEGER NOT NULL, open INTEGER NOT NULL, flags INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS messages_expires ON messages(expires) WHERE expires IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_of_blast ON messages(blast, id) WHERE blast IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_file ON messages(file) WHERE file IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_warn ON messages(id) WHERE flags & 2;
CREATE TABLE IF NOT EXISTS jobs(
  message INTEGER NOT NULL, n INTEGER NOT NULL,
  lane INTEGER NOT NULL, rank INTEGER NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL,
  attempts INTEGER NOT NULL, recipients BLOB, emails TEXT NOT NULL, cause INTEGER,
  PRIMARY KEY(message, n)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_ready ON jobs(lane, rank, message, n) WHERE state = 0;
CREATE INDEX IF NOT EXISTS jobs_later ON jobs(due) WHERE state = 1;
CREATE INDEX IF NOT EXISTS jobs_held ON jobs(message) WHERE state = 2;
CREATE TABLE IF NOT EXISTS lanes(
  id INTEGER PRIMARY KEY, site TEXT NOT NULL, blast INTEGER NOT NULL, UNIQUE(site, blast));
CREATE TABLE IF NOT EXISTS outcomes(
  message INTEGER NOT NULL, recipient INTEGER NOT NULL, email TEXT NOT NULL, state INTEGER NOT NULL, at INTEGER NOT NULL,
  report INTEGER NOT NULL, server TEXT NOT NULL, code INTEGER NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
  cause TEXT NOT NULL,
  PRIMARY KEY(message, recipient)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outcomes_report ON outcomes(message) WHERE report = 1;
CREATE TABLE IF NOT EXISTS attempts(
  message INTEGER NOT NULL, at INTEGER NOT NULL, job INTEGER NOT NULL, email TEXT NOT NULL, outcome TEXT NOT NULL,
  server TEXT NOT NULL, stage TEXT NOT NULL, code INTEGER NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL,
  cause TEXT NOT NULL, remedy TEXT NOT NULL, transcript TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_message ON attempts(message);
CREATE TABLE IF NOT EXISTS causes(id INTEGER PRIMARY KEY, cause TEXT NOT NULL UNIQUE, remedy TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blasts(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL,
  messages INTEGER NOT NULL DEFAULT 0, recipients INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
  deferred INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0, updated INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS keys(
  key TEXT PRIMARY KEY, id BLOB NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_at ON keys(at);
CREATE TABLE IF NOT EXISTS troubles(
  site TEXT PRIMARY KEY, at INTEGER NOT NULL, server TEXT NOT NULL, stage TEXT NOT NULL, code INTEGER NOT NULL,
  status TEXT NOT NULL, text TEXT NOT NULL, cause TEXT NOT NULL, remedy TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS garbage(file TEXT PRIMARY KEY) WITHOUT ROWID;
";

/// Whose messages they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// This agent's.
    Own,
    /// Those that it has taken from a queue that is shared: several jobs of a message come one by one.
    Leased,
}

/// Of version 1, a job did not say why it waits.
const FROM_1: &str = "
BEGIN;
ALTER TABLE jobs ADD COLUMN cause INTEGER;
INSERT OR IGNORE INTO causes(cause, remedy) SELECT cause, remedy FROM attempts WHERE cause <> '';
UPDATE jobs SET cause = (SELECT c.id FROM attempts a JOIN causes c ON c.cause = a.cause
  WHERE a.message = jobs.message AND a.job = jobs.n ORDER BY a.rowid DESC LIMIT 1) WHERE attempts > 0;
PRAGMA user_version = 2;
COMMIT;
";

/// Opens the database of the writer, and makes what is not there.
///
/// `synchronous=NORMAL` in WAL mode: a commit survives the end of the process, and a power cut takes the queue back to an
/// earlier commit, never to half of one. What was adopted or delivered since is then read, or sent, once more; so a
/// segment is removed only after a checkpoint, which is synced.
pub(super) fn open(path: &Path, kind: Kind) -> Result<Connection, QueueError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    compact::prepare(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", log::PAGES)?;
    connection.pragma_update(None, "cache_size", -32_000)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(&connection)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Err(QueueError::new(format!(
            "the queue was written by a newer version (format {version}, this one knows {VERSION}); use that one"
        )));
    }
    match kind {
        Kind::Own => connection.execute_batch(TABLES)?,
        Kind::Leased => {
            connection.execute_batch(&TABLES.replace("id BLOB NOT NULL UNIQUE", "id BLOB NOT NULL"))?;
            connection.execute_batch("CREATE INDEX IF NOT EXISTS messages_id ON messages(id);")?;
        }
    }
    if version == 1 {
        connection.execute_batch(FROM_1)?;
    }
    connection.pragma_update(None, "user_version", VERSION)?;
    // Each domain that ever got mail has one.
    connection.execute_batch(
        "DELETE FROM lanes WHERE id NOT IN (SELECT lane FROM jobs);
         DELETE FROM troubles WHERE site NOT IN (SELECT site FROM lanes);",
    )?;
    Ok(connection)
}

/// Counts what is there, each from an index that holds nothing else.
pub(super) fn counts(connection: &Connection) -> Result<Counts, QueueError> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok(Counts {
        messages: count("SELECT COALESCE(SUM(live), 0) FROM segments")?,
        ready: count("SELECT COUNT(*) FROM jobs INDEXED BY jobs_ready WHERE state = 0")?,
        later: count("SELECT COUNT(*) FROM jobs INDEXED BY jobs_later WHERE state = 1")?,
        held: count("SELECT COUNT(*) FROM jobs INDEXED BY jobs_held WHERE state = 2")?,
    })
}

/// Opens the database to read, where there is one.
pub(super) fn open_existing(path: &Path) -> Result<Connection, QueueError> {
    let connection = open_reader(path)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        return Ok(connection);
    }
    Err(QueueError::new(format!(
        "it was written by another version (format {version}, this one knows {VERSION}); use that one"
    )))
}

/// Opens the database to read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, QueueError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    keep_plans(&connection)?;
    Ok(connection)
}

/// A plan is made once for a statement. Else `SQLite` makes it anew for each value that a partial index might be about:
/// that is most of the work of a small question.
fn keep_plans(connection: &Connection) -> Result<(), QueueError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
