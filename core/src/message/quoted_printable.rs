//! Quoted-printable for bodies (RFC 2045 section 6.7).

/// A line has at most so many characters, the `=` of a soft line end included.
const LONGEST_LINE: usize = 76;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `=XX`.
pub(super) fn escape(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Appends `text`, whose line ends are CRLF and stay line ends.
///
/// White space at the end of a line is escaped, because servers may remove it.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            column = 0;
            rest = &rest[2..];
            continue;
        }
        let ends_line = after.is_empty() || after.starts_with(b"\r\n");
        let plain = match byte {
            b' ' | b'\t' => !ends_line,
            b'=' => false,
            _ => byte.is_ascii_graphic(),
        };
        let width = if plain { 1 } else { 3 };
        // The last column is for the soft line end, unless the line ends here anyway.
        if column + width > LONGEST_LINE - usize::from(!ends_line) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if plain {
            out.push(byte);
        } else {
            escape(byte, out);
        }
        column += width;
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::body::to_crlf;

    fn encoded(text: &str) -> String {
        let mut out = Vec::new();
        encode(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn decoded(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let joined = text.replace("=\r\n", "");
        let mut bytes = joined.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'=' {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                out.push(byte);
            }
        }
        out
    }

    #[test]
    fn known_answers() {
        assert_eq!(encoded("a=b\r\n"), "a=3Db\r\n");
        assert_eq!(encoded("ü"), "=C3=BC");
        assert_eq!(encoded("end \r\n\tend\t"), "end=20\r\n\tend=09");
        assert_eq!(encoded("a\0\u{7f}"), "a=00=7F");
        assert_eq!(encoded("\r\n.\r\n"), "\r\n.\r\n");
    }

    #[test]
    fn lines_are_full_and_not_too_long() {
        assert_eq!(encoded(&"x".repeat(76)), "x".repeat(76));
        assert_eq!(encoded(&"x".repeat(77)), format!("{}=\r\nxx", "x".repeat(75)));
        assert_eq!(encoded(&format!("{}\r\ny", "x".repeat(76))), format!("{}\r\ny", "x".repeat(76)));
    }

    proptest! {
        #[test]
        fn decodes_to_the_same(text in "(\\PC|[ \t=.\r\n]|x{70,90}){0,60}") {
            let text = to_crlf(&text).into_owned();
            let out = encoded(&text);
            prop_assert!(out.split("\r\n").all(|line| line.len() <= 76 && !line.ends_with([' ', '\t'])), "{out}");
            prop_assert!(out.bytes().all(|b| (b' '..=b'~').contains(&b) || b"\r\n\t".contains(&b)));
            prop_assert_eq!(decoded(&out), text.into_bytes());
        }
    }
}
