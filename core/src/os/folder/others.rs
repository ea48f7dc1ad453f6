//! Windows: the rights of a folder are those that it was given, and a file that is open for writing lets nobody else write,
//! which is its lock.

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
