//! Parts and their order: alternative, related, mixed (RFC 2046, RFC 2387).

use std::sync::Arc;

use super::{
    BodyPart, BodyPartFormat, Calendar,
    body::{self, Encoded},
    boundary::Boundary,
    content_type::ContentType,
    encoding::Encoding,
    header::Header,
    parameter,
    reader::Reader,
    survey::{Allowed, Survey},
    text::Text,
};

/// An attachment that was checked, its file open.
pub(super) struct Object {
    pub(super) source: Source,
    pub(super) encoding: Encoding,
    /// The encoded form, where it is known.
    pub(super) octets: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) content_type: ContentType,
    /// With angle brackets.
    pub(super) content_id: Option<String>,
    pub(super) inline: bool,
}

/// Where the bytes of an object come from.
pub(super) enum Source {
    Memory(Arc<[u8]>),
    Reader(Reader),
    /// The lines of a message.
    Lines(Reader),
    /// A message that was composed.
    Message(Text),
}

impl Object {
    /// An invitation as a file, for readers that show no invitation.
    pub(super) fn of_calendar(calendar: &Calendar, boundary: &Boundary, allowed: Allowed) -> Option<Self> {
        let name = calendar.file_name.clone()?;
        let allowed = Allowed { line_ends: true, ..allowed };
        let text = body::to_crlf(&calendar.text).into_owned().into_bytes();
        let (encoding, octets) = Survey::of(&text, boundary.as_bytes(), allowed);
        let content_type = ContentType { media: "application/ics".to_owned(), parameters: Vec::new() };
        Some(Self {
            source: Source::Memory(text.into()),
            encoding,
            octets: Some(octets),
            name: Some(name),
            content_type,
            content_id: None,
            inline: false,
        })
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
    Text(&'static str, Option<&'a str>, Encoded<'a>),
    Object(Box<Object>),
    Multipart(&'static str, Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    /// Several parts as one; one part as it is.
    fn group(subtype: &'static str, mut nodes: Vec<Node<'a>>) -> Option<Self> {
        if nodes.len() > 1 { Some(Self::Multipart(subtype, nodes)) } else { nodes.pop() }
    }

    /// The media type, for `type` of `multipart/related`.
    fn media(&self) -> String {
        match self {
            Self::Text(media, ..) => (*media).to_owned(),
            Self::Object(object) => object.content_type.media.clone(),
            Self::Multipart(subtype, _) => format!("multipart/{subtype}"),
        }
    }

    /// `7bit`, `8bit` or `binary`: what octets occur in it.
    fn encoding(&self) -> Encoding {
        match self {
            Self::Text(_, _, encoded) => Encoding::SevenBit.of_both(encoded.encoding),
            Self::Object(object) => Encoding::SevenBit.of_both(object.encoding),
            Self::Multipart(_, nodes) => encoding_of(nodes),
        }
    }
}

fn encoding_of(nodes: &[Node<'_>]) -> Encoding {
    nodes.iter().map(Node::encoding).fold(Encoding::SevenBit, Encoding::of_both)
}

fn media_of(format: BodyPartFormat) -> &'static str {
    match format {
        BodyPartFormat::Plain => "text/plain",
        BodyPartFormat::Html => "text/html",
    }
}

/// What the parts have in common.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    /// In lower case, as checked.
    pub(super) charset: &'static str,
    pub(super) eight_bit: bool,
    pub(super) boundary: &'a Boundary,
}

impl Settings<'_> {
    /// What goes out as it is must not hold a boundary.
    fn text<'a>(&self, part: &'a BodyPart) -> Node<'a> {
        let boundary = Some(self.boundary.as_bytes());
        Node::Text(media_of(part.format), None, body::encode(part, self.eight_bit, boundary))
    }
}

