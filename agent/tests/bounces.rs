//! Reports on delivery, as programs read them: Python's email, and the crate mail-parser.

// Helpers outside of test functions may fail the test.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::process::Command;

use freesmtp_agent::{
    bounce::{About, Bounce, Facts, Kind, report},
    queue::Words,
};
use freesmtp_core::{
    message::{DeliveryOptions, Notify, RecipientOptions, ReturnContent},
    spool::{BodyType, Envelope, Id, Recipient},
};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use serde_json::{Value, json};

const MESSAGE: &str = "From: ann@example.com\r\nTo: bob@example.net\r\nSubject: Plans\r\n\
    Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nSee you there.\r\n.\r\n";

/// 2026-11-23 12:00:00 UTC.
const NOW: i64 = 1_795_435_200_000;

const MINUTE: i64 = 60_000;

fn recipient(email: &str, notify: Notify) -> Recipient {
    Recipient { email: email.to_owned(), options: RecipientOptions { notify, ..RecipientOptions::default() } }
}

fn envelope(recipients: &[&str]) -> Envelope {
    Envelope {
        reverse_path: "ann@example.com".to_owned(),
        recipients: recipients.iter().map(|email| recipient(email, Notify::DEFAULT)).collect(),
        ..Envelope::default()
    }
}

fn refused(index: usize) -> About {
    About {
        index,
        words: Words {
            server: "mx.example.net:25".to_owned(),
            stage: "rcpt-to".to_owned(),
            code: 550,
            status: "5.1.1".to_owned(),
            text: "5.1.1 <bob@example.net>: Recipient address rejected:\nUser unknown".to_owned(),
            cause: "recipient-unknown".to_owned(),
            remedy: "Check the spelling of bob@example.net.\nAsk the recipient for the new address."
                .to_owned(),
        },
        at: Some(NOW - MINUTE),
        expired: false,
        until: None,
    }
}

fn facts<'a>(kind: Kind, envelope: &'a Envelope, recipients: &'a [About], message: &[u8]) -> Facts<'a> {
    Facts {
        kind,
        host: "mail.example.com",
        id: Id::new(u64::try_from(NOW - 60 * MINUTE).unwrap(), [7; 16]),
        envelope,
        recipients,
        size: message.len() as u64,
        now: NOW,
        random: *b"0123456789abcdefghijklmn",
    }
}

fn made(kind: Kind, envelope: &Envelope, recipients: &[About], mut message: &[u8]) -> Option<Bounce> {
    report(&facts(kind, envelope, recipients, message), &mut message).unwrap()
}

