//! Addresses: as a program sets them, and checked for the wire.
//!
//! Policy: the grammar is RFC 5321 section 4.1.2 with RFC 6531 (UTF-8), and nothing outside it is guessed at.
//! An address that two programs could read differently is refused with an error that says how to write it;
//! the domain is what follows the last `@` outside quotation marks, comments do not exist. Two things that
//! the grammar forbids are in real use and harmless, so they are taken: local parts with misplaced dots
//! (`a..b@docomo.example`), which go out quoted, and underscores in domains.
//! All checks are made on UTF-8, never on truncated characters, in one pass.

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{is_control, is_invisible, shown};
use crate::error::Error;

/// An address as the program sets it: checked when the message is composed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// The mailbox, `user@example.com`, without a name and without angle brackets.
    pub email: String,
    /// The name shown to people; may be empty.
    pub name: String,
}

impl Address {
    /// An address without a name.
    pub fn new(email: impl Into<String>) -> Self {
        Self { email: email.into(), name: String::new() }
    }

    /// An address with the name that is shown to people.
    pub fn named(email: impl Into<String>, name: impl Into<String>) -> Self {
        Self { email: email.into(), name: name.into() }
    }
}

impl From<&str> for Address {
    fn from(email: &str) -> Self {
        Self::new(email)
    }
}

impl From<String> for Address {
    fn from(email: String) -> Self {
        Self::new(email)
    }
}

impl<E: Into<String>, N: Into<String>> From<(E, N)> for Address {
    fn from((email, name): (E, N)) -> Self {
        Self::named(email, name)
    }
}

/// A checked mailbox (RFC 5321 section 4.1.2, RFC 6531): what may stand in a path.
///
/// Two mailboxes are equal when their local parts are the same and their domains mean the same
/// (`BÜCHER.example` is `xn--bcher-kva.example`).
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// `local@domain`, in one piece and shared: every message has several mailboxes, which its envelope, its transaction
    /// and its report name.
    path: Arc<str>,
    /// Where the `@` between the two is.
    at: usize,
    /// `None` when it is the same as the domain.
    ascii_domain: Option<String>,
}

/// RFC 5321 section 4.5.3.1.1.
const LONGEST_LOCAL_PART: usize = 64;
/// RFC 5321 section 4.5.3.1.3 allows a path 256 octets, two of them angle brackets.
const LONGEST_MAILBOX: usize = 254;
/// RFC 1035 section 2.3.4.
const LONGEST_LABEL: usize = 63;
/// UTS-46 only shortens, and to at most 253 characters of four bytes; more than that is not worth its time.
const LONGEST_UNICODE_DOMAIN: usize = 1024;

impl Mailbox {
    /// Checks `email`.
    ///
    /// # Errors
    ///
    /// [`Error::input`] for `field` that says what is wrong and what to write instead.
    pub fn parse(email: &str, field: &str) -> Result<Self, Error> {
        if let Some(at) = plain(email.as_bytes()) {
            return Ok(Self { path: email.into(), at, ascii_domain: None });
        }
        Self::read(email).map_err(|problem| Error::input(field, problem))
    }

    /// Whether `email` is a mailbox in ASCII that is written as it is given: nearly every address is.
    pub(crate) fn is_plain(email: &str) -> bool {
        plain(email.as_bytes()).is_some()
    }

