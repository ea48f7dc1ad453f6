//! Quoted-printable for bodies (RFC 2045 section 6.7).

/// A line has at most so many characters, the `=` of a soft line end included.
const LONGEST_LINE: usize = 76;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What stands for itself, at the end of a line too.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'=';
        byte += 1;
    }
    plain
};

/// Appends `=XX`.
pub(super) fn escape(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&escaped(byte));
}

fn escaped(byte: u8) -> [u8; 3] {
    [b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// Appends `text`, whose CRLFs stay line ends; any other CR or LF is escaped, so every byte comes back.
///
/// White space at the end of a line is escaped, because servers may remove it. The last line has room for the `=` of a soft
/// line end, which a message needs that does not end with a line end of its own.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    Encoder::default().push(text, true, out);
}

/// How long `text` would be.
pub(super) fn encoded_len(text: &[u8]) -> u64 {
    let mut length = 0;
    Encoder::default().push(text, true, &mut length);
    length
}

/// Where encoded text goes.
pub(super) trait Sink {
    /// Takes the next octets.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Only counts.
impl Sink for u64 {
    fn put(&mut self, bytes: &[u8]) {
        *self += bytes.len() as u64;
    }
}

/// Encodes bytes that come in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encoder {
    /// Characters in the current line.
    column: usize,
    /// No line end is one: CR and LF are octets like others, as `=0D=0A`.
    binary: bool,
}

impl Encoder {
    /// For bytes that are no text (RFC 2045 section 6.7, note on binary data).
    pub(super) fn binary() -> Self {
        Self { binary: true, ..Self::default() }
    }

    /// Whether the line ends here; `None` when what comes next decides.
    fn ends_line(&self, after: &[u8], last: bool) -> Option<bool> {
        match after {
            [b'\r', b'\n', ..] if !self.binary => Some(true),
            [] if last => Some(true),
            [] => None,
            [b'\r'] if !last && !self.binary => None,
            _ => Some(false),
        }
    }

    /// Encodes `bytes` and answers how many were taken: all of them when they are the `last`, else all but the one or
    /// two whose form depends on what follows; those must stand at the beginning of the next call.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool, out: &mut impl Sink) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let run = run(rest);
            let (text, after) = rest.split_at(run);
            let Some(ends_line) = self.ends_line(after, last) else {
                // The run may be the end of its line; then its last character counts differently.
                let sure = run.saturating_sub(1);
                self.text(&text[..sure], out);
                return bytes.len() - (rest.len() - sure);
            };
            match text.split_last() {
                Some((&end, most)) if ends_line => {
                    self.text(most, out);
                    let room = LONGEST_LINE - usize::from(after.is_empty());
                    if PLAIN[usize::from(end)] {
                        self.one(&[end], room, out);
                    } else {
                        self.one(&escaped(end), room, out);
                    }
                }
                _ => self.text(text, out),
            }
            rest = after;
            if rest.starts_with(b"\r\n") && !self.binary {
                out.put(b"\r\n");
                self.column = 0;
                rest = &rest[2..];
            } else if let Some((&byte, behind)) = rest.split_first() {
                let Some(ends_line) = self.ends_line(behind, last) else { break };
                self.one(&escaped(byte), LONGEST_LINE - usize::from(!ends_line || behind.is_empty()), out);
                rest = behind;
            }
        }
        bytes.len() - rest.len()
    }

    /// Characters that stand for themselves, none of them the last of its line.
    fn text(&mut self, mut text: &[u8], out: &mut impl Sink) {
        while !text.is_empty() {
            if self.column >= LONGEST_LINE - 1 {
                self.soft_line_end(out);
            }
            let (now, later) = text.split_at(text.len().min(LONGEST_LINE - 1 - self.column));
            out.put(now);
            self.column += now.len();
            text = later;
        }
    }

    /// One character in its form, which must end by column `most`.
    fn one(&mut self, form: &[u8], most: usize, out: &mut impl Sink) {
        if self.column + form.len() > most {
            self.soft_line_end(out);
        }
        out.put(form);
        self.column += form.len();
    }

    /// A line end that is not part of the text.
    fn soft_line_end(&mut self, out: &mut impl Sink) {
        out.put(b"=\r\n");
        self.column = 0;
    }
}

