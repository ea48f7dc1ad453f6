//! Who signs, with which key, and what is covered.

use std::{fmt, sync::Arc};

use super::{Canonicalization, key::Key};
use crate::{
    error::Error,
    types::{Mailbox, shown},
};

/// What is signed when it is there: what readers show, answer to or act on (RFC 6376 section 5.4.1).
const HEADERS: [&str; 19] = [
    "From",
    "Sender",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "To",
    "Cc",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "List-Id",
    "List-Post",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
];

/// What nobody may add to a signed message (section 8.15), because readers would show the added one.
const OVERSIGNED: [&str; 9] =
    ["From", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version", "Content-Type"];

/// One DKIM signature (RFC 6376): whose it is, the key, and what it covers.
///
/// The domain's DNS has the public key at `selector._domainkey.domain`. Copies share the key.
#[derive(Clone)]
pub struct DkimSigner {
    domain: String,
    selector: String,
    key: Arc<Key>,
    /// On whose behalf, an address `local@domain` or `@domain` in the domain or under it (`i=`); `None`: not said.
    pub identity: Option<String>,
    /// The headers to sign, each as often as it occurs; `From` must be among them.
    pub headers: Vec<String>,
    /// The headers that cannot be added later without breaking the signature.
    pub oversigned: Vec<String>,
    /// How headers may change on the way.
    pub header_canonicalization: Canonicalization,
    /// How the body may change on the way.
    pub body_canonicalization: Canonicalization,
    /// After how many seconds the signature is void (`x=`); `None`: never.
    pub expires_after: Option<u32>,
}

impl DkimSigner {
    /// Reads what [`new`](Self::new) takes.
    pub(crate) fn read(domain: &str, selector: &str, key: &str) -> Result<Self, Error> {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        Ok(Self {
            domain: dns_name(domain, "DKIM.Domain", 2)?,
            selector: dns_name(selector, "DKIM.Selector", 1)?,
            key: Arc::new(Key::read(key)?),
            identity: None,
            headers: names(&HEADERS),
            oversigned: names(&OVERSIGNED),
            header_canonicalization: Canonicalization::Relaxed,
            body_canonicalization: Canonicalization::Relaxed,
            expires_after: None,
        })
    }

    /// The domain that answers for the message (`d=`), in ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Which of the domain's keys (`s=`).
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// `rsa-sha256` or `ed25519-sha256`, as the key is.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        self.key.algorithm()
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Checks what can be set after [`new`](Self::new); `field` names the signer.
    pub(super) fn check(&self, field: &str) -> Result<(), Error> {
        let is_name = |name: &String| {
            name.bytes().all(|b| b.is_ascii_graphic() && !b":;".contains(&b))
                && !name.is_empty()
                && name.len() <= 70
        };
        for (list, member) in [(&self.headers, "Headers"), (&self.oversigned, "Oversigned")] {
            if let Some(name) = list.iter().find(|name| !is_name(name)) {
                return Err(Error::input(
                    format!("{field}.{member}"),
                    format!("{} is no header name", shown(name)),
                ));
            }
        }
        if !self.headers.iter().any(|name| name.eq_ignore_ascii_case("From")) {
            let problem = "From must be signed (RFC 6376 section 5.4); add it";
            return Err(Error::input(format!("{field}.Headers"), problem));
        }
        if self.expires_after == Some(0) {
            return Err(Error::input(format!("{field}.ExpiresAfter"), "is zero; give seconds above zero"));
        }
        match &self.identity {
            Some(identity) if !self.covers(identity) => {
                let problem = format!(
                    "{} must be an ASCII address in {} or under it, without quotes",
                    shown(identity),
                    self.domain
                );
                Err(Error::input(format!("{field}.Identity"), problem))
            }
            _ => Ok(()),
        }
    }

    fn covers(&self, identity: &str) -> bool {
        let Some((local, domain)) = identity.rsplit_once('@') else { return false };
        let within = domain.len() >= self.domain.len()
            && domain.is_char_boundary(domain.len() - self.domain.len())
            && domain[domain.len() - self.domain.len()..].eq_ignore_ascii_case(&self.domain)
            && matches!(domain[..domain.len() - self.domain.len()].chars().last(), None | Some('.'));
        let plain = local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b));
        within && plain && Mailbox::parse(&format!("x{local}@{domain}"), "").is_ok()
    }
}

/// A name of DNS in ASCII, of so many labels at least.
fn dns_name(name: &str, field: &str, labels: usize) -> Result<String, Error> {
    let wrong = || {
        let problem = format!("{} is no domain name; letters, digits, hyphens and dots only", shown(name));
        Error::input(field, problem)
    };
    let ascii = idna::domain_to_ascii(name).map_err(|_| wrong())?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let valid = ascii.len() <= 253 && ascii.split('.').count() >= labels && ascii.split('.').all(is_label);
    if valid { Ok(ascii) } else { Err(wrong()) }
}

impl PartialEq for DkimSigner {
    fn eq(&self, other: &Self) -> bool {
        let settings = |s: &Self| {
            (s.header_canonicalization, s.body_canonicalization, s.expires_after, s.identity.clone())
        };
        Arc::ptr_eq(&self.key, &other.key)
            && (&self.domain, &self.selector) == (&other.domain, &other.selector)
            && (&self.headers, &self.oversigned) == (&other.headers, &other.oversigned)
            && settings(self) == settings(other)
    }
}

impl Eq for DkimSigner {}

impl fmt::Debug for DkimSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DkimSigner")
            .field("domain", &self.domain)
            .field("selector", &self.selector)
            .field("algorithm", &self.algorithm())
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
