//! The people whom a message names, checked.

use std::{borrow::Cow, collections::HashMap};

use super::{EmailMessage, EnvelopeRecipient, RecipientType, check, header::Header};
use crate::{
    error::Error,
    types::{Address, Cause, Diagnosis, Mailbox, Who, shown},
};

/// The property that holds an address, in the order in which they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    From,
    Sender,
    ReplyTo,
    ReturnPath,
    /// Of `Recipients`, by index.
    Recipient(usize),
}

impl Place {
    fn field(self, member: &str) -> String {
        match self {
            Self::From => format!("From.{member}"),
            Self::Sender => format!("Sender.{member}"),
            Self::ReplyTo => format!("ReplyTo.{member}"),
            Self::ReturnPath => "ReturnPath".to_owned(),
            Self::Recipient(index) => format!("Recipients[{index}].{member}"),
        }
    }

    fn mailbox(self, email: &str) -> Result<Mailbox, Error> {
        Mailbox::parse(email, "").map_err(|error| error.with_field(self.field("Email")))
    }
}

/// An address that was checked.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    address: &'a Address,
    /// `None` when it is written as it was given.
    mailbox: Option<&'a Mailbox>,
    place: Place,
}

impl Party<'_> {
    /// The address, when that alone is what the header has, as it was given.
    #[inline]
    pub(super) fn bare(&self) -> Option<&str> {
        let Address { email, name } = self.address;
        (name.is_empty() && self.mailbox.is_none()).then_some(email)
    }

    #[inline]
    pub(super) fn write(&self, header: &mut Header<'_>, utf8: bool, more: bool) {
        let [local, at, domain] =
            self.mailbox.map_or([&*self.address.email, "", ""], |mailbox| mailbox.pieces(utf8));
        let name = self.address.name.as_str();
        if name.is_empty() || name.trim_matches(' ').is_empty() {
            match (at, more) {
                // As it is, it is in one piece.
                ("", false) => header.token(local),
                _ => header.token_of(&[local, at, domain, if more { "," } else { "" }]),
            }
        } else {
            header.phrase(name);
            header.token_of(&["<", local, at, domain, if more { ">," } else { ">" }]);
        }
    }

    fn needs_utf8(&self) -> bool {
        self.mailbox.is_some_and(|mailbox| !mailbox.has_ascii_local_part())
    }

    fn utf8_needed(&self) -> Error {
        let problem = format!(
            "{} has characters outside ASCII before the @, which needs a server with SMTPUTF8",
            shown(&self.address.email)
        );
        let diagnosis = Diagnosis {
            cause: Cause::SmtpUtf8Unsupported,
            who: Who::SenderCode,
            summary: "The address has characters outside ASCII before the @, and SMTPUTF8 is not available."
                .into(),
            remedy: "Use a server that offers SMTPUTF8.\n\
                     Use an ASCII address of the same person; punycode helps the domain only."
                .into(),
            evidence: self.address.email.clone(),
            retry_after: None,
            reference: Some("RFC 6531 section 3.1".into()),
        };
        Error::input(self.place.field("Email"), problem).with_diagnosis(diagnosis)
    }
}

/// Those of `Recipients` as the envelope carries them, each once.
pub(super) fn recipients(message: &EmailMessage) -> Result<Vec<EnvelopeRecipient>, Error> {
    let mut recipients = Vec::with_capacity(message.recipients.len());
    for (i, recipient) in message.recipients.iter().enumerate() {
        let place = Place::Recipient(i);
        let mailbox = place.mailbox(&recipient.address.email)?;
        check::text(&recipient.address.name, || place.field("Name"))?;
        let options = recipient.options.check(|member| place.field(member))?;
        recipients.push(EnvelopeRecipient {
            email: mailbox.given(&recipient.address.email),
            mailbox,
            options,
        });
    }
    Ok(unique(recipients))
}

/// Everyone whom the message names.
pub(super) struct Parties<'a> {
    message: &'a EmailMessage,
    /// Where the `@` of the author is, when that mailbox is written as it was given.
    author_at: usize,
    /// The mailboxes that are not written as they were given, in the order of their places. Most messages have none.
    others: Vec<(Place, Mailbox)>,
}

impl<'a> Parties<'a> {
    pub(super) fn of(message: &'a EmailMessage) -> Result<Self, Error> {
        let mut parties = Self { message, author_at: 0, others: Vec::new() };
        parties.author_at = parties.check(&message.from, Place::From)?;
        if let Some(sender) = set(message.sender.as_ref()) {
            parties.check(sender, Place::Sender)?;
        }
        if let Some(reply_to) = set(message.reply_to.as_ref()) {
            parties.check(reply_to, Place::ReplyTo)?;
        }
        if let Some(email) = message.return_path.as_deref().filter(|email| !is_null(email)) {
            parties.check_mailbox(email, Place::ReturnPath)?;
        }
        if message.recipients.is_empty() {
            return Err(Error::input("Recipients", "the message has no recipient; add at least one"));
        }
        for (i, recipient) in message.recipients.iter().enumerate() {
            let place = Place::Recipient(i);
            parties.check(&recipient.address, place)?;
            recipient.options.check(|member| place.field(member))?;
        }
        Ok(parties)
    }

