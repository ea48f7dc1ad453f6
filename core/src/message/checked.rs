//! Bytes that were written before, and come with what proves that they are the same.

use std::{
    io::{self, Read},
    path::PathBuf,
};

/// A file whose length and checksum are known since it was written, as in the spool's `bodies/`.
///
/// Reading it ends with an error when the disk gives other bytes, and the last of them is then not given: so no server
/// comes to hear the end of a message that was damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its octets.
    pub size: u64,
    /// CRC-32C (Castagnoli) of its octets.
    pub crc32c: u32,
}

impl CheckedFile {
    /// What `reader` gives of it, checked; `size` is that of the file as it is now.
    pub(super) fn check<R: Read>(&self, reader: R, size: u64) -> io::Result<Checked<R>> {
        if size != self.size {
            let text = format!("it was damaged: it has {size} octets, and {} were written", self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Checked::new(reader, self.size, self.crc32c))
    }
}

/// A reader of so many bytes with a checksum. It fails in place of giving the last of them when they are others.
#[derive(Debug)]
pub(crate) struct Checked<R> {
    reader: R,
    left: u64,
    crc: u32,
    expected: u32,
}

impl<R> Checked<R> {
    /// The next `size` bytes of the reader, which have the CRC-32C `expected`.
    pub(crate) fn new(reader: R, size: u64, expected: u32) -> Self {
        Self { reader, left: size, crc: 0, expected }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            // Nothing is expected; the reader may still know that what it gave has changed meanwhile.
            return self.reader.read(&mut out[..1]).map(|_| 0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(out.len());
        let out = &mut out[..most];
        let length = self.reader.read(out)?;
        if length == 0 {
            let text = "it was damaged: it is shorter than what was written";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.crc = crc32c::crc32c_append(self.crc, &out[..length]);
        self.left -= length as u64;
        if self.left == 0 && self.crc != self.expected {
            let text = "it was damaged: its bytes are not those that were written";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, path::Path};

    use super::*;
    use crate::{
        ErrorKind,
        message::{Content, Date, EmailMessage, Files, Form, OpenedFile, Stamp},
    };

    /// A disk on which a bit flips after so many reads of the whole file.
    struct Failing {
        bytes: Vec<u8>,
        flip_at: usize,
        good: Cell<usize>,
    }

    impl Files for Failing {
        fn open(&self, _path: &Path) -> io::Result<OpenedFile> {
            let mut bytes = self.bytes.clone();
            match self.good.get() {
                0 => bytes[self.flip_at] ^= 1,
                left => self.good.set(left - 1),
            }
            let size = bytes.len() as u64;
            Ok(OpenedFile { reader: Box::new(io::Cursor::new(bytes)), size })
        }
    }

    #[test]
    fn what_is_given_is_what_was_written_or_ends_before_its_end() {
        let bytes: Vec<u8> = (0..200_u8).collect();
        let crc = crc32c::crc32c(&bytes);
        for flip in [None, Some(0_usize), Some(100), Some(199)] {
            let mut found = bytes.clone();
            if let Some(at) = flip {
                found[at] ^= 0x10;
            }
            let mut out = Vec::new();
            let read = Checked::new(&found[..], 200, crc).read_to_end(&mut out);
            match flip {
                None => assert_eq!((read.unwrap(), out), (200, found)),
                Some(_) => {
                    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
                    assert!(out.len() < 200);
                }
            }
        }
        let mut cut = Checked::new(&bytes[..199], 200, crc);
        assert_eq!(cut.read_to_end(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // What follows in the same file is not given.
        let mut out = Vec::new();
        Checked::new(&bytes[..], 50, crc32c::crc32c(&bytes[..50])).read_to_end(&mut out).unwrap();
        assert_eq!(out, &bytes[..50]);
    }

    #[test]
    fn a_message_that_is_damaged_has_no_end() {
        let text = format!("From: a@b.example\r\nSubject: x\r\n\r\n{}", "Hello, hello\r\n".repeat(20_000));
        let file = CheckedFile {
            path: "long.eml".into(),
            size: text.len() as u64,
            crc32c: crc32c::crc32c(text.as_bytes()),
        };
        let mut message = EmailMessage::raw(Content::Checked(file));
        message.add_recipient("c@d.example");
        let stamp = Stamp { date: Date::utc(0), random: [0; 24], host: String::new() };
        // Of the head, of an address in it, the line that ends it, the last octet.
        for flip_at in [0, 7, 32, 200, text.len() - 1] {
            for good in 0..2 {
                let disk = Failing { bytes: text.clone().into_bytes(), flip_at, good: Cell::new(good) };
                let mut out = Vec::new();
                let sent = message.compose(&stamp, &disk, Form::default()).and_then(|mut composed| {
                    while composed.read(&mut out)? {}
                    Ok(())
                });
                let error = sent.unwrap_err();
                assert_eq!(
                    (error.kind(), error.io_kind()),
                    (ErrorKind::FileIo, Some(io::ErrorKind::InvalidData))
                );
                assert!(out.len() < text.len(), "{flip_at}");
            }
        }
        let disk = Failing { bytes: text.clone().into_bytes(), flip_at: 0, good: Cell::new(9) };
        let whole = message.compose(&stamp, &disk, Form::default()).unwrap().into_bytes().unwrap();
        assert_eq!(whole, text.as_bytes());
    }
}
