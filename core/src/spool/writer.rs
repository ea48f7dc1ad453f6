//! The writer's side.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Durability, Envelope, Id, reader::not_built};
use crate::{
    error::Error,
    message::{Composed, EmailMessage},
};

/// Where the bytes of a message come from.
pub enum Message<'a> {
    /// In memory, with CRLF line ends.
    Bytes(&'a [u8]),
    /// Read to its end, with CRLF line ends.
    Reader(&'a mut dyn Read),
    /// What [`compose`](super::compose) made.
    Composed(&'a mut Composed),
}

/// A spool to write to. A clone shares the segment, and so do threads: one sync is for all that wait for it. After a fork
/// the child writes to a segment of its own.
#[derive(Clone, Debug)]
pub struct Spool {
    path: Arc<PathBuf>,
}

impl Spool {
    /// Opens the spool at `path` and makes its folders when they are not there. Nothing else is written.
    ///
    /// # Errors
    /// `ErrorKind::Spool` with field `SpoolPath` when the folder cannot be made or written to, is a symbolic link, or is
    /// open to others.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let _ = Self { path: Arc::new(path.into()) };
        Err(not_built())
    }

    /// Where the spool is when no path is given: `$FREESMTP_SPOOL`, else `/var/spool/freesmtp` for root, and for other
    /// users `freesmtp/spool` in `$XDG_STATE_HOME` or in `~/.local/state`.
    #[must_use]
    pub fn default_path() -> PathBuf {
        PathBuf::from("/var/spool/freesmtp")
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one message, and gives its id when it is as safe as `durability` says.
    ///
    /// # Errors
    /// `ErrorKind::Message` for an envelope that is not valid, `ErrorKind::Spool` when it cannot be written,
    /// `ErrorKind::FileIo` when the message cannot be read. Nothing is delivered then.
    pub fn submit(
        &self,
        envelope: &Envelope,
        message: Message<'_>,
        durability: Durability,
    ) -> Result<Id, Error> {
        let _ = (envelope, message, durability);
        Err(not_built())
    }

    /// Composes a message and writes it, as [`Smtp::submit_to_spool`](crate::Smtp) does.
    ///
    /// # Errors
    /// As [`Spool::submit`], and `ErrorKind::Message` naming the property that is not valid.
    pub fn submit_message(&self, message: &EmailMessage, durability: Durability) -> Result<Id, Error> {
        let _ = (message, durability);
        Err(not_built())
    }

    /// Writes to the disk what was submitted under `Batch` so far.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the disk fails: what was submitted since the last sync may be lost.
    pub fn sync(&self) -> Result<(), Error> {
        Err(not_built())
    }
}
