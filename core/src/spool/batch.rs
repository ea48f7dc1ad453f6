//! Records in memory, on their way to a segment in one write.

use std::{fs::File, io::Read, io::Write, sync::Arc};

use super::{
    Body, Envelope, Id,
    fields::{self, FIXED, TRAILER},
    folders::{Folders, failure},
    frame::{FRAME, Frame, LONGEST},
    room::{Room, STEP},
};
use crate::{
    error::{Error, ErrorKind},
    message::Composed,
    os::folder::{self, Folder},
    types::{Failure, Stage},
};

/// A message with more octets has a file of its own, in `bodies/`.
pub(super) const LONGEST_INLINE: usize = 1 << 20;
const PIECE: usize = 64 * 1024;

/// Where the bytes of a message come from.
#[derive(Debug)]
pub enum Message<'a> {
    /// In memory, with CRLF line ends.
    Bytes(&'a [u8]),
    /// Read to its end, with CRLF line ends.
    Reader(Reader<'a>),
    /// What [`compose`](super::compose) made.
    Composed(&'a mut Composed),
}

/// A message that is read while it is written to the spool.
pub struct Reader<'a>(&'a mut dyn Read);

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader(..)")
    }
}

impl<'a> Message<'a> {
    /// A message that is read to its end while it is written.
    pub fn reader(reader: &'a mut dyn Read) -> Self {
        Self::Reader(Reader(reader))
    }

    /// Appends the next piece; whether more follows.
    fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        match self {
            Self::Bytes(bytes) => {
                let (piece, rest) = bytes.split_at(bytes.len().min(LONGEST_INLINE));
                out.extend_from_slice(piece);
                *bytes = rest;
                Ok(!rest.is_empty())
            }
            Self::Composed(composed) => composed.read(out),
            Self::Reader(Reader(reader)) => {
                let read = reader.by_ref().take(PIECE as u64).read_to_end(out).map_err(|source| {
                    Error::io(ErrorKind::FileIo, Stage::Compose, "the message could not be read", &source)
                        .with_failure(Failure::FileFailed)
                })?;
                Ok(read > 0)
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Composed(composed) => usize::try_from(composed.size()).unwrap_or(usize::MAX),
            Self::Reader(_) => PIECE,
        }
    }
}

/// A message in a file of its own, which is removed unless a record came to name it.
#[derive(Debug)]
pub(super) struct BodyFile {
    folder: Arc<Folder>,
    name: String,
    /// Open, and locked, until the record is written: so the agent does not take it for one that nothing names.
    _file: File,
    keep: bool,
}

impl Drop for BodyFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = self.folder.remove(&self.name);
        }
    }
}

/// Where the messages go that have a file of their own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'f> {
    pub(super) folders: &'f Folders,
    pub(super) room: Room,
    /// They are synced before a record names them.
    pub(super) durable: bool,
}

/// Records on their way to a segment.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where each record begins, with what stands before its content.
    frames: Vec<(usize, Frame)>,
    bodies: Vec<BodyFile>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn has_bodies(&self) -> bool {
        !self.bodies.is_empty()
    }

    /// Forgets its records, which are in a segment: the files that they name stay.
    pub(super) fn written(&mut self) {
        self.bodies.drain(..).for_each(|mut body| body.keep = true);
        self.flushed();
    }

    /// Forgets its records, which are in a segment but do not count yet: their files may go again.
    pub(super) fn flushed(&mut self) {
        self.bytes.clear();
        self.frames.clear();
    }

    /// The last record ends a group, or does not.
    pub(super) fn set_more(&mut self, more: bool) {
        if let Some((_, frame)) = self.frames.last_mut() {
            frame.more = more;
        }
    }

    /// Its octets at that place of a segment.
    pub(super) fn at(&mut self, segment: Id, offset: u64) -> &[u8] {
        for (begin, frame) in &self.frames {
            let bytes = frame.write(segment, offset + *begin as u64);
            self.bytes[*begin..*begin + FRAME].copy_from_slice(&bytes);
        }
        &self.bytes
    }

    /// Adds a record, whose envelope was checked. On an error nothing is added.
    pub(super) fn add(
        &mut self,
        id: Id,
        envelope: &Envelope,
        message: Message<'_>,
        place: Place<'_>,
    ) -> Result<(), Error> {
        let (begin, bodies) = (self.bytes.len(), self.bodies.len());
        let added = self.encode(id, envelope, message, place);
        if added.is_err() {
            self.bytes.truncate(begin);
            self.bodies.truncate(bodies);
        }
        added
    }

    fn encode(
        &mut self,
        id: Id,
        envelope: &Envelope,
        mut message: Message<'_>,
        place: Place<'_>,
    ) -> Result<(), Error> {
        let begin = self.bytes.len();
        let out = &mut self.bytes;
        let room = envelope.recipients.len().saturating_mul(64).saturating_add(512);
        out.reserve(message.size().min(LONGEST_INLINE + PIECE).saturating_add(room));
        out.extend_from_slice(&[0; FRAME]);
        let mut first = Vec::new();
        let mut more = true;
        let message_id = match &mut message {
            Message::Composed(composed) => composed.message_id().to_owned(),
            Message::Bytes(bytes) => find_message_id(bytes),
            reader @ Message::Reader(_) => {
                more = reader.read(&mut first)?;
                find_message_id(&first)
            }
        };
        let limit = LONGEST - LONGEST_INLINE - FIXED - TRAILER;
        fields::write(out, id, envelope, &message_id, None, limit)?;
        let text = out.len();
        out.append(&mut first);
        while more && out.len() - text <= LONGEST_INLINE {
            more = message.read(out)?;
        }
        if out.len() - text > LONGEST_INLINE {
            let body = write_body(id, out, text, &mut message, more, place)?;
            out.truncate(begin + FRAME);
            fields::write(out, id, envelope, &message_id, Some(&body.0), limit)?;
            self.bodies.push(body.1);
        } else {
            let crc = crc32c::crc32c(&out[text..]);
            out.extend_from_slice(&crc.to_le_bytes());
        }
        let frame = Frame::new(&out[begin + FRAME..], false);
        self.frames.push((begin, frame));
        Ok(())
    }
}

