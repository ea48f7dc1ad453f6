//! The parameters of MAIL and RCPT that delivery options ask for, made for what this session can give.
//!
//! Policy: what was asked for and cannot be given is an error before the transaction begins, unless it may be left
//! out; then a warning says so. So a message never goes out with less than its program relies on.

use std::fmt::Write as _;

use super::Capabilities;
use crate::{
    error::{Error, ErrorKind},
    types::{DeliveryExtension, Failure, Hold, MailOptions, RcptOptions, Stage, Unmet},
};

/// How far the session's encryption can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// There is none.
    None,
    /// The settings take any certificate.
    Unchecked,
    /// The certificate was checked.
    Checked,
}

/// What is added to the commands of one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Behind the path of MAIL, each with a space before it.
    pub(super) mail: String,
    /// The same for each RCPT; empty when there are none at all.
    rcpt: Vec<String>,
    /// What was left out.
    pub(super) warnings: Vec<String>,
}

impl Parameters {
    /// The parameters for what was asked.
    ///
    /// # Errors
    /// `ErrorKind::Protocol` with [`Failure::DeliveryOption`] for what cannot be given and may not be left out.
    pub(super) fn new(
        mail: &MailOptions,
        rcpt: &[RcptOptions],
        offered: &Capabilities,
        encryption: Encryption,
    ) -> Result<Self, Error> {
        let mut this = Self::default();
        let mut given = [false; DeliveryExtension::ALL.len()];
        for (extension, given) in DeliveryExtension::ALL.into_iter().zip(&mut given) {
            if !is_asked(extension, mail, rcpt) {
                continue;
            }
            match unmet(extension, mail, offered, encryption) {
                None => {
                    *given = true;
                    write_mail(&mut this.mail, extension, mail);
                }
                Some(unmet) if mail.optional.contains(extension) => {
                    let (properties, why) = (extension.properties(), why(extension, unmet));
                    this.warnings.push(format!("{extension} was left out ({properties}): {why}"));
                }
                Some(unmet) => {
                    return Err(Error::new(ErrorKind::Protocol, Stage::Mail, why(extension, unmet))
                        .with_failure(Failure::DeliveryOption { extension, unmet }));
                }
            }
        }
        let is_given = |extension: DeliveryExtension| {
            DeliveryExtension::ALL.iter().zip(given).any(|(e, given)| *e == extension && given)
        };
        let (dsn, rrvs) = (is_given(DeliveryExtension::Dsn), is_given(DeliveryExtension::Rrvs));
        if dsn || rrvs {
            this.rcpt = rcpt.iter().map(|options| rcpt_parameters(options, dsn, rrvs)).collect();
        }
        Ok(this)
    }

    /// Behind the path of the RCPT of that index, each with a space before it.
    pub(super) fn rcpt(&self, index: usize) -> &str {
        self.rcpt.get(index).map_or("", String::as_str)
    }
}

fn is_asked(extension: DeliveryExtension, mail: &MailOptions, rcpt: &[RcptOptions]) -> bool {
    match extension {
        DeliveryExtension::Dsn => {
            mail.return_content.is_some()
                || mail.envelope_id.is_some()
                || rcpt.iter().any(|r| r.notify.is_some() || r.original_recipient.is_some())
        }
        DeliveryExtension::RequireTls => mail.require_tls,
        DeliveryExtension::DeliverBy => mail.deliver_by.is_some(),
        DeliveryExtension::FutureRelease => mail.hold.is_some(),
        DeliveryExtension::MtPriority => mail.mt_priority.is_some(),
        DeliveryExtension::Rrvs => rcpt.iter().any(|r| r.valid_since.is_some()),
    }
}

