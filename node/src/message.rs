//! A message as JavaScript holds it.

use std::{path::PathBuf, sync::Arc};

use freesmtp_core::{
    Address, EmailMessage, Error,
    message::{
        Attachment, AutoSubmitted, BodyPart, BodyPartEncoding, BodyPartFormat, Calendar, Content,
        CustomHeader, Date, Notify, Priority, Recipient, RecipientType, Stream, ValidSinceAction,
    },
};
use napi::bindgen_prelude::{Buffer, External, ExternalRef, Uint8Array};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    delivery::{DeliveryFields, recipient_options},
    dkim::SignerFields,
    error::input,
    spool::SpoolFields,
};

/// `Address`
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct AddressFields {
    /// The mailbox.
    pub email: String,
    /// The name shown to people.
    pub name: String,
}

impl AddressFields {
    fn into_core(self) -> Address {
        Address::named(self.email, self.name)
    }

    /// An address that nothing was set of is no address.
    fn into_optional(self) -> Option<Address> {
        Some(self.into_core()).filter(|address| *address != Address::default())
    }
}

/// `Recipient`
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct MessageRecipient {
    /// The mailbox.
    pub email: String,
    /// The name shown to people.
    pub name: String,
    /// A number of `RecipientType`.
    pub r#type: u8,
    /// A number of `Notify`.
    pub notify: u8,
    /// Whom it was for at first.
    pub original_recipient: Option<String>,
    /// Milliseconds since 1970.
    pub valid_since: Option<i64>,
    /// A number of `ValidSinceAction`.
    pub valid_since_action: u8,
}

/// `BodyPart`
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct BodyPartFields {
    /// The text.
    pub body: String,
    /// A number of `BodyPartFormat`.
    pub format: u8,
    /// A number of `BodyPartEncoding`.
    pub encoding: u8,
}

/// `Attachment` and `EmbeddedObject`: a file, or bytes.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct AttachmentFields {
    /// The path of the file.
    pub file_name: Option<String>,
    /// What is read while the message is sent, from [`crate::stream::new_stream`].
    pub stream: Option<ExternalRef<Stream>>,
    /// Another message, copied by [`hold_message`].
    pub message: Option<ExternalRef<EmailMessage>>,
    /// The bytes, copied once by [`copy_bytes`].
    pub bytes: Option<ExternalRef<Arc<[u8]>>>,
    /// The file name that the recipient sees.
    pub display_name: Option<String>,
    /// The media type.
    pub content_type: Option<String>,
    /// The identifier for `cid:`.
    pub content_id: Option<String>,
}

impl AttachmentFields {
    fn into_core(self) -> Attachment {
        let content = match (self.bytes, self.stream, self.message) {
            (Some(bytes), ..) => Content::Bytes(Arc::clone(&bytes)),
            (None, Some(stream), _) => Content::Stream((*stream).clone()),
            (None, None, Some(message)) => Content::from((*message).clone()),
            (None, None, None) => Content::File(PathBuf::from(self.file_name.unwrap_or_default())),
        };
        Attachment {
            content,
            name: self.display_name,
            content_type: self.content_type,
            content_id: self.content_id,
        }
    }
}

