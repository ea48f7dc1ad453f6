//! Files: the log, and the files that a message names.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

#[cfg(unix)]
use rustix::fs::OFlags;

use super::folder::At;
use crate::message::{Files, OpenedFile};

/// Opens a log for appending; a new one belongs to its user alone (mode 0600; on Windows the folder's rights apply).
///
/// # Errors
/// When it can't be opened; a pipe that nobody reads is such a case, as waiting for a reader would stop the mail.
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        let file = unix::open(path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)?;
        // What is open may wait for room, as anything that is written to.
        rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(file)
    }
    #[cfg(not(unix))]
    std::fs::OpenOptions::new().append(true).create(true).open(path)
}

/// Opens a file for reading, without waiting for whoever would write to a pipe of that name.
fn open_for_reading(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    return unix::open(path, OFlags::RDONLY);
    #[cfg(not(unix))]
    File::open(path)
}

#[cfg(unix)]
mod unix {
    use std::{fs::File, io, path::Path};

    use rustix::fs::{CWD, Mode, OFlags};

    /// Opens what is there at once, whatever it is; a new file is for its user alone.
    pub(super) fn open(path: &Path, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o600))?.into())
    }
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
        opened(open_for_reading(path)?)
    }

    fn open_itself(&self, path: &Path) -> io::Result<OpenedFile> {
        opened(super::folder::open_regular(path)?)
    }
}

fn opened(file: File) -> io::Result<OpenedFile> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    if !metadata.is_file() {
        // A pipe or device has no size to declare, and may block for ever.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(opened_behind(file, &metadata, 0))
}

/// What is in the file behind its first `at` octets, as it was when it was asked for `metadata`.
pub(crate) fn opened_behind(file: File, metadata: &Metadata, at: u64) -> OpenedFile {
    let size = metadata.len().saturating_sub(at);
    OpenedFile { reader: Box::new(Watched { file: At { file, at }, state: State::of(metadata) }), size }
}

/// A file that fails at its end when it is not what it was at its beginning: half of what was and half of what is would
/// be neither.
struct Watched {
    file: At,
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
            let now = State::of(&self.file.file.metadata()?);
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

    /// Both would wait for ever for the other end.
    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_has_open_is_told_at_once() {
        use std::{process::Command, sync::mpsc, thread, time::Duration};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (told, tells) = mpsc::channel();
        thread::spawn(move || {
            told.send(Disk.open(&path).map(drop).map_err(|error| error.kind())).unwrap();
            told.send(open_log(&path).map(drop).map_err(|error| error.kind())).unwrap();
        });
        let next = || tells.recv_timeout(Duration::from_secs(20)).expect("it waits for the other end");
        assert_eq!(next(), Err(io::ErrorKind::InvalidInput));
        assert!(next().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_followed_only_where_the_program_named_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "secret").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(Disk.open(&link).is_ok());
        assert!(Disk.open_itself(&file).is_ok());
        assert!(Disk.open_itself(&link).is_err());
    }
}
