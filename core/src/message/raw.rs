//! A whole message given as RFC 5322 bytes, passed through: as lines, or octet by octet where the session takes that
//! (BINARYMIME, RFC 3030) and the message is in the form of the wire.
//!
//! It is read twice, in constant memory: once to learn its envelope and that servers will take it, once to send it.
//! Only its head is held in memory.

use memchr::memmem;

use super::{
    AutoSubmitted, Composed, Content, EmailMessage, EnvelopeRecipient, Files, Form, Priority, Stamp,
    addresses::addresses,
    dkim,
    encoding::Encoding,
    lines::Facts,
    prepared::{each_piece, open, scan},
    survey::Shape,
    text::Text,
};
use crate::{
    error::Error,
    types::{Address, Mailbox, Moment, RcptOptions, shown},
};

const FIELD: &str = "Raw";
/// A head is held in memory; no real one is nearly that long.
const LONGEST_HEAD: usize = 1 << 20;

/// Checks `content` and turns it into the bytes and the envelope.
pub(super) fn compose(
    message: &EmailMessage,
    content: &Content,
    stamp: &Stamp,
    files: &dyn Files,
    form: Form,
) -> Result<Composed, Error> {
    check_unset(message)?;
    let options = message.delivery.check(Moment::new(stamp.date.unix_seconds))?;
    let mut head = Vec::new();
    let mut whole_head = false;
    let facts = scan(content, FIELD, files, |piece| {
        if whole_head {
            return Ok(());
        }
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(piece);
        let end = if head.starts_with(b"\r\n") {
            Some(2)
        } else {
            memmem::find(&head[from..], b"\r\n\r\n").map(|at| from + at + 4)
        };
        whole_head = end.is_some();
        head.truncate(end.unwrap_or(head.len()));
        if head.len() > LONGEST_HEAD {
            return Err(refuse(
                "no empty line ends its head within a mebibyte; a message begins with its headers",
            ));
        }
        Ok(())
    })?;
    // A signed message keeps to lines, as nothing may be recoded on its way (RFC 6376 section 5.3). A head with
    // other line ends is that of a file in the form of some system, not of the wire.
    let wanted = if facts.are_lines() { form.exact && facts.unfinished } else { form.binary };
    let exact = wanted && message.dkim.is_empty() && has_crlf_only(content, head.len(), files)?;
    if !exact {
        check_lines(facts)?;
    }
    let head = Head::read(&head)?;
    let reverse_path = head.reverse_path(message)?;
    let recipients = head.recipients(message)?;
    let mut kept = head.without_bcc();
    if !message.trace.is_empty() {
        check_trace(&message.trace)?;
        kept.splice(0..0, message.trace.bytes());
    }
    let asks = recipients.iter().map(|r| &r.mailbox).chain(&reverse_path).any(|m| !m.has_ascii_local_part());
    let utf8 = form.utf8 && (asks || !kept.is_ascii());

    let build = || -> Result<Text, Error> {
        let reader = open(content, FIELD, files)?;
        let mut text = Text::default();
        text.push_ready(kept.clone());
        if exact {
            text.push_exact(reader, head.octets);
        } else {
            text.push_lines(reader, head.octets, facts.octets);
        }
        Ok(text)
    };
    let text = dkim::sign(&message.dkim, stamp, build()?, build)?;
    let message_id = head.first("Message-ID").map(|id| id.trim().to_owned()).unwrap_or_default();
    let encoding = match facts.eight_bit {
        _ if exact && !facts.are_lines() => Encoding::Binary,
        true => Encoding::EightBit,
        false => Encoding::SevenBit,
    };
    Ok(Composed { reverse_path, recipients, options, message_id, utf8, encoding, exact, text })
}

/// Whether the first `octets` of the message are lines that end in CRLF.
fn has_crlf_only(content: &Content, octets: usize, files: &dyn Files) -> Result<bool, Error> {
    let mut shape = Shape::default();
    let mut left = octets;
    each_piece(&mut open(content, FIELD, files)?, |piece| {
        let head = &piece[..piece.len().min(left)];
        shape.push(head);
        left -= head.len();
        Ok(left > 0)
    })?;
    Ok(left == 0 && shape.are_lines(true))
}

