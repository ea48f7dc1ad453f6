//! Signatures that an independent verifier (dkimpy) accepts, and refuses as soon as one thing is changed.

// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{
    cell::Cell,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use freesmtp_core::{
    Cause, Error, ErrorKind,
    message::{
        BodyPartFormat, Composed, Content, Date, DkimSigner, EmailMessage, Files, Form, OpenedFile, Stamp,
        Stream, dkim::Canonicalization,
    },
};

/// A key for tests only.
const RSA: &str = include_str!("dkim_rsa.pem");
const RSA_PKCS1: &str = include_str!("dkim_rsa_pkcs1.pem");
const ED25519: &str = include_str!("dkim_ed25519.pem");

const FORM: Form = Form { eight_bit: true, utf8: true, exact: false, binary: false, unencoded: false };

struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: &Path) -> io::Result<OpenedFile> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// A file whose bytes are other ones from the second time on.
struct Changing(Cell<u8>, u8);

impl Files for Changing {
    fn open(&self, _: &Path) -> io::Result<OpenedFile> {
        let bytes = vec![self.0.get(); 200_000];
        self.0.set(self.0.get() + self.1);
        Ok(OpenedFile { size: bytes.len() as u64, reader: Box::new(io::Cursor::new(bytes)) })
    }
}

fn stamp() -> Stamp {
    Stamp {
        date: Date::utc(1_700_000_000),
        random: *b"abcdefghijklmnopqrstuvwx",
        host: "host.example".into(),
    }
}

fn message() -> EmailMessage {
    let mut message = EmailMessage::quick(
        "to@example.com",
        "from@example.com",
        "Grüße,  a subject that is long enough to be folded, with two  spaces inside of it",
        "Hello  \r\n\r\n .\r\nGrüße\t \r\n\r\n\r\n",
        BodyPartFormat::Plain,
    );
    message.add_html("<p>Hello</p>");
    message.attach_bytes("a.bin", (0..=255).cycle().take(100_000).collect::<Vec<u8>>());
    message
}

fn signer(key: &str) -> DkimSigner {
    let selector = if key == ED25519 { "brisbane" } else { "test" };
    DkimSigner::new("example.com", selector, key).unwrap()
}

fn compose(message: &EmailMessage) -> Result<Composed, Error> {
    message.compose(&stamp(), &NoFiles, FORM)
}

/// Python with the test requirements, when the tests were given one.
fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    if venv.exists() { venv } else { "python3".into() }
}

fn verdicts(messages: &[Vec<u8>]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (i, bytes) in messages.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i:04}.eml")), bytes).unwrap();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dkim_verify.py");
    let keys =
        [concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dkim_public.txt").as_ref(), folder.path().as_os_str()];
    let output = Command::new(python()).arg(script).args(keys).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn dkimpy_verifies_every_form() {
    let mut messages = Vec::new();
    let mut right = Vec::new();
    for key in [RSA, RSA_PKCS1, ED25519] {
        for header in Canonicalization::ALL {
            for body in Canonicalization::ALL {
                let mut signer = signer(key);
                signer.header_canonicalization = *header;
                signer.body_canonicalization = *body;
                signer.identity = Some("from=me@mail.example.com".into());
                signer.expires_after = Some(3_000_000_000);
                let mut message = message();
                message.dkim.push(signer);
                messages.push(compose(&message).unwrap().into_bytes().unwrap());
                right.push("1 True");
            }
        }
    }
    for body in ["", "\r\n\r\n", " \r\n", "no line end", "a\r\n.\r\n"] {
        let mut message = message();
        message.body_parts[0].body = body.into();
        message.body_parts.truncate(1);
        message.attachments.clear();
        message.list_unsubscribe = vec!["https://example.com/u".into()];
        message.list_unsubscribe_one_click = true;
        message.dkim = vec![signer(RSA), signer(ED25519)];
        let composed = compose(&message).unwrap();
        assert_eq!(composed.exact_size(), Some(composed.size()));
        let (size, bytes) = (composed.size(), composed.into_bytes().unwrap());
        assert_eq!(size, bytes.len() as u64);
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.split("\r\n").all(|line| line.len() <= 78), "{text}");
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains("From:From:") && unfolded.contains("List-Unsubscribe-Post"), "{text}");
        messages.push(bytes);
        right.push("2 True True");
    }
    // A message that another program wrote.
    let mut raw = EmailMessage::raw(
        &b"From: a@example.com\nTo: b@example.com\nSubject: x\n  y\nBcc: c@example.com\n\nText  x\n"[..],
    );
    raw.dkim.push(signer(RSA));
    messages.push(compose(&raw).unwrap().into_bytes().unwrap());
    right.push("1 True");
    assert_eq!(verdicts(&messages), right);
}

