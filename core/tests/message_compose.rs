//! What composing does by the rules of the object API: envelope, headers, structure, errors.

// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod composing;

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use composing::{EVERYTHING, SEVEN_BIT, Shelf, base, field_of, stamp, text_of};
use freesmtp_core::{
    Error, ErrorKind,
    message::{
        Attachment, BodyPart, BodyPartEncoding, BodyPartFormat, Composed, Content, Date, EmailMessage,
        Priority, RecipientType, Stamp, Stream,
    },
    types::{Address, Cause},
};

fn compose(message: &EmailMessage) -> Result<Composed, Error> {
    composing::compose(message, SEVEN_BIT)
}

fn text(message: &EmailMessage) -> String {
    text_of(message, SEVEN_BIT)
}

/// The fields of the head, unfolded.
fn head(text: &str) -> Vec<String> {
    text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

#[test]
fn a_buffer_is_appended_to_and_an_error_leaves_it_as_it_was() {
    let mut message = base();
    message.message_id = Some("a@b.example".into());
    message.date = Some(Date::utc(0));
    let mut out = b"before".to_vec();
    message.append_to(&mut out).unwrap();
    assert_eq!(out, [b"before".as_slice(), &message.to_bytes().unwrap()].concat());
    assert!(out.ends_with(b"\r\n\r\nText.\r\n"));

    let whole = out.clone();
    message.subject = "two\nlines".into();
    assert_eq!(message.append_to(&mut out).unwrap_err().field(), Some("Subject"));
    message.subject.clear();
    message.attach_bytes("a.bin", *b"bytes").attach_stream("b.bin", Stream::new(Broken));
    assert_eq!(message.append_to(&mut out).unwrap_err().field(), Some("Attachments[1]"));
    assert_eq!(out, whole);
}

/// Gives some bytes, and fails.
struct Broken;

impl io::Read for Broken {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        static GIVEN: AtomicBool = AtomicBool::new(false);
        if GIVEN.swap(true, Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        out.fill(b'x');
        Ok(out.len())
    }
}

#[test]
fn the_simplest_message() {
    assert_eq!(
        text(&base()),
        "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\
         From: from@example.com\r\n\
         To: to@example.com\r\n\
         Subject: Subject\r\n\
         Message-ID: <880127706.6162636465666768696a6b6c@host.example>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         Text.\r\n"
    );
}

#[test]
fn every_property_has_its_header_and_order() {
    let mut message = base();
    message.from.name = "Jane Doe".into();
    message.sender = Some("sender@example.com".into());
    message.reply_to = Some(("reply@example.com", "R. Eply").into());
    message.add_recipient_as("cc@example.com", "Copy", RecipientType::Cc);
    message.add_recipient_as("hidden@example.com", "Hidden", RecipientType::Bcc);
    message.add_recipient_as("second@example.com", "Second, to", RecipientType::To);
    message.priority = Priority::High;
    message.message_id = Some("my.id@example.com".into());
    message.date = Some(Date::utc(0));
    message.add_header("X-First", "1");
    message.add_header("X-Second", "2");
    message.add_header("X-First", "3");
    let text = text(&message);
    assert_eq!(
        head(&text),
        [
            "Date: Thu, 1 Jan 1970 00:00:00 +0000",
            "From: Jane Doe <from@example.com>",
            "Sender: sender@example.com",
            "Reply-To: \"R. Eply\" <reply@example.com>",
            "To: to@example.com, \"Second, to\" <second@example.com>",
            "Cc: Copy <cc@example.com>",
            "Subject: Subject",
            "Message-ID: <my.id@example.com>",
            "MIME-Version: 1.0",
            "X-Priority: 1",
            "Importance: high",
            "X-MSMail-Priority: High",
            "X-First: 1",
            "X-Second: 2",
            "X-First: 3",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 7bit",
        ]
    );
    assert!(!text.contains("hidden@") && !text.contains("Hidden") && !text.contains("Bcc"));
}

/// `Content-Type` of every part in order, deeper parts further in.
fn structure(text: &str) -> Vec<String> {
    let unfolded = text.replace("\r\n ", " ");
    let types = unfolded.split("\r\n").filter_map(|line| line.strip_prefix("Content-Type: "));
    types.map(|value| value.split(';').next().unwrap().to_owned()).collect()
}

#[test]
fn structure_has_only_the_levels_that_are_needed() {
    let mut message = base();
    message.body_parts.clear();
    assert_eq!(structure(&text(&message)), ["text/plain"]);
    assert!(text(&message).ends_with("7bit\r\n\r\n"));

    message.add_html("<p>");
    assert_eq!(structure(&text(&message)), ["text/html"]);
    message.add_text("t");
    assert_eq!(structure(&text(&message)), ["multipart/alternative", "text/plain", "text/html"]);
    message.embed_bytes("logo.png", &b"x"[..], "logo");
    assert_eq!(
        structure(&text(&message)),
        ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    );
    message.attach_bytes("a.pdf", &b"x"[..]);
    assert_eq!(
        structure(&text(&message)),
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "image/png",
            "application/pdf"
        ]
    );
    message.body_parts.clear();
    message.embedded_objects.clear();
    assert_eq!(structure(&text(&message)), ["application/pdf"]);
    message.add_text("one");
    message.add_text("two");
    assert_eq!(
        structure(&text(&message)),
        ["multipart/mixed", "multipart/mixed", "text/plain", "text/plain", "application/pdf"]
    );
    message.attachments.clear();
    message.embed_bytes("logo.png", &b"x"[..], "logo");
    message.body_parts.pop();
    assert_eq!(structure(&text(&message)), ["multipart/mixed", "text/plain", "image/png"]);
}

