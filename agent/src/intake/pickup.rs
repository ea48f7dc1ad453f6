//! `pickup/`: files that other programs put there.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, time::UNIX_EPOCH};

use freesmtp_core::spool::{Durability, Spool, pickup};

use super::badmail;

/// The largest file that is picked up.
const LARGEST: u64 = 256 << 20;

/// Takes every file over into the spool.
///
/// A file goes when its message is safe. One that was taken and not removed yet (the agent was killed in between) is not
/// delivered twice: its name, number and time are the message's idempotency key.
pub(super) fn collect(path: &Path, spool: &Spool) -> io::Result<()> {
    let folder = super::folder(path, "pickup");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = fs::symlink_metadata(entry.path())?;
        // Who writes in place gives the file a name that is not taken: .name or name.tmp, and renames it.
        if name.starts_with('.') || name.ends_with(".tmp") || !metadata.is_file() {
            continue;
        }
        if metadata.len() > LARGEST {
            refuse(path, &entry.path(), &name, "it is larger than 256 MiB")?;
            continue;
        }
        let modified =
            metadata.modified()?.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or(0);
        let key = format!("pickup:{}:{modified}:{}", metadata.ino(), metadata.len());
        let bytes = fs::read(entry.path())?;
        let mut message = match pickup::parse(&bytes) {
            Ok(message) => message,
            Err(reason) => {
                refuse(path, &entry.path(), &name, &reason)?;
                continue;
            }
        };
        message.spool.idempotency_key.get_or_insert(key);
        match spool.submit_message(&message, Durability::Full) {
            Ok(_) => fs::remove_file(entry.path())?,
            Err(error) if error.kind() == freesmtp_core::ErrorKind::Message => {
                refuse(path, &entry.path(), &name, &error.to_string())?;
            }
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
    }
    Ok(())
}

fn refuse(spool: &Path, file: &Path, name: &str, reason: &str) -> io::Result<()> {
    badmail::keep(spool, name, &fs::read(file)?, reason)?;
    fs::remove_file(file)
}
