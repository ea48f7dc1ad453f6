//! A composed message: the envelope, and the bytes in pieces of bounded size.

use std::{collections::VecDeque, fmt, io, io::Read, sync::Arc};

use super::{EnvelopeRecipient, OpenedFile, base64};
use crate::{
    error::{Error, ErrorKind},
    types::{Mailbox, Stage},
};

/// How much of the message one call of [`Composed::read`] gives at most, give or take a line.
const PIECE: usize = 64 * 1024;

/// A message ready to be sent: the envelope and the text of RFC 5322.
pub struct Composed {
    pub(super) reverse_path: Option<Mailbox>,
    pub(super) recipients: Vec<EnvelopeRecipient>,
    pub(super) message_id: String,
    pub(super) utf8: bool,
    pub(super) eight_bit: bool,
    pub(super) text: Text,
}

impl Composed {
    /// Where bounces go: `ReturnPath`, else `Sender`, else `From`. `None` is the null reverse-path `<>`.
    #[must_use]
    pub fn reverse_path(&self) -> Option<&Mailbox> {
        self.reverse_path.as_ref()
    }

    /// Each recipient's mailbox once, in the order of the message.
    #[must_use]
    pub fn recipients(&self) -> &[EnvelopeRecipient] {
        &self.recipients
    }

    /// The `Message-ID` with its angle brackets.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The octets of the whole message, before dot-stuffing, exactly.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.text.size
    }

    /// Whether octets above 127 occur in it (`BODY=8BITMIME`, RFC 6152).
    #[must_use]
    pub fn has_eight_bit(&self) -> bool {
        self.eight_bit
    }

    /// Whether it needs SMTPUTF8 (RFC 6531), and so [`Mailbox::to_path`] its argument `true`.
    ///
    /// Only when the [`Form`](super::Form) allows it and a local part outside ASCII asks for it,
    /// because the servers after this one have to know SMTPUTF8 as well.
    #[must_use]
    pub fn needs_utf8(&self) -> bool {
        self.utf8
    }

    /// Appends the next piece, about 64 KiB at most, to `out`; `Ok(false)` when it was the last.
    ///
    /// Lines end in CRLF, the last one too; dots are not stuffed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FileIo`] when an attached file cannot be read to the end or has another size than before.
    /// Every later call gives the same error: what was read so far must not be sent as a message.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        self.text.read(out, PIECE)
    }

    /// The whole message at once.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn into_bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size()).unwrap_or(0));
        while self.read(&mut bytes)? {}
        Ok(bytes)
    }
}

impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed")
            .field("reverse_path", &self.reverse_path)
            .field("recipients", &self.recipients)
            .field("message_id", &self.message_id)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// A part of the message from one source.
enum Piece {
    /// Ready bytes.
    Ready(Vec<u8>),
    /// Bytes in memory that go out in base64.
    Memory(Arc<[u8]>),
    /// A file that goes out in base64.
    File(FilePiece),
}

struct FilePiece {
    reader: Box<dyn Read + Send>,
    /// What is still to come of the size that the message announced.
    left: u64,
    /// What to call it in an error.
    field: String,
    path: String,
}

/// The text of a message as pieces that are turned into bytes one after another.
#[derive(Default)]
pub(super) struct Text {
    pieces: VecDeque<Piece>,
    size: u64,
    /// How much of the first piece is out.
    done: usize,
    /// File contents on their way; one buffer for all files.
    buffer: Vec<u8>,
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

    pub(super) fn push_file(&mut self, file: OpenedFile, field: String, path: String) {
        self.size += base64::encoded_len(file.size);
        self.pieces.push_back(Piece::File(FilePiece { reader: file.reader, left: file.size, field, path }));
    }

    /// Appends up to about `limit` bytes; whether more follow. Empty pieces do not count: a small message is one call.
    fn read(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<bool, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
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
                Piece::File(file) => match file.read(&mut self.buffer, whole_lines(room), out) {
                    Ok(ended) => ended,
                    Err(error) => {
                        self.failed = Some(error.clone());
                        return Err(error);
                    }
                },
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

impl FilePiece {
    /// Encodes the next `most` bytes; answers whether the file has ended where it should.
    fn read(&mut self, buffer: &mut Vec<u8>, most: usize, out: &mut Vec<u8>) -> Result<bool, Error> {
        let length = usize::try_from(self.left).map_or(most, |left| left.min(most));
        if buffer.len() < length {
            buffer.resize(length, 0);
        }
        if let Err(error) = self.reader.read_exact(&mut buffer[..length]) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => self.changed("shorter"),
                _ => self.error(&format!("cannot read {}", self.path), &error),
            });
        }
        base64::encode_lines(&buffer[..length], out);
        self.left -= length as u64;
        if self.left > 0 {
            return Ok(false);
        }
        let mut more = [0; 1];
        loop {
            match self.reader.read(&mut more) {
                Ok(0) => return Ok(true),
                Ok(_) => return Err(self.changed("longer")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(&format!("cannot read {}", self.path), &error)),
            }
        }
    }

    fn error(&self, what: &str, source: &io::Error) -> Error {
        Error::io(ErrorKind::FileIo, Stage::Data, what, source).with_field(self.field.clone())
    }

    fn changed(&self, how: &str) -> Error {
        let message = format!(
            "{} became {how} while it was being sent, so the message was abandoned; \
             send it again when nothing writes to the file",
            self.path
        );
        Error::new(ErrorKind::FileIo, Stage::Data, message).with_field(self.field.clone())
    }
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
        let file = OpenedFile { reader, size: announced as u64 };
        text.push_file(file, "Attachments[0]".into(), "report.pdf".into());
        text.push_ready(b"--end--\r\n".to_vec());
        text
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
                assert_eq!(text.size, right.len() as u64);
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
