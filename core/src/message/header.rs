//! Writes header fields: folding at 78 characters (RFC 5322 section 2.1.1), unstructured text, names, lists.
//!
//! Lines break only where a space already is or may be, so unfolding gives back what went in.
//! What the plain form could not give back (characters outside ASCII, spaces at the ends, text that looks
//! like an encoded word) goes out in encoded words.

use super::encoded_word::{self, Place, looks_encoded};
use crate::types::is_invisible;

const LINE: usize = 78;
/// A line with an encoded word is shorter (RFC 2047 section 2).
const LINE_WITH_ENCODED_WORD: usize = 76;
/// No line is longer, without its CRLF (RFC 5322 section 2.1.1).
pub(super) const HARD_LIMIT: usize = 998;
/// A line that begins with more spaces than that may look empty to a person and to software.
const MOST_SPACES: usize = 20;

/// What happens to a word that does not fit into a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LongWord {
    /// It is split into encoded words: for text that only people read.
    Encode,
    /// It stays whole up to the hard limit: for values that software reads.
    Keep,
}

/// One header field that is being written.
pub(super) struct Header<'a> {
    out: &'a mut Vec<u8>,
    /// Octets in the current line.
    column: usize,
    /// Whether nothing follows the name yet.
    first: bool,
    utf8: bool,
}

impl<'a> Header<'a> {
    /// Begins the field `name`; with `utf8`, text goes out as UTF-8 (RFC 6532).
    #[inline]
    pub(super) fn begin(out: &'a mut Vec<u8>, name: &str, utf8: bool) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1, first: true, utf8 }
    }

