//! `badmail/`: what could not be understood, each beside a file that says why. Nothing is ever deleted silently.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::folders::{BADMAIL, failure};
use crate::{error::Error, os::folder::Folder};

/// How many of one name there may be.
const MOST_OF_A_NAME: usize = 10_000;

/// Moves a file, such as one of `pickup/`, to `badmail/` with its reason; gives where it is now.
///
/// # Errors
/// `ErrorKind::Spool` when it cannot be moved; then it is where it was.
pub fn put_aside(spool: &Path, file: &Path, reason: &str) -> Result<PathBuf, Error> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    with_reason(spool, name, reason, |folder, name| folder.take(file, name))
}

/// Keeps bytes that could not be understood, such as those of a damaged record, in `badmail/` with their reason; gives
/// where they are.
///
/// # Errors
/// `ErrorKind::Spool` when they cannot be written.
pub fn keep(spool: &Path, name: &str, bytes: &[u8], reason: &str) -> Result<PathBuf, Error> {
    with_reason(spool, name, reason, |folder, name| write(folder, name, bytes))
}

/// Gives a file, such as one of `bodies/`, a second name in `badmail/` with its reason; for what others still name. Gives
/// that name.
///
/// # Errors
/// `ErrorKind::Spool` when it cannot be done.
pub fn link_aside(spool: &Path, name: &str, file: &Path, reason: &str) -> Result<PathBuf, Error> {
    with_reason(spool, name, reason, |folder, name| folder.link(file, name))
}

fn with_reason(
    spool: &Path,
    name: &str,
    reason: &str,
    put: impl FnOnce(&Folder, &str) -> io::Result<()>,
) -> Result<PathBuf, Error> {
    let path = spool.join(BADMAIL);
    let failed = |source: io::Error| failure(&path, "does not take what could not be understood", &source);
    let folder = Folder::open(spool, false).and_then(|root| root.child(BADMAIL, false)).map_err(failed)?;
    let name = name.trim_start_matches('.').replace(['/', '\\', '\0'], "_");
    let name = if name.is_empty() { "file".to_owned() } else { name };
    // The reason is there first, so that there is never a file without one; and it takes the name.
    for number in 0..MOST_OF_A_NAME {
        let name = if number == 0 { name.clone() } else { format!("{name}.{number}") };
        let reason_name = format!("{name}.reason");
        match write(&folder, &reason_name, format!("{reason}\n").as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
            Ok(()) => {
                return match put(&folder, &name) {
                    Ok(()) => Ok(path.join(name)),
                    Err(error) => {
                        let _ = folder.remove(&reason_name);
                        Err(failed(error))
                    }
                };
            }
        }
    }
    Err(failed(io::ErrorKind::AlreadyExists.into()))
}

fn write(folder: &Folder, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = folder.create(name)?;
    let written = file.write_all(bytes).and_then(|()| folder.sync_new(&file));
    if written.is_err() {
        let _ = folder.remove(name);
    }
    written
}
