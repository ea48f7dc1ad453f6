//! Parameters of `Content-Type` and `Content-Disposition` (RFC 2045 section 5.1, RFC 2231).

use std::fmt::Write as _;

use super::{encoded_word::looks_encoded, header::quoted};

/// A parameter is one unbroken token, so this keeps its line within 78 with the space before and the `;` after.
const LONGEST: usize = 76;
/// `filename="…"` with so many characters fits.
const LONGEST_PLAIN: usize = 60;

/// `token` of RFC 2045 section 5.1.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
}

/// `name=value`, with quotation marks where they must be, for a value in ASCII.
pub(super) fn plain(name: &str, value: &str) -> String {
    if is_token(value) { format!("{name}={value}") } else { format!("{name}={}", quoted(value)) }
}

/// A file name as a parameter: what every client reads where that is possible, else the extended form of
/// RFC 2231 and a plain one for old clients.
///
/// The extended form comes first: clients that know both take it wherever it stands, except those
/// (Python's `email` among them) that take the first of the two.
pub(super) fn file_name(name: &str, value: &str) -> Vec<String> {
    if value.len() <= LONGEST_PLAIN && value == fallback(value) {
        return vec![format!("{name}={}", quoted(value))];
    }
    let mut parameters = extended(name, value);
    parameters.push(format!("{name}={}", quoted(&fallback(value))));
    parameters
}

/// `name*=utf-8''…`, in numbered pieces when it is long.
fn extended(name: &str, value: &str) -> Vec<String> {
    let mut whole = format!("{name}*=utf-8''");
    value.chars().for_each(|c| percent(c, &mut whole));
    if whole.len() <= LONGEST {
        return vec![whole];
    }
    let mut pieces = vec![format!("{name}*0*=utf-8''")];
    let mut escaped = String::new();
    for c in value.chars() {
        escaped.clear();
        percent(c, &mut escaped);
        let next = pieces.len();
        match pieces.last_mut() {
            Some(piece) if piece.len() + escaped.len() <= LONGEST => piece.push_str(&escaped),
            _ => pieces.push(format!("{name}*{next}*={escaped}")),
        }
    }
    pieces
}

/// Appends `c` as it stands in an extended value (`attribute-char` of RFC 2231 section 7).
fn percent(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || "!#$&+-.^_`{|}~".contains(c) {
        out.push(c);
        return;
    }
    let mut buffer = [0; 4];
    for byte in c.encode_utf8(&mut buffer).bytes() {
        // Writing to a string cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

/// `value` in characters that no client misreads, short, its extension kept.
fn fallback(value: &str) -> String {
    let encoded = looks_encoded(value);
    let safe = |c: char| match c {
        '"' | '\\' | '/' | '%' | '\'' => '_',
        '=' | '?' if encoded => '_',
        ' '..='~' => c,
        _ => '_',
    };
    let text: String = value.trim_matches(' ').chars().map(safe).collect();
    if text.len() <= LONGEST_PLAIN {
        return if text.is_empty() { "_".into() } else { text };
    }
    const LONGEST_EXTENSION: usize = 12;
    let extension =
        text.rfind('.').map(|at| &text[at..]).filter(|e| e.len() <= LONGEST_EXTENSION).unwrap_or("");
    format!("{}{extension}", text[..LONGEST_PLAIN - extension.len()].trim_end_matches(' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_names_are_plain() {
        assert_eq!(file_name("filename", "report 1.pdf"), ["filename=\"report 1.pdf\""]);
        assert_eq!(plain("charset", "utf-8"), "charset=utf-8");
        assert_eq!(plain("method", "a b"), "method=\"a b\"");
    }

    #[test]
    fn other_names_are_extended_and_have_a_plain_form() {
        assert_eq!(
            file_name("filename", "Gehälter €.pdf"),
            ["filename*=utf-8''Geh%C3%A4lter%20%E2%82%AC.pdf", "filename=\"Geh_lter _.pdf\""]
        );
        assert_eq!(file_name("name", "a\"b.txt"), ["name*=utf-8''a%22b.txt", "name=\"a_b.txt\""]);
        let looks = file_name("name", "=?utf-8?Q?x?=.txt");
        assert_eq!(looks[1], "name=\"__utf-8_Q_x__.txt\"");
        assert_eq!(file_name("name", " a ")[1], "name=\"a\"");
        assert_eq!(file_name("name", "   ")[1], "name=\"_\"");
    }

    #[test]
    fn long_names_come_in_numbered_pieces() {
        let pieces = file_name("filename", &format!("{}.pdf", "ä".repeat(60)));
        assert!(pieces[0].starts_with("filename*0*=utf-8''%C3%A4"));
        assert!(pieces[1].starts_with("filename*1*=%C3%A4"));
        assert_eq!(pieces.last().unwrap(), &format!("filename=\"{}.pdf\"", "_".repeat(56)));
        let long = "x".repeat(300);
        assert!(file_name("filename", &long).iter().all(|p| p.len() <= LONGEST));
    }

    proptest! {
        #[test]
        fn decodes_to_the_same(value in "(\\PC|[ -~]|\u{1F600}){1,120}") {
            let pieces = file_name("filename", &value);
            prop_assert!(pieces.iter().all(|p| p.len() <= LONGEST && p.is_ascii()), "{pieces:?}");
            if let [only] = &pieces[..] {
                prop_assert_eq!(only, &format!("filename=\"{value}\""));
                return Ok(());
            }
            let joined: String = pieces[..pieces.len() - 1]
                .iter()
                .map(|p| p.split_once('=').unwrap().1.trim_start_matches("utf-8''"))
                .collect();
            let mut bytes = Vec::new();
            let mut rest = joined.bytes();
            while let Some(byte) = rest.next() {
                if byte == b'%' {
                    let hex: String = rest.by_ref().take(2).map(char::from).collect();
                    bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                } else {
                    bytes.push(byte);
                }
            }
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), value);
        }
    }
}
