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
        if let Some(text) = self.only_text() {
            // The short way for what most messages are.
            let charset = self.check_charset()?;
            let head = Head::of(self, stamp, false, || Ok(Vec::new()))?;
            write_only_text(&head, text, charset, false, out);
            return Ok(());
        }
        if self.raw.is_some() {
            return self.compose(stamp, files, Form::default())?.append_to(out);
        }
        let checked = Checked::of(self, stamp, Form::default())?;
        match checked.only_text() {
            Some(text) if self.dkim.is_empty() => {
                write_only_text(&checked.head, text, checked.charset, false, out);
                Ok(())
            }
            _ => checked.compose(stamp, files)?.append_to(out),
        }
    }

    /// Its text, when there is one and nothing of what few messages have.
    #[inline]
    fn only_text(&self) -> Option<&BodyPart> {
        let [text] = self.body_parts.as_slice() else { return None };
        let alone = self.raw.is_none()
            && self.trace.is_empty()
            && self.attachments.is_empty()
            && self.embedded_objects.is_empty()
            && self.custom_headers.is_empty()
            && self.in_reply_to.is_empty()
            && self.references.is_empty()
            && self.priority == Priority::Normal
            && self.auto_submitted == AutoSubmitted::No
            && self.list_unsubscribe.is_empty()
            && !self.list_unsubscribe_one_click
            && self.calendar.is_none()
            && self.dkim.is_empty()
            && self.delivery.ask_for_nothing();
        alone.then_some(text)
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

    /// The charset to name, and that every text fits into it.
    #[inline(always)]
    fn check_charset(&self) -> Result<&'static str, Error> {
        if self.charset_encoding == "utf-8" { Ok("utf-8") } else { self.check_other_charset() }
    }

    fn check_other_charset(&self) -> Result<&'static str, Error> {
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

/// A message whose every property was checked; its files are not opened yet.
struct Checked<'a> {
    message: &'a EmailMessage,
    head: Head<'a>,
    charset: &'static str,
    /// What is not a text or a header; most messages have none.
    others: Option<Box<Others<'a>>>,
    form: Form,
}

/// What stands in a message beside its texts, checked.
struct Others<'a> {
    /// The iCalendar text and its method.
    calendar: Option<(BodyPart, String)>,
    embedded: Vec<Prepared<'a>>,
    attached: Vec<Prepared<'a>>,
}

impl<'a> Others<'a> {
    fn of(message: &'a EmailMessage) -> Result<Self, Error> {
        let calendar = message.calendar.as_ref();
        let calendar = calendar.map(|calendar| Ok((calendar.part(), calendar.check()?))).transpose()?;
        let embedded = prepare_all(&message.embedded_objects, "EmbeddedObjects")?;
        let attached = prepare_all(&message.attachments, "Attachments")?;
        Ok(Self { calendar, embedded, attached })
    }
}

impl<'a> Checked<'a> {
    #[inline]
    fn of(message: &'a EmailMessage, stamp: &'a Stamp, form: Form) -> Result<Self, Error> {
        if !message.trace.is_empty() {
            let problem = "is for a raw message that is passed on; other fields are CustomHeaders";
            return Err(Error::input("Trace", problem));
        }
        let charset = message.check_charset()?;
        let head = Head::of(message, stamp, form.utf8, || message.optional_headers())?;
        message.delivery.check(stamp.moment())?;
        for (i, header) in message.custom_headers.iter().enumerate() {
            let written: Vec<_> = head.optional.iter().map(|field| (field.name, field.property)).collect();
            check::custom_header(&header.name, &header.value, i, &written, head.utf8)?;
        }
        let alone = message.calendar.is_none()
            && message.embedded_objects.is_empty()
            && message.attachments.is_empty();
        let others = if alone { None } else { Some(Box::new(Others::of(message)?)) };
        // A signed message has 7-bit lines only: a server that has to recode others breaks the signature
        // (RFC 6376 section 5.3).
        let plain = message.dkim.is_empty();
        let unencoded = form.binary && form.unencoded && plain;
        let form = Form { eight_bit: form.eight_bit && plain, unencoded, ..form };
        Ok(Self { message, head, charset, others, form })
    }