fn refuse(problem: impl Into<String>) -> Error {
    Error::input(FIELD, problem)
}

/// A raw message says all of this itself.
fn check_unset(message: &EmailMessage) -> Result<(), Error> {
    // Every property has its place here: one that is new does not compile before somebody has thought about it.
    let EmailMessage {
        from: _,
        sender: _,
        return_path: _,
        charset_encoding: _,
        recipients: _,
        dkim: _,
        delivery: _,
        spool: _,
        raw: _,
        trace: _,
        reply_to,
        subject,
        priority,
        message_id,
        date,
        body_parts,
        attachments,
        embedded_objects,
        custom_headers,
        in_reply_to,
        references,
        auto_submitted,
        list_unsubscribe,
        list_unsubscribe_one_click,
        calendar,
    } = message;
    let head = reply_to.is_some()
        || !subject.is_empty()
        || *priority != Priority::Normal
        || message_id.is_some()
        || date.is_some()
        || !custom_headers.is_empty()
        || !in_reply_to.is_empty()
        || !references.is_empty()
        || *auto_submitted != AutoSubmitted::No
        || !list_unsubscribe.is_empty()
        || *list_unsubscribe_one_click;
    let parts = !body_parts.is_empty()
        || !attachments.is_empty()
        || !embedded_objects.is_empty()
        || calendar.is_some();
    if !head && !parts {
        return Ok(());
    }
    Err(refuse(
        "a raw message holds its own headers and parts; only From, Sender, ReturnPath, Recipients, DKIM, delivery and spool options are set beside it",
    ))
}

/// Fields of their own, that end nothing and begin no text.
fn check_trace(trace: &str) -> Result<(), Error> {
    let whole = trace.ends_with("\r\n") && !trace.contains("\r\n\r\n") && trace.is_ascii();
    if !whole
        || trace
            .lines()
            .any(|line| line.len() > 998 || line.bytes().any(|b| b != b'\t' && b.is_ascii_control()))
    {
        let problem = "is not made of whole header lines of ASCII that end in CRLF";
        return Err(Error::input("Trace", problem));
    }
    Head::read(trace.as_bytes()).map(|_| ())
}

fn check_lines(facts: Facts) -> Result<(), Error> {
    if let Some(line) = facts.nul_line {
        return Err(refuse(format!(
            "line {line} holds a NUL, where servers cut messages; encode that part in base64"
        )));
    }
    if let Some(line) = facts.long_line {
        return Err(refuse(format!(
            "line {line} has over 998 octets, which servers cut or refuse (RFC 5322 section 2.1.1); \
             encode that part as quoted-printable"
        )));
    }
    Ok(())
}

/// The head of a message, as fields.
struct Head<'a> {
    /// Name and whole field with its line ends.
    fields: Vec<(&'a str, &'a [u8])>,
    /// With the empty line.
    octets: u64,
}

impl<'a> Head<'a> {
    /// Reads lines that end in CRLF.
    fn read(head: &'a [u8]) -> Result<Self, Error> {
        let mut fields: Vec<(&str, &[u8])> = Vec::new();
        let (mut start, mut name) = (0, None);
        let text = head.strip_suffix(b"\r\n\r\n").map_or(head, |text| &head[..text.len() + 2]);
        let mut at = 0;
        for (i, line) in text.split_inclusive(|&b| b == b'\n').enumerate() {
            if !(line.starts_with(b" ") || line.starts_with(b"\t")) || name.is_none() {
                if let Some(name) = name.take() {
                    fields.push((name, &text[start..at]));
                }
                name = Some(field_name(line).ok_or_else(|| not_a_field(i + 1, line))?);
                start = at;
            }
            at += line.len();
        }
        if let Some(name) = name {
            fields.push((name, &text[start..]));
        }
        if fields.is_empty() {
            return Err(refuse("the message has no headers; it begins with them"));
        }
        Ok(Self { fields, octets: head.len() as u64 })
    }