#[test]
fn related_names_the_type_of_its_root_and_parts_their_identifiers() {
    let mut message = base();
    message.body_parts = vec![BodyPart::html("<img src=\"cid:logo\">")];
    message.embed_bytes("logo.png", &b"x"[..], "cid:logo");
    let text = text(&message).replace("\r\n ", " ");
    assert!(text.contains("Content-Type: multipart/related; boundary=\"=_"), "{text}");
    assert!(text.contains("; type=\"text/html\"\r\n"), "{text}");
    assert!(text.contains("\r\nContent-ID: <logo>\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Disposition: inline; filename=\"logo.png\"\r\n"), "{text}");
}

#[test]
fn a_multipart_says_when_a_part_is_eight_bit() {
    let mut message = base();
    message.add_html("grüße");
    message.attach_bytes("a.bin", &b"\xff\0\0\0"[..]);
    let encodings = |form| {
        let text = text_of(&message, form);
        let lines = text.split("\r\n").filter_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(encodings(EVERYTHING), ["8bit", "8bit", "7bit", "8bit", "base64"]);
    assert_eq!(encodings(SEVEN_BIT), ["7bit", "base64", "base64"]);
}

#[test]
fn no_boundary_occurs_in_a_text() {
    // Whoever knows the random bytes cannot end a part with them.
    let boundary = "=_6d6e6f707172737475767778";
    let attack = format!("--{boundary}_1\n--{boundary}_1--\n--{boundary}_2--\n");
    for &encoding in BodyPartEncoding::ALL {
        let mut message = base();
        message.body_parts = vec![BodyPart { body: attack.clone(), format: BodyPartFormat::Plain, encoding }];
        message.add_html(attack.as_str());
        message.attach_bytes("a.txt", attack.as_bytes());
        let text = text_of(&message, EVERYTHING);
        for (number, parts) in [(1, 2), (2, 2)] {
            let lines = text.split("\r\n").filter(|line| line.starts_with(&format!("--{boundary}_{number}")));
            assert_eq!(lines.count(), parts + 1);
        }
    }
}

#[test]
fn smtputf8_is_used_only_where_it_is_asked_for_and_allowed() {
    let mut message = base();
    message.from = Address::named("from@bücher.example", "Jörg");
    message.subject = "Grüße".into();
    for form in [SEVEN_BIT, EVERYTHING] {
        let composed = message.compose(&stamp(), &Shelf::default(), form).unwrap();
        assert!(!composed.needs_utf8() && !composed.has_eight_bit());
        let text = String::from_utf8(composed.into_bytes().unwrap()).unwrap();
        assert!(text.contains("<from@xn--bcher-kva.example>\r\n"), "{text}");
    }

    message.add_recipient_as("用户@例え.example", "", RecipientType::Cc);
    let composed = message.compose(&stamp(), &Shelf::default(), EVERYTHING).unwrap();
    assert!(composed.needs_utf8() && composed.has_eight_bit());
    let text = String::from_utf8(composed.into_bytes().unwrap()).unwrap();
    assert!(text.contains("\r\nFrom: Jörg <from@bücher.example>\r\n"), "{text}");
    assert!(text.contains("\r\nCc: 用户@例え.example\r\nSubject: Grüße\r\n"), "{text}");

    let error = compose(&message).unwrap_err();
    assert_eq!(error.field(), Some("Recipients[1].Email"));
    assert_eq!(error.diagnosis().unwrap().cause, Cause::SmtpUtf8Unsupported);

    // In the envelope alone it concerns one recipient, not the message.
    message.recipients[1].kind = RecipientType::Bcc;
    let composed = compose(&message).unwrap();
    assert!(!composed.needs_utf8());
    assert_eq!(composed.recipients()[1].mailbox.to_path(false), None);
}

#[test]
fn the_charset_fits_or_is_refused() {
    let mut message = base();
    message.charset_encoding = "US-ASCII".into();
    assert!(text(&message).contains("charset=us-ascii"));
    message.add_html("ü");
    assert_eq!(field_of(&message), "BodyParts[1].Body");
    message.charset_encoding = "iso-8859-1".into();
    assert_eq!(field_of(&message), "CharsetEncoding");
}

#[test]
fn a_message_is_the_same_for_the_same_stamp_in_any_pieces() {
    let mut message = base();
    message.attach_bytes("big.bin", (0..=255).cycle().take(500_000).collect::<Vec<u8>>());
    message.attachments.push(Attachment::file("/file"));
    let shelf = Shelf { files: [("/file".into(), vec![7; 200_001])].into(), ..Shelf::default() };
    let whole = message.compose(&stamp(), &shelf, SEVEN_BIT).unwrap().into_bytes().unwrap();

    let mut composed = message.compose(&stamp(), &shelf, SEVEN_BIT).unwrap();
    let (mut joined, mut piece) = (Vec::new(), Vec::new());
    loop {
        let more = composed.read(&mut piece).unwrap();
        assert!(!piece.is_empty() && piece.len() <= 66_000, "{}", piece.len());
        joined.append(&mut piece);
        if !more {
            break;
        }
    }
    assert!(!composed.read(&mut piece).unwrap() && piece.is_empty());
    assert!(joined == whole);
    assert_eq!(composed.size(), whole.len() as u64);

    let other = Stamp { random: [9; 24], ..stamp() };
    assert_ne!(message.compose(&other, &shelf, SEVEN_BIT).unwrap().into_bytes().unwrap(), whole);
}

#[test]
fn a_file_that_is_missing_fails_before_a_byte_and_names_itself() {
    let mut message = base();
    message.attach_bytes("a", &b""[..]);
    message.attach_file("/no/such/report.pdf");
    let error = compose(&message).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::FileIo, Some("Attachments[1]")));
    assert_eq!(error.io_kind(), Some(io::ErrorKind::NotFound));
    assert!(
        error.message().contains("/no/such/report.pdf") && error.message().contains("check the path"),
        "{error}"
    );

    let mut message = base();
    message.embed_file("logo.png", "logo");
    assert_eq!(compose(&message).unwrap_err().field(), Some("EmbeddedObjects[0]"));
}

