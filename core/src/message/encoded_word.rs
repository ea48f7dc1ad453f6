//! Encoded words (RFC 2047): text outside ASCII in a header.

use super::{base64, header::Header, quoted_printable};

/// Where the words stand; in a name fewer characters may stand for themselves (RFC 2047 section 5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Unstructured text.
    Text,
    /// A display name.
    Phrase,
}

/// `=?utf-8?Q?` and `?=`.
const FRAME: usize = 12;
/// RFC 2047 section 2.
const LONGEST: usize = 75;
/// Rather than write a word that would be nearly empty, a new line is begun.
const SHORTEST_SPLIT: usize = FRAME + 20;

/// Whether some reader might take a part of `text` for an encoded word.
pub(super) fn looks_encoded(text: &str) -> bool {
    text.find("=?").is_some_and(|at| text[at + 2..].contains("?="))
}

/// How many characters `c` takes in the Q encoding.
fn q_width(c: char, place: Place) -> usize {
    if q_plain(c, place) { 1 } else { 3 * c.len_utf8() }
}

/// Whether `c` stands for itself; a space does as `_`.
fn q_plain(c: char, place: Place) -> bool {
    match place {
        _ if c == ' ' || c.is_ascii_alphanumeric() => true,
        Place::Phrase => "!*+-/".contains(c),
        Place::Text => c.is_ascii_graphic() && !"=?_".contains(c),
    }
}

/// Appends `text` as encoded words, B or Q, whichever is shorter, split between characters.
pub(super) fn write(header: &mut Header<'_>, text: &str, place: Place) {
    let q_length: usize = text.chars().map(|c| q_width(c, place)).sum();
    let b_length = text.len().div_ceil(3) * 4;
    let quoted = q_length <= b_length;
    let mut rest = text;
    while !rest.is_empty() {
        let room = header.room().min(LONGEST);
        let room_for_text = room.saturating_sub(FRAME);
        let length = if quoted { q_fit(rest, room_for_text, place) } else { b_fit(rest, room_for_text) };
        // A whole line has room for several characters of four bytes, so this comes to an end. One word is better
        // than two: some readers show a space between them.
        let fits_next_line = || match quoted {
            true => q_fit(rest, LONGEST - FRAME, place) == rest.len(),
            false => b_fit(rest, LONGEST - FRAME) == rest.len(),
        };
        let split = length < rest.len();
        if length == 0 || (split && (room < SHORTEST_SPLIT || (header.has_content() && fits_next_line()))) {
            header.fold();
            continue;
        }
        let (now, later) = rest.split_at(length);
        header.encoded_word(|out| {
            out.extend_from_slice(if quoted { b"=?utf-8?Q?" } else { b"=?utf-8?B?" });
            if quoted {
                q_encode(now, place, out);
            } else {
                base64::encode_word(now.as_bytes(), out);
            }
            out.extend_from_slice(b"?=");
        });
        rest = later;
    }
}

/// How many bytes of `text` fit into `room` characters of Q.
fn q_fit(text: &str, room: usize, place: Place) -> usize {
    let mut width = 0;
    for (at, c) in text.char_indices() {
        width += q_width(c, place);
        if width > room {
            return at;
        }
    }
    text.len()
}

/// How many bytes of `text` fit into `room` characters of B.
fn b_fit(text: &str, room: usize) -> usize {
    let mut length = text.len().min(room / 4 * 3);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    length
}

