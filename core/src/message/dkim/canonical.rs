//! What is hashed: the canonical form of headers and body (RFC 6376 section 3.4), in pieces of any size.

use memchr::memchr3;

/// How much a server may change on the way without breaking a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Canonicalization {
    /// Nothing but empty lines at the end of the body.
    Simple = 0,
    /// White space, and the case of header names.
    #[default]
    Relaxed = 1,
}

super::super::numbered!(Canonicalization { Simple = "Simple", Relaxed = "Relaxed", });

impl Canonicalization {
    /// As the `c=` tag names it.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }

    /// Appends a header field, given with its line ends, ending in CRLF.
    pub(super) fn header(self, field: &[u8], out: &mut Vec<u8>) {
        if self == Self::Simple {
            out.extend_from_slice(field);
            return;
        }
        let colon = memchr::memchr(b':', field).unwrap_or(field.len());
        let (name, value) = field.split_at(colon);
        out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
        out.push(b':');
        let mut first = true;
        let words = value.get(1..).unwrap_or_default().split(|b| b" \t\r\n".contains(b));
        for word in words.filter(|word| !word.is_empty()) {
            if !std::mem::take(&mut first) {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The canonical form of a body on its way; lines come in ended by CRLF.
#[derive(Clone, Debug)]
pub(super) struct Body {
    relaxed: bool,
    /// Line ends that count only if a line with something in it follows.
    line_ends: u64,
    /// White space that counts only if something follows on its line.
    space: bool,
    empty: bool,
}

impl Body {
    pub(super) fn new(form: Canonicalization) -> Self {
        Self { relaxed: form == Canonicalization::Relaxed, line_ends: 0, space: false, empty: true }
    }

    /// Gives the canonical form of the next piece to `hash`.
    pub(super) fn push(&mut self, piece: &[u8], hash: &mut impl FnMut(&[u8])) {
        let mut rest = piece;
        while !rest.is_empty() {
            let plain = if self.relaxed {
                memchr3(b'\n', b' ', b'\t', rest).unwrap_or(rest.len())
            } else {
                memchr::memchr(b'\n', rest).unwrap_or(rest.len())
            };
            // Every CR stands before its LF, maybe in the next piece.
            let text = rest[..plain].strip_suffix(b"\r").unwrap_or(&rest[..plain]);
            if !text.is_empty() {
                self.give_pending(hash);
                hash(text);
            }
            match rest.get(plain) {
                Some(b'\n') => {
                    self.space = false;
                    self.line_ends += 1;
                }
                Some(_) => self.space = true,
                None => {}
            }
            rest = rest.get(plain + 1..).unwrap_or_default();
        }
    }

    fn give_pending(&mut self, hash: &mut impl FnMut(&[u8])) {
        while self.line_ends > 0 {
            hash(b"\r\n");
            self.line_ends -= 1;
        }
        if std::mem::take(&mut self.space) {
            hash(b" ");
        }
        self.empty = false;
    }

    /// Ends the body: empty lines at the end do not count.
    pub(super) fn finish(self, hash: &mut impl FnMut(&[u8])) {
        if !(self.empty && self.relaxed) {
            hash(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(form: Canonicalization, text: &str, step: usize) -> String {
        let (mut body, mut out) = (Body::new(form), Vec::new());
        for piece in text.as_bytes().chunks(step) {
            body.push(piece, &mut |bytes| out.extend_from_slice(bytes));
        }
        body.finish(&mut |bytes| out.extend_from_slice(bytes));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_examples_of_rfc_6376_section_3_4_5() {
        use Canonicalization::{Relaxed, Simple};
        let text = " C \r\nD \t E\r\n\r\n\r\n";
        for step in 1..text.len() {
            assert_eq!(body(Relaxed, text, step), " C\r\nD E\r\n");
            assert_eq!(body(Simple, text, step), " C \r\nD \t E\r\n");
        }
        let (mut relaxed, mut simple) = (Vec::new(), Vec::new());
        for field in [&b"A: X\r\n"[..], b"B : Y\t\r\n\tZ  \r\n"] {
            Relaxed.header(field, &mut relaxed);
            Simple.header(field, &mut simple);
        }
        assert_eq!(relaxed, b"a:X\r\nb:Y Z\r\n");
        assert_eq!(simple, b"A: X\r\nB : Y\t\r\n\tZ  \r\n");
    }

    #[test]
    fn empty_bodies() {
        for text in ["", "\r\n", "\r\n\r\n"] {
            assert_eq!(body(Canonicalization::Simple, text, 1), "\r\n", "{text:?}");
            assert_eq!(body(Canonicalization::Relaxed, text, 1), "", "{text:?}");
        }
        assert_eq!(body(Canonicalization::Relaxed, " \t\r\n \r\n", 1), "");
        assert_eq!(body(Canonicalization::Simple, "a", 1), "a\r\n");
    }

    proptest! {
        /// The rules of section 3.4.4 word by word.
        #[test]
        fn relaxed_is_what_the_rules_say(lines in proptest::collection::vec("[a \t]{0,6}", 0..6), step in 1usize..9) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut right: Vec<String> = lines
                .iter()
                .map(|line| {
                    let words = line.replace('\t', " ");
                    let mut one = String::new();
                    words.chars().for_each(|c| if !(c == ' ' && one.ends_with(' ')) { one.push(c) });
                    one.trim_end().to_owned()
                })
                .collect();
            while right.last().is_some_and(String::is_empty) {
                right.pop();
            }
            let right: String = right.iter().map(|line| format!("{line}\r\n")).collect();
            prop_assert_eq!(body(Canonicalization::Relaxed, &text, step), right);
        }
    }
}
