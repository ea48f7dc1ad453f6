//! The bytes of a message in the spool.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    Body, Record,
    fields::{self, TRAILER},
    folders,
    frame::{self, FRAME, Frame, HEAD},
};
use crate::{
    error::Error,
    message::Checked,
    os::folder::{self, At},
};

/// The bytes of a message. It fails at its end when they are not those that were written.
#[derive(Debug)]
pub struct MessageReader(Checked<At>);

impl Read for MessageReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

/// Opens a segment or a body for reading. Whoever submitted it may have put something else in its place since: a symbolic
/// link is not followed, and what is no regular file is refused.
///
/// # Errors
/// When there is none.
pub fn open_file(path: &Path) -> io::Result<File> {
    folder::open_regular(path)
}

/// Reads the bytes of a message of the segment, or of `bodies/` in the spool.
///
/// # Errors
/// `ErrorKind::Spool` when the file is not there, or its length is not what the record says.
pub fn read_message(spool: &Path, segment: &Path, body: &Body) -> Result<MessageReader, Error> {
    let (path, at, length) = match body {
        Body::Inline { offset, length } => (segment.to_owned(), *offset, *length),
        Body::File { name, length, .. } => (spool.join(folders::BODIES).join(name), 0, *length),
    };
    let failed = |source: io::Error| folders::failure(&path, "cannot be read", &source);
    let file = folder::open_regular(&path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let end = at.saturating_add(length);
    let (expected, fits) = match body {
        Body::Inline { .. } => {
            let mut crc = [0; TRAILER];
            let read = folder::read_at(&file, &mut crc, end).map_err(failed)?;
            (u32::from_le_bytes(crc), read == TRAILER)
        }
        Body::File { crc, .. } => (*crc, size == end),
    };
    if !fits {
        let text = "its length is not what its record says";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
    }
    Ok(MessageReader(Checked::new(At { file, at }, length, expected)))
}

/// Reads the bytes of a message that is in its record, from a segment that is open, in one go, and checks that they are
/// those that were written.
///
/// # Errors
/// When the file cannot be read, is shorter, or was damaged.
pub fn read_inline(segment: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its bytes are not those that were written");
    let length = usize::try_from(length).map_err(|_| damaged())?;
    let mut bytes = vec![0; length.saturating_add(TRAILER)];
    if folder::read_at(segment, &mut bytes, offset)? != bytes.len() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the segment is shorter than its record says",
        ));
    }
    let expected = bytes.split_off(length);
    if crc32c::crc32c(&bytes).to_le_bytes() != *expected {
        return Err(damaged());
    }
    Ok(bytes)
}

/// Reads one record again, at the `offset` where [`SegmentReader`](super::SegmentReader) has given it before: of a group
/// nothing else is read.
///
/// # Errors
/// `ErrorKind::Spool` when the segment is not there, or the record was damaged.
pub fn read_record(segment: &Path, offset: u64) -> Result<Record, Error> {
    let failed = |source: io::Error| folders::failure(segment, "cannot be read", &source);
    let invalid = |text: String| failed(io::Error::new(io::ErrorKind::InvalidData, text));
    let file = folder::open_regular(segment).map_err(failed)?;
    let (mut head, mut frame) = ([0; HEAD], [0; FRAME]);
    folder::read_at(&file, &mut head, 0).map_err(failed)?;
    let id = frame::read_head(&head).map_err(|reason| invalid(reason.to_owned()))?;
    folder::read_at(&file, &mut frame, offset).map_err(failed)?;
    let none = || invalid("no record begins where one did".to_owned());
    let frame = Frame::read(&frame, id, offset).filter(|frame| frame.is_known()).ok_or_else(none)?;
    let content_at = offset + FRAME as u64;
    let mut content = vec![0; frame.length as usize];
    let read = folder::read_at(&file, &mut content, content_at).map_err(failed)?;
    if read != content.len() || crc32c::crc32c(&content) != frame.crc {
        return Err(invalid("the record was damaged after it was written".to_owned()));
    }
    fields::read(&content, content_at, offset).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Durability, Envelope, Message, Next, Recipient, SegmentReader, Spool},
        *,
    };

    #[test]
    fn of_a_group_one_record_is_read_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let mut group = spool.group(Durability::None);
        for n in 0..3 {
            let recipients = vec![Recipient::new(format!("user{n}@example.test"))];
            let envelope = Envelope { recipients, ..Envelope::default() };
            group
                .add(&envelope, Message::Bytes(format!("Subject: {n}\r\n\r\nHello\r\n").as_bytes()))
                .unwrap();
        }
        group.commit().unwrap();
        let incoming = spool.path().join("incoming");
        let path = std::fs::read_dir(incoming).unwrap().next().unwrap().unwrap().path();
        let mut reader = SegmentReader::open(&path, 0).unwrap();
        let mut found = 0;
        while let Next::Record(record) = reader.next().unwrap() {
            assert_eq!(read_record(&path, record.offset).unwrap(), *record);
            let Body::Inline { offset, length } = record.body else { panic!("it is small") };
            let file = File::open(&path).unwrap();
            let bytes = read_inline(&file, offset, length).unwrap();
            assert_eq!(bytes, format!("Subject: {found}\r\n\r\nHello\r\n").as_bytes());
            assert!(
                read_inline(&file, offset, length - 1).is_err()
                    && read_inline(&file, offset + 1, length).is_err()
            );
            assert!(read_record(&path, record.offset + 1).is_err());
            found += 1;
        }
        assert_eq!(found, 3);
    }
}
