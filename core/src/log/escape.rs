//! Text of a peer, made harmless.

use std::borrow::Cow;

use crate::types::escaped;

/// Escapes what could forge a line or drive a terminal: C0 and C1 controls, DEL, line and paragraph separators,
/// and the characters that change the direction of text. Everything else stays as it is.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    escaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_forges_a_line_or_drives_a_terminal() {
        assert_eq!(escape("250 ok\r\n250 forged"), "250 ok\\r\\n250 forged");
        assert_eq!(escape("\u{1b}[2J\u{9b}31m\u{202e}x\0"), "\\x1b[2J\\x9b31m\\u{202e}x\\x00");
        assert_eq!(escape("Zoë 密码 \\"), "Zoë 密码 \\");
    }
}
