//! Values inside the parameters of MAIL and RCPT.

use std::fmt::Write as _;

/// The value in the alphabet of a parameter (RFC 3461 section 4): printable ASCII but `+` and `=`, every other octet as
/// `+` and two hexadecimal digits. So no value can end its parameter, or the line.
pub(crate) fn xtext(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut out, byte| {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'+' | b'=') => out.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => _ = write!(out, "+{byte:02X}"),
        }
        out
    })
}

/// An address outside ASCII in the 7-bit form of RFC 6533 section 3, which servers without SMTPUTF8 take too: what is
/// no `QCHAR` is `\x{…}`, so there is nothing left for [`xtext`] to do.
pub(crate) fn unicode_xtext(address: &str) -> String {
    address.chars().fold(String::with_capacity(address.len() * 2), |mut out, c| {
        match c {
            '!'..='~' if !matches!(c, '+' | '=' | '\\') => out.push(c),
            // Writing to a string cannot fail.
            _ => _ = write!(out, "\\x{{{:X}}}", u32::from(c)),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_alphabet_comes_out() {
        assert_eq!(xtext("QQ314159"), "QQ314159");
        assert_eq!(xtext("a+b=c d\r\n\0\u{7f}"), "a+2Bb+3Dc+20d+0D+0A+00+7F");
        assert_eq!(xtext("ü\u{760a}"), "+C3+BC+E7+98+8A");
        assert_eq!(xtext("<a>\\,;"), "<a>\\,;");
    }

    #[test]
    fn addresses_outside_ascii() {
        assert_eq!(
            unicode_xtext("ü+a=b\\@例え.example"),
            "\\x{FC}\\x{2B}a\\x{3D}b\\x{5C}@\\x{4F8B}\\x{3048}.example"
        );
        assert_eq!(unicode_xtext("\u{1F600} \r\n"), "\\x{1F600}\\x{20}\\x{D}\\x{A}");
    }
}
