//! Streams, messages within messages, invitations, the headers of lists and threads, raw messages, merge.

// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod composing;

use std::{collections::BTreeMap, io, path::Path};

use composing::{EVERYTHING, SEVEN_BIT, base, field_of, text_of};
use freesmtp_core::{
    Error, ErrorKind,
    message::{
        Attachment, AutoSubmitted, Calendar, Composed, Content, Date, DkimSigner, EmailMessage, Form,
        Priority, Stream, merge::Template,
    },
};
use mail_parser::{MessageParser, MimeHeaders as _};

fn compose(message: &EmailMessage) -> Result<Composed, Error> {
    composing::compose(message, EVERYTHING)
}

fn text(message: &EmailMessage) -> String {
    text_of(message, EVERYTHING)
}

#[test]
fn a_stream_of_unknown_length_comes_whole_and_declares_no_size() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_001).collect();
    let stream = Stream::new(io::Cursor::new(bytes.clone()));
    let mut message = base();
    message.attach_stream("data.bin", stream.clone());
    // Composed twice, as for a second server: nothing is read before the first byte is sent.
    compose(&message).unwrap();
    let composed = compose(&message).unwrap();
    assert_eq!(composed.exact_size(), None);
    assert!(composed.size() > 0 && !stream.is_used());
    let out = composed.into_bytes().unwrap();
    let parsed = MessageParser::default().parse(&out).unwrap();
    assert!(parsed.attachment(0).unwrap().contents() == bytes);
    assert_eq!(parsed.attachment(0).unwrap().attachment_name(), Some("data.bin"));

    let error = compose(&message).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some("Attachments[0]")));
    assert!(error.message().contains("once"), "{error}");
}

#[test]
fn a_stream_of_another_length_or_that_fails_ends_the_message() {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let streams: [fn() -> Stream; 5] = [
        || Stream::new(io::Cursor::new(vec![0; 99])).with_size(100),
        || Stream::new(io::Cursor::new(vec![0; 101])).with_size(100),
        || Stream::new(Failing),
        // No memory is asked for because of what somebody says.
        || Stream::new(io::Cursor::new(vec![0; 99])).with_size(1 << 47),
        || Stream::new(io::Cursor::new(vec![0; 99])).with_size(u64::MAX),
    ];
    for stream in streams {
        let mut message = base();
        message.attach_stream("data.bin", stream());
        let error = compose(&message).unwrap().into_bytes().unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::FileIo, Some("Attachments[0]")), "{error}");
    }
    let mut message = base();
    message.attach_stream("data.bin", Stream::new(io::Cursor::new(vec![0; 100])).with_size(100));
    let composed = compose(&message).unwrap();
    assert_eq!(composed.exact_size(), Some(composed.into_bytes().unwrap().len() as u64));
}

#[test]
fn messages_within_messages() {
    let mut inner = base();
    inner.subject = "Inner".into();
    inner.body_parts[0].body = "Grüße\n".into();
    inner.attach_bytes("x.bin", &b"\xff\x00"[..]);
    inner.add_recipient_as("hidden@example.com", "", freesmtp_core::message::RecipientType::Bcc);
    for content in [
        Content::from(inner.clone()),
        Content::from(&b"From: a@b.example\nSubject: Inner\n\nGr\xc3\xbc\xc3\x9fe\n"[..]),
    ] {
        let mut message = base();
        message.attach_message(content);
        let composed = compose(&message).unwrap();
        assert_eq!((composed.exact_size(), composed.has_eight_bit()), (Some(composed.size()), true));
        let (size, bytes) = (composed.size(), composed.into_bytes().unwrap());
        assert_eq!(size, bytes.len() as u64);
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        let attached = parsed.attachment(0).unwrap().message().unwrap();
        assert_eq!(attached.subject(), Some("Inner"));
        assert_eq!(attached.body_text(0).unwrap().trim_end(), "Grüße");
        assert!(!String::from_utf8_lossy(&bytes).contains("hidden@"));
        assert!(String::from_utf8_lossy(&bytes).contains("Content-Transfer-Encoding: 8bit"));
    }

    // No session carries these lines: they arrive as a file, byte for byte.
    let mut message = base();
    message.attach_message(&b"From: a@b.example\n\nGr\xfc\xdfe\n"[..]);
    let bytes = composing::compose(&message, SEVEN_BIT).unwrap().into_bytes().unwrap();
    let parsed = MessageParser::default().parse(&bytes).unwrap();
    assert!(bytes.is_ascii());
    assert_eq!(parsed.attachment(0).unwrap().contents(), b"From: a@b.example\n\nGr\xfc\xdfe\n");

    let mut message = base();
    message.attach_message(Path::new("/m.eml"));
    assert!(text(&message).contains("\r\n\r\nFrom: a@b.example\r\n\r\nfile\r\n\r\n--"), "{}", text(&message));
    // Every session carries those, and none is asked for more.
    assert_eq!(text_of(&message, SEVEN_BIT), text(&message));
    assert!(!compose(&message).unwrap().has_eight_bit());

    let mut wrong = base();
    let mut inner = base();
    inner.subject = "a\r\nBcc: x@y.example".into();
    wrong.attach_message(inner);
    assert_eq!(field_of(&wrong), "Attachments[0].Subject");
    let mut wrong = base();
    wrong.attachments.push(Attachment::message(Stream::new(io::empty())));
    assert_eq!(field_of(&wrong), "Attachments[0].ContentType");
}

