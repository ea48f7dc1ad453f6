//! Names made safe for subjects, and the subjects of the queue.
//!
//! ```text
//! mailq.ready.<class>.<site>.<id>.<part>   recipients of a message that may go now
//! mailq.later.<site>.<id>.<part>           those that wait for their time; the server then puts them under `ready`
//! mailq.held.<site>.<id>.<part>            those that somebody holds
//! mailq.parked.<blast>.<site>.<id>.<part>  those of a blast that is paused
//! mailq.count.<blast>.<what>               a counter of a blast
//! mailq.count.causes.<cause>               how many wait whose last attempt came to that
//! ```

use std::fmt::Write as _;

use super::Class;

/// What a consumer takes: all that is ready of its class.
#[must_use]
pub fn all_ready(class: Class) -> String {
    format!("mailq.ready.{}.>", class.as_str())
}

/// Any text as one token of a subject, which is also a key of a bucket: letters, digits, `-` and `_` stay, any other
/// octet is `=` and two hexadecimal digits, and the empty text is `=`.
#[must_use]
pub fn encode(text: &str) -> String {
    if text.is_empty() {
        return "=".to_owned();
    }
    let mut token = String::with_capacity(text.len() + 8);
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_' {
            token.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(token, "={octet:02x}");
        }
    }
    token
}

/// The text of a token; `None` when [`encode`] gives no such token.
#[must_use]
pub fn decode(token: &str) -> Option<String> {
    if token == "=" {
        return Some(String::new());
    }
    let mut octets = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'=' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.get(2..)?;
        } else {
            octets.push(first);
        }
    }
    let text = String::from_utf8(octets).ok()?;
    (encode(&text) == token).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sites() {
        assert_eq!(encode("example.org"), "example=2eorg");
        assert_eq!(encode("*.>= \r\n"), "=2a=2e=3e=3d=20=0d=0a");
        assert_eq!(encode("[192.0.2.1]:25"), "=5b192=2e0=2e2=2e1=5d=3a25");
        assert_eq!(encode(""), "=");
    }

    #[test]
    fn every_name_comes_back() {
        let all: String = (0..=0x2FF).filter_map(char::from_u32).collect();
        for text in ["", "a", "=", "==", "Müller GmbH", "a.b c*d>e", "\u{10FFFF}", &all] {
            let token = encode(text);
            assert!(
                token.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_=".contains(&octet)),
                "{token}"
            );
            assert_eq!(decode(&token).as_deref(), Some(text));
        }
    }

    #[test]
    fn no_other_token_has_a_text() {
        for token in ["", "=4", "=4g", "=2E", "=61", "a.b", "=+1", "a=", "=ff"] {
            assert_eq!(decode(token), None, "{token}");
        }
    }
}
