//! Characters that do harm in a name or an address, and how to show what holds them.

use std::{borrow::Cow, path::Path};

/// C0 controls and DEL: on the wire they end lines, end strings or are not allowed at all.
pub(crate) fn is_control(c: char) -> bool {
    c.is_ascii_control()
}

/// Whether `text` holds one of them. In UTF-8 their octets stand for nothing else.
pub(crate) fn has_control(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_control())
}

/// Characters that cannot be seen, or change how their neighbours are seen: C1 controls, bidirectional
/// controls, zero-width characters, line and paragraph separators. Two texts that look the same may differ
/// by them, and some software takes U+0085, U+2028 and U+2029 for line ends.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}')
}

/// `text` for an error message: in quotation marks, controls escaped, shortened when it is long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut out = String::from("\"");
    for (i, c) in text.chars().enumerate() {
        if i == MOST {
            out.push('…');
            break;
        }
        if c == '"' || c == '\'' {
            out.push(c);
        } else if is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.extend(c.escape_debug());
        }
    }
    out.push('"');
    out
}

/// Text of a peer without what could forge a line or drive a terminal: C0 and C1 controls, DEL, line and paragraph
/// separators, and the characters that change the direction of text are escaped.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
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

/// A path for people: whoever names a file may name it so that it would forge a line.
pub(crate) fn shown_path(path: &Path) -> String {
    escaped(&path.to_string_lossy()).into_owned()
}

/// The same of several lines, which stay lines: `\n` alone is what stands between the lines of a reply.
pub(crate) fn escaped_lines(text: String) -> String {
    if !text.chars().any(|c| c != '\n' && is_dangerous(c)) {
        return text;
    }
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
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
    fn lines_stay_lines() {
        assert_eq!(escaped_lines("550-a\n550 b".to_owned()), "550-a\n550 b");
        assert_eq!(escaped_lines("550-\u{1b}[2J\n550 b\r".to_owned()), "550-\\x1b[2J\n550 b\\r");
    }

    #[test]
    fn what_is_shown_has_no_controls_and_is_short() {
        assert_eq!(shown("a\r\nb\u{202e}"), r#""a\r\nb\u{202e}""#);
        assert!(shown(&"x".repeat(10_000)).chars().count() < 100);
        assert!(!shown("\u{1b}[2J\u{0}\u{85}").chars().any(char::is_control));
    }
}
