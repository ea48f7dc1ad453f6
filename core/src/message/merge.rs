//! Merge: one message for each row, from a message whose texts have `{{ fields }}`.
//!
//! The fields are those of Jinja (the `minijinja` crate), with its filters and conditions. They may stand in the
//! subject, the texts, addresses and names, the values of custom headers, attachment and file names, and links to
//! unsubscribe. In HTML texts the values are escaped. What comes out is checked like any message when it is composed,
//! so a row can inject nothing. A field that the row does not have is an error, never an empty text.

use std::{collections::BTreeMap, fmt};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, syntax::SyntaxConfig};

use super::{BodyPartFormat, EmailMessage};
use crate::error::Error;

/// Templates of HTML texts are known by it to the one who escapes; a field's name never ends so.
const HTML: &str = " (HTML)";

/// A message whose texts are compiled once, and filled in for each row.
#[derive(Clone)]
pub struct Template {
    message: EmailMessage,
    compiled: Environment<'static>,
    places: Vec<Place>,
}

/// A text of a message that may hold fields.
#[derive(Clone, Copy, Debug)]
enum Place {
    FromEmail,
    FromName,
    SenderEmail,
    SenderName,
    ReplyToEmail,
    ReplyToName,
    ReturnPath,
    Subject,
    RecipientEmail(usize),
    RecipientName(usize),
    Body(usize),
    Header(usize),
    AttachmentName(usize),
    EmbeddedName(usize),
    ListUnsubscribe(usize),
    Calendar,
}

