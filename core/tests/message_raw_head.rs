//! Raw messages with long heads: how long one may be, and one that is looked at in several pieces.

// Helpers outside of test functions may fail the test.
#![allow(clippy::unwrap_used)]

mod composing;

use freesmtp_core::{
    Error,
    message::{Composed, EmailMessage, Form},
};

/// More than a message is read at once.
const SEVERAL_PIECES: usize = 200_000;
const BINARY: Form = Form { eight_bit: true, utf8: true, exact: true, binary: true, unencoded: false };

/// A head of so many octets, with its empty line.
fn head(octets: usize) -> String {
    let mut head = "From: a@b.example\r\nTo: c@d.example\r\n".to_owned();
    let line = format!("X-Long: {}\r\n", "x".repeat(70));
    while octets - head.len() > 2 * line.len() {
        head.push_str(&line);
    }
    let left = octets - head.len() - "X: \r\n\r\n".len();
    head.push_str(&format!("X: {}\r\n\r\n", "y".repeat(left)));
    head
}

fn compose(text: &str) -> Result<Composed, Error> {
    composing::compose(&EmailMessage::raw(text.as_bytes()), BINARY)
}

#[test]
fn a_head_has_a_mebibyte_at_most() {
    let longest = format!("{}text\r\n", head(1 << 20));
    assert_eq!(compose(&longest).unwrap().into_bytes().unwrap(), longest.as_bytes());
    let error = compose(&format!("{}text\r\n", head((1 << 20) + 1))).unwrap_err();
    assert_eq!(error.field(), Some("Raw"));
    assert!(error.to_string().contains("within a mebibyte"), "{error}");
}

#[test]
fn a_long_head_of_the_wire_stays_octet_by_octet() {
    let wire = format!("{}\0\n\r", head(SEVERAL_PIECES));
    let composed = compose(&wire).unwrap();
    assert!(composed.needs_binary());
    assert_eq!(composed.into_bytes().unwrap(), wire.as_bytes());
}

/// What comes last in the head tells that it is no message of the wire, and lines may hold no NUL.
#[test]
fn a_long_head_in_the_form_of_a_system_does_not() {
    let local = head(SEVERAL_PIECES).replace("\r\n\r\n", "\r\nX-Last: x\n\r\n");
    let error = compose(&format!("{local}\0")).unwrap_err();
    assert_eq!(error.field(), Some("Raw"));
    assert!(error.to_string().contains("holds a NUL"), "{error}");
    let composed = compose(&format!("{local}text")).unwrap();
    assert!(!composed.needs_binary() && !composed.needs_exact());
}
