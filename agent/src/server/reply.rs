//! Replies of the server.

use std::fmt::Write as _;

/// The longest line of a reply, in octets, without its end (RFC 5321 section 4.5.3.1.5): what a client says is quoted in some.
const LONGEST: usize = 510;

/// One reply: code, enhanced status code (RFC 3463) and lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    code: u16,
    enhanced: &'static str,
    lines: Vec<String>,
}

impl Reply {
    /// A reply of one line. An empty `enhanced` writes none: 3yz, the greeting and EHLO have none (RFC 2034).
    pub(crate) fn new(code: u16, enhanced: &'static str, text: impl Into<String>) -> Self {
        Self { code, enhanced, lines: vec![text.into()] }
    }

    /// A reply of several lines without enhanced status code.
    pub(crate) fn lines(code: u16, lines: Vec<String>) -> Self {
        Self { code, enhanced: "", lines }
    }

    /// The bytes for the wire.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut text = String::new();
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            let space = if self.enhanced.is_empty() { "" } else { " " };
            let start = text.len();
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{separator}{}{space}{line}", self.code, self.enhanced);
            let mut end = text.len().min(start + LONGEST);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.push_str("\r\n");
        }
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_a_client_has_to_take() {
        let mut out = Vec::new();
        Reply::lines(501, vec!["ü".repeat(400), "short".to_owned()]).write(&mut out);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!((lines[0].len(), lines[1]), (510, "501 short"));
    }
}
