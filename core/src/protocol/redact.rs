//! Secrets out of everything a person may see.
//!
//! The engine knows which bytes are secret: the password or token, and everything it sends in an AUTH exchange.
//! Each of them, and its base64, is replaced in every line of the server, for the whole session. It can't be
//! switched off.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "****";

/// Below this length a secret is only replaced as a whole word: replacing each `a` would tell it.
const SHORT: usize = 4;

/// Knows the secrets of a session and removes them from text.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    needles: Vec<Zeroizing<String>>,
}

impl Redactor {
    /// Remembers a secret and its base64.
    pub(crate) fn add(&mut self, secret: &[u8]) {
        if secret.is_empty() {
            return;
        }
        if let Ok(text) = std::str::from_utf8(secret) {
            self.insert(Zeroizing::new(text.to_owned()));
        }
        self.add_encoded(secret);
    }

    /// Remembers the base64 of bytes that are no secret themselves: a user name, a SASL message.
    pub(crate) fn add_encoded(&mut self, bytes: &[u8]) {
        let mut encoded = Zeroizing::new(STANDARD.encode(bytes));
        while encoded.ends_with('=') {
            encoded.pop();
        }
        self.insert(encoded);
    }

    fn insert(&mut self, needle: Zeroizing<String>) {
        if !needle.is_empty() && !self.needles.contains(&needle) {
            self.needles.push(needle);
            // The longest goes first, so that no part of it is left standing.
            self.needles.sort_by_key(|n| std::cmp::Reverse(n.len()));
        }
    }

    /// The text with every secret replaced.
    pub(crate) fn clean(&self, text: String) -> String {
        if self.needles.is_empty() {
            return text;
        }
        let mut text = text;
        for needle in &self.needles {
            if needle.len() >= SHORT {
                if text.contains(needle.as_str()) {
                    text = Zeroizing::new(text).replace(needle.as_str(), MASK);
                }
            } else {
                text = replace_word(text, needle);
            }
        }
        text
    }
}

/// Replaces `needle` where no letter or digit touches it.
fn replace_word(text: String, needle: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut last = 0;
    for (at, found) in text.match_indices(needle) {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let alone = !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric);
        if alone {
            result.push_str(&text[last..at]);
            result.push_str(MASK);
            last = at + found.len();
        }
    }
    if last == 0 {
        return text;
    }
    result.push_str(&text[last..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_and_its_base64_disappear() {
        let mut redactor = Redactor::default();
        redactor.add(b"hunter22");
        redactor.add(b"\0user\0hunter22");
        let text = "535 no hunter22, aHVudGVyMjI=, AHVzZXIAaHVudGVyMjI=".to_owned();
        assert_eq!(redactor.clean(text), "535 no ****, ****=, ****=");
    }

    #[test]
    fn a_short_secret_goes_only_as_a_word() {
        let mut redactor = Redactor::default();
        redactor.add(b"a");
        assert_eq!(redactor.clean("bad pass 'a' at a mailbox".to_owned()), "bad pass '****' at **** mailbox");
    }
}