fn q_encode(text: &str, place: Place, out: &mut Vec<u8>) {
    for c in text.chars() {
        if c == ' ' {
            out.push(b'_');
            continue;
        }
        let mut buffer = [0; 4];
        for &byte in c.encode_utf8(&mut buffer).as_bytes() {
            if q_plain(c, place) {
                out.push(byte);
            } else {
                quoted_printable::escape(byte, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ::base64::{Engine, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;

    fn written(name: &str, text: &str, place: Place) -> String {
        let mut out = Vec::new();
        let mut header = Header::begin(&mut out, name, false);
        write(&mut header, text, place);
        header.end();
        String::from_utf8(out).unwrap()
    }

    /// Decodes each word alone, as RFC 2047 section 5 demands that one can.
    fn decoded(header: &str) -> String {
        header
            .split_whitespace()
            .skip(1)
            .map(|word| {
                assert!(word.len() <= LONGEST, "{word}");
                let inner = word.strip_prefix("=?utf-8?").unwrap().strip_suffix("?=").unwrap();
                let bytes = match inner.split_once('?').unwrap() {
                    ("B", text) => STANDARD.decode(text).unwrap(),
                    ("Q", text) => {
                        let mut bytes = Vec::new();
                        let mut rest = text.bytes();
                        while let Some(byte) = rest.next() {
                            bytes.push(match byte {
                                b'_' => b' ',
                                b'=' => {
                                    let hex: String = rest.by_ref().take(2).map(char::from).collect();
                                    u8::from_str_radix(&hex, 16).unwrap()
                                }
                                _ => byte,
                            });
                        }
                        bytes
                    }
                    other => panic!("{other:?}"),
                };
                String::from_utf8(bytes).unwrap()
            })
            .collect()
    }

    #[test]
    fn the_shorter_encoding_is_taken() {
        assert_eq!(written("Subject", "Grüße", Place::Text), "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n");
        assert_eq!(written("Subject", "Größe 1", Place::Text), "Subject: =?utf-8?B?R3LDtsOfZSAx?=\r\n");
        assert_eq!(
            written("Subject", "schöne Tage", Place::Text),
            "Subject: =?utf-8?Q?sch=C3=B6ne_Tage?=\r\n"
        );
        assert_eq!(written("Subject", "=?_ ", Place::Text), "Subject: =?utf-8?B?PT9fIA==?=\r\n");
    }

    #[test]
    fn text_that_may_be_an_encoded_word() {
        assert!(looks_encoded("=?utf-8?Q?x?="));
        assert!(looks_encoded("a =?x b ?= c"));
        assert!(!looks_encoded("=?="));
        assert!(!looks_encoded("https://example.com/?a=?b"));
    }

    #[test]
    fn a_line_is_begun_where_that_saves_a_word() {
        let behind_a_token = |text: &str| {
            let mut out = Vec::new();
            let mut header = Header::begin(&mut out, "To", false);
            header.token("token");
            write(&mut header, text, Place::Text);
            header.end();
            String::from_utf8(out).unwrap()
        };
        // 63 characters and 45 octets are left of a word.
        let q = |letters: usize| behind_a_token(&format!("{}é", "a".repeat(letters)));
        assert_eq!(q(57), format!("To: token\r\n =?utf-8?Q?{}=C3=A9?=\r\n", "a".repeat(57)));
        assert_eq!(q(58), format!("To: token =?utf-8?Q?{}?=\r\n =?utf-8?Q?aaaa=C3=A9?=\r\n", "a".repeat(54)));
        let b = |letters: usize| behind_a_token(&"é".repeat(letters));
        assert!(b(22).starts_with("To: token\r\n =?utf-8?B?"), "{}", b(22));
        assert!(b(23).starts_with("To: token =?utf-8?B?"), "{}", b(23));
        // With nothing before it, only where a line has no room for a word to speak of.
        assert!(written("Subject", &format!("{}é", "a".repeat(57)), Place::Text).starts_with("Subject: =?"));
        let named = |length: usize| written(&"X".repeat(length), &"é".repeat(60), Place::Text);
        assert!(named(42).contains(": =?"), "{}", named(42));
        assert!(named(43).contains(":\r\n =?"), "{}", named(43));
    }

    #[test]
    fn no_word_is_too_long_wherever_a_letter_of_six_characters_stands() {
        for at in 0..70 {
            let text = format!("{}éé{}", "a".repeat(at), "a".repeat(70));
            assert_eq!(decoded(&written("Subject", &text, Place::Text)), text);
        }
    }

    proptest! {
        #[test]
        fn decodes_to_the_same(text in "(\\PC|[ -~]|\u{1F600}|\u{2028}){1,80}", phrase: bool, name in "[A-Z]{1,70}") {
            let header = written(&name, &text, if phrase { Place::Phrase } else { Place::Text });
            prop_assert!(header.split("\r\n").skip(1).all(|line| line.len() <= 76), "{header}");
            prop_assert!(header.is_ascii());
            prop_assert_eq!(decoded(&header), text);
        }
    }
}
