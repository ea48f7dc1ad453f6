//! What goes wrong with the queue itself.

use std::fmt;

use freesmtp_core::{Error, ErrorKind, Stage};

/// A failure of the queue: the disk, the database, or the end of the agent.
#[derive(Clone, Debug)]
pub struct QueueError {
    text: String,
    full: bool,
}

impl QueueError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), full: false }
    }

    pub(crate) fn closed() -> Self {
        Self::new("the queue was closed")
    }

    /// Whether the disk has no room, so that the same may succeed later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the queue: {}", self.text)
    }
}

impl std::error::Error for QueueError {}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        let full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        let text = if full {
            "the disk is full; messages wait until there is room".to_owned()
        } else {
            error.to_string()
        };
        Self { text, full }
    }
}

impl From<std::io::Error> for QueueError {
    fn from(error: std::io::Error) -> Self {
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        Self { text: error.to_string(), full }
    }
}

impl From<QueueError> for Error {
    fn from(error: QueueError) -> Self {
        Self::new(ErrorKind::Internal, Stage::Compose, error.to_string()).with_temporary(true)
    }
}
