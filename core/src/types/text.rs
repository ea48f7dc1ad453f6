//! Characters that do harm in a name or an address, and how to show what holds them.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_controls_and_is_short() {
        assert_eq!(shown("a\r\nb\u{202e}"), r#""a\r\nb\u{202e}""#);
        assert!(shown(&"x".repeat(10_000)).chars().count() < 100);
        assert!(!shown("\u{1b}[2J\u{0}\u{85}").chars().any(char::is_control));
    }
}
