//! What writers that were killed leave behind: segments without a name yet, and bodies that no record names.
//!
//! Policy: a living writer holds the lock of whatever it may still name, so only what is not locked is looked at, and only
//! when it is old, for programs that know nothing of locks. Whether a body is named is asked after every segment was read to
//! its end: the record is written before the lock goes. Nobody was told that such a message is safe. One whose record was
//! damaged may have been, so beside records that are in `badmail/` a body goes there as well.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use freesmtp_core::spool::badmail;
use rustix::fs::{FlockOperation, OFlags, flock};

use crate::queue::Queue;

/// What is younger may belong to a program that does without locks.
const AGE: Duration = Duration::from_secs(60 * 60);

/// How often they are looked for.
pub(super) const PAUSE: Duration = Duration::from_secs(10 * 60);

/// Bodies that nobody holds, though somebody may name them.
#[derive(Debug)]
pub(super) struct Bodies(Vec<PathBuf>);

/// Removes segments that never got their name.
pub(super) fn remove_unnamed(spool: &Path) -> io::Result<()> {
    let unnamed = |name: &str| name.starts_with('.') && name.ends_with(".new");
    for path in free(&super::folder(spool, "incoming"), unnamed)? {
        gone(fs::remove_file(path))?;
    }
    Ok(())
}

/// The bodies to ask about, once every segment was read after this.
pub(super) fn bodies(spool: &Path) -> io::Result<Bodies> {
    Ok(Bodies(free(&super::folder(spool, "bodies"), |_| true)?))
}

impl Bodies {
    /// Removes those that the queue does not name either.
    pub(super) fn remove_orphans(self, spool: &Path, queue: &Queue) -> io::Result<()> {
        for path in self.0 {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if queue.names_file(&name).map_err(io::Error::other)? {
                continue;
            }
            if may_have_lost_its_record(spool, &path)? {
                let reason = "no record names it; one that was damaged may have done so";
                badmail::put_aside(spool, &path, reason)
                    .map_err(|error| io::Error::other(error.to_string()))?;
            } else {
                gone(fs::remove_file(&path))?;
            }
        }
        Ok(())
    }
}

/// Whether a record was put aside since the body was written.
fn may_have_lost_its_record(spool: &Path, body: &Path) -> io::Result<bool> {
    let written = match body.metadata() {
        Ok(found) => found.modified()?,
        Err(error) => return gone(Err(error)).map(|()| false),
    };
    let folder = super::folder(spool, "badmail");
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|end| end == "record")
            && entry.metadata()?.modified()? >= written
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files of a folder that are old and that nobody has locked.
fn free(folder: &Path, is_one: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return gone(Err(error)).map(|()| found),
    };
    let now = SystemTime::now();
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(&is_one) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        // The time of a clock that was set back since lies ahead; it is waited for.
        let old = now.duration_since(metadata.modified()?).is_ok_and(|age| age >= AGE);
        if metadata.is_file() && old && !is_held(&entry.path()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Whether somebody has its lock, or it cannot be told.
fn is_held(path: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, rustix::fs::Mode::empty());
    // The lock goes with the file that is closed here.
    opened.map_or(true, |fd| flock(File::from(fd), FlockOperation::NonBlockingLockExclusive).is_err())
}

/// What somebody else has removed is as good as removed.
fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
