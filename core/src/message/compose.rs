//! Checks a message and turns it into a [`Composed`] one.
//!
//! The order: every property is checked, then the files are opened, then bytes are written. So an error of
//! input costs nothing, and no error of input can come after the first byte.

use std::{
    collections::HashSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{
    Attachment, Composed, Content, Date, EmailMessage, EnvelopeRecipient, Files, RecipientType, check,
    content_type::ContentType,
    header::{Header, LongWord},
    structure::{Object, Settings, Source, Writer},
};
use crate::{
    error::{Error, ErrorKind},
    types::{Address, Cause, Diagnosis, Mailbox, Stage, Who, shown},
};

/// Time and randomness for one message. A message composed twice with the same stamp has the same bytes.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Now; the `Date` of a message that sets none.
    pub date: Date,
    /// Random bytes, new for every message: the boundaries and a generated `Message-ID` are made of them.
    pub random: [u8; 24],
    /// The right side of a generated `Message-ID`: a domain, or a literal in brackets.
    /// What is neither is replaced by the domain of `From`.
    pub host: String,
}

/// What the session allows. The default is a message of 7-bit lines that every server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Texts may go out as 8-bit lines (8BITMIME, RFC 6152).
    pub eight_bit: bool,
    /// Headers and addresses may go out in UTF-8 (SMTPUTF8, RFC 6531), where an address asks for it.
    ///
    /// Without it domains go out in ASCII, and a local part outside ASCII in a header is an error;
    /// one that only the envelope holds has no path ([`Mailbox::to_path`] is `None`), the message does.
    pub utf8: bool,
}

impl EmailMessage {
    /// Checks the message, opens its files and prepares its bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Message`] with the name of the property that is wrong, such as `Recipients[2].Email`;
    /// [`ErrorKind::FileIo`] for a file that cannot be opened, with `Attachments[…]` or `EmbeddedObjects[…]`.
    pub fn compose(&self, stamp: &Stamp, files: &dyn Files, form: Form) -> Result<Composed, Error> {
        let charset = self.check_charset()?;
        let parties = Parties::of(self)?;
        let utf8 = form.utf8 && parties.ask_for_utf8();
        if !utf8 {
            parties.check_ascii()?;
        }
        check::text(&self.subject, || "Subject".into())?;
        let date = self.date.unwrap_or(stamp.date);
        date.check()?;
        let message_id = match &self.message_id {
            Some(id) => check::message_id(id)?,
            None => generated_message_id(stamp, &parties.from.mailbox),
        };
        for (i, header) in self.custom_headers.iter().enumerate() {
            check::custom_header(&header.name, &header.value, i, self.priority.headers(), utf8)?;
        }
        let embedded = prepare_all(&self.embedded_objects, "EmbeddedObjects")?;
        let attached = prepare_all(&self.attachments, "Attachments")?;

        let open = |prepared: Vec<Prepared<'_>>| -> Result<Vec<Object>, Error> {
            prepared.into_iter().map(|object| object.open(files)).collect()
        };
        let (embedded, attached) = (open(embedded)?, open(attached)?);

