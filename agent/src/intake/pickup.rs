//! `pickup/`: files that other programs put there.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, time::Duration, time::UNIX_EPOCH};

use freesmtp_core::{
    ErrorKind,
    spool::{
        Durability, Spool, badmail,
        pickup::{self, PickupFile},
    },
};

/// How long a file must not have been written to: .NET writes it where it is picked up.
const QUIET: Duration = Duration::from_secs(1);

/// Takes every file over into the spool that is whole.
///
/// A file goes when its message is safe. One that was taken and not removed yet (the agent was killed in between) is not
/// delivered twice: its name, number and time are the message's idempotency key. One that cannot be taken now, as the disk
/// is full or it cannot be read, is told and holds up no other.
pub(super) fn collect(path: &Path, spool: &Spool) -> io::Result<()> {
    if !super::folder(path, "pickup").exists() {
        return Ok(());
    }
    let files = pickup::ready_files(path, QUIET).map_err(|error| io::Error::other(error.to_string()))?;
    let mut failed = Ok(());
    for file in files {
        if let Err(error) = take(path, spool, &file) {
            failed = Err(io::Error::new(error.kind(), format!("{}: {error}", file.display())));
        }
    }
    failed
}

fn take(path: &Path, spool: &Spool, file: &Path) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let metadata = fs::symlink_metadata(file)?;
    // Whoever writes in place may give it such a name until it is whole. What is no file is nobody's message.
    if name.ends_with(".tmp") || !metadata.is_file() {
        return Ok(());
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or(0);
    let key = format!("pickup:{}:{modified}:{}", metadata.ino(), metadata.len());
    let refuse = |reason: &str| {
        badmail::put_aside(path, file, reason).map(drop).map_err(|error| io::Error::other(error.to_string()))
    };
    let mut picked = match PickupFile::open(file) {
        Ok(picked) => picked,
        Err(reason) => return refuse(&reason),
    };
    picked.message.spool.idempotency_key.get_or_insert(key);
    match spool.submit_file(&picked, Durability::Full) {
        Ok(_) => fs::remove_file(file),
        Err(error) if error.kind() == ErrorKind::Message => refuse(&error.to_string()),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}