/// Writes what is in `out` from `text` on, and the rest of the message, to a file.
fn write_body(
    id: Id,
    out: &mut Vec<u8>,
    text: usize,
    message: &mut Message<'_>,
    mut more: bool,
    place: Place<'_>,
) -> Result<(Body, BodyFile), Error> {
    let Place { folders, room, durable } = place;
    let folder = &folders.bodies;
    let failed = |source| failure(folder.path(), "does not take the message, nothing was submitted", &source);
    let name = format!("{id}.eml");
    let file = folder.create(&name).map_err(failed)?;
    let body = BodyFile { folder: Arc::clone(folder), name: name.clone(), _file: file, keep: false };
    let mut file = &body._file;
    folder::lock(file).map_err(failed)?;
    let (mut length, mut crc, mut asked) = (0, 0, 0);
    loop {
        let piece = &out[text..];
        if length + piece.len() as u64 > asked {
            let step = if more { STEP } else { 0 }.max(piece.len() as u64);
            room.ask(folder, step).map_err(failed)?;
            asked = length + step;
        }
        file.write_all(piece).map_err(failed)?;
        crc = crc32c::crc32c_append(crc, piece);
        length += piece.len() as u64;
        out.truncate(text);
        if !more {
            break;
        }
        more = message.read(out)?;
    }
    if durable {
        folder.sync_new(file).map_err(failed)?;
    }
    Ok((Body::File { name, length, crc }, body))
}

/// The `Message-ID` of the head that a message begins with; empty when there is none.
pub(super) fn find_message_id(message: &[u8]) -> String {
    const NAME: &[u8] = b"message-id:";
    let mut lines = message.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let folded = |line: &&[u8]| matches!(line.first(), Some(b' ' | b'\t'));
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        if line.len() >= NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let rest = lines.take_while(folded);
            let value: Vec<u8> =
                std::iter::once(&line[NAME.len()..]).chain(rest).flatten().copied().collect();
            let value = value.trim_ascii();
            let plain = value.len() <= 998 && value.iter().all(|b| matches!(b, b' '..=b'~'));
            return if plain { String::from_utf8_lossy(value).into_owned() } else { String::new() };
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_id_of_a_head() {
        for (head, id) in [
            ("Subject: x\r\nMessage-ID: <a@b>\r\nTo: y\r\n\r\n", "<a@b>"),
            ("MESSAGE-id:\r\n <a@b>\r\n\r\n", "<a@b>"),
            ("message-id:<a@b>", "<a@b>"),
            ("Subject: x\r\n\r\nMessage-ID: <a@b>\r\n", ""),
            ("Message-ID:\r\n\t<a@b>\r\nTo: y\r\n\r\n", "<a@b>"),
            ("Subject: x\nMessage-ID: <a@b>\n\n", "<a@b>"),
            (&format!("Message-ID: {}", "x".repeat(998)), &"x".repeat(998)),
            (&format!("Message-ID: {}", "x".repeat(999)), ""),
            ("X-Message-ID: <a@b>\r\n\r\n", ""),
            ("Message-ID: <ü@b>\r\n\r\n", ""),
            ("", ""),
        ] {
            assert_eq!(find_message_id(head.as_bytes()), id, "{head:?}");
        }
    }

    #[test]
    fn a_record_is_as_long_as_one_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::open(&folder.path().join("spool"), false).unwrap();
        let place = Place { folders: &folders, room: Room::AGENT, durable: false };
        let message = vec![b'x'; LONGEST_INLINE];
        let written = |address: usize| {
            let recipients = vec![super::super::Recipient::new("x".repeat(address))];
            let envelope = Envelope { recipients, ..Envelope::default() };
            let mut batch = Batch::default();
            batch.add(Id::from_number(1), &envelope, Message::Bytes(&message), place).map(|()| batch.len())
        };
        // A field has its tag and its length before it.
        let longest = LONGEST - LONGEST_INLINE - FIXED - TRAILER - 5;
        assert_eq!(written(longest).unwrap(), FRAME + LONGEST);
        assert_eq!(written(longest + 1).unwrap_err().field(), Some("Recipients"));
    }
}
