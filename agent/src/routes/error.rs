//! Why there is no way to a domain.

use std::fmt;

use freesmtp_core::Cause;

/// Why mail for a domain can't be sent anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// For now: the name service does not answer, or a policy can't be kept.
    Temporary {
        /// Enhanced status code (RFC 3463): `4.4.3` the name service, `4.7.5` a policy.
        code: &'static str,
        /// Why, for a person.
        text: String,
    },
    /// For good.
    Permanent {
        /// Enhanced status code (RFC 3463): `5.1.2` no such domain, `5.1.10` the domain takes no mail (RFC 7505),
        /// `5.4.4` its servers do not exist, `5.4.6` it leads back here.
        code: &'static str,
        /// Why, for a person.
        text: String,
    },
}

impl RouteError {
    pub(super) fn temporary(code: &'static str, text: impl Into<String>) -> Self {
        Self::Temporary { code, text: text.into() }
    }

    pub(super) fn permanent(code: &'static str, text: impl Into<String>) -> Self {
        Self::Permanent { code, text: text.into() }
    }

    /// Enhanced status code (RFC 3463).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Temporary { code, .. } | Self::Permanent { code, .. } => code,
        }
    }

    /// Why, for a person.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Temporary { text, .. } | Self::Permanent { text, .. } => text,
        }
    }

    /// Whether another attempt is of no use.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Permanent { .. })
    }

    /// What went wrong, in the words of the diagnosis.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self.code() {
            "4.4.3" => Cause::DnsFailed,
            "4.7.5" => Cause::TlsFailed,
            _ => Cause::RoutingFailed,
        }
    }
}

impl RouteError {
    /// What to do, for the sender.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self.code() {
            "5.1.2" => "Check the spelling of what stands behind the @.",
            "5.1.10" => "Ask the recipient for another address; nobody can send mail to this domain.",
            "5.4.4" => {
                "Reach the recipient in another way, and tell them that the MX records of their domain lead nowhere."
            }
            "5.4.6" => {
                "Tell whoever runs this mail system: mail for this domain leads back to it, and a route must say where it goes."
            }
            "4.7.5" => {
                "Tell the recipient: the policy of their domain (MTA-STS) and their servers do not fit each other."
            }
            _ => "Wait; the name service is asked again.",
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.text())
    }
}

impl std::error::Error for RouteError {}
