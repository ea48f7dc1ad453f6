//! Bytes of a whole message on their way: line ends of any kind become CRLF, and what servers refuse is noticed.

use memchr::{memchr, memchr2};

use super::header::HARD_LIMIT;

/// What is known of a text after it has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Octets after normalising.
    pub(super) octets: u64,
    /// Octets above 127 occur.
    pub(super) eight_bit: bool,
    /// The first line over the hard limit, counted from 1.
    pub(super) long_line: Option<u64>,
    /// The first line that holds a NUL, counted from 1.
    pub(super) nul_line: Option<u64>,
    /// A CR or LF stood by itself.
    pub(super) bare: bool,
    /// The last line had no end.
    pub(super) unfinished: bool,
}

impl Facts {
    /// Whether it came as lines that every session carries, the end of the last one aside.
    pub(super) fn are_lines(self) -> bool {
        self.long_line.is_none() && self.nul_line.is_none() && !self.bare
    }
}

/// A normaliser that survives any border between pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    after_cr: bool,
    /// Octets in the current line.
    column: usize,
    /// Lines that have ended.
    ended: u64,
    facts: Facts,
}

impl Lines {
    /// Appends `bytes` to `out`, every CR, LF and CRLF as CRLF.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) {
                if first == b'\n' {
                    rest = &rest[1..];
                    continue;
                }
                self.facts.bare = true;
            }
            let Some(at) = memchr2(b'\r', b'\n', rest) else {
                self.text(rest, out);
                break;
            };
            self.text(&rest[..at], out);
            self.after_cr = rest[at] == b'\r';
            self.facts.bare |= !self.after_cr;
            self.end_line(out);
            rest = &rest[at + 1..];
        }
        self.facts.octets += (out.len() - start) as u64;
    }

    /// Ends the last line if it has no end.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Facts {
        if self.column > 0 {
            self.end_line(out);
            self.facts.octets += 2;
            self.facts.unfinished = true;
        }
        self.facts.bare |= self.after_cr;
        self.facts
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.column += text.len();
        let line = self.ended + 1;
        if self.column > HARD_LIMIT {
            self.facts.long_line.get_or_insert(line);
        }
        if memchr(0, text).is_some() {
            self.facts.nul_line.get_or_insert(line);
        }
        self.facts.eight_bit |= !text.is_ascii();
        out.extend_from_slice(text);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.ended += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalised(pieces: &[&[u8]]) -> (Vec<u8>, Facts) {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        pieces.iter().for_each(|piece| lines.push(piece, &mut out));
        let facts = lines.finish(&mut out);
        (out, facts)
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        for (text, right) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\nb\rc\r\nd", "a\r\nb\r\nc\r\nd\r\n"),
            ("\r\r\n\n", "\r\n\r\n\r\n"),
            ("\n.\n\r.\r\n", "\r\n.\r\n\r\n.\r\n"),
        ] {
            assert_eq!(normalised(&[text.as_bytes()]).0, right.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn what_servers_refuse_is_noticed_with_its_line() {
        let long = format!("a\n{}\n", "x".repeat(999));
        assert_eq!(normalised(&[long.as_bytes()]).1.long_line, Some(2));
        assert_eq!(normalised(&["x".repeat(998).as_bytes()]).1.long_line, None);
        assert_eq!(normalised(&[b"a\r\n\r\n\0"]).1.nul_line, Some(3));
        assert!(normalised(&["ü".as_bytes()]).1.eight_bit);
        for (text, bare, unfinished) in [
            ("", false, false),
            ("a\r\n", false, false),
            ("a", false, true),
            ("a\n", true, false),
            ("a\r", true, false),
            ("a\rb\r\n", true, false),
            ("\r\r\n", true, false),
        ] {
            let facts = normalised(&[text.as_bytes()]).1;
            assert_eq!((facts.bare, facts.unfinished), (bare, unfinished), "{text:?}");
        }
        assert_eq!(normalised(&[b"abc\r\n"]).1, Facts { octets: 5, ..Facts::default() });
    }

    proptest! {
        #[test]
        fn borders_between_pieces_do_not_matter(text in "[ab\r\n\0ü]{0,40}", step in 1usize..5) {
            let whole = normalised(&[text.as_bytes()]);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(step).collect();
            prop_assert_eq!(&normalised(&pieces), &whole);
            prop_assert_eq!(whole.0.len() as u64, whole.1.octets);
            let joined = String::from_utf8(whole.0).unwrap();
            prop_assert!(!joined.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}
