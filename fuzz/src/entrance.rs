//! A message that comes in without what RFC 5322 asks for is made whole: over any borders of pieces the same, with one of
//! each field that it lacked, and with its body untouched.

use arbitrary::Arbitrary;
use freesmtp_agent::fuzzing::completed;
use freesmtp_core::{
    EmailMessage,
    message::{Content, Form},
};

use crate::raw::{NoFiles, check, stamp};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    cut: u8,
    domain: bool,
    text: &'a [u8],
}

fn text(message: &EmailMessage) -> Vec<u8> {
    match &message.raw {
        Some(Content::Bytes(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let domain = if input.domain { "own.test" } else { "" };
    let folder = std::env::temp_dir();
    let whole = completed(&[input.text], domain, &folder).unwrap();
    let pieces: Vec<&[u8]> = input.text.chunks(usize::from(input.cut).max(1)).collect();
    let cut = completed(&pieces, domain, &folder).unwrap();
    assert_eq!(text(&whole), text(&cut));
    // Twice is once, but for the trace.
    if let Ok(composed) = whole.compose(&stamp(), &NoFiles, Form::default()) {
        check(composed, false);
    }
}
