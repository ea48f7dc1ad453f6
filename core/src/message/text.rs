//! The bytes of a message as pieces from memory, files and streams, turned out one after another.

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::Arc,
};

use super::{OpenedFile, Stream, base64, dkim::BodyGuard, lines::Lines};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// How many bytes of a file are read at once where its lines are looked at.
pub(super) const PIECE: usize = 64 * 1024;

/// A part of the message from one source.
enum Piece {
    /// Ready bytes.
    Ready(Vec<u8>),
    /// Bytes in memory that go out in base64.
    Memory(Arc<[u8]>),
    /// What a reader gives.
    Reader(ReaderPiece),
}

/// Where a reader comes from.
pub(super) enum Input {
    Open(Box<dyn Read + Send>),
    /// Taken when its first byte is needed: until then the message can be composed again.
    Stream(Stream),
}

/// How the bytes of a reader travel.
enum How {
    Base64,
    /// As lines of a message, of which the first `skip` octets are out already, and that must give `octets` in all.
    Lines {
        lines: Lines,
        skip: u64,
        octets: u64,
    },
}

struct ReaderPiece {
    input: Input,
    how: How,
    /// What is still to come of the size that was announced, in bytes of the reader.
    left: Option<u64>,
    /// What to call it in an error.
    field: String,
    name: String,
}

/// The text of a message as pieces that are turned into bytes one after another.
#[derive(Default)]
pub(super) struct Text {
    pieces: VecDeque<Piece>,
    size: u64,
    /// Pieces of unknown length that have not come to their end.
    unknown: usize,
    /// How much of the first piece is out.
    done: usize,
    /// Contents on their way; one buffer for all readers.
    buffer: Vec<u8>,
    /// Watches that the body is the one that was signed.
    guard: Option<BodyGuard>,
    failed: Option<Error>,
}

impl Text {
    pub(super) fn push_ready(&mut self, bytes: Vec<u8>) {
        self.size += bytes.len() as u64;
        self.pieces.push_back(Piece::Ready(bytes));
    }

    pub(super) fn push_memory(&mut self, bytes: Arc<[u8]>) {
        self.size += base64::encoded_len(bytes.len() as u64);
        self.pieces.push_back(Piece::Memory(bytes));
    }

    /// Adds what a reader gives, in base64.
    pub(super) fn push_reader(&mut self, input: Input, size: Option<u64>, field: String, name: String) {
        match size {
            Some(size) => self.size += base64::encoded_len(size),
            None => self.unknown += 1,
        }
        let how = How::Base64;
        self.pieces.push_back(Piece::Reader(ReaderPiece { input, how, left: size, field, name }));
    }

    /// Adds the lines of a file without their first `skip` octets; in all they must be `octets`, as when the file was
    /// looked through.
    pub(super) fn push_lines(
        &mut self,
        file: OpenedFile,
        skip: u64,
        octets: u64,
        field: String,
        name: String,
    ) {
        self.size += octets - skip;
        let how = How::Lines { lines: Lines::default(), skip, octets };
        let (input, left) = (Input::Open(file.reader), Some(file.size));
        self.pieces.push_back(Piece::Reader(ReaderPiece { input, how, left, field, name }));
    }

    /// Adds all of another text.
    pub(super) fn append(&mut self, mut other: Text) {
        self.size += other.size;
        self.unknown += other.unknown;
        self.pieces.append(&mut other.pieces);
    }

    /// The octets known so far: all of them but those of streams of unknown length that are not read yet.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The octets of the whole, when no stream leaves them open.
    pub(super) fn exact_size(&self) -> Option<u64> {
        (self.unknown == 0).then_some(self.size)
    }

