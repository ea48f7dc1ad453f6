//! Records on their way from one agent to another: the content of a record apart from its segment, and segments of such.
//!
//! A segment of copies is its writer's own, who can have all of them again: it is not locked, and nothing waits for the disk.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Body, Envelope, Id, Record,
    fields::{self, FIXED, TRAILER},
    frame::{self, FRAME, Frame, HEAD, LONGEST},
    writer::new_id,
};
use crate::error::Error;

/// A segment ends when it is longer.
const LONG: u64 = 64 << 20;

/// What a copy of a record carries of its message.
#[derive(Clone, Copy, Debug)]
pub enum CopiedBody<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// The name of a file that holds them; another kind of body carries nothing.
    Named(&'a Body),
}

/// The content of a record, without the place that it has in a segment.
///
/// # Errors
/// When the recipients take more room than a record has.
pub fn copy_record(
    id: Id,
    message_id: &str,
    envelope: &Envelope,
    body: CopiedBody<'_>,
) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    match body {
        CopiedBody::Bytes(bytes) => {
            content.reserve(bytes.len() + 512);
            let limit = LONGEST.saturating_sub(bytes.len() + FIXED + TRAILER);
            fields::write(&mut content, id, envelope, message_id, None, limit)?;
            content.extend_from_slice(bytes);
            content.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
        }
        CopiedBody::Named(file) => {
            fields::write(&mut content, id, envelope, message_id, Some(file), LONGEST - FIXED)?;
        }
    }
    Ok(content)
}

/// The body that a record names, of that name and with those octets.
#[must_use]
pub fn named_body(name: impl Into<String>, bytes: &[u8]) -> Body {
    Body::File { name: name.into(), length: bytes.len() as u64, crc: crc32c::crc32c(bytes) }
}

/// Reads the content of a record that has no place yet: its message, when it holds it, is counted from the content's begin.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read_copy(content: &[u8]) -> Result<Record, String> {
    fields::read(content, 0, 0)
}

/// Segments that copies are written to, one after the other.
#[derive(Debug)]
pub struct Copies {
    folder: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    id: Id,
    name: Arc<str>,
    file: File,
    end: u64,
}

impl Copies {
    /// Writes to that folder, which is there.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: None }
    }

    /// The segment that is written to now, and the place where the next record begins; `None` before the first one.
    #[must_use]
    pub fn segment(&self) -> Option<(Arc<str>, u64)> {
        self.open.as_ref().map(|open| (Arc::clone(&open.name), open.end))
    }

    /// Whether the segment has room for no more: the next one goes to another. Gives its name and its end then.
    pub fn turn(&mut self) -> Option<(Arc<str>, u64)> {
        self.open.take_if(|open| open.end >= LONG).map(|open| (open.name, open.end))
    }

    /// Appends a record; gives the name of the segment, and the record as it stands there.
    ///
    /// # Errors
    /// When it cannot be written, or is no record.
    pub fn append(&mut self, content: &[u8]) -> io::Result<(Arc<str>, Record)> {
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        if self.open.is_none() {
            let id = new_id();
            let name = format!("{id}.seg");
            let mut file = File::options().write(true).create_new(true).open(self.folder.join(&name))?;
            file.write_all(&frame::head(id))?;
            self.open = Some(Open { id, name: name.into(), file, end: HEAD as u64 });
        }
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let offset = open.end;
        let record = fields::read(content, offset + FRAME as u64, offset).map_err(invalid)?;
        let frame = Frame::new(content, false).write(open.id, offset);
        let written = open.file.write_all(&[&frame, content].concat());
        if let Err(error) = written {
            // Half a record may be there: nothing follows it.
            self.open = None;
            return Err(error);
        }
        open.end = record.end;
        Ok((Arc::clone(&open.name), record))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Recipient, read_inline, read_record},
        *,
    };

    #[test]
    fn a_copy_is_the_record_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut copies = Copies::new(folder.path());
        let envelope = Envelope {
            reverse_path: "sender@example.com".into(),
            recipients: vec![Recipient::new("a@example.com")],
            ..Envelope::default()
        };
        for number in 1..4_u128 {
            let id = Id::from_number(number);
            let bytes = format!("Subject: {number}\r\n\r\nHello\r\n");
            let content = copy_record(id, "<1@x>", &envelope, CopiedBody::Bytes(bytes.as_bytes())).unwrap();
            let read = read_copy(&content).unwrap();
            assert_eq!((read.id, &read.envelope, read.message_id.as_str()), (id, &envelope, "<1@x>"));
            let (name, record) = copies.append(&content).unwrap();
            let path = folder.path().join(&*name);
            assert_eq!(read_record(&path, record.offset).unwrap(), record);
            let Body::Inline { offset, length } = record.body else { panic!("it is small") };
            assert_eq!(read_inline(&File::open(&path).unwrap(), offset, length).unwrap(), bytes.as_bytes());
        }
        let file = Body::File { name: "abc".to_owned(), length: 3, crc: 7 };
        let content = copy_record(Id::from_number(5), "", &envelope, CopiedBody::Named(&file)).unwrap();
        assert_eq!(copies.append(&content).unwrap().1.body, file);
        assert!(copies.append(&content[..content.len() - 1]).is_err());
        assert!(copies.turn().is_none() && copies.segment().is_some());
    }

    #[test]
    fn a_copy_is_as_long_as_a_record_that_can_be_read() {
        let envelope = Envelope { recipients: vec![Recipient::new("a@example.com")], ..Envelope::default() };
        let copy = |bytes: &[u8]| copy_record(Id::from_number(1), "", &envelope, CopiedBody::Bytes(bytes));
        let mut bytes = vec![b'x'; LONGEST - copy(b"").unwrap().len()];
        assert_eq!(copy(&bytes).unwrap().len(), LONGEST);
        bytes.push(b'x');
        assert_eq!(copy(&bytes).unwrap_err().field(), Some("Recipients"));
    }
}
