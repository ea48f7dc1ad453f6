//! Checks a message and turns it into a [`Composed`] one.
//!
//! The order: every property is checked, then the files are opened, then bytes are written. So an error of
//! input costs nothing, and no error of input can come after the first byte.

use std::fmt::Write as _;

use ::sha2::{Digest, Sha256};

use super::{
    BodyPart, Composed, Date, EmailMessage, Files, RecipientType, check, dkim,
    header::{Header, LongWord},
    parties::{Parties, Party, unique},
    prepared::{Prepared, prepare_all},
    raw,
    structure::{Object, Parts, Settings, Writer},
    text::Text,
    unsubscribe,
};
use crate::{
    error::Error,
    types::{Mailbox, Moment, shown},
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

impl Stamp {
    /// The stamp of a message within the message, by the property that holds it.
    pub(super) fn within(&self, field: &str) -> Self {
        let digest = Sha256::new().chain_update(self.random).chain_update(field).finalize();
        let mut inner = self.clone();
        inner.random.iter_mut().zip(digest).for_each(|(old, new)| *old = new);
        inner
    }
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
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) with the name of the property that is wrong, such as `Recipients[2].Email`;
    /// [`ErrorKind::FileIo`](crate::ErrorKind::FileIo) for a file that cannot be opened, with `Attachments[…]` or `EmbeddedObjects[…]`.
    pub fn compose(&self, stamp: &Stamp, files: &dyn Files, form: Form) -> Result<Composed, Error> {
        if let Some(content) = &self.raw {
            return raw::compose(self, content, stamp, files, form);
        }
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
            Some(id) => check::message_id(id, "MessageID")?,
            None => generated_message_id(stamp, &parties.from.mailbox),
        };
        let optional = self.optional_headers()?;
        let options = self.delivery.check(Moment::new(stamp.date.unix_seconds))?;
        for (i, header) in self.custom_headers.iter().enumerate() {
            let written: Vec<_> = optional.iter().map(|field| (field.name, field.property)).collect();
            check::custom_header(&header.name, &header.value, i, &written, utf8)?;
        }
        let calendar = self.check_calendar()?;
        let embedded = prepare_all(&self.embedded_objects, "EmbeddedObjects")?;
        let attached = prepare_all(&self.attachments, "Attachments")?;

        // A signed message has 7-bit lines only: a server that has to recode others breaks the signature
        // (RFC 6376 section 5.3).
        let form = Form { eight_bit: form.eight_bit && self.dkim.is_empty(), ..form };
        let head = self.head(&parties, date, &message_id, &optional, utf8);
        let eight_bit_head = !head.is_ascii();
        let boundary = format!("=_{}", hex(&stamp.random[12..]));
        let mut head = Some(head);
        let mut build = || -> Result<(Text, bool), Error> {
            let open = |prepared: &[Prepared<'_>]| -> Result<Vec<Object>, Error> {
                prepared.iter().map(|object| object.open(stamp, files, form)).collect()
            };
            let (embedded, mut attached) = (open(&embedded)?, open(&attached)?);
            attached.extend(self.calendar.as_ref().and_then(Object::of_calendar));
            let parts = Parts { bodies: &self.body_parts, calendar: calendar.clone(), embedded, attached };
            let head = head.take().unwrap_or_else(|| self.head(&parties, date, &message_id, &optional, utf8));
            let settings = Settings { charset, eight_bit: form.eight_bit, boundary: boundary.clone() };
            Ok(Writer::new(head, settings).write(parts))
        };
        let (text, eight_bit_text) = build()?;
        let text = dkim::sign(&self.dkim, stamp, text, || build().map(|(text, _)| text))?;
        Ok(Composed {
            reverse_path: parties.reverse_path,
            recipients: unique(parties.recipients),
            options,
            message_id,
            utf8,
            eight_bit: eight_bit_head || eight_bit_text,
            text,
        })
    }

    /// The fields that are there when their property is set.
    fn optional_headers(&self) -> Result<Vec<Optional>, Error> {
        let mut fields = Vec::new();
        let mut add = |name, property, items, separator| {
            fields.push(Optional { name, property, items, separator });
        };
        for (property, name, ids) in
            [("InReplyTo", "In-Reply-To", &self.in_reply_to), ("References", "References", &self.references)]
        {
            if !ids.is_empty() {
                add(name, property, check::message_ids(ids, property)?, "");
            }
        }
        for &(name, value) in self.priority.headers() {
            add(name, "Priority", vec![value.to_owned()], "");
        }
        if let Some(value) = self.auto_submitted.value() {
            add("Auto-Submitted", "AutoSubmitted", vec![value.to_owned()], "");
        }
        let links = unsubscribe::links(&self.list_unsubscribe, self.list_unsubscribe_one_click)?;
        if !links.is_empty() {
            add("List-Unsubscribe", "ListUnsubscribe", links, ",");
        }
        if self.list_unsubscribe_one_click {
            let value = vec!["List-Unsubscribe=One-Click".to_owned()];
            add("List-Unsubscribe-Post", "ListUnsubscribeOneClick", value, "");
        }
        Ok(fields)
    }

    fn check_calendar(&self) -> Result<Option<(BodyPart, String)>, Error> {
        self.calendar.as_ref().map(|calendar| Ok((calendar.part(), calendar.check()?))).transpose()
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
    fn head(
        &self,
        parties: &Parties<'_>,
        date: Date,
        message_id: &str,
        optional: &[Optional],
        utf8: bool,
    ) -> Vec<u8> {
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
        for field in optional {
            let mut header = Header::begin(&mut out, field.name, utf8);
            header.list(&field.items, field.separator);
            header.end();
        }
        for custom in &self.custom_headers {
            let mut header = Header::begin(&mut out, &custom.name, utf8);
            header.text(&custom.value, LongWord::Keep);
            header.end();
        }
        out
    }
}

/// A field that a property asks for.
struct Optional {
    name: &'static str,
    property: &'static str,
    /// Each stays on one line.
    items: Vec<String>,
    separator: &'static str,
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