    /// Appends a whole field of one token, which stands behind `name` with its colon and a space, when it fits into a line;
    /// answers whether it did.
    #[inline]
    pub(super) fn short(out: &mut Vec<u8>, name: &'static str, token: &str) -> bool {
        let fits = name.len() + token.len() <= LINE;
        if fits {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(token.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        fits
    }

    /// Ends the field.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// Appends a space and `token`, which is never broken, on a new line if it does not fit.
    #[inline]
    pub(super) fn token(&mut self, token: &str) {
        let end = self.column + 1 + token.len();
        if end > LINE {
            return self.spaced(1, &[token]);
        }
        self.out.push(b' ');
        self.out.extend_from_slice(token.as_bytes());
        self.column = end;
        self.first = false;
    }

    /// The same for a token of several parts with nothing between them.
    pub(super) fn token_of(&mut self, parts: &[&str]) {
        self.spaced(1, parts);
    }

    /// The same for a token that `write` appends.
    pub(super) fn token_by(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        self.out.push(b' ');
        write(self.out);
        let width = self.out.len() - start;
        if self.needs_fold(width) {
            self.out.splice(start..start, *b"\r\n");
            self.column = 0;
        }
        self.column += width;
        self.first = false;
    }

    /// Whether a token that takes so much room begins a line.
    fn needs_fold(&self, width: usize) -> bool {
        let end = self.column + width;
        // An empty first line is avoided unless it makes the token fit.
        end > LINE && (!self.first || width <= LINE || end > HARD_LIMIT)
    }

    /// Appends `items` with `separator` directly after all but the last.
    pub(super) fn list(&mut self, items: &[String], separator: &str) {
        for (i, item) in items.iter().enumerate() {
            let last = i + 1 == items.len();
            self.token_of(&[item, if last { "" } else { separator }]);
        }
    }

    fn spaced(&mut self, spaces: usize, parts: &[&str]) {
        let mut width = spaces;
        for part in parts {
            width += part.len();
        }
        if self.needs_fold(width) {
            self.fold();
        }
        self.out.push(b' ');
        for _ in 1..spaces {
            self.out.push(b' ');
        }
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
        self.column += width;
        self.first = false;
    }

    /// How long an encoded word may be that goes into the current line.
    pub(super) fn room(&self) -> usize {
        LINE_WITH_ENCODED_WORD.saturating_sub(self.column + 1)
    }

    /// Whether something stands after the name of the field.
    pub(super) fn has_content(&self) -> bool {
        !self.first
    }

    /// Ends the line; what follows begins with a space.
    pub(super) fn fold(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.column = 0;
    }

    /// Appends a space and one encoded word, which `write` appends to the buffer.
    pub(super) fn encoded_word(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        self.out.push(b' ');
        write(self.out);
        self.column += self.out.len() - start;
        self.first = false;
    }

    /// Appends unstructured text (RFC 5322 section 2.2.1).
    pub(super) fn text(&mut self, text: &str, long: LongWord) {
        if text.is_empty() {
            return;
        }
        if self.column + 1 + text.len() <= LINE && is_simple(text) {
            return self.token(text);
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (from, to) = encoded_range(&words, text, self.utf8, long).unwrap_or((words.len(), words.len()));
        self.words(&words[..from]);
        if from < to {
            encoded_word::write(self, &words[from..to].join(" "), Place::Text);
            self.words(&words[to..]);
        }
    }

    /// Appends words as they are; an empty one stands for one more space before the next.
    fn words(&mut self, words: &[&str]) {
        let mut spaces = 1;
        for word in words {
            if word.is_empty() {
                spaces += 1;
            } else {
                self.spaced(spaces, &[word]);
                spaces = 1;
            }
        }
    }

    /// Appends a display name (`phrase` of RFC 5322 section 3.2.5): as atoms, quoted, or encoded.
    pub(super) fn phrase(&mut self, name: &str) {
        let raw = name.chars().all(|c| if c.is_ascii() { true } else { self.utf8 && !is_invisible(c) });
        if !raw || name.len() > LINE - 8 || looks_encoded(name) {
            encoded_word::write(self, name, Place::Phrase);
        } else if name.split(' ').all(|word| !word.is_empty() && word.chars().all(is_atom)) {
            self.words(&name.split(' ').collect::<Vec<_>>());
        } else {
            self.token(&quoted(name));
        }
    }
}

/// Whether `text` is ASCII words with one space between two, and nothing like an encoded word.
pub(super) fn is_simple(text: &str) -> bool {
    let mut in_word = false;
    for byte in text.bytes() {
        if IN_WORDS[usize::from(byte)] {
            in_word = true;
        } else if in_word && byte == b' ' {
            in_word = false;
        } else {
            return false;
        }
    }
    in_word
}

/// Visible ASCII without the `=` of encoded words.
const IN_WORDS: [bool; 256] = {
    let mut in_words = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        in_words[byte as usize] = byte != b'=';
        byte += 1;
    }
    in_words
};

/// `atext` of RFC 5322 section 3.2.3 with RFC 6532, without the characters that encoded words begin and end with.
fn is_atom(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/^_`{|}~".contains(c)
}

/// `text` as a quoted string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Which of the words (`text` split at spaces) must be encoded: from the first that needs it to the last,
/// as white space between encoded words is not text (RFC 2047 section 6.2).
fn encoded_range(words: &[&str], text: &str, utf8: bool, long: LongWord) -> Option<(usize, usize)> {
    let looks_encoded = looks_encoded(text);
    let needs = |word: &&str| {
        (!word.is_ascii() && (!utf8 || word.chars().any(is_invisible)))
            || (looks_encoded && word.contains("=?"))
            || (long == LongWord::Encode && word.len() > LINE - 2)
    };
    let mut spaces = 0;
    let longest_run = words.iter().fold(0, |longest: usize, word| {
        spaces = if word.is_empty() { spaces + 1 } else { 0 };
        longest.max(spaces)
    });
    if longest_run > MOST_SPACES {
        return Some((0, words.len()));
    }
    // Spaces at the ends would be lost.
    let first = if words.first()?.is_empty() { Some(0) } else { words.iter().position(needs) };
    let last = if words.last()?.is_empty() { Some(words.len() - 1) } else { words.iter().rposition(needs) };
    let (mut first, mut last) = match (first, last) {
        (None, None) => return None,
        (Some(first), None) => (first, first + words[first..].iter().position(|w| !w.is_empty())?),
        (None, Some(last)) => (words[..=last].iter().rposition(|w| !w.is_empty())?, last),
        (Some(first), Some(last)) => (first, last),
    };
    // The border to plain words is exactly one space.
    while first > 0 && words[first - 1].is_empty() {
        first -= 1;
    }
    while last + 1 < words.len() && words[last + 1].is_empty() {
        last += 1;
    }
    Some((first, last + 1))
}

/// Whether `text` has a word that cannot be written within the hard limit.
pub(super) fn has_unfoldable_word(text: &str, utf8: bool) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let (from, to) = encoded_range(&words, text, utf8, LongWord::Keep).unwrap_or((0, 0));
    let plain = words[..from].iter().chain(&words[to..]);
    plain.into_iter().any(|word| word.len() + 1 + MOST_SPACES > HARD_LIMIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(name: &str, utf8: bool, write: impl FnOnce(&mut Header<'_>)) -> String {
        let mut out = Vec::new();
        let mut header = Header::begin(&mut out, name, utf8);
        write(&mut header);
        header.end();
        String::from_utf8(out).unwrap()
    }

    fn subject(text: &str) -> String {
        written("Subject", false, |h| h.text(text, LongWord::Encode))
    }

    fn phrase(name: &str) -> String {
        written("From", false, |h| h.phrase(name))
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(subject("Hello, world"), "Subject: Hello, world\r\n");
        assert_eq!(subject("two  spaces"), "Subject: two  spaces\r\n");
        assert_eq!(subject(""), "Subject:\r\n");
        assert_eq!(subject("is 1 =? 2"), "Subject: is 1 =? 2\r\n");
    }

    #[test]
    fn only_what_needs_it_is_encoded() {
        assert_eq!(subject("Hello wörld, hello"), "Subject: Hello =?utf-8?Q?w=C3=B6rld,?= hello\r\n");
        assert_eq!(
            subject("ü is a letter, so is ü"),
            "Subject: =?utf-8?Q?=C3=BC_is_a_letter,_so_is_=C3=BC?=\r\n"
        );
        assert_eq!(subject("a  müde Tage"), "Subject: a =?utf-8?B?IG3DvGRl?= Tage\r\n");
        assert_eq!(subject(" a"), "Subject: =?utf-8?Q?_a?=\r\n");
        assert_eq!(subject("a b "), "Subject: a =?utf-8?Q?b_?=\r\n");
        assert_eq!(subject(" "), "Subject: =?utf-8?Q?_?=\r\n");
    }

    #[test]
    fn text_that_looks_encoded_is_encoded() {
        assert_eq!(
            subject("see =?utf-8?Q?x?= there"),
            "Subject: see =?utf-8?B?PT91dGYtOD9RP3g/PQ==?= there\r\n"
        );
        assert!(phrase("=?utf-8?Q?x?=").starts_with("From: =?utf-8?B?"));
        assert!(phrase("a =?x ?=").starts_with("From: =?utf-8?"));
    }

    #[test]
    fn names_are_quoted_when_they_must_be() {
        assert_eq!(phrase("Jane Doe"), "From: Jane Doe\r\n");
        assert_eq!(phrase("Doe, Jane"), "From: \"Doe, Jane\"\r\n");
        assert_eq!(phrase("J. \"X\" \\D"), "From: \"J. \\\"X\\\" \\\\D\"\r\n");
        assert_eq!(phrase("Jane  Doe"), "From: \"Jane  Doe\"\r\n");
        assert_eq!(phrase("Jörg and Erika, Berlin"), "From: =?utf-8?Q?J=C3=B6rg_and_Erika=2C_Berlin?=\r\n");
        assert_eq!(written("From", true, |h| h.phrase("Jörg Müller")), "From: Jörg Müller\r\n");
        assert_eq!(written("From", true, |h| h.phrase("Jörg, M")), "From: \"Jörg, M\"\r\n");
        assert!(written("From", true, |h| h.phrase("a\u{2028}b")).is_ascii());
    }

    #[test]
    fn a_long_word_of_software_stays_whole() {
        let url = format!("<https://example.com/{}>", "x".repeat(200));
        let header = written("List-Unsubscribe", false, |h| h.text(&url, LongWord::Keep));
        assert_eq!(header, format!("List-Unsubscribe: {url}\r\n"));
        assert!(!has_unfoldable_word(&"x".repeat(900), false));
        assert!(has_unfoldable_word(&"x".repeat(998), false));
        assert!(!has_unfoldable_word(&"ü".repeat(998), false));
        assert!(has_unfoldable_word(&"ü".repeat(998), true));
    }

    #[test]
    fn a_line_is_full_with_78_characters() {
        let token = |length: usize| written("To", false, |h| h.token(&"x".repeat(length)));
        let (fits, too_long) = ("x".repeat(74), "x".repeat(75));
        assert_eq!(token(74), format!("To: {fits}\r\n"));
        assert_eq!(token(75), format!("To:\r\n {too_long}\r\n"));
        // A line of nothing but the name would not help.
        let long = "x".repeat(78);
        assert_eq!(token(78), format!("To: {long}\r\n"));
        let by =
            |length: usize| written("To", false, |h| h.token_by(|out| out.resize(out.len() + length, b'x')));
        assert_eq!((by(74), by(75), by(78)), (token(74), token(75), token(78)));
        // Unless the line gets longer than any may be.
        assert!(token(994).starts_with("To: x"));
        assert!(token(995).starts_with("To:\r\n x"));

        let two = |length: usize| {
            written("To", false, |h| {
                h.token("a");
                h.token(&"x".repeat(length));
            })
        };
        assert!(two(72).starts_with("To: a x"));
        assert!(two(73).starts_with("To: a\r\n x"));
        assert!(two(200).starts_with("To: a\r\n x"));

        let mut out = Vec::new();
        assert!(Header::short(&mut out, "To: ", &fits));
        assert!(!Header::short(&mut out, "To: ", &too_long));
        assert_eq!(out, token(74).as_bytes());
    }

    #[test]
    fn each_line_counts_from_its_own_beginning() {
        let items: Vec<String> = ["a", "b", "c"].iter().map(|letter| letter.repeat(40)).collect();
        let list = written("To", false, |h| h.list(&items, ","));
        assert_eq!(list, format!("To: {},\r\n {},\r\n {}\r\n", items[0], items[1], items[2]));
        let by = written("To", false, |h| {
            for item in &items {
                h.token_by(|out| out.extend_from_slice(item.as_bytes()));
            }
        });
        assert_eq!(by, list.replace(',', ""));
        let short = vec!["x".repeat(24); 4];
        let list = written("To", false, |h| h.list(&short, ";"));
        assert_eq!(list, format!("To: {0}; {0};\r\n {0}; {0}\r\n", short[0]));
        // What is behind an encoded word has as much room as that leaves.
        let behind = |length: usize| subject(&format!("ü {}", "x".repeat(length)));
        assert_eq!(behind(52), format!("Subject: =?utf-8?B?w7w=?= {}\r\n", "x".repeat(52)));
        assert!(behind(53).contains("?=\r\n x"));
    }

    #[test]
    fn what_is_too_long_for_its_line_is_encoded() {
        assert_eq!(subject(&"x".repeat(76)), format!("Subject:\r\n {}\r\n", "x".repeat(76)));
        assert!(subject(&"x".repeat(77)).starts_with("Subject: =?utf-8?Q?x"));
        assert_eq!(phrase(&"x".repeat(70)), format!("From: {}\r\n", "x".repeat(70)));
        assert!(phrase(&"x".repeat(71)).starts_with("From: =?utf-8?Q?x"));
        assert!(!has_unfoldable_word(&"x".repeat(977), false));
        assert!(has_unfoldable_word(&"x".repeat(978), false));
        assert!(has_unfoldable_word(&format!("ü {}", "x".repeat(978)), false));
        assert!(has_unfoldable_word(&format!("{} ü", "x".repeat(978)), false));
    }

    #[test]
    fn a_line_of_spaces_is_encoded() {
        let spaced = |spaces: usize| subject(&format!("a{}b", " ".repeat(spaces)));
        assert_eq!(spaced(21), format!("Subject: a{}b\r\n", " ".repeat(21)));
        assert!(spaced(22).starts_with("Subject: =?utf-8?Q?a___"));
        // Runs count each for itself.
        let runs = format!("a{0}b{0}c", " ".repeat(15));
        assert_eq!(subject(&runs), format!("Subject: {runs}\r\n"));
    }

    #[test]
    fn spaces_beside_an_encoded_word_are_in_it() {
        assert_eq!(subject("a  ü  b c"), "Subject: a =?utf-8?Q?_=C3=BC_?= b c\r\n");
        assert_eq!(subject("a b   ü"), "Subject: a b =?utf-8?Q?__=C3=BC?=\r\n");
        assert_eq!(subject("ü   a b"), "Subject: =?utf-8?Q?=C3=BC__?= a b\r\n");
        assert_eq!(subject("  a b"), "Subject: =?utf-8?Q?__a?= b\r\n");
        assert_eq!(subject("a b  "), "Subject: a =?utf-8?Q?b__?=\r\n");
    }

    proptest! {
        #[test]
        fn lines_are_short_and_unfold_to_the_same(text in "[!-~]{1,12}( {1,3}[!-~]{1,12}){0,40}") {
            prop_assume!(!looks_encoded(&text));
            let header = subject(&text);
            let (end, lines) = header.split_at(header.len() - 2);
            prop_assert_eq!(lines, "\r\n");
            prop_assert!(end.split("\r\n").all(|l| l.len() <= LINE && !l.trim().is_empty()), "{}", header);
            prop_assert_eq!(end.replace("\r\n", ""), format!("Subject: {text}"));
        }
    }
}
