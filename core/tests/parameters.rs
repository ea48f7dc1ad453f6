//! Delivery options, from what a program sets to the line that a server reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::{cell::RefCell, rc::Rc};

use freesmtp_core::{
    ErrorKind, Security, Stage,
    message::{DeliverByMode, DeliveryOptions, Notify, RecipientOptions, ReturnContent, ValidSinceAction},
    protocol::{Config, Outcome, Transaction, TransactionResult},
    types::{DeliveryExtension, Failure, Mailbox, Moment, Unmet},
};
use play::{Cut, Play, Server, config, transaction};
use proptest::prelude::*;

/// 2026-11-23 12:00 UTC.
const NOW: Moment = Moment { unix_seconds: 1_795_435_200 };

const EVERYTHING: &str =
    "DSN\nREQUIRETLS\nDELIVERBY 60\nFUTURERELEASE 86400 2026-12-24T18:00:00Z\nMT-PRIORITY MIXER\nRRVS";

/// What a server that offers this heard between EHLO and the message, and what came of it.
fn send(
    offered: &str,
    config: Config,
    delivery: &DeliveryOptions,
    recipients: &[RecipientOptions],
) -> (Vec<String>, TransactionResult) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ehlo = ["a", "PIPELINING"].into_iter().chain(offered.lines()).map(|l| format!("250-{l}\r\n"));
    let ehlo = ehlo.collect::<String>() + "250 SIZE 0\r\n";
    let seen = Rc::clone(&heard);
    let server = Server::new(&[("", "220 hi\r\n")]).then(move |line| {
        match line {
            "EHLO client.test" => return ehlo.clone(),
            "DATA" => return "354 go\r\n".to_owned(),
            "hi" => return String::new(),
            "." => {}
            _ => seen.borrow_mut().push(line.to_owned()),
        }
        "250 ok\r\n".to_owned()
    });
    let forward_paths = (0..recipients.len()).map(|i| Mailbox::parse(&format!("r{i}@b.test"), "").unwrap());
    let transaction = Transaction {
        forward_paths: forward_paths.collect(),
        mail_options: delivery.check(NOW).unwrap(),
        rcpt_options: recipients.iter().map(|r| r.check(str::to_owned).unwrap()).collect(),
        ..transaction(&[])
    };
    let result = Play::new(config, server, Cut::Whole).send(transaction, b"hi\r\n");
    let lines = heard.borrow().clone();
    (lines, result)
}

/// The lines to a server that offers everything over checked TLS.
fn lines(delivery: &DeliveryOptions, recipients: &[RecipientOptions]) -> Vec<String> {
    let (lines, result) = send(EVERYTHING, encrypted(), delivery, recipients);
    assert!(matches!(result.outcome, Outcome::Delivered(_)), "{:?}", result.outcome);
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
    lines
}

fn encrypted() -> Config {
    Config { security: Security::Implicit, ..config() }
}

fn nobody_special() -> [RecipientOptions; 1] {
    [RecipientOptions::default()]
}

/// What was missing, for options that this server cannot give; nothing may have been said.
fn missing(
    offered: &str,
    config: Config,
    delivery: &DeliveryOptions,
    recipient: &RecipientOptions,
) -> Failure {
    let (lines, result) = send(offered, config, delivery, std::slice::from_ref(recipient));
    assert_eq!(lines, [""; 0]);
    let Outcome::NotDelivered { error, untouched, .. } = result.outcome else {
        panic!("{:?}", result.outcome)
    };
    assert_eq!((error.kind(), error.stage(), untouched), (ErrorKind::Protocol, Stage::Mail, true));
    assert!(!error.is_temporary());
    error.failure().unwrap()
}

#[test]
fn nothing_asked_is_nothing_said() {
    assert_eq!(
        lines(&DeliveryOptions::default(), &nobody_special()),
        ["MAIL FROM:<s@a.test>", "RCPT TO:<r0@b.test>"]
    );
}

