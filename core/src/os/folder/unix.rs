//! Unix: everything by the descriptor of the open folder, and rights that are looked at.

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
    let open = || of(rustix::fs::openat(&parent.fd, name, entered(), Mode::empty()).map_err(io::Error::from));
    let user = rustix::process::geteuid();
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let found = rustix::fs::statat(&parent.fd, name, AtFlags::SYMLINK_NOFOLLOW);
            let link = found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink);
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
