//! Parts and their order: alternative, related, mixed (RFC 2046, RFC 2387).

use std::sync::Arc;

use super::{
    BodyPart, BodyPartFormat, Calendar, OpenedFile,
    body::{self, Encoded},
    content_type::ContentType,
    header::Header,
    parameter,
    text::{Input, Text},
};

/// An attachment that was checked, its file open.
pub(super) struct Object {
    pub(super) source: Source,
    pub(super) name: Option<String>,
    pub(super) content_type: ContentType,
    /// With angle brackets.
    pub(super) content_id: Option<String>,
    pub(super) inline: bool,
}

impl Object {
    /// An invitation as a file, for readers that show no invitation.
    pub(super) fn of_calendar(calendar: &Calendar) -> Option<Self> {
        let name = calendar.file_name.clone()?;
        let text = body::to_crlf(&calendar.text).into_owned().into_bytes();
        let content_type = ContentType { media: "application/ics".to_owned(), parameters: Vec::new() };
        let source = Source::Memory(text.into());
        Some(Self { source, name: Some(name), content_type, content_id: None, inline: false })
    }
}

/// Where the bytes of an object come from.
pub(super) enum Source {
    /// In base64.
    Memory(Arc<[u8]>),
    /// In base64.
    Reader { input: Input, size: Option<u64>, field: String, name: String },
    /// A message as it is, of so many octets as lines.
    Lines { file: OpenedFile, octets: u64, eight_bit: bool, field: String, name: String },
    /// A message that was composed.
    Message { text: Text, eight_bit: bool },
}

impl Source {
    /// How it travels (RFC 2045 section 6); base64 is not allowed for messages.
    fn encoding(&self) -> &'static str {
        match self {
            Self::Memory(_) | Self::Reader { .. } => "base64",
            Self::Lines { eight_bit: true, .. } | Self::Message { eight_bit: true, .. } => "8bit",
            Self::Lines { .. } | Self::Message { .. } => "7bit",
        }
    }
}

/// What stands in a message.
pub(super) struct Parts<'a> {
    pub(super) bodies: &'a [BodyPart],
    /// The iCalendar text and its method.
    pub(super) calendar: Option<(BodyPart, String)>,
    pub(super) embedded: Vec<Object>,
    pub(super) attached: Vec<Object>,
}

/// A part of the message.
enum Node<'a> {
    Text(&'static str, Option<String>, Encoded<'a>),
    Object(Box<Object>),
    Multipart(&'static str, Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    /// Several parts as one; one part as it is.
    fn group(subtype: &'static str, mut nodes: Vec<Node<'a>>) -> Option<Self> {
        if nodes.len() > 1 { Some(Self::Multipart(subtype, nodes)) } else { nodes.pop() }
    }

    fn media(&self) -> String {
        match self {
            Self::Text(media, ..) => (*media).to_owned(),
            Self::Object(object) => object.content_type.media.clone(),
            Self::Multipart(subtype, _) => format!("multipart/{subtype}"),
        }
    }

    /// Whether octets above 127 occur in it.
    fn is_eight_bit(&self) -> bool {
        match self {
            Self::Text(_, _, encoded) => encoded.name == "8bit",
            Self::Object(object) => object.source.encoding() == "8bit",
            Self::Multipart(_, nodes) => nodes.iter().any(Node::is_eight_bit),
        }
    }
}

fn media_of(format: BodyPartFormat) -> &'static str {
    match format {
        BodyPartFormat::Plain => "text/plain",
        BodyPartFormat::Html => "text/html",
    }
}

/// What the parts have in common.
pub(super) struct Settings<'a> {
    /// In lower case, as checked.
    pub(super) charset: &'a str,
    pub(super) eight_bit: bool,
    /// What every boundary begins with. It holds `=_`, which neither base64 nor quoted-printable can produce,
    /// and texts that go out as they are were searched for it; so no boundary occurs in any content.
    pub(super) boundary: String,
}

impl Settings<'_> {
    fn text<'a>(&self, part: &'a BodyPart) -> Node<'a> {
        Node::Text(media_of(part.format), None, body::encode(part, self.eight_bit, &self.boundary))
    }
}

/// Writes the `Content-*` fields and the parts after the head of the message.
pub(super) struct Writer<'a> {
    settings: Settings<'a>,
    text: Text,
    ready: Vec<u8>,
    boundaries: usize,
}

impl<'a> Writer<'a> {
    /// Goes on after `head`, the other fields of the message.
    pub(super) fn new(head: Vec<u8>, settings: Settings<'a>) -> Self {
        Self { settings, text: Text::default(), ready: head, boundaries: 0 }
    }

    /// Writes all parts; answers the text and whether it holds octets above 127 outside the head.
    pub(super) fn write(mut self, parts: Parts<'_>) -> (Text, bool) {
        let empty = BodyPart::plain("");
        // RFC 6047 section 2.4: the charset and the method are named.
        let calendar = parts.calendar.as_ref().map(|(part, method)| {
            let encoded = body::encode(part, self.settings.eight_bit, &self.settings.boundary);
            Node::Text("text/calendar", Some(parameter::plain("method", method)), encoded)
        });
        let node = arrange(parts.bodies, calendar, parts.embedded, parts.attached, &self.settings)
            .unwrap_or_else(|| self.settings.text(&empty));
        let eight_bit = node.is_eight_bit();
        self.node(node, true);
        if !self.ready.is_empty() {
            self.text.push_ready(std::mem::take(&mut self.ready));
        }
        (self.text, eight_bit)
    }

