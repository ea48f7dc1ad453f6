//! What a record says about a message beside its bytes.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::{
    error::Error,
    message::{Composed, DeliveryOptions, EmailMessage, Files, Form, RecipientOptions, SpoolOptions, Stamp},
    types::{Mailbox, Moment},
};

/// What octets occur in a message (`BODY` of MAIL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum BodyType {
    /// Lines of ASCII: every server takes it.
    #[default]
    SevenBit = 0,
    /// Lines with octets above 127 (8BITMIME, RFC 6152).
    EightBit = 1,
    /// Octets that are no lines (BINARYMIME, RFC 3030).
    Binary = 2,
}

/// One recipient of an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The mailbox, `user@example.com`.
    pub email: String,
    /// What is asked of the servers for it.
    pub options: RecipientOptions,
}

impl Recipient {
    /// A recipient of whom nothing special is asked.
    pub fn new(email: impl Into<String>) -> Self {
        Self { email: email.into(), options: RecipientOptions::default() }
    }
}

/// The envelope of a message in the spool: plain data, checked by [`Envelope::check`] before it is written and after it is
/// read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Where bounces go, `user@example.com`; empty is the null reverse-path.
    pub reverse_path: String,
    /// At least one.
    pub recipients: Vec<Recipient>,
    /// What is asked of the servers for the message as a whole. `HoldFor` and `HoldUntil` (FUTURERELEASE) are unset here:
    /// they became `not_before` of the options. `DeliverBy` counts from the submission.
    pub delivery: DeliveryOptions,
    /// What octets occur in the message.
    pub body: BodyType,
    /// It needs SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// What is asked of the spool.
    pub options: SpoolOptions,
}

impl Envelope {
    /// Checks every address and option as `Send` does.
    ///
    /// # Errors
    ///
    /// [`Error::input`] for the property that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if !self.reverse_path.is_empty() {
            Mailbox::parse(&self.reverse_path, "ReturnPath")?;
        }
        if self.recipients.is_empty() {
            return Err(Error::input("Recipients", "the message has no recipient; add at least one"));
        }
        for (i, recipient) in self.recipients.iter().enumerate() {
            Mailbox::parse(&recipient.email, "Email")
                .map_err(|error| error.with_field(format!("Recipients[{i}].Email")))?;
            recipient.options.check(|member| format!("Recipients[{i}].{member}"))?;
        }
        if self.delivery.hold_for.is_some() || self.delivery.hold_until.is_some() {
            let problem = "a record holds this time as NotBefore of its spool options; set that";
            return Err(Error::input("HoldUntil", problem));
        }
        self.delivery.check(Moment::new(0))?;
        self.options.check()
    }
}

/// Checks a message as `Send` does and composes it in the form that every server takes: lines of 7 bits, except for raw
/// messages, which stay as they are, and for addresses that need SMTPUTF8.
///
/// # Errors
///
/// As [`EmailMessage::compose`], and [`Error::input`] for a property of [`EmailMessage::spool`].
pub fn compose(
    message: &EmailMessage,
    stamp: &Stamp,
    files: &dyn Files,
) -> Result<(Envelope, Composed), Error> {
    let options = options(message, Moment::new(stamp.date.unix_seconds))?;
    options.check()?;
    let keyed = options.idempotency_key.as_deref().map(|key| keyed(stamp, key, message));
    let stamp = keyed.as_ref().unwrap_or(stamp);
    let composed = message.compose(stamp, files, Form { utf8: true, ..Form::default() })?;
    let recipients = recipients(message, &composed);
    let body = match (composed.needs_binary(), composed.has_eight_bit()) {
        (true, _) => BodyType::Binary,
        (false, true) => BodyType::EightBit,
        (false, false) => BodyType::SevenBit,
    };
    let envelope = Envelope {
        reverse_path: composed
            .reverse_path()
            .and_then(|path| path.to_path(true))
            .unwrap_or_default()
            .into_owned(),
        recipients,
        delivery: DeliveryOptions { hold_for: None, hold_until: None, ..message.delivery.clone() },
        body,
        utf8: composed.needs_utf8(),
        options,
    };
    Ok((envelope, composed))
}