#[test]
fn only_attached_files_are_opened() {
    let mut message = base();
    message.body_parts = vec![
        BodyPart::plain("/etc/passwd file:///etc/passwd"),
        BodyPart::html(
            "<img src=\"/etc/passwd\"><img src=\"file:///etc/hosts\"><link href=\"http://127.0.0.1/x\">",
        ),
    ];
    message.subject = "/etc/passwd".into();
    message.attach_bytes("passwd", &b"/etc/passwd"[..]);
    message.attach_file("/attached");
    let shelf = Shelf { files: [("/attached".into(), b"bytes".to_vec())].into(), ..Shelf::default() };
    message.compose(&stamp(), &shelf, SEVEN_BIT).unwrap().into_bytes().unwrap();
    // Once to see how it travels, once to send it.
    assert_eq!(*shelf.opened.borrow(), ["/attached", "/attached"].map(PathBuf::from));
}

#[test]
fn no_file_is_opened_for_a_message_that_is_wrong() {
    let mut message = base();
    message.attach_file("/attached");
    message.attachments.push(Attachment::bytes("../x", &b""[..]));
    let shelf = Shelf::default();
    message.compose(&stamp(), &shelf, SEVEN_BIT).unwrap_err();
    assert!(shelf.opened.borrow().is_empty());
}