    /// Writes one part, ending in CRLF. `whole`: it is the whole message, not a part of a multipart.
    fn node(&mut self, node: Node<'_>, whole: bool) {
        match node {
            Node::Text(media, parameter, encoded) => self.body(media, parameter, &encoded, whole),
            Node::Object(object) => self.object(*object),
            Node::Multipart(subtype, nodes) => self.multipart(subtype, nodes),
        }
    }

    fn field(&mut self, name: &str, items: &[String]) {
        let mut header = Header::begin(&mut self.ready, name, false);
        header.list(items, ";");
        header.end();
    }

    fn body(&mut self, media: &str, parameter: Option<String>, encoded: &Encoded<'_>, whole: bool) {
        let Encoded { name, bytes } = encoded;
        // An invitation is UTF-8 whatever the texts are (RFC 5545 section 3.1.4); ASCII is a part of it.
        let charset = if parameter.is_some() { "utf-8" } else { self.settings.charset };
        let items: Vec<String> = std::iter::once(media.to_owned())
            .chain(parameter)
            .chain([parameter::plain("charset", charset)])
            .collect();
        self.field("Content-Type", &items);
        self.field("Content-Transfer-Encoding", &[(*name).to_owned()]);
        self.ready.extend_from_slice(b"\r\n");
        self.ready.extend_from_slice(bytes);
        // In a multipart the CRLF before the boundary belongs to the boundary (RFC 2046 section 5.1.1), so the
        // text keeps its own end; base64 ignores line ends. A whole message only has to end with one.
        let ends = bytes.ends_with(b"\r\n") || bytes.is_empty();
        if !ends || !(whole || *name == "base64") {
            self.ready.extend_from_slice(b"\r\n");
        }
    }

    fn object(&mut self, object: Object) {
        let mut content_type = vec![object.content_type.media];
        content_type.extend(object.content_type.parameters);
        let mut disposition = vec![if object.inline { "inline" } else { "attachment" }.to_owned()];
        if let Some(name) = &object.name {
            content_type.extend(parameter::file_name("name", name));
            disposition.extend(parameter::file_name("filename", name));
        }
        self.field("Content-Type", &content_type);
        self.field("Content-Transfer-Encoding", &[object.source.encoding().to_owned()]);
        self.field("Content-Disposition", &disposition);
        if let Some(id) = object.content_id {
            self.field("Content-ID", &[id]);
        }
        self.ready.extend_from_slice(b"\r\n");
        self.text.push_ready(std::mem::take(&mut self.ready));
        match object.source {
            Source::Memory(bytes) => self.text.push_memory(bytes),
            Source::Reader { input, size, field, name } => self.text.push_reader(input, size, field, name),
            // The CRLF before the boundary is the boundary's, so the message keeps its own.
            Source::Lines { file, octets, field, name, .. } => {
                self.text.push_lines(file, 0, octets, field, name);
                self.ready.extend_from_slice(b"\r\n");
            }
            Source::Message { text, .. } => {
                self.text.append(text);
                self.ready.extend_from_slice(b"\r\n");
            }
        }
    }

    fn multipart(&mut self, subtype: &str, nodes: Vec<Node<'_>>) {
        self.boundaries += 1;
        let boundary = format!("{}_{}", self.settings.boundary, self.boundaries);
        let mut items = vec![format!("multipart/{subtype}"), parameter::plain("boundary", &boundary)];
        if let (true, Some(root)) = (subtype == "related", nodes.first()) {
            items.push(parameter::plain("type", &root.media()));
        }
        self.field("Content-Type", &items);
        if nodes.iter().any(Node::is_eight_bit) {
            // Without it the whole is said to be 7bit (RFC 2045 section 6.4).
            self.field("Content-Transfer-Encoding", &["8bit".to_owned()]);
        }
        self.ready.extend_from_slice(b"\r\n");
        for node in nodes {
            self.ready.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            self.node(node, false);
        }
        self.ready.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    }
}

/// mixed( alternative( plain, related( html, embedded … ), calendar ), attached … ), each level only where it is
/// needed. The calendar is the last alternative: readers that know it show it instead of the texts.
fn arrange<'a>(
    bodies: &'a [BodyPart],
    calendar: Option<Node<'a>>,
    embedded: Vec<Object>,
    attached: Vec<Object>,
    settings: &Settings<'_>,
) -> Option<Node<'a>> {
    let texts = |format| {
        let nodes =
            bodies.iter().filter(|part| part.format == format).map(|part| settings.text(part)).collect();
        // Two texts of one format are not alternatives of each other: they follow one another.
        Node::group("mixed", nodes)
    };
    let (plain, html) = (texts(BodyPartFormat::Plain), texts(BodyPartFormat::Html));
    let mut embedded: Vec<Node<'a>> = embedded.into_iter().map(Box::new).map(Node::Object).collect();
    let html = html.and_then(|html| {
        let mut related = vec![html];
        related.append(&mut embedded);
        Node::group("related", related)
    });
    let mut mixed: Vec<Node<'a>> =
        Node::group("alternative", plain.into_iter().chain(html).chain(calendar).collect())
            .into_iter()
            .collect();
    // Without an HTML text nothing shows the embedded objects; they stand beside the text.
    mixed.append(&mut embedded);
    mixed.extend(attached.into_iter().map(Box::new).map(Node::Object));
    Node::group("mixed", mixed)
}
