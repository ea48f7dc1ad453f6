//! The fields of a message before `Content-Type`.

use super::{
    Date, EmailMessage, RecipientType, Stamp, check,
    encoding::Encoding,
    header::{Header, LongWord, is_simple},
    message_id::MessageId,
    parties::{Parties, Party},
};
use crate::error::Error;

/// Everything that the head is made of, checked.
pub(super) struct Head<'a> {
    pub(super) message: &'a EmailMessage,
    pub(super) parties: Parties<'a>,
    /// The subject is ASCII words with one space between two, and nothing like an encoded word.
    simple_subject: bool,
    pub(super) date: Date,
    pub(super) message_id: MessageId<'a>,
    pub(super) optional: Vec<Optional>,
    pub(super) utf8: bool,
}

/// A field that a property asks for.
pub(super) struct Optional {
    pub(super) name: &'static str,
    pub(super) property: &'static str,
    /// Each stays on one line.
    pub(super) items: Vec<String>,
    pub(super) separator: &'static str,
}

impl<'a> Head<'a> {
    /// Checks what every message has in its head; the fields of properties that few set are `optional`.
    #[inline]
    pub(super) fn of(
        message: &'a EmailMessage,
        stamp: &'a Stamp,
        utf8: bool,
        optional: impl FnOnce() -> Result<Vec<Optional>, Error>,
    ) -> Result<Self, Error> {
        let parties = Parties::of(message)?;
        let utf8 = utf8 && parties.ask_for_utf8();
        if !utf8 {
            parties.check_ascii()?;
        }
        let simple_subject = is_simple(&message.subject);
        if !simple_subject {
            check::text(&message.subject, || "Subject".into())?;
        }
        let date = message.date.unwrap_or(stamp.date);
        date.check()?;
        let message_id = MessageId::of(message, &parties, stamp)?;
        Ok(Self { message, parties, simple_subject, date, message_id, optional: optional()?, utf8 })
    }

    /// Appends the fields; answers what octets occur in them.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Encoding {
        let start = out.len();
        let Self { message, parties, utf8, .. } = self;
        let utf8 = *utf8;
        // A date has spaces, but no fold belongs into it.
        self.date.write_field(out);
        self.people(out, "From: ", Some(parties.author()).into_iter());
        if let Some(sender) = parties.sender() {
            self.people(out, "Sender: ", Some(sender).into_iter());
        }
        if let Some(reply_to) = parties.reply_to() {
            self.people(out, "Reply-To: ", Some(reply_to).into_iter());
        }
        self.people(out, "To: ", parties.of_kind(RecipientType::To));
        self.people(out, "Cc: ", parties.of_kind(RecipientType::Cc));
        if parties.are_all(RecipientType::Bcc) {
            out.extend_from_slice(b"To: undisclosed-recipients:;\r\n");
        }
        if !(self.simple_subject && Header::short(out, "Subject: ", &message.subject)) {
            let mut subject = Header::begin(out, "Subject", utf8);
            subject.text(&message.subject, LongWord::Encode);
            subject.end();
        }
        let mut message_id = Header::begin(out, "Message-ID", utf8);
        message_id.token_by(|out| self.message_id.write(out));
        message_id.end();
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        for field in &self.optional {
            let mut header = Header::begin(out, field.name, utf8);
            header.list(&field.items, field.separator);
            header.end();
        }
        for custom in &message.custom_headers {
            let mut header = Header::begin(out, &custom.name, utf8);
            header.text(&custom.value, LongWord::Keep);
            header.end();
        }
        Encoding::of_lines(!utf8 || out[start..].is_ascii())
    }

    /// Appends the field that names them, if there are any; `name` has its colon and a space.
    #[inline]
    fn people<'b>(&self, out: &mut Vec<u8>, name: &'static str, mut people: impl Iterator<Item = Party<'b>>) {
        let Some(mut party) = people.next() else { return };
        let mut next = people.next();
        if next.is_none() && party.bare().is_some_and(|email| Header::short(out, name, email)) {
            return;
        }
        let mut header = Header::begin(out, name.trim_end_matches([':', ' ']), self.utf8);
        while let Some(another) = next {
            party.write(&mut header, self.utf8, true);
            party = another;
            next = people.next();
        }
        party.write(&mut header, self.utf8, false);
        header.end();
    }

    /// About how long the message will be: one buffer that never grows is the best. More than a piece is no use.
    pub(super) fn estimate(&self) -> usize {
        /// The fields of the simplest message without what varies, and some more.
        const FIELDS: usize = 384;
        const A_PERSON: usize = 48;
        const MOST: usize = 64 * 1024;
        let message = self.message;
        let custom: usize = message.custom_headers.iter().map(|h| h.name.len() + h.value.len() + 8).sum();
        let [text] = message.body_parts.as_slice() else { return FIELDS + custom };
        let people = message.recipients.len().saturating_mul(A_PERSON);
        // Line ends may be added.
        let body = text.body.len() + text.body.len() / 16;
        (FIELDS + message.subject.len() + people + custom + body).min(MOST)
    }
}
