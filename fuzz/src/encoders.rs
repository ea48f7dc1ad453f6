//! Composing as the inverse of reading: a subject (RFC 2047), the name of an attachment (RFC 2231), a text
//! (quoted-printable, base64, 7bit) and bytes (base64) come back as they were, read by decoders that are written here from
//! the RFCs and share nothing with the encoders.

use arbitrary::Arbitrary;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use freesmtp_core::{
    EmailMessage,
    message::{Attachment, BodyPart, BodyPartEncoding, BodyPartFormat, Form},
};

use crate::raw::{NoFiles, check, head, stamp};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    encoding: u8,
    eight_bit: bool,
    utf8: bool,
    subject: &'a str,
    name: &'a str,
    person: &'a str,
    header: &'a str,
    text: &'a str,
    bytes: &'a [u8],
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let form = Form { eight_bit: input.eight_bit, utf8: input.utf8, ..Form::default() };
    with_a_text(&input, form);
    with_an_attachment(&input, form);
}

fn base(input: &Input<'_>) -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = ("sender@client.test", input.person).into();
    message.add_recipient("recipient@domain.test");
    message.subject = input.subject.to_owned();
    message.add_header("X-Fuzz", input.header);
    message
}

fn with_a_text(input: &Input<'_>, form: Form) {
    const ENCODINGS: [BodyPartEncoding; 4] = [
        BodyPartEncoding::Auto,
        BodyPartEncoding::QuotedPrintable,
        BodyPartEncoding::Base64,
        BodyPartEncoding::None,
    ];
    let mut message = base(input);
    message.body_parts.push(BodyPart {
        body: input.text.to_owned(),
        format: BodyPartFormat::Plain,
        encoding: ENCODINGS[usize::from(input.encoding) % 4],
    });
    let Ok(composed) = message.compose(&stamp(), &NoFiles, form) else { return };
    let bytes = check(composed, false);
    let head = head(&bytes);
    assert_eq!(text_of(&field(head, "Subject").unwrap_or_default()), input.subject, "{}", shown(&bytes));
    assert_eq!(text_of(&field(head, "X-Fuzz").unwrap_or_default()), input.header, "{}", shown(&bytes));
    let body = &bytes[head.len() + 2..];
    let encoding = field(head, "Content-Transfer-Encoding").unwrap_or_default();
    let decoded = decoded(&encoding, body);
    let lines = |bytes: &[u8]| -> String {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8 went in");
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.trim_end_matches('\n').to_owned()
    };
    assert_eq!(lines(&decoded), lines(input.text.as_bytes()), "{}", shown(&bytes));
}

fn with_an_attachment(input: &Input<'_>, form: Form) {
    let mut message = base(input);
    message
        .attachments
        .push(Attachment::bytes(input.name, input.bytes.to_vec()).with_content_type("application/x-fuzz"));
    let Ok(composed) = message.compose(&stamp(), &NoFiles, form) else { return };
    let bytes = check(composed, false);
    // The part, in a multipart or as the whole message.
    let at = find(&bytes, b"Content-Type: application/x-fuzz").expect("the part is there");
    let start = if find(head(&bytes), b"application/x-fuzz").is_some() { 0 } else { at };
    let part = &bytes[start..];
    let part_head = head(part);
    let mut body = &part[part_head.len() + 2..];
    if start > 0 {
        // It is the last part, so the last boundary ends it.
        let end = body.windows(4).rposition(|four| four == b"\r\n--").expect("a boundary ends it");
        body = &body[..end];
    }
    let decoded = decoded(&field(part_head, "Content-Transfer-Encoding").unwrap_or_default(), body);
    // Where the bytes are lines, the last of them may get its end.
    let same = decoded.strip_prefix(input.bytes).is_some_and(|rest| rest.is_empty() || rest == b"\r\n");
    assert!(same, "{:?} {}", input.bytes, shown(&bytes));
    let disposition = field(part_head, "Content-Disposition").expect("an attachment has one");
    let Some(name) = parameter(&disposition, "filename") else { return };
    assert_eq!(name, input.name, "{}", shown(&bytes));
}

