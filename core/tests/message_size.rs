//! How long what is written is: within 2 % of the shortest encoding that brings everything back, which is found here in
//! the plainest way.

// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{io, path::Path};

use freesmtp_core::message::{BodyPart, Date, EmailMessage, Files, Form, OpenedFile, Stamp};
use proptest::prelude::*;

struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: &Path) -> io::Result<OpenedFile> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn composed(message: &mut EmailMessage, eight_bit: bool) -> Vec<u8> {
    message.from = "a@b.example".into();
    message.add_recipient("c@d.example");
    let stamp = Stamp { date: Date::utc(0), random: [7; 24], host: String::new() };
    let form = Form { eight_bit, ..Form::default() };
    message.compose(&stamp, &NoFiles, form).unwrap().into_bytes().unwrap()
}

/// What stands behind the first empty line.
fn behind_the_head(bytes: &[u8]) -> &[u8] {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &bytes[at + 4..]
}

/// The octets of one line in quoted-printable, each line filled as far as it goes; one without a line end of its own has
/// room for the `=` of a soft one.
fn quoted_line(line: &[u8], ended: bool) -> usize {
    let (mut octets, mut column) = (0, 0);
    for (i, byte) in line.iter().enumerate() {
        let last = i + 1 == line.len();
        let plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !last);
        let width = if plain { 1 } else { 3 };
        if column + width > if last && ended { 76 } else { 75 } {
            octets += 3;
            column = 0;
        }
        octets += width;
        column += width;
    }
    octets
}

fn based(bytes: &[u8]) -> usize {
    bytes.chunks(57).map(|line| line.len().div_ceil(3) * 4 + 2).sum()
}

/// Lines that end in CRLF, as they are; `None` where they cannot travel so.
fn as_they_are(lines: &[u8], eight_bit: bool) -> Option<usize> {
    let short = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() <= 998;
    let fits = lines.split(|byte| *byte == b'\n').all(short) && !lines.contains(&0);
    (fits && (eight_bit || lines.is_ascii())).then_some(lines.len())
}

/// Not longer than the shortest by more than 2 %, and a line end of its own.
fn is_short(octets: usize, shortest: usize) -> bool {
    octets * 100 <= shortest * 102 + 300
}

proptest! {
    #[test]
    fn texts(text in "(([ -~]{0,90}|\\PC{0,40}|[а-я ]{0,60}|x{900,1100}|=|\t| |\0|\\.)(\r\n|\n|\r)?){0,40}", eight_bit: bool) {
        let lines = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
        let mut message = EmailMessage::new();
        message.body_parts.push(BodyPart::plain(&text));
        let bytes = composed(&mut message, eight_bit);
        let ends = lines.matches("\r\n").count() * 2;
        let (whole, last) = lines.rsplit_once("\r\n").unwrap_or(("", &lines));
        let whole = whole.split("\r\n").map(|line| quoted_line(line.as_bytes(), true)).sum::<usize>();
        let quoted = whole + quoted_line(last.as_bytes(), false) + ends;
        let shortest = [Some(quoted), Some(based(lines.as_bytes())), as_they_are(lines.as_bytes(), eight_bit)];
        let shortest = shortest.into_iter().flatten().min().unwrap();
        let octets = behind_the_head(&bytes).len();
        prop_assert!(is_short(octets, shortest), "{octets} instead of {shortest}: {text:?}");
    }

    #[test]
    fn attachments(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..3000),
            "[ -~]{0,3000}".prop_map(String::into_bytes),
            "([ -~]{0,90}(\r\n|\n)){0,60}".prop_map(String::into_bytes),
            "([ -~ü]{0,80}){0,60}".prop_map(String::into_bytes),
        ],
        eight_bit: bool,
    ) {
        let mut message = EmailMessage::new();
        message.add_text("Text.\r\n").attach_bytes("a.bin", bytes.clone());
        let written = composed(&mut message, eight_bit);
        let boundaries: Vec<usize> =
            (0..written.len()).filter(|at| written[*at..].starts_with(b"\r\n--=_")).collect();
        let [.., begin, end] = boundaries[..] else { panic!("{boundaries:?}") };
        // The line end before the boundary is the boundary's, unless nothing stands before it.
        let octets = behind_the_head(&written[begin..end + 2]).len();
        // A line end may be changed on its way, so none travels as it is.
        let has_ends = bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        let plain = if has_ends { None } else { as_they_are(&bytes, eight_bit) };
        let shortest = [Some(quoted_line(&bytes, false)), Some(based(&bytes)), plain].into_iter().flatten().min().unwrap();
        prop_assert!(is_short(octets, shortest), "{octets} instead of {shortest}");
    }
}