#[test]
fn an_invitation_is_the_last_alternative_and_a_file() {
    let mut message = base();
    message.add_html("<p>");
    let ics = "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nSUMMARY:Grüße\nEND:VCALENDAR\n";
    message.calendar = Some(Calendar::new(ics));
    let text = text(&message).replace("\r\n ", " ");
    assert!(text.contains("Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n"), "{text}");
    let position = |what: &str| text.find(what).unwrap();
    assert!(
        position("text/plain") < position("text/html") && position("text/html") < position("text/calendar")
    );
    assert!(text.contains("application/ics; name=\"invite.ics\""), "{text}");
    let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.attachments().last().unwrap().contents(), ics.replace('\n', "\r\n").as_bytes());

    message.calendar = Some(Calendar { method: "x; y".into(), ..Calendar::new("BEGIN:VCALENDAR\n") });
    assert_eq!(field_of(&message), "Calendar.Method");
}

#[test]
fn headers_of_threads_lists_and_programs() {
    let mut message = base();
    message.in_reply_to = vec!["a@b.example".into()];
    message.references = (0..9).map(|i| format!("<{i}.long.identifier@mail.example.com>")).collect();
    message.auto_submitted = AutoSubmitted::Generated;
    message.list_unsubscribe = vec!["https://example.com/u?x=1".into(), "mailto:leave@example.com".into()];
    message.list_unsubscribe_one_click = true;
    let text = text(&message);
    assert!(text.split("\r\n").all(|line| line.len() <= 78));
    let unfolded = text.replace("\r\n ", " ");
    for field in [
        "In-Reply-To: <a@b.example>",
        "References: <0.long.identifier@mail.example.com> <1.long",
        "Auto-Submitted: auto-generated",
        "List-Unsubscribe: <https://example.com/u?x=1>, <mailto:leave@example.com>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ] {
        assert!(unfolded.contains(&format!("\r\n{field}")), "{field} in {unfolded}");
    }
    message.add_header("in-reply-to", "<x@y.example>");
    assert_eq!(field_of(&message), "CustomHeaders[0].Name");

    type Set = fn(&mut EmailMessage, String);
    let places: [(&str, Set); 6] = [
        ("InReplyTo[0]", |m, v| m.in_reply_to = vec![v]),
        ("References[0]", |m, v| m.references = vec![v]),
        ("ListUnsubscribe[0]", |m, v| m.list_unsubscribe = vec![v]),
        ("Calendar.Method", |m, v| {
            m.calendar = Some(Calendar { method: v, ..Calendar::new("BEGIN:VCALENDAR") });
        }),
        ("Calendar.FileName", |m, v| {
            let calendar = Calendar::new("BEGIN:VCALENDAR\nMETHOD:ADD");
            m.calendar = Some(Calendar { file_name: Some(v), ..calendar });
        }),
        ("Attachments[0].DisplayName", |m, v| _ = m.attach_stream(v, Stream::new(io::empty()))),
    ];
    for (field, set) in places {
        for c in (0..0x20u8).chain([0x7f]).map(char::from) {
            for value in
                [format!("a{c}b@example.com"), format!("https://x/{c}Bcc: e@x.example"), format!("{c}")]
            {
                let mut message = base();
                set(&mut message, value.clone());
                assert_eq!(field_of(&message), field, "{value:?}");
            }
        }
    }
}