fn decoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding.trim() {
        "quoted-printable" => quoted_printable(body),
        "base64" => base64_lines(body),
        "7bit" | "8bit" | "" => body.to_vec(),
        other => panic!("the encoding {other}"),
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The value of a field, unfolded (RFC 5322 section 2.2.3), without the space behind the colon.
fn field(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8(head.to_vec()).expect("a head is UTF-8");
    let head = format!("\r\n{head}");
    let start = head.find(&format!("\r\n{name}:"))? + name.len() + 3;
    let mut value = String::new();
    for (index, line) in head[start..].split("\r\n").enumerate() {
        if index > 0 && !line.starts_with([' ', '\t']) {
            break;
        }
        value.push_str(line);
    }
    Some(value.strip_prefix(' ').map(str::to_owned).unwrap_or(value))
}

/// The text of an unstructured field (RFC 2047 section 6).
fn text_of(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value;
    let mut behind_a_word = false;
    while !rest.is_empty() {
        let space = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let (gap, after) = rest.split_at(space);
        let (word, after) = after.split_at(after.find([' ', '\t']).unwrap_or(after.len()));
        match encoded_word(word) {
            Some(decoded) => {
                if !behind_a_word {
                    bytes.extend(gap.bytes());
                }
                bytes.extend(decoded);
                behind_a_word = true;
            }
            None => {
                bytes.extend(gap.bytes());
                bytes.extend(word.bytes());
                behind_a_word = false;
            }
        }
        rest = after;
    }
    String::from_utf8(bytes).expect("words are cut between characters")
}

fn encoded_word(word: &str) -> Option<Vec<u8>> {
    let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    assert!(charset.eq_ignore_ascii_case("utf-8") && word.len() <= 75, "{word}");
    Some(match encoding {
        "B" | "b" => BASE64_STANDARD.decode(text).expect("base64"),
        "Q" | "q" => {
            let mut bytes = Vec::new();
            let mut rest = text.bytes();
            while let Some(byte) = rest.next() {
                bytes.push(match byte {
                    b'_' => b' ',
                    b'=' => hex(rest.next(), rest.next()),
                    byte => byte,
                });
            }
            bytes
        }
        other => panic!("the encoding {other}"),
    })
}

/// RFC 2045 section 6.7.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut lines = body.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() <= 76, "RFC 2045 section 6.7 (5)");
        assert!(!line.ends_with(b" ") && !line.ends_with(b"\t"), "white space at the end of a line");
        let (line, soft) = line.strip_suffix(b"=").map_or((line, false), |line| (line, true));
        let mut rest = line.iter().copied();
        while let Some(byte) = rest.next() {
            bytes.push(if byte == b'=' { hex(rest.next(), rest.next()) } else { byte });
        }
        if !soft && !last {
            bytes.extend(b"\r\n");
        }
    }
    bytes
}

fn hex(high: Option<u8>, low: Option<u8>) -> u8 {
    let digit = |byte: Option<u8>| char::from(byte.expect("two digits")).to_digit(16).expect("a digit");
    u8::try_from(digit(high) * 16 + digit(low)).expect("an octet")
}

fn base64_lines(body: &[u8]) -> Vec<u8> {
    assert!(body.split(|byte| *byte == b'\n').all(|line| line.len() <= 77), "RFC 2045 section 6.8");
    let text: Vec<u8> = body.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    BASE64_STANDARD.decode(text).expect("base64")
}

/// The value of a parameter (RFC 2045 section 5.1, RFC 2231).
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut pieces: Vec<(usize, bool, String)> = Vec::new();
    let mut rest = value;
    while let Some(at) = next_parameter(rest) {
        rest = rest[at + 1..].trim_start_matches([' ', '\t']);
        let Some((key, after)) = rest.split_once('=') else { break };
        let (text, after) = if let Some(inner) = after.strip_prefix('"') {
            let mut text = String::new();
            let mut chars = inner.char_indices();
            let end = loop {
                match chars.next().expect("a quoted string ends") {
                    (_, '\\') => text.push(chars.next().expect("a quoted pair").1),
                    (at, '"') => break at,
                    (_, c) => text.push(c),
                }
            };
            (text, &inner[end + 1..])
        } else {
            let end = after.find([';', ' ', '\t']).unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        rest = after;
        let Some(marks) = key.strip_prefix(name) else { continue };
        let encoded = marks.ends_with('*');
        let number = marks.trim_matches('*').parse().unwrap_or(0);
        pieces.push((number, encoded, text));
    }
    // A plain one beside it is for readers that do not know RFC 2231.
    if pieces.iter().any(|(_, encoded, _)| *encoded) {
        let plain = |piece: &(usize, bool, String)| piece.0 > 0 || piece.1;
        pieces.retain(plain);
    }
    pieces.sort_by_key(|piece| piece.0);
    if pieces.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for (index, (_, encoded, text)) in pieces.iter().enumerate() {
        let mut text = text.as_str();
        if !encoded {
            bytes.extend(text.bytes());
            continue;
        }
        if index == 0 {
            text = text.splitn(3, '\'').nth(2).expect("charset and language");
        }
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(if byte == b'%' { hex(rest.next(), rest.next()) } else { byte });
        }
    }
    Some(String::from_utf8(bytes).expect("UTF-8 went in"))
}

/// Where the next parameter begins: a semicolon outside quotation marks.
fn next_parameter(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}