#[test]
fn the_name_of_a_file_is_the_last_part_of_its_path() {
    for (path, name) in
        [("/a/b/report.pdf", "report.pdf"), ("C:\\a\\b\\report.pdf", "report.pdf"), ("../x", "x")]
    {
        let mut message = base();
        message.attach_file(path);
        let shelf = Shelf { files: [(path.into(), vec![])].into(), ..Shelf::default() };
        let bytes = message.compose(&stamp(), &shelf, SEVEN_BIT).unwrap().into_bytes().unwrap();
        assert!(String::from_utf8(bytes).unwrap().contains(&format!("filename=\"{name}\"")), "{path}");
    }
    for path in ["/a/b/", "", ".."] {
        let mut message = base();
        message.attach_file(path);
        assert!(field_of(&message).starts_with("Attachments[0]"), "{path}");
    }
    let mut message = base();
    message.attach_file("/a/evil\nname");
    assert_eq!(field_of(&message), "Attachments[0].DisplayName");
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(field_of(&EmailMessage::new()), "From.Email");
    let mut message = base();
    message.recipients.clear();
    assert_eq!(field_of(&message), "Recipients");
    let mut message = base();
    message.embedded_objects.push(Attachment::bytes("a.png", &b""[..]));
    assert_eq!(field_of(&message), "EmbeddedObjects[0].ContentID");
    message.embedded_objects[0].content_id = Some("a".into());
    message.embed_bytes("b.png", &b""[..], "<a>");
    assert_eq!(field_of(&message), "EmbeddedObjects[1].ContentID");
}

#[test]
fn an_identifier_has_250_characters_at_most() {
    let mut message = base();
    message.message_id = Some(format!("{}@example.com", "x".repeat(238)));
    assert!(text(&message).contains("xxx@example.com>\r\n"));
    message.message_id = Some(format!("{}@example.com", "x".repeat(239)));
    assert_eq!(field_of(&message), "MessageID");
}

