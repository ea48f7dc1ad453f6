//! The subject of a message in the spool, for a person to know it by.

use mail_parser::MessageParser;

use crate::{delivery::Letters, queue::Place};

/// Headers are looked at so far.
const HEAD: usize = 16 * 1024;

/// The subject, decoded (RFC 2047); `None` when it has none, or cannot be read.
pub(crate) fn of(letters: &Letters, place: &Place) -> Option<String> {
    let head = letters.head(place, HEAD).ok()?;
    MessageParser::new()
        .header_text(mail_parser::HeaderName::Subject)
        .parse_headers(&head)?
        .subject()
        .map(str::to_owned)
}
