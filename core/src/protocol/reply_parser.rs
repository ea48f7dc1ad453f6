//! Replies out of a byte stream, however it is cut (RFC 5321 section 4.2).
//!
//! Limits stand against a hostile server: RFC 5321 asks for lines of 512 octets and says nothing of the number of
//! lines; more is taken here, but no allocation grows without a bound.

use std::collections::VecDeque;

use crate::types::Reply;

/// Longest line of a reply, in octets, without the line end.
const MAX_LINE: usize = 2_000;
/// Longest line of a challenge, which is part of an exchange with a limit of its own (RFC 4954 section 4).
const MAX_CHALLENGE: usize = 12_288;
/// Most lines of one reply.
const MAX_LINES: usize = 1_000;
/// Most octets of one reply.
const MAX_REPLY: usize = 64 * 1024;

/// Why the stream can't be understood as replies any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A line that does not begin with a three-digit code.
    NotAReply,
    /// The lines of one reply carry different codes.
    MixedCodes,
    /// A line over 2,000 octets, or a challenge over 12,288.
    LongLine,
    /// Over 1,000 lines or 64 KiB in one reply.
    LongReply,
}

impl Fault {
    /// One sentence for a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAReply => "the server sent a line that is no SMTP reply",
            Self::MixedCodes => "the lines of one reply carry different codes",
            Self::LongLine => "the server sent a reply line that is too long",
            Self::LongReply => "the server sent a reply of over 1,000 lines or 64 KiB",
        }
    }
}

/// What the next complete line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A line of a reply that goes on.
    Line(String),
    /// The last line of a reply, and the whole reply.
    Last(String, Reply),
}

/// Cuts a byte stream into lines and replies.
#[derive(Debug, Default)]
pub struct ReplyParser {
    buffer: VecDeque<u8>,
    /// Where the search for the line end goes on, so that a slow peer does not cost quadratic time.
    scanned: usize,
    code: Option<u16>,
    lines: Vec<String>,
    octets: usize,
}

impl ReplyParser {
    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// Whether bytes or a part of a reply are waiting: after `220` to STARTTLS that is an injection (RFC 3207).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.lines.is_empty()
    }

    /// Bytes that arrived and do not make a line yet.
    #[must_use]
    pub fn unread(&self) -> Vec<u8> {
        self.buffer.iter().copied().collect()
    }

    /// The next line, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// The fault, and the text of the line where there is one; the stream is of no use afterwards.
    pub fn next_line(&mut self) -> Result<Option<Item>, (Fault, String)> {
        let bytes = self.buffer.make_contiguous();
        let Some(at) = memchr::memchr(b'\n', &bytes[self.scanned..]).map(|i| i + self.scanned) else {
            self.scanned = bytes.len();
            let limit = limit(bytes);
            // The CR of a line end that is still on its way does not count.
            let octets = bytes.strip_suffix(b"\r").unwrap_or(bytes).len();
            return if octets > limit {
                Err((Fault::LongLine, String::from_utf8_lossy(&bytes[..limit]).into_owned()))
            } else {
                Ok(None)
            };
        };
        let end = if at > 0 && bytes[at - 1] == b'\r' { at - 1 } else { at };
        let limit = limit(bytes);
        let line = String::from_utf8_lossy(&bytes[..end.min(limit)]).into_owned();
        self.buffer.drain(..=at);
        self.scanned = 0;
        if end > limit {
            return Err((Fault::LongLine, line));
        }
        self.octets += end;
        match self.accept(&line) {
            Ok(None) => Ok(Some(Item::Line(line))),
            Ok(Some(reply)) => Ok(Some(Item::Last(line, reply))),
            Err(fault) => Err((fault, line)),
        }
    }

    /// Adds a line to the reply; returns the reply when the line was its last.
    fn accept(&mut self, line: &str) -> Result<Option<Reply>, Fault> {
        let bytes = line.as_bytes();
        let code = match bytes {
            [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(Fault::NotAReply),
        };
        let goes_on = match bytes.get(3) {
            None | Some(b' ') => false,
            Some(b'-') => true,
            Some(_) => return Err(Fault::NotAReply),
        };
        if self.code.is_some_and(|first| first != code) {
            return Err(Fault::MixedCodes);
        }
        self.code = Some(code);
        self.lines.push(line.get(4..).unwrap_or_default().to_owned());
        if self.lines.len() > MAX_LINES || self.octets > MAX_REPLY {
            return Err(Fault::LongReply);
        }
        if goes_on {
            return Ok(None);
        }
        self.code = None;
        self.octets = 0;
        Ok(Some(Reply::new(code, std::mem::take(&mut self.lines))))
    }
}

fn limit(line: &[u8]) -> usize {
    if line.starts_with(b"334") { MAX_CHALLENGE } else { MAX_LINE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(chunks: &[&[u8]]) -> Result<Vec<Reply>, Fault> {
        let mut parser = ReplyParser::default();
        let mut found = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(item) = parser.next_line().map_err(|(fault, _)| fault)? {
                if let Item::Last(_, reply) = item {
                    found.push(reply);
                }
            }
        }
        Ok(found)
    }

    #[test]
    fn the_longest_line_is_the_longest_however_it_is_cut() {
        for (octets, expected) in [(MAX_LINE, Ok(1)), (MAX_LINE + 1, Err(Fault::LongLine))] {
            let line = [b"250 ", "x".repeat(octets - 4).as_bytes(), b"\r\n"].concat();
            let bytes: Vec<&[u8]> = line.chunks(1).collect();
            assert_eq!(replies(&[&line]).map(|replies| replies.len()), expected);
            assert_eq!(replies(&bytes).map(|replies| replies.len()), expected);
        }
    }

    #[test]
    fn any_cut_gives_the_same_replies() {
        let stream = b"220 hi\r\n250-a\r\n250-SIZE 5\r\n250 b\n354\r\n";
        let whole = replies(&[stream]).unwrap();
        assert_eq!(whole.iter().map(Reply::code).collect::<Vec<_>>(), [220, 250, 354]);
        assert_eq!(whole[1].lines(), ["a", "SIZE 5", "b"]);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(replies(&bytes).unwrap(), whole);
    }

    #[test]
    fn what_is_no_reply_is_a_fault() {
        for line in ["hello", "25", "1xx", "199 x", "600 x", "250_x", "2500", "HTTP/1.1 400 Bad Request", ""]
        {
            assert_eq!(replies(&[line.as_bytes(), b"\r\n"]), Err(Fault::NotAReply), "{line:?}");
        }
        assert_eq!(replies(&[b"250-a\r\n550 b\r\n"]), Err(Fault::MixedCodes));
        // A line end that is nothing but an LF.
        assert_eq!(replies(&[b"\n"]), Err(Fault::NotAReply));
        assert_eq!(replies(&[b"250 a\n\n"]), Err(Fault::NotAReply));
    }

    #[test]
    fn nothing_grows_without_a_bound() {
        assert_eq!(replies(&[&[b'2'; 2_001]]), Err(Fault::LongLine));
        assert_eq!(replies(&[&[b"250 ".as_slice(), &[b'x'; 3_000], b"\r\n"].concat()]), Err(Fault::LongLine));
        assert_eq!(replies(&[b"250-x\r\n".repeat(1_001).as_slice()]), Err(Fault::LongReply));
        let long = [b"250-".as_slice(), &[b'x'; 1_900], b"\r\n"].concat().repeat(40);
        assert_eq!(replies(&[&long]), Err(Fault::LongReply));
    }
}