#[test]
fn every_option_has_its_parameter() {
    let delivery = DeliveryOptions {
        return_content: ReturnContent::Headers,
        envelope_id: Some("QQ 314+159".to_owned()),
        require_tls: true,
        deliver_by: Some(120),
        deliver_by_mode: DeliverByMode::Return,
        deliver_by_trace: true,
        hold_for: Some(3600),
        mt_priority: Some(-3),
        ..DeliveryOptions::default()
    };
    let recipients = [
        RecipientOptions { notify: Notify::SUCCESS | Notify::DELAY, ..RecipientOptions::default() },
        RecipientOptions::default(),
        RecipientOptions {
            notify: Notify::NEVER,
            original_recipient: Some("list+me@b.test".to_owned()),
            valid_since: Some("2014-04-03T23:01:00Z".parse().unwrap()),
            valid_since_action: ValidSinceAction::Continue,
        },
    ];
    assert_eq!(
        lines(&delivery, &recipients),
        [
            "MAIL FROM:<s@a.test> RET=HDRS ENVID=QQ+20314+2B159 REQUIRETLS BY=120;RT HOLDFOR=3600 MT-PRIORITY=-3",
            "RCPT TO:<r0@b.test> NOTIFY=SUCCESS,DELAY",
            "RCPT TO:<r1@b.test>",
            "RCPT TO:<r2@b.test> NOTIFY=NEVER ORCPT=rfc822;list+2Bme@b.test RRVS=2014-04-03T23:01:00Z;C",
        ]
    );
    let delivery = DeliveryOptions {
        return_content: ReturnContent::Full,
        deliver_by: Some(1),
        hold_until: Some("2026-12-24T18:00:00Z".parse().unwrap()),
        mt_priority: Some(9),
        ..DeliveryOptions::default()
    };
    let rejected = RecipientOptions {
        valid_since: Some(Moment::new(0)),
        valid_since_action: ValidSinceAction::Reject,
        ..RecipientOptions::default()
    };
    assert_eq!(
        lines(&delivery, &[rejected]),
        [
            // The least time of DELIVERBY is for the mode `R`.
            "MAIL FROM:<s@a.test> RET=FULL BY=1;N HOLDUNTIL=2026-12-24T18:00:00Z MT-PRIORITY=9",
            "RCPT TO:<r0@b.test> RRVS=1970-01-01T00:00:00Z;R",
        ]
    );
}

#[test]
fn what_is_not_offered_is_an_error_before_mail() {
    use DeliveryExtension as E;
    let (none, d) = (RecipientOptions::default(), DeliveryOptions::default);
    let notify = RecipientOptions { notify: Notify::SUCCESS, ..none.clone() };
    let since = RecipientOptions { valid_since: Some(NOW), ..none.clone() };
    for (extension, delivery, recipient) in [
        (E::Dsn, DeliveryOptions { optional_extensions: Vec::new().into(), ..d() }, &notify),
        (E::RequireTls, DeliveryOptions { require_tls: true, ..d() }, &none),
        (E::DeliverBy, DeliveryOptions { deliver_by: Some(600), ..d() }, &none),
        (E::FutureRelease, DeliveryOptions { hold_for: Some(600), ..d() }, &none),
        (E::MtPriority, DeliveryOptions { mt_priority: Some(0), ..d() }, &none),
        (E::Rrvs, d(), &since),
    ] {
        let others: Vec<&str> = EVERYTHING.lines().filter(|l| !l.starts_with(extension.keyword())).collect();
        let failure = missing(&others.join("\n"), encrypted(), &delivery, recipient);
        assert_eq!(failure, Failure::DeliveryOption { extension, unmet: Unmet::NotOffered });

        // The same, where it may be left out.
        let delivery = DeliveryOptions {
            optional_extensions: vec![extension.keyword().to_ascii_lowercase().into()].into(),
            ..delivery
        };
        let (lines, result) =
            send(&others.join("\n"), encrypted(), &delivery, std::slice::from_ref(recipient));
        assert_eq!(lines, ["MAIL FROM:<s@a.test>", "RCPT TO:<r0@b.test>"], "{extension}");
        assert!(matches!(result.outcome, Outcome::Delivered(_)));
        assert_eq!(result.warnings.len(), 1);
        assert!(result.warnings[0].contains(extension.keyword()), "{:?}", result.warnings);
    }
}

