//! Attached and embedded objects, and how their bytes are reached.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the bytes of an attachment are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// In memory; copies of the message share them.
    Bytes(Arc<[u8]>),
    /// In a file that is opened when the message is composed and read while it is sent.
    File(PathBuf),
}

/// An attached file (`Attachments`), or one that the HTML text shows (`EmbeddedObjects`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its bytes.
    pub content: Content,
    /// The file name that the recipient sees; `None`: that of the file.
    pub name: Option<String>,
    /// The media type, such as `text/calendar; method=REQUEST`; `None`: by the name's extension,
    /// else `application/octet-stream`.
    pub content_type: Option<String>,
    /// The identifier that HTML names as `cid:…`, with or without angle brackets.
    pub content_id: Option<String>,
}

impl Attachment {
    /// The file at `path`, under its own name.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { content: Content::File(path.into()), name: None, content_type: None, content_id: None }
    }

    /// Bytes under the file name `name`.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            content: Content::Bytes(bytes.into()),
            name: Some(name.into()),
            content_type: None,
            content_id: None,
        }
    }

    /// The same, shown under another file name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with a media type that does not depend on the name.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The same with the identifier that HTML names as `cid:…`.
    #[must_use]
    pub fn with_content_id(mut self, content_id: impl Into<String>) -> Self {
        self.content_id = Some(content_id.into());
        self
    }
}

/// Opens the files that a message names: the one way in which composing asks for input.
///
/// It is called only for paths that the program attached, never for one that stands in a text.
pub trait Files {
    /// Opens the file at `path` for reading.
    ///
    /// # Errors
    ///
    /// Whatever the file system answers; composing ends with [`ErrorKind::FileIo`](crate::error::ErrorKind::FileIo).
    fn open(&self, path: &Path) -> io::Result<OpenedFile>;
}

/// A file to attach.
pub struct OpenedFile {
    /// Its bytes from the beginning.
    pub reader: Box<dyn Read + Send>,
    /// How many there are. A reader that gives fewer or more ends the message with an error.
    pub size: u64,
}

impl std::fmt::Debug for OpenedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedFile").field("size", &self.size).finish_non_exhaustive()
    }
}
