//! The server's certificate: what it says of itself, and what is wrong with it.

use std::net::IpAddr;

use x509_cert::{
    certificate::{CertificateInner, Raw},
    der::{Decode, Encode, oid::AssociatedOid},
    ext::pkix::{SubjectAltName, name::GeneralName},
    time::Time,
};

use crate::{
    log::escape,
    types::{CertificatePin, Failure},
};

/// Names that a sentence lists before it says how many others there are.
const LISTED: usize = 8;
/// Characters of a name that a sentence shows.
const SHOWN: usize = 120;

/// What a certificate says. Everything in it is the peer's word, made harmless to show.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// Its own fingerprint, and that of its key where it could be read.
    pins: Vec<CertificatePin>,
    facts: Option<Facts>,
}

#[derive(Clone, Debug)]
struct Facts {
    subject: String,
    issuer: String,
    self_issued: bool,
    not_before: Moment,
    not_after: Moment,
    names: Vec<Name>,
}

#[derive(Clone, Debug)]
enum Name {
    Host(String),
    Address(IpAddr),
}

/// A time, and its day in UTC.
#[derive(Clone, Debug)]
struct Moment {
    unix_seconds: i64,
    day: String,
}

/// Something wrong with a certificate: what, and how a sentence goes on that begins with "the certificate".
pub(super) type Problem = (Failure, String);

impl Certificate {
    /// Reads a certificate in DER. One that can't be read still has its fingerprint.
    pub(crate) fn from_der(der: &[u8]) -> Self {
        let mut pins = vec![CertificatePin::of_certificate(der)];
        // `Raw`: certificates that break a rule of RFC 5280 exist, and are to be named all the same.
        let parsed = CertificateInner::<Raw>::from_der(der).ok();
        let key = parsed.as_ref().and_then(|c| c.tbs_certificate().subject_public_key_info().to_der().ok());
        pins.extend(key.map(|key: Vec<u8>| CertificatePin::of_public_key(&key)));
        Self { pins, facts: parsed.as_ref().map(Facts::of) }
    }

    /// The subject (RFC 4514): `CN=mail.example.com`. `None` when it has none, as many of today have.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.facts.as_ref().map(|facts| facts.subject.as_str()).filter(|subject| !subject.is_empty())
    }

    /// Its last second, in seconds since 1970-01-01 UTC.
    pub(crate) fn not_after(&self) -> Option<i64> {
        self.facts.as_ref().map(|facts| facts.not_after.unix_seconds)
    }

    /// Whether one of the pins means this certificate.
    pub(crate) fn is_pinned(&self, pins: &[CertificatePin]) -> bool {
        pins.iter().any(|pin| self.pins.iter().any(|own| pin.means(own)))
    }

    /// Its pins, as the settings would name them: `sha256/… or cert-sha256:…`.
    pub(crate) fn pins(&self) -> String {
        self.pins.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// What can be seen to be wrong: `name` is what it should be for, `None` when that does not matter; `now` in seconds since
    /// 1970-01-01 UTC.
    pub(super) fn problems(&self, name: Option<&str>, now: i64) -> Vec<Problem> {
        let Some(facts) = &self.facts else { return Vec::new() };
        let mut problems = Vec::new();
        if now > facts.not_after.unix_seconds {
            problems.push((Failure::CertificateExpired, format!("expired on {}", facts.not_after.day)));
        }
        if now < facts.not_before.unix_seconds {
            let text = format!("is not valid before {}", facts.not_before.day);
            problems.push((Failure::CertificateNotYetValid, text));
        }
        if let Some(name) = name.filter(|name| !facts.is_for(name)) {
            let text = format!("is issued for {}, not for {name}", facts.listed());
            problems.push((Failure::CertificateWrongName, text));
        }
        if facts.self_issued {
            problems.push((Failure::CertificateSelfSigned, format!("is self-signed: {}", facts.subject)));
        }
        problems
    }

    /// Who signed it.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.facts.as_ref().map(|facts| facts.issuer.as_str())
    }

    /// The day of its end.
    pub(super) fn last_day(&self) -> Option<&str> {
        self.facts.as_ref().map(|facts| facts.not_after.day.as_str())
    }
}

