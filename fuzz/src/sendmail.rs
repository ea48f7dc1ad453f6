//! What `sendmail` is called with and given: lines that end in CRLF come of it over any borders of reads, and a lone dot ends
//! it exactly where no `-i` is.

use arbitrary::Arbitrary;
use freesmtp_agent::fuzzing::{sendmail_arguments, sendmail_text};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    ignore_dots: bool,
    most: u16,
    arguments: Vec<&'a str>,
    text: &'a [u8],
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    if let Ok((recipients, _)) =
        sendmail_arguments(input.arguments.iter().map(|text| (*text).to_owned()).collect())
    {
        assert!(recipients.iter().all(|text| !text.is_empty() && text.trim() == text), "{recipients:?}");
    }
    let whole = sendmail_text(input.text, 1 << 20, input.ignore_dots).unwrap();
    let cut = sendmail_text(input.text, usize::from(input.most), input.ignore_dots).unwrap();
    assert_eq!(whole, cut, "over any borders");
    let bare = whole.split(|byte| *byte == b'\n').rev().skip(1).any(|line| !line.ends_with(b"\r"));
    assert!(!bare, "a line ends in CRLF: {whole:?}");
    if !input.ignore_dots {
        assert!(!whole.split(|byte| *byte == b'\n').any(|line| line == b".\r"), "a lone dot ends it");
    }
}