#[test]
fn what_is_changed_or_added_later_breaks_the_signature() {
    let mut message = message();
    message.dkim.push(signer(RSA));
    let text = String::from_utf8(compose(&message).unwrap().into_bytes().unwrap()).unwrap();
    let changed: Vec<Vec<u8>> = [
        text.replace("Hello", "Hallo"),
        text.replace("From: from@", "From: other@"),
        format!("From: evil@example.com\r\n{text}"),
        format!("Subject: other\r\n{text}"),
        format!("Cc: more@example.com\r\n{text}"),
        format!("Reply-To: evil@example.com\r\n{text}"),
        text.replace("multipart/mixed", "multipart/related"),
    ]
    .map(String::into_bytes)
    .into();
    assert!(changed.iter().all(|bytes| bytes != text.as_bytes()));
    assert_eq!(verdicts(&changed), vec!["1 False"; changed.len()]);
    let added = format!("Received: from x by y\r\n{text}").into_bytes();
    assert_eq!(verdicts(&[added]), ["1 True"]);
}

#[test]
fn a_signed_file_that_changes_between_hashing_and_sending_is_never_sent_whole() {
    let mut message = message();
    message.attach_file("/file");
    message.dkim.push(signer(ED25519));
    let bytes = message.compose(&stamp(), &Changing(Cell::new(1), 0), FORM).unwrap().into_bytes().unwrap();
    assert_eq!(verdicts(&[bytes]), ["1 True"]);
    let composed = message.compose(&stamp(), &Changing(Cell::new(1), 1), FORM).unwrap();
    let error = composed.into_bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileIo, "{error}");
}

#[test]
fn a_signed_message_has_seven_bit_lines_and_no_stream() {
    let mut message = message();
    message.dkim.push(signer(ED25519));
    assert!(!compose(&message).unwrap().has_eight_bit());
    let stream = Stream::new(io::Cursor::new(vec![1]));
    message.attach_stream("s.bin", stream.clone());
    let error = compose(&message).unwrap_err();
    assert_eq!(error.field(), Some("Attachments[1]"));
    assert!(!stream.is_used());
}

