//! The texts of a message, and which encoding carries them.

use std::borrow::Cow;

use memchr::{memchr2, memmem, memrchr2};

use super::{base64, encoding::Encoding, header::HARD_LIMIT, quoted_printable};

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

/// A text, and how it travels.
#[derive(Debug)]
pub(super) struct Encoded<'a> {
    pub(super) encoding: Encoding,
    text: Cow<'a, str>,
    /// All its lines end in CRLF.
    normalised: bool,
}

/// Chooses how `part` travels in a session that takes 8-bit lines, or not.
///
/// A text that goes out as it is must not hold `boundary`; one that does is encoded, and then cannot.
pub(super) fn encode<'a>(part: &'a BodyPart, eight_bit: bool, boundary: Option<&[u8]>) -> Encoded<'a> {
    let text = part.body.as_str();
    let found = Lines::of(text.as_bytes());
    let given = match part.encoding {
        BodyPartEncoding::QuotedPrintable => Some(Encoding::QuotedPrintable),
        BodyPartEncoding::Base64 => Some(Encoding::Base64),
        BodyPartEncoding::None | BodyPartEncoding::Auto => {
            let has_boundary = || boundary.is_some_and(|b| memmem::find(text.as_bytes(), b).is_some());
            match found.fit && (found.ascii || eight_bit) && !has_boundary() {
                true if found.ascii => Some(Encoding::SevenBit),
                true => Some(Encoding::EightBit),
                false => None,
            }
        }
    };
    if let Some(encoding) = given.filter(|encoding| encoding.is_identity()) {
        return Encoded { encoding, text: Cow::Borrowed(text), normalised: found.normalised };
    }
    let text = if found.normalised { Cow::Borrowed(text) } else { to_crlf(text) };
    let encoding = given.unwrap_or_else(|| {
        let based = base64::encoded_len(text.len() as u64);
        match quoted_printable::encoded_len(text.as_bytes()) {
            quoted if quoted <= based => Encoding::QuotedPrintable,
            _ => Encoding::Base64,
        }
    });
    Encoded { encoding, text, normalised: true }
}

impl Encoded<'_> {
    /// Appends the text in its form.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let text = self.text.as_bytes();
        match self.encoding {
            Encoding::QuotedPrintable => quoted_printable::encode(text, out),
            Encoding::Base64 => base64::encode_lines(text, out),
            _ if self.normalised => out.extend_from_slice(text),
            _ => write_crlf(text, out),
        }
    }
}

/// What one look at a text finds.
struct Lines {
    /// All line ends are CRLF.
    normalised: bool,
    ascii: bool,
    /// The text can travel as it is: no NUL (RFC 5322 section 4 calls it obsolete, servers cut there), no line over
    /// the limit.
    fit: bool,
}

impl Lines {
    fn of(text: &[u8]) -> Self {
        /// Looked at in one round.
        const ROUND: usize = 4 * WIDE;
        let Some((&last, octets)) = text.split_last() else {
            return Self { normalised: true, ascii: true, fit: true };
        };
        let behind = &text[1..];
        let mut seen = Seen::new(last, text[0] == b'\n' || last == b'\r');
        let (rounds, _) = octets.as_chunks::<ROUND>();
        let (rounds_behind, _) = behind.as_chunks::<ROUND>();
        for (octets, behind) in rounds.iter().zip(rounds_behind) {
            seen.look_round(octets, behind);
        }
        // Those at the end of a longer text are looked at together with some before them.
        if let (Some(octets), Some(behind)) = (octets.last_chunk::<ROUND>(), behind.last_chunk()) {
            seen.look_round(octets, behind);
        } else {
            let (wide, rest) = octets.as_chunks::<WIDE>();
            let (wide_behind, rest_behind) = behind.as_chunks::<WIDE>();
            for (octets, behind) in wide.iter().zip(wide_behind) {
                seen.look(octets, behind);
            }
            for (octet, behind) in rest.iter().zip(rest_behind) {
                seen.look(&[*octet], &[*behind]);
            }
        }
        Self {
            normalised: u128::from_ne_bytes(seen.alone) == 0,
            ascii: u128::from_ne_bytes(seen.bits) & HIGHEST_BITS == 0,
            fit: !has_zero(u128::from_ne_bytes(seen.least)) && !has_long_line(text),
        }
    }
}

/// The highest bit of each octet.
const HIGHEST_BITS: u128 = u128::MAX / 255 * 128;

/// Whether one of the octets is 0: taking 1 from each sets the highest bit of one that had none only there, or above such.
fn has_zero(octets: u128) -> bool {
    octets.wrapping_sub(HIGHEST_BITS / 128) & !octets & HIGHEST_BITS != 0
}

/// How many octets are looked at together: wide instructions do it.
const WIDE: usize = 16;

/// What occurred in a text, by the place of the octets among those that are looked at together.
struct Seen {
    bits: [u8; WIDE],
    least: [u8; WIDE],
    /// Not 0: a CR or LF without the other.
    alone: [u8; WIDE],
}

