//! Command lines out of a stream of bytes.

use std::collections::VecDeque;

/// Longest command line with its CRLF. RFC 5321 section 4.5.3.1.4 asks for 512, extensions for more (RFC 1870,
/// RFC 6531); this leaves room.
const LONGEST: usize = 2_048;

/// Longest line with AUTH or in its exchange (RFC 4954 section 4).
const LONGEST_AUTH: usize = 12_288;

/// What came instead of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLine {
    /// Longer than the limit; it was skipped to its end.
    TooLong,
    /// It ended with LF alone, or holds CR or NUL.
    BareLineEnd,
    /// It is not UTF-8.
    NotUtf8,
    /// Any of these, and it begins as BDAT does: how many of the next octets are no commands is not known.
    LostCount,
}

/// Splits what arrives into lines; never holds more than a line that is too long and what was put in at once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: VecDeque<u8>,
    /// How many bytes of `bytes` are known to hold no LF.
    searched: usize,
    /// The rest of a line that was too long is being skipped; that is what it was.
    skipping: Option<BadLine>,
}

impl Lines {
    /// Takes what arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Takes everything that has not been read as a line: the message begins there.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        self.searched = 0;
        std::mem::take(&mut self.bytes).into()
    }

    /// The next line without its CRLF; `None` until it is complete. `auth` allows the longer lines of AUTH.
    pub(super) fn next(&mut self, auth: bool) -> Option<Result<String, BadLine>> {
        let Some(end) = self.bytes.iter().skip(self.searched).position(|&b| b == b'\n') else {
            self.searched = self.bytes.len();
            if self.skipping.is_some() || self.searched > LONGEST_AUTH {
                // What the line was is known: keep none of it.
                let line = self.take_rest();
                self.skipping.get_or_insert_with(|| BadLine::TooLong.of(&line));
            }
            return None;
        };
        let mut line: Vec<u8> = self.bytes.drain(..=self.searched + end).collect();
        self.searched = 0;
        if let Some(bad) = self.skipping.take() {
            return Some(Err(bad));
        }
        let is_auth = auth || line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH "));
        if line.len() > if is_auth { LONGEST_AUTH } else { LONGEST } {
            return Some(Err(BadLine::TooLong.of(&line)));
        }
        if !line.ends_with(b"\r\n") {
            return Some(Err(BadLine::BareLineEnd.of(&line)));
        }
        line.truncate(line.len() - 2);
        if line.iter().any(|b| matches!(b, b'\r' | 0)) {
            return Some(Err(BadLine::BareLineEnd.of(&line)));
        }
        Some(String::from_utf8(line).map_err(|error| BadLine::NotUtf8.of(error.as_bytes())))
    }
}

impl BadLine {
    /// What this fault is of that line.
    fn of(self, line: &[u8]) -> Self {
        let verb = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"));
        if verb { Self::LostCount } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], piece: usize) -> Vec<Result<String, BadLine>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for bytes in input.chunks(piece) {
            lines.push(bytes);
            found.extend(std::iter::from_fn(|| lines.next(false)));
        }
        found
    }

    #[test]
    fn lines_whole_and_byte_by_byte() {
        let long = [vec![b'x'; LONGEST], b"\r\n".to_vec()].concat();
        let endless = [vec![b'x'; 3 * LONGEST_AUTH], b"\r\n".to_vec()].concat();
        let token = [b"AUTH PLAIN ".to_vec(), vec![b'x'; LONGEST], b"\r\n".to_vec()].concat();
        let input =
            [&b"NOOP\r\nQU\nIT\r\n"[..], &long, &endless, &token, b"a\rb\r\n\xff\r\n\r\nrest"].concat();
        for piece in [1, 7, input.len()] {
            let found = all(&input, piece);
            assert_eq!(found[0], Ok("NOOP".to_owned()));
            assert_eq!(found[1], Err(BadLine::BareLineEnd));
            assert_eq!(found[2], Ok("IT".to_owned()));
            assert_eq!(found[3..5], [Err(BadLine::TooLong), Err(BadLine::TooLong)]);
            assert_eq!(found[5].as_ref().map(String::len), Ok(11 + LONGEST));
            assert_eq!(found[6..], [Err(BadLine::BareLineEnd), Err(BadLine::NotUtf8), Ok(String::new())]);
        }
    }

    /// Whoever sent the length takes what follows for a chunk, and here it would be commands.
    #[test]
    fn the_length_of_a_chunk_is_lost_with_its_line() {
        let long = [b"bdat 5 ".to_vec(), vec![b' '; 2 * LONGEST_AUTH]].concat();
        for line in [
            b"BDAT 5\0\r\n".to_vec(),
            b"BDAT 5\n".to_vec(),
            b"BDAT \xff\r\n".to_vec(),
            [&long, &b"\r\n"[..]].concat(),
        ] {
            for piece in [1, 1_000, line.len()] {
                assert_eq!(all(&line, piece), [Err(BadLine::LostCount)]);
            }
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.push(&[b'x'; 4_096]);
            assert_eq!(lines.next(true), None);
            assert!(lines.bytes.len() <= LONGEST_AUTH);
        }
        lines.push(b"\r\nNOOP\r\n");
        assert_eq!(lines.next(true), Some(Err(BadLine::TooLong)));
        assert_eq!(lines.next(true), Some(Ok("NOOP".to_owned())));
    }
}
