//! Folders that several programs write to, and nobody else: every file is reached through a handle of its folder, and no
//! symbolic link is followed on the way.

#[cfg(not(unix))]
mod others;
#[cfg(unix)]
mod unix;

use std::{
    fs::{File, Metadata},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

#[cfg(not(unix))]
use others as system;
#[cfg(unix)]
use unix as system;

/// A folder of the spool.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    handle: system::Handle,
}

impl Folder {
    /// Opens the folder at `path`, which is made when it is not there; with the folders above it if `parents`.
    ///
    /// # Errors
    /// When it can't be used, or others can use it too.
    pub(crate) fn open(path: &Path, parents: bool) -> io::Result<Self> {
        if let Some(parent) = path.parent().filter(|_| parents && !path.exists()) {
            system::make_all(parent)?;
        }
        let made = system::make(path)?;
        let folder = Self { path: path.to_owned(), handle: system::open(path)? };
        system::check(&folder.handle, None)?;
        if made && let Some(parent) = path.parent() {
            // Its name has to survive a power cut, as far as the system lets this user say so.
            let _ = File::open(parent).and_then(|parent| parent.sync_all());
        }
        Ok(folder)
    }

    /// Opens the folder of that name in it. One that is not there is made: for the owner alone, or if it is for submitters
    /// and a group may enter this one, for that group to make files in.
    pub(crate) fn child(&self, name: &str, for_submitters: bool) -> io::Result<Self> {
        let handle = system::child(&self.handle, name, for_submitters)?;
        system::check(&handle, Some(&self.handle))?;
        Ok(Self { path: self.path.join(name), handle })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The octets that this user may still write to its file system; `None` where the system does not say.
    pub(crate) fn free_room(&self) -> Option<u64> {
        system::free_room(&self.handle)
    }

    /// Makes a new file, never an existing one: for its owner, and for the owner of the folder.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        system::create(&self.handle, &self.path, name)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        system::rename(&self.handle, &self.path, from, to)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        system::remove(&self.handle, &self.path, name)
    }

    /// Moves a file from elsewhere on the same file system into it, under a name that nothing has; and has the disk confirm
    /// the name. A symbolic link is moved as such.
    pub(crate) fn take(&self, file: &Path, name: &str) -> io::Result<()> {
        system::take(&self.handle, &self.path, file, name)?;
        system::sync(&self.handle)
    }

    /// Gives a file of the same file system another name in it, one that nothing has; and has the disk confirm it.
    pub(crate) fn link(&self, file: &Path, name: &str) -> io::Result<()> {
        system::link(&self.handle, &self.path, file, name)?;
        system::sync(&self.handle)
    }

    /// Writes a new file to the disk, and its name.
    pub(crate) fn sync_new(&self, file: &File) -> io::Result<()> {
        // All of it: where this user may not open the folder, the file system is relied on to keep the name together with
        // a file that was made and synced, as ext4, XFS and btrfs do.
        file.sync_all()?;
        system::sync(&self.handle)
    }
}

/// Opens a file for reading that is no symbolic link, and a regular one: a pipe would block for ever.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    system::open_regular(path)
}

/// The files of a folder that are not locked and were not written to for a while, by name; without those whose name begins
/// with a dot, and without folders.
pub(crate) fn quiet_files(path: &Path, quiet: Duration) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) if !metadata.is_dir() => metadata,
            // It went away, or is none.
            _ => continue,
        };
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A clock that was set back must not keep a file for ever, so only what is near counts.
        let age = metadata.modified().and_then(|at| at.elapsed().map_err(io::Error::other));
        let is_quiet = age.map_or_else(|_| quiet.is_zero() || !is_near(&metadata, quiet), |age| age >= quiet);
        // What is no regular file is for the caller to find out.
        let locked =
            || open_regular(&entry.path()).is_ok_and(|file| is_locked(&file, &entry.path()).unwrap_or(false));
        if is_quiet && !locked() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a moment to come, by which a file says that it was written to, is not far.
fn is_near(metadata: &Metadata, quiet: Duration) -> bool {
    let ahead =
        metadata.modified().and_then(|at| at.duration_since(SystemTime::now()).map_err(io::Error::other));
    ahead.is_ok_and(|ahead| ahead <= quiet)
}

/// Takes the lock of a file for as long as it is open; `false` when another one has it.
pub(crate) fn lock(file: &File) -> io::Result<bool> {
    system::lock(file)
}

/// Whether another one has the lock of the file.
pub(crate) fn is_locked(file: &File, path: &Path) -> io::Result<bool> {
    system::is_locked(file, path)
}

/// Whether the file has further names: hard links, which may be another user's file.
pub(crate) fn has_other_names(file: &File) -> io::Result<bool> {
    system::has_other_names(file)
}

/// Whether the file has no name any more.
pub(crate) fn is_removed(file: &File) -> io::Result<bool> {
    system::is_removed(file)
}

/// Writes all of `bytes` there.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    system::write_all_at(file, bytes, offset)
}

/// Reads from there, as often as it takes to fill `bytes` or to come to the end; the octets read.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match system::read_at(file, &mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(length) => done += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A file from a place on. A handle may be one of several to the same open file, which have one position together: this
/// has its own.
#[derive(Debug)]
pub(crate) struct At {
    pub(crate) file: File,
    pub(crate) at: u64,
}

impl io::Read for At {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = read_at(&self.file, out, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// Whether this user is the one that may do everything.
pub(crate) fn is_superuser() -> bool {
    system::is_superuser()
}