    fn read(email: &str) -> Result<Self, String> {
        if email.is_empty() {
            return Err("the address is empty; write it as user@example.com".into());
        }
        if let Some(c) = email.chars().find(|&c| is_control(c)) {
            return Err(format!(
                "{} holds the control character U+{:04X}, which may not stand in an address",
                shown(email),
                u32::from(c)
            ));
        }
        if email.trim() != email {
            return Err(format!("{} begins or ends with white space; trim the address first", shown(email)));
        }
        if email.ends_with('>') {
            return Err(format!(
                "{} holds angle brackets; put only user@example.com here and the name in Name",
                shown(email)
            ));
        }
        let (local, domain) = split(email)?;
        let local_part = read_local_part(local)?;
        let (domain, ascii_domain) = read_domain(domain)?;
        if local_part.len() > LONGEST_LOCAL_PART {
            return Err(format!(
                "the part before the @ has {} octets; at most {LONGEST_LOCAL_PART} are allowed (RFC 5321)",
                local_part.len()
            ));
        }
        let at = local_part.len();
        let mailbox = Self { path: (local_part + "@" + &domain).into(), at, ascii_domain };
        let length = at + 1 + mailbox.domain().len().max(mailbox.ascii_domain().len());
        if length > LONGEST_MAILBOX {
            return Err(format!(
                "the address has {length} octets; at most {LONGEST_MAILBOX} are allowed (RFC 5321)"
            ));
        }
        Ok(mailbox)
    }

    /// The part before the `@` in its wire form: quoted where it must be, and only there.
    #[must_use]
    pub fn local_part(&self) -> &str {
        &self.path[..self.at]
    }

    /// The domain: ASCII as it was given, else normalised by UTS-46; or a literal such as `[192.0.2.1]`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.path[self.at + 1..]
    }

    /// The domain in ASCII (A-labels, RFC 5890).
    #[must_use]
    pub fn ascii_domain(&self) -> &str {
        self.ascii_domain.as_deref().unwrap_or(self.domain())
    }

    /// `email` itself, shared where the mailbox is written as it was given.
    pub(crate) fn given(&self, email: &str) -> Arc<str> {
        if *self.path == *email { Arc::clone(&self.path) } else { email.into() }
    }

    /// The pieces of `local@domain`, without or with UTF-8 in the domain, in order.
    pub(crate) fn pieces(&self, utf8: bool) -> [&str; 3] {
        match &self.ascii_domain {
            Some(ascii) if !utf8 => [self.local_part(), "@", ascii],
            _ => [&self.path, "", ""],
        }
    }

    /// Whether the part before the `@` is ASCII; if not, only a server with SMTPUTF8 can take it.
    #[must_use]
    pub fn has_ascii_local_part(&self) -> bool {
        self.local_part().is_ascii()
    }

    /// `local@domain` for `MAIL` and `RCPT`.
    ///
    /// With `utf8` (SMTPUTF8 is in use) it is as given; without, the domain is in ASCII,
    /// and there is no such form (`None`) when the local part is not ASCII.
    #[must_use]
    pub fn to_path(&self, utf8: bool) -> Option<Cow<'_, str>> {
        match &self.ascii_domain {
            _ if !utf8 && !self.has_ascii_local_part() => None,
            Some(ascii) if !utf8 => Some(format!("{}@{ascii}", self.local_part()).into()),
            _ => Some((&*self.path).into()),
        }
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.local_part() == other.local_part()
            && self.ascii_domain().eq_ignore_ascii_case(other.ascii_domain())
    }
}

impl Eq for Mailbox {}

impl Hash for Mailbox {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.local_part().hash(state);
        for byte in self.ascii_domain().bytes() {
            byte.to_ascii_lowercase().hash(state);
        }
    }
}

/// Splits at the last `@` that is not inside quotation marks.
fn split(email: &str) -> Result<(&str, &str), String> {
    let at = if email.starts_with('"') {
        let end =
            closing_quote(email).ok_or_else(|| format!("{} has no closing quotation mark", shown(email)))?;
        if !email[end + 1..].starts_with('@') {
            return Err(format!(
                "{}: the @ must follow the closing quotation mark; put a name in Name",
                shown(email)
            ));
        }
        end + 1
    } else {
        email.rfind('@').ok_or_else(|| format!("{} has no @; write it as user@example.com", shown(email)))?
    };
    Ok((&email[..at], &email[at + 1..]))
}

/// The index of the quotation mark that closes the one `text` begins with.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (i, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(i),
            _ => {}
        }
    }
    None
}

