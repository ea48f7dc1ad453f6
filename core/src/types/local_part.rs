//! What stands before the `@` of a mailbox (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

use super::{is_invisible, shown};

/// RFC 5321 section 4.5.3.1.1.
pub(super) const LONGEST: usize = 64;

/// `atext` of RFC 5322 section 3.2.3.
pub(super) const fn is_atext(byte: u8) -> bool {
    matches!(
        byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?'
    )
}

/// `Dot-string` of RFC 5321 with the UTF-8 of RFC 6531.
fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(|b| is_atext(b) || !b.is_ascii()))
}

/// The local part as it goes out: quoted where it must be, and only there.
pub(super) fn read(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("there is nothing before the @; write the address as user@example.com".into());
    }
    if let Some(c) = text.chars().find(|&c| is_invisible(c) || (c.is_whitespace() && !c.is_ascii())) {
        return Err(format!(
            "{} holds the invisible character U+{:04X} before the @; remove it",
            shown(text),
            u32::from(c)
        ));
    }
    let content = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted.strip_suffix('"').unwrap_or(quoted)),
        None => match text.chars().find(|&c| c.is_ascii() && c != '.' && !is_atext(c as u8)) {
            Some(c) => return Err(misplaced(text, c)),
            None => text.to_owned(),
        },
    };
    Ok(if is_dot_string(&content) { content } else { quote(&content) })
}

/// What to do about a character that stands before the `@` without quotation marks.
fn misplaced(text: &str, c: char) -> String {
    let advice = match c {
        '@' | ',' | ';' => "give one address here, and add each recipient by itself",
        _ => "put a name in Name, and leave comments out",
    };
    format!(
        "{} holds {} before the @; {advice}; if it is part of the mailbox, set quotation marks: \"a b\"@example.com",
        shown(text),
        shown(c.encode_utf8(&mut [0; 4])),
    )
}

/// What a quoted string means: the text without the backslashes that escape.
fn unquote(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        // The closing quotation mark was found with the same rule, so a backslash is never the last character.
        content.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    content
}

fn quote(content: &str) -> String {
    let mut quoted = String::with_capacity(content.len() + 2);
    quoted.push('"');
    for c in content.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}