impl Facts {
    fn of(certificate: &CertificateInner<Raw>) -> Self {
        let tbs = certificate.tbs_certificate();
        // Extensions that are not read do no harm here.
        let alternative = tbs.extensions().into_iter().flatten().find(|e| e.extn_id == SubjectAltName::OID);
        let alternative = alternative.and_then(|e| SubjectAltName::from_der(e.extn_value.as_bytes()).ok());
        let mut names: Vec<Name> =
            alternative.into_iter().flat_map(|names| names.0).filter_map(Name::of).collect();
        if names.is_empty() {
            // What certificates had before 2000, and some home-made ones have today.
            let common = tbs.subject().common_name().ok().flatten();
            names.extend(common.map(|name| Name::Host(shown(&name.value()))));
        }
        Self {
            subject: shown(&tbs.subject().to_string()),
            issuer: shown(&tbs.issuer().to_string()),
            self_issued: tbs.subject() == tbs.issuer(),
            not_before: Moment::of(tbs.validity().not_before),
            not_after: Moment::of(tbs.validity().not_after),
            names,
        }
    }

    /// Whether it is for that name or address (RFC 9525 section 6): to explain, never to decide.
    fn is_for(&self, name: &str) -> bool {
        let bare = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let address = bare.parse::<IpAddr>().ok();
        self.names.iter().any(|known| match known {
            Name::Address(known) => address == Some(*known),
            Name::Host(pattern) => address.is_none() && matches(pattern, bare),
        })
    }

    fn listed(&self) -> String {
        let mut names = self.names.iter().map(|name| match name {
            Name::Host(name) => name.clone(),
            Name::Address(address) => address.to_string(),
        });
        let mut listed = names.by_ref().take(LISTED).collect::<Vec<_>>().join(", ");
        match names.count() {
            _ if listed.is_empty() => listed.push_str("no name"),
            0 => {}
            1 => listed.push_str(" and another name"),
            others => listed.push_str(&format!(" and {others} other names")),
        }
        listed
    }
}

/// Whether a name of a certificate, perhaps with a wildcard as its first label, is that host's.
fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.trim_end_matches('.');
    match pattern.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

impl Name {
    fn of(name: GeneralName) -> Option<Self> {
        match name {
            GeneralName::DnsName(name) => Some(Self::Host(shown(name.as_str()))),
            GeneralName::IpAddress(octets) => {
                let octets = octets.as_bytes();
                let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
                v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok().map(Self::Address)
            }
            _ => None,
        }
    }
}

impl Moment {
    fn of(time: Time) -> Self {
        let date = time.to_date_time();
        Self {
            unix_seconds: i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX),
            day: format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
        }
    }
}

/// Words of the peer, made harmless and short.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    escape(&short).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_wildcards() {
        for (pattern, host, same) in [
            ("mail.example.com", "MAIL.example.com", true),
            ("mail.example.com.", "mail.example.com", true),
            ("*.example.com", "mail.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.mail.example.com", false),
            ("mail.example.com", "example.com", false),
        ] {
            assert_eq!(matches(pattern, host), same, "{pattern} {host}");
        }
    }

    #[test]
    fn what_is_no_certificate_still_has_a_fingerprint() {
        let certificate = Certificate::from_der(b"\x30\x03abc");
        assert_eq!((certificate.subject(), certificate.not_after()), (None, None));
        assert!(certificate.is_pinned(&[CertificatePin::of_certificate(b"\x30\x03abc")]));
        assert!(!certificate.is_pinned(&[]));
        assert!(certificate.problems(Some("a"), 0).is_empty());
    }

    #[test]
    fn hostile_names_are_short_and_harmless() {
        assert_eq!(shown("a\u{1b}[2J\r\nb"), "a\\x1b[2J\\r\\nb");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), SHOWN + 1);
    }
}