/// Where the `@` is, when `email` is what nearly every address is: a dot-string of ASCII and a short domain of letters,
/// digits, underscores and single hyphens that does not end in a digit. Everything else is looked at more closely: so
/// punycode, which has two hyphens in a row, and numbers, which may be addresses of IPv4.
fn plain(email: &[u8]) -> Option<usize> {
    let at = words::<ATEXT, DOT>(email)?;
    let (b'@', domain) = email[at..].split_first()? else { return None };
    // Then no label is too long either.
    let short = at <= LONGEST_LOCAL_PART && domain.len() <= LONGEST_LABEL;
    let whole = short && words::<LABEL, JOINT>(domain)? == domain.len();
    (whole && domain.last().is_some_and(|last| !last.is_ascii_digit())).then_some(at)
}

/// How far `text` is words of one kind with one joint between two; `None` when no word ends there.
fn words<const WORD: u8, const BETWEEN: u8>(text: &[u8]) -> Option<usize> {
    let (mut end, mut in_word) = (0, false);
    for byte in text {
        let kind = KINDS[usize::from(*byte)];
        if kind & WORD != 0 {
            in_word = true;
        } else if kind & BETWEEN != 0 && in_word {
            in_word = false;
        } else {
            break;
        }
        end += 1;
    }
    in_word.then_some(end)
}

/// `atext` of RFC 5322 section 3.2.3.
const ATEXT: u8 = 1;
/// What stands between two atoms.
const DOT: u8 = 2;
/// What a label of a domain begins and ends with: letters, digits, and the underscore that inner networks use.
const LABEL: u8 = 4;
/// What stands between those: a dot, or a hyphen within a label.
const JOINT: u8 = 8;

/// What each octet is.
const KINDS: [u8; 256] = {
    const OTHERS: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            kinds[byte as usize] = ATEXT | LABEL;
        }
        byte += 1;
    }
    let mut i = 0;
    while i < OTHERS.len() {
        kinds[OTHERS[i] as usize] = ATEXT;
        i += 1;
    }
    kinds[b'_' as usize] |= LABEL;
    kinds[b'-' as usize] |= JOINT;
    kinds[b'.' as usize] = DOT | JOINT;
    kinds
};

fn is_atext(byte: u8) -> bool {
    KINDS[usize::from(byte)] & ATEXT != 0
}

/// `Dot-string` of RFC 5321 with the UTF-8 of RFC 6531.
fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(|b| is_atext(b) || !b.is_ascii()))
}

fn read_local_part(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("there is nothing before the @; write the address as user@example.com".into());
    }
    if let Some(c) = text.chars().find(|&c| is_invisible(c) || (c.is_whitespace() && !c.is_ascii())) {
        return Err(format!(
            "{} holds the invisible character U+{:04X} before the @; remove it",
            shown(text),
            u32::from(c)
        ));
    }
    let content = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted.strip_suffix('"').unwrap_or(quoted)),
        None => match text.chars().find(|&c| c.is_ascii() && c != '.' && !is_atext(c as u8)) {
            Some(c) => return Err(misplaced(text, c)),
            None => text.to_owned(),
        },
    };
    Ok(if is_dot_string(&content) { content } else { quote(&content) })
}

/// What to do about a character that stands before the `@` without quotation marks.
fn misplaced(text: &str, c: char) -> String {
    let advice = match c {
        '@' | ',' | ';' => "give one address here, and add each recipient by itself",
        _ => "put a name in Name, and leave comments out",
    };
    format!(
        "{} holds {} before the @; {advice}; if it is part of the mailbox, set quotation marks: \"a b\"@example.com",
        shown(text),
        shown(c.encode_utf8(&mut [0; 4])),
    )
}

/// What a quoted string means: the text without the backslashes that escape.
fn unquote(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        // The closing quotation mark was found with the same rule, so a backslash is never the last character.
        content.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    content
}

