//! What the `SMTP` object hands over is read back as it was, and nothing is written of what is not valid.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here has failed the test")]

mod spooled;

use std::path::PathBuf;

use freesmtp_core::{
    EmailMessage, ErrorKind, Smtp,
    message::{DeliveryOptions, Notify, RecipientOptions, SpoolOptions},
    spool::{BodyType, Durability, Message, Next, Recipient, Spool},
    types::Moment,
};
use spooled::{read, segments, text, to};

fn spool() -> (tempfile::TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("spool")).unwrap();
    (folder, spool)
}

#[test]
fn a_message_comes_back_as_it_was_sent() {
    let (_folder, spool) = spool();
    let mut smtp = Smtp::default();
    smtp.set_spool_path(spool.path());
    let mut message =
        EmailMessage::quick("a@example.org", "s@example.com", "Grüße", "Straße", Default::default());
    message.add_recipient("b@bücher.example");
    message.recipients[1].options = RecipientOptions { notify: Notify::DELAY, ..RecipientOptions::default() };
    message.delivery = DeliveryOptions { hold_until: Some(Moment::new(4_000_000_000)), ..Default::default() };
    message.spool = SpoolOptions { priority: 3, blast: Some("News".into()), ..SpoolOptions::default() };
    message.message_id = Some("x@example.com".into());
    let id = smtp.submit_to_spool(&message).unwrap();

    let [segment] = &segments(spool.path())[..] else { panic!("one segment") };
    let (records, end) = read(segment);
    assert_eq!(end, [Next::Wait], "the object lives");
    let [record] = &records[..] else { panic!("one record") };
    assert_eq!((record.id, record.message_id.as_str()), (id, "<x@example.com>"));
    assert_eq!(record.submitted, id.moment());
    let envelope = &record.envelope;
    assert_eq!(envelope.reverse_path, "s@example.com");
    assert_eq!(envelope.recipients[0], Recipient::new("a@example.org"));
    assert_eq!(envelope.recipients[1].email, "b@bücher.example");
    assert_eq!(envelope.recipients[1].options.notify, Notify::DELAY);
    assert_eq!(envelope.options.not_before, Some(Moment::new(4_000_000_000)), "from HoldUntil");
    assert_eq!((envelope.options.priority, envelope.options.blast.as_deref()), (3, Some("News")));
    assert_eq!((envelope.body, envelope.utf8), (BodyType::SevenBit, false));
    let bytes = text(spool.path(), segment, &record.body);
    assert!(bytes.is_ascii(), "the narrowest form");
    let parsed = mail_parser::MessageParser::new().parse(&bytes).unwrap();
    assert_eq!((parsed.subject(), parsed.body_text(0).as_deref()), (Some("Grüße"), Some("Straße\r\n")));

    drop(smtp);
    assert_eq!(read(segment), (records, vec![Next::End]), "its writer is gone");
}

#[test]
fn nothing_is_written_of_what_is_not_valid() {
    let (_folder, spool) = spool();
    let mut smtp = Smtp::default();
    smtp.set_spool_path(spool.path());
    type Change = fn(&mut EmailMessage);
    let changes: [(Change, &str); 6] = [
        (|m| m.recipients.clear(), "Recipients"),
        (|m| m.recipients[0].address.email = "a@b\r\nDATA".into(), "Recipients[0].Email"),
        (|m| m.subject = "x\r\nBcc: y@z".into(), "Subject"),
        (|m| m.spool.priority = 99, "SpoolPriority"),
        (|m| m.spool.expires = m.spool.not_before, "Expires"),
        (|m| m.delivery.hold_for = Some(7), "NotBefore"),
    ];
    for (change, field) in changes {
        let mut message = EmailMessage::quick("a@example.org", "s@example.com", "x", "y", Default::default());
        message.spool.not_before = Some(Moment::new(4_000_000_000));
        change(&mut message);
        let error = smtp.submit_to_spool(&message).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some(field)));
        assert!(error.diagnosis().is_some());
        let fine = EmailMessage::quick("a@example.org", "s@example.com", "x", "y", Default::default());
        let error = smtp.submit_bulk([fine.clone(), message, fine]).unwrap_err();
        assert_eq!(error.field(), Some(field));
        assert!(error.message().contains("message 1 "), "{error}");
    }
    let bad = to("a@b\r\nRCPT TO:<c@d>");
    let error = spool.submit(&bad, Message::Bytes(b"x\r\n"), Durability::Full).unwrap_err();
    assert_eq!(error.field(), Some("Recipients[0].Email"));
    assert_eq!(segments(spool.path()), Vec::<PathBuf>::new());
}
