//! A message as JSON describes it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use freesmtp_core::{
    Address, EmailMessage,
    message::{Attachment, RecipientType, SpoolOptions},
    types::Moment,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::Problem;

/// A message to compose and deliver.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewMessage {
    /// Who it is from: `user@example.com` or `Name <user@example.com>`. Required.
    from: String,
    /// Recipients, written likewise: one, or a list.
    #[schema(inline)]
    to: OneOrMany,
    /// Recipients of a copy.
    #[schema(inline)]
    cc: OneOrMany,
    /// Recipients of a copy that the others don't see.
    #[schema(inline)]
    bcc: OneOrMany,
    /// Where answers go.
    reply_to: Option<String>,
    /// Where failures to deliver are reported; an empty text for nowhere.
    return_path: Option<String>,
    /// The subject.
    subject: String,
    /// The plain text.
    text: Option<String>,
    /// The HTML text; with `text` they are alternatives.
    html: Option<String>,
    /// Files.
    attachments: Vec<NewAttachment>,
    /// Further headers.
    headers: BTreeMap<String, String>,
    /// What is asked of the spool.
    spool: NewOptions,
}

/// One, or a list.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "is neither a text nor a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A file.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAttachment {
    /// The file name that the recipient sees.
    name: String,
    /// Its bytes in base64 (RFC 4648 section 4).
    #[schema(format = Byte)]
    content: String,
    /// The media type; without one by the name's extension.
    content_type: Option<String>,
    /// It is shown by the HTML text as `cid:` and this.
    content_id: Option<String>,
}

/// What is asked of the spool.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewOptions {
    /// It is not delivered before then (RFC 3339).
    #[schema(format = DateTime)]
    pub(super) not_before: Option<String>,
    /// It is given up when it is not delivered by then (RFC 3339).
    #[schema(format = DateTime)]
    pub(super) expires: Option<String>,
    /// From -9 to 9: messages of a higher one are delivered first.
    pub(super) priority: i8,
    /// The blast that it belongs to.
    pub(super) blast: Option<String>,
    /// The same message under the same key is delivered once. The header `Idempotency-Key` says the same.
    pub(super) idempotency_key: Option<String>,
}

impl NewOptions {
    /// Reads the times; `within` is what stands before the name of a field.
    pub(super) fn read(self, within: &str) -> Result<SpoolOptions, Problem> {
        let moment = |text: Option<String>, name: &str| {
            let read = |text: String| {
                text.parse::<Moment>().map_err(|()| {
                    Problem::field(
                        format!("{within}{name}"),
                        format!("{text:?} is no time, such as 2026-01-31T08:00:00Z"),
                    )
                })
            };
            text.map(read).transpose()
        };
        Ok(SpoolOptions {
            not_before: moment(self.not_before, "not_before")?,
            expires: moment(self.expires, "expires")?,
            priority: self.priority,
            blast: self.blast,
            idempotency_key: self.idempotency_key,
        })
    }
}

/// Where each recipient stands in the request.
pub(super) struct Places(Vec<String>);

