//! Folders that several programs write to, and nobody else: every file is reached through a handle of its folder, and no
//! symbolic link is followed on the way.

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

/// Whether this user is the one that may do everything.
pub(crate) fn is_superuser() -> bool {
    system::is_superuser()
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{DirBuilder, File, Metadata},
        io,
        os::{
            fd::OwnedFd,
            unix::fs::{DirBuilderExt, FileExt, MetadataExt},
        },
        path::Path,
    };

    use rustix::{
        fs::{AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, Uid},
        io::Errno,
    };

    /// What others than the owner may do at most in the spool: a group of submitters may enter it. Who may write to it could
    /// put folders of their own in the place of those that are there.
    const ENTER: u32 = 0o710;
    /// The same in the folders for what they submit: they may make files there,
    const SUBMIT: u32 = 0o730;
    /// and not remove those of each other.
    const STICKY: u32 = 0o1000;
    const GROUP: u32 = 0o070;

    #[derive(Debug)]
    pub(super) struct Handle {
        fd: OwnedFd,
        /// The same, open for reading, which a sync needs; `None` when this user may only enter it.
        readable: Option<OwnedFd>,
        owner: u32,
        group: u32,
        mode: u32,
    }

    pub(super) fn is_superuser() -> bool {
        rustix::process::geteuid().is_root()
    }

    pub(super) fn make_all(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(super) fn make(path: &Path) -> io::Result<bool> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // A folder that is there on a file system that is read-only, or in one that this user may not write to.
            Err(_) if path.symlink_metadata().is_ok() => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn open(path: &Path) -> io::Result<Handle> {
        let link = |error| match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => symbolic_link(),
            _ => error,
        };
        of(rustix::fs::openat(CWD, path, entered(), Mode::empty()).map_err(io::Error::from)).map_err(link)
    }

    /// How a folder is opened for what is in it: to enter it is enough.
    fn entered() -> OFlags {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let access = OFlags::PATH;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let access = OFlags::RDONLY;
        access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
    }

    fn symbolic_link() -> io::Error {
        io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is a symbolic link, which is not followed here; give the folder itself",
        )
    }

    fn of(fd: io::Result<OwnedFd>) -> io::Result<Handle> {
        let fd = fd?;
        let stat = rustix::fs::fstat(&fd)?;
        let readable = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = rustix::fs::openat(&fd, c".", readable, Mode::empty()).ok();
        Ok(Handle { fd, readable, owner: stat.st_uid, group: stat.st_gid, mode: stat.st_mode & 0o7777 })
    }

    /// Whether only those can use the folder who should; a spool, or a folder of the spool that is given.
    pub(super) fn check(handle: &Handle, spool: Option<&Handle>) -> io::Result<()> {
        let Handle { owner, mode, .. } = *handle;
        let (allowed, for_group) = if spool.is_some() { (SUBMIT, STICKY | SUBMIT) } else { (ENTER, ENTER) };
        let denied = |text| Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        if mode & 0o777 & !allowed != 0 {
            return denied(format!(
                "its mode is {:04o}, and others than its owner may use it; chmod it to 0700, or to {for_group:04o} for a \
                 group of submitters",
                mode & 0o777
            ));
        }
        if let Some(spool) = spool.filter(|spool| spool.owner != owner) {
            return denied(format!(
                "it belongs to the user {owner}, and the spool to the user {}; remove it, or chown it",
                spool.owner
            ));
        }
        let user = rustix::process::geteuid();
        let mine = owner == user.as_raw() || user.is_root();
        // Only members of its group come this far, as nobody else may enter it.
        if mine || mode & GROUP == allowed & GROUP {
            return Ok(());
        }
        denied(format!(
            "it belongs to the user {owner}, and this program runs as the user {}; give another path, or open the folder \
             to a group that this user is in (mode {for_group:04o})",
            user.as_raw()
        ))
    }

    pub(super) fn child(parent: &Handle, name: &str, for_submitters: bool) -> io::Result<Handle> {
        let open =
            || of(rustix::fs::openat(&parent.fd, name, entered(), Mode::empty()).map_err(io::Error::from));
        let user = rustix::process::geteuid();
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let found = rustix::fs::statat(&parent.fd, name, AtFlags::SYMLINK_NOFOLLOW);
                let link =
                    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink);
                return Err(if link { symbolic_link() } else { error });
            }
            Ok(found) => {
                // As it was made before there was this bit.
                let lacks_it = for_submitters && found.mode & (STICKY | 0o020) == 0o020;
                return match &found.readable {
                    Some(fd) if lacks_it && (found.owner == user.as_raw() || user.is_root()) => {
                        rustix::fs::fchmod(fd, Mode::from_raw_mode(found.mode | STICKY))?;
                        open()
                    }
                    _ => Ok(found),
                };
            }
        }
        if parent.owner != user.as_raw() && !user.is_root() {
            let text = format!(
                "{name} is missing in it; the owner of the spool has to make it, as the agent does when it starts"
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        match rustix::fs::mkdirat(&parent.fd, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let made = open()?;
        let group = for_submitters && parent.mode & GROUP != 0;
        if let Some(readable) = &made.readable {
            if parent.owner != made.owner || (group && parent.group != made.group) {
                let owner = (parent.owner != made.owner).then(|| Uid::from_raw(parent.owner));
                rustix::fs::fchown(readable, owner, Some(Gid::from_raw(parent.group)))?;
            }
            if group {
                rustix::fs::fchmod(readable, Mode::from_raw_mode(STICKY | SUBMIT))?;
            }
        }
        sync(parent)?;
        open()
    }

    pub(super) fn free_room(folder: &Handle) -> Option<u64> {
        let found = rustix::fs::fstatvfs(&folder.fd).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }

    pub(super) fn create(folder: &Handle, _path: &Path, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&folder.fd, name, flags, Mode::from_raw_mode(0o600))?;
        if folder.owner != rustix::process::geteuid().as_raw() {
            let group = Some(Gid::from_raw(folder.group));
            if is_superuser() {
                // The agent of an ordinary user has to read what root submits.
                rustix::fs::fchown(&fd, Some(Uid::from_raw(folder.owner)), group)?;
            } else {
                // And what a member of the group submits. The others of the group don't know its name, and may list nothing.
                rustix::fs::fchown(&fd, None, group)?;
                rustix::fs::fchmod(&fd, Mode::from_raw_mode(0o640))?;
            }
        }
        Ok(File::from(fd))
    }

    pub(super) fn open_regular(path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::LOOP) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is a symbolic link, which is not followed here",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        match file.metadata()? {
            found if found.is_file() => Ok(file),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
        }
    }

    pub(super) fn take(folder: &Handle, _path: &Path, file: &Path, name: &str) -> io::Result<()> {
        match rustix::fs::statat(&folder.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(rustix::fs::renameat(CWD, file, &folder.fd, name)?),
            Ok(_) => Err(Errno::EXIST.into()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn link(folder: &Handle, _path: &Path, file: &Path, name: &str) -> io::Result<()> {
        Ok(rustix::fs::linkat(CWD, file, &folder.fd, name, AtFlags::empty())?)
    }

    pub(super) fn rename(folder: &Handle, _path: &Path, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&folder.fd, from, &folder.fd, to)?)
    }

    pub(super) fn remove(folder: &Handle, _path: &Path, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&folder.fd, name, AtFlags::empty())?)
    }

    pub(super) fn sync(folder: &Handle) -> io::Result<()> {
        match &folder.readable {
            Some(fd) => Ok(rustix::fs::fsync(fd)?),
            None => Ok(()),
        }
    }

    pub(super) fn lock(file: &File) -> io::Result<bool> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn is_locked(file: &File, _path: &Path) -> io::Result<bool> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                rustix::fs::flock(file, FlockOperation::Unlock)?;
                Ok(false)
            }
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn has_other_names(file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.nlink() > 1)
    }

    pub(super) fn is_removed(file: &File) -> io::Result<bool> {
        // The times are not asked for: Linux notes down that they were, and then each write changes them on the disk too.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::fs::{StatxFlags, statx};
            if let Ok(found) = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::NLINK) {
                return Ok(found.stx_nlink == 0);
            }
        }
        let found: Metadata = file.metadata()?;
        Ok(found.nlink() == 0)
    }

    pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(bytes, offset)
    }
}