/// Appends the `Content-*` fields and the text of a message of one text, which ends by itself, to its other fields;
/// answers what octets occur in it.
#[inline]
pub(super) fn write_text(
    part: &BodyPart,
    charset: &'static str,
    eight_bit: bool,
    out: &mut Vec<u8>,
) -> Encoding {
    let encoded = body::encode(part, eight_bit, None);
    write_body(media_of(part.format), None, charset, &encoded, true, out);
    Encoding::SevenBit.of_both(encoded.encoding)
}

/// Appends a text with its fields. `whole`: it is the whole message, not a part of a multipart.
#[inline(always)]
fn write_body(
    media: &str,
    method: Option<&str>,
    charset: &str,
    encoded: &Encoded<'_>,
    whole: bool,
    out: &mut Vec<u8>,
) {
    if let Some(method) = method {
        let mut header = Header::begin(out, "Content-Type", false);
        header.token_of(&[media, ";"]);
        header.token_of(&["method=", method, ";"]);
        // An invitation is UTF-8 whatever the texts are (RFC 5545 section 3.1.4); ASCII is a part of it.
        header.token("charset=utf-8");
        header.end();
    } else {
        // It always fits into a line.
        if (media, charset) == ("text/plain", "utf-8") {
            out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
        } else {
            out.extend_from_slice(b"Content-Type: ");
            out.extend_from_slice(media.as_bytes());
            out.extend_from_slice(b"; charset=");
            out.extend_from_slice(charset.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(encoded.encoding.field());
    out.extend_from_slice(b"\r\n");
    let start = out.len();
    encoded.write(out);
    // In a multipart the CRLF before the boundary belongs to the boundary (RFC 2046 section 5.1.1), so the
    // text keeps its own end; base64 ignores line ends. A whole message only has to end with one.
    let bytes = &out[start..];
    let ends = bytes.ends_with(b"\r\n") || bytes.is_empty();
    if !ends || !(whole || encoded.encoding == Encoding::Base64) {
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes the `Content-*` fields and the parts after the head of the message.
pub(super) struct Writer<'a> {
    settings: Settings<'a>,
    text: Text,
    ready: Vec<u8>,
    boundaries: u64,
}

impl<'a> Writer<'a> {
    /// Goes on after `head`, the other fields of the message.
    pub(super) fn new(head: Vec<u8>, settings: Settings<'a>) -> Self {
        Self { settings, text: Text::default(), ready: head, boundaries: 0 }
    }

    /// Writes all parts; answers the text and what octets occur in it outside the head.
    pub(super) fn write(mut self, parts: Parts<'_>) -> (Text, Encoding) {
        // RFC 6047 section 2.4: the charset and the method are named.
        let calendar = parts.calendar.as_ref().map(|(part, method)| {
            let boundary = Some(self.settings.boundary.as_bytes());
            let encoded = body::encode(part, self.settings.eight_bit, boundary);
            Node::Text("text/calendar", Some(method), encoded)
        });
        let Some(node) = arrange(parts.bodies, calendar, parts.embedded, parts.attached, self.settings)
        else {
            let Settings { charset, eight_bit, .. } = self.settings;
            let encoding = write_text(&BodyPart::plain(""), charset, eight_bit, &mut self.ready);
            self.text.push_ready(self.ready);
            return (self.text, encoding);
        };
        let encoding = node.encoding();
        self.node(node, true);
        if !self.ready.is_empty() {
            self.text.push_ready(std::mem::take(&mut self.ready));
        }
        (self.text, encoding)
    }

    /// Writes one part, ending in CRLF. `whole`: it is the whole message, not a part of a multipart.
    fn node(&mut self, node: Node<'_>, whole: bool) {
        match node {
            Node::Text(media, method, encoded) => {
                write_body(media, method, self.settings.charset, &encoded, whole, &mut self.ready);
            }
            Node::Object(object) => self.object(*object, whole),
            Node::Multipart(subtype, nodes) => self.multipart(subtype, nodes),
        }
    }

    fn field(&mut self, name: &str, items: &[String]) {
        let mut header = Header::begin(&mut self.ready, name, false);
        header.list(items, ";");
        header.end();
    }

    fn encoding(&mut self, encoding: Encoding) {
        self.ready.extend_from_slice(encoding.field());
    }

    fn object(&mut self, object: Object, whole: bool) {
        let mut content_type = vec![object.content_type.media];
        content_type.extend(object.content_type.parameters);
        let mut disposition = vec![if object.inline { "inline" } else { "attachment" }.to_owned()];
        if let Some(name) = &object.name {
            content_type.extend(parameter::file_name("name", name));
            disposition.extend(parameter::file_name("filename", name));
        }
        self.field("Content-Type", &content_type);
        self.encoding(object.encoding);
        self.field("Content-Disposition", &disposition);
        if let Some(id) = object.content_id {
            self.field("Content-ID", &[id]);
        }
        self.ready.extend_from_slice(b"\r\n");
        self.text.push_ready(std::mem::take(&mut self.ready));
        let octets = object.octets;
        match object.source {
            Source::Memory(bytes) => self.text.push_memory(bytes, object.encoding, octets.unwrap_or(0)),
            Source::Reader(reader) => self.text.push_reader(reader, object.encoding, octets),
            Source::Lines(reader) => self.text.push_lines(reader, 0, octets.unwrap_or(0)),
            Source::Message(text) => self.text.append(text),
        }
        match object.encoding {
            // Each line of base64 has its end, which is not part of the content.
            Encoding::Base64 => {}
            // A line end that is not part of the content, behind which the message ends.
            Encoding::QuotedPrintable | Encoding::QuotedBytes if whole => {
                self.ready.extend_from_slice(b"=\r\n");
            }
            // What travels as it is is the whole message only when it ends a line.
            _ if whole => {}
            // The CRLF before the boundary is the boundary's.
            _ => self.ready.extend_from_slice(b"\r\n"),
        }
    }

    fn multipart(&mut self, subtype: &str, nodes: Vec<Node<'_>>) {
        self.boundaries += 1;
        let boundary = self.settings.boundary.number(self.boundaries);
        let mut header = Header::begin(&mut self.ready, "Content-Type", false);
        let related = nodes.first().filter(|_| subtype == "related");
        header.token_of(&["multipart/", subtype, ";"]);
        // It holds `=`, which needs the quotation marks (RFC 2045 section 5.1).
        header.token_of(&["boundary=\"", &boundary, if related.is_some() { "\";" } else { "\"" }]);
        if let Some(root) = related {
            header.token(&parameter::plain("type", &root.media()));
        }
        header.end();
        let encoding = encoding_of(&nodes);
        if encoding != Encoding::SevenBit {
            // Without it the whole is said to be 7bit (RFC 2045 section 6.4).
            self.encoding(encoding);
        }
        self.ready.extend_from_slice(b"\r\n");
        for node in nodes {
            self.delimiter(&boundary, b"\r\n");
            self.node(node, false);
        }
        self.delimiter(&boundary, b"--\r\n");
    }

    fn delimiter(&mut self, boundary: &str, end: &[u8]) {
        self.ready.extend_from_slice(b"--");
        self.ready.extend_from_slice(boundary.as_bytes());
        self.ready.extend_from_slice(end);
    }
}

/// mixed( alternative( plain, related( html, embedded … ), calendar ), attached … ), each level only where it is
/// needed. The calendar is the last alternative: readers that know it show it instead of the texts.
fn arrange<'a>(
    bodies: &'a [BodyPart],
    calendar: Option<Node<'a>>,
    embedded: Vec<Object>,
    attached: Vec<Object>,
    settings: Settings<'_>,
) -> Option<Node<'a>> {
    let texts = |format| {
        let parts = bodies.iter().filter(|part| part.format == format);
        // Two texts of one format are not alternatives of each other: they follow one another.
        Node::group("mixed", parts.map(|part| settings.text(part)).collect())
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