/// `CustomHeader`
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct HeaderFields {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// `Calendar`
#[napi(object, use_nullable = true)]
pub struct CalendarFields {
    /// The iCalendar text.
    pub text: String,
    /// The method; empty for that of the text.
    pub method: String,
    /// The name under which it is attached too.
    pub file_name: Option<String>,
}

/// `EmailMessage`
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct MessageFields {
    /// Who it is from.
    pub from: AddressFields,
    /// Where answers go.
    pub reply_to: AddressFields,
    /// Who sends on behalf of `from`.
    pub sender: AddressFields,
    /// Where bounces go.
    pub return_path: Option<String>,
    /// The subject.
    pub subject: String,
    /// A number of `Priority`.
    pub priority: u8,
    /// The `Message-ID`.
    pub message_id: Option<String>,
    /// Milliseconds since 1970.
    pub date: Option<i64>,
    /// Charset of the bodies.
    pub charset_encoding: String,
    /// To whom.
    pub recipients: Vec<MessageRecipient>,
    /// The texts.
    pub body_parts: Vec<BodyPartFields>,
    /// The files.
    pub attachments: Vec<AttachmentFields>,
    /// The files that the HTML text shows.
    pub embedded_objects: Vec<AttachmentFields>,
    /// Further headers.
    pub custom_headers: Vec<HeaderFields>,
    /// The messages that it answers.
    pub in_reply_to: Vec<String>,
    /// The thread.
    pub references: Vec<String>,
    /// A number of `AutoSubmitted`.
    pub auto_submitted: u8,
    /// Links that end a subscription.
    pub list_unsubscribe: Vec<String>,
    /// Whether an empty POST to the link is enough.
    pub list_unsubscribe_one_click: bool,
    /// An invitation.
    pub calendar: Option<CalendarFields>,
    /// What is asked of the servers.
    pub delivery: DeliveryFields,
    /// What the spool is asked for.
    pub spool: SpoolFields,
    /// Signatures.
    pub dkim: Vec<SignerFields>,
    /// The file of a whole message.
    pub raw_file: Option<String>,
    /// The bytes of a whole message, copied once by [`copy_bytes`].
    pub raw_bytes: Option<ExternalRef<Arc<[u8]>>>,
}

impl MessageFields {
    /// The message of the core.
    pub(crate) fn into_core(self) -> Result<EmailMessage, Error> {
        let recipients = self.recipients.into_iter().enumerate().map(|(index, fields)| {
            let kind = RecipientType::from_number(fields.r#type)
                .ok_or_else(|| input(format!("Recipients[{index}].Type"), "is no RecipientType"))?;
            let options = recipient_options(
                index,
                fields.notify,
                fields.original_recipient,
                fields.valid_since,
                fields.valid_since_action,
            )?;
            Ok(Recipient { address: Address::named(fields.email, fields.name), kind, options })
        });
        let body_parts = self.body_parts.into_iter().enumerate().map(|(index, fields)| {
            Ok(BodyPart {
                body: fields.body,
                format: BodyPartFormat::from_number(fields.format)
                    .ok_or_else(|| input(format!("BodyParts[{index}].Format"), "is no BodyPartFormat"))?,
                encoding: BodyPartEncoding::from_number(fields.encoding)
                    .ok_or_else(|| input(format!("BodyParts[{index}].Encoding"), "is no BodyPartEncoding"))?,
            })
        });
        let auto_submitted = AutoSubmitted::from_number(self.auto_submitted)
            .ok_or_else(|| input("AutoSubmitted", "is no AutoSubmitted"))?;
        Ok(EmailMessage {
            from: self.from.into_core(),
            reply_to: self.reply_to.into_optional(),
            sender: self.sender.into_optional(),
            return_path: self.return_path,
            subject: self.subject,
            priority: Priority::from_number(self.priority)
                .ok_or_else(|| input("Priority", "is no Priority"))?,
            message_id: self.message_id,
            date: self.date.map(|milliseconds| Date::utc(milliseconds.div_euclid(1000))),
            charset_encoding: self.charset_encoding.into(),
            recipients: recipients.collect::<Result<_, Error>>()?,
            body_parts: body_parts.collect::<Result<_, Error>>()?,
            attachments: self.attachments.into_iter().map(AttachmentFields::into_core).collect(),
            embedded_objects: self.embedded_objects.into_iter().map(AttachmentFields::into_core).collect(),
            custom_headers: self
                .custom_headers
                .into_iter()
                .map(|header| CustomHeader { name: header.name, value: header.value })
                .collect(),
            in_reply_to: self.in_reply_to,
            references: self.references,
            auto_submitted,
            list_unsubscribe: self.list_unsubscribe,
            list_unsubscribe_one_click: self.list_unsubscribe_one_click,
            calendar: self.calendar.map(|fields| Calendar {
                text: fields.text,
                method: fields.method,
                file_name: fields.file_name,
            }),
            dkim: self.dkim.into_iter().map(SignerFields::into_core).collect::<Result<_, Error>>()?,
            delivery: self.delivery.into_core()?,
            spool: self.spool.into_core()?,
            raw: match (self.raw_bytes, self.raw_file) {
                (Some(bytes), _) => Some(Content::Bytes(Arc::clone(&bytes))),
                (None, Some(path)) => Some(Content::File(PathBuf::from(path))),
                (None, None) => None,
            },
            ..EmailMessage::new()
        })
    }
}

/// The settings of an invitation with this text.
#[napi]
pub fn new_calendar(text: String) -> Answer<CalendarFields> {
    guard(|| {
        let Calendar { text, method, file_name } = Calendar::new(text);
        Ok(CalendarFields { text, method, file_name })
    })
}

/// What a new message and its parts hold before anything is set.
#[napi(object, object_from_js = false)]
pub struct MessageDefaults {
    /// `Priority`
    pub priority: u8,
    /// `CharsetEncoding`
    pub charset_encoding: String,
    /// `AutoSubmitted`
    pub auto_submitted: u8,
    /// `Type` of a recipient.
    pub recipient_type: u8,
    /// `Notify` of a recipient.
    pub notify: u8,
    /// `ValidSinceAction` of a recipient.
    pub valid_since_action: u8,
    /// `Format` of a body part.
    pub format: u8,
    /// `Encoding` of a body part.
    pub encoding: u8,
}

/// The defaults of the core.
#[napi]
pub fn message_defaults() -> Answer<MessageDefaults> {
    guard(|| {
        let message = EmailMessage::new();
        Ok(MessageDefaults {
            priority: message.priority.number(),
            charset_encoding: message.charset_encoding.into_owned(),
            auto_submitted: message.auto_submitted.number(),
            recipient_type: RecipientType::default().number(),
            notify: Notify::default().number(),
            valid_since_action: ValidSinceAction::default().number(),
            format: BodyPartFormat::default().number(),
            encoding: BodyPartEncoding::default().number(),
        })
    })
}

/// Copies the bytes of an attachment once; every send shares the copy, and what the program changes later is not in it.
#[napi]
pub fn copy_bytes(bytes: Uint8Array) -> External<Arc<[u8]>> {
    let size = bytes.len();
    // The garbage collector has to know what stands behind so small an object.
    External::new_with_size_hint(Arc::from(bytes.as_ref()), size)
}

/// A copy of a message, to be attached to another one.
#[napi]
pub fn hold_message(message: MessageFields) -> Answer<External<EmailMessage>> {
    guard(|| message.into_core().map(External::new))
}

/// The message as it would be sent.
#[napi]
pub fn message_to_bytes(message: MessageFields) -> Answer<Buffer> {
    guard(|| Ok(Buffer::from(message.into_core()?.to_bytes()?)))
}

/// Writes the message to a file.
#[napi]
pub fn save_message(message: MessageFields, path: String) -> Answer<()> {
    guard(|| message.into_core()?.save_message(path))
}
