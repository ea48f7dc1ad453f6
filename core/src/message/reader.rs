//! A file or a stream on its way into a message: encoded as it is read, and only if it is what was promised.

use std::io::{self, Read};

use super::{
    Stream,
    encoding::{Encoder, Encoding},
    lines::Lines,
    survey::Shape,
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// Where bytes come from, and what is known of them.
pub(super) struct Reader {
    pub(super) input: Input,
    /// How many there are, where it is known.
    pub(super) size: Option<u64>,
    /// The property that holds it.
    pub(super) field: String,
    /// What to call it in an error.
    pub(super) name: String,
}

/// Where a reader comes from.
pub(super) enum Input {
    Open(Box<dyn Read + Send>),
    /// Taken when its first byte is needed: until then the message can be composed again.
    Stream(Stream),
}

/// How the bytes of a reader travel.
pub(super) enum How {
    /// In an encoding.
    Encoded(Encoded),
    /// As lines of a message, of which the first `skip` octets are out already, and that must give `octets` in all.
    Lines { lines: Lines, skip: u64, octets: u64 },
    /// As they are, without the first `skip`, which are out already.
    Exact { skip: u64 },
}

/// An encoding, and what must be true of the bytes for it.
pub(super) struct Encoded {
    encoder: Encoder,
    /// The octets that it must give, where they depend on the content.
    octets: Option<u64>,
    /// What travels as lines must be lines, and ASCII unless octets above 127 may occur.
    shape: Option<(Shape, bool)>,
    /// Bytes that were read and wait for those behind them.
    held: Vec<u8>,
}

impl How {
    /// In an encoding that gives so many octets.
    pub(super) fn encoded(encoding: Encoding, octets: Option<u64>) -> Self {
        let lines = matches!(encoding, Encoding::SevenBit | Encoding::EightBit);
        Self::Encoded(Encoded {
            encoder: encoding.encoder(),
            octets: octets.filter(|_| matches!(encoding, Encoding::QuotedPrintable | Encoding::QuotedBytes)),
            shape: lines.then(|| (Shape::default(), encoding.is_eight_bit())),
            held: Vec::new(),
        })
    }
}

/// A reader that is being read.
pub(super) struct Reading {
    reader: Reader,
    how: How,
    /// What is still to come of the size that was announced.
    left: Option<u64>,
}

impl Reading {
    pub(super) fn new(reader: Reader, how: How) -> Self {
        Self { left: reader.size, reader, how }
    }

    /// Whether it leaves open how many octets it gives.
    pub(super) fn is_open_ended(&self) -> bool {
        self.left.is_none()
    }

    /// The property that holds a stream, which can be read once.
    pub(super) fn stream(&self) -> Option<&str> {
        matches!(self.reader.input, Input::Stream(_)).then_some(self.reader.field.as_str())
    }

    /// Appends the next octets, about `room` of them; answers whether the reader has ended, and where it should.
    pub(super) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let (most, held) = match &mut self.how {
            How::Encoded(encoded) => (encoded.encoder.bytes_for(room), std::mem::take(&mut encoded.held)),
            How::Lines { .. } | How::Exact { .. } => (room.max(1), Vec::new()),
        };
        let length = match self.left {
            Some(left) => usize::try_from(left).map_or(most, |left| left.min(most)),
            None => most,
        };
        let end = held.len() + length;
        if buffer.len() < end {
            buffer.resize(end, 0);
        }
        buffer[..held.len()].copy_from_slice(&held);
        let got = self.fill(&mut buffer[held.len()..end])?;
        let ended = match &mut self.left {
            None => got < length,
            Some(_) if got < length => return Err(self.changed("shorter")),
            Some(left) => {
                *left -= got as u64;
                *left == 0
            }
        };
        if ended && self.left.is_some() && self.fill(&mut [0; 1])? > 0 {
            return Err(self.changed("longer"));
        }
        if self.how.write(&buffer[..held.len() + got], held.len(), ended, out) {
            Ok(ended)
        } else {
            Err(self.changed("different"))
        }
    }

    /// Reads until `buffer` is full or the reader ends.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let Reader { input, field, name, .. } = &mut self.reader;
        if let Input::Stream(stream) = input {
            *input = Input::Open(stream.take().ok_or_else(|| used(field))?);
        }
        let mut got = 0;
        while let (Input::Open(reader), true) = (&mut *input, got < buffer.len()) {
            match reader.read(&mut buffer[got..]) {
                Ok(0) => break,
                Ok(length) => got += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = format!("cannot read {name}");
                    let error = Error::io(ErrorKind::FileIo, Stage::Data, what, &error);
                    return Err(error.with_field(field.clone()).with_failure(Failure::FileFailed));
                }
            }
        }
        Ok(got)
    }

    fn changed(&self, how: &str) -> Error {
        changed(&self.reader.name, how).with_field(self.reader.field.clone())
    }
}

impl How {
    /// Appends the form of `bytes`, of which the first `held` have been here before; whether they are what was promised.
    fn write(&mut self, bytes: &[u8], held: usize, ended: bool, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        match self {
            Self::Encoded(encoded) => {
                if let Some((shape, eight_bit)) = &mut encoded.shape {
                    shape.push(&bytes[held..]);
                    if !shape.may_be_lines(*eight_bit) || (ended && !shape.are_lines(*eight_bit)) {
                        return false;
                    }
                }
                let taken = encoded.encoder.push(bytes, ended, out);
                encoded.held.extend_from_slice(&bytes[taken..]);
                let Some(left) = &mut encoded.octets else { return true };
                let given = (out.len() - start) as u64;
                let right = given <= *left && (!ended || given == *left);
                *left = left.saturating_sub(given);
                right
            }
            Self::Lines { lines, skip, octets } => {
                lines.push(bytes, out);
                let whole = !ended || lines.finish(out).octets == *octets;
                drop_first(out, start, skip);
                whole
            }
            Self::Exact { skip } => {
                out.extend_from_slice(bytes);
                drop_first(out, start, skip);
                true
            }
        }
    }
}

/// Takes the first `skip` octets behind `start` away, as far as they are there.
fn drop_first(out: &mut Vec<u8>, start: usize, skip: &mut u64) {
    let skipped = usize::try_from(*skip).map_or(out.len(), |skip| (start + skip).min(out.len()));
    out.drain(start..skipped);
    *skip -= (skipped - start) as u64;
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
