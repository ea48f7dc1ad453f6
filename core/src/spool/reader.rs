//! The agent's side: following a segment.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{Body, Record};
use crate::error::{Error, ErrorKind};
use crate::types::Stage;

/// What comes next in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A message, written whole.
    Record(Box<Record>),
    /// Nothing yet; the writer lives, so ask again later.
    Wait,
    /// The writer was cut off in the middle of what begins here: nothing from here on was ever confirmed. The segment is
    /// finished, and everything before was given.
    Torn {
        /// Where it begins.
        offset: u64,
    },
    /// A record whose bytes were damaged later, or that this version does not understand. What follows is read on.
    Bad {
        /// Where it begins.
        offset: u64,
        /// Its octets, with what is before its content.
        length: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The segment is finished, and everything in it was given.
    End,
}

/// Follows one segment, record by record.
#[derive(Debug)]
pub struct SegmentReader {
    path: PathBuf,
    offset: u64,
}

impl SegmentReader {
    /// Opens a segment, to be read from `offset`: 0, or the `end` of a record.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when it is no file that can be read.
    pub fn open(path: impl Into<PathBuf>, offset: u64) -> Result<Self, Error> {
        let _ = Self { path: path.into(), offset };
        Err(not_built())
    }

    /// What comes next.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the file cannot be read.
    #[allow(clippy::should_implement_trait, reason = "it never ends while the writer lives")]
    pub fn next(&mut self) -> Result<Next, Error> {
        Err(not_built())
    }

    /// Whether the writer is gone: then nothing is added any more.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the system does not say.
    pub fn is_finished(&self) -> Result<bool, Error> {
        Err(not_built())
    }

    /// Writes to the disk what was read so far, so that what refers to it after this survives a power cut.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the disk fails.
    pub fn sync(&self) -> Result<(), Error> {
        Err(not_built())
    }

    /// Where the next record begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The segment.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The bytes of a message. It fails at its end when they are not those that were written.
#[derive(Debug)]
pub struct MessageReader(());

impl Read for MessageReader {
    fn read(&mut self, _out: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Reads the bytes of a message of the segment, or of `bodies/` in the spool.
///
/// # Errors
/// `ErrorKind::Spool` when the file is not there, or shorter than the record says.
pub fn read_message(spool: &Path, segment: &Path, body: &Body) -> Result<MessageReader, Error> {
    let _ = (spool, segment, body);
    Err(not_built())
}

pub(super) fn not_built() -> Error {
    Error::new(ErrorKind::Internal, Stage::Compose, "the spool is not built yet")
}
