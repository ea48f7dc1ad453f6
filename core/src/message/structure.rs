//! Parts and their order: alternative, related, mixed (RFC 2046, RFC 2387).

use std::sync::Arc;

use super::{
    BodyPart, BodyPartFormat, OpenedFile,
    body::{self, Encoded},
    composed::Text,
    content_type::ContentType,
    header::Header,
    parameter,
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

/// Where the bytes of an object come from.
pub(super) enum Source {
    Memory(Arc<[u8]>),
    File { file: OpenedFile, field: String, path: String },
}

/// A part of the message.
enum Node<'a> {
    Text(BodyPartFormat, Encoded<'a>),
    Object(Object),
    Multipart(&'static str, Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    /// Several parts as one; one part as it is.
    fn group(subtype: &'static str, mut nodes: Vec<Node<'a>>) -> Option<Self> {
        if nodes.len() > 1 { Some(Self::Multipart(subtype, nodes)) } else { nodes.pop() }
    }

    fn media(&self) -> String {
        match self {
            Self::Text(format, _) => media_of(*format).to_owned(),
            Self::Object(object) => object.content_type.media.clone(),
            Self::Multipart(subtype, _) => format!("multipart/{subtype}"),
        }
    }

    /// Whether octets above 127 occur in it.
    fn is_eight_bit(&self) -> bool {
        match self {
            Self::Text(_, encoded) => encoded.name == "8bit",
            Self::Object(_) => false,
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
        Node::Text(part.format, body::encode(part, self.eight_bit, &self.boundary))
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
    pub(super) fn write(
        mut self,
        bodies: &[BodyPart],
        embedded: Vec<Object>,
        attached: Vec<Object>,
    ) -> (Text, bool) {
        let empty = BodyPart::plain("");
        let node =
            arrange(bodies, embedded, attached, &self.settings).unwrap_or_else(|| self.settings.text(&empty));
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
            Node::Text(format, encoded) => self.body(format, &encoded, whole),
            Node::Object(object) => self.object(object),
            Node::Multipart(subtype, nodes) => self.multipart(subtype, nodes),
        }
    }

    fn field(&mut self, name: &str, items: &[String]) {
        let mut header = Header::begin(&mut self.ready, name, false);
        header.list(items, ";");
        header.end();
    }

    fn body(&mut self, format: BodyPartFormat, encoded: &Encoded<'_>, whole: bool) {
        let Encoded { name, bytes } = encoded;
        let charset = parameter::plain("charset", self.settings.charset);
        self.field("Content-Type", &[media_of(format).to_owned(), charset]);
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
        self.field("Content-Transfer-Encoding", &["base64".to_owned()]);
        self.field("Content-Disposition", &disposition);
        if let Some(id) = object.content_id {
            self.field("Content-ID", &[id]);
        }
        self.ready.extend_from_slice(b"\r\n");
        self.text.push_ready(std::mem::take(&mut self.ready));
        match object.source {
            Source::Memory(bytes) => self.text.push_memory(bytes),
            Source::File { file, field, path } => self.text.push_file(file, field, path),
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

/// mixed( alternative( plain, related( html, embedded … ) ), attached … ), each level only where it is needed.
fn arrange<'a>(
    bodies: &'a [BodyPart],
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
    let mut embedded: Vec<Node<'a>> = embedded.into_iter().map(Node::Object).collect();
    let html = html.and_then(|html| {
        let mut related = vec![html];
        related.append(&mut embedded);
        Node::group("related", related)
    });
    let mut mixed: Vec<Node<'a>> =
        Node::group("alternative", plain.into_iter().chain(html).collect()).into_iter().collect();
    // Without an HTML text nothing shows the embedded objects; they stand beside the text.
    mixed.append(&mut embedded);
    mixed.extend(attached.into_iter().map(Node::Object));
    Node::group("mixed", mixed)
}
