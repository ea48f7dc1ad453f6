//! How to log in, as a setting.

use crate::error::Error;

/// How to log in. The numbers are those of the property `AuthMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AuthMode {
    /// No login, even when an account is set.
    None = 0,
    /// The LOGIN mechanism.
    AuthLogin = 1,
    /// CRAM-MD5 (RFC 2195).
    CramMd5 = 2,
    /// The strongest mechanism offered, or the one named in `SASL`.
    Sasl = 4,
    /// The PLAIN mechanism (RFC 4616).
    Plain = 16,
    /// DIGEST-MD5 (RFC 2831).
    DigestMd5 = 17,
    /// SCRAM-SHA-1-PLUS where it is offered, else SCRAM-SHA-1 (RFC 5802).
    ScramSha1 = 18,
    /// SCRAM-SHA-256-PLUS where it is offered, else SCRAM-SHA-256 (RFC 7677).
    ScramSha256 = 19,
    /// SCRAM-SHA-512-PLUS where it is offered, else SCRAM-SHA-512.
    ScramSha512 = 20,
    /// SCRAM with MD5, for servers that have nothing else; never chosen unasked.
    ScramMd5 = 21,
    /// NTLM, version 2 (MS-NLMP).
    Ntlm = 22,
    /// XOAUTH2 with `Token`; without one, `Password` is taken as the token.
    XOAuth2 = 23,
    /// OAUTHBEARER (RFC 7628) with `Token`; without one, `Password` is taken as the token.
    OAuthBearer = 24,
    /// EXTERNAL (RFC 4422 appendix A): the server knows the client from its certificate.
    External = 25,
    /// ANONYMOUS (RFC 4505); `Account` is sent as the trace.
    Anonymous = 26,
    /// The strongest mechanism offered, when an account or a token is set.
    #[default]
    Auto = 27,
}

impl AuthMode {
    /// Every value, with the name it goes by in strings.
    pub const ALL: [(AuthMode, &'static str); 16] = [
        (Self::None, "none"),
        (Self::AuthLogin, "login"),
        (Self::CramMd5, "cram-md5"),
        (Self::Sasl, "sasl"),
        (Self::Plain, "plain"),
        (Self::DigestMd5, "digest-md5"),
        (Self::ScramSha1, "scram-sha-1"),
        (Self::ScramSha256, "scram-sha-256"),
        (Self::ScramSha512, "scram-sha-512"),
        (Self::ScramMd5, "scram-md5"),
        (Self::Ntlm, "ntlm"),
        (Self::XOAuth2, "xoauth2"),
        (Self::OAuthBearer, "oauthbearer"),
        (Self::External, "external"),
        (Self::Anonymous, "anonymous"),
        (Self::Auto, "auto"),
    ];

    /// The value with that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().map(|(mode, _)| mode).find(|mode| i64::from(*mode as u8) == number)
    }

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(mode, _)| *mode == self).map_or("auto", |(_, name)| name)
    }

    /// The mechanisms that the value stands for, strongest first; `None` when the server's offer decides.
    pub(super) fn mechanisms(self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::None => &[],
            Self::AuthLogin => &["LOGIN"],
            Self::CramMd5 => &["CRAM-MD5"],
            Self::Plain => &["PLAIN"],
            Self::DigestMd5 => &["DIGEST-MD5"],
            Self::ScramSha1 => &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
            Self::ScramSha256 => &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
            Self::ScramSha512 => &["SCRAM-SHA-512-PLUS", "SCRAM-SHA-512"],
            Self::ScramMd5 => &["SCRAM-MD5"],
            Self::Ntlm => &["NTLM"],
            Self::XOAuth2 => &["XOAUTH2"],
            Self::OAuthBearer => &["OAUTHBEARER"],
            Self::External => &["EXTERNAL"],
            Self::Anonymous => &["ANONYMOUS"],
            Self::Sasl | Self::Auto => return None,
        })
    }
}

impl std::str::FromStr for AuthMode {
    type Err = Error;

    /// Takes the name in any case, and the original's form too: `cram-md5`, `CramMD5`, `AuthLogin`, `ScramSHA256`.
    fn from_str(s: &str) -> Result<Self, Error> {
        // The two forms differ in case and hyphens alone, but for one that has a name of its own.
        let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
        let name = if s.eq_ignore_ascii_case("AuthLogin") { "login".to_owned() } else { plain(s) };
        Self::ALL.into_iter().find(|(_, n)| name == plain(n)).map(|(mode, _)| mode).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
            Error::input("AuthMode", format!("is one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_number_a_name_and_the_originals_form() {
        for (mode, name) in AuthMode::ALL {
            assert_eq!(AuthMode::from_number(i64::from(mode as u8)), Some(mode));
            assert_eq!((mode.as_str(), name.parse::<AuthMode>().unwrap()), (name, mode));
            assert_eq!(name.to_uppercase().parse::<AuthMode>().unwrap(), mode);
        }
        for (form, mode) in [
            ("AuthLogin", AuthMode::AuthLogin),
            ("CramMD5", AuthMode::CramMd5),
            ("SASL", AuthMode::Sasl),
            ("ScramSHA256", AuthMode::ScramSha256),
            ("OAuthBearer", AuthMode::OAuthBearer),
        ] {
            assert_eq!(form.parse::<AuthMode>().unwrap(), mode);
        }
        assert_eq!("nothing".parse::<AuthMode>().unwrap_err().field(), Some("AuthMode"));
        assert_eq!(AuthMode::from_number(3), None);
    }
}
