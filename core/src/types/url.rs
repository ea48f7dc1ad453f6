//! What the URLs of servers and proxies have in common (RFC 3986).

use super::digits;
use crate::error::Error;

/// Separates the port; a bare IPv6 address has colons of its own. No port is 0.
pub(crate) fn split_port(place: &str) -> Result<(&str, u16), Error> {
    let bracket = place.rfind(']');
    let colon = place.rfind(':').filter(|at| bracket.is_none_or(|b| *at == b + 1));
    let Some(at) = colon.filter(|_| bracket.is_some() || place.matches(':').count() == 1) else {
        return Ok((place, 0));
    };
    let port = digits(&place[at + 1..]).filter(|port| *port > 0);
    port.map(|port| (&place[..at], port)).ok_or_else(|| {
        Error::input("Port", format!("{:?} is no port; give a number from 1 to 65535", &place[at + 1..]))
    })
}

/// Percent-decoding (RFC 3986 section 2.1). The error names `field`, and shows nothing of the text: it may be a password.
pub(crate) fn decode(text: &str, field: &str) -> Result<String, Error> {
    let bad = || Error::input(field, "holds a % that is no percent-encoded octet; write % as %25");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (high, low) = (digit(0).ok_or_else(bad)?, digit(1).ok_or_else(bad)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| Error::input(field, "is not UTF-8 after percent-decoding"))
}

/// Percent-encoding of everything that is not unreserved (RFC 3986 section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_digits() {
        assert_eq!(split_port("a.test:25").unwrap(), ("a.test", 25));
        for place in ["a.test:+25", "a.test:-1", "a.test:0", "a.test:65536", "a.test:", "[::1]:+25"] {
            assert_eq!(split_port(place).unwrap_err().field(), Some("Port"), "{place}");
        }
    }

    #[test]
    fn decoding_undoes_encoding() {
        for text in ["", "user", "a b:c/d@e%f", "Zoë\u{0}\n"] {
            assert_eq!(decode(&encode(text), "x").unwrap(), text);
        }
        assert_eq!(encode("a@b"), "a%40b");
    }
}
