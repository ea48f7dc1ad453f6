//! Delivery options as the envelope carries them: checked, and in the alphabet of their parameters.
//!
//! [`DeliveryOptions`](crate::message::DeliveryOptions) and [`RecipientOptions`](crate::message::RecipientOptions) are
//! what a program sets; they make these. Nothing else does, so no parameter can hold what would end its line.

use std::fmt;

use super::Moment;

/// An extension of SMTP that a delivery option needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DeliveryExtension {
    /// Delivery reports (RFC 3461).
    Dsn,
    /// TLS on the whole way (RFC 8689).
    RequireTls,
    /// A time limit for delivery (RFC 2852).
    DeliverBy,
    /// Delivery later (RFC 4865).
    FutureRelease,
    /// Priority in the queues of servers (RFC 6710).
    MtPriority,
    /// Only if the mailbox has been its owner's since a moment (RFC 7293).
    Rrvs,
}

impl DeliveryExtension {
    /// Every value.
    pub const ALL: [Self; 6] =
        [Self::Dsn, Self::RequireTls, Self::DeliverBy, Self::FutureRelease, Self::MtPriority, Self::Rrvs];

    /// The keyword in the reply to EHLO.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Dsn => "DSN",
            Self::RequireTls => "REQUIRETLS",
            Self::DeliverBy => "DELIVERBY",
            Self::FutureRelease => "FUTURERELEASE",
            Self::MtPriority => "MT-PRIORITY",
            Self::Rrvs => "RRVS",
        }
    }

    /// The properties that ask for it, for people.
    #[must_use]
    pub fn properties(self) -> &'static str {
        match self {
            Self::Dsn => "Notify, OriginalRecipient, ReturnContent and EnvelopeID",
            Self::RequireTls => "RequireTls",
            Self::DeliverBy => "DeliverBy",
            Self::FutureRelease => "HoldFor and HoldUntil",
            Self::MtPriority => "MtPriority",
            Self::Rrvs => "ValidSince",
        }
    }

    /// The RFC that defines it.
    #[must_use]
    pub fn reference(self) -> &'static str {
        match self {
            Self::Dsn => "RFC 3461",
            Self::RequireTls => "RFC 8689",
            Self::DeliverBy => "RFC 2852",
            Self::FutureRelease => "RFC 4865",
            Self::MtPriority => "RFC 6710",
            Self::Rrvs => "RFC 7293",
        }
    }
}

impl fmt::Display for DeliveryExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.keyword())
    }
}

impl std::str::FromStr for DeliveryExtension {
    type Err = ();

    /// Takes the keyword in any case.
    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|value| s.eq_ignore_ascii_case(value.keyword())).ok_or(())
    }
}

/// Why a server or a session cannot give a delivery option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmet {
    /// The server does not offer the extension.
    NotOffered,
    /// The time to deliver by is shorter than the server's least (RFC 2852 section 2).
    TooSoon {
        /// Seconds asked for.
        seconds: u32,
        /// The server's least.
        minimum: u64,
    },
    /// The message is to be held longer than the server does (RFC 4865 section 4).
    HeldTooLong {
        /// Seconds asked for.
        seconds: u32,
        /// The server's most.
        longest: u64,
    },
    /// The message is to be held until after the server's latest moment (RFC 4865 section 4).
    HeldTooLate {
        /// The moment asked for.
        until: Moment,
        /// The server's latest.
        latest: Moment,
    },
    /// The session is in clear text (RFC 8689 section 4.1).
    ClearText,
    /// The settings take any certificate, so TLS proves nothing (RFC 8689 section 4.1).
    CertificateUnchecked,
}

/// How long a server holds a message before it delivers it (RFC 4865).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// So many seconds.
    For(u32),
    /// Until then.
    Until(Moment),
}

/// A time limit for delivery (RFC 2852), checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeliverBy {
    /// Seconds from MAIL on, at most nine digits.
    pub(crate) seconds: u32,
    /// What happens when it passes: the message is returned (`R`), else the sender is told (`N`).
    pub(crate) returned: bool,
    /// Each server on the way reports (`T`).
    pub(crate) trace: bool,
}

/// A set of extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions(u8);

impl Extensions {
    /// The same with one more.
    pub(crate) const fn with(self, extension: DeliveryExtension) -> Self {
        Self(self.0 | 1 << extension as u8)
    }

    pub(crate) fn contains(self, extension: DeliveryExtension) -> bool {
        self.with(extension) == self
    }
}

/// The options of MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailOptions {
    /// `RET`: `FULL` or `HDRS`.
    pub(crate) return_content: Option<&'static str>,
    /// `ENVID`, in xtext.
    pub(crate) envelope_id: Option<String>,
    pub(crate) require_tls: bool,
    pub(crate) deliver_by: Option<DeliverBy>,
    pub(crate) hold: Option<Hold>,
    /// From -9 to 9.
    pub(crate) mt_priority: Option<i8>,
    /// What may be left out.
    pub(crate) optional: Extensions,
}

impl Default for MailOptions {
    /// Nothing is asked for, and reports on delivery may be left out.
    fn default() -> Self {
        Self {
            return_content: None,
            envelope_id: None,
            require_tls: false,
            deliver_by: None,
            hold: None,
            mt_priority: None,
            optional: Extensions::default().with(DeliveryExtension::Dsn),
        }
    }
}

/// The options of one RCPT; the default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptOptions {
    /// `NOTIFY`, such as `SUCCESS,DELAY`.
    pub(crate) notify: Option<String>,
    /// `ORCPT` with its address type, in xtext.
    pub(crate) original_recipient: Option<String>,
    /// `RRVS`: since when, and `C` or `R` where it is said.
    pub(crate) valid_since: Option<(Moment, Option<char>)>,
}

impl RcptOptions {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
