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
    head::{Head, Optional},
    message_id::MessageId,
    parties::Parties,
    prepared::{Opening, Prepared, prepare_all},
    raw,
    structure::{Object, Parts, Settings, Writer, write_text},
    text::Text,
    unsubscribe,
};
use crate::{
    error::Error,
    types::{Moment, shown},
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
    fn moment(&self) -> Moment {
        Moment::new(self.date.unix_seconds)
    }

    /// The random bytes of the `Message-ID`, which is seen everywhere.
    pub(super) fn seen(&self) -> [u8; 12] {
        self.random.first_chunk().copied().unwrap_or_default()
    }

    /// Those of the boundaries.
    fn boundary(&self) -> [u8; 12] {
        self.random.last_chunk().copied().unwrap_or_default()
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
    /// one that only the envelope holds has no path then, the message does.
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
        match &self.raw {
            Some(content) => raw::compose(self, content, stamp, files, form),
            None => Checked::of(self, stamp, form)?.compose(stamp, files),
        }
    }

    /// Appends the whole message to `out`, as [`compose`](Self::compose) makes it for the default [`Form`]; without the
    /// envelope, so that the many that are one text need no memory of their own. After an error `out` may hold a part.
    pub(crate) fn append_composed(
        &self,
        stamp: &Stamp,
        files: &dyn Files,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.raw.is_some() {
            return self.compose(stamp, files, Form::default())?.append_to(out);
        }
        let checked = Checked::of(self, stamp, Form::default())?;
        match checked.only_text() {
            Some(text) if self.dkim.is_empty() => {
                checked.write_text(text, out);
                Ok(())
            }
            _ => checked.compose(stamp, files)?.append_to(out),
        }
    }

    /// The fields that are there when their property is set.
    #[inline]
    fn optional_headers(&self) -> Result<Vec<Optional>, Error> {
        let unset = self.in_reply_to.is_empty()
            && self.references.is_empty()
            && self.priority == Priority::Normal
            && self.auto_submitted == AutoSubmitted::No
            && self.list_unsubscribe.is_empty()
            && !self.list_unsubscribe_one_click;
        if unset { Ok(Vec::new()) } else { self.set_headers() }
    }

    fn set_headers(&self) -> Result<Vec<Optional>, Error> {
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
        let name = &*self.charset_encoding;
        if name == "utf-8" || ["", "utf-8", "utf8"].iter().any(|utf8| name.eq_ignore_ascii_case(utf8)) {
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

/// A message whose every property was checked; its files are not opened yet.
struct Checked<'a> {
    message: &'a EmailMessage,
    head: Head<'a>,
    charset: &'static str,
    /// The iCalendar text and its method.
    calendar: Option<(BodyPart, String)>,
    embedded: Vec<Prepared<'a>>,
    attached: Vec<Prepared<'a>>,
    form: Form,
}

impl<'a> Checked<'a> {
    #[inline]
    fn of(message: &'a EmailMessage, stamp: &'a Stamp, form: Form) -> Result<Self, Error> {
        if !message.trace.is_empty() {
            let problem = "is for a raw message that is passed on; other fields are CustomHeaders";
            return Err(Error::input("Trace", problem));
        }
        let charset = message.check_charset()?;
        let parties = Parties::of(message)?;
        let utf8 = form.utf8 && parties.ask_for_utf8();
        if !utf8 {
            parties.check_ascii()?;
        }
        check::text(&message.subject, || "Subject".into())?;
        let date = message.date.unwrap_or(stamp.date);
        date.check()?;
        let message_id = MessageId::of(message, &parties, stamp)?;
        let optional = message.optional_headers()?;
        message.delivery.check(stamp.moment())?;
        for (i, header) in message.custom_headers.iter().enumerate() {
            let written: Vec<_> = optional.iter().map(|field| (field.name, field.property)).collect();
            check::custom_header(&header.name, &header.value, i, &written, utf8)?;
        }
        let calendar = message.check_calendar()?;
        let embedded = prepare_all(&message.embedded_objects, "EmbeddedObjects")?;
        let attached = prepare_all(&message.attachments, "Attachments")?;
        // A signed message has 7-bit lines only: a server that has to recode others breaks the signature
        // (RFC 6376 section 5.3).
        let plain = message.dkim.is_empty();
        let unencoded = form.binary && form.unencoded && plain;
        let form = Form { eight_bit: form.eight_bit && plain, unencoded, ..form };
        let head = Head { message, parties, date, message_id, optional, utf8 };
        Ok(Self { message, head, charset, calendar, embedded, attached, form })
    }

    /// What most messages are: one text, and nothing beside it.
    fn only_text(&self) -> Option<&'a BodyPart> {
        let alone = self.calendar.is_none() && self.embedded.is_empty() && self.attached.is_empty();
        match self.message.body_parts.as_slice() {
            [text] if alone => Some(text),
            _ => None,
        }
    }

    /// Appends the bytes of a message that is only that text; answers what octets occur in it.
    fn write_text(&self, text: &BodyPart, out: &mut Vec<u8>) -> Encoding {
        out.reserve(self.head.estimate());
        let head = self.head.write(out);
        head.of_both(write_text(text, self.charset, self.form.eight_bit, out))
    }

    /// The text of the message, and what octets occur in it; may be made again for another copy.
    fn text(&self, stamp: &Stamp, files: &dyn Files) -> Result<(Text, Encoding), Error> {
        if let Some(text) = self.only_text() {
            let (mut bytes, mut whole) = (Vec::new(), Text::default());
            let encoding = self.write_text(text, &mut bytes);
            whole.push_ready(bytes);
            return Ok((whole, encoding));
        }
        let bodies = &self.message.body_parts;
        let objects = self.embedded.len() + self.attached.len();
        let alone = bodies.is_empty() && self.calendar.is_none() && objects == 1;
        let boundary = Boundary::new(stamp.boundary());
        let opening = Opening { stamp, files, form: self.form, boundary: &boundary, alone };
        let open = |prepared: &[Prepared<'_>]| -> Result<Vec<Object>, Error> {
            prepared.iter().map(|object| object.open(opening)).collect()
        };
        let (embedded, mut attached) = (open(&self.embedded)?, open(&self.attached)?);
        let invitation = self.message.calendar.as_ref();
        attached.extend(invitation.and_then(|c| Object::of_calendar(c, &boundary, opening.allowed())));
        let parts = Parts { bodies, calendar: self.calendar.clone(), embedded, attached };
        let mut head = Vec::with_capacity(self.head.estimate());
        let encoding = self.head.write(&mut head);
        let settings =
            Settings { charset: self.charset, eight_bit: self.form.eight_bit, boundary: &boundary };
        let (text, inner) = Writer::new(head, settings).write(parts);
        Ok((text, encoding.of_both(inner)))
    }

    fn compose(self, stamp: &Stamp, files: &dyn Files) -> Result<Composed, Error> {
        let (text, encoding) = self.text(stamp, files)?;
        let text =
            dkim::sign(&self.message.dkim, stamp, text, || self.text(stamp, files).map(|(text, _)| text))?;
        let Head { parties, message_id, utf8, .. } = self.head;
        let (reverse_path, recipients) = parties.envelope()?;
        let options = self.message.delivery.check(stamp.moment())?;
        let message_id = message_id.into_string();
        Ok(Composed { reverse_path, recipients, options, message_id, utf8, encoding, exact: false, text })
    }
}