#[test]
fn reports_may_be_left_out_unless_the_program_says_otherwise() {
    let delivery = DeliveryOptions { envelope_id: Some("1".to_owned()), ..DeliveryOptions::default() };
    let recipient = RecipientOptions {
        notify: Notify::SUCCESS,
        original_recipient: Some("a@b.test".to_owned()),
        valid_since: Some(Moment::new(0)),
        ..RecipientOptions::default()
    };
    let (lines, result) = send("RRVS", config(), &delivery, &[recipient]);
    assert_eq!(lines, ["MAIL FROM:<s@a.test>", "RCPT TO:<r0@b.test> RRVS=1970-01-01T00:00:00Z"]);
    assert_eq!(
        result.warnings,
        [
            "DSN was left out (Notify, OriginalRecipient, ReturnContent and EnvelopeID): the server does not offer DSN"
        ]
    );
}

#[test]
fn the_servers_limits_hold() {
    use DeliveryExtension as E;
    let limit = |delivery: DeliveryOptions| {
        let failure = missing(EVERYTHING, encrypted(), &delivery, &RecipientOptions::default());
        let Failure::DeliveryOption { extension, unmet } = failure else { panic!("{failure:?}") };
        (extension, unmet)
    };
    let d = DeliveryOptions::default;
    let returned = |seconds| DeliveryOptions {
        deliver_by: Some(seconds),
        deliver_by_mode: DeliverByMode::Return,
        ..d()
    };
    assert_eq!(limit(returned(59)), (E::DeliverBy, Unmet::TooSoon { seconds: 59, minimum: 60 }));
    let held = |seconds| DeliveryOptions { hold_for: Some(seconds), ..d() };
    assert_eq!(
        limit(held(86_401)),
        (E::FutureRelease, Unmet::HeldTooLong { seconds: 86_401, longest: 86_400 })
    );
    let latest: Moment = "2026-12-24T18:00:00Z".parse().unwrap();
    let until = Moment::new(latest.unix_seconds + 1);
    let held_until = |moment| DeliveryOptions { hold_until: Some(moment), ..d() };
    assert_eq!(limit(held_until(until)), (E::FutureRelease, Unmet::HeldTooLate { until, latest }));
    for at_the_limit in [returned(60), held(86_400), held_until(latest)] {
        lines(&at_the_limit, &nobody_special());
    }
    // A server that names no limit has none.
    for delivery in [returned(1), held(999_999_999), held_until(Moment::new(253_402_300_799))] {
        let (_, result) = send("DELIVERBY\nFUTURERELEASE", config(), &delivery, &nobody_special());
        assert!(matches!(result.outcome, Outcome::Delivered(_)));
    }
}

#[test]
fn require_tls_begins_with_this_session() {
    let delivery = DeliveryOptions { require_tls: true, ..DeliveryOptions::default() };
    let missing = |config| missing(EVERYTHING, config, &delivery, &RecipientOptions::default());
    let extension = DeliveryExtension::RequireTls;
    assert_eq!(missing(config()), Failure::DeliveryOption { extension, unmet: Unmet::ClearText });
    let unchecked = Config { certificate_checked: false, ..encrypted() };
    assert_eq!(missing(unchecked), Failure::DeliveryOption { extension, unmet: Unmet::CertificateUnchecked });
}