    /// What most messages are: one text, and nothing beside it.
    fn only_text(&self) -> Option<&'a BodyPart> {
        match self.message.body_parts.as_slice() {
            [text] if self.others.is_none() => Some(text),
            _ => None,
        }
    }

    /// The text of the message, and what octets occur in it; may be made again for another copy.
    fn text(&self, stamp: &Stamp, files: &dyn Files) -> Result<(Text, Encoding), Error> {
        if let Some(text) = self.only_text() {
            let (mut bytes, mut whole) = (Vec::new(), Text::default());
            let encoding = write_only_text(&self.head, text, self.charset, self.form.eight_bit, &mut bytes);
            whole.push_ready(bytes);
            return Ok((whole, encoding));
        }
        let bodies = &self.message.body_parts;
        let others = self.others.as_deref();
        let alone = bodies.is_empty()
            && others.is_some_and(|o| o.calendar.is_none() && o.embedded.len() + o.attached.len() == 1);
        let boundary = Boundary::new(stamp.boundary());
        let opening = Opening { stamp, files, form: self.form, boundary: &boundary, alone };
        let open = |prepared: &[Prepared<'_>]| -> Result<Vec<Object>, Error> {
            prepared.iter().map(|object| object.open(opening)).collect()
        };
        let embedded = open(others.map_or(&[], |others| &others.embedded))?;
        let mut attached = open(others.map_or(&[], |others| &others.attached))?;
        let invitation = self.message.calendar.as_ref();
        attached.extend(invitation.and_then(|c| Object::of_calendar(c, &boundary, opening.allowed())));
        let calendar = others.and_then(|others| others.calendar.clone());
        let parts = Parts { bodies, calendar, embedded, attached };
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

/// Appends the bytes of a message that is only that text; answers what octets occur in it.
fn write_only_text(
    head: &Head<'_>,
    text: &BodyPart,
    charset: &'static str,
    eight_bit: bool,
    out: &mut Vec<u8>,
) -> Encoding {
    let estimate = head.estimate();
    if out.capacity() == 0 {
        // Costs less than to reserve.
        *out = Vec::with_capacity(estimate);
    } else {
        out.reserve(estimate);
    }
    head.write(out).of_both(write_text(text, charset, eight_bit, out))
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use super::*;
    use crate::message::{BodyPartFormat, OpenedFile, RecipientType};

    struct NoFiles;

    impl Files for NoFiles {
        fn open(&self, _: &Path) -> io::Result<OpenedFile> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    #[test]
    fn the_short_way_of_a_text_agrees_with_the_long_one() {
        let stamp = Stamp { date: Date::utc(1_700_000_000), random: [7; 24], host: String::new() };
        let of = |from: &str, to: &str, subject: &str, text: &str| {
            EmailMessage::quick(to, from, subject, text, BodyPartFormat::Plain)
        };
        let (from, to) = ("sender@example.com", "recipient@example.com");
        let mut others = of(from, to, "Others", "text\n");
        others.add_recipient_as("c@example.com", "Cé", RecipientType::Cc).add_header("X-Mine", "mine");
        others.sender = Some(("s@example.com", "S").into());
        let mut named = of(from, to, "", "");
        named.from.name = "Doe, Jane".into();
        named.charset_encoding = "latin-1".into();
        let long = format!("{}@example.com", "x".repeat(60));
        for message in [
            of(from, to, "Hello world", "text"),
            of(from, to, "", "grüße\r\n"),
            of(from, to, " Hellö  ", "a\nb\rc"),
            of(from, to, &"word ".repeat(40), &"x".repeat(2000)),
            of(&long, &long, &"w".repeat(69), "text"),
            of("a@bücher.example", "\"a b\"@example.com", "is =? it", "text"),
            of(from, to, "a\nb", "text"),
            of(from, "", "", "text"),
            of("ü@example.com", to, "", "text"),
            EmailMessage { message_id: Some("a@b".into()), ..of(from, to, "", "") },
            EmailMessage { date: Some(Date::utc(i64::MAX)), ..of(from, to, "", "") },
            EmailMessage { trace: "a: b\r\n".into(), ..of(from, to, "", "") },
            EmailMessage { recipients: Vec::new(), ..of(from, to, "", "") },
            others,
            named,
        ] {
            let mut short = Vec::new();
            let short = message.append_composed(&stamp, &NoFiles, &mut short).map(|()| short);
            let long = message.compose(&stamp, &NoFiles, Form::default()).and_then(Composed::into_bytes);
            match (short, long) {
                (Ok(short), Ok(long)) => {
                    assert_eq!(String::from_utf8_lossy(&short), String::from_utf8_lossy(&long));
                }
                (short, long) => {
                    let said = |error: Error| (error.field().map(str::to_owned), error.to_string());
                    assert_eq!(short.map_err(said).unwrap_err(), long.map_err(said).unwrap_err());
                }
            }
        }
    }
}