        let head = self.head(&parties, date, &message_id, utf8);
        let eight_bit_head = !head.is_ascii();
        let boundary = format!("=_{}", hex(&stamp.random[12..]));
        let settings = Settings { charset, eight_bit: form.eight_bit, boundary };
        let (text, eight_bit_text) = Writer::new(head, settings).write(&self.body_parts, embedded, attached);
        Ok(Composed {
            reverse_path: parties.reverse_path,
            recipients: unique(parties.recipients),
            message_id,
            utf8,
            eight_bit: eight_bit_head || eight_bit_text,
            text,
        })
    }

    /// The charset to name, and that every text fits into it.
    fn check_charset(&self) -> Result<&'static str, Error> {
        let name = self.charset_encoding.as_str();
        if ["", "utf-8", "utf8"].iter().any(|utf8| name.eq_ignore_ascii_case(utf8)) {
            return Ok("utf-8");
        }
        if !["us-ascii", "ascii"].iter().any(|ascii| name.eq_ignore_ascii_case(ascii)) {
            let problem = format!("{} is not supported; use utf-8, which holds every text", shown(name));
            return Err(Error::input("CharsetEncoding", problem));
        }
        match self.body_parts.iter().position(|part| !part.body.is_ascii()) {
            None => Ok("us-ascii"),
            Some(i) => {
                let problem = "the text has characters outside us-ascii; set CharsetEncoding to utf-8";
                Err(Error::input(format!("BodyParts[{i}].Body"), problem))
            }
        }
    }

    /// The fields before `Content-Type`.
    fn head(&self, parties: &Parties<'_>, date: Date, message_id: &str, utf8: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        let one = |out: &mut Vec<u8>, name: &str, value: &str| {
            let mut header = Header::begin(out, name, utf8);
            header.token(value);
            header.end();
        };
        let people = |out: &mut Vec<u8>, name: &str, people: &mut dyn Iterator<Item = &Party<'_>>| {
            let mut people = people.peekable();
            if people.peek().is_none() {
                return;
            }
            let mut header = Header::begin(out, name, utf8);
            while let Some(party) = people.next() {
                party.write(&mut header, utf8, people.peek().is_some());
            }
            header.end();
        };
        let recipients =
            |kind| parties.recipients.iter().filter(move |(k, _)| *k == kind).map(|(_, party)| party);

        // A date has spaces, but no fold belongs into it.
        out.extend_from_slice(format!("Date: {date}\r\n").as_bytes());
        people(&mut out, "From", &mut std::iter::once(&parties.from));
        people(&mut out, "Sender", &mut parties.sender.iter());
        people(&mut out, "Reply-To", &mut parties.reply_to.iter());
        people(&mut out, "To", &mut recipients(RecipientType::To));
        people(&mut out, "Cc", &mut recipients(RecipientType::Cc));
        if parties.recipients.iter().all(|(kind, _)| *kind == RecipientType::Bcc) {
            one(&mut out, "To", "undisclosed-recipients:;");
        }
        let mut subject = Header::begin(&mut out, "Subject", utf8);
        subject.text(&self.subject, LongWord::Encode);
        subject.end();
        one(&mut out, "Message-ID", message_id);
        one(&mut out, "MIME-Version", "1.0");
        for (name, value) in self.priority.headers() {
            one(&mut out, name, value);
        }
        for custom in &self.custom_headers {
            let mut header = Header::begin(&mut out, &custom.name, utf8);
            header.text(&custom.value, LongWord::Keep);
            header.end();
        }
        out
    }
}

