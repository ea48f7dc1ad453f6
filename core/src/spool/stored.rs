//! The bytes of a message in the spool.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{Body, fields::TRAILER, folders};
use crate::{error::Error, os::folder};

/// The bytes of a message. It fails at its end when they are not those that were written.
#[derive(Debug)]
pub struct MessageReader {
    file: File,
    at: u64,
    left: u64,
    crc: u32,
    expected: u32,
}

impl Read for MessageReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let Some(out) = out.get_mut(..most).filter(|out| !out.is_empty()) else { return Ok(0) };
        let length = folder::read_at(&self.file, out, self.at)?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is shorter than its record says",
            ));
        }
        self.crc = crc32c::crc32c_append(self.crc, &out[..length]);
        self.at += length as u64;
        self.left -= length as u64;
        if self.left == 0 && self.crc != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its bytes are not those that were written",
            ));
        }
        Ok(length)
    }
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
    Ok(MessageReader { file, at, left: length, crc: 0, expected })
}