#[test]
fn a_raw_message_passes_through() {
    let raw = "From: Joe <joe@example.com>\nTo: a@example.com, \"B, C\" <b@example.com>\nBcc: c@example.com,\n\
               \td@example.com\nCc: A@EXAMPLE.com\nX-Y:  kept \u{fc}\n as it is\nMessage-ID: <m@example.com>\n\nText\r.\n..\r\nend";
    for size in [raw.len(), 200_000] {
        let raw = format!("{raw}{}", "\nline".repeat((size - raw.len()) / 5));
        let message = EmailMessage::raw(raw.as_bytes());
        let composed = compose(&message).unwrap();
        assert_eq!(composed.reverse_path().unwrap().to_path(false).unwrap(), "joe@example.com");
        let emails: Vec<_> = composed.recipients().iter().map(|r| &*r.email).collect();
        assert_eq!(
            emails,
            ["a@example.com", "b@example.com", "A@EXAMPLE.com", "c@example.com", "d@example.com"]
        );
        assert_eq!((composed.message_id(), composed.has_eight_bit()), ("<m@example.com>", true));
        let size = composed.exact_size().unwrap();
        let text = String::from_utf8(composed.into_bytes().unwrap()).unwrap();
        assert_eq!(size, text.len() as u64);
        let right = raw
            .replace("Bcc: c@example.com,\n\td@example.com\n", "")
            .replace('\r', "\n")
            .replace("\n\n..", "\n..");
        let right = right.replace(".\n\n", ".\n").replace("..\n\n", "..\n") + "\n";
        assert_eq!(text.replace("\r\n", "\n"), right);
    }

    let mut message = EmailMessage::raw(Path::new("/m.eml"));
    assert_eq!(field_of(&message), "Recipients");
    message.add_recipient("x@example.com");
    message.return_path = Some(String::new());
    let composed = compose(&message).unwrap();
    assert!(composed.reverse_path().is_none());
    assert_eq!(composed.into_bytes().unwrap(), b"From: a@b.example\r\n\r\nfile\r\n");
}

/// RFC 3030: octet by octet where the session carries that, as lines elsewhere.
#[test]
fn a_raw_message_of_the_wire_stays_octet_by_octet_where_it_can() {
    let chunks = Form { exact: true, ..EVERYTHING };
    let binary = Form { binary: true, ..chunks };
    let head = "From: a@b.example\r\nBcc: c@d.example\r\n\r\n";
    for (body, form, exact, needs_binary) in [
        ("text\r\n.\r\n", binary, false, false),
        ("text", EVERYTHING, false, false),
        ("text", chunks, true, false),
        ("text", binary, true, false),
        ("text\n\r.\r\n", chunks, false, false),
        ("text\n\r.\r\n", binary, true, true),
        ("\0\0", binary, true, true),
        ("", binary, false, false),
    ] {
        let message = EmailMessage::raw(format!("{head}{body}").as_bytes());
        let composed = composing::compose(&message, form).unwrap();
        assert_eq!((composed.needs_exact(), composed.needs_binary()), (exact, needs_binary), "{body:?}");
        let size = composed.exact_size().unwrap();
        let text = String::from_utf8(composed.into_bytes().unwrap()).unwrap();
        assert_eq!(size, text.len() as u64);
        let right = if exact { body } else { &lines(body) };
        assert_eq!(text, format!("From: a@b.example\r\n\r\n{right}"));
    }
    let long = format!("{head}{}", "x".repeat(2000));
    assert!(composing::compose(&EmailMessage::raw(long.as_bytes()), binary).unwrap().needs_binary());
    assert_eq!(field_of(&EmailMessage::raw(long.as_bytes())), "Raw");
    // A file in the form of some system is no message of the wire, though its lines could pass.
    let local = EmailMessage::raw(&b"From: a@b.example\nTo: a@b.example\n\nline\nline"[..]);
    let composed = composing::compose(&local, binary).unwrap();
    assert!(!composed.needs_binary() && !composed.needs_exact());
    assert!(composed.into_bytes().unwrap().ends_with(b"\r\n\r\nline\r\nline\r\n"));
    for bad in ["From: a@b.example\r\nX: a\0b\r\n\r\n\0", "\0\r\n\r\n"] {
        let error = composing::compose(&EmailMessage::raw(bad.as_bytes()), binary).unwrap_err();
        assert_eq!(error.field(), Some("Raw"), "{bad:?}");
    }
}

/// Every line end as CRLF, and one at the end.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" };
    text.replace('\n', "\r\n")
}