    /// The property that holds a stream, which can be read once.
    pub(super) fn stream(&self) -> Option<&str> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Reader(ReaderPiece { input: Input::Stream(_), field, .. }) => Some(field.as_str()),
            _ => None,
        })
    }

    /// The same once more, when all of it is in memory.
    pub(super) fn copy(&self) -> Option<Text> {
        let copies = self.pieces.iter().map(|piece| match piece {
            Piece::Ready(bytes) => Some(Piece::Ready(bytes.clone())),
            Piece::Memory(bytes) => Some(Piece::Memory(Arc::clone(bytes))),
            Piece::Reader(_) => None,
        });
        Some(Text { pieces: copies.collect::<Option<_>>()?, size: self.size, ..Text::default() })
    }

    /// The head of the message with the empty line behind it; it lies in the first piece as a whole.
    pub(super) fn head(&self) -> &[u8] {
        let Some(Piece::Ready(first)) = self.pieces.front() else { return &[] };
        let end = memchr::memmem::find(first, b"\r\n\r\n").map_or(first.len(), |at| at + 4);
        &first[..end]
    }

    /// Puts fields before the head, and `guard` on the body; `None` where the body cannot change.
    pub(super) fn sign(&mut self, fields: Vec<u8>, guard: Option<BodyGuard>) {
        self.guard = guard.map(|guard| guard.behind(fields.len() + self.head().len()));
        self.size += fields.len() as u64;
        self.pieces.push_front(Piece::Ready(fields));
    }

    /// Appends up to about `limit` bytes; whether more follow. Empty pieces do not count: a small message is one call.
    pub(super) fn read(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<bool, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let start = out.len();
        let result = self.advance(out, limit).and_then(|more| {
            if let Some(guard) = &mut self.guard {
                guard.see(&out[start..], more)?;
            }
            Ok(more)
        });
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    fn advance(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<bool, Error> {
        let start = out.len();
        while out.len() - start < limit {
            let room = limit - (out.len() - start);
            let Some(piece) = self.pieces.front_mut() else { break };
            let ended = match piece {
                Piece::Ready(bytes) => {
                    let end = bytes.len().min(self.done + room);
                    out.extend_from_slice(&bytes[self.done..end]);
                    self.done = end;
                    end == bytes.len()
                }
                Piece::Memory(bytes) => {
                    let end = bytes.len().min(self.done + whole_lines(room));
                    base64::encode_lines(&bytes[self.done..end], out);
                    self.done = end;
                    end == bytes.len()
                }
                Piece::Reader(reader) => {
                    let before = out.len();
                    let open_ended = reader.left.is_none();
                    let ended = reader.read(&mut self.buffer, whole_lines(room), out)?;
                    if open_ended {
                        self.size += (out.len() - before) as u64;
                        self.unknown -= usize::from(ended);
                    }
                    ended
                }
            };
            if ended {
                self.pieces.pop_front();
                self.done = 0;
            }
        }
        while matches!(self.pieces.front(), Some(Piece::Ready(bytes)) if bytes.is_empty()) {
            self.pieces.pop_front();
        }
        Ok(!self.pieces.is_empty())
    }
}

/// How many bytes fill about `room` characters of base64 with whole lines.
fn whole_lines(room: usize) -> usize {
    (room / base64::LINE_ON_THE_WIRE).max(1) * base64::BYTES_A_LINE
}

impl ReaderPiece {
    /// Turns the next `most` bytes out; answers whether the reader has ended, and where it should.
    fn read(&mut self, buffer: &mut Vec<u8>, most: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
        let length = match self.left {
            Some(left) => usize::try_from(left).map_or(most, |left| left.min(most)),
            None => most,
        };
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        let got = self.fill(&mut buffer[..length])?;
        let ended = match &mut self.left {
            None => got < length,
            Some(_) if got < length => return Err(self.changed("shorter")),
            Some(left) => {
                *left -= got as u64;
                *left == 0
            }
        };
        match &mut self.how {
            How::Base64 => base64::encode_lines(&buffer[..got], out),
            How::Lines { lines, skip, .. } => {
                let start = out.len();
                lines.push(&buffer[..got], out);
                if ended {
                    lines.finish(out);
                }
                let skipped = usize::try_from(*skip).map_or(out.len(), |skip| (start + skip).min(out.len()));
                out.drain(start..skipped);
                *skip -= (skipped - start) as u64;
            }
        }
        if !ended {
            return Ok(false);
        }
        if self.left.is_some() && self.fill(&mut [0; 1])? > 0 {
            return Err(self.changed("longer"));
        }
        if let How::Lines { lines, octets, .. } = &mut self.how {
            let facts = lines.finish(out);
            if facts.octets != *octets {
                return Err(self.changed("different"));
            }
        }
        Ok(true)
    }

    /// Reads until `buffer` is full or the reader ends.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if let Input::Stream(stream) = &self.input {
            let reader = stream.take().ok_or_else(|| used(&self.field))?;
            self.input = Input::Open(reader);
        }
        let mut got = 0;
        while let (Input::Open(reader), true) = (&mut self.input, got < buffer.len()) {
            match reader.read(&mut buffer[got..]) {
                Ok(0) => break,
                Ok(length) => got += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = format!("cannot read {}", self.name);
                    let error = Error::io(ErrorKind::FileIo, Stage::Data, what, &error);
                    return Err(error.with_field(self.field.clone()).with_failure(Failure::FileFailed));
                }
            }
        }
        Ok(got)
    }

    fn changed(&self, how: &str) -> Error {
        changed(&self.name, how).with_field(self.field.clone())
    }
}

/// The error of a file that is not what it was when the message was composed.
pub(super) fn changed(name: &str, how: &str) -> Error {
    let message = format!(
        "{name} became {how} while it was being sent, so the message was abandoned; \
         send it again when nothing writes to the file"
    );
    Error::new(ErrorKind::FileIo, Stage::Data, message).with_failure(Failure::FileFailed)
}