/// What Python reads, after mail-parser agreed on the structure.
fn read(bounce: &Bounce) -> Value {
    let text = &bounce.message;
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    assert!(lines[..lines.len() - 1].iter().all(|line| line.ends_with(b"\r")), "every line ends with CRLF");
    assert!(lines.iter().all(|line| line.len() <= 999));
    assert_eq!(bounce.envelope.reverse_path, "");
    bounce.envelope.check().unwrap();
    assert_eq!(bounce.envelope.body == BodyType::EightBit, !text.is_ascii());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one.eml"), text).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read_reports.py");
    let output = Command::new("python3").args([script.as_ref(), folder.path().as_os_str()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let seen = seen["one"].clone();
    assert_eq!(seen["defects"], json!([]), "{}", String::from_utf8_lossy(text));
    assert_eq!(seen["type"], "multipart/report");
    assert_eq!(seen["auto_submitted"], "auto-replied");
    let parsed = MessageParser::new().parse(text).unwrap();
    let PartType::Multipart(children) = &parsed.root_part().body else { panic!("no multipart") };
    let types: Vec<String> = children
        .iter()
        .map(|child| {
            let kind = parsed.part(*child).unwrap().content_type().unwrap();
            format!("{}/{}", kind.c_type, kind.c_subtype.as_deref().unwrap_or_default())
        })
        .collect();
    assert_eq!(seen["types"], json!(types));
    seen
}

fn failed(envelope: &Envelope, message: &[u8]) -> Value {
    read(&made(Kind::Failed, envelope, &[refused(0)], message).unwrap())
}

#[test]
fn a_failure_is_reported_with_all_that_is_known() {
    let mut envelope = envelope(&["bob@example.net", "eve@example.net"]);
    envelope.delivery =
        DeliveryOptions { envelope_id: Some("QQ314 +x".to_owned()), ..DeliveryOptions::default() };
    envelope.recipients[0].options.original_recipient = Some("rfc822;list@example.org".to_owned());
    envelope.recipients[1].options.original_recipient = Some("eve@old.example".to_owned());
    let late = About { expired: true, words: Words::default(), at: None, ..refused(1) };
    let bounce = made(Kind::Failed, &envelope, &[refused(0), late], MESSAGE.as_bytes()).unwrap();
    assert_eq!(bounce.envelope.recipients, [recipient("ann@example.com", Notify::NEVER)]);
    let seen = read(&bounce);
    assert_eq!(seen["report_type"], "delivery-status");
    assert_eq!(seen["types"], json!(["text/plain", "message/delivery-status", "message/rfc822"]));
    assert_eq!(seen["from"], "MAILER-DAEMON@mail.example.com");
    assert_eq!(seen["to"], "ann@example.com");
    assert_eq!(seen["in_reply_to"], "<1@example.com>");
    assert_eq!(seen["date"], "2026-11-23T12:00:00+00:00");
    assert!(seen["message_id"].as_str().unwrap().ends_with("@mail.example.com>"));
    assert_eq!(seen["returned"], json!({ "subject": "Plans", "body": "See you there.\r\n.\r\n" }));
    assert_eq!(
        seen["blocks"],
        json!([
            {
                "Original-Envelope-Id": "QQ314 +x",
                "Reporting-MTA": "dns; mail.example.com",
                "Arrival-Date": "Mon, 23 Nov 2026 11:00:00 +0000",
                "X-FreeSMTP-Id": Id::new(u64::try_from(NOW - 60 * MINUTE).unwrap(), [7; 16]).to_string(),
            },
            {
                "Original-Recipient": "rfc822; list@example.org",
                "Final-Recipient": "rfc822; bob@example.net",
                "Action": "failed",
                "Status": "5.1.1",
                "Remote-MTA": "dns; mx.example.net",
                "Diagnostic-Code":
                    "smtp; 550 5.1.1 <bob@example.net>: Recipient address rejected: User unknown",
                "Last-Attempt-Date": "Mon, 23 Nov 2026 11:59:00 +0000",
            },
            {
                "Original-Recipient": "rfc822; eve@old.example",
                "Final-Recipient": "rfc822; eve@example.net",
                "Action": "failed",
                "Status": "4.4.7",
            },
        ])
    );
    let text = seen["text"].as_str().unwrap();
    for words in [
        "Subject: Plans",
        "<bob@example.net>",
        "no such mailbox",
        "What to do: Check the spelling of bob@example.net.",
        "What to do: Ask the recipient for the new address.",
        "mx.example.net:25 said: 550 5.1.1",
        "until its time was over",
        "Your message is attached.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn notify_decides_who_is_told() {
    let default = Notify::DEFAULT;
    let all = Notify::SUCCESS | Notify::FAILURE | Notify::DELAY;
    for (notify, failed, delayed, relayed) in [
        (default, true, false, false),
        (Notify::NEVER, false, false, false),
        (Notify::FAILURE, true, false, false),
        (Notify::DELAY, false, true, false),
        (Notify::SUCCESS, false, false, true),
        (all, true, true, true),
    ] {
        let mut envelope = envelope(&["bob@example.net"]);
        envelope.recipients[0].options.notify = notify;
        for (kind, told) in [(Kind::Failed, failed), (Kind::Delayed, delayed), (Kind::Relayed, relayed)] {
            let bounce = made(kind, &envelope, &[refused(0)], MESSAGE.as_bytes());
            assert_eq!(bounce.is_some(), told, "{kind:?} {notify}");
        }
    }
    // Of several recipients only those are spoken of that are to be.
    let mut envelope = envelope(&["bob@example.net", "eve@example.net"]);
    envelope.recipients[0].options.notify = Notify::NEVER;
    let seen = read(&made(Kind::Failed, &envelope, &[refused(0), refused(1)], MESSAGE.as_bytes()).unwrap());
    let blocks = seen["blocks"].as_array().unwrap();
    assert_eq!((blocks.len(), &blocks[1]["Final-Recipient"]), (2, &json!("rfc822; eve@example.net")));
    assert!(!seen["text"].as_str().unwrap().contains("<bob@example.net>\n"));
}

#[test]
fn nothing_is_reported_to_nobody() {
    let envelope = Envelope { reverse_path: String::new(), ..envelope(&["bob@example.net"]) };
    for kind in [Kind::Failed, Kind::Delayed, Kind::Relayed] {
        assert_eq!(made(kind, &envelope, &[refused(0)], MESSAGE.as_bytes()), None);
    }
}

#[test]
fn a_delay_says_until_when_it_is_tried() {
    let mut envelope = envelope(&["bob@example.net"]);
    envelope.recipients[0].options.notify = Notify::DELAY;
    envelope.delivery.return_content = ReturnContent::Full;
    let about = About {
        until: Some(NOW + 60 * MINUTE),
        words: Words {
            server: "mx.example.net:25".to_owned(),
            cause: "connect-refused".to_owned(),
            text: "no connection to mx.example.net port 25".to_owned(),
            ..Words::default()
        },
        ..refused(0)
    };
    let seen = read(&made(Kind::Delayed, &envelope, &[about], MESSAGE.as_bytes()).unwrap());
    let block = &seen["blocks"][1];
    assert_eq!((&block["Action"], &block["Status"]), (&json!("delayed"), &json!("4.4.1")));
    assert_eq!(block["Will-Retry-Until"], "Mon, 23 Nov 2026 13:00:00 +0000");
    assert_eq!(block["Diagnostic-Code"], "x-freesmtp; no connection to mx.example.net port 25");
    // A message that is still on its way is not given back (RFC 3461 section 4.3).
    assert_eq!(seen["types"][2], "text/rfc822-headers");
    let text = seen["text"].as_str().unwrap();
    assert!(
        text.contains("need not send it again") && text.contains("until Mon, 23 Nov 2026 13:00:00"),
        "{text}"
    );
}

#[test]
fn a_message_that_was_passed_on_is_reported_as_that() {
    let mut envelope = envelope(&["bob@example.net"]);
    envelope.recipients[0].options.notify = Notify::SUCCESS;
    let words = Words {
        server: "mx.example.net:25".to_owned(),
        code: 250,
        text: "queued".to_owned(),
        ..Words::default()
    };
    let seen =
        read(&made(Kind::Relayed, &envelope, &[About { words, ..refused(0) }], MESSAGE.as_bytes()).unwrap());
    let block = &seen["blocks"][1];
    assert_eq!((&block["Action"], &block["Status"]), (&json!("relayed"), &json!("2.0.0")));
    assert_eq!(block["Diagnostic-Code"], "smtp; 250 queued");
    assert_eq!(seen["types"][2], "text/rfc822-headers");
}

#[test]
fn the_message_comes_back_whole_or_by_its_headers() {
    let headers = "From: ann@example.com\r\nTo: bob@example.net\r\nSubject: Plans\r\n";
    let long = format!("{MESSAGE}{}", "x".repeat(76).repeat(14_000));
    let many =
        format!("{}\r\n\r\nbody\r\n", format!("X-Header: {}\r\n", "y".repeat(60)).repeat(2_000).trim_end());
    let empty = String::new();
    let bare = "\r\njust a body\r\n".to_owned();
    let returned = |content: ReturnContent, body: BodyType, message: &str| {
        let mut envelope = Envelope { body, ..envelope(&["bob@example.net"]) };
        envelope.delivery.return_content = content;
        failed(&envelope, message.as_bytes())
    };
    let (seven, binary) = (BodyType::SevenBit, BodyType::Binary);
    for (content, body, message, whole) in [
        (ReturnContent::Default, seven, MESSAGE, true),
        (ReturnContent::Full, seven, MESSAGE, true),
        (ReturnContent::Headers, seven, MESSAGE, false),
        (ReturnContent::Full, seven, &long, false),
        (ReturnContent::Full, binary, MESSAGE, false),
    ] {
        let seen = returned(content, body, message);
        let kind = if whole { "message/rfc822" } else { "text/rfc822-headers" };
        assert_eq!(seen["types"][2], kind, "{content} {}", message.len());
        if !whole {
            let text = seen["returned"]["text"].as_str().unwrap();
            assert!(text.starts_with(headers), "{text}");
            assert!(!text.contains("See you"));
        }
        let shortened = seen["text"].as_str().unwrap().contains("too large");
        assert_eq!(shortened, !whole && content == ReturnContent::Full);
    }
    let seen = returned(ReturnContent::Headers, seven, &many);
    let text = seen["returned"]["text"].as_str().unwrap();
    assert!(text.len() <= 65_536 && text.lines().all(|line| line.len() == 70), "cut at the end of a line");
    assert_eq!(returned(ReturnContent::Full, seven, &empty)["types"].as_array().unwrap().len(), 2);
    assert_eq!(returned(ReturnContent::Headers, seven, &bare)["types"].as_array().unwrap().len(), 2);
}

#[test]
fn eight_bits_come_back_as_they_were() {
    let message = "Subject: Plans\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n";
    let envelope = Envelope { body: BodyType::EightBit, ..envelope(&["bob@example.net"]) };
    let bounce = made(Kind::Failed, &envelope, &[refused(0)], message.as_bytes()).unwrap();
    assert_eq!(bounce.envelope.body, BodyType::EightBit);
    assert_eq!(read(&bounce)["returned"]["body"], "Grüße\r\n");
}

#[test]
fn addresses_outside_ascii() {
    let message = "From: jörg@example.com\r\nSubject: Grüße\r\n\r\nbody\r\n";
    // The sender takes UTF-8: the report is UTF-8 (RFC 6533).
    let mut wide = envelope(&["björn@bücher.example"]);
    wide.utf8 = true;
    wide.body = BodyType::EightBit;
    wide.reverse_path = "jörg@example.com".to_owned();
    let bounce = made(Kind::Failed, &wide, &[refused(0)], message.as_bytes()).unwrap();
    assert!(bounce.envelope.utf8);
    let seen = read(&bounce);
    assert_eq!(seen["report_type"], "global-delivery-status");
    assert_eq!(seen["types"], json!(["text/plain", "message/global-delivery-status", "message/global"]));
    assert_eq!(seen["to"], "jörg@example.com");
    let status = seen["status"].as_str().unwrap();
    assert!(status.contains("Final-Recipient: utf-8; björn@bücher.example"), "{status}");
    // The sender does not: everything is ASCII.
    wide.reverse_path = "ann@bücher.example".to_owned();
    let bounce = made(Kind::Failed, &wide, &[refused(0)], message.as_bytes()).unwrap();
    assert!(!bounce.envelope.utf8 && bounce.message.is_ascii());
    assert_eq!(bounce.envelope.recipients[0].email, "ann@xn--bcher-kva.example");
    let seen = read(&bounce);
    assert_eq!(seen["report_type"], "delivery-status");
    assert_eq!(seen["blocks"][1]["Final-Recipient"], r"utf-8; bj\x{F6}rn@b\x{FC}cher.example");
    assert!(seen["text"].as_str().unwrap().contains("<björn@bücher.example>"));
    assert_eq!(seen["types"][2], "text/rfc822-headers");
    assert_eq!(seen["returned"]["text"], "From: jörg@example.com\r\nSubject: Grüße\r\n");
}

#[test]
fn hostile_words_stay_in_their_place() {
    let mut about = refused(0);
    about.words.text =
        format!("no\r\nX-Injected: yes\r\n\r\n--report\r\n{}\u{1b}[2J\0 ü", "long ".repeat(2_000));
    about.words.status = "nonsense\r\n".to_owned();
    about.words.server = "mx.example.net\r\nX-Injected: yes:25".to_owned();
    let message = "Message-ID: <a b\"<>>\r\nSubject: x\u{7}\r\n\r\n--report_\r\n";
    let seen =
        read(&made(Kind::Failed, &envelope(&["bob@example.net"]), &[about], message.as_bytes()).unwrap());
    let block = &seen["blocks"][1];
    assert_eq!(block["Status"], "5.1.1");
    assert!(block.get("X-Injected").is_none(), "{block}");
    assert!(block["Diagnostic-Code"].as_str().unwrap().len() < 1_200);
}

#[test]
fn the_class_of_the_status_fits_what_became_of_it() {
    for (code, status, cause, expired, wanted) in [
        (450, "4.2.1", "greylisted", true, "4.4.7"),
        (550, "", "recipient-unknown", false, "5.1.1"),
        (550, "5.7.1", "ip-blocked", false, "5.7.1"),
        (0, "", "dns-failed", false, "5.4.3"),
        (0, "5.1.10", "routing-failed", false, "5.1.10"),
        (554, "", "unknown", false, "5.0.0"),
        (0, "4.4.3", "dns-failed", false, "5.4.3"),
    ] {
        let mut about = About { expired, ..refused(0) };
        (about.words.code, about.words.status) = (code, status.to_owned());
        about.words.cause = cause.to_owned();
        let seen =
            read(&made(Kind::Failed, &envelope(&["bob@example.net"]), &[about], MESSAGE.as_bytes()).unwrap());
        assert_eq!(seen["blocks"][1]["Status"], wanted, "{code} {status} {cause}");
    }
}
