//! Checks a message and turns it into a [`Composed`] one.
//!
//! The order: every property is checked, then the files are opened, then bytes are written. So an error of
//! input costs nothing, and no error of input can come after the first byte.

use ::sha2::{Digest, Sha256};

use super::{
    AutoSubmitted, BodyPart, Composed, Date, EmailMessage, Files, Priority,
    boundary::Boundary,
    check, dkim,
    encoding::Encoding,
    figures,
    head::{Head, Optional},
    parties::Parties,
    prepared::{Opening, Prepared, prepare_all},
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
    /// What is neither, as an empty text, is replaced by the domain of `From`.
    pub host: String,
}

impl Stamp {
    /// The random bytes of the boundaries; those before them are in the `Message-ID`, which is seen everywhere.
    fn boundary(&self) -> [u8; 12] {
        let mut random = [0; 12];
        random.copy_from_slice(&self.random[12..]);
        random
    }

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
    /// A message given as raw bytes may go out without the last line end, if it came so (CHUNKING, RFC 3030).
    pub exact: bool,
    /// Any octets may occur, NUL and CR or LF by themselves (BINARYMIME with CHUNKING, RFC 3030): a message given as raw
    /// bytes in the form of the wire stays as it is. A signed message stays lines, for who recodes it breaks the
    /// signature.
    pub binary: bool,
    /// With `binary`, attachments go out as they are too, without an encoding; but those that are streams, for what
    /// they hold cannot be looked at before.
    ///
    /// Only on request: most servers after this one do not know BINARYMIME, and then it has to recode or to refuse.
    pub unencoded: bool,
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
        if !self.trace.is_empty() {
            let problem = "is for a raw message that is passed on; other fields are CustomHeaders";
            return Err(Error::input("Trace", problem));
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
            None => generated_message_id(stamp, &parties.from),
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
        let plain = self.dkim.is_empty();
        let unencoded = form.binary && form.unencoded && plain;
        let form = Form { eight_bit: form.eight_bit && plain, unencoded, ..form };
        let boundary = Boundary::new(stamp.boundary());
        let alone = self.body_parts.is_empty() && calendar.is_none() && embedded.len() + attached.len() == 1;
        let opening = Opening { stamp, files, form, boundary: &boundary, alone };
        let settings = Settings { charset, eight_bit: form.eight_bit, boundary: &boundary };
        let head = Head {
            message: self,
            parties: &parties,
            date,
            message_id: &message_id,
            optional: &optional,
            utf8,
        };
        let build = || -> Result<(Text, Encoding), Error> {
            // Most messages are one text.
            if let ([text], None, true) =
                (self.body_parts.as_slice(), &calendar, embedded.is_empty() && attached.is_empty())
            {
                let head = head.write();
                let encoding = if head.is_ascii() { Encoding::SevenBit } else { Encoding::EightBit };
                let (text, inner) = Writer::new(head, settings).write_text(text);
                return Ok((text, encoding.of_both(inner)));
            }
            let open = |prepared: &[Prepared<'_>]| -> Result<Vec<Object>, Error> {
                prepared.iter().map(|object| object.open(opening)).collect()
            };
            let (embedded, mut attached) = (open(&embedded)?, open(&attached)?);
            let invitation = self.calendar.as_ref();
            attached.extend(invitation.and_then(|c| Object::of_calendar(c, &boundary, opening.allowed())));
            let parts = Parts { bodies: &self.body_parts, calendar: calendar.clone(), embedded, attached };
            let head = head.write();
            let encoding = if head.is_ascii() { Encoding::SevenBit } else { Encoding::EightBit };
            let (text, inner) = Writer::new(head, settings).write(parts);
            Ok((text, encoding.of_both(inner)))
        };
        let (text, encoding) = build()?;
        let text = dkim::sign(&self.dkim, stamp, text, || build().map(|(text, _)| text))?;
        let (reverse_path, recipients) = parties.into_envelope();
        Ok(Composed { reverse_path, recipients, options, message_id, utf8, encoding, exact: false, text })
    }

    /// The fields that are there when their property is set.
    fn optional_headers(&self) -> Result<Vec<Optional>, Error> {
        let mut fields = Vec::new();
        let unset = self.in_reply_to.is_empty()
            && self.references.is_empty()
            && self.priority == Priority::Normal
            && self.auto_submitted == AutoSubmitted::No
            && self.list_unsubscribe.is_empty()
            && !self.list_unsubscribe_one_click;
        if unset {
            return Ok(fields);
        }
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
        let name = &*self.charset_encoding;
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
}

/// `<time.random@host>`.
fn generated_message_id(stamp: &Stamp, from: &Mailbox) -> String {
    let given = (!stamp.host.is_empty() && !stamp.host.eq_ignore_ascii_case(from.domain()))
        .then(|| Mailbox::parse(&format!("x@{}", stamp.host), "Host"));
    let host = given.as_ref().and_then(|host| host.as_ref().ok()).unwrap_or(from).ascii_domain();
    let mut id = Vec::with_capacity(host.len() + 48);
    id.push(b'<');
    figures::decimal(stamp.date.unix_seconds.unsigned_abs(), &mut id);
    id.push(b'.');
    let mut random = [0; 25];
    figures::hex(&stamp.random[..12], &mut random);
    random[24] = b'@';
    id.extend_from_slice(&random);
    // `:` occurs in an IPv6 literal, which RFC 5322 allows there; nothing else in a domain needs quoting.
    id.extend_from_slice(host.as_bytes());
    id.push(b'>');
    // All of it is ASCII.
    String::from_utf8(id).unwrap_or_default()
}
