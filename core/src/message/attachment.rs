//! Attached and embedded objects, and how their bytes are reached.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{CheckedFile, EmailMessage, Stream};

/// Where the bytes of an attachment are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// In memory; copies of the message share them.
    Bytes(Arc<[u8]>),
    /// In a file that is opened when the message is composed and read while it is sent.
    File(PathBuf),
    /// In a file whose length and checksum are known: when its bytes are others, nothing of them is sent as a message.
    Checked(CheckedFile),
    /// From a reader that can be read once, of known or unknown length.
    Stream(Stream),
    /// Another message, composed together with this one; it travels as `message/rfc822`.
    Message(Box<EmailMessage>),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<PathBuf> for Content {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Content {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<CheckedFile> for Content {
    fn from(file: CheckedFile) -> Self {
        Self::Checked(file)
    }
}

impl From<Stream> for Content {
    fn from(stream: Stream) -> Self {
        Self::Stream(stream)
    }
}

impl From<EmailMessage> for Content {
    fn from(message: EmailMessage) -> Self {
        Self::Message(Box::new(message))
    }
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

    /// What a reader gives, under the file name `name`; read while the message is sent, never held as a whole.
    pub fn stream(name: impl Into<String>, stream: Stream) -> Self {
        Self {
            content: Content::Stream(stream),
            name: Some(name.into()),
            content_type: None,
            content_id: None,
        }
    }

    /// A message as `message/rfc822` (RFC 2046 section 5.2.1), which readers show as a message: an
    /// [`EmailMessage`], or bytes or a file in the form of RFC 5322, whose line ends become CRLF.
    ///
    /// Base64 is not allowed there. One whose lines no session carries (over 998 octets, NUL, or above 127 where the
    /// server has no 8BITMIME) is attached as an ordinary file instead, `application/octet-stream`.
    pub fn message(content: impl Into<Content>) -> Self {
        Self {
            content: content.into(),
            name: None,
            content_type: Some("message/rfc822".into()),
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

    /// Opens what has that name itself: a symbolic link, which somebody else may have put there, is not followed.
    ///
    /// # Errors
    ///
    /// As for `open`.
    fn open_itself(&self, path: &Path) -> io::Result<OpenedFile> {
        self.open(path)
    }
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
