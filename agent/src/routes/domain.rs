//! The domain of a recipient, as routes and the name service know it.

use std::net::{IpAddr, Ipv6Addr};

/// What stands behind the `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// A name in lower case and A-labels, without the dot at its end.
    Name(String),
    /// An address literal (RFC 5321 section 4.1.3).
    Address(IpAddr),
}

impl Domain {
    /// Reads a domain; why it is none, for a person.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(literal) = text.strip_prefix('[') {
            return literal.strip_suffix(']').and_then(address).map(Self::Address).ok_or_else(|| {
                format!("{text:?} is no address literal; it is written [192.0.2.1] or [IPv6:2001:db8::1]")
            });
        }
        let bare = text.strip_suffix('.').unwrap_or(text);
        let name = idna::domain_to_ascii_cow(bare.as_bytes(), idna::AsciiDenyList::EMPTY)
            .map_err(|_| format!("{text:?} is no domain name"))?;
        let fits = |label: &str| (1..=63).contains(&label.len());
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.len() > 253 || !name.split('.').all(fits) || !name.bytes().all(plain) {
            return Err(format!("{text:?} is no domain name"));
        }
        Ok(Self::Name(name.into_owned()))
    }

    /// As the text behind the `@`.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(IpAddr::V4(address)) => format!("[{address}]"),
            Self::Address(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        }
    }
}

fn address(literal: &str) -> Option<IpAddr> {
    let tagged = literal.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    if tagged {
        return literal[5..].parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    literal.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_told_from_literals() {
        let parse = |text: &str| Domain::parse(text).map(|domain| domain.text());
        for (text, plain) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
            ("[192.0.2.1]", "[192.0.2.1]"),
            ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
            ("[ipv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(plain), "{text}");
        }
        let long = format!("{}.example", "x".repeat(64));
        for text in
            ["", ".", "a..b", "a b", "a/b", "[]", "[example.com]", "[IPv6:1.2.3.4]", "[1.2.3.4", "é[", &long]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
