//! The people whom a message names, checked.

use std::collections::HashMap;

use super::{EmailMessage, EnvelopeRecipient, RecipientType, check, header::Header};
use crate::{
    error::Error,
    types::{Address, Cause, Diagnosis, Mailbox, RcptOptions, Who, shown},
};

/// An address that was checked.
pub(super) struct Party<'a> {
    address: &'a Address,
    pub(super) mailbox: Mailbox,
    /// Of a recipient.
    options: RcptOptions,
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

impl<'a> Party<'a> {
    fn check(address: &'a Address, place: Place) -> Result<Self, Error> {
        let mailbox =
            Mailbox::parse(&address.email, "Email").map_err(|e| e.with_field(place.field("Email")))?;
        check::text(&address.name, || place.field("Name"))?;
        Ok(Self { address, mailbox, options: RcptOptions::default(), place })
    }

    /// Those of `Recipients`, with the header that names each.
    pub(super) fn recipients(message: &'a EmailMessage) -> Result<Vec<(RecipientType, Self)>, Error> {
        let recipients = message.recipients.iter().enumerate();
        recipients
            .map(|(i, r)| {
                let place = Place::Recipient(i);
                let party = Self::check(&r.address, place)?;
                let options = r.options.check(|member| place.field(member))?;
                Ok((r.kind, Self { options, ..party }))
            })
            .collect()
    }

    /// An optional property counts as unset while both of its texts are empty.
    fn check_optional(address: Option<&'a Address>, name: &'static str) -> Result<Option<Self>, Error> {
        address
            .filter(|address| !address.email.is_empty() || !address.name.is_empty())
            .map(|address| Self::check(address, Place::Property(name)))
            .transpose()
    }

    pub(super) fn write(&self, header: &mut Header<'_>, utf8: bool, more: bool) {
        let domain = if utf8 { self.mailbox.domain() } else { self.mailbox.ascii_domain() };
        let local = self.mailbox.local_part();
        let name = self.address.name.as_str();
        if name.trim_matches(' ').is_empty() {
            header.token_of(&[local, "@", domain, if more { "," } else { "" }]);
        } else {
            header.phrase(name);
            header.token_of(&["<", local, "@", domain, if more { ">," } else { ">" }]);
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
    pub(super) from: Party<'a>,
    pub(super) sender: Option<Party<'a>>,
    pub(super) reply_to: Option<Party<'a>>,
    pub(super) recipients: Vec<(RecipientType, Party<'a>)>,
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
        let from = Party::check(&message.from, Place::Property("From"))?;
        let sender = Party::check_optional(message.sender.as_ref(), "Sender")?;
        let reply_to = Party::check_optional(message.reply_to.as_ref(), "ReplyTo")?;
        let return_path = match message.return_path.as_deref() {
            Some("" | "<>") => ReturnPath::Null,
            Some(email) => ReturnPath::Other(Mailbox::parse(email, "ReturnPath")?),
            None => ReturnPath::Sender,
        };
        if message.recipients.is_empty() {
            return Err(Error::input("Recipients", "the message has no recipient; add at least one"));
        }
        let recipients = Party::recipients(message)?;
        Ok(Self { from, sender, reply_to, recipients, return_path })
    }

    /// The envelope: where bounces go, and each recipient once.
    pub(super) fn into_envelope(self) -> (Option<Mailbox>, Vec<EnvelopeRecipient>) {
        let reverse_path = match self.return_path {
            ReturnPath::Sender => Some(self.sender.unwrap_or(self.from).mailbox),
            ReturnPath::Null => None,
            ReturnPath::Other(mailbox) => Some(mailbox),
        };
        (reverse_path, unique(self.recipients))
    }

    /// Where bounces go, when it is none of the visible.
    fn other_return_path(&self) -> Option<&Mailbox> {
        match &self.return_path {
            ReturnPath::Other(mailbox) => Some(mailbox),
            ReturnPath::Sender | ReturnPath::Null => None,
        }
    }

    /// Everyone whom a header names.
    fn visible(&self) -> impl Iterator<Item = &Party<'a>> {
        let others = self.sender.iter().chain(&self.reply_to);
        let recipients = self.recipients.iter().filter(|(kind, _)| *kind != RecipientType::Bcc);
        std::iter::once(&self.from).chain(others).chain(recipients.map(|(_, party)| party))
    }

    /// Those that the header of that kind names.
    pub(super) fn of_kind(&self, kind: RecipientType) -> impl Iterator<Item = &Party<'a>> {
        self.recipients.iter().filter(move |(k, _)| *k == kind).map(|(_, party)| party)
    }

    /// Whether all recipients are of that kind.
    pub(super) fn are_all(&self, kind: RecipientType) -> bool {
        self.recipients.iter().all(|(k, _)| *k == kind)
    }

    pub(super) fn ask_for_utf8(&self) -> bool {
        let parties = self.visible().chain(self.recipients.iter().map(|(_, party)| party));
        parties.map(|party| &party.mailbox).chain(self.other_return_path()).any(|m| !m.has_ascii_local_part())
    }

    pub(super) fn check_ascii(&self) -> Result<(), Error> {
        match self.visible().find(|party| !party.mailbox.has_ascii_local_part()) {
            None => Ok(()),
            Some(party) => Err(party.utf8_needed()),
        }
    }
}

/// Each mailbox once, where it is named first; with the first options that are asked for it anywhere.
pub(super) fn unique(recipients: Vec<(RecipientType, Party<'_>)>) -> Vec<EnvelopeRecipient> {
    // Alone it is unlike all others; most messages have one recipient.
    let mut places = Vec::new();
    if recipients.len() > 1 {
        let mut known: HashMap<&Mailbox, usize> = HashMap::with_capacity(recipients.len());
        places.extend(recipients.iter().map(|(_, party)| {
            let next = known.len();
            *known.entry(&party.mailbox).or_insert(next)
        }));
    }
    let mut unique: Vec<EnvelopeRecipient> = Vec::with_capacity(recipients.len());
    for (i, (_, Party { address, mailbox, options, .. })) in recipients.into_iter().enumerate() {
        match places.get(i).and_then(|place| unique.get_mut(*place)) {
            Some(first) if first.options.is_empty() => first.options = options,
            Some(_) => {}
            None => unique.push(EnvelopeRecipient { email: address.email.clone(), mailbox, options }),
        }
    }
    unique
}
