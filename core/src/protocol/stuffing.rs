//! Dot-stuffing (RFC 5321 section 4.5.2) that survives any chunk border.
//!
//! A line end is CRLF and nothing else: a bare CR or LF never becomes a line end on the wire, because servers that
//! take it for one can be made to see a second message (SMTP smuggling, CVE-2023-51764). The composer has normalised
//! line ends already; this is the second lock on the same door.

/// Where in a line the last byte stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Position {
    /// At the start of a line.
    #[default]
    Start,
    /// Within a line.
    Middle,
    /// Behind a CR that has been held back.
    Cr,
}

/// Turns message bytes into what stands between `354` and the reply to the final dot.
#[derive(Debug, Default)]
pub struct Stuffer {
    position: Position,
}

impl Stuffer {
    /// Appends `bytes` to `out`, dots at the start of a line doubled, bare CR and bare LF made CRLF.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + 16);
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            match (self.position, first) {
                (Position::Cr, b'\n') => {
                    out.extend_from_slice(b"\r\n");
                    self.position = Position::Start;
                    rest = &rest[1..];
                    continue;
                }
                (Position::Cr, _) => {
                    out.extend_from_slice(b"\r\n");
                    self.position = Position::Start;
                    continue;
                }
                (Position::Start, b'.') => out.push(b'.'),
                _ => {}
            }
            // Everything up to the next line end needs no look at each byte.
            let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..end]);
            if end > 0 {
                self.position = Position::Middle;
            }
            match rest.get(end) {
                None => break,
                Some(b'\r') => self.position = Position::Cr,
                Some(_) => {
                    out.extend_from_slice(b"\r\n");
                    self.position = Position::Start;
                }
            }
            rest = &rest[end + 1..];
        }
    }

    /// Appends the end of the message: the line end where the last one is missing, and the final dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.position != Position::Start {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stuffed(chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut stuffer = Stuffer::default();
        for chunk in chunks {
            stuffer.push(chunk, &mut out);
        }
        stuffer.finish(&mut out);
        out
    }

    /// The receiving side, as RFC 5321 section 4.5.2 describes it.
    fn receive(wire: &[u8]) -> (Vec<u8>, usize) {
        let mut message = Vec::new();
        let mut at = 0;
        loop {
            let end = at + wire[at..].windows(2).position(|w| w == b"\r\n").expect("a line end") + 2;
            let line = &wire[at..end];
            at = end;
            if line == b".\r\n" {
                return (message, at);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    #[test]
    fn known_answers() {
        assert_eq!(stuffed(&[b""]), b".\r\n");
        assert_eq!(stuffed(&[b"a"]), b"a\r\n.\r\n");
        assert_eq!(stuffed(&[b".\r\n..\r\n"]), b"..\r\n...\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\n.\r\nQUIT"]), b"a\r\n..\r\nQUIT\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\r.\rb"]), b"a\r\n..\r\nb\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\r", b"\n", b"."]), b"a\r\n..\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\r"]), b"a\r\n.\r\n");
        assert_eq!(stuffed(&[b"a\r\r\n"]), b"a\r\n\r\n.\r\n");
    }

    proptest! {
        #[test]
        fn the_wire_ends_once_and_gives_the_text_back(
            text in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a')], 0..60),
            cuts in proptest::collection::vec(0usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            cuts.sort_unstable();
            let mut chunks: Vec<&[u8]> = Vec::new();
            let mut last = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                chunks.push(&text[last..cut]);
                last = cut;
            }
            let wire = stuffed(&chunks);
            prop_assert_eq!(&wire, &stuffed(&[&text]));
            let (message, used) = receive(&wire);
            prop_assert_eq!(used, wire.len(), "the end of the message stands at the end, and only there");
            let plain = String::from_utf8(text).unwrap().replace("\r\n", "\n").replace('\r', "\n");
            let plain = if plain.is_empty() || plain.ends_with('\n') { plain } else { plain + "\n" };
            prop_assert_eq!(String::from_utf8(message).unwrap(), plain.replace('\n', "\r\n"));
            let bare = wire.iter().enumerate().any(|(i, b)| match b {
                b'\r' => wire.get(i + 1) != Some(&b'\n'),
                b'\n' => i == 0 || wire[i - 1] != b'\r',
                _ => false,
            });
            prop_assert!(!bare, "no bare CR or LF reaches the wire");
        }
    }
}
