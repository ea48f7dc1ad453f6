//! Composed messages come back from independent parsers (Python's `email`, the crate `mail-parser`) as they went in.

// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{fmt::Write as _, fs::File, io, path::Path, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use freesmtp_core::{
    message::{
        Attachment, BodyPart, BodyPartEncoding, BodyPartFormat, Content, Date, EmailMessage, Files, Form,
        OpenedFile, RecipientType, Stamp,
    },
    types::Address,
};
use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<OpenedFile> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(OpenedFile { reader: Box::new(file), size })
    }
}

fn stamp(number: usize) -> Stamp {
    let mut random = [0; 24];
    random[..8].copy_from_slice(&number.to_be_bytes());
    random[16..].copy_from_slice(&number.to_be_bytes());
    Stamp { date: Date::utc(1_700_000_000), random, host: "host.example".into() }
}

/// Texts that other libraries were seen to damage, and the examples of RFC 2047 section 8 and RFC 2231.
const NASTY: &[&str] = &[
    "a",
    "If you can read this yo",
    "u understand the example.",
    "Keld Jørn Simonsen",
    "Patrik Fältström",
    "Olle Järnefors",
    "נתן יוסף",
    "This is ***fun***",
    "This is even more ***fun*** isn't it!",
    "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=",
    "=?utf-8?B?8J+YgA==?=",
    "a =?x?= b",
    "=?",
    "?=",
    "?= =?",
    "Doe, Jane (Sales) <x@y.example>",
    "\"quoted\" 'single' `back`",
    "semi;colon=equals",
    "a\"b.txt",
    "%41%42'utf-8'x",
    "utf-8''x.txt",
    "*0*=x",
    " leading",
    "trailing ",
    "two  spaces  ü  two",
    "                        many spaces                        ",
    "\u{760a}\u{760d} 瘊瘍",
    "😀👩‍💻🏳️‍🌈 emoji",
    "e\u{301} combining, and ａ full width",
    "\u{a0}no-break\u{a0}space\u{3000}",
    "العربية والعبرية עברית",
    "日本語の件名はとても長くて一行には収まりませんので折り返さなければなりません、そうでしょう？",
    "Übergrößenträger für schöne Füße überqueren öfter äußerst große Brücken über Flüsse",
    "a long subject of plain words that has to be folded somewhere in the middle, because it has more than 78 characters",
    "averylongwordaverylongwordaverylongwordaverylongwordaverylongwordaverylongwordaverylongwordaverylongword",
    ".",
    "-",
    "_under_score_ ü",
    "tab is no text",
    "100% =3D =20 =",
];

const BODIES: &[&str] = &[
    "",
    "plain\n",
    "no line end",
    "\n.\n..\n.\n",
    "a\rb\nc\r\nd\r\r\n\n\re",
    "From here\n>From there\nFrom \n",
    "trailing space \nand tab\t\n ",
    "--\n--=_0000000000000000\nü\n--=_000000000000000000000000_1--\n",
    "--=_000000000000000000000000_1\n",
    "Grüße\n",
    "日本語\n",
    "=3D is not = and =\n=\n",
    "\u{feff}bom\u{200b} and \u{2028} separators \u{85}\n",
    "controls \u{1} \u{1b}[1m \u{7f} \u{b} \u{c}\n",
    "😀\n\n\n",
];

/// The cases, and what Python must find.
struct Case {
    message: EmailMessage,
    form: Form,
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let base = || {
        let mut message = EmailMessage::new();
        message.from = "sender@example.com".into();
        message.add_recipient("recipient@example.com");
        message.add_text("text\n");
        message
    };
    let mut add = |message, form| cases.push(Case { message, form });