impl Seen {
    /// The last octet of a text, and whether a CR or LF at one of its ends is alone.
    fn new(last: u8, alone: bool) -> Self {
        Self { bits: [last; WIDE], least: [last; WIDE], alone: [u8::from(alone); WIDE] }
    }

    /// Looks at a round of octets.
    #[inline]
    fn look_round<const N: usize>(&mut self, octets: &[u8; N], behind: &[u8; N]) {
        for (octets, behind) in octets.as_chunks().0.iter().zip(behind.as_chunks().0) {
            self.look::<WIDE>(octets, behind);
        }
    }

    /// Looks at octets, each with the one behind it.
    #[inline]
    fn look<const N: usize>(&mut self, octets: &[u8; N], behind: &[u8; N]) {
        const { assert!(N <= WIDE) };
        for i in 0..N {
            let feed = if behind[i] == b'\n' { 0xff } else { 0 };
            let cr = if octets[i] == b'\r' { 0xff } else { 0 };
            self.bits[i] |= octets[i];
            self.least[i] = self.least[i].min(octets[i]);
            // The greater one, not the bits of both: the compiler makes fewer instructions of it.
            self.alone[i] = self.alone[i].max(feed ^ cr);
        }
    }
}

/// Whether a line is over the limit, by line ends of any kind.
fn has_long_line(text: &[u8]) -> bool {
    let mut rest = text;
    // Where one octet more than a line may have holds a line end, no line that ends there is too long.
    while let Some(octets) = rest.get(..=HARD_LIMIT) {
        let Some(end) = memrchr2(b'\r', b'\n', octets) else { return true };
        rest = &rest[end + 1..];
    }
    false
}

/// Line ends of any kind as CRLF, so that no bare CR or LF can mean one thing here and another thing later.
pub(super) fn to_crlf(text: &str) -> Cow<'_, str> {
    if Lines::of(text.as_bytes()).normalised {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 16);
    write_crlf(text.as_bytes(), &mut out);
    // Line ends are ASCII, so what was UTF-8 still is.
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// Appends `text` with all its line ends as CRLF.
fn write_crlf(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\r\n");
        let length = if rest[at..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding_of(body: &str, eight_bit: bool) -> &'static str {
        encode(&BodyPart::plain(body), eight_bit, Some(b"=_boundary")).encoding.name()
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
        assert_eq!(encoding_of(&format!("a\r{longest}\r{longest}\rb"), true), "7bit");
        assert_eq!(encoding_of(&format!("a\r{longest}\r{longest}x\rb"), true), "quoted-printable");
    }

    #[test]
    fn lines_of_any_length_at_any_place() {
        for before in [0, 1, 300, 496, 497, 498, 499, 997, 998, 1500] {
            for length in [0, 1, 2, 496, 497, 498, 499, 996, 997, 998, 999, 1000] {
                for end in ["", "\r\n", "\n", "\r", "\r\nx\r\n"] {
                    let text = format!("{}\r\n{}{end}", "a\r\n".repeat(before / 3), "x".repeat(length));
                    let found = Lines::of(text.as_bytes());
                    assert_eq!(found.fit, length <= 998, "{before} {length} {end:?}");
                    assert_eq!(found.normalised, !["\r", "\n"].contains(&end), "{before} {length} {end:?}");
                    assert!(found.ascii);
                    for (at, c) in [(0, "\0"), (length / 2, "ü"), (length, "\r")] {
                        let mut other = text.clone();
                        other.insert_str(text.len() - end.len() - at, c);
                        let found = Lines::of(other.as_bytes());
                        assert_eq!(found.ascii, c != "ü");
                        assert!(c != "\0" || !found.fit);
                        assert_eq!(found.normalised, right(&other), "{other:?}");
                    }
                }
            }
        }
        fn right(text: &str) -> bool {
            !text.replace("\r\n", "").contains(['\r', '\n'])
        }
    }

    #[test]
    fn an_explicit_encoding_is_used() {
        let mut part = BodyPart::plain("grüße aus der Stadt");
        part.encoding = BodyPartEncoding::Base64;
        assert_eq!(encode(&part, true, Some(b"=_b")).encoding.name(), "base64");
        part.encoding = BodyPartEncoding::QuotedPrintable;
        assert_eq!(encode(&part, true, Some(b"=_b")).encoding.name(), "quoted-printable");
        part.encoding = BodyPartEncoding::None;
        assert_eq!(encode(&part, true, Some(b"=_b")).encoding.name(), "8bit");
        assert_eq!(
            encode(&part, false, Some(b"=_b")).encoding.name(),
            "quoted-printable",
            "a 7-bit session cannot carry it"
        );
    }

    #[test]
    fn names_of_the_object_api() {
        assert_eq!("html".parse(), Ok(BodyPartFormat::Html));
        assert_eq!("quoted-printable".parse(), Ok(BodyPartEncoding::QuotedPrintable));
        assert_eq!(BodyPartEncoding::from_number(1), None);
        assert_eq!(BodyPartEncoding::default().number(), 4);
    }
}
