//! Files: the log, and the files that a message names.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use crate::message::{Files, OpenedFile};

/// Opens a log for appending; a new one belongs to its user alone (mode 0600; on Windows the folder's rights apply).
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Creates or replaces a message file.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// The files of this machine, for the composer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<OpenedFile> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        if !metadata.is_file() {
            // A pipe or device has no size to declare, and may block for ever.
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(OpenedFile { reader: Box::new(file), size: metadata.len() })
    }
}
