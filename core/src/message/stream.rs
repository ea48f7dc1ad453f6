//! Content that can be read once.

use std::{
    fmt,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

/// A reader whose bytes become an attachment; how many they are need not be known.
///
/// It can be read once: a message that holds it is sent once, and again only while nothing was read of it (a server
/// that refuses all recipients reads nothing). Copies share the one reader. Two are equal when they share it.
#[derive(Clone)]
pub struct Stream {
    reader: Arc<Mutex<Option<Box<dyn Read + Send>>>>,
    size: Option<u64>,
}

impl Stream {
    /// A stream of unknown length; the message then declares no SIZE (RFC 1870) to the server.
    pub fn new(reader: impl Read + Send + 'static) -> Self {
        Self { reader: Arc::new(Mutex::new(Some(Box::new(reader)))), size: None }
    }

    /// The same with its length in bytes; a reader that gives fewer or more ends the message with an error.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The length in bytes, when it is known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Whether its reader was taken, so that nothing can be read any more.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The reader, the first time.
    pub(super) fn take(&self) -> Option<Box<dyn Read + Send>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.reader, &other.reader) && self.size == other.size
    }
}

impl Eq for Stream {}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("size", &self.size).field("is_used", &self.is_used()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_equal_when_they_share_their_reader_and_its_length() {
        let stream = Stream::new(std::io::empty());
        assert_eq!(stream, stream.clone());
        assert_ne!(stream, Stream::new(std::io::empty()));
        assert_ne!(stream, stream.clone().with_size(1));
        assert_eq!(format!("{stream:?}"), "Stream { size: None, is_used: false }");
    }
}
