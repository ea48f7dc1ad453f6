//! A certificate that a server must have, by its fingerprint.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// SHA-256 of something of a certificate.
type Fingerprint = [u8; 32];

/// The fingerprint of a certificate, or of its public key, that a server must show.
///
/// Written in hexadecimal, with or without colons, or in base64; and before it, what it is the fingerprint of:
///
/// | prefix | SHA-256 of |
/// |---|---|
/// | `sha256/`, `sha256//` | the public key (`SubjectPublicKeyInfo`), as in RFC 7469 and curl: it outlives a renewal with the same key |
/// | `cert-sha256:` | the whole certificate, as `openssl x509 -fingerprint -sha256` prints it |
/// | none | either of them |
///
/// ```
/// use freesmtp_core::smtp::CertificatePin;
///
/// let pin: CertificatePin = "sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=".parse()?;
/// assert_eq!(pin.to_string(), "sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=");
/// # Ok::<(), freesmtp_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificatePin {
    of: Of,
    fingerprint: Fingerprint,
}

/// What a fingerprint was taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Key,
    Certificate,
    Either,
}

impl CertificatePin {
    /// The pin of a certificate in DER.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        Self { of: Of::Certificate, fingerprint: Sha256::digest(der).into() }
    }

    /// The pin of a public key: the `SubjectPublicKeyInfo` of a certificate, in DER.
    #[must_use]
    pub fn of_public_key(der: &[u8]) -> Self {
        Self { of: Of::Key, fingerprint: Sha256::digest(der).into() }
    }

    /// Whether this pin, of the settings, means the other one, of a server's certificate or of its key.
    pub(crate) fn means(&self, other: &Self) -> bool {
        (self.of == Of::Either || self.of == other.of) && self.fingerprint == other.fingerprint
    }
}

/// 32 bytes, in hexadecimal or base64.
fn fingerprint(text: &str) -> Option<Fingerprint> {
    let hex: Vec<u32> = text.chars().filter(|c| *c != ':').map_while(|c| c.to_digit(16)).collect();
    let all_hex = hex.len() == text.chars().filter(|c| *c != ':').count();
    if all_hex && hex.len() == 64 {
        let bytes: Vec<u8> =
            hex.chunks(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
        return bytes.try_into().ok();
    }
    // 32 bytes are 43 characters and one of padding, which some leave out.
    let padded = format!("{}=", text.strip_suffix('=').unwrap_or(text));
    BASE64_STANDARD.decode(padded).ok()?.try_into().ok()
}

impl FromStr for CertificatePin {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        let s = s.trim();
        let lower = s.to_ascii_lowercase();
        let (of, rest) = if lower.starts_with("cert-sha256:") {
            (Of::Certificate, &s["cert-sha256:".len()..])
        } else if lower.starts_with("sha256/") {
            (Of::Key, &s["sha256/".len()..])
        } else {
            (Of::Either, s)
        };
        // base64 may begin with a slash of its own.
        let curl = || rest.strip_prefix('/').filter(|_| of == Of::Key).and_then(fingerprint);
        let fingerprint = fingerprint(rest).or_else(curl).ok_or_else(|| {
            let text = format!(
                "{s:?} is no SHA-256 fingerprint; give 64 hexadecimal digits, or base64 such as \
                 sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E="
            );
            Error::input("CertificatePins", text)
        })?;
        Ok(Self { of, fingerprint })
    }
}

impl fmt::Display for CertificatePin {
    /// In a form that can be read again: `sha256/…` in base64 for a key, `cert-sha256:…` in hexadecimal for a
    /// certificate, hexadecimal alone for either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == Of::Key {
            return write!(f, "sha256/{}", BASE64_STANDARD.encode(self.fingerprint));
        }
        f.write_str(if self.of == Of::Certificate { "cert-sha256:" } else { "" })?;
        self.fingerprint.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "aff988906dde12955d9bebbf928fdcc31cce328d5b9384f21c8941ca26e20391";
    const BASE64: &str = "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=";

    #[test]
    fn every_form_means_the_same_bytes() {
        let colons =
            HEX.as_bytes().chunks(2).map(|b| String::from_utf8_lossy(b)).collect::<Vec<_>>().join(":");
        let upper = colons.to_uppercase();
        let either = [
            HEX,
            &colons,
            &upper,
            BASE64,
            BASE64.trim_end_matches('='),
            " aff988906dde12955d9bebbf928fdcc31cce328d5b9384f21c8941ca26e20391\n",
        ];
        let parse = |text: &str| text.parse::<CertificatePin>().unwrap();
        let plain = parse(HEX);
        assert_eq!(plain.to_string(), HEX);
        for text in either {
            assert_eq!(parse(text), plain, "{text}");
        }
        let key = parse(&format!("sha256/{BASE64}"));
        assert_eq!(key, parse(&format!("SHA256//{BASE64}")));
        assert_eq!(key, parse(&format!("sha256/{colons}")));
        assert_eq!(parse(&key.to_string()), key);
        let certificate = parse(&format!("cert-sha256:{upper}"));
        assert_eq!(certificate, parse(&format!("cert-sha256:{BASE64}")));
        assert_eq!(parse(&certificate.to_string()), certificate);
        assert_eq!((plain.means(&key), plain.means(&certificate)), (true, true));
        assert_eq!((key.means(&key), key.means(&certificate)), (true, false));
        assert_eq!((certificate.means(&key), certificate.means(&certificate)), (false, true));
    }

    #[test]
    fn base64_that_begins_with_a_slash() {
        let pin = CertificatePin { of: Of::Key, fingerprint: [0xff; 32] };
        assert!(pin.to_string().starts_with("sha256///"));
        assert_eq!(pin.to_string().parse::<CertificatePin>().unwrap(), pin);
        assert_eq!(pin.to_string().replacen('/', "//", 1).parse::<CertificatePin>().unwrap(), pin);
    }

    #[test]
    fn fingerprints_are_sha_256() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(abc.parse::<CertificatePin>().unwrap().means(&CertificatePin::of_certificate(b"abc")));
        assert!(abc.parse::<CertificatePin>().unwrap().means(&CertificatePin::of_public_key(b"abc")));
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in [
            "",
            "sha256/",
            "abc",
            "sha1/2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            &HEX[2..],
            &format!("{HEX}00"),
            "md5:00",
            "zz:zz",
        ] {
            assert_eq!(
                text.parse::<CertificatePin>().unwrap_err().field(),
                Some("CertificatePins"),
                "{text}"
            );
        }
    }
}
