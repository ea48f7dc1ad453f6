//! Who may use a spool, and what is not followed on the way to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]

mod spooled;

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
};

use freesmtp_core::{
    Error, ErrorKind, Smtp,
    spool::{Durability, Message, Spool},
};
use spooled::{Submitter, Work, can_mount, read_all, segments, to};

/// What the processes of these tests do.
#[test]
#[ignore = "the others start it, as a process of its own"]
fn child() {
    spooled::submit_as_told();
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

fn submit(path: &Path) -> Result<(), Error> {
    let long = vec![b'x'; 2 << 20];
    let spool = Spool::open(path)?;
    spool.submit(&to("a@b.example"), Message::Bytes(&long), Durability::Full)?;
    Ok(())
}

fn refused(path: &Path, words: &str) -> Option<io::ErrorKind> {
    let error = submit(path).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Spool, Some("SpoolPath")));
    assert!(error.message().contains(words), "{error}");
    error.io_kind()
}

#[test]
fn folders_and_files_are_for_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    submit(&path).unwrap();
    for name in ["", "incoming", "bodies", "pickup", "badmail", "queue"] {
        assert_eq!(mode(&path.join(name)), 0o700, "{name}");
    }
    for folder in ["incoming", "bodies"] {
        for entry in fs::read_dir(path.join(folder)).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }
    // Who may write to the spool itself could put folders in the place of those that are there.
    for (name, open) in [("", 0o755), ("", 0o701), ("", 0o730), ("incoming", 0o777), ("bodies", 0o740)] {
        fs::set_permissions(path.join(name), Permissions::from_mode(open)).unwrap();
        refused(&path, &format!("{open:04o}"));
        fs::set_permissions(path.join(name), Permissions::from_mode(0o700)).unwrap();
    }
    submit(&path).unwrap();
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let kind = refused(&folder.path().join("not/there"), "cannot be used as a spool");
    assert_eq!(kind, Some(io::ErrorKind::NotFound));
    fs::write(folder.path().join("file"), "x").unwrap();
    assert_eq!(refused(&folder.path().join("file"), "cannot be used"), Some(io::ErrorKind::NotADirectory));
    let mut smtp = Smtp::default();
    smtp.set_spool_path(folder.path().join("not/there"));
    let message =
        freesmtp_core::EmailMessage::quick("a@b.example", "s@x.example", "x", "y", Default::default());
    let error = smtp.submit_to_spool(&message).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Spool);
    assert!(error.diagnosis().is_some_and(|diagnosis| !diagnosis.remedy.is_empty()));
    fs::create_dir(folder.path().join("not")).unwrap();
    smtp.submit_to_spool(&message).unwrap();
}

#[test]
fn symbolic_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("spool"), folder.path().join("elsewhere"));
    submit(&elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    refused(&path, "symbolic link");
    fs::remove_file(&path).unwrap();
    submit(&path).unwrap();
    for name in ["incoming", "bodies"] {
        fs::remove_dir_all(path.join(name)).unwrap();
        symlink(elsewhere.join(name), path.join(name)).unwrap();
        let before = fs::read_dir(elsewhere.join(name)).unwrap().count();
        refused(&path, "symbolic link");
        assert_eq!(fs::read_dir(elsewhere.join(name)).unwrap().count(), before);
        fs::remove_file(path.join(name)).unwrap();
    }
    // Nor by a reader.
    submit(&path).unwrap();
    let segment = segments(&path).remove(0);
    let link = path.join("incoming/link.seg");
    symlink(segment, &link).unwrap();
    let error = freesmtp_core::spool::SegmentReader::open(&link, 0).unwrap_err();
    assert!(error.message().contains("symbolic link"), "{error}");
}

const NOBODY: u32 = 65_534;

/// Lets another user submit there, and gives whether that worked and what was said.
fn as_nobody(path: &Path) -> Result<usize, String> {
    let work =
        Work { count: Some(3), threads: 1, group: 2, durability: Durability::Full, user: Some(NOBODY) };
    let mut submitter = Submitter::start(path, work);
    if submitter.process.wait().unwrap().success() {
        Ok(submitter.told(true).len())
    } else {
        Err(submitter.lines().join("\n"))
    }
}

#[test]
fn a_spool_of_somebody_else_is_used_only_where_its_owner_lets_one() {
    // Only root can be two users, who both reach the test's own program and folder.
    if !can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("spool");
    Spool::open(&path).unwrap();
    let said = as_nobody(&path).unwrap_err();
    assert!(said.contains("cannot be used as a spool"), "{said}");

    // A group of submitters: the folders let them in, and tell them nothing.
    for (name, open) in [("", 0o710), ("incoming", 0o730), ("bodies", 0o1730), ("pickup", 0o730)] {
        chown(path.join(name), None, Some(NOBODY)).unwrap();
        fs::set_permissions(path.join(name), Permissions::from_mode(open)).unwrap();
    }
    assert_eq!(as_nobody(&path), Ok(9));
    assert_eq!(read_all(&path).len(), 9);
    let segment = segments(&path).remove(0);
    // The agent, which runs as the owner of the spool, reads it by the group.
    let found = segment.metadata().unwrap();
    assert_eq!((mode(&segment), found.uid(), found.gid()), (0o640, NOBODY, NOBODY));

    // A new spool in such a folder lets them in as well, and a folder that is missing is for its owner to make.
    for name in ["incoming", "bodies"] {
        fs::remove_dir_all(path.join(name)).unwrap();
    }
    let said = as_nobody(&path).unwrap_err();
    assert!(said.contains("incoming is missing"), "{said}");
    Spool::open(&path).unwrap();
    // Nor may they remove the files of each other; a folder that was made before there was this bit gets it.
    for name in ["incoming", "bodies", "pickup"] {
        let found = path.join(name).metadata().unwrap();
        assert_eq!((mode(&path.join(name)), found.gid()), (0o1730, NOBODY), "{name}");
    }
    assert_eq!(as_nobody(&path), Ok(9));

    // What somebody has put in the place of a folder is not used, not even where its mode is right.
    fs::rename(path.join("incoming"), path.join("old")).unwrap();
    fs::create_dir(path.join("incoming")).unwrap();
    fs::set_permissions(path.join("incoming"), Permissions::from_mode(0o1730)).unwrap();
    chown(path.join("incoming"), Some(NOBODY), Some(NOBODY)).unwrap();
    refused(&path, "belongs to the user 65534");

    // What root submits to the spool of another user belongs to that user.
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::set_permissions(&theirs, Permissions::from_mode(0o700)).unwrap();
    chown(&theirs, Some(NOBODY), Some(NOBODY)).unwrap();
    submit(&theirs).unwrap();
    for name in ["incoming", "bodies"] {
        let inside = fs::read_dir(theirs.join(name)).unwrap().map(|entry| entry.unwrap().path());
        for path in inside.chain([theirs.join(name)]) {
            assert_eq!(path.metadata().unwrap().uid(), NOBODY, "{}", path.display());
        }
    }
    assert_eq!(as_nobody(&theirs), Ok(9));
}