    /// The value of the first field of that name, unfolded.
    fn first(&self, name: &str) -> Option<String> {
        self.all(name).next()
    }

    fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = String> + 'b {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(name, field)| {
            let text = String::from_utf8_lossy(field).replace("\r\n", "");
            text.get(name.len()..)
                .and_then(|rest| rest.split_once(':'))
                .map(|(_, v)| v.to_owned())
                .unwrap_or_default()
        })
    }

    /// The head without the fields that no recipient may see, and its empty line.
    fn without_bcc(&self) -> Vec<u8> {
        let hidden = |name: &str| ["Bcc", "Resent-Bcc"].iter().any(|bcc| bcc.eq_ignore_ascii_case(name));
        let mut out = Vec::new();
        for (_, field) in self.fields.iter().filter(|(name, _)| !hidden(name)) {
            out.extend_from_slice(field);
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// `Resent-` when the message was sent on: then those fields say who gets it (RFC 5322 section 3.6.6).
    fn prefix(&self) -> &'static str {
        let resent = ["Resent-To", "Resent-Cc", "Resent-Bcc"];
        if resent.iter().any(|name| self.first(name).is_some()) { "Resent-" } else { "" }
    }

    fn addresses(&self, name: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        for value in self.all(name) {
            if value.contains('\u{FFFD}') {
                return Err(refuse(format!("the header {name} is no UTF-8")));
            }
            let list = addresses(&value)
                .map_err(|problem| refuse(format!("the header {name} cannot be read: {problem}")))?;
            found.extend(list);
        }
        Ok(found)
    }

    fn reverse_path(&self, message: &EmailMessage) -> Result<Option<Mailbox>, Error> {
        let of = |address: &Address, field| Mailbox::parse(&address.email, field).map(Some);
        match message.return_path.as_deref() {
            Some("" | "<>") => return Ok(None),
            Some(email) => return Mailbox::parse(email, "ReturnPath").map(Some),
            None => {}
        }
        if let Some(sender) = message.sender.as_ref().filter(|sender| !sender.email.is_empty()) {
            return of(sender, "Sender.Email");
        }
        if !message.from.email.is_empty() {
            return of(&message.from, "From.Email");
        }
        for name in ["Sender", "From"] {
            if let Some(email) = self.addresses(&format!("{}{name}", self.prefix()))?.first() {
                return Mailbox::parse(email, FIELD).map(Some);
            }
        }
        Err(refuse("the message has no From header; add it, or set From or ReturnPath"))
    }

    fn recipients(&self, message: &EmailMessage) -> Result<Vec<EnvelopeRecipient>, Error> {
        if !message.recipients.is_empty() {
            return super::parties::recipients(message);
        }
        let mut seen = std::collections::HashSet::new();
        let mut recipients = Vec::new();
        for name in ["To", "Cc", "Bcc"] {
            for email in self.addresses(&format!("{}{name}", self.prefix()))? {
                let mailbox = Mailbox::parse(&email, FIELD)?;
                if seen.insert(mailbox.clone()) {
                    let email = mailbox.given(&email);
                    recipients.push(EnvelopeRecipient { email, mailbox, options: RcptOptions::default() });
                }
            }
        }
        if recipients.is_empty() {
            return Err(Error::input(
                "Recipients",
                "neither the message's headers nor Recipients name a recipient",
            ));
        }
        Ok(recipients)
    }
}

/// `ftext` of RFC 5322 section 3.6.8, with the white space before the colon that its section 4.5 still reads.
fn field_name(line: &[u8]) -> Option<&str> {
    let colon = memchr::memchr(b':', line)?;
    let name = std::str::from_utf8(&line[..colon]).ok()?.trim_end_matches([' ', '\t']);
    (!name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())).then_some(name)
}

fn not_a_field(number: usize, line: &[u8]) -> Error {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    let advice = if number == 1 && line.starts_with("From ") {
        "leave out the first line of an mbox file"
    } else {
        "headers come first, each as Name: value, then an empty line"
    };
    refuse(format!("line {number} is no header: {}; {advice}", shown(line)))
}