#[test]
fn original_recipients() {
    let line = |text: &str| {
        let recipient =
            RecipientOptions { original_recipient: Some(text.to_owned()), ..RecipientOptions::default() };
        let lines = lines(&DeliveryOptions::default(), &[recipient]);
        lines[1].strip_prefix("RCPT TO:<r0@b.test> ORCPT=").unwrap().to_owned()
    };
    for (text, expected) in [
        ("Bob@Example.COM", "rfc822;Bob@Example.COM"),
        ("rfc822;a@b.test", "rfc822;a@b.test"),
        ("RFC822;a=b@b.test", "rfc822;a+3Db@b.test"),
        ("\"a;b c\"@b.test", "rfc822;\"a;b+20c\"@b.test"),
        ("a@bücher.test", "rfc822;a@xn--bcher-kva.test"),
        ("用户@例え.test", "utf-8;\\x{7528}\\x{6237}@\\x{4F8B}\\x{3048}.test"),
        ("rfc822;用@b.test", "utf-8;\\x{7528}@b.test"),
        ("utf-8;a+b@b.test", "utf-8;a\\x{2B}b@b.test"),
        ("x400;/C=DE/A= /S=x+y;", "x400;/C+3DDE/A+3D+20/S+3Dx+2By;"),
    ] {
        assert_eq!(line(text), expected);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let d = DeliveryOptions::default;
    let moment = |text: &str| text.parse::<Moment>().ok();
    for (field, delivery) in [
        ("EnvelopeID", DeliveryOptions { envelope_id: Some(String::new()), ..d() }),
        ("EnvelopeID", DeliveryOptions { envelope_id: Some("a\r\nRCPT TO:<x@y>".to_owned()), ..d() }),
        ("EnvelopeID", DeliveryOptions { envelope_id: Some("ü".to_owned()), ..d() }),
        ("EnvelopeID", DeliveryOptions { envelope_id: Some("\u{760a}".to_owned()), ..d() }),
        ("EnvelopeID", DeliveryOptions { envelope_id: Some("x".repeat(101)), ..d() }),
        ("EnvelopeID", DeliveryOptions { envelope_id: Some("=".repeat(34)), ..d() }),
        ("DeliverBy", DeliveryOptions { deliver_by: Some(0), ..d() }),
        ("DeliverBy", DeliveryOptions { deliver_by: Some(1_000_000_000), ..d() }),
        ("HoldFor", DeliveryOptions { hold_for: Some(0), ..d() }),
        ("HoldFor", DeliveryOptions { hold_for: Some(u32::MAX), ..d() }),
        ("HoldUntil", DeliveryOptions { hold_until: Some(NOW), ..d() }),
        ("HoldUntil", DeliveryOptions { hold_until: Some(Moment::new(i64::MAX)), ..d() }),
        (
            "HoldUntil",
            DeliveryOptions { hold_for: Some(1), hold_until: moment("2026-12-01T00:00:00Z"), ..d() },
        ),
        ("MtPriority", DeliveryOptions { mt_priority: Some(10), ..d() }),
        ("MtPriority", DeliveryOptions { mt_priority: Some(-10), ..d() }),
        (
            "OptionalExtensions[1]",
            DeliveryOptions { optional_extensions: vec!["dsn".into(), "SIZE".into()].into(), ..d() },
        ),
        (
            "OptionalExtensions[0]",
            DeliveryOptions { optional_extensions: vec!["DSN\r\n".into()].into(), ..d() },
        ),
    ] {
        let error = delivery.check(NOW).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some(field)), "{delivery:?}");
        assert!(!error.message().contains(['\r', '\n']), "{error}");
    }
    assert!(DeliveryOptions { envelope_id: Some("=".repeat(33) + "x"), ..d() }.check(NOW).is_ok());

    let r = RecipientOptions::default;
    let original = |text: &str| RecipientOptions { original_recipient: Some(text.to_owned()), ..r() };
    for (field, recipient) in [
        ("Notify", RecipientOptions { notify: Notify::NEVER | Notify::DELAY, ..r() }),
        ("ValidSince", RecipientOptions { valid_since: Some(Moment::new(1_795_435_200_000)), ..r() }),
        ("OriginalRecipient", original("")),
        ("OriginalRecipient", original("nobody")),
        ("OriginalRecipient", original("a@b.test> NOTIFY=NEVER")),
        ("OriginalRecipient", original("a@b.test\r\nDATA")),
        ("OriginalRecipient", original("x400;a\r\nDATA")),
        ("OriginalRecipient", original("x400;a\0")),
        ("OriginalRecipient", original("x400;ü")),
        ("OriginalRecipient", original("x400;")),
        ("OriginalRecipient", original(&format!("x400;{}", "x".repeat(500)))),
    ] {
        let error = recipient.check(|member| format!("Recipients[3].{member}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Message);
        assert_eq!(error.field(), Some(format!("Recipients[3].{field}").as_str()), "{recipient:?}");
        assert!(!error.message().contains(['\r', '\n', '\0']), "{error}");
    }
}

/// xtext (RFC 3461 section 4), read as a server reads it.
fn read_xtext(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok().filter(|d| *d == d.to_ascii_uppercase())?;
                u8::from_str_radix(digits, 16).ok()?
            }
            b'!'..=b'~' if byte != b'=' => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The address of RFC 6533 section 3 in its 7-bit form.
fn read_unicode_xtext(text: &str) -> Option<String> {
    let mut read = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match rest.strip_prefix("\\x{") {
            Some(escape) => {
                let (digits, after) = escape.split_once('}')?;
                read.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                rest = after;
            }
            None if matches!(c, '!'..='~') && !matches!(c, '+' | '=' | '\\') => {
                read.push(c);
                rest = &rest[1..];
            }
            None => return None,
        }
    }
    Some(read)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_refused_by_name_or_comes_back_whole(
        id in proptest::option::of("\\PC{0,40}|[ -~]{1,60}|(?s:.{0,20})"),
        address in proptest::option::of("[a-z]{1,3};[ -~]{0,30}|\\PC{1,10}@b.test|[ -~]{1,20}@b.test|(?s:.{0,20})"),
    ) {
        let delivery = DeliveryOptions { envelope_id: id.clone(), ..DeliveryOptions::default() };
        let recipient = RecipientOptions { original_recipient: address.clone(), ..RecipientOptions::default() };
        match (delivery.check(NOW), recipient.check(str::to_owned)) {
            (Err(error), _) => prop_assert_eq!(error.field(), Some("EnvelopeID")),
            (_, Err(error)) => prop_assert_eq!(error.field(), Some("OriginalRecipient")),
            (Ok(_), Ok(_)) => {
                let lines = lines(&delivery, &[recipient]);
                prop_assert_eq!(lines.len(), 2);
                for line in &lines {
                    prop_assert!(line.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{line:?}");
                }
                let words: Vec<&str> = lines[0].split(' ').collect();
                prop_assert_eq!(words.len(), 2 + usize::from(id.is_some()));
                if let Some(id) = id {
                    prop_assert_eq!(read_xtext(words[2].strip_prefix("ENVID=").unwrap()), Some(id));
                }
                let words: Vec<&str> = lines[1].split(' ').collect();
                prop_assert_eq!(words.len(), 2 + usize::from(address.is_some()));
                if let Some(address) = address {
                    let (kind, value) = words[2].strip_prefix("ORCPT=").unwrap().split_once(';').unwrap();
                    let read = match kind { "utf-8" => read_unicode_xtext(value), _ => read_xtext(value) }.unwrap();
                    let (asked, given) = address.split_once(';').filter(|(k, _)| *k == kind).unwrap_or((kind, &address));
                    prop_assert_eq!(asked, kind);
                    if kind == "rfc822" || kind == "utf-8" {
                        prop_assert_eq!(Mailbox::parse(&read, "").unwrap(), Mailbox::parse(given, "").unwrap());
                    } else {
                        prop_assert_eq!(&read, given);
                    }
                }
            }
        }
    }
}