#[test]
fn attachments_travel_unencoded_on_request() {
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let unencoded = Form { binary: true, unencoded: true, ..EVERYTHING };
    let mut message = base();
    message.attach_bytes("a.bin", bytes.clone());
    message.attach_bytes("lines.txt", &b"one\r\ntwo\r\n"[..]);
    message.attach_stream("stream.bin", Stream::new(io::Cursor::new(bytes.clone())));
    let mut inner = base();
    inner.attach_bytes("inner.bin", bytes.clone());
    message.attach_message(inner);
    let composed = composing::compose(&message, unencoded).unwrap();
    assert!(composed.needs_binary() && !composed.needs_exact());
    let out = composed.into_bytes().unwrap();
    let parsed = MessageParser::default().parse(&out).unwrap();
    let attached: Vec<_> = parsed.attachments().collect();
    assert!(attached[0].contents() == bytes && attached[2].contents() == bytes);
    assert_eq!(attached[1].contents(), b"one\r\ntwo\r\n");
    assert!(attached[3].message().unwrap().attachment(0).unwrap().contents() == bytes);
    let text = String::from_utf8_lossy(&out);
    let encodings = text.split("\r\n").filter_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    assert_eq!(
        encodings.collect::<Vec<_>>(),
        ["binary", "7bit", "binary", "binary", "base64", "binary", "binary", "7bit", "binary"]
    );

    // A signed message stays lines, and so does one that nobody asked it for.
    message.attachments.truncate(1);
    for form in [Form { unencoded: false, ..unencoded }, Form { binary: false, ..unencoded }] {
        assert!(!composing::compose(&message, form).unwrap().needs_binary());
    }
    message.dkim.push(DkimSigner::new("b.example", "s", include_str!("dkim_ed25519.pem")).unwrap());
    assert!(!composing::compose(&message, unencoded).unwrap().needs_binary());

    // Whoever knows the boundary cannot end the part with it.
    let mut message = base();
    message.attach_bytes("a.bin", &b"\0\r\n--=_6d6e6f707172737475767778_1--\r\n"[..]);
    let composed = composing::compose(&message, unencoded).unwrap();
    assert!(!composed.needs_binary());
}

#[test]
fn what_is_no_message_is_refused() {
    let long = format!("From: a@b.example\nTo: a@b.example\n\n{}\n", "x".repeat(999));
    for raw in [
        "",
        "\r\nbody",
        "just text\n",
        "From joe Mon\nFrom: a@b.example\nTo: a@b.example\n\n",
        " From: a@b.example\nTo: a@b.example\n\n",
        "From: a@b.example\nTo: a@b.example\n\na\0b",
        "From: a@b.example\nTo: <a@b.example\n\n",
        "From: a@b.example\nTo: a@b.example> ORCPT=x\n\n",
        "From: a@b.example\nTo: user@good.example(x)evil.example\n\n",
        "To: a@b.example\n\n",
        &long,
    ] {
        assert_eq!(field_of(&EmailMessage::raw(raw.as_bytes())), "Raw", "{raw:?}");
    }
    let mut message = EmailMessage::raw(&b"From: a@b.example\nTo: a@b.example\n\n"[..]);
    compose(&message).unwrap();
    message.subject = "set".into();
    assert_eq!(field_of(&message), "Raw");
    assert_eq!(field_of(&EmailMessage::raw(Stream::new(io::empty()))), "Raw");
}

fn row(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn merge_fills_in_every_text() {
    let mut message = base();
    message.subject = "Hello {{ name }}".into();
    message.recipients[0].address.email = "{{ email }}".into();
    message.recipients[0].address.name = "{{ name|upper }}".into();
    message.body_parts[0].body = "Dear {{ name }},\n{% if vip %}VIP{% endif %}\n".into();
    message.add_html("<p>{{ name }}</p>\n");
    message.add_header("X-Id", "{{ id }}");
    message.attach_bytes("{{ id }}.pdf", &b""[..]);
    let template = Template::new(&message).unwrap();
    let fields = [("name", "<Müller> & Co"), ("email", "m@example.com"), ("id", "7"), ("vip", "")];
    let merged = template.render(&row(&fields)).unwrap();
    assert_eq!(merged.subject, "Hello <Müller> & Co");
    assert_eq!(merged.recipients[0].address.name, "<MÜLLER> & CO");
    assert_eq!(merged.body_parts[0].body, "Dear <Müller> & Co,\n\n");
    assert_eq!(merged.body_parts[1].body, "<p>&lt;Müller&gt; &amp; Co</p>\n");
    assert_eq!(merged.attachments[0].name.as_deref(), Some("7.pdf"));
    assert_eq!(merged.custom_headers[0].value, "7");
    compose(&merged).unwrap();
    let texts = template.texts(&row(&fields)).unwrap();
    assert!(texts.contains(&("Subject".to_owned(), merged.subject)), "{texts:?}");

    let error = template.render(&row(&fields[1..])).unwrap_err();
    assert!(error.message().contains("give every row a value"), "{error}");
    assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some("Subject")), "{error}");
    let mut injected = fields;
    injected[0].1 = "x\r\nBcc: evil@example.com";
    assert_eq!(field_of(&template.render(&row(&injected)).unwrap()), "Recipients[0].Name");

    message.body_parts[0].body = "one\ntwo {{ name }\n".into();
    let error = Template::new(&message).unwrap_err();
    assert_eq!(error.field(), Some("BodyParts[0].Body"));
    assert!(error.message().contains("line 2"), "{error}");
    assert_eq!(Template::new(&EmailMessage::raw(vec![])).unwrap_err().field(), Some("Raw"));
}