/// An address that was checked.
struct Party<'a> {
    address: &'a Address,
    mailbox: Mailbox,
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
        Ok(Self { address, mailbox, place })
    }

    /// An optional property counts as unset while both of its texts are empty.
    fn check_optional(address: Option<&'a Address>, name: &'static str) -> Result<Option<Self>, Error> {
        address
            .filter(|address| !address.email.is_empty() || !address.name.is_empty())
            .map(|address| Self::check(address, Place::Property(name)))
            .transpose()
    }

    fn write(&self, header: &mut Header<'_>, utf8: bool, more: bool) {
        let domain = if utf8 { self.mailbox.domain() } else { self.mailbox.ascii_domain() };
        let local = self.mailbox.local_part();
        let comma = if more { "," } else { "" };
        let name = self.address.name.as_str();
        if name.trim_matches(' ').is_empty() {
            header.token(&format!("{local}@{domain}{comma}"));
        } else {
            header.phrase(name);
            header.token(&format!("<{local}@{domain}>{comma}"));
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
struct Parties<'a> {
    from: Party<'a>,
    sender: Option<Party<'a>>,
    reply_to: Option<Party<'a>>,
    recipients: Vec<(RecipientType, Party<'a>)>,
    reverse_path: Option<Mailbox>,
}

impl<'a> Parties<'a> {
    fn of(message: &'a EmailMessage) -> Result<Self, Error> {
        let from = Party::check(&message.from, Place::Property("From"))?;
        let sender = Party::check_optional(message.sender.as_ref(), "Sender")?;
        let reply_to = Party::check_optional(message.reply_to.as_ref(), "ReplyTo")?;
        let reverse_path = match message.return_path.as_deref() {
            Some("" | "<>") => None,
            Some(email) => Some(Mailbox::parse(email, "ReturnPath")?),
            None => Some(sender.as_ref().unwrap_or(&from).mailbox.clone()),
        };
        if message.recipients.is_empty() {
            return Err(Error::input("Recipients", "the message has no recipient; add at least one"));
        }
        let recipients = message
            .recipients
            .iter()
            .enumerate()
            .map(|(i, r)| Party::check(&r.address, Place::Recipient(i)).map(|party| (r.kind, party)))
            .collect::<Result<_, _>>()?;
        Ok(Self { from, sender, reply_to, recipients, reverse_path })
    }

    /// Everyone whom a header names.
    fn visible(&self) -> impl Iterator<Item = &Party<'a>> {
        let others = self.sender.iter().chain(&self.reply_to);
        let recipients = self.recipients.iter().filter(|(kind, _)| *kind != RecipientType::Bcc);
        std::iter::once(&self.from).chain(others).chain(recipients.map(|(_, party)| party))
    }

    fn ask_for_utf8(&self) -> bool {
        let parties = self.visible().chain(self.recipients.iter().map(|(_, party)| party));
        parties.map(|party| &party.mailbox).chain(&self.reverse_path).any(|m| !m.has_ascii_local_part())
    }

    fn check_ascii(&self) -> Result<(), Error> {
        match self.visible().find(|party| !party.mailbox.has_ascii_local_part()) {
            None => Ok(()),
            Some(party) => Err(party.utf8_needed()),
        }
    }
}

/// Each mailbox once, the first time it is named.
fn unique(recipients: Vec<(RecipientType, Party<'_>)>) -> Vec<EnvelopeRecipient> {
    let mut seen = HashSet::with_capacity(recipients.len());
    let first: Vec<bool> = recipients.iter().map(|(_, party)| seen.insert(&party.mailbox)).collect();
    recipients
        .into_iter()
        .zip(first)
        .filter(|(_, first)| *first)
        .map(|((_, party), _)| EnvelopeRecipient {
            email: party.address.email.clone(),
            mailbox: party.mailbox,
        })
        .collect()
}

fn generated_message_id(stamp: &Stamp, from: &Mailbox) -> String {
    let host = Mailbox::parse(&format!("x@{}", stamp.host), "Host");
    let host = host.as_ref().unwrap_or(from).ascii_domain();
    // `:` occurs in an IPv6 literal, which RFC 5322 allows there; nothing else in a domain needs quoting.
    format!("<{}.{}@{host}>", stamp.date.unix_seconds.unsigned_abs(), hex(&stamp.random[..12]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// An attachment that was checked, its file not opened yet.
struct Prepared<'a> {
    content: &'a Content,
    field: String,
    name: Option<String>,
    content_type: ContentType,
    content_id: Option<String>,
    inline: bool,
}

fn prepare_all<'a>(attachments: &'a [Attachment], collection: &str) -> Result<Vec<Prepared<'a>>, Error> {
    let inline = collection == "EmbeddedObjects";
    let mut seen = HashSet::new();
    let mut prepared = Vec::with_capacity(attachments.len());
    for (i, attachment) in attachments.iter().enumerate() {
        let object = Prepared::check(attachment, format!("{collection}[{i}]"), inline)?;
        if let Some(id) = object.content_id.clone().filter(|id| !seen.insert(id.clone())) {
            let problem = format!("{} is used twice; each object needs its own", shown(&id));
            return Err(Error::input(format!("{}.ContentID", object.field), problem));
        }
        prepared.push(object);
    }
    Ok(prepared)
}

impl<'a> Prepared<'a> {
    fn check(attachment: &'a Attachment, field: String, inline: bool) -> Result<Self, Error> {
        let name = match (&attachment.name, &attachment.content) {
            (Some(name), _) => Some(name.clone()),
            (None, Content::File(path)) => Some(name_of(path, &field)?),
            (None, Content::Bytes(_)) => None,
        };
        if let Some(name) = &name {
            check::file_name(name, &format!("{field}.DisplayName"))?;
        }
        let content_type = match &attachment.content_type {
            Some(given) => ContentType::parse(given, &format!("{field}.ContentType"))?,
            None => ContentType::guess(name.as_deref().unwrap_or_default()),
        };
        let content_id = match &attachment.content_id {
            Some(id) => Some(check::content_id(id, &format!("{field}.ContentID"))?),
            None if inline => {
                let problem = "an embedded object needs the identifier that the HTML names as cid:…";
                return Err(Error::input(format!("{field}.ContentID"), problem));
            }
            None => None,
        };
        Ok(Self { content: &attachment.content, field, name, content_type, content_id, inline })
    }

    fn open(self, files: &dyn Files) -> Result<Object, Error> {
        let source = match self.content {
            Content::Bytes(bytes) => Source::Memory(bytes.clone()),
            Content::File(path) => {
                let shown = shown_path(path);
                let file = files.open(path).map_err(|error| {
                    let what = format!("cannot open {shown}; check the path and the permission to read it");
                    Error::io(ErrorKind::FileIo, Stage::Compose, what, &error).with_field(self.field.clone())
                })?;
                Source::File { file, field: self.field, path: shown }
            }
        };
        Ok(Object {
            source,
            name: self.name,
            content_type: self.content_type,
            content_id: self.content_id,
            inline: self.inline,
        })
    }
}

/// The last part of a path, whichever system it was written for.
fn name_of(path: &Path, field: &str) -> Result<String, Error> {
    let text = path.to_string_lossy();
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        let problem = format!("{} names a folder, not a file", shown_path(path));
        return Err(Error::input(field, problem));
    }
    Ok(name.to_owned())
}

fn shown_path(path: &Path) -> String {
    shown(&PathBuf::from(path).to_string_lossy())
}
