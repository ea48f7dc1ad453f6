//! The bytes of a message as pieces from memory, files and streams, turned out one after another.

use std::{collections::VecDeque, sync::Arc};

use super::{
    dkim::BodyGuard,
    encoding::{Encoder, Encoding},
    lines::Lines,
    reader::{How, Reader, Reading},
};
use crate::error::Error;

/// How many bytes of a file are read at once where its lines are looked at.
pub(super) const PIECE: usize = 64 * 1024;

/// A part of the message from one source.
enum Piece {
    /// Ready bytes.
    Ready(Vec<u8>),
    /// Bytes in memory that are encoded on their way out.
    Memory(Arc<[u8]>, Encoder),
    /// What a reader gives.
    Reading(Box<Reading>),
}

/// The pieces, the first of which, often the only one, has its own place.
#[derive(Default)]
struct Pieces {
    first: Option<Piece>,
    /// Those behind the first; without one there are none.
    others: VecDeque<Piece>,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        if self.first.is_none() {
            self.first = Some(piece);
        } else {
            self.others.push_back(piece);
        }
    }

    fn push_front(&mut self, piece: Piece) {
        if let Some(second) = self.first.replace(piece) {
            self.others.push_front(second);
        }
    }

    fn pop_front(&mut self) {
        self.first = self.others.pop_front();
    }

    fn iter(&self) -> impl Iterator<Item = &Piece> {
        self.first.iter().chain(&self.others)
    }
}

/// The text of a message as pieces that are turned into bytes one after another.
#[derive(Default)]
pub(super) struct Text {
    pieces: Pieces,
    size: u64,
    /// Pieces of unknown length that have not come to their end.
    unknown: usize,
    /// How much of the first piece is out.
    done: usize,
    /// Contents on their way; one buffer for all readers.
    buffer: Vec<u8>,
    /// Watches that the body is the one that was signed.
    guard: Option<Box<BodyGuard>>,
    failed: Option<Error>,
}

impl Text {
    pub(super) fn push_ready(&mut self, bytes: Vec<u8>) {
        self.grow(bytes.len() as u64);
        self.pieces.push(Piece::Ready(bytes));
    }

    /// Adds bytes in an encoding that gives so many octets.
    pub(super) fn push_memory(&mut self, bytes: Arc<[u8]>, encoding: Encoding, octets: u64) {
        self.grow(octets);
        self.pieces.push(Piece::Memory(bytes, encoding.encoder()));
    }

    /// What streams say of their size is not to be believed.
    fn grow(&mut self, octets: u64) {
        self.size = self.size.saturating_add(octets);
    }

    /// Adds what a reader gives in an encoding; `octets` in all where its size is known.
    pub(super) fn push_reader(&mut self, reader: Reader, encoding: Encoding, octets: Option<u64>) {
        match octets {
            Some(octets) => self.grow(octets),
            None => self.unknown += 1,
        }
        self.pieces.push(Piece::Reading(Box::new(Reading::new(reader, How::encoded(encoding, octets)))));
    }

    /// Adds the lines of a file without their first `skip` octets; in all they must be `octets`, as when the file was
    /// looked through.
    pub(super) fn push_lines(&mut self, reader: Reader, skip: u64, octets: u64) {
        self.grow(octets - skip);
        let how = How::Lines { lines: Lines::default(), skip, octets };
        self.pieces.push(Piece::Reading(Box::new(Reading::new(reader, how))));
    }

    /// Adds the bytes of a file as they are, without the first `skip`.
    pub(super) fn push_exact(&mut self, reader: Reader, skip: u64) {
        self.grow(reader.size.unwrap_or(0).saturating_sub(skip));
        self.pieces.push(Piece::Reading(Box::new(Reading::new(reader, How::Exact { skip }))));
    }

