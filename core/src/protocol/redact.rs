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

/// From this length on case does not matter: servers echo commands in capitals.
const LONG: usize = 8;

/// So many characters of the beginning of a secret are one too: servers cut what they echo.
const BEGINNING: usize = 12;

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

    /// Remembers a text as it is, when it is long enough to be no word of the language.
    pub(crate) fn add_text(&mut self, text: &str) {
        let text = text.trim_end_matches('=');
        if text.len() >= LONG {
            self.insert(Zeroizing::new(text.to_owned()));
        }
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
            text = match needle.len() {
                LONG.. => replace_in_any_case(text, needle),
                SHORT.. if text.contains(needle.as_str()) => {
                    Zeroizing::new(text).replace(needle.as_str(), MASK)
                }
                SHORT.. => text,
                _ => replace_word(text, needle),
            };
        }
        self.replace_beginnings(text)
    }

    /// Replaces words that are the beginning of a secret.
    fn replace_beginnings(&self, text: String) -> String {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
        let begins = |word: &str| {
            let same =
                |n: &Zeroizing<String>| n.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word));
            word.len() >= BEGINNING && self.needles.iter().any(same)
        };
        if !text.split(|c| !part(c)).any(begins) {
            return text;
        }
        let text = Zeroizing::new(text);
        let words = text.split_inclusive(|c| !part(c)).map(|word| {
            let bare = word.trim_end_matches(|c| !part(c));
            if begins(bare) { format!("{MASK}{}", &word[bare.len()..]) } else { word.to_owned() }
        });
        words.collect()
    }
}

/// Replaces `needle`, in capitals too.
fn replace_in_any_case(text: String, needle: &str) -> String {
    let (lower, wanted) = (text.to_ascii_lowercase(), needle.to_ascii_lowercase());
    let mut result = String::with_capacity(text.len());
    let mut last = 0;
    for (at, found) in lower.match_indices(&wanted) {
        result.push_str(&text[last..at]);
        result.push_str(MASK);
        last = at + found.len();
    }
    if last == 0 {
        return text;
    }
    result.push_str(&text[last..]);
    result
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
    fn an_echo_in_capitals_or_cut_short_disappears_too() {
        let mut redactor = Redactor::default();
        redactor.add(b"correct horse battery");
        redactor.add(b"\0user\0hunter22-hunter22");
        for (said, shown) in [
            ("500 AUTH PLAIN AHVZZXIAAHVUDGVYMJITAHVUDGVYMJI=", "500 AUTH PLAIN ****="),
            ("500 what is \"AHVzZXIAaHVudGVy...\"?", "500 what is \"****...\"?"),
            ("535 no CORRECT HORSE BATTERY", "535 no ****"),
            ("535 the correct horse", "535 the correct horse"),
        ] {
            assert_eq!(redactor.clean(said.to_owned()), shown);
        }
    }

    #[test]
    fn a_text_of_the_exchange_goes_when_it_is_no_word() {
        let mut redactor = Redactor::default();
        for text in ["1234567", "12345678==", "challenge"] {
            redactor.add_text(text);
        }
        assert_eq!(redactor.clean("1234567 12345678= CHALLENGE".to_owned()), "1234567 ****= ****");
    }

    #[test]
    fn an_empty_text_is_no_secret() {
        let mut redactor = Redactor::default();
        redactor.add(b"");
        redactor.add_text("");
        redactor.add_encoded(b"");
        assert_eq!(redactor.clean("a - b".to_owned()), "a - b");
    }

    #[test]
    fn a_short_secret_goes_only_as_a_word() {
        let mut redactor = Redactor::default();
        redactor.add(b"a");
        assert_eq!(redactor.clean("bad pass 'a' at a mailbox".to_owned()), "bad pass '****' at **** mailbox");
        redactor.add(b"Abcd");
        assert_eq!(redactor.clean("no xAbcdy, no xabcdy".to_owned()), "no x****y, no xabcdy");
    }
}