/// Control characters, alone and as an injected header, in every property that reaches a header or the envelope.
#[test]
fn nothing_can_be_injected() {
    type Set = fn(&mut EmailMessage, String);
    let places: [(&str, Set); 17] = [
        ("From.Email", |m, v| m.from.email = v),
        ("From.Name", |m, v| m.from.name = v),
        ("Sender.Email", |m, v| m.sender = Some(Address::new(v))),
        ("Sender.Name", |m, v| m.sender = Some(Address::named("a@b.example", v))),
        ("ReplyTo.Email", |m, v| m.reply_to = Some(Address::new(v))),
        ("ReplyTo.Name", |m, v| m.reply_to = Some(Address::named("a@b.example", v))),
        ("ReturnPath", |m, v| m.return_path = Some(v)),
        ("Recipients[0].Email", |m, v| m.recipients[0].address.email = v),
        ("Recipients[0].Name", |m, v| m.recipients[0].address.name = v),
        ("Subject", |m, v| m.subject = v),
        ("MessageID", |m, v| m.message_id = Some(v)),
        ("CharsetEncoding", |m, v| m.charset_encoding = v.into()),
        ("CustomHeaders[0].Name", |m, v| _ = m.add_header(v, "x")),
        ("CustomHeaders[0].Value", |m, v| _ = m.add_header("X-Y", v)),
        ("Attachments[0].DisplayName", |m, v| _ = m.attach_bytes(v, &b""[..])),
        ("Attachments[0].ContentType", |m, v| {
            m.attachments.push(Attachment::bytes("x", &b""[..]).with_content_type(v));
        }),
        ("EmbeddedObjects[0].ContentID", |m, v| _ = m.embed_bytes("x", &b""[..], v)),
    ];
    for (field, set) in places {
        let controls = (0..0x20u8).chain([0x7f]).map(char::from);
        for c in controls {
            for value in [
                format!("a{c}b@example.com"),
                format!("{c}a@example.com"),
                format!("a@example.com{c}"),
                format!("\"a{c}b\"@example.com"),
                format!("a@example.com{c}Bcc: evil@example.com"),
            ] {
                let mut message = base();
                set(&mut message, value.clone());
                assert_eq!(field_of(&message), field, "{value:?}");
            }
        }
    }
    for body in ["a\r\n.\r\nMAIL FROM:<x@y>", "\n.\n", "\r.\r\n", "a\0b"] {
        let mut message = base();
        message.body_parts = vec![BodyPart::plain(body)];
        let text = text_of(&message, EVERYTHING);
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{text:?}");
    }
}

#[test]
fn characters_that_truncate_to_line_ends_stay_characters() {
    let mut message = base();
    let text_in = "\u{760a}\u{760d}Bcc: evil@example.com";
    message.subject = text_in.into();
    message.from.name = text_in.into();
    message.add_header("X-Y", text_in);
    message.attach_bytes(text_in, &b""[..]);
    for form in [SEVEN_BIT, EVERYTHING] {
        let text = text_of(&message, form);
        assert!(!text.contains("\nBcc") && !text.contains("\rBcc"), "{text}");
    }
}

#[test]
fn a_host_that_is_no_domain_is_not_used_for_the_message_id() {
    for (host, right) in [
        ("bücher.example", "xn--bcher-kva.example"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("", "example.com"),
        ("a b", "example.com"),
        ("x>\r\nBcc: y", "example.com"),
    ] {
        let stamp = Stamp { host: host.into(), ..stamp() };
        let composed = base().compose(&stamp, &Shelf::default(), SEVEN_BIT).unwrap();
        let id = composed.message_id();
        assert_eq!(id.split_once('@').map(|(_, host)| host), Some(&*format!("{right}>")), "{id}");
    }
}

#[test]
fn reset_and_builders() {
    let mut message = base();
    message.attach_file("x").embed_file("y", "z").add_header("a", "b").add_html("h");
    assert_eq!(message.attachments[0].content, Content::File("x".into()));
    message.reset();
    assert_eq!(message, EmailMessage::new());
}

/// Composing is pure: whoever needs the world has to be asked.
#[test]
fn the_modules_name_nothing_of_the_outside() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/message");
    let mut files = 0;
    let folders = [folder.clone(), folder.join("dkim")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let source = std::fs::read_to_string(&path).unwrap();
        for forbidden in [
            "fs::",
            "net::",
            "env::",
            "process::",
            "thread::",
            "Instant",
            "SystemTime",
            "getrandom",
            "RandomState",
        ] {
            assert!(!source.contains(forbidden), "{} names {forbidden}", path.display());
        }
        files += 1;
    }
    assert!(files > 10);
}