    for &text in NASTY {
        let mut message = base();
        message.subject = text.into();
        message.from.name = text.into();
        message.add_recipient_as("cc@example.com", text, RecipientType::Cc);
        message.add_header("X-Text", text);
        if !text.contains(['/', '\\']) && text != "." {
            message
                .attachments
                .push(Attachment::bytes(text, text.as_bytes()).with_content_type("application/x-test"));
        }
        add(message, Form::default());
    }
    for (i, &text) in BODIES.iter().chain(NASTY).enumerate() {
        for (j, &encoding) in BodyPartEncoding::ALL.iter().enumerate() {
            if i >= BODIES.len() && i % BodyPartEncoding::ALL.len() != j {
                continue;
            }
            let mut message = base();
            message.body_parts =
                vec![BodyPart { body: text.into(), format: BodyPartFormat::Plain, encoding }];
            let form = Form { eight_bit: i % 2 == 0, utf8: false, ..Form::default() };
            add(message.clone(), form);
            message.body_parts.push(BodyPart { body: text.into(), format: BodyPartFormat::Html, encoding });
            add(message.clone(), form);
            message.embed_bytes("logo.png", &b"\x89PNG\r\n\x1a\n"[..], "logo@example");
            add(message.clone(), form);
            message.attach_bytes("data.bin", (0..=255).collect::<Vec<u8>>());
            message.attach_bytes("empty.txt", Vec::new());
            add(message, form);
        }
    }
    let long = "x".repeat(5000);
    for body in [long.clone(), format!("{long}\n{long}"), "ä".repeat(3000), format!("{} ", "y".repeat(997))]
    {
        let mut message = base();
        message.body_parts = vec![BodyPart::plain(body)];
        add(message, Form { eight_bit: true, utf8: false, ..Form::default() });
    }

    // Many recipients, long lists of names.
    let mut message = base();
    for (i, name) in NASTY.iter().enumerate() {
        message.add_recipient_as(format!("user{i}@example.com"), *name, RecipientType::To);
        message.add_recipient(format!("\"quoted local {i}\"@example.com"));
    }
    add(message, Form::default());

    // Files, one of them larger than a piece.
    let bytes: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    let path = folder.join("Prüfbericht.pdf");
    std::fs::write(&path, &bytes).unwrap();
    let mut message = base();
    message.attach_file(&path);
    message.attachments.push(
        Attachment::file(&path).with_name("Umbenannt.csv").with_content_type("text/csv; header=present"),
    );
    add(message, Form::default());

    // SMTPUTF8.
    for &text in NASTY {
        let mut message = base();
        message.from = Address::named("jörg@bücher.example", text);
        message.subject = text.into();
        message.add_header("X-Text", text);
        add(message, Form { eight_bit: true, utf8: true, ..Form::default() });
    }

    // Random texts, the same in every run.
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut sample = |pattern: &str| {
        proptest::string::string_regex(pattern).unwrap().new_tree(&mut runner).unwrap().current()
    };
    for i in 0..150 {
        let mut message = base();
        message.subject = sample("(\\PC|[ -~]){0,60}");
        message.from.name = sample("(\\PC|[ -~]){0,30}");
        message.add_recipient_as("cc@example.com", sample("(\\PC|[a-z ]|😀){0,80}"), RecipientType::Cc);
        message.add_header("X-Text", sample("([ -~]{1,10} ?){1,30}"));
        message.body_parts = vec![BodyPart::plain(sample("(\\PC|[ -~]|[\r\n. =]){0,300}"))];
        message.add_html(sample("(\\PC|[ -~]|[\r\n. =]|x{300}){0,300}"));
        let name = sample("([\\p{L}\\p{N}\\p{S}]|[ -~&&[^/\\\\]]){1,60}x");
        message.attachments.push(
            Attachment::bytes(
                name.replace(|c: char| !c.is_alphanumeric() && !c.is_ascii(), "_"),
                sample("\\PC{0,99}").as_bytes(),
            )
            .with_content_type("application/x-test"),
        );
        add(message, Form { eight_bit: i % 3 == 0, utf8: false, ..Form::default() });
    }
    cases
}

fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04x}").unwrap();
    }
    out.push('"');
    out
}

