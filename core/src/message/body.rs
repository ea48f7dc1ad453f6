//! The texts of a message, and which encoding carries them.

use std::borrow::Cow;

use memchr::{memchr_iter, memchr2, memmem};

use super::{base64, quoted_printable};

/// What kind of text it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BodyPartFormat {
    /// `text/plain`
    #[default]
    Plain = 0,
    /// `text/html`
    Html = 1,
}

super::numbered!(BodyPartFormat { Plain = "Plain", Html = "HTML", });

/// How a text travels (RFC 2045 section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BodyPartEncoding {
    /// As it is. A text that the session cannot carry so travels as with [`Auto`](Self::Auto),
    /// because the alternative is to damage it or not to send it.
    None = 0,
    /// Quoted-printable.
    QuotedPrintable = 2,
    /// Base64.
    Base64 = 3,
    /// As it is where that is safe, else quoted-printable or base64, whichever is smaller.
    #[default]
    Auto = 4,
}

super::numbered!(BodyPartEncoding {
    None = "None",
    QuotedPrintable = "QuotedPrintable",
    Base64 = "Base64",
    Auto = "Auto",
});

/// One text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPart {
    /// The text; line ends of any kind become CRLF.
    pub body: String,
    /// What kind of text it is.
    pub format: BodyPartFormat,
    /// How it travels.
    pub encoding: BodyPartEncoding,
}

impl BodyPart {
    /// A plain text whose encoding is chosen by content.
    pub fn plain(body: impl Into<String>) -> Self {
        Self { body: body.into(), format: BodyPartFormat::Plain, encoding: BodyPartEncoding::Auto }
    }

    /// An HTML text whose encoding is chosen by content.
    pub fn html(body: impl Into<String>) -> Self {
        Self { body: body.into(), format: BodyPartFormat::Html, encoding: BodyPartEncoding::Auto }
    }
}

/// RFC 5322 section 2.1.1, without the CRLF.
const LONGEST_LINE: usize = 998;

/// A text made ready for the wire.
#[derive(Debug)]
pub(super) struct Encoded<'a> {
    /// The value of `Content-Transfer-Encoding`.
    pub(super) name: &'static str,
    pub(super) bytes: Cow<'a, [u8]>,
}

/// Encodes `part` for a session that takes 8-bit lines, or not.
///
/// A text that goes out as it is must not hold `boundary`; one that does is encoded, and then cannot.
pub(super) fn encode<'a>(part: &'a BodyPart, eight_bit: bool, boundary: &str) -> Encoded<'a> {
    let text = to_crlf(&part.body);
    match part.encoding {
        BodyPartEncoding::QuotedPrintable => return quoted(text.as_bytes()),
        BodyPartEncoding::Base64 => return based(text.as_bytes()),
        BodyPartEncoding::None | BodyPartEncoding::Auto => {}
    }
    if fits(text.as_bytes()) && memmem::find(text.as_bytes(), boundary.as_bytes()).is_none() {
        if text.is_ascii() {
            return Encoded { name: "7bit", bytes: into_bytes(text) };
        }
        if eight_bit {
            return Encoded { name: "8bit", bytes: into_bytes(text) };
        }
    }
    let as_quoted = quoted(text.as_bytes());
    if as_quoted.bytes.len() as u64 <= base64::encoded_len(text.len() as u64) {
        return as_quoted;
    }
    based(text.as_bytes())
}

fn quoted(text: &[u8]) -> Encoded<'static> {
    let mut bytes = Vec::with_capacity(text.len() + text.len() / 8);
    quoted_printable::encode(text, &mut bytes);
    Encoded { name: "quoted-printable", bytes: bytes.into() }
}

