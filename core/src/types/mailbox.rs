//! Mailboxes: addresses that are checked for the wire.
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
    sync::Arc,
};

use super::{domain, is_control, local_part, plain_mailbox, shown};
use crate::error::Error;

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

/// RFC 5321 section 4.5.3.1.3 allows a path 256 octets, two of them angle brackets.
const LONGEST_MAILBOX: usize = 254;
impl Mailbox {
    /// Checks `email`.
    ///
    /// # Errors
    ///
    /// [`Error::input`] for `field` that says what is wrong and what to write instead.
    pub fn parse(email: &str, field: &str) -> Result<Self, Error> {
        if let Some(at) = plain_mailbox::at(email) {
            return Ok(Self { path: email.into(), at, ascii_domain: None });
        }
        Self::read(email).map_err(|problem| Error::input(field, problem))
    }

    /// Where the `@` is, when `email` is a mailbox in ASCII that is written as it is given: nearly every address is.
    pub(crate) fn plain(email: &str) -> Option<usize> {
        plain_mailbox::at(email)
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
        let local_part = local_part::read(local)?;
        let (domain, ascii_domain) = domain::read(domain)?;
        if local_part.len() > local_part::LONGEST {
            return Err(format!(
                "the part before the @ has {} octets; at most {} are allowed (RFC 5321)",
                local_part.len(),
                local_part::LONGEST
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
            ("user@ü.xn--xn--ov--xn--ovg", "IDNA"),
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
            if let Some(at) = plain_mailbox::at(&email) {
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