/// The stamp of a message with an idempotency key: the same message has the same boundaries whenever it is submitted, so
/// that a repetition can be told from another message. They depend on the texts, which thus cannot name them.
fn keyed(stamp: &Stamp, key: &str, message: &EmailMessage) -> Stamp {
    let mut digest = Sha256::new();
    let bodies = message.body_parts.iter().map(|part| part.body.as_str());
    for text in [key, message.subject.as_str()].into_iter().chain(bodies) {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    let mut stamp = stamp.clone();
    stamp.random.iter_mut().zip(digest.finalize()).for_each(|(old, new)| *old = new);
    stamp
}

/// The options, with the time for which servers were asked to hold the message: the spool does that itself.
fn options(message: &EmailMessage, now: Moment) -> Result<SpoolOptions, Error> {
    let mut options = message.spool.clone();
    let delivery = &message.delivery;
    let held = match (delivery.hold_for, delivery.hold_until) {
        (Some(seconds), _) => Some(Moment::new(now.unix_seconds.saturating_add(i64::from(seconds)))),
        (None, until) => until,
    };
    if held.is_some() && options.not_before.is_some() {
        let problem = "and HoldFor or HoldUntil are both set; leave one of the two out";
        return Err(Error::input("NotBefore", problem));
    }
    options.not_before = options.not_before.or(held);
    Ok(options)
}

/// Each mailbox once, with the options that the composer found for it: the first that are asked for it anywhere.
fn recipients(message: &EmailMessage, composed: &Composed) -> Vec<Recipient> {
    let plain = RecipientOptions::default();
    let mut asked: HashMap<Mailbox, &RecipientOptions> = HashMap::new();
    for recipient in message.recipients.iter().filter(|recipient| recipient.options != plain) {
        if let Ok(mailbox) = Mailbox::parse(&recipient.address.email, "Email") {
            asked.entry(mailbox).or_insert(&recipient.options);
        }
    }
    let all = composed.recipients().iter();
    all.map(|recipient| Recipient {
        email: recipient.email.to_string(),
        options: match asked.is_empty() {
            true => plain.clone(),
            false => asked.get(&recipient.mailbox).copied().cloned().unwrap_or_default(),
        },
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Date, Notify},
        os::file::Disk,
    };

    fn composed(change: impl FnOnce(&mut EmailMessage)) -> Result<Envelope, Error> {
        let mut message = EmailMessage::quick("a@b.example", "s@example.com", "x", "y", Default::default());
        change(&mut message);
        let stamp = Stamp { date: Date::utc(1000), random: [7; 24], host: String::new() };
        compose(&message, &stamp, &Disk).map(|(envelope, _)| envelope)
    }

    #[test]
    fn the_spool_holds_a_message_in_place_of_servers() {
        let not_before = |change: fn(&mut EmailMessage)| {
            let envelope = composed(change).unwrap();
            assert_eq!((envelope.delivery.hold_for, envelope.delivery.hold_until), (None, None));
            envelope.options.not_before.map(|moment| moment.unix_seconds)
        };
        assert_eq!(not_before(|_| ()), None);
        assert_eq!(not_before(|m| m.delivery.hold_for = Some(7)), Some(1007));
        assert_eq!(not_before(|m| m.delivery.hold_until = Some(Moment::new(2000))), Some(2000));
        assert_eq!(not_before(|m| m.spool.not_before = Some(Moment::new(3000))), Some(3000));
        let twice = composed(|m| {
            m.delivery.hold_until = Some(Moment::new(2000));
            m.spool.not_before = Some(Moment::new(3000));
        });
        assert_eq!(twice.unwrap_err().field(), Some("NotBefore"));
    }

    #[test]
    fn what_needs_smtputf8_is_taken_and_says_so() {
        assert!(!composed(|_| ()).unwrap().utf8);
        assert!(composed(|m| m.recipients[0].address.email = "jürgen@b.example".into()).unwrap().utf8);
    }

    #[test]
    fn a_mailbox_has_the_options_that_are_asked_for_it_first() {
        let envelope = composed(|m| {
            m.add_recipient("c@d.example").add_recipient("a@b.example").add_recipient("c@d.example");
            m.recipients[1].options.notify = Notify::DELAY;
            m.recipients[2].options.notify = Notify::NEVER;
            m.recipients[3].options.notify = Notify::FAILURE;
        });
        let asked: Vec<_> =
            envelope.unwrap().recipients.into_iter().map(|r| (r.email, r.options.notify)).collect();
        assert_eq!(
            asked,
            [("a@b.example".to_owned(), Notify::NEVER), ("c@d.example".to_owned(), Notify::DELAY)]
        );
    }
}