fn based(text: &[u8]) -> Encoded<'static> {
    let mut bytes = Vec::new();
    base64::encode_lines(text, &mut bytes);
    Encoded { name: "base64", bytes: bytes.into() }
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// Whether a text can travel as it is: no NUL (RFC 5322 section 4 calls it obsolete, servers cut there),
/// no line over the limit.
fn fits(text: &[u8]) -> bool {
    let mut start = 0;
    for end in memchr_iter(b'\n', text) {
        // Every LF has its CR before it here.
        if end - start > LONGEST_LINE + 1 {
            return false;
        }
        start = end + 1;
    }
    text.len() - start <= LONGEST_LINE && memchr::memchr(0, text).is_none()
}

/// Line ends of any kind as CRLF, so that no bare CR or LF can mean one thing here and another thing later.
pub(super) fn to_crlf(text: &str) -> Cow<'_, str> {
    if !has_bare_line_end(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text;
    while let Some(at) = memchr2(b'\r', b'\n', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        out.push_str("\r\n");
        let length = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn has_bare_line_end(text: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = memchr2(b'\r', b'\n', &text[from..]) {
        if !text[from + at..].starts_with(b"\r\n") {
            return true;
        }
        from += at + 2;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding_of(body: &str, eight_bit: bool) -> &'static str {
        encode(&BodyPart::plain(body), eight_bit, "=_boundary").name
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        for (text, right) in [
            ("", ""),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\rb\r", "a\r\nb\r\n"),
            ("\n.\r\n", "\r\n.\r\n"),
            ("\r.\r\n", "\r\n.\r\n"),
            ("\r\r\n\n", "\r\n\r\n\r\n"),
            ("a\r\nb\nc", "a\r\nb\r\nc"),
            ("ü\nü", "ü\r\nü"),
        ] {
            assert_eq!(to_crlf(text), right, "{text:?}");
        }
        assert!(matches!(to_crlf("a\r\nb\r\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_encoding_is_chosen_by_content() {
        assert_eq!(encoding_of("plain\ntext", false), "7bit");
        assert_eq!(encoding_of("", false), "7bit");
        assert_eq!(encoding_of("grüße aus der Stadt", false), "quoted-printable");
        assert_eq!(encoding_of("日本語のテキスト", false), "base64");
        assert_eq!(encoding_of("grüße", true), "8bit");
        assert_eq!(encoding_of("a\0b", true), "quoted-printable");
        assert_eq!(encoding_of("see =_boundary", true), "quoted-printable");
    }

    #[test]
    fn a_line_over_998_octets_is_never_sent_as_it_is() {
        let longest = "x".repeat(998);
        assert_eq!(encoding_of(&longest, false), "7bit");
        assert_eq!(encoding_of(&format!("{longest}\n{longest}\n"), false), "7bit");
        assert_eq!(encoding_of(&format!("{longest}x"), false), "quoted-printable");
        assert_eq!(encoding_of(&format!("{longest}x\n"), true), "quoted-printable");
        assert_eq!(encoding_of(&format!("a\n{longest}x\nb"), true), "quoted-printable");
    }

    #[test]
    fn an_explicit_encoding_is_used() {
        let mut part = BodyPart::plain("grüße aus der Stadt");
        part.encoding = BodyPartEncoding::Base64;
        assert_eq!(encode(&part, true, "=_b").name, "base64");
        part.encoding = BodyPartEncoding::QuotedPrintable;
        assert_eq!(encode(&part, true, "=_b").name, "quoted-printable");
        part.encoding = BodyPartEncoding::None;
        assert_eq!(encode(&part, true, "=_b").name, "8bit");
        assert_eq!(encode(&part, false, "=_b").name, "quoted-printable", "a 7-bit session cannot carry it");
    }

    #[test]
    fn names_of_the_object_api() {
        assert_eq!("html".parse(), Ok(BodyPartFormat::Html));
        assert_eq!("quoted-printable".parse(), Ok(BodyPartEncoding::QuotedPrintable));
        assert_eq!(BodyPartEncoding::from_number(1), None);
        assert_eq!(BodyPartEncoding::default().number(), 4);
    }
}