    /// Adds all of another text.
    pub(super) fn append(&mut self, other: Text) {
        self.grow(other.size);
        self.unknown += other.unknown;
        for piece in other.pieces.first.into_iter().chain(other.pieces.others) {
            self.pieces.push(piece);
        }
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
            Piece::Reading(reading) => reading.stream(),
            Piece::Ready(_) | Piece::Memory(..) => None,
        })
    }

    /// The same once more, when all of it is in memory.
    pub(super) fn copy(&self) -> Option<Text> {
        let mut pieces = Pieces::default();
        for piece in self.pieces.iter() {
            pieces.push(match piece {
                Piece::Ready(bytes) => Piece::Ready(bytes.clone()),
                Piece::Memory(bytes, encoder) => Piece::Memory(Arc::clone(bytes), encoder.clone()),
                Piece::Reading(_) => return None,
            });
        }
        Some(Text { pieces, size: self.size, ..Text::default() })
    }

    /// All of it, when it lies in memory in one piece and nothing of it is out.
    pub(super) fn take_ready(&mut self) -> Option<Vec<u8>> {
        let alone = self.pieces.others.is_empty() && self.done == 0;
        if !alone || self.guard.is_some() || self.failed.is_some() {
            return None;
        }
        match self.pieces.first.take() {
            Some(Piece::Ready(bytes)) => Some(bytes),
            other => {
                self.pieces.first = other;
                None
            }
        }
    }

    /// The head of the message with the empty line behind it; it lies in the first piece as a whole.
    pub(super) fn head(&self) -> &[u8] {
        let Some(Piece::Ready(first)) = &self.pieces.first else { return &[] };
        let end = memchr::memmem::find(first, b"\r\n\r\n").map_or(first.len(), |at| at + 4);
        &first[..end]
    }

    /// Puts fields before the head, and `guard` on the body; `None` where the body cannot change.
    pub(super) fn sign(&mut self, fields: Vec<u8>, guard: Option<BodyGuard>) {
        self.guard = guard.map(|guard| Box::new(guard.behind(fields.len() + self.head().len())));
        self.grow(fields.len() as u64);
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
            let Some(piece) = &mut self.pieces.first else { break };
            let ended = match piece {
                Piece::Ready(bytes) => {
                    let end = bytes.len().min(self.done + room);
                    out.extend_from_slice(&bytes[self.done..end]);
                    self.done = end;
                    end == bytes.len()
                }
                Piece::Memory(bytes, encoder) => {
                    let end = bytes.len().min(self.done + encoder.bytes_for(room));
                    let last = end == bytes.len();
                    self.done += encoder.push(&bytes[self.done..end], last, out);
                    last
                }
                Piece::Reading(reading) => {
                    let before = out.len();
                    let open_ended = reading.is_open_ended();
                    let ended = reading.read(&mut self.buffer, room, out)?;
                    if open_ended {
                        self.grow((out.len() - before) as u64);
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
        while matches!(&self.pieces.first, Some(Piece::Ready(bytes)) if bytes.is_empty()) {
            self.pieces.pop_front();
        }
        Ok(self.pieces.first.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;
    use crate::{
        error::ErrorKind,
        message::{Stream, base64, reader::Input},
    };

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

    fn reader(input: impl Read + Send + 'static, size: usize) -> Reader {
        let (field, name) = ("Attachments[0]".into(), "report.pdf".into());
        Reader { input: Input::Open(Box::new(input)), size: Some(size as u64), field, name }
    }

    fn text(bytes: &[u8], announced: usize, end: Option<io::ErrorKind>) -> Text {
        let mut text = Text::default();
        text.push_ready(b"Head\r\n\r\n".to_vec());
        text.push_memory(bytes.into(), Encoding::Base64, base64::encoded_len(bytes.len() as u64));
        text.push_ready(Vec::new());
        let input = Halting { bytes: bytes.to_vec(), at: 0, step: 0, end };
        let octets = base64::encoded_len(announced as u64);
        text.push_reader(reader(input, announced), Encoding::Base64, Some(octets));
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
                let input = Input::Stream(stream.clone());
                let reader = Reader { input, size: None, field: "f".into(), name: "stream".into() };
                text.push_reader(reader, Encoding::Base64, None);
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
    fn a_file_that_is_no_lines_any_more_is_not_sent_as_lines() {
        let sent = |bytes: &'static [u8], eight_bit: bool| {
            let encoding = if eight_bit { Encoding::EightBit } else { Encoding::SevenBit };
            let mut text = Text::default();
            text.push_reader(reader(bytes, bytes.len()), encoding, Some(bytes.len() as u64));
            let mut out = Vec::new();
            while text.read(&mut out, 4).ok()? {}
            Some(out)
        };
        assert_eq!(sent(b"ab\r\ncd", false).unwrap(), b"ab\r\ncd");
        assert_eq!(sent(b"\xc3\xbc\r\n", true).unwrap(), b"\xc3\xbc\r\n");
        for bytes in
            [&b"ab\r\ncd\r"[..], b"ab\ncdefgh", b"a\rbcdefgh", b"a\0bcdefgh\r\n", b"\xc3\xbc\r\nab\r\n"]
        {
            assert_eq!(sent(bytes, false), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_lines_of_a_file_are_normalised_behind_what_is_skipped() {
        let file = |bytes: &'static [u8]| reader(bytes, bytes.len());
        let content = b"a: b\n\nline\rline\n.";
        for limit in [1, 3, 57, PIECE] {
            let (mut text, mut out) = (Text::default(), Vec::new());
            text.push_lines(file(content), 8, 23);
            assert_eq!(text.exact_size(), Some(15));
            while text.read(&mut out, limit).unwrap() {}
            assert_eq!(out, b"line\r\nline\r\n.\r\n");
            let mut text = Text::default();
            text.push_lines(file(content), 8, 24);
            let error = loop {
                match text.read(&mut out, limit) {
                    Ok(more) => assert!(more),
                    Err(error) => break error,
                }
            };
            assert!(error.message().contains("different"), "{error}");
        }
    }

    #[test]
    fn what_was_promised_of_a_file_is_true_of_what_is_sent_or_nothing_is() {
        use Encoding::{Base64, Binary, EightBit, QuotedPrintable, SevenBit};
        let lines = b"line\r\n".repeat(50_000);
        let changed = |at: usize, bytes: &[u8]| {
            let mut changed = lines.clone();
            changed[at..at + bytes.len()].copy_from_slice(bytes);
            changed
        };
        let quoted = lines.len() as u64;
        for (encoding, octets, bytes, kept) in [
            (SevenBit, quoted, lines.clone(), true),
            (SevenBit, quoted, changed(200_000, b"\xc3\xbc"), false),
            (SevenBit, quoted, changed(200_000, b"\0"), false),
            (SevenBit, quoted, changed(lines.len() - 2, b"ab"), true),
            (SevenBit, quoted, changed(lines.len() - 2, b"\n\r"), false),
            (SevenBit, quoted, changed(lines.len() - 1, b"\r"), false),
            (EightBit, quoted, changed(200_000, b"\xc3\xbc"), true),
            (EightBit, quoted, changed(200_001, b"\n"), false),
            (QuotedPrintable, quoted, lines.clone(), true),
            (QuotedPrintable, quoted, changed(200_000, b"="), false),
            (Binary, quoted, changed(200_000, b"\0"), true),
            (Base64, base64::encoded_len(quoted), changed(200_000, b"\0"), true),
        ] {
            for limit in [100, PIECE] {
                let mut text = Text::default();
                text.push_reader(reader(io::Cursor::new(bytes.clone()), bytes.len()), encoding, Some(octets));
                assert_eq!(text.exact_size(), Some(octets));
                let mut out = Vec::new();
                let end = loop {
                    match text.read(&mut out, limit) {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                };
                assert_eq!(end.is_ok(), kept, "{encoding:?}");
                match end {
                    Ok(()) => assert_eq!(out.len() as u64, octets),
                    Err(error) => assert!(error.message().contains("different"), "{error}"),
                }
            }
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
