//! Files: the log, and the files that a message names.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    path::Path,
    time::SystemTime,
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
        let size = metadata.len();
        Ok(OpenedFile { reader: Box::new(Watched { state: State::of(&metadata), file }), size })
    }
}

/// A file that fails at its end when it is not what it was at its beginning: half of what was and half of what is would
/// be neither.
struct Watched {
    file: File,
    state: State,
}

/// What changes when a file is written to, replaced or removed. Its size is watched by who reads it.
#[derive(PartialEq, Eq)]
struct State {
    modified: Option<SystemTime>,
    /// It has no name any more.
    removed: bool,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let removed = std::os::unix::fs::MetadataExt::nlink(metadata) == 0;
        #[cfg(not(unix))]
        let removed = false;
        Self { modified: metadata.modified().ok(), removed }
    }
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(out)?;
        if length == 0 && !out.is_empty() {
            let now = State::of(&self.file.metadata()?);
            if now.removed && !self.state.removed {
                return Err(io::Error::other("it was removed or replaced while it was being read"));
            }
            if now != self.state {
                return Err(io::Error::other("it was written to while it was being read"));
            }
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_read_fails_at_its_end() {
        type Change = fn(&Path);
        let changes: [(Change, Option<&str>); 4] = [
            (|_| {}, None),
            (|path| fs::remove_file(path).unwrap(), Some("removed")),
            (|path| fs::rename(path.with_extension("new"), path).unwrap(), Some("replaced")),
            (
                |path| {
                    fs::write(path, "other bytes").unwrap();
                    let file = File::options().append(true).open(path).unwrap();
                    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
                },
                Some("written"),
            ),
        ];
        for (change, words) in changes {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            fs::write(&path, "eleven byte").unwrap();
            fs::write(path.with_extension("new"), "eleven byte").unwrap();
            let mut opened = Disk.open(&path).unwrap();
            let mut first = [0; 3];
            opened.reader.read_exact(&mut first).unwrap();
            change(&path);
            let end = opened.reader.read_to_end(&mut Vec::new());
            match words {
                None => assert_eq!(end.unwrap(), 8),
                Some(words) => assert!(end.unwrap_err().to_string().contains(words)),
            }
        }
    }
}