fn quote(content: &str) -> String {
    let mut quoted = String::with_capacity(content.len() + 2);
    quoted.push('"');
    for c in content.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The domain to show, and the ASCII form when that is another.
fn read_domain(text: &str) -> Result<(String, Option<String>), String> {
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
    if text.len() > LONGEST_UNICODE_DOMAIN {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(email: &str) -> Result<Mailbox, Error> {
        Mailbox::parse(email, "From.Email")
    }

    fn path(email: &str) -> String {
        parse(email).unwrap_or_else(|e| panic!("{email}: {e}")).to_path(true).unwrap().into_owned()
    }

    #[test]
    fn ordinary_mailboxes_stay_as_they_are() {
        for email in [
            "user@example.com",
            "User.Name+tag@Example.COM",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "postmaster@localhost",
            "a@my_company.local",
            "user@[192.0.2.1]",
            "user@[IPv6:2001:db8::1]",
            "\"\"@example.com",
            "\"a b\"@example.com",
            "\"a\\\"b\\\\c\"@example.com",
            "用户@例え.example",
            "x@1and1.example",
            "x@r4---sn-abc.example",
        ] {
            assert_eq!(path(email), email);
        }
    }

    #[test]
    fn quotation_marks_are_where_they_must_be_and_only_there() {
        assert_eq!(path("a..b@docomo.example"), "\"a..b\"@docomo.example");
        assert_eq!(path("a.@x.example"), "\"a.\"@x.example");
        assert_eq!(path(".a@x.example"), "\".a\"@x.example");
        assert_eq!(path("\"simple\"@x.example"), "simple@x.example");
        assert_eq!(path("\"a\\b\"@x.example"), "ab@x.example");
        assert_eq!(parse("\"a\\ b\"@x.example").unwrap().local_part(), "\"a b\"");
        assert_eq!(parse("\"simple\"@x.example").unwrap(), parse("simple@X.example").unwrap());
    }

    #[test]
    fn the_domain_follows_the_last_unquoted_at() {
        let mailbox = parse("\"a@b.example x\"@internal.example").unwrap();
        assert_eq!(mailbox.domain(), "internal.example");
        assert_eq!(mailbox.local_part(), "\"a@b.example x\"");

        let email = "\"foo@a.example> ORCPT=admin@b.example\"@c.example";
        assert_eq!(path(email), email);
        assert_eq!(parse(email).unwrap().domain(), "c.example");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused_with_advice() {
        for (email, advice) in [
            ("", "user@example.com"),
            ("user", "no @"),
            ("@example.com", "before the @"),
            ("user@", "after the @"),
            (" user@example.com", "trim"),
            ("user@example.com\u{3000}", "trim"),
            ("Jane <jane@example.com>", "Name"),
            ("\"Jane\" <jane@example.com>", "Name"),
            ("<jane@example.com>", "Name"),
            ("Jane jane@example.com", "Name"),
            ("user@good.example(x)evil.example", "comment"),
            ("user(x)@example.com", "comments"),
            ("a@b@example.com", "one address"),
            ("a,b@example.com", "one address"),
            ("\"a\"b@example.com", "closing quotation mark"),
            ("\"a@example.com", "closing quotation mark"),
            ("\"a\\\"@example.com", "closing quotation mark"),
            ("a.\"b c\"@example.com", "quotation marks"),
            ("user@example.com.", "dot"),
            ("user@example..com", "dots"),
            ("user@.example.com", "dots"),
            ("user@-a.example", "hyphen"),
            ("user@exam ple.com", "letters"),
            ("user@a.example,b@c.example", "one address"),
            ("user@a.example> SIZE=1", "letters"),
            ("user@192.0.2.1", "user@[192.0.2.1]"),
            ("user@[192.0.2.256]", "[192.0.2.1]"),
            ("user@[IPv6:fe80::1%eth0]", "[IPv6:"),
            ("user@[example.com]", "[192.0.2.1]"),
            ("user@[192.0.2.1", "[192.0.2.1]"),
            ("user@xn--a.example", "IDNA"),
        ] {
            let error = parse(email).unwrap_err();
            assert_eq!(error.field(), Some("From.Email"), "{email}");
            assert!(error.message().contains(advice), "{email}: {error}");
        }
    }

    #[test]
    fn controls_are_refused_everywhere_and_never_shown() {
        for c in ('\0'..=' ').chain(['\u{7f}', '\u{85}', '\u{200b}', '\u{202e}', '\u{2028}', '\u{feff}']) {
            for email in
                [format!("a{c}b@example.com"), format!("ab@exam{c}ple.com"), format!("ab@example.com{c}")]
            {
                let error = parse(&email).unwrap_err();
                assert!(!error.message().chars().any(char::is_control), "{error:?}");
            }
            if c != ' ' {
                assert!(parse(&format!("\"a{c}b\"@example.com")).is_err(), "{c:?}");
                assert!(parse(&format!("\"a\\{c}b\"@example.com")).is_err(), "{c:?}");
            }
        }
    }

    #[test]
    fn characters_that_truncate_to_line_ends_are_characters() {
        // Their low bytes are LF and CR.
        assert_eq!(path("\u{760a}\u{760d}@example.com"), "\u{760a}\u{760d}@example.com");
    }

    #[test]
    fn international_domains() {
        let mailbox = parse("user@BÜCHER.example").unwrap();
        assert_eq!(mailbox.domain(), "bücher.example");
        assert_eq!(mailbox.ascii_domain(), "xn--bcher-kva.example");
        assert_eq!(mailbox.to_path(false).unwrap(), "user@xn--bcher-kva.example");
        assert_eq!(mailbox, parse("user@xn--bcher-kva.EXAMPLE").unwrap());
        assert_eq!(parse("user@xn--bcher-kva.EXAMPLE").unwrap().domain(), "xn--bcher-kva.EXAMPLE");
        // UTS-46: a soft hyphen vanishes, full-width letters and dots are the ordinary ones.
        assert_eq!(path("user@exam\u{ad}ple.com"), "user@example.com");
        assert_eq!(path("user@ｅｘａｍｐｌｅ．com"), "user@example.com");
        assert_eq!(path("user@example。com"), "user@example.com");
        assert!(parse("user@a℀b.example").is_err(), "maps to a/c");
        assert!(parse("user@１９２.0.2.1").is_err());
    }

    #[test]
    fn a_non_ascii_local_part_needs_smtputf8() {
        let mailbox = parse("jörg@bücher.example").unwrap();
        assert!(!mailbox.has_ascii_local_part());
        assert_eq!(mailbox.to_path(false), None);
        assert_eq!(mailbox.to_path(true).unwrap(), "jörg@bücher.example");
    }

    #[test]
    fn lengths() {
        let label = "d".repeat(63);
        assert!(parse(&format!("{}@example.com", "l".repeat(64))).is_ok());
        assert!(parse(&format!("{}@example.com", "l".repeat(65))).is_err());
        assert!(parse(&format!("{}@example.com", "ü".repeat(33))).is_err());
        assert!(parse(&format!("u@{label}.example")).is_ok());
        assert!(parse(&format!("u@{label}d.example")).is_err());
        let domain = format!("{label}.{label}.{label}.{}", "e".repeat(60));
        assert_eq!(domain.len(), 252);
        assert!(parse(&format!("u@{domain}")).is_ok());
        assert!(parse(&format!("uu@{domain}")).is_err());
    }

    proptest! {
        /// The short way takes nothing that the long way refuses, and reads it alike.
        #[test]
        fn the_short_way_agrees_with_the_long_one(email in "[aA0.!\"@_ -]{0,5}@([a1x_-]|\\.|xn--|r4---|\\[|ü|@){0,9}(com|1|a)?") {
            if let Some(at) = plain(email.as_bytes()) {
                let long = Mailbox::read(&email).unwrap_or_else(|problem| panic!("{email}: {problem}"));
                prop_assert_eq!((&*long.path, long.at, &long.ascii_domain), (&*email, at, &None));
            }
        }
    }

    #[test]
    fn hostile_lengths_end_soon() {
        for piece in ["\\", "@", "(", "\"", ".", "ü.", "xn--", "[", "a@"] {
            let long = piece.repeat(200_000);
            let _ = parse(&long);
            let _ = parse(&format!("\"{long}"));
            assert!(parse(&format!("a@{long}")).is_err(), "{piece}");
        }
    }
}
