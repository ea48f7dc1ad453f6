//! What stands behind the `@` of a mailbox (RFC 5321 section 4.1.2): a domain or an address literal.

use std::net::{Ipv4Addr, Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{is_invisible, shown};

/// RFC 1035 section 2.3.4.
pub(super) const LONGEST_LABEL: usize = 63;
/// UTS-46 only shortens, and to at most 253 characters of four bytes; more than that is not worth its time.
const LONGEST_UNICODE: usize = 1024;

/// The domain to show, and the ASCII form when that is another.
pub(super) fn read(text: &str) -> Result<(String, Option<String>), String> {
    if text.is_empty() {
        return Err("there is nothing after the @; write the address as user@example.com".into());
    }
    if text.starts_with('[') {
        return read_literal(text).map(|()| (text.to_owned(), None));
    }
    if text.is_ascii() && !has_a_label(text) {
        check_labels(text)?;
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err(format!("the IP address {text} must stand in brackets: user@[{text}]"));
        }
        return Ok((text.to_owned(), None));
    }
    // Characters that UTS-46 would drop or map in silence are dropped or mapped here too (a soft hyphen
    // vanishes), so that what is checked is what is sent. Direction and separators have no place at all.
    if let Some(c) = text.chars().find(|&c| is_invisible(c) && c != '\u{AD}' || c.is_whitespace()) {
        return Err(format!("the domain {} holds U+{:04X}; remove it", shown(text), u32::from(c)));
    }
    let invalid = || format!("{} is not a valid domain (IDNA, UTS-46)", shown(text));
    if text.len() > LONGEST_UNICODE {
        return Err(invalid());
    }
    let idna = Uts46::new();
    let ascii = idna
        .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| invalid())?;
    check_labels(&ascii)?;
    if ascii.parse::<Ipv4Addr>().is_ok() {
        return Err(format!("the IP address {ascii} must stand in brackets: user@[{ascii}]"));
    }
    if text.is_ascii() {
        return Ok((text.to_owned(), None));
    }
    let (unicode, result) = idna.to_unicode(ascii.as_bytes(), AsciiDenyList::EMPTY, Hyphens::CheckFirstLast);
    result.map_err(|_| invalid())?;
    // A label of punycode may hold what only looks like another one ("xn--xn--…"): written in Unicode it would be no domain.
    let again =
        idna.to_ascii(unicode.as_bytes(), AsciiDenyList::EMPTY, Hyphens::CheckFirstLast, DnsLength::Verify);
    if !again.is_ok_and(|again| again == ascii) {
        return Err(invalid());
    }
    Ok((unicode.into_owned(), Some(ascii.into_owned())))
}

/// Whether a label is punycode, whose content has to be checked too.
fn has_a_label(domain: &str) -> bool {
    domain.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
}

/// Letters, digits, hyphens inside, and the underscore that inner networks use.
fn check_labels(domain: &str) -> Result<(), String> {
    let problem = |what: &str| Err(format!("the domain {} {what}", shown(domain)));
    if domain.ends_with('.') {
        return problem("ends with a dot; leave it out");
    }
    if let Some(c) = domain.chars().find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))) {
        return problem(&format!(
            "holds {}; a domain has letters, digits, dots and hyphens only (no comment, no second address)",
            shown(c.encode_utf8(&mut [0; 4])),
        ));
    }
    for label in domain.split('.') {
        if label.is_empty() {
            return problem("has two dots in a row, or begins with one");
        }
        if label.len() > LONGEST_LABEL {
            return problem("has a label of more than 63 octets (RFC 1035)");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return problem("has a label that begins or ends with a hyphen");
        }
    }
    Ok(())
}

/// `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 section 4.1.3).
fn read_literal(text: &str) -> Result<(), String> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or_default();
    let tag = inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let valid = match tag {
        Some(tag) => inner[tag.len()..].parse::<Ipv6Addr>().is_ok(),
        None => inner.parse::<Ipv4Addr>().is_ok(),
    };
    if valid {
        return Ok(());
    }
    Err(format!("{} is no address literal; write [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321)", shown(text)))
}
