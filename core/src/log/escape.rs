//! Text of a peer, made harmless.

use std::borrow::Cow;

/// Escapes what could forge a line or drive a terminal: C0 and C1 controls, DEL, line and paragraph separators,
/// and the characters that change the direction of text. Everything else stays as it is.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => safe.push_str("\\t"),
            '\r' => safe.push_str("\\r"),
            '\n' => safe.push_str("\\n"),
            c if is_dangerous(c) && u32::from(c) < 0x100 => {
                safe.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if is_dangerous(c) => safe.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