/// How many characters at the beginning stand for themselves, if no line ends behind them.
fn run(bytes: &[u8]) -> usize {
    /// So many are looked at in one instruction or two.
    const BLOCK: usize = 16;
    let simple = |b: u8| b.wrapping_sub(b' ') < 95 && b != b'=';
    let blocks =
        bytes.chunks_exact(BLOCK).take_while(|block| block.iter().fold(true, |all, &b| all & simple(b)));
    let start = blocks.count() * BLOCK;
    start + bytes[start..].iter().take_while(|&&b| simple(b) || b == b'\t').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::body::to_crlf;

    fn encoded(text: &str) -> String {
        let mut out = Vec::new();
        encode(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn decoded(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let joined = text.replace("=\r\n", "");
        let mut bytes = joined.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'=' {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        out
    }

    #[test]
    fn known_answers() {
        assert_eq!(encoded("a=b\r\n"), "a=3Db\r\n");
        assert_eq!(encoded("ü"), "=C3=BC");
        assert_eq!(encoded("end \r\n\tend\t"), "end=20\r\n\tend=09");
        assert_eq!(encoded("a\0\u{7f}"), "a=00=7F");
        assert_eq!(encoded("\r\n.\r\n"), "\r\n.\r\n");
        let mut bytes = Vec::new();
        Encoder::binary().push(b"a \r\nb\n=", true, &mut bytes);
        assert_eq!(bytes, b"a =0D=0Ab=0A=3D");
    }

    #[test]
    fn lines_are_full_and_not_too_long() {
        assert_eq!(encoded(&"x".repeat(75)), "x".repeat(75));
        assert_eq!(encoded(&format!("{}\r\n", "x".repeat(76))), format!("{}\r\n", "x".repeat(76)));
        assert_eq!(encoded(&"x".repeat(77)), format!("{}=\r\nxx", "x".repeat(75)));
        assert_eq!(encoded(&format!("{}\r\ny", "x".repeat(76))), format!("{}\r\ny", "x".repeat(76)));
    }

    #[test]
    fn the_last_line_has_room_for_a_soft_line_end() {
        assert_eq!(encoded(&"x".repeat(76)), format!("{}=\r\nx", "x".repeat(75)));
        assert_eq!(encoded(&format!("{} ", "x".repeat(73))), format!("{}=\r\n=20", "x".repeat(73)));
        assert_eq!(encoded(&format!("{}=", "x".repeat(72))), format!("{}=3D", "x".repeat(72)));
        assert_eq!(encoded(&format!("{}=", "x".repeat(73))), format!("{}=\r\n=3D", "x".repeat(73)));
    }

    #[test]
    fn a_border_between_pieces_changes_nothing() {
        for text in [
            "ab \r\ncd\t\r\n",
            "=\r\n=\r\r\n",
            " \r \n ",
            &format!("{}\r\n{} \r\n", "x".repeat(76), "y".repeat(73)),
        ] {
            for new in [Encoder::default, Encoder::binary] {
                let mut whole = Vec::new();
                new().push(text.as_bytes(), true, &mut whole);
                for at in 0..text.len() {
                    let (mut encoder, mut joined) = (new(), Vec::new());
                    let taken = encoder.push(&text.as_bytes()[..at], false, &mut joined);
                    encoder.push(&text.as_bytes()[taken..], true, &mut joined);
                    assert_eq!(joined.escape_ascii().to_string(), whole.escape_ascii().to_string(), "{at}");
                }
            }
        }
    }

    proptest! {
        /// Any bytes come back, whatever the borders between the pieces, and the length was known before.
        #[test]
        fn pieces_join_and_every_byte_comes_back(
            text in "(\\PC|[ \t=.]|\r\n|\r|\n|x{70,90}){0,40}", step in 1usize..90, binary: bool,
        ) {
            let new = if binary { Encoder::binary } else { Encoder::default };
            let (mut whole, mut length) = (Vec::new(), 0);
            new().push(text.as_bytes(), true, &mut whole);
            new().push(text.as_bytes(), true, &mut length);
            prop_assert_eq!(length, whole.len() as u64);
            let (mut encoder, mut joined, mut held) = (new(), Vec::new(), Vec::new());
            for piece in text.as_bytes().chunks(step) {
                held.extend_from_slice(piece);
                let taken = encoder.push(&held, false, &mut joined);
                held.drain(..taken);
                prop_assert!(held.len() <= 2);
            }
            encoder.push(&held, true, &mut joined);
            prop_assert_eq!(&joined, &whole);
            prop_assert_eq!(decoded(std::str::from_utf8(&whole).unwrap()), text.as_bytes());
            prop_assert!(whole.split(|&b| b == b'\n').all(|line| line.len() <= 77));
        }

        #[test]
        fn decodes_to_the_same(text in "(\\PC|[ \t=.\r\n]|x{70,90}){0,60}") {
            let text = to_crlf(&text).into_owned();
            let out = encoded(&text);
            prop_assert!(out.split("\r\n").all(|line| line.len() <= 76 && !line.ends_with([' ', '\t'])), "{out}");
            prop_assert!(out.rsplit("\r\n").next().is_none_or(|line| line.len() <= 75), "{out}");
            prop_assert!(out.bytes().all(|b| (b' '..=b'~').contains(&b) || b"\r\n\t".contains(&b)));
            prop_assert_eq!(decoded(&out), text.into_bytes());
        }
    }
}