impl NewMessage {
    /// Reads it; an error names the field.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Problem> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let message = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let field = error.path().to_string();
            let text = error.inner().to_string();
            match field.as_str() {
                "." | "" => Problem::new(
                    axum::http::StatusCode::BAD_REQUEST,
                    format!("The body is no message: {text}"),
                ),
                _ => Problem::field(field, text),
            }
        })?;
        reader.end().map_err(|error| {
            Problem::new(axum::http::StatusCode::BAD_REQUEST, format!("The body is no message: {error}"))
        })?;
        Ok(message)
    }

    /// The message, and where its recipients stand.
    pub(super) fn message(self) -> Result<(EmailMessage, Places), Problem> {
        let mut message = EmailMessage::new();
        if self.from.trim().is_empty() {
            return Err(Problem::field("from", "is missing; give the address that the message is from"));
        }
        message.from = address(&self.from);
        message.reply_to = self.reply_to.as_deref().map(address);
        message.return_path = self.return_path;
        message.subject = self.subject;
        let mut places = Vec::new();
        let lists = [
            ("to", &self.to, RecipientType::To),
            ("cc", &self.cc, RecipientType::Cc),
            ("bcc", &self.bcc, RecipientType::Bcc),
        ];
        for (name, list, kind) in lists {
            for (index, text) in list.as_slice().iter().enumerate() {
                let Address { email, name: person } = address(text);
                message.add_recipient_as(email, person, kind);
                places.push(match list {
                    OneOrMany::One(_) => name.to_owned(),
                    OneOrMany::Many(_) => format!("{name}[{index}]"),
                });
            }
        }
        if let Some(text) = self.text {
            message.add_text(text);
        }
        if let Some(html) = self.html {
            message.add_html(html);
        }
        for (index, attachment) in self.attachments.into_iter().enumerate() {
            let bytes = BASE64_STANDARD.decode(&attachment.content).map_err(|error| {
                Problem::field(format!("attachments[{index}].content"), format!("is no base64: {error}"))
            })?;
            let mut made = Attachment::bytes(attachment.name, bytes);
            made.content_type = attachment.content_type;
            made.content_id = attachment.content_id;
            match made.content_id.is_some() {
                true => message.embedded_objects.push(made),
                false => message.attachments.push(made),
            }
        }
        for (name, value) in self.headers {
            message.add_header(name, value);
        }
        message.spool = self.spool.read("spool.")?;
        Ok((message, Places(places)))
    }
}

impl Places {
    /// The request's name of a property: `Recipients[1].Email` is `cc[0]`, `NotBefore` is `spool.not_before`.
    pub(super) fn name(&self, property: &str) -> String {
        if let Some(rest) = property.strip_prefix("Recipients") {
            let index =
                rest.strip_prefix('[').and_then(|rest| rest.split(']').next()).and_then(|i| i.parse().ok());
            let place = index.and_then(|index: usize| self.0.get(index));
            return place.cloned().unwrap_or_else(|| "to".to_owned());
        }
        if property.starts_with("CustomHeaders") {
            return "headers".to_owned();
        }
        if property.starts_with("From") {
            return "from".to_owned();
        }
        option(property).map_or_else(|| snake(property), |name| format!("spool.{name}"))
    }
}

/// The request's name of an option of the spool.
pub(super) fn option(property: &str) -> Option<&'static str> {
    Some(match property {
        "NotBefore" => "not_before",
        "Expires" => "expires",
        "SpoolPriority" => "priority",
        "Blast" => "blast",
        "IdempotencyKey" => "idempotency_key",
        _ => return None,
    })
}

/// `ReplyTo.Email` as `reply_to.email`.
fn snake(property: &str) -> String {
    let mut name = String::with_capacity(property.len() + 4);
    let mut before = '.';
    for c in property.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
        before = c;
    }
    name.replace("embedded_objects", "attachments").replace("display_name", "name")
}

/// Takes `user@example.com`, and `Name <user@example.com>`.
fn address(text: &str) -> Address {
    let text = text.trim();
    match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, email)) => {
            let name = name.trim();
            let unquoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Address::named(email.trim(), unquoted.unwrap_or(name))
        }
        None => Address::new(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_have_the_names_of_the_request() {
        let places = Places(vec!["to[0]".to_owned(), "cc".to_owned()]);
        for (property, name) in [
            ("Recipients[1].Email", "cc"),
            ("Recipients", "to"),
            ("From.Email", "from"),
            ("NotBefore", "spool.not_before"),
            ("SpoolPriority", "spool.priority"),
            ("Attachments[2].DisplayName", "attachments[2].name"),
            ("CustomHeaders[0].Name", "headers"),
            ("ReplyTo.Email", "reply_to.email"),
            ("Subject", "subject"),
        ] {
            assert_eq!(places.name(property), name);
        }
    }
}
