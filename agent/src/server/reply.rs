//! Replies of the server.

use std::fmt::Write as _;

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
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{separator}{}{space}{line}\r\n", self.code, self.enhanced);
        }
        out.extend_from_slice(text.as_bytes());
    }
}
