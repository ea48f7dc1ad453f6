//! Delivery options: what a program asks of the servers for a message and for each recipient.
//!
//! Policy: an option is data and may hold anything while the message is built; composing checks it, and an error names
//! the property. What a server does not offer is an error before the message is begun, because a program that asks for
//! TLS on the whole way or for a time limit relies on it; unless the program says that it may be left out.

use std::borrow::Cow;

use super::{Notify, numbered};
use crate::{
    error::Error,
    types::{
        DeliverBy, DeliveryExtension, Extensions, Hold, MailOptions, Mailbox, Moment, RcptOptions,
        is_control, shown, unicode_xtext, xtext,
    },
};

/// How much of the message a delivery report gives back (RFC 3461 section 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ReturnContent {
    /// What the server thinks fit.
    #[default]
    Default = 0,
    /// All of it.
    Full = 1,
    /// Its headers.
    Headers = 2,
}

numbered!(ReturnContent { Default = "Default", Full = "Full", Headers = "Headers", });

/// What a server does when the time of [`DeliveryOptions::deliver_by`] has passed (RFC 2852 section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DeliverByMode {
    /// It tells the sender, and goes on trying.
    #[default]
    Notify = 0,
    /// It returns the message as undeliverable.
    Return = 1,
}

numbered!(DeliverByMode { Notify = "Notify", Return = "Return", });

/// What a server does that has to pass a message with [`RecipientOptions::valid_since`] on to one without RRVS (RFC 7293
/// section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValidSinceAction {
    /// It is not said; servers then refuse.
    #[default]
    Default = 0,
    /// It passes the message on without the check.
    Continue = 1,
    /// It refuses.
    Reject = 2,
}

numbered!(ValidSinceAction { Default = "Default", Continue = "Continue", Reject = "Reject", });

/// What is asked of the servers for a message as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryOptions {
    /// How much of the message delivery reports give back (`RET`, RFC 3461).
    pub return_content: ReturnContent,
    /// A text that delivery reports give back, to tell which message they are about (`ENVID`, RFC 3461 section 4.4):
    /// printable ASCII, at most 100 characters, `+`, `=` and a space counting as three.
    pub envelope_id: Option<String>,
    /// Every server on the way has to use TLS and to check the next one's certificate, or to return the message
    /// (REQUIRETLS, RFC 8689). The session itself has to be encrypted, and its certificate checked.
    pub require_tls: bool,
    /// Seconds within which the message is to be delivered, from 1 to 999,999,999 (DELIVERBY, RFC 2852).
    pub deliver_by: Option<u32>,
    /// What happens when they have passed.
    pub deliver_by_mode: DeliverByMode,
    /// Whether each server on the way reports that it has passed the message on (`T`, RFC 2852 section 4).
    pub deliver_by_trace: bool,
    /// Seconds for which the server holds the message, from 1 to 999,999,999 (FUTURERELEASE, RFC 4865).
    pub hold_for: Option<u32>,
    /// The moment until which the server holds it; not together with `hold_for`.
    pub hold_until: Option<Moment>,
    /// From -9 to 9, 0 being usual: how soon servers handle it among others (MT-PRIORITY, RFC 6710). People are told by
    /// [`EmailMessage::priority`](super::EmailMessage::priority).
    pub mt_priority: Option<i8>,
    /// The extensions, by their EHLO keywords, whose options are left out when the server cannot give them, with a
    /// warning in the report; what is asked for and not named here is an error then. At first it is `DSN` alone: without
    /// it servers report failures in their usual way.
    pub optional_extensions: Cow<'static, [Cow<'static, str>]>,
}

/// What [`DeliveryOptions::optional_extensions`] is at first.
static OPTIONAL_AT_FIRST: &[Cow<'static, str>] = &[Cow::Borrowed(DeliveryExtension::Dsn.keyword())];

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            return_content: ReturnContent::Default,
            envelope_id: None,
            require_tls: false,
            deliver_by: None,
            deliver_by_mode: DeliverByMode::Notify,
            deliver_by_trace: false,
            hold_for: None,
            hold_until: None,
            mt_priority: None,
            optional_extensions: Cow::Borrowed(OPTIONAL_AT_FIRST),
        }
    }
}

