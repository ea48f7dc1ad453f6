//! The message as a program builds it.

use std::{borrow::Cow, path::PathBuf, sync::Arc};

use super::{
    Attachment, AutoSubmitted, BodyPart, BodyPartEncoding, BodyPartFormat, Calendar, Content, Date,
    DeliveryOptions, DkimSigner, Priority, Recipient, RecipientType, SpoolOptions, Stream,
};
use crate::types::Address;

/// A header of the program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHeader {
    /// The name: printable ASCII without a colon, and none of those that properties of the message write.
    pub name: String,
    /// The value: one line; characters outside ASCII are encoded (RFC 2047).
    pub value: String,
}

/// A message: who, to whom, what. The fields are plain data; [`compose`](Self::compose) checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailMessage {
    /// Who the message is from. Required.
    pub from: Address,
    /// Where answers go, when not to `from`.
    pub reply_to: Option<Address>,
    /// Who sends on behalf of `from` (RFC 5322 section 3.6.2).
    pub sender: Option<Address>,
    /// The envelope's sender, where bounces go; `None`: `sender`, else `from`.
    /// An empty text is the null reverse-path `<>` (RFC 5321 section 4.5.5).
    pub return_path: Option<String>,
    /// One line of any characters.
    pub subject: String,
    /// How urgent the sender says it is.
    pub priority: Priority,
    /// `local@domain`, with or without angle brackets; `None`: generated.
    pub message_id: Option<String>,
    /// `None`: the time of composing.
    pub date: Option<Date>,
    /// Charset of the bodies: `utf-8`, or `us-ascii` when they fit.
    pub charset_encoding: Cow<'static, str>,
    /// At least one. The envelope carries each mailbox once.
    pub recipients: Vec<Recipient>,
    /// Plain and HTML together are alternatives of each other; none at all is an empty text.
    pub body_parts: Vec<BodyPart>,
    /// Files beside the text.
    pub attachments: Vec<Attachment>,
    /// Files that the HTML text shows by `cid:` and their `content_id`.
    pub embedded_objects: Vec<Attachment>,
    /// Further headers, in this order.
    pub custom_headers: Vec<CustomHeader>,
    /// The messages that this one answers, by their `Message-ID` (RFC 5322 section 3.6.4).
    pub in_reply_to: Vec<String>,
    /// The thread, oldest first, by `Message-ID`: the `References` of the message answered, and its own.
    pub references: Vec<String>,
    /// Whether a program wrote it (RFC 3834).
    pub auto_submitted: AutoSubmitted,
    /// Links that end a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369).
    pub list_unsubscribe: Vec<String>,
    /// Whether an empty POST to the https link is enough (RFC 8058). Sign with DKIM: readers demand it.
    pub list_unsubscribe_one_click: bool,
    /// An invitation.
    pub calendar: Option<Calendar>,
    /// Signatures to add, the first one outermost (RFC 6376).
    pub dkim: Vec<DkimSigner>,
    /// What is asked of the servers on the way: reports, time limits, encryption.
    pub delivery: DeliveryOptions,
    /// What is asked of the spool, when it is submitted there.
    pub spool: SpoolOptions,
    /// A whole message in the form of RFC 5322, passed through; see [`EmailMessage::raw`].
    pub raw: Option<Content>,
    /// Fields that whoever passes a raw message on puts in front of it, such as `Received` (RFC 5321 section 4.4): whole
    /// lines that end in CRLF.
    pub trace: String,
}

impl Default for EmailMessage {
    fn default() -> Self {
        Self::new()
    }
}

