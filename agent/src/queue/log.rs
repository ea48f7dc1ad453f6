//! The write-ahead log of the database: how long it may get, and that the disk has it.
//!
//! What stands in the log needs the same room again in the database before the log can begin anew. On a disk with little room
//! a log that took all of it could never be brought in, and everything would stand still; so there it is kept short.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

/// So many pages (of 4 KiB) are written before they are brought into the database.
pub(super) const PAGES: i64 = 4_000;

/// The same on a disk with little room; a part of what the agent keeps for itself there.
const FEW_PAGES: i64 = 128;

/// Less than that is little: what a log of [`PAGES`] takes, twice.
const LITTLE: u64 = 32 << 20;

/// The log, as its writer has it.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    short: bool,
}

impl Log {
    /// Of the database in that folder, whose log may have [`PAGES`].
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), short: false }
    }

    /// Goes by the room that there is. To be called before each transaction: that is one question to the system, a
    /// hundredth of what a transaction takes.
    pub(super) fn tend(&mut self, connection: &Connection) {
        let Ok(free) = crate::os::free_room(&self.folder) else { return };
        let short = free < LITTLE;
        let pages = if short { FEW_PAGES } else { PAGES };
        if short != self.short && connection.pragma_update(None, "wal_autocheckpoint", pages).is_ok() {
            self.short = short;
        }
    }
}

/// Has the disk confirm the log of that database, and so all that was committed: without any room that takes.
pub(super) fn sync(database: &Path) -> io::Result<()> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    // The locks of SQLite are on other files, so closing this one gives none of them up.
    File::open(Path::new(&log))?.sync_all()?;
    database.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