/// What is asked of the servers for one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientOptions {
    /// When the sender gets a report (`NOTIFY`, RFC 3461).
    pub notify: Notify,
    /// Whom the message was for before a list or a forwarder put this recipient in (`ORCPT`, RFC 3461 section 4.2): an
    /// address, or `type;address`. Reports name it.
    pub original_recipient: Option<String>,
    /// The message is for the owner that the mailbox has had since this moment: if it has changed hands, it is not
    /// delivered (RRVS, RFC 7293).
    pub valid_since: Option<Moment>,
    /// What servers without RRVS mean for it.
    pub valid_since_action: ValidSinceAction,
}

/// RFC 2852 section 4 and RFC 4865 section 4: nine digits.
const MOST_SECONDS: u32 = 999_999_999;
/// RFC 3461 section 4.4.
const LONGEST_ENVELOPE_ID: usize = 100;
/// RFC 3461 section 4.2.
const LONGEST_ORIGINAL_RECIPIENT: usize = 500;

impl DeliveryOptions {
    /// The options of MAIL; `now` is the time of composing.
    ///
    /// # Errors
    ///
    /// [`Error::input`] for the property that is wrong.
    #[inline]
    pub fn check(&self, now: Moment) -> Result<MailOptions, Error> {
        // As nearly every message has them.
        if self.ask_for_nothing() { Ok(MailOptions::default()) } else { self.check_each(now) }
    }

    fn check_each(&self, now: Moment) -> Result<MailOptions, Error> {
        Ok(MailOptions {
            return_content: match self.return_content {
                ReturnContent::Default => None,
                ReturnContent::Full => Some("FULL"),
                ReturnContent::Headers => Some("HDRS"),
            },
            envelope_id: self.envelope_id.as_deref().map(envelope_id).transpose()?,
            require_tls: self.require_tls,
            deliver_by: seconds(self.deliver_by, "DeliverBy")?.map(|seconds| DeliverBy {
                seconds,
                returned: self.deliver_by_mode == DeliverByMode::Return,
                trace: self.deliver_by_trace,
            }),
            hold: self.check_hold(now)?,
            mt_priority: match self.mt_priority {
                Some(priority) if !(-9..=9).contains(&priority) => {
                    let problem =
                        format!("{priority} is no priority; the numbers go from -9 to 9 (RFC 6710)");
                    return Err(Error::input("MtPriority", problem));
                }
                priority => priority,
            },
            optional: self.check_optional()?,
        })
    }

    /// Whether they are those of a new message.
    #[inline(always)]
    pub(super) fn ask_for_nothing(&self) -> bool {
        self.return_content == ReturnContent::Default
            && self.envelope_id.is_none()
            && !self.require_tls
            && self.deliver_by.is_none()
            && self.hold_for.is_none()
            && self.hold_until.is_none()
            && self.mt_priority.is_none()
            && matches!(self.optional_extensions, Cow::Borrowed(keywords) if std::ptr::eq(keywords, OPTIONAL_AT_FIRST))
    }

    fn check_hold(&self, now: Moment) -> Result<Option<Hold>, Error> {
        let problem = match (seconds(self.hold_for, "HoldFor")?, self.hold_until) {
            (None, None) => return Ok(None),
            (Some(seconds), None) => return Ok(Some(Hold::For(seconds))),
            (Some(_), Some(_)) => "and HoldFor are both set; leave one of the two out".to_owned(),
            (None, Some(until)) if !until.is_writable() => {
                "the year must be from 1 to 9999; the time is given in seconds since 1970, not milliseconds"
                    .to_owned()
            }
            (None, Some(until)) if until <= now => format!("{until} has passed; give a moment to come"),
            (None, Some(until)) => return Ok(Some(Hold::Until(until))),
        };
        Err(Error::input("HoldUntil", problem))
    }

    fn check_optional(&self) -> Result<Extensions, Error> {
        // Nearly every message has these, and they need not be read each time.
        if matches!(self.optional_extensions, Cow::Borrowed(keywords) if std::ptr::eq(keywords, OPTIONAL_AT_FIRST))
        {
            return Ok(Extensions::default().with(DeliveryExtension::Dsn));
        }
        let mut extensions = Extensions::default();
        for (i, keyword) in self.optional_extensions.iter().enumerate() {
            let extension = keyword.parse().map_err(|()| {
                let known = DeliveryExtension::ALL.map(DeliveryExtension::keyword).join(", ");
                let problem =
                    format!("{} is no extension of a delivery option; these are {known}", shown(keyword));
                Error::input(format!("OptionalExtensions[{i}]"), problem)
            })?;
            extensions = extensions.with(extension);
        }
        Ok(extensions)
    }
}

