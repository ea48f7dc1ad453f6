//! Whether two messages are the same.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// What a message that is composed or handed over again has anew, though it is the same.
const LEFT_OUT: [&[u8]; 4] = [b"date", b"message-id", b"dkim-signature", b"received"];

/// A digest of a message (RFC 5322, CRLF line ends) that is the same for the same message submitted again under the same
/// idempotency key: SHA-256 of its octets, without the header fields `Date`, `Message-ID`, `DKIM-Signature` and
/// `Received`.
///
/// # Errors
/// Those of the reader.
pub fn content_digest(mut message: impl Read) -> io::Result<[u8; 32]> {
    let mut digest = ContentDigest::default();
    let mut buffer = [0; 16 * 1024];
    loop {
        match message.read(&mut buffer) {
            Ok(0) => return Ok(digest.finish()),
            Ok(length) => digest.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The same digest, of a message that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct ContentDigest {
    digest: Sha256,
    head: Head,
}

impl ContentDigest {
    /// Takes the next octets.
    pub fn update(&mut self, piece: &[u8]) {
        let body = self.head.push(piece, &mut self.digest);
        self.digest.update(body);
    }

    /// The digest of what was taken.
    #[must_use]
    pub fn finish(mut self) -> [u8; 32] {
        self.head.end_line(&mut self.digest);
        self.digest.finalize().into()
    }
}

/// The head of a message, line by line.
#[derive(Clone, Debug, Default)]
struct Head {
    line: Vec<u8>,
    /// The field of this line is left out.
    skipping: bool,
    over: bool,
}

impl Head {
    /// Takes a piece of the message, and gives back what of it belongs to the body.
    fn push<'a>(&mut self, mut piece: &'a [u8], digest: &mut Sha256) -> &'a [u8] {
        while !self.over
            && let Some(at) = memchr::memchr(b'\n', piece)
        {
            self.line.extend_from_slice(&piece[..=at]);
            piece = &piece[at + 1..];
            self.end_line(digest);
        }
        if self.over {
            return piece;
        }
        self.line.extend_from_slice(piece);
        &[]
    }

    fn end_line(&mut self, digest: &mut Sha256) {
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii_end().is_empty() && !line.is_empty() {
            self.over = true;
            self.skipping = false;
        } else if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
            self.skipping = LEFT_OUT.iter().any(|left_out| name.eq_ignore_ascii_case(left_out));
        }
        if !self.skipping {
            digest.update(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_anew_makes_no_difference() {
        let of = |text: &str| content_digest(text.as_bytes()).unwrap();
        let first = of("Date: 1\r\nSubject: x\r\nMessage-ID:\r\n <a@b>\r\nTo: y\r\n\r\nDate: 1\r\n");
        assert_eq!(first, of("DATE: 2\r\nSubject: x\r\nmessage-id: <c@d>\r\nTo: y\r\n\r\nDate: 1\r\n"));
        assert_eq!(first, of("Subject: x\r\nTo: y\r\nDKIM-Signature: v=1;\r\n\tb=x\r\n\r\nDate: 1\r\n"));
        assert_eq!(first, of("Received: by z with HTTP;\r\n\t1\r\nSubject: x\r\nTo: y\r\n\r\nDate: 1\r\n"));
        for other in [
            "Subject: x\r\nTo: y\r\n\r\nDate: 2\r\n",
            "Subject: x\r\n\r\nTo: y\r\n\r\nDate: 1\r\n",
            "Subject: z\r\nTo: y\r\n\r\nDate: 1\r\n",
            "Subject: x\r\nTo: y\r\n y\r\n\r\nDate: 1\r\n",
            "Subject: x\r\nTo: y\r\n\r\n",
            "",
        ] {
            assert_ne!(first, of(other), "{other:?}");
        }
        assert_eq!(first, Sha256::digest("Subject: x\r\nTo: y\r\n\r\nDate: 1\r\n")[..]);
    }

    /// What a signal interrupts goes on, and what fails has no digest.
    #[test]
    fn the_reader_is_read_to_its_end_or_fails() {
        struct Reader(Vec<io::Result<&'static [u8]>>);
        impl Read for Reader {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let Some(piece) = self.0.pop() else { return Ok(0) };
                piece.map(|piece| {
                    out[..piece.len()].copy_from_slice(piece);
                    piece.len()
                })
            }
        }
        let failed =
            |kind: io::ErrorKind| Reader(vec![Ok(b"\r\nx"), Err(kind.into()), Ok(b"Subject: x\r\n")]);
        let whole = content_digest(&b"Subject: x\r\n\r\nx"[..]).unwrap();
        assert_eq!(content_digest(failed(io::ErrorKind::Interrupted)).unwrap(), whole);
        assert_eq!(content_digest(failed(io::ErrorKind::Other)).unwrap_err().kind(), io::ErrorKind::Other);
    }
}
