//! The size of the database's file: pages that messages have left go back to the disk, little by little.

use rusqlite::Connection;

use super::{QueueError, writer::Writing};

/// So many free pages (of 4 KiB) stay in the file, for what comes next.
const KEPT: i64 = 2_048;

/// As many go in one transaction, so that no result waits long behind it.
const STEP: i64 = 1_024;

/// A database that was made without `auto_vacuum` is written anew for it when no more pages than this have to be copied.
const COPIED: i64 = 16_384;

/// `PRAGMA auto_vacuum`: pages are given back when it is asked for.
const INCREMENTAL: i64 = 2;

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Pages went.
    pub(super) some: bool,
    /// There are more.
    pub(super) more: bool,
}

/// Has the database keep track of what it needs to give pages back; to be called before its first table is made.
pub(super) fn prepare(connection: &Connection) -> Result<(), QueueError> {
    let ask = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let before = ask("auto_vacuum")?;
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    let used = ask("page_count")? - ask("freelist_count")?;
    if before != INCREMENTAL && (1..=COPIED).contains(&used) {
        connection.execute_batch("VACUUM")?;
    }
    Ok(())
}

/// Gives some of the free pages back. They leave the file with the next checkpoint.
pub(super) fn step(writing: &Writing<'_>) -> Result<Step, QueueError> {
    let connection = writing.connection;
    let ask = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let surplus = ask("freelist_count")? - KEPT;
    if surplus <= 0 || ask("auto_vacuum")? != INCREMENTAL {
        return Ok(Step::default());
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({})", surplus.min(STEP)))?;
    let mut rows = statement.query([])?;
    // A page a row.
    while rows.next()?.is_some() {}
    Ok(Step { some: true, more: surplus > STEP })
}