impl RecipientOptions {
    /// The options of RCPT; `field` makes the full name of a property.
    ///
    /// # Errors
    ///
    /// [`Error::input`] for the property that is wrong.
    pub fn check(&self, field: impl Fn(&str) -> String) -> Result<RcptOptions, Error> {
        if *self == Self::default() {
            return Ok(RcptOptions::default());
        }
        if self.notify.is_contradiction() {
            let problem = "never goes with no other; leave it out, or the others (RFC 3461 section 4.1)";
            return Err(Error::input(field("Notify"), problem));
        }
        if self.valid_since.is_some_and(|moment| !moment.is_writable()) {
            let problem =
                "the year must be from 1 to 9999; the time is given in seconds since 1970, not milliseconds";
            return Err(Error::input(field("ValidSince"), problem));
        }
        let original = self.original_recipient.as_deref().map(|text| {
            original_recipient(text).map_err(|problem| Error::input(field("OriginalRecipient"), problem))
        });
        let action = match self.valid_since_action {
            ValidSinceAction::Default => None,
            ValidSinceAction::Continue => Some('C'),
            ValidSinceAction::Reject => Some('R'),
        };
        Ok(RcptOptions {
            notify: (self.notify != Notify::DEFAULT).then(|| self.notify.to_string().to_ascii_uppercase()),
            original_recipient: original.transpose()?,
            valid_since: self.valid_since.map(|moment| (moment, action)),
        })
    }
}

fn seconds(value: Option<u32>, field: &str) -> Result<Option<u32>, Error> {
    match value {
        Some(seconds) if !(1..=MOST_SECONDS).contains(&seconds) => {
            Err(Error::input(field, format!("is {seconds} seconds; it must be from 1 to 999999999")))
        }
        _ => Ok(value),
    }
}

/// What has no place in a parameter, encoded or not: RFC 3461 asks for graphic characters and spaces.
fn unprintable(text: &str) -> Option<String> {
    let c = text.chars().find(|&c| is_control(c) || !c.is_ascii())?;
    let kind = if c.is_ascii() { "control character" } else { "non-ASCII character" };
    Some(format!("{} holds the {kind} U+{:04X}; use printable ASCII only", shown(text), u32::from(c)))
}

/// `ENVID`, encoded.
fn envelope_id(text: &str) -> Result<String, Error> {
    let encoded = xtext(text);
    let problem = if text.is_empty() {
        "is empty; leave it unset, or give a text that tells the message from others".to_owned()
    } else if let Some(problem) = unprintable(text) {
        problem
    } else if encoded.len() > LONGEST_ENVELOPE_ID {
        let length = encoded.len();
        format!(
            "has {length} characters as it is sent, +, = and a space counting as three; at most 100 are allowed \
             (RFC 3461 section 4.4)"
        )
    } else {
        return Ok(encoded);
    };
    Err(Error::input("EnvelopeID", problem))
}

/// `ORCPT`, encoded, with its address type.
fn original_recipient(text: &str) -> Result<String, String> {
    let (kind, address) = match text.split_once(';') {
        // A local part has no `;` outside quotation marks, and no address type has a quotation mark.
        Some((kind, address)) if is_address_type(kind) => (kind, address),
        _ => ("rfc822", text),
    };
    let encoded = match kind.to_ascii_lowercase().as_str() {
        "rfc822" | "utf-8" => {
            let mailbox = Mailbox::parse(address, "").map_err(|error| error.message().to_owned())?;
            match mailbox.to_path(false) {
                Some(path) if !kind.eq_ignore_ascii_case("utf-8") => format!("rfc822;{}", xtext(&path)),
                // RFC 6533 section 3.
                _ => format!("utf-8;{}", unicode_xtext(&mailbox.to_path(true).unwrap_or_default())),
            }
        }
        _ if address.is_empty() => return Err(format!("there is nothing after {kind};, give an address")),
        _ => match unprintable(address) {
            Some(problem) => return Err(problem),
            None => format!("{kind};{}", xtext(address)),
        },
    };
    if encoded.len() > LONGEST_ORIGINAL_RECIPIENT {
        let length = encoded.len();
        return Err(format!(
            "has {length} characters as it is sent; at most 500 are allowed (RFC 3461 section 4.2)"
        ));
    }
    Ok(encoded)
}

/// An `atom` such as `rfc822` or `x400` (RFC 3461 section 4.2).
fn is_address_type(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
