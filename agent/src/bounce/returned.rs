//! The third part of a report: the message given back, or its headers.

use std::io::{self, Read};

use base64::{Engine, prelude::BASE64_STANDARD};
use freesmtp_core::{message::ReturnContent, spool::BodyType};

use super::{Facts, Kind};

/// A message of this size is not given back whole, whatever RET says.
const WHOLE: u64 = 1_000_000;

/// Headers are given back so far.
const HEAD: usize = 64 * 1024;

/// What is given back.
#[derive(Clone, Debug)]
pub(super) struct Returned {
    /// The head, and the body where it is given back.
    bytes: Vec<u8>,
    whole: bool,
    /// It could be no part of a message: too large, or octets that are no lines.
    shortened: bool,
    /// The message needs SMTPUTF8.
    utf8: bool,
    /// The report may be UTF-8 as well.
    plain_utf8: bool,
}

impl Returned {
    /// Reads as much as is given back.
    pub(super) fn read(facts: &Facts<'_>, plain_utf8: bool, message: &mut dyn Read) -> io::Result<Self> {
        let envelope = facts.envelope;
        let wanted = facts.kind == Kind::Failed && envelope.delivery.return_content != ReturnContent::Headers;
        let fits = facts.size < WHOLE && envelope.body != BodyType::Binary;
        let mut bytes = Vec::new();
        // Readers of today take no message in an encoding (RFC 6532 section 3.7 would allow it): its headers come as text.
        let narrow = envelope.utf8 && !plain_utf8;
        let whole = wanted && fits && !narrow;
        if whole {
            message.take(WHOLE).read_to_end(&mut bytes)?;
        } else {
            message.take(HEAD as u64).read_to_end(&mut bytes)?;
            bytes.truncate(end_of_head(&bytes));
        }
        Ok(Self { bytes, whole, shortened: wanted && !fits, utf8: envelope.utf8, plain_utf8 })
    }

    /// Why the message is not given back whole though it was asked for.
    pub(super) fn is_shortened(&self) -> bool {
        self.shortened
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the part has octets above 127.
    pub(super) fn is_eight_bit(&self) -> bool {
        !self.is_encoded() && !self.bytes.is_ascii()
    }

    /// UTF-8 headers in a report that every server is to take.
    fn is_encoded(&self) -> bool {
        self.utf8 && !self.plain_utf8 && !self.bytes.is_ascii()
    }

    /// The field of the head.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let head = String::from_utf8_lossy(&self.bytes[..end_of_head(&self.bytes)]);
        let fields = super::fields(&head);
        fields.iter().find_map(|field| {
            let (found, value) = field.split_once(':')?;
            found.trim_end().eq_ignore_ascii_case(name).then(|| value.replace("\r\n", "").trim().to_owned())
        })
    }

    pub(super) fn message_id(&self) -> Option<String> {
        self.field("Message-ID").filter(|id| id.starts_with('<') && id.ends_with('>') && id.is_ascii())
    }

    /// The part with its fields; none when nothing could be read.
    pub(super) fn part(&self) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let global = self.utf8 && !self.bytes.is_ascii();
        let media = match (self.whole, global) {
            (true, false) => "message/rfc822",
            (true, true) => "message/global",
            (false, false) => "text/rfc822-headers",
            (false, true) if self.plain_utf8 => "message/global-headers",
            (false, true) => "text/rfc822-headers; charset=utf-8",
        };
        let encoding = match (self.is_encoded(), self.is_eight_bit()) {
            (true, _) => "base64",
            (false, true) => "8bit",
            (false, false) => "7bit",
        };
        let mut part = format!(
            "Content-Description: {}\r\nContent-Type: {media}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n",
            if self.whole { "Undelivered message" } else { "Headers of the message" }
        )
        .into_bytes();
        if self.is_encoded() {
            for line in BASE64_STANDARD.encode(&self.bytes).as_bytes().chunks(76) {
                part.extend_from_slice(line);
                part.extend_from_slice(b"\r\n");
            }
        } else {
            part.extend_from_slice(&self.bytes);
            if !self.bytes.ends_with(b"\r\n") {
                part.extend_from_slice(b"\r\n");
            }
        }
        Some(part)
    }
}

/// Where the headers end: behind the last line of theirs, without the empty one.
fn end_of_head(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\r\n") {
        return 0;
    }
    if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        return at + 2;
    }
    // Cut off in the middle of a line, or a message without a body.
    bytes.windows(2).rposition(|two| two == b"\r\n").map_or(bytes.len(), |at| at + 2)
}