/// The error of a stream that has given its bytes before.
pub(super) fn used(field: &str) -> Error {
    Error::input(field, "the stream was read before, and a stream is read once; give the message a new one")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of changing lengths, then what `end` says.
    struct Halting {
        bytes: Vec<u8>,
        at: usize,
        step: usize,
        end: Option<io::ErrorKind>,
    }

    impl Read for Halting {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.step = self.step % 97 + 13;
            if self.step.is_multiple_of(5) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = out.len().min(self.step).min(self.bytes.len() - self.at);
            out[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
            self.at += length;
            match self.end {
                Some(kind) if length == 0 => Err(kind.into()),
                _ => Ok(length),
            }
        }
    }

    fn text(bytes: &[u8], announced: usize, end: Option<io::ErrorKind>) -> Text {
        let mut text = Text::default();
        text.push_ready(b"Head\r\n\r\n".to_vec());
        text.push_memory(bytes.into());
        text.push_ready(Vec::new());
        let reader = Box::new(Halting { bytes: bytes.to_vec(), at: 0, step: 0, end });
        let (size, name) = (Some(announced as u64), "report.pdf".into());
        text.push_reader(Input::Open(reader), size, "Attachments[0]".into(), name);
        text.push_ready(b"--end--\r\n".to_vec());
        text
    }

    #[test]
    fn a_stream_of_unknown_length_is_read_once() {
        for length in [0, 1, 57, 58, 5000] {
            let stream = Stream::new(Halting { bytes: bytes(length), at: 0, step: 0, end: None });
            let streamed = || {
                let mut text = Text::default();
                text.push_ready(b"Head".to_vec());
                text.push_reader(Input::Stream(stream.clone()), None, "f".into(), "stream".into());
                text
            };
            assert_eq!((streamed().exact_size(), streamed().size()), (None, 4));
            let (mut text, mut out) = (streamed(), Vec::new());
            while text.read(&mut out, 100).unwrap() {}
            let mut right = b"Head".to_vec();
            base64::encode_lines(&bytes(length), &mut right);
            assert!(out == right, "{length}");
            assert_eq!(text.exact_size(), Some(right.len() as u64));
            let mut again = streamed();
            let error = again.read(&mut out, 100).unwrap_err();
            assert_eq!(error.field(), Some("f"));
            assert!(stream.is_used() && error.message().contains("once"), "{error}");
        }
    }

    #[test]
    fn the_lines_of_a_file_are_normalised_behind_what_is_skipped() {
        let file = |bytes: &[u8]| OpenedFile {
            size: bytes.len() as u64,
            reader: Box::new(io::Cursor::new(bytes.to_vec())),
        };
        let content = b"a: b\n\nline\rline\n.";
        for limit in [1, 3, 57, PIECE] {
            let (mut text, mut out) = (Text::default(), Vec::new());
            text.push_lines(file(content), 8, 23, "Raw".into(), "x.eml".into());
            assert_eq!(text.exact_size(), Some(15));
            while text.read(&mut out, limit).unwrap() {}
            assert_eq!(out, b"line\r\nline\r\n.\r\n");
            let mut text = Text::default();
            text.push_lines(file(content), 8, 24, "Raw".into(), "x.eml".into());
            let error = loop {
                match text.read(&mut out, limit) {
                    Ok(more) => assert!(more),
                    Err(error) => break error,
                }
            };
            assert!(error.message().contains("different"), "{error}");
        }
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn pieces_of_any_size_join_to_the_same() {
        for length in [0, 1, 56, 57, 58, 114, 1000, 5000] {
            let mut right = b"Head\r\n\r\n".to_vec();
            base64::encode_lines(&bytes(length), &mut right);
            base64::encode_lines(&bytes(length), &mut right);
            right.extend_from_slice(b"--end--\r\n");
            for limit in [1, 2, 57, 78, 79, 300, PIECE] {
                let mut text = text(&bytes(length), length, None);
                assert_eq!(text.exact_size(), Some(right.len() as u64));
                let mut out = Vec::new();
                loop {
                    let before = out.len();
                    let more = text.read(&mut out, limit).unwrap();
                    assert!(out.len() - before <= limit + 78);
                    if !more {
                        break;
                    }
                }
                assert!(out == right, "{length} bytes in pieces of {limit}");
            }
        }
    }

    #[test]
    fn a_file_that_changes_ends_the_message_for_good() {
        for (announced, end, word) in [
            (1001, None, "shorter"),
            (999, None, "longer"),
            (0, None, "longer"),
            (1001, Some(io::ErrorKind::PermissionDenied), "cannot read"),
            (1000, Some(io::ErrorKind::PermissionDenied), "cannot read"),
        ] {
            let mut text = text(&bytes(1000), announced, end);
            let mut out = Vec::new();
            let error = loop {
                match text.read(&mut out, 100) {
                    Ok(true) => {}
                    Ok(false) => panic!("a changed file was taken for the end"),
                    Err(error) => break error,
                }
            };
            assert_eq!((error.kind(), error.field()), (ErrorKind::FileIo, Some("Attachments[0]")));
            assert!(error.message().contains(word) && error.message().contains("report.pdf"), "{error}");
            assert!(!out.ends_with(b"--end--\r\n"));
            let again = text.read(&mut out, 100).unwrap_err();
            assert_eq!(again.message(), error.message());
        }
    }
}
