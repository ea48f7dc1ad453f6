//! Reports on delivery to the sender (RFC 3461, RFC 3464): what failed, what is late, what was passed on.
//!
//! Purpose: facts in, a message with its envelope out, or nothing when nobody is to be told. No clock, no files, no
//! queue: all of that comes in with [`Facts`].
//!
//! Policy:
//! - Never a report on a report: none for a null reverse-path, and its own reverse-path is null (RFC 3461 section 6.2).
//! - NOTIFY decides who is spoken of; without it failures are reported, and nothing else.
//! - The first part is for a person and says what to do; the second is for programs; the third gives the message back:
//!   whole when it failed, is below a megabyte and RET does not ask for headers alone, else its headers.
//! - Every server takes the report, of 7 bits, unless the message that it gives back, or the sender's address, is not.

mod people;
mod returned;
mod status;

use std::{
    io::{self, Read},
    path::Path,
};

use freesmtp_core::{
    EmailMessage, Error,
    message::{AutoSubmitted, Date, Files, Form, Notify, OpenedFile, RecipientOptions, Stamp},
    spool::{BodyType, Envelope, Id, Recipient},
    types::{Address, Mailbox},
};

use crate::queue::{Millis, Words};
use returned::Returned;

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was given up.
    Failed,
    /// It is late, and still tried.
    Delayed,
    /// A server took it that does not report deliveries itself (RFC 3461 section 6.2.1).
    Relayed,
}

impl Kind {
    /// What NOTIFY must hold for such a report.
    fn asked_by(self) -> Notify {
        match self {
            Self::Failed => Notify::FAILURE,
            Self::Delayed => Notify::DELAY,
            Self::Relayed => Notify::SUCCESS,
        }
    }

    /// Whether the sender asked for it, or said nothing where that is enough.
    #[must_use]
    pub fn is_asked(self, notify: Notify) -> bool {
        notify.contains(self.asked_by()) || (self == Self::Failed && notify == Notify::DEFAULT)
    }
}

/// A recipient to report on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its place in the envelope.
    pub index: usize,
    /// What was said at last.
    pub words: Words,
    /// When it was tried last; `None` when it never was.
    pub at: Option<Millis>,
    /// Its time was over before a server took or refused it.
    pub expired: bool,
    /// Until when it is tried, for [`Kind::Delayed`].
    pub until: Option<Millis>,
}

/// All that a report is made of, but for the message itself.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What is reported.
    pub kind: Kind,
    /// The full name of this host.
    pub host: &'a str,
    /// The message's id in the spool.
    pub id: Id,
    /// The envelope of the message.
    pub envelope: &'a Envelope,
    /// The recipients to report on.
    pub recipients: &'a [About],
    /// Octets of the message.
    pub size: u64,
    /// Now.
    pub now: Millis,
    /// Random octets, new for each report.
    pub random: [u8; 24],
}

/// A report, ready for the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// From nobody to the sender of the message.
    pub envelope: Envelope,
    /// The message, in lines that end with CRLF.
    pub message: Vec<u8>,
}

/// A recipient that is reported on, with what the envelope says of it.
#[derive(Clone, Copy, Debug)]
struct Told<'a> {
    recipient: &'a Recipient,
    about: &'a About,
}

/// Makes the report on a message; `None` when nobody is to be told. The message is read only as far as it is given back.
///
/// # Errors
/// When the message can't be read.
pub fn report(facts: &Facts<'_>, message: &mut dyn Read) -> io::Result<Option<Bounce>> {
    let envelope = facts.envelope;
    let Ok(sender) = Mailbox::parse(&envelope.reverse_path, "ReturnPath") else { return Ok(None) };
    let told: Vec<Told<'_>> = facts
        .recipients
        .iter()
        .filter_map(|about| Some(Told { recipient: envelope.recipients.get(about.index)?, about }))
        .filter(|told| facts.kind.is_asked(told.recipient.options.notify))
        .collect();
    if told.is_empty() {
        return Ok(None);
    }
    let utf8 = !sender.has_ascii_local_part();
    let Some(to) = sender.to_path(utf8) else { return Ok(None) };
    let returned = Returned::read(facts, utf8, message)?;
    let (head, text) = letter(facts, &told, &to, &returned, utf8).map_err(io::Error::other)?;
    let boundary = boundary(facts);
    let status = status::part(facts, &told, utf8);
    let subtype = if utf8 { "global-delivery-status" } else { "delivery-status" };
    let mut bytes = head;
    bytes.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={subtype};\r\n\tboundary=\"{boundary}\"\r\n"
        )
        .as_bytes(),
    );
    let eight_bit = returned.is_eight_bit() || !status.is_ascii();
    if eight_bit {
        bytes.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    let parts = [Some(text), Some(status.into_bytes()), returned.part()];
    for part in parts.into_iter().flatten() {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        bytes.extend_from_slice(&part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    // Nobody is to report on a report, whoever carries it.
    let options = RecipientOptions { notify: Notify::NEVER, ..RecipientOptions::default() };
    let envelope = Envelope {
        reverse_path: String::new(),
        recipients: vec![Recipient { email: to.into_owned(), options }],
        body: if eight_bit { BodyType::EightBit } else { BodyType::SevenBit },
        utf8,
        ..Envelope::default()
    };
    Ok(Some(Bounce { envelope, message: bytes }))
}

/// The head of the report, and its first part with the fields of its own: the composer writes one message, and its fields
/// are shared out.
fn letter(
    facts: &Facts<'_>,
    told: &[Told<'_>],
    to: &str,
    returned: &Returned,
    utf8: bool,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut message = EmailMessage::new();
    message.from = Address::named(format!("MAILER-DAEMON@{}", facts.host), "Mail Delivery System");
    message.add_recipient(to);
    message.subject = people::subject(facts.kind, told.len()).to_owned();
    message.auto_submitted = AutoSubmitted::Replied;
    message.in_reply_to = returned.message_id().into_iter().collect();
    message.references.clone_from(&message.in_reply_to);
    message.add_text(people::text(facts, told, returned));
    let stamp = Stamp {
        date: Date::utc(facts.now.div_euclid(1000)),
        random: facts.random,
        host: facts.host.to_owned(),
    };
    let form = Form { utf8, ..Form::default() };
    let compose = |message: &EmailMessage| message.compose(&stamp, &NoFiles, form)?.into_bytes();
    let bytes = compose(&message).or_else(|_| {
        // A Message-ID that no header may hold: the report goes without it.
        message.in_reply_to.clear();
        message.references.clear();
        compose(&message)
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    for field in fields(head) {
        let name = field.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if name == "mime-version" {
            continue;
        }
        let part = if name.starts_with("content-") { &mut inner } else { &mut outer };
        part.extend_from_slice(field.as_bytes());
        part.extend_from_slice(b"\r\n");
    }
    inner.extend_from_slice(b"\r\n");
    inner.extend_from_slice(body.as_bytes());
    Ok((outer, inner))
}

/// The fields of a head, folded as they are.
fn fields(head: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.push_str("\r\n");
                field.push_str(line);
            }
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

/// Made of the random octets that no part of the Message-ID shows: nobody can have put it into the message.
fn boundary(facts: &Facts<'_>) -> String {
    facts.random[12..].iter().fold("report_".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A report names no file.
struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: &Path) -> io::Result<OpenedFile> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
