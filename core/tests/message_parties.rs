//! Whom a message is from and for: its headers and its envelope.

// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod composing;

use composing::{SEVEN_BIT, base, compose, field_of, text_of};
use freesmtp_core::{
    message::{EmailMessage, Notify, RecipientType},
    types::Address,
};

fn text(message: &EmailMessage) -> String {
    text_of(message, SEVEN_BIT)
}

#[test]
fn the_envelope() {
    let mut message = base();
    message.add_recipient_as("hidden@example.com", "", RecipientType::Bcc);
    message.add_recipient_as("to@EXAMPLE.com", "again", RecipientType::Cc);
    message.add_recipient_as("To@example.com", "another local part", RecipientType::Cc);
    let composed = compose(&message, SEVEN_BIT).unwrap();
    let emails: Vec<_> = composed.recipients().iter().map(|r| &*r.email).collect();
    assert_eq!(emails, ["to@example.com", "hidden@example.com", "To@example.com"]);

    let reverse_path = |message: &EmailMessage| {
        compose(message, SEVEN_BIT)
            .unwrap()
            .reverse_path()
            .map(|mailbox| mailbox.to_path(false).unwrap().into_owned())
    };
    assert_eq!(reverse_path(&message).as_deref(), Some("from@example.com"));
    message.sender = Some("sender@example.com".into());
    assert_eq!(reverse_path(&message).as_deref(), Some("sender@example.com"));
    message.return_path = Some("bounce@example.com".into());
    assert_eq!(reverse_path(&message).as_deref(), Some("bounce@example.com"));
    message.return_path = Some(String::new());
    assert_eq!(reverse_path(&message), None);
}

#[test]
fn a_message_to_hidden_recipients_only() {
    let mut message = base();
    message.recipients[0].kind = RecipientType::Bcc;
    let text = text(&message);
    assert!(text.contains("\r\nTo: undisclosed-recipients:;\r\n"));
    assert!(!text.contains("to@example.com"));
    message.add_recipient_as("cc@example.com", "", RecipientType::Cc);
    assert!(!self::text(&message).contains("\r\nTo:"));
}

#[test]
fn an_unset_optional_address_is_no_address() {
    let mut message = base();
    message.reply_to = Some(Address::default());
    message.sender = Some(Address::default());
    assert!(!text(&message).contains("Reply-To") && !text(&message).contains("Sender"));
    message.reply_to = Some(Address::named("", "Name"));
    assert_eq!(field_of(&message), "ReplyTo.Email");
}

#[test]
fn many_recipients_take_linear_time() {
    let mut message = base();
    for i in 0..200_000 {
        message.add_recipient_as(format!("user{i}@example.com"), "Name, with comma", RecipientType::To);
    }
    let composed = compose(&message, SEVEN_BIT).unwrap();
    assert_eq!(composed.recipients().len(), 200_001);
    let text = String::from_utf8(composed.into_bytes().unwrap()).unwrap();
    assert!(text.split("\r\n").all(|line| line.len() <= 78));
}

#[test]
fn a_name_of_spaces_is_none() {
    let mut message = base();
    message.from.name = "  ".into();
    assert!(text(&message).contains("\r\nFrom: from@example.com\r\n"), "{}", text(&message));
}

/// Who is named twice gets one copy, by what is asked for first.
#[test]
fn a_mailbox_has_the_first_options_that_it_is_given() {
    const NOTHING: Notify = Notify::DEFAULT;
    let options = |asked: &[Notify]| {
        let mut message = base();
        message.recipients.clear();
        for notify in asked {
            message.add_recipient("to@example.com");
            message.recipients.last_mut().unwrap().options.notify = *notify;
        }
        let composed = compose(&message, SEVEN_BIT).unwrap();
        assert_eq!(composed.recipients().len(), 1);
        composed.rcpt_options()
    };
    let success = options(&[Notify::SUCCESS]);
    assert_eq!(success.len(), 1);
    assert_eq!(options(&[NOTHING]), []);
    assert_eq!(options(&[NOTHING, Notify::SUCCESS, Notify::NEVER]), success);
    assert_eq!(options(&[Notify::SUCCESS, Notify::NEVER, NOTHING]), success);
    assert_eq!(options(&[NOTHING, NOTHING]), []);
}
