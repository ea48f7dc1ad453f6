//! The people whom a message names, checked.

use std::collections::HashMap;

use super::{EmailMessage, EnvelopeRecipient, RecipientType, check, header::Header};
use crate::{
    error::Error,
    types::{Address, Cause, Diagnosis, Mailbox, Who, shown},
};

/// An address that was checked.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    address: &'a Address,
    mailbox: &'a Mailbox,
    /// The property that holds it, such as `From` or `Recipients[2]`.
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Property(&'static str),
    Recipient(usize),
}

impl Place {
    fn field(self, member: &str) -> String {
        match self {
            Self::Property(name) => format!("{name}.{member}"),
            Self::Recipient(index) => format!("Recipients[{index}].{member}"),
        }
    }
}

fn check(address: &Address, place: Place) -> Result<Mailbox, Error> {
    let mailbox = Mailbox::parse(&address.email, "Email").map_err(|e| e.with_field(place.field("Email")))?;
    check::text(&address.name, || place.field("Name"))?;
    Ok(mailbox)
}

/// An optional property counts as unset while both of its texts are empty.
fn check_optional(address: Option<&Address>, name: &'static str) -> Result<Option<Mailbox>, Error> {
    address
        .filter(|address| !address.email.is_empty() || !address.name.is_empty())
        .map(|address| check(address, Place::Property(name)))
        .transpose()
}

/// Those of `Recipients`, in their order.
pub(super) fn recipients(message: &EmailMessage) -> Result<Vec<EnvelopeRecipient>, Error> {
    let mut recipients = Vec::with_capacity(message.recipients.len());
    for (i, recipient) in message.recipients.iter().enumerate() {
        let place = Place::Recipient(i);
        let mailbox = check(&recipient.address, place)?;
        let options = recipient.options.check(|member| place.field(member))?;
        recipients.push(EnvelopeRecipient {
            email: mailbox.given(&recipient.address.email),
            mailbox,
            options,
        });
    }
    Ok(recipients)
}

impl Party<'_> {
    pub(super) fn write(&self, header: &mut Header<'_>, utf8: bool, more: bool) {
        let [local, at, domain] = self.mailbox.pieces(utf8);
        let name = self.address.name.as_str();
        if name.trim_matches(' ').is_empty() {
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

/// Everyone whom the message names.
pub(super) struct Parties<'a> {
    message: &'a EmailMessage,
    pub(super) from: Mailbox,
    sender: Option<Mailbox>,
    reply_to: Option<Mailbox>,
    /// In the order of `Recipients`.
    recipients: Vec<EnvelopeRecipient>,
    return_path: ReturnPath,
}

/// Where bounces go.
enum ReturnPath {
    /// To the sender, else to the author.
    Sender,
    Null,
    Other(Mailbox),
}

impl<'a> Parties<'a> {
    pub(super) fn of(message: &'a EmailMessage) -> Result<Self, Error> {
        let from = check(&message.from, Place::Property("From"))?;
        let sender = check_optional(message.sender.as_ref(), "Sender")?;
        let reply_to = check_optional(message.reply_to.as_ref(), "ReplyTo")?;
        let return_path = match message.return_path.as_deref() {
            Some("" | "<>") => ReturnPath::Null,
            Some(email) => ReturnPath::Other(Mailbox::parse(email, "ReturnPath")?),
            None => ReturnPath::Sender,
        };
        if message.recipients.is_empty() {
            return Err(Error::input("Recipients", "the message has no recipient; add at least one"));
        }
        let recipients = recipients(message)?;
        Ok(Self { message, from, sender, reply_to, recipients, return_path })
    }

    /// The envelope: where bounces go, and each recipient once.
    pub(super) fn into_envelope(self) -> (Option<Mailbox>, Vec<EnvelopeRecipient>) {
        let reverse_path = match self.return_path {
            ReturnPath::Sender => Some(self.sender.unwrap_or(self.from)),
            ReturnPath::Null => None,
            ReturnPath::Other(mailbox) => Some(mailbox),
        };
        (reverse_path, unique(self.recipients))
    }

    /// Who the message is from.
    pub(super) fn author(&self) -> Party<'_> {
        Party { address: &self.message.from, mailbox: &self.from, place: Place::Property("From") }
    }

    /// `Sender`, where it is set.
    pub(super) fn sender(&self) -> Option<Party<'_>> {
        let (address, mailbox) = (self.message.sender.as_ref()?, self.sender.as_ref()?);
        Some(Party { address, mailbox, place: Place::Property("Sender") })
    }

    /// `ReplyTo`, where it is set.
    pub(super) fn reply_to(&self) -> Option<Party<'_>> {
        let (address, mailbox) = (self.message.reply_to.as_ref()?, self.reply_to.as_ref()?);
        Some(Party { address, mailbox, place: Place::Property("ReplyTo") })
    }

    /// Everyone of `Recipients`, with the header that names each.
    fn recipients(&self) -> impl Iterator<Item = (RecipientType, Party<'_>)> {
        let all = self.message.recipients.iter().zip(&self.recipients).enumerate();
        all.map(|(i, (given, checked))| {
            let party =
                Party { address: &given.address, mailbox: &checked.mailbox, place: Place::Recipient(i) };
            (given.kind, party)
        })
    }

    /// Everyone whom a header names.
    fn visible(&self) -> impl Iterator<Item = Party<'_>> {
        let recipients = self.recipients().filter(|(kind, _)| *kind != RecipientType::Bcc);
        std::iter::once(self.author())
            .chain(self.sender())
            .chain(self.reply_to())
            .chain(recipients.map(|(_, party)| party))
    }

    /// Those that the header of that kind names.
    pub(super) fn of_kind(&self, kind: RecipientType) -> impl Iterator<Item = Party<'_>> {
        self.recipients().filter(move |(k, _)| *k == kind).map(|(_, party)| party)
    }

    /// Whether all recipients are of that kind.
    pub(super) fn are_all(&self, kind: RecipientType) -> bool {
        self.message.recipients.iter().all(|recipient| recipient.kind == kind)
    }

    pub(super) fn ask_for_utf8(&self) -> bool {
        let other = match &self.return_path {
            ReturnPath::Other(mailbox) => Some(mailbox),
            ReturnPath::Sender | ReturnPath::Null => None,
        };
        let named =
            [Some(&self.from), self.sender.as_ref(), self.reply_to.as_ref(), other].into_iter().flatten();
        named.chain(self.recipients.iter().map(|r| &r.mailbox)).any(|m| !m.has_ascii_local_part())
    }

    /// Refuses what a header cannot name without UTF-8.
    pub(super) fn check_ascii(&self) -> Result<(), Error> {
        match self.visible().find(|party| !party.mailbox.has_ascii_local_part()) {
            None => Ok(()),
            Some(party) => Err(party.utf8_needed()),
        }
    }
}

/// Each mailbox once, where it is named first; with the first options that are asked for it anywhere.
pub(super) fn unique(recipients: Vec<EnvelopeRecipient>) -> Vec<EnvelopeRecipient> {
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