impl Template {
    /// Compiles the texts of `message`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) with the property and the line of the fault. A raw message
    /// has no properties to fill in.
    pub fn new(message: &EmailMessage) -> Result<Self, Error> {
        if message.raw.is_some() {
            return Err(Error::input("Raw", "a raw message is passed through as it is and cannot be merged"));
        }
        let mut compiled = Environment::new();
        compiled.set_undefined_behavior(UndefinedBehavior::Strict);
        compiled.set_syntax(keeping_line_ends()?);
        compiled.set_auto_escape_callback(|name| {
            if name.ends_with(HTML) { AutoEscape::Html } else { AutoEscape::None }
        });
        let mut message = message.clone();
        let mut places = Vec::new();
        for place in Place::all(&message) {
            let html = place.is_html(&message);
            let Some(text) = place.text(&mut message) else { continue };
            // Most texts have no field at all.
            if ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
                compiled.add_template_owned(place.key(html), text.clone()).map_err(|e| explain(place, &e))?;
                places.push(place);
            }
        }
        Ok(Self { message, compiled, places })
    }

    /// The message of one row: the name of each field and its value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Message`](crate::ErrorKind::Message) with the property and the line, when the row has no value
    /// for a field, or a filter refuses it.
    pub fn render(&self, row: &BTreeMap<String, String>) -> Result<EmailMessage, Error> {
        let mut message = self.message.clone();
        for rendered in self.rendered(row) {
            let (place, rendered) = rendered?;
            if let Some(text) = place.text(&mut message) {
                *text = rendered;
            }
        }
        Ok(message)
    }

    /// The texts of one row that differ from row to row, for those who hold the message in another form: the property
    /// of each, such as `Recipients[0].Email`, and its text.
    ///
    /// # Errors
    ///
    /// As [`Template::render`].
    pub fn texts(&self, row: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, Error> {
        self.rendered(row).map(|rendered| rendered.map(|(place, text)| (place.to_string(), text))).collect()
    }

    fn rendered(
        &self,
        row: &BTreeMap<String, String>,
    ) -> impl Iterator<Item = Result<(Place, String), Error>> {
        let fields = Value::from_pairs(row.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.places.iter().map(move |&place| {
            let rendered = self
                .compiled
                .get_template(&place.key(place.is_html(&self.message)))
                .and_then(|template| template.render(fields.clone()))
                .map_err(|error| explain(place, &error))?;
            Ok((place, rendered))
        })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("places", &self.places).finish_non_exhaustive()
    }
}

/// A text ends as its template does.
fn keeping_line_ends() -> Result<SyntaxConfig, Error> {
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    syntax.map_err(|error| Error::input("Template", error.to_string()))
}

/// The error of the template engine, by property and line.
fn explain(place: Place, error: &minijinja::Error) -> Error {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let advice = match error.kind() {
        minijinja::ErrorKind::UndefinedError => {
            "; give every row a value for each field, or name one with the filter default"
        }
        _ => "",
    };
    let problem: String =
        format!("{line}{}{detail}{advice}", error.kind()).chars().filter(|c| !c.is_control()).collect();
    Error::input(place.to_string(), problem)
}

impl Place {
    /// Every text of `message` that may hold fields.
    fn all(message: &EmailMessage) -> Vec<Self> {
        let mut all = vec![
            Self::FromEmail,
            Self::FromName,
            Self::SenderEmail,
            Self::SenderName,
            Self::ReplyToEmail,
            Self::ReplyToName,
            Self::ReturnPath,
            Self::Subject,
            Self::Calendar,
        ];
        let recipients = 0..message.recipients.len();
        all.extend(recipients.flat_map(|i| [Self::RecipientEmail(i), Self::RecipientName(i)]));
        all.extend((0..message.body_parts.len()).map(Self::Body));
        all.extend((0..message.custom_headers.len()).map(Self::Header));
        all.extend((0..message.attachments.len()).map(Self::AttachmentName));
        all.extend((0..message.embedded_objects.len()).map(Self::EmbeddedName));
        all.extend((0..message.list_unsubscribe.len()).map(Self::ListUnsubscribe));
        all
    }

    fn text(self, message: &mut EmailMessage) -> Option<&mut String> {
        match self {
            Self::FromEmail => Some(&mut message.from.email),
            Self::FromName => Some(&mut message.from.name),
            Self::SenderEmail => message.sender.as_mut().map(|a| &mut a.email),
            Self::SenderName => message.sender.as_mut().map(|a| &mut a.name),
            Self::ReplyToEmail => message.reply_to.as_mut().map(|a| &mut a.email),
            Self::ReplyToName => message.reply_to.as_mut().map(|a| &mut a.name),
            Self::ReturnPath => message.return_path.as_mut(),
            Self::Subject => Some(&mut message.subject),
            Self::RecipientEmail(i) => message.recipients.get_mut(i).map(|r| &mut r.address.email),
            Self::RecipientName(i) => message.recipients.get_mut(i).map(|r| &mut r.address.name),
            Self::Body(i) => message.body_parts.get_mut(i).map(|part| &mut part.body),
            Self::Header(i) => message.custom_headers.get_mut(i).map(|header| &mut header.value),
            Self::AttachmentName(i) => message.attachments.get_mut(i).and_then(|a| a.name.as_mut()),
            Self::EmbeddedName(i) => message.embedded_objects.get_mut(i).and_then(|a| a.name.as_mut()),
            Self::ListUnsubscribe(i) => message.list_unsubscribe.get_mut(i),
            Self::Calendar => message.calendar.as_mut().map(|calendar| &mut calendar.text),
        }
    }

    fn is_html(self, message: &EmailMessage) -> bool {
        let Self::Body(i) = self else { return false };
        message.body_parts.get(i).is_some_and(|part| part.format == BodyPartFormat::Html)
    }

    fn key(self, html: bool) -> String {
        format!("{self}{}", if html { HTML } else { "" })
    }
}

impl fmt::Display for Place {
    /// The property's name in the object API.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromEmail => f.write_str("From.Email"),
            Self::FromName => f.write_str("From.Name"),
            Self::SenderEmail => f.write_str("Sender.Email"),
            Self::SenderName => f.write_str("Sender.Name"),
            Self::ReplyToEmail => f.write_str("ReplyTo.Email"),
            Self::ReplyToName => f.write_str("ReplyTo.Name"),
            Self::ReturnPath => f.write_str("ReturnPath"),
            Self::Subject => f.write_str("Subject"),
            Self::RecipientEmail(i) => write!(f, "Recipients[{i}].Email"),
            Self::RecipientName(i) => write!(f, "Recipients[{i}].Name"),
            Self::Body(i) => write!(f, "BodyParts[{i}].Body"),
            Self::Header(i) => write!(f, "CustomHeaders[{i}].Value"),
            Self::AttachmentName(i) => write!(f, "Attachments[{i}].DisplayName"),
            Self::EmbeddedName(i) => write!(f, "EmbeddedObjects[{i}].DisplayName"),
            Self::ListUnsubscribe(i) => write!(f, "ListUnsubscribe[{i}]"),
            Self::Calendar => f.write_str("Calendar.Text"),
        }
    }
}