#[test]
fn what_is_no_key_no_domain_no_identity_is_refused() {
    for (domain, selector, key, field) in [
        ("example.com; x=y", "s", ED25519, "DKIM.Domain"),
        ("example.com\r\nX: y", "s", ED25519, "DKIM.Domain"),
        ("com", "s", ED25519, "DKIM.Domain"),
        ("", "s", ED25519, "DKIM.Domain"),
        ("example.com", "a b", ED25519, "DKIM.Selector"),
        ("example.com", "", ED25519, "DKIM.Selector"),
        ("example.com", "s", "", "DKIM.Key"),
        ("example.com", "s", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "DKIM.Key"),
        ("example.com", "s", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ", "DKIM.Key"),
    ] {
        let error = DkimSigner::new(domain, selector, key).unwrap_err();
        assert_eq!(error.field(), Some(field), "{domain} {selector}");
        let diagnosis = error.diagnosis().expect("a cause and a remedy");
        assert_eq!(diagnosis.cause, Cause::InvalidInput);
        assert!(diagnosis.remedy.contains(field), "{}", diagnosis.remedy);
    }
    assert_eq!(DkimSigner::new("bücher.example", "s", ED25519).unwrap().domain(), "xn--bcher-kva.example");
    let shown = format!("{:?}", signer(ED25519));
    assert!(shown.contains("ed25519-sha256") && !shown.contains("MC4"), "{shown}");
    type Set = fn(&mut DkimSigner);
    let wrong: [(&str, Set); 7] = [
        ("DKIM[0].Identity", |s| s.identity = Some("a@evil-example.com".into())),
        ("DKIM[0].Identity", |s| s.identity = Some("a;b@example.com".into())),
        ("DKIM[0].Identity", |s| s.identity = Some("a\r\n@example.com".into())),
        ("DKIM[0].Identity", |s| s.identity = Some("example.com".into())),
        ("DKIM[0].Headers", |s| s.headers = vec!["Subject".into()]),
        ("DKIM[0].Oversigned", |s| s.oversigned = vec!["X:; b=".into()]),
        ("DKIM[0].ExpiresAfter", |s| s.expires_after = Some(0)),
    ];
    for (field, set) in wrong {
        let (mut message, mut signer) = (message(), signer(ED25519));
        set(&mut signer);
        message.dkim.push(signer);
        assert_eq!(compose(&message).unwrap_err().field(), Some(field));
    }
    assert_eq!(Content::from(vec![1]), Content::Bytes(vec![1].into()));
}

/// Whether a message may be signed so, and if not, what is wrong.
fn field_of(set: impl FnOnce(&mut DkimSigner)) -> Option<String> {
    let (mut message, mut signer) = (message(), signer(ED25519));
    set(&mut signer);
    message.dkim.push(signer);
    compose(&message).err().map(|error| error.field().unwrap().to_owned())
}

#[test]
fn an_identity_is_an_address_in_the_domain_or_under_it() {
    for (identity, fits) in [
        ("a@example.com", true),
        ("@example.com", true),
        ("a+b@sub.EXAMPLE.com", true),
        ("a@deep.sub.example.com", true),
        ("a@xexample.com", false),
        ("a@example.org", false),
        ("a@com", false),
        ("a@üexample.com", false),
        ("a@aüxample.com", false),
        ("ü@example.com", false),
        ("\"a\"@example.com", false),
        ("a@-.example.com", false),
    ] {
        let field = field_of(|signer| signer.identity = Some(identity.into()));
        assert_eq!(field.is_none(), fits, "{identity}");
        assert!(field.is_none_or(|field| field == "DKIM[0].Identity"), "{identity}");
    }
}

#[test]
fn a_header_to_sign_has_the_name_of_one() {
    let (longest, longer) = ("x".repeat(70), "x".repeat(71));
    for (name, fits) in [
        ("X-Y", true),
        (longest.as_str(), true),
        (&longer, false),
        ("", false),
        ("a b", false),
        ("a:", false),
    ] {
        let signed = field_of(|signer| signer.headers.push(name.into()));
        assert_eq!(signed, (!fits).then(|| "DKIM[0].Headers".to_owned()), "{name}");
        let oversigned = field_of(|signer| signer.oversigned.push(name.into()));
        assert_eq!(oversigned, (!fits).then(|| "DKIM[0].Oversigned".to_owned()), "{name}");
    }
}

#[test]
fn a_domain_and_a_selector_are_names_of_dns() {
    let label = "x".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "x".repeat(61));
    for (name, fits) in [
        (longest.as_str(), true),
        (&format!("{longest}x"), false),
        (&format!("{label}.test"), true),
        (&format!("{label}x.test"), false),
        ("a..test", false),
        ("a_b.c-d.test", true),
        ("a/b.test", false),
    ] {
        assert_eq!(DkimSigner::new(name, "s", ED25519).is_ok(), fits, "{name}");
        assert_eq!(DkimSigner::new("example.com", name, ED25519).is_ok(), fits, "{name}");
    }
}

#[test]
fn two_signers_are_equal_when_everything_is() {
    let first = signer(ED25519);
    assert_eq!(first, first.clone());
    assert_ne!(first, signer(ED25519), "another key, as far as anybody can tell");
    let changes: [fn(&mut DkimSigner); 6] = [
        |s| s.headers.push("X".into()),
        |s| s.oversigned.push("X".into()),
        |s| s.expires_after = Some(1),
        |s| s.identity = Some("@example.com".into()),
        |s| s.header_canonicalization = Canonicalization::Simple,
        |s| s.body_canonicalization = Canonicalization::Simple,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut other = first.clone();
        change(&mut other);
        assert_ne!(first, other, "{index}");
    }
}
