//! A whole message that is passed through: whatever it is, what goes out are lines for every server, as many octets as
//! were announced, and no `Bcc`; and the envelope holds nothing but addresses.

use arbitrary::Arbitrary;
use freesmtp_core::{
    EmailMessage,
    message::{Date, Files, Form, OpenedFile, Stamp},
};
use std::{io, path::Path};

/// Nothing is read from a disk.
pub(crate) struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _path: &Path) -> io::Result<OpenedFile> {
        Err(io::ErrorKind::NotFound.into())
    }
}

pub(crate) fn stamp() -> Stamp {
    Stamp { date: Date::utc(1_700_000_000), random: [7; 24], host: "host.test".to_owned() }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    eight_bit: bool,
    utf8: bool,
    exact: bool,
    binary: bool,
    text: &'a [u8],
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let form = Form {
        eight_bit: input.eight_bit,
        utf8: input.utf8,
        exact: input.exact,
        binary: input.binary,
        unencoded: false,
    };
    let message = EmailMessage::raw(input.text.to_vec());
    let Ok(composed) = message.compose(&stamp(), &NoFiles, form) else { return };
    check(composed, input.binary);
}

/// What holds of every composed message; `binary` is one that no lines need be.
pub(crate) fn check(composed: freesmtp_core::message::Composed, binary: bool) -> Vec<u8> {
    for recipient in composed.recipients() {
        let path = recipient.mailbox.to_path(true).expect("UTF-8 has every path");
        assert!(!path.chars().any(char::is_control), "{path:?}");
    }
    assert!(!composed.message_id().contains(['\r', '\n']) || binary, "{:?}", composed.message_id());
    let (size, exact, binary) = (composed.size(), composed.needs_exact(), composed.needs_binary());
    let eight_bit = composed.has_eight_bit();
    let bytes = composed.into_bytes().expect("a message in memory is read");
    assert_eq!(bytes.len() as u64, size, "as many octets as announced");
    if !binary {
        let unfinished = if bytes.ends_with(b"\r\n") || bytes.is_empty() { 0 } else { 1 };
        assert!(exact || unfinished == 0, "the last line ends");
        let ends = bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
        let (crs, lfs) = (count(&bytes, b'\r'), count(&bytes, b'\n'));
        assert_eq!((crs, lfs), (ends, ends), "CRLF and nothing else");
        assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 999), "no line is too long");
        assert!(!bytes.contains(&0));
        assert!(eight_bit || bytes.is_ascii());
    }
    let head = head(&bytes);
    assert!(
        !head
            .split(|byte| *byte == b'\n')
            .any(|line| line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"bcc:"))),
        "Bcc is left out"
    );
    bytes
}

/// Up to the empty line.
pub(crate) fn head(bytes: &[u8]) -> &[u8] {
    if bytes.starts_with(b"\r\n") {
        return &[];
    }
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes, |at| &bytes[..at + 2])
}

fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|byte| **byte == wanted).count()
}
