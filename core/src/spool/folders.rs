//! The folders of a spool, and the names of what is in them.

use std::{io, path::Path, sync::Arc};

use crate::{
    error::{Error, ErrorKind},
    os::folder::Folder,
    types::{Failure, Stage, shown_path},
};

/// Segments, each appended to by one writer.
pub(super) const INCOMING: &str = "incoming";
/// Messages that are too long for a segment.
pub(super) const BODIES: &str = "bodies";
/// Files that any program may put there.
pub(super) const PICKUP: &str = "pickup";
/// What could not be understood.
pub(super) const BADMAIL: &str = "badmail";
/// The agent's own.
pub(super) const QUEUE: &str = "queue";

/// The folders that a writer needs, open.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) incoming: Arc<Folder>,
    pub(super) bodies: Arc<Folder>,
}

impl Folders {
    /// Opens the spool at `path`, and makes what is missing; the folders above it too where `parents` says so.
    pub(super) fn open(path: &Path, parents: bool) -> Result<Self, Error> {
        let failed = |folder: &Path| {
            let folder = folder.to_owned();
            move |source: io::Error| failure(&folder, "cannot be used as a spool", &source)
        };
        let root = Folder::open(path, parents).map_err(failed(path))?;
        let child =
            |name: &str, for_submitters| root.child(name, for_submitters).map_err(failed(&path.join(name)));
        let folders =
            Self { incoming: Arc::new(child(INCOMING, true)?), bodies: Arc::new(child(BODIES, true)?) };
        // The others are of use to the agent only; who may not make them leaves that to it.
        for (name, for_submitters) in [(PICKUP, true), (BADMAIL, false), (QUEUE, false)] {
            let _ = root.child(name, for_submitters);
        }
        Ok(folders)
    }
}

/// An error about something in the spool.
pub(super) fn failure(path: &Path, what: &str, source: &io::Error) -> Error {
    let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    Error::io(ErrorKind::Spool, Stage::Compose, format_args!("{} {what}", shown_path(path)), source)
        .with_field("SpoolPath")
        .with_failure(Failure::FileFailed)
        // When room was made, the same call succeeds.
        .with_temporary(full)
}