impl EmailMessage {
    /// An empty message in `utf-8`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            from: Address::default(),
            reply_to: None,
            sender: None,
            return_path: None,
            subject: String::new(),
            priority: Priority::Normal,
            message_id: None,
            date: None,
            charset_encoding: "utf-8".into(),
            recipients: Vec::new(),
            body_parts: Vec::new(),
            attachments: Vec::new(),
            embedded_objects: Vec::new(),
            custom_headers: Vec::new(),
            in_reply_to: Vec::new(),
            references: Vec::new(),
            auto_submitted: AutoSubmitted::No,
            list_unsubscribe: Vec::new(),
            list_unsubscribe_one_click: false,
            calendar: None,
            dkim: Vec::new(),
            delivery: DeliveryOptions::default(),
            spool: SpoolOptions::default(),
            raw: None,
            trace: String::new(),
        }
    }

    /// A whole message in the form of RFC 5322, from bytes or a file, passed through as it is: line ends become CRLF,
    /// `Bcc` and `Resent-Bcc` are left out, nothing else changes.
    ///
    /// The envelope is that of `return_path`, `sender`, `from` and `recipients` where they are set, else that of the
    /// headers: `Sender` or `From`; `To`, `Cc` and `Bcc`, or their `Resent-` forms where there are any (RFC 5322
    /// section 3.6.6). `dkim` signs it, `delivery` is asked of the servers and `spool` of the spool. Every other property
    /// has to be unset.
    pub fn raw(content: impl Into<Content>) -> Self {
        Self { raw: Some(content.into()), ..Self::new() }
    }

    /// A message with one recipient and one text.
    pub fn quick(
        recipient: impl Into<String>,
        from: impl Into<String>,
        subject: impl Into<String>,
        body: impl Into<String>,
        format: BodyPartFormat,
    ) -> Self {
        Self {
            from: Address::new(from),
            subject: subject.into(),
            recipients: vec![Recipient::new(Address::new(recipient), RecipientType::To)],
            body_parts: vec![BodyPart { body: body.into(), format, encoding: BodyPartEncoding::Auto }],
            ..Self::new()
        }
    }

    /// Makes it an empty message again.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Adds a `To` recipient without a name.
    pub fn add_recipient(&mut self, email: impl Into<String>) -> &mut Self {
        self.add_recipient_as(email, "", RecipientType::To)
    }

    /// Adds a recipient.
    pub fn add_recipient_as(
        &mut self,
        email: impl Into<String>,
        name: impl Into<String>,
        kind: RecipientType,
    ) -> &mut Self {
        add(&mut self.recipients, Recipient::new(Address::named(email, name), kind));
        self
    }

    /// Adds a plain text.
    pub fn add_text(&mut self, text: impl Into<String>) -> &mut Self {
        add(&mut self.body_parts, BodyPart::plain(text));
        self
    }

    /// Adds an HTML text.
    pub fn add_html(&mut self, html: impl Into<String>) -> &mut Self {
        add(&mut self.body_parts, BodyPart::html(html));
        self
    }

    /// Attaches the file at `path`; it is opened when the message is composed.
    pub fn attach_file(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.attachments.push(Attachment::file(path));
        self
    }

    /// Attaches bytes under a file name.
    pub fn attach_bytes(&mut self, name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> &mut Self {
        self.attachments.push(Attachment::bytes(name, bytes));
        self
    }

    /// Attaches what a reader gives under a file name; read while the message is sent.
    pub fn attach_stream(&mut self, name: impl Into<String>, stream: Stream) -> &mut Self {
        self.attachments.push(Attachment::stream(name, stream));
        self
    }

    /// Attaches a message, from an [`EmailMessage`], bytes or a file, as [`Attachment::message`] says.
    pub fn attach_message(&mut self, content: impl Into<Content>) -> &mut Self {
        self.attachments.push(Attachment::message(content));
        self
    }

    /// Embeds the file at `path`, which HTML names as `cid:` and `content_id`.
    pub fn embed_file(&mut self, path: impl Into<PathBuf>, content_id: impl Into<String>) -> &mut Self {
        self.embedded_objects.push(Attachment::file(path).with_content_id(content_id));
        self
    }

    /// Embeds bytes, which HTML names as `cid:` and `content_id`.
    pub fn embed_bytes(
        &mut self,
        name: impl Into<String>,
        bytes: impl Into<Arc<[u8]>>,
        content_id: impl Into<String>,
    ) -> &mut Self {
        self.embedded_objects.push(Attachment::bytes(name, bytes).with_content_id(content_id));
        self
    }

    /// Adds a header.
    pub fn add_header(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.custom_headers.push(CustomHeader { name: name.into(), value: value.into() });
        self
    }

    /// About how many octets it holds in memory: bodies and attached bytes.
    pub(crate) fn octets_in_memory(&self) -> usize {
        let bodies = self.body_parts.iter().map(|part| part.body.len());
        let parts = self.attachments.iter().chain(&self.embedded_objects).map(|part| match &part.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Message(message) => message.octets_in_memory(),
            Content::File(_) | Content::Checked(_) | Content::Stream(_) => 0,
        });
        bodies.chain(parts).sum()
    }

    /// Whether it holds streams, which can be read only once.
    pub(crate) fn has_streams(&self) -> bool {
        let mut parts = self.attachments.iter().chain(&self.embedded_objects);
        parts.any(|part| match &part.content {
            Content::Stream(_) => true,
            Content::Message(message) => message.has_streams(),
            Content::Bytes(_) | Content::File(_) | Content::Checked(_) => false,
        })
    }
}

/// Adds to a list that mostly has one item: room for four, as `push` makes it, costs time.
fn add<T>(list: &mut Vec<T>, item: T) {
    if list.capacity() == 0 {
        *list = vec![item];
    } else {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_holds_is_found_in_the_messages_within_it() {
        let mut message = EmailMessage::quick("a@b.test", "c@d.test", "x", "1234", BodyPartFormat::Plain);
        message.attach_bytes("a", &b"12345"[..]).attach_file("/file").embed_bytes("b", &b"123456"[..], "id");
        assert_eq!((message.octets_in_memory(), message.has_streams()), (15, false));
        let inner = message.clone();
        message.attach_message(inner.clone());
        assert_eq!((message.octets_in_memory(), message.has_streams()), (30, false));
        let mut streamed = inner;
        streamed.attach_stream("s", Stream::new(std::io::empty()));
        message.attach_message(streamed);
        assert_eq!((message.octets_in_memory(), message.has_streams()), (45, true));
    }
}
