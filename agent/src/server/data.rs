//! The bytes after DATA: where they end, and dot-unstuffing (RFC 5321 section 4.5.2).

/// Longest line of a message, without its CRLF (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// Why a message is refused for its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A CR or LF that is not part of CRLF (RFC 5321 section 2.3.8).
    BareLineEnd,
    /// A line of more than 998 octets.
    LongLine,
}

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// The first of a line.
    #[default]
    LineStart,
    /// After a dot that began the line.
    Dot,
    /// After a dot that began the line, and CR.
    DotCr,
    /// Somewhere in a line.
    Middle,
    /// After a CR.
    Cr,
}

/// Reads a message up to its end, over any borders of the pieces it comes in.
#[derive(Debug, Default)]
pub(super) struct DataReader {
    /// Dots mean nothing: the message comes in chunks.
    chunked: bool,
    at: At,
    line: usize,
    size: u64,
    fault: Option<Fault>,
}

impl DataReader {
    /// Reads chunks (RFC 3030), which end where their length says.
    pub(super) fn chunked() -> Self {
        Self { chunked: true, ..Self::default() }
    }

    /// Whether the last chunk ended in the middle of a line end.
    pub(super) fn is_within_line_end(&self) -> bool {
        self.at == At::Cr
    }

    /// Bytes of the message so far, without stuffed dots and without the end.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The first fault found.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Appends what belongs to the message to `out`. Once the end was there: how many bytes of `input` were used.
    pub(super) fn read(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        for (index, &byte) in input.iter().enumerate() {
            self.at = match (self.at, byte) {
                (At::DotCr, b'\n') => return Some(index + 1),
                (At::LineStart, b'.') if !self.chunked => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                (At::DotCr, _) => {
                    // The line is a dot that was stuffed nowhere, and a CR that ends nothing.
                    self.put(b'\r', out);
                    self.after_cr(byte, out)
                }
                (At::Cr, _) => self.after_cr(byte, out),
                (At::LineStart | At::Dot | At::Middle, _) => self.in_line(byte, out),
            };
        }
        None
    }

    fn in_line(&mut self, byte: u8, out: &mut Vec<u8>) -> At {
        self.put(byte, out);
        match byte {
            b'\r' => At::Cr,
            b'\n' => {
                self.note(Fault::BareLineEnd);
                At::Middle
            }
            _ => {
                self.line += 1;
                if self.line > LONGEST_LINE {
                    self.note(Fault::LongLine);
                }
                At::Middle
            }
        }
    }

    fn after_cr(&mut self, byte: u8, out: &mut Vec<u8>) -> At {
        if byte == b'\n' {
            self.put(byte, out);
            self.line = 0;
            return At::LineStart;
        }
        self.note(Fault::BareLineEnd);
        self.in_line(byte, out)
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.size += 1;
        out.push(byte);
    }

    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Message, fault, and what follows the end.
    fn read(input: &[u8], piece: usize) -> Option<(Vec<u8>, Option<Fault>, Vec<u8>)> {
        let mut reader = DataReader::default();
        let mut message = Vec::new();
        for (index, bytes) in input.chunks(piece).enumerate() {
            if let Some(used) = reader.read(bytes, &mut message) {
                assert_eq!(reader.size(), message.len() as u64);
                return Some((message, reader.fault(), input[index * piece + used..].to_vec()));
            }
        }
        None
    }

    fn same_in_any_pieces(input: &[u8]) -> Option<(Vec<u8>, Option<Fault>, Vec<u8>)> {
        let whole = read(input, input.len().max(1));
        for piece in 1..input.len().min(8) {
            assert_eq!(read(input, piece), whole, "{piece} bytes at a time");
        }
        whole
    }

    #[test]
    fn dots_come_off_and_the_end_is_found() {
        for (input, message, rest) in [
            (&b".\r\n"[..], &b""[..], &b""[..]),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
            (b"a\r\n..\r\n...b\r\n.c\r\n\r\n.\r\n", b"a\r\n.\r\n..b\r\nc\r\n\r\n", b""),
            (b"a.\r\n.\r\n.\r\n", b"a.\r\n", b".\r\n"),
        ] {
            assert_eq!(same_in_any_pieces(input), Some((message.to_vec(), None, rest.to_vec())));
        }
        assert_eq!(same_in_any_pieces(b"a\r\n."), None);
        assert_eq!(same_in_any_pieces(b"a\r\n.\r"), None);
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        for smuggled in [
            &b"\n.\n"[..],
            b"\n.\r\n",
            b"\r.\r",
            b"\r.\r\n",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\r\n\0.\r\n",
            b"\n\n.\r\n",
            b"\r\n.\r\r\n",
        ] {
            let input = [b"a", smuggled, b"MAIL FROM:<evil@b.test>\r\n.\r\nrest"].concat();
            let (message, fault, rest) = same_in_any_pieces(&input).unwrap();
            assert_eq!(rest, b"rest", "{smuggled:?}");
            assert!(message.ends_with(b"MAIL FROM:<evil@b.test>\r\n"), "{smuggled:?}");
            assert_eq!(fault.is_some(), !smuggled.contains(&0), "{smuggled:?}");
        }
    }

    #[test]
    fn long_lines_are_noticed() {
        let line = |length| [vec![b'x'; length], b"\r\n.\r\n".to_vec()].concat();
        assert_eq!(read(&line(998), 500).unwrap().1, None);
        assert_eq!(read(&line(999), 500).unwrap().1, Some(Fault::LongLine));
        assert_eq!(
            read(&[&b"."[..], &line(998)].concat(), 500).unwrap().1,
            None,
            "a stuffed dot does not count"
        );
    }
}