#[test]
fn what_is_appended_to_a_buffer_is_signed_too() {
    let signer = || DkimSigner::new("example.com", "s", include_str!("dkim_ed25519.pem")).unwrap();
    let mut message = base();
    message.dkim.push(signer());
    let mut copied = message.clone();
    copied.add_recipient("cc@example.com").add_header("X-Job", "7");
    for message in [message, copied] {
        let text = String::from_utf8(message.to_bytes().unwrap()).unwrap();
        assert!(text.starts_with("DKIM-Signature: "), "{text}");
    }
}

#[test]
fn a_file_that_is_the_whole_message_ends_with_a_line_end_of_its_own() {
    let mut message = base();
    message.body_parts.clear();
    message.attach_bytes("a.txt", *b"a");
    assert!(text(&message).ends_with("\r\n\r\na=\r\n"), "not one that readers count to the file");
    message.attach_bytes("b.txt", *b"b");
    assert!(text(&message).contains("\r\n\r\na\r\n--"), "the line end before a boundary is the boundary's");
}

#[test]
fn a_raw_message_says_everything_itself() {
    let raw = |head: &str| {
        let mut message = EmailMessage::new();
        message.raw = Some(format!("{head}\r\n\r\ntext\r\n").into_bytes().into());
        message.from = "from@example.com".into();
        message.add_recipient("to@example.com");
        message
    };
    type Change = fn(&mut EmailMessage);
    let changes: [Change; 14] = [
        |m| m.reply_to = Some("a@b.example".into()),
        |m| m.subject = "x".into(),
        |m| m.priority = Priority::High,
        |m| m.message_id = Some("x@b.example".into()),
        |m| m.date = Some(Date::utc(0)),
        |m| _ = m.add_header("X-Job", "7"),
        |m| m.in_reply_to = vec!["<x@b.example>".into()],
        |m| m.references = vec!["<x@b.example>".into()],
        |m| m.auto_submitted = AutoSubmitted::Generated,
        |m| m.list_unsubscribe = vec!["https://b.example/".into()],
        |m| m.list_unsubscribe_one_click = true,
        |m| _ = m.add_text("x"),
        |m| _ = m.attach_bytes("x", *b"x"),
        |m| _ = m.embed_bytes("x", *b"x", "x"),
    ];
    assert!(!compose(&raw("Subject: x")).unwrap().needs_utf8());
    for (at, change) in changes.into_iter().enumerate() {
        let mut message = raw("Subject: x");
        change(&mut message);
        assert_eq!(field_of(&message), "Raw", "{at}");
    }
    // Its head or one of its recipients is enough.
    assert!(compose(&raw("Subject: ü")).unwrap().needs_utf8());
    let mut message = raw("Subject: x");
    message.add_recipient("jürgen@example.com");
    assert!(compose(&message).unwrap().needs_utf8());

    // What comes before it is whole fields.
    let with = |trace: &str| {
        let mut message = raw("Subject: x");
        message.trace = trace.to_owned();
        message
    };
    let fields = format!("Received: from a\r\n\tby b\r\nX: {}\r\n", "x".repeat(995));
    assert!(text(&with(&fields)).starts_with(&format!("{fields}Subject: x\r\n")));
    for bad in [
        "X: a",
        "X: a\r\n\r\nX: b\r\n",
        "X: ü\r\n",
        "X: a\0\r\n",
        "no field\r\n",
        &fields.replace("X:", "XY:"),
    ] {
        let error = compose(&with(bad)).unwrap_err();
        assert!(matches!(error.field(), Some("Trace" | "Raw")), "{bad:?}");
    }
}
