//! Dot-stuffing over any borders of pieces: the same bytes come out, and a server that keeps to RFC 5321 section 4.5.2 finds
//! the lines that went in, and the end at the end; so does one that takes every CR and every LF for a line end, which is
//! what SMTP smuggling lives on.

use arbitrary::Arbitrary;
use freesmtp_core::protocol::Stuffer;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    pieces: Vec<&'a [u8]>,
}

fn stuffed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut stuffer, mut out) = (Stuffer::default(), Vec::new());
    pieces.for_each(|piece| stuffer.push(piece, &mut out));
    stuffer.finish(&mut out);
    out
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let whole = input.pieces.concat();
    let wire = stuffed(input.pieces.iter().copied());
    assert_eq!(wire, stuffed(std::iter::once(&whole[..])));
    assert_eq!(wire, stuffed(whole.chunks(1)));
    // A line that is one dot, whatever is taken for a line end, is the last one.
    let lines: Vec<&[u8]> = wire.split(|byte| b"\r\n".contains(byte)).collect();
    let lone = lines.iter().filter(|line| **line == b".").count();
    assert!(lone == 1 && wire.ends_with(b".\r\n"), "{wire:?}");
    let text = std::str::from_utf8(&whole).unwrap_or_default();
    let expected: Vec<&str> = text.split("\r\n").flat_map(|line| line.split(['\r', '\n'])).collect();
    if !text.is_empty() {
        let received = std::str::from_utf8(&wire[..wire.len() - 3]).unwrap();
        let mut received: Vec<&str> =
            received.split("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
        received.pop();
        let expected = match expected.split_last() {
            Some((&"", rest)) => rest,
            _ => &expected[..],
        };
        assert_eq!(received, expected);
    }
}
