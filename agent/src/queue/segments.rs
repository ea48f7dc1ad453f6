//! Segments and body files: how far they are read, and when they go.

use rusqlite::{Connection, OptionalExtension, params};

use super::{QueueError, writer::Writing};

/// How far a segment was read, and whether to its end.
pub(super) fn position(connection: &Connection, name: &str) -> Result<Option<(u64, bool)>, QueueError> {
    Ok(connection
        .prepare_cached("SELECT next, finished FROM segments WHERE name = ?")?
        .query_row([name], |row| {
            let next: i64 = row.get(0)?;
            Ok((u64::try_from(next).unwrap_or_default(), row.get(1)?))
        })
        .optional()?)
}

/// What nobody needs any more, as far as this connection knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waste {
    pub(super) segments: Vec<String>,
    pub(super) files: Vec<String>,
}

/// The segments without a live message, and the bodies of messages that are gone.
pub(super) fn waste(connection: &Connection) -> Result<Waste, QueueError> {
    let names = |sql: &str| -> Result<Vec<String>, QueueError> {
        Ok(connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    Ok(Waste {
        segments: names("SELECT name FROM segments WHERE finished = 1 AND live = 0 LIMIT 1000")?,
        files: names("SELECT file FROM garbage LIMIT 10000")?,
    })
}

/// Whether a message has its bytes in that file, or had until just now.
pub(super) fn names_file(connection: &Connection, file: &str) -> Result<bool, QueueError> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS(SELECT 1 FROM messages WHERE file = ?1) OR EXISTS(SELECT 1 FROM garbage WHERE file = ?1)",
        )?
        .query_row([file], |row| row.get(0))?)
}

/// Whether a message is there.
pub(super) fn exists(connection: &Connection, message: i64) -> Result<bool, QueueError> {
    Ok(connection
        .prepare_cached("SELECT EXISTS(SELECT 1 FROM messages WHERE seq = ?)")?
        .query_row([message], |row| row.get(0))?)
}

/// They were removed.
pub(super) fn forget(writing: &mut Writing<'_>, waste: &Waste) -> Result<(), QueueError> {
    for name in &waste.segments {
        writing
            .connection
            .prepare_cached("DELETE FROM segments WHERE name = ? AND live = 0")?
            .execute(params![name])?;
    }
    for file in &waste.files {
        writing.connection.prepare_cached("DELETE FROM garbage WHERE file = ?")?.execute(params![file])?;
    }
    Ok(())
}

/// Keys that are older than this are forgotten.
pub(super) fn prune(writing: &mut Writing<'_>, oldest_key: i64) -> Result<(), QueueError> {
    writing.connection.prepare_cached("DELETE FROM keys WHERE at < ?")?.execute([oldest_key])?;
    Ok(())
}