/// Windows: the rights of a folder are those that it was given, and a file that is open for writing lets nobody else write,
/// which is its lock.
#[cfg(not(unix))]
mod others {
    use std::{
        fs::{File, OpenOptions},
        io,
        os::windows::fs::{FileExt, OpenOptionsExt},
        path::{Path, PathBuf},
    };

    const SHARE_READ_AND_DELETE: u32 = 1 | 4;
    const SHARE_ALL: u32 = 1 | 2 | 4;
    const SHARING_VIOLATION: i32 = 32;

    #[derive(Debug)]
    pub(super) struct Handle(PathBuf);

    pub(super) fn is_superuser() -> bool {
        false
    }

    pub(super) fn make_all(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(super) fn make(path: &Path) -> io::Result<bool> {
        match std::fs::create_dir(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn open(path: &Path) -> io::Result<Handle> {
        if path.symlink_metadata()?.is_dir() {
            Ok(Handle(path.to_owned()))
        } else {
            Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no folder"))
        }
    }

    pub(super) fn check(_folder: &Handle, _spool: Option<&Handle>) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn child(parent: &Handle, name: &str, _for_submitters: bool) -> io::Result<Handle> {
        let path = parent.0.join(name);
        make(&path)?;
        open(&path)
    }

    pub(super) fn free_room(_folder: &Handle) -> Option<u64> {
        None
    }

    pub(super) fn create(_folder: &Handle, path: &Path, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).share_mode(SHARE_READ_AND_DELETE);
        options.open(path.join(name))
    }

    pub(super) fn open_regular(path: &Path) -> io::Result<File> {
        if !path.symlink_metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        OpenOptions::new().read(true).share_mode(SHARE_ALL).open(path)
    }

    pub(super) fn take(_folder: &Handle, path: &Path, file: &Path, name: &str) -> io::Result<()> {
        if path.join(name).exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(file, path.join(name))
    }

    pub(super) fn link(_folder: &Handle, path: &Path, file: &Path, name: &str) -> io::Result<()> {
        std::fs::hard_link(file, path.join(name))
    }

    pub(super) fn rename(_folder: &Handle, path: &Path, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(path.join(from), path.join(to))
    }

    pub(super) fn remove(_folder: &Handle, path: &Path, name: &str) -> io::Result<()> {
        std::fs::remove_file(path.join(name))
    }

    pub(super) fn sync(_folder: &Handle) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn lock(_file: &File) -> io::Result<bool> {
        Ok(true)
    }

    pub(super) fn is_locked(_file: &File, path: &Path) -> io::Result<bool> {
        match OpenOptions::new().write(true).share_mode(SHARE_ALL).open(path) {
            Ok(_) => Ok(false),
            Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub(super) fn has_other_names(_file: &File) -> io::Result<bool> {
        Ok(false)
    }

    pub(super) fn is_removed(_file: &File) -> io::Result<bool> {
        Ok(false)
    }

    pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let length = file.seek_write(bytes, offset)?;
            bytes = &bytes[length..];
            offset += length as u64;
        }
        Ok(())
    }

    pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.seek_read(bytes, offset)
    }
}