/// What this session lacks for it; `None` for nothing.
fn unmet(
    extension: DeliveryExtension,
    mail: &MailOptions,
    offered: &Capabilities,
    encryption: Encryption,
) -> Option<Unmet> {
    let is_offered = match extension {
        DeliveryExtension::Dsn => offered.dsn,
        DeliveryExtension::RequireTls => match encryption {
            // A server may offer it within TLS only (RFC 8689 section 2), so its reply says nothing yet.
            Encryption::None => return Some(Unmet::ClearText),
            Encryption::Unchecked => return Some(Unmet::CertificateUnchecked),
            Encryption::Checked => offered.require_tls,
        },
        DeliveryExtension::DeliverBy => offered.deliver_by.is_some(),
        DeliveryExtension::FutureRelease => offered.future_release.is_some(),
        DeliveryExtension::MtPriority => offered.mt_priority.is_some(),
        DeliveryExtension::Rrvs => offered.rrvs,
    };
    if !is_offered {
        return Some(Unmet::NotOffered);
    }
    match extension {
        // The least time is for the mode `R` only (RFC 2852 section 2).
        DeliveryExtension::DeliverBy => {
            let minimum = offered.deliver_by?.minimum?;
            let seconds = mail.deliver_by.filter(|by| by.returned)?.seconds;
            (u64::from(seconds) < minimum).then_some(Unmet::TooSoon { seconds, minimum })
        }
        DeliveryExtension::FutureRelease => {
            let offer = offered.future_release?;
            match mail.hold? {
                Hold::For(seconds) => {
                    let longest = offer.longest?;
                    (u64::from(seconds) > longest).then_some(Unmet::HeldTooLong { seconds, longest })
                }
                Hold::Until(until) => {
                    let latest = offer.latest?;
                    (until > latest).then_some(Unmet::HeldTooLate { until, latest })
                }
            }
        }
        _ => None,
    }
}

/// The same in words.
fn why(extension: DeliveryExtension, unmet: Unmet) -> String {
    match unmet {
        Unmet::NotOffered => format!("the server does not offer {extension}"),
        Unmet::TooSoon { seconds, minimum } => {
            format!(
                "the message is to be delivered within {seconds} seconds, the server asks for at least {minimum}"
            )
        }
        Unmet::HeldTooLong { seconds, longest } => {
            format!(
                "the message is to be held for {seconds} seconds, the server holds it for at most {longest}"
            )
        }
        Unmet::HeldTooLate { until, latest } => {
            format!(
                "the message is to be held until {until}, the server holds it until {latest} at the latest"
            )
        }
        Unmet::ClearText => format!("{extension} needs an encrypted session, and this one is in clear text"),
        Unmet::CertificateUnchecked => {
            format!("{extension} needs a server whose certificate was checked, and the settings take any")
        }
    }
}

/// Appends the parameters of MAIL. Writing to a string cannot fail.
fn write_mail(line: &mut String, extension: DeliveryExtension, mail: &MailOptions) {
    match extension {
        DeliveryExtension::Dsn => {
            if let Some(content) = mail.return_content {
                _ = write!(line, " RET={content}");
            }
            if let Some(id) = &mail.envelope_id {
                _ = write!(line, " ENVID={id}");
            }
        }
        DeliveryExtension::RequireTls => line.push_str(" REQUIRETLS"),
        DeliveryExtension::DeliverBy => {
            if let Some(by) = mail.deliver_by {
                let (mode, trace) = (if by.returned { 'R' } else { 'N' }, if by.trace { "T" } else { "" });
                _ = write!(line, " BY={};{mode}{trace}", by.seconds);
            }
        }
        DeliveryExtension::FutureRelease => match mail.hold {
            Some(Hold::For(seconds)) => _ = write!(line, " HOLDFOR={seconds}"),
            Some(Hold::Until(moment)) => _ = write!(line, " HOLDUNTIL={moment}"),
            None => {}
        },
        DeliveryExtension::MtPriority => {
            if let Some(priority) = mail.mt_priority {
                _ = write!(line, " MT-PRIORITY={priority}");
            }
        }
        DeliveryExtension::Rrvs => {}
    }
}

/// The parameters of one RCPT, of the extensions that are there.
fn rcpt_parameters(options: &RcptOptions, dsn: bool, rrvs: bool) -> String {
    let mut line = String::new();
    if let Some(notify) = options.notify.as_ref().filter(|_| dsn) {
        _ = write!(line, " NOTIFY={notify}");
    }
    if let Some(address) = options.original_recipient.as_ref().filter(|_| dsn) {
        _ = write!(line, " ORCPT={address}");
    }
    if let Some((moment, action)) = options.valid_since.filter(|_| rrvs) {
        _ = write!(line, " RRVS={moment}");
        if let Some(action) = action {
            _ = write!(line, ";{action}");
        }
    }
    line
}