fn optional(text: Option<&str>) -> String {
    text.map_or("null".into(), json)
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// What Python must find, as JSON.
fn expected(case: &Case, folder: &Path) -> String {
    let message = &case.message;
    let people = |kind| {
        let people = message.recipients.iter().filter(move |r| r.kind == kind);
        list(people.map(|r| person(&r.address)))
    };
    let texts = |format| {
        let mut parts = message.body_parts.iter().filter(|p| p.format == format);
        let part = parts.next().map(|p| p.body.replace("\r\n", "\n").replace('\r', "\n"));
        assert!(parts.next().is_none());
        optional(part.as_deref())
    };
    let file = |a: &Attachment, disposition: &str| {
        let (bytes, name) = match &a.content {
            Content::Bytes(bytes) => (bytes.to_vec(), String::new()),
            Content::File(path) => (
                std::fs::read(folder.join(path)).unwrap(),
                path.file_name().unwrap().to_str().unwrap().to_owned(),
            ),
            other => panic!("{other:?}"),
        };
        let name = a.name.clone().unwrap_or(name);
        let media = match &a.content_type {
            Some(given) => given.split(';').next().unwrap().to_owned(),
            None => match name.rsplit('.').next() {
                Some("png") => "image/png".to_owned(),
                Some("pdf") => "application/pdf".to_owned(),
                Some("txt") => "text/plain".to_owned(),
                _ => "application/octet-stream".to_owned(),
            },
        };
        let id = a.content_id.as_ref().map(|id| format!("<{id}>"));
        let fields = [
            json(&name),
            json(disposition),
            optional(id.as_deref()),
            json(&media),
            json(&STANDARD.encode(bytes)),
        ];
        list(fields.into_iter())
    };
    let files = message
        .embedded_objects
        .iter()
        .map(|a| file(a, "inline"))
        .chain(message.attachments.iter().map(|a| file(a, "attachment")));
    format!(
        "{{\"utf8\":{},\"eight_bit\":{},\"subject\":{},\"from\":{},\"to\":{},\"cc\":{},\"headers\":{},\
         \"plain\":{},\"html\":{},\"files\":{}}}",
        case.form.utf8,
        case.form.eight_bit,
        json(&message.subject),
        list([person(&message.from)].into_iter()),
        people(RecipientType::To),
        people(RecipientType::Cc),
        list(message.custom_headers.iter().map(|h| list([json(&h.name), json(&h.value)].into_iter()))),
        texts(BodyPartFormat::Plain),
        texts(BodyPartFormat::Html),
        list(files),
    )
}

fn person(address: &Address) -> String {
    list([json(&address.name), json(&address.email)].into_iter())
}

#[test]
fn python_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for (number, case) in cases(folder.path()).iter().enumerate() {
        let composed = case.message.compose(&stamp(number), &Disk, case.form).unwrap();
        let (size, eight_bit, utf8) = (composed.size(), composed.has_eight_bit(), composed.needs_utf8());
        let bytes = composed.into_bytes().unwrap();
        assert_eq!(size, bytes.len() as u64);
        assert_eq!(eight_bit, !bytes.is_ascii());
        assert_eq!(utf8, case.form.utf8);
        assert!(case.form.eight_bit || bytes.is_ascii());
        assert!(bytes.ends_with(b"\r\n") && !bytes.contains(&0));
        std::fs::write(folder.path().join(format!("{number:04}.eml")), bytes).unwrap();
        let file = folder.path().join(format!("{number:04}.json"));
        std::fs::write(file, expected(case, folder.path())).unwrap();
        written += 1;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/message_roundtrip.py");
    let output = Command::new("python3").args([script.as_ref(), folder.path().as_os_str()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, format!("{written} messages read\n"), "{complaint}");
}

#[test]
fn a_rust_parser_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in cases(folder.path()).iter().enumerate() {
        let message = &case.message;
        let bytes = message.compose(&stamp(number), &Disk, case.form).unwrap().into_bytes().unwrap();
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        let files = |attachment: &Attachment| match &attachment.content {
            Content::Bytes(bytes) => (attachment.name.clone().unwrap(), bytes.to_vec()),
            Content::File(path) => {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (attachment.name.clone().unwrap_or(name), std::fs::read(path).unwrap())
            }
            other => panic!("{other:?}"),
        };
        let mut right: Vec<_> =
            message.embedded_objects.iter().chain(&message.attachments).map(files).collect();
        let mut found: Vec<_> = parsed
            .attachments()
            .map(|part| (part.attachment_name().unwrap_or_default().to_owned(), part.contents().to_vec()))
            .collect();
        // It recodes what calls itself a text; what is none is left to Python.
        let is_text = |file: &(String, Vec<u8>)| {
            !file.0.ends_with(".csv") && !file.0.ends_with(".txt") || std::str::from_utf8(&file.1).is_ok()
        };
        if !right.iter().all(is_text) {
            right.iter_mut().chain(&mut found).for_each(|(_, bytes)| bytes.clear());
        }
        right.sort();
        found.sort();
        assert!(found == right, "{number}: {:?} is not {:?}", names(&found), names(&right));
        let text = message.body_parts.iter().find(|part| part.format == BodyPartFormat::Plain);
        if let Some(text) = text {
            let normal = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n").trim_end().to_owned();
            assert_eq!(normal(&parsed.body_text(0).unwrap_or_default()), normal(&text.body), "{number}");
        }
        assert_eq!(parsed.subject().unwrap_or_default(), message.subject, "{number}");
    }
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<(&str, usize)> {
    files.iter().map(|(name, bytes)| (name.as_str(), bytes.len())).collect()
}