    /// Answers where the `@` is in a mailbox that is written as it was given.
    #[inline(always)]
    fn check(&mut self, address: &Address, place: Place) -> Result<usize, Error> {
        let at = self.check_mailbox(&address.email, place)?;
        if !address.name.is_empty() {
            check::text(&address.name, || place.field("Name"))?;
        }
        Ok(at)
    }

    #[inline(always)]
    fn check_mailbox(&mut self, email: &str, place: Place) -> Result<usize, Error> {
        Mailbox::plain(email).map_or_else(|| self.check_other(email, place), Ok)
    }

    #[cold]
    fn check_other(&mut self, email: &str, place: Place) -> Result<usize, Error> {
        self.others.push((place, place.mailbox(email)?));
        Ok(0)
    }

    /// The envelope: where bounces go, and each recipient once.
    pub(super) fn envelope(&self) -> Result<(Option<Mailbox>, Vec<EnvelopeRecipient>), Error> {
        let message = self.message;
        let reverse_path = match (message.return_path.as_deref(), set(message.sender.as_ref())) {
            (Some(email), _) if is_null(email) => None,
            (Some(email), _) => Some(Place::ReturnPath.mailbox(email)?),
            (None, Some(sender)) => Some(Place::Sender.mailbox(&sender.email)?),
            (None, None) => Some(Place::From.mailbox(&message.from.email)?),
        };
        Ok((reverse_path, recipients(message)?))
    }

    fn party(&self, address: &'a Address, place: Place) -> Party<'_> {
        let mut mailbox = None;
        if !self.others.is_empty() {
            let other = self.others.binary_search_by_key(&place, |(place, _)| *place);
            mailbox = other.ok().map(|at| &self.others[at].1);
        }
        Party { address, mailbox, place }
    }

    /// Who the message is from.
    pub(super) fn author(&self) -> Party<'_> {
        self.party(&self.message.from, Place::From)
    }

    /// The domain of the author, in ASCII.
    #[inline]
    pub(super) fn author_domain(&self) -> Cow<'a, str> {
        match self.author().mailbox {
            Some(mailbox) => mailbox.ascii_domain().to_owned().into(),
            None => self.message.from.email.get(self.author_at + 1..).unwrap_or_default().into(),
        }
    }

    /// `Sender`, where it is set.
    pub(super) fn sender(&self) -> Option<Party<'_>> {
        set(self.message.sender.as_ref()).map(|address| self.party(address, Place::Sender))
    }

    /// `ReplyTo`, where it is set.
    pub(super) fn reply_to(&self) -> Option<Party<'_>> {
        set(self.message.reply_to.as_ref()).map(|address| self.party(address, Place::ReplyTo))
    }

    /// Everyone whom a header names.
    fn visible(&self) -> impl Iterator<Item = Party<'_>> {
        std::iter::once(self.author())
            .chain(self.sender())
            .chain(self.reply_to())
            .chain(self.of_kind(RecipientType::To))
            .chain(self.of_kind(RecipientType::Cc))
    }

    /// Those of `Recipients` that the header of that kind names.
    pub(super) fn of_kind(&self, kind: RecipientType) -> impl Iterator<Item = Party<'_>> {
        let all = self.message.recipients.iter().enumerate();
        all.filter(move |(_, recipient)| recipient.kind == kind)
            .map(|(i, recipient)| self.party(&recipient.address, Place::Recipient(i)))
    }

    /// Whether all recipients are of that kind.
    pub(super) fn are_all(&self, kind: RecipientType) -> bool {
        self.message.recipients.iter().all(|recipient| recipient.kind == kind)
    }

    /// Whether a local part cannot be written in ASCII.
    pub(super) fn ask_for_utf8(&self) -> bool {
        self.others.iter().any(|(_, mailbox)| !mailbox.has_ascii_local_part())
    }

    /// Refuses what a header cannot name without UTF-8.
    #[inline(always)]
    pub(super) fn check_ascii(&self) -> Result<(), Error> {
        if self.others.is_empty() { Ok(()) } else { self.check_visible() }
    }

    #[cold]
    fn check_visible(&self) -> Result<(), Error> {
        match self.visible().find(Party::needs_utf8) {
            None => Ok(()),
            Some(party) => Err(party.utf8_needed()),
        }
    }
}

/// An optional property counts as unset while both of its texts are empty.
fn set(address: Option<&Address>) -> Option<&Address> {
    address.filter(|address| !address.email.is_empty() || !address.name.is_empty())
}

/// Whether it is the null reverse-path.
fn is_null(email: &str) -> bool {
    matches!(email, "" | "<>")
}

/// Each mailbox once, where it is named first; with the first options that are asked for it anywhere.
fn unique(recipients: Vec<EnvelopeRecipient>) -> Vec<EnvelopeRecipient> {
    // Alone it is unlike all others; most messages have one recipient.
    if recipients.len() < 2 {
        return recipients;
    }
    let mut known: HashMap<&Mailbox, usize> = HashMap::with_capacity(recipients.len());
    let places: Vec<usize> = recipients
        .iter()
        .map(|recipient| {
            let next = known.len();
            *known.entry(&recipient.mailbox).or_insert(next)
        })
        .collect();
    let mut unique: Vec<EnvelopeRecipient> = Vec::with_capacity(recipients.len());
    for (recipient, place) in recipients.into_iter().zip(places) {
        match unique.get_mut(place) {
            Some(first) if first.options.is_empty() => first.options = recipient.options,
            Some(_) => {}
            None => unique.push(recipient),
        }
    }
    unique
}
