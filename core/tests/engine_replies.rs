//! What the replies of one transaction mean for its recipients, for the next transaction and for the session.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]

mod play;

use std::time::{Duration, Instant};

use freesmtp_core::{
    Error, ErrorKind, RecipientStatus, Stage,
    protocol::{Config, Event, Outcome, Step, Transaction},
    types::Reply,
};
use play::{Cut, Play, Server, config, transaction};

const GREETING: (&str, &str) = ("", "220 mail.example.com ESMTP\r\n");

#[test]
fn only_who_does_not_know_ehlo_is_greeted_otherwise() {
    for (lmtp, ehlo, helo) in [
        (false, "500 what\r\n", Some("451 no\r\n")),
        (false, "500 what\r\n", Some("554 no\r\n")),
        (false, "451 later\r\n", None),
        (true, "500 what\r\n", None),
    ] {
        let verb = if lmtp { "LHLO client.test" } else { "EHLO client.test" };
        let mut script = vec![GREETING, (verb, ehlo)];
        script.extend(helo.map(|answer| ("HELO client.test", answer)));
        let mut play = Play::new(Config { lmtp, ..config() }, Server::new(&script), Cut::Whole);
        play.open();
        play.finish();
        let error = play.engine.error().unwrap();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Protocol, Stage::Ehlo));
        assert!(helo.unwrap_or(ehlo).starts_with(&error.reply_code().to_string()), "{error}");
    }
}

#[test]
fn a_421_is_the_answer_to_the_recipient_that_got_it() {
    let script = [
        GREETING,
        ("EHLO client.test", "250 mail.example.com\r\n"),
        ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
        ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
        ("RCPT TO:<r2@b.test>", "421 4.3.2 too many\r\n"),
    ];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    let result = play.send(transaction(&["r1@b.test", "r2@b.test", "r3@b.test"]), b"hi\r\n");
    let codes: Vec<_> = result.recipients.iter().map(|r| r.reply.as_ref().map(Reply::text)).collect();
    let asked = &result.recipients[1];
    assert_eq!((asked.status, asked.stage), (RecipientStatus::Deferred, Stage::Rcpt));
    assert_eq!(codes[1].as_deref(), Some("4.3.2 too many"));
    assert!(!play.engine.is_open());
}

/// A list that is longer than what may wait to be written.
#[test]
fn a_refused_sender_stops_the_recipients_that_have_not_left() {
    const ALL: usize = 20_000;
    let ehlo = "250-mail.example.com\r\n250 PIPELINING\r\n";
    let script = [GREETING, ("EHLO client.test", ehlo)];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    play.open();
    let recipients: Vec<_> = (0..ALL).map(|index| format!("r{index}@b.test")).collect();
    let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
    play.engine.begin(transaction(&recipients));
    let (mut engine, now) = (play.engine, Instant::now());
    // The sender is refused while there are more to be named; those who were are answered later.
    let (mut left, mut answered, mut finished) = (0, 0, None);
    loop {
        match engine.next(now) {
            Step::Event(Event::Finished(result)) => finished = Some(result),
            Step::Event(_) => {}
            Step::Output => {
                left += engine.output().iter().filter(|octet| **octet == b'\n').count();
                engine.written(engine.output().len());
                if answered == 0 {
                    engine.input(b"550 5.1.8 no\r\n");
                    answered = 1;
                }
            }
            Step::NeedInput => {
                engine.input(b"503 5.5.1 no sender\r\n");
                answered += 1;
            }
            _ => break,
        }
    }
    assert_eq!(answered, left);
    assert!(left < ALL / 2, "{left} commands for nobody");
    let result = finished.unwrap();
    let Outcome::NotDelivered { error, .. } = result.outcome else { panic!("{:?}", result.outcome) };
    assert_eq!((error.reply_code(), result.recipients.len()), (550, ALL));
    assert!(engine.is_open(), "{:?}", engine.error());
}

#[test]
fn what_a_refused_chunk_leaves_behind_is_reset() {
    let script = [
        GREETING,
        ("EHLO client.test", "250-mail.example.com\r\n250-CHUNKING\r\n250 PIPELINING\r\n"),
        ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
        ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
        ("BDAT 0 LAST", "554 5.6.0 no\r\n"),
        ("RSET", "250 ok\r\n"),
        ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
        ("RCPT TO:<r2@b.test>", "250 ok\r\n"),
        ("BDAT 0 LAST", "250 taken\r\n"),
    ];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    let refused = play.send(transaction(&["r1@b.test"]), b"");
    assert!(matches!(refused.outcome, Outcome::NotDelivered { .. }));
    let taken = play.send(transaction(&["r2@b.test"]), b"");
    assert!(matches!(taken.outcome, Outcome::Delivered(_)));
    play.finish();
}

#[test]
fn what_is_no_answer_to_the_end_of_a_message_tells_nothing() {
    let script = [
        GREETING,
        ("EHLO client.test", "250 mail.example.com\r\n"),
        ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
        ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
        ("hi", ""),
        (".", "354 go on\r\n"),
    ];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    let result = play.send(transaction(&["r1@b.test"]), b"hi\r\n");
    let Outcome::Unknown(error) = result.outcome else { panic!("it may have been taken") };
    assert_eq!(
        (error.kind(), error.stage(), error.reply_code()),
        (ErrorKind::OutcomeUnknown, Stage::Eom, 354)
    );
    assert!(!error.is_temporary());
    assert!(!play.engine.is_open());
}

#[test]
fn who_was_refused_is_said() {
    let script = |replies: [&'static str; 2], rest: &[(&'static str, &'static str)]| {
        let begin = [
            GREETING,
            ("EHLO client.test", "250-mail.example.com\r\n250-CHUNKING\r\n250 PIPELINING\r\n"),
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r1@b.test>", replies[0]),
            ("RCPT TO:<r2@b.test>", replies[1]),
        ];
        Play::new(config(), Server::new(&[&begin, rest].concat()), Cut::Whole)
    };
    let refused = |mut play: Play, all_or_nothing: bool| {
        let both = Transaction { all_or_nothing, ..transaction(&["r1@b.test", "r2@b.test"]) };
        match play.send(both, b"h").outcome {
            Outcome::NotDelivered { error, .. } => error,
            outcome => panic!("{outcome:?}"),
        }
    };
    const NO: &str = "550 5.1.1 nobody\r\n";
    // What a server says of the message when it wants nobody is not why.
    let error = refused(
        script(
            [NO, NO],
            &[("BDAT 1", "503 5.5.1 no recipients\r\n"), ("hBDAT 0 LAST", "503 5.5.1 no recipients\r\n")],
        ),
        false,
    );
    assert_eq!(
        (error.kind(), error.stage(), error.reply_code()),
        (ErrorKind::RecipientsRefused, Stage::Rcpt, 550)
    );
    assert!(error.message().starts_with("all 2 recipients were refused"), "{error}");
    let error = refused(script(["250 ok\r\n", NO], &[]), true);
    assert_eq!((error.kind(), error.reply_code()), (ErrorKind::RecipientsRefused, 550));
    assert!(
        error.message().starts_with("1 of 2 recipients were refused, and AllOrNothing is set"),
        "{error}"
    );
}

#[test]
fn the_last_words_of_a_server_are_the_reason() {
    let last = |words: &'static str| {
        let script =
            [GREETING, ("EHLO client.test", "250 mail.example.com\r\n"), ("MAIL FROM:<s@a.test>", words)];
        let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
        play.server.close_at_end();
        match play.send(transaction(&["r1@b.test"]), b"").outcome {
            Outcome::NotDelivered { error, .. } => (error.kind(), error.reply_code()),
            outcome => panic!("{outcome:?}"),
        }
    };
    assert_eq!(last("421 4.3.2 bye\r\n").1, 421);
    assert_eq!(last("421 4.3.2 bye").1, 421, "without its line end");
    assert_eq!(last("421 ").1, 421);
    // Nothing that was said.
    for words in ["", "421", "421 4.3.2 \x01"] {
        assert_eq!(last(words), (ErrorKind::Connect, 0), "{words:?}");
    }
}

#[test]
fn what_a_server_said_before_the_trouble_comes_first() {
    let script = [GREETING, ("EHLO client.test", "250 mail.example.com\r\n")];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    play.open();
    play.engine.input(b"421 4.3.2 bye\r\n");
    play.engine.fail_after_input(Error::new(ErrorKind::Connect, Stage::Command, "the connection broke"));
    assert_eq!(play.engine.error().unwrap().reply_code(), 421);
}

#[test]
fn each_octet_that_is_taken_gives_new_time() {
    let script = [GREETING, ("EHLO client.test", "250 mail.example.com\r\n")];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    play.open();
    assert_eq!((play.engine.is_tls(), play.engine.stage()), (false, Stage::Command));
    play.engine.begin(transaction(&["r1@b.test"]));
    let begin = Instant::now();
    let deadline = |play: &mut Play, seconds: u64| {
        let now = begin + Duration::from_secs(seconds);
        while !matches!(play.engine.next(now), Step::Output) {}
        play.engine.deadline().unwrap() - now
    };
    let whole = deadline(&mut play, 0);
    assert_eq!(deadline(&mut play, 10) + Duration::from_secs(10), whole, "nothing was taken");
    play.engine.written(0);
    assert_eq!(deadline(&mut play, 20) + Duration::from_secs(20), whole, "nothing was taken");
    play.engine.written(1);
    assert_eq!(deadline(&mut play, 30), whole);
}

#[test]
fn a_message_longer_than_the_buffer_goes_out_octet_by_octet() {
    let script = [
        GREETING,
        ("EHLO client.test", "250 mail.example.com\r\n"),
        ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
        ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
    ];
    let line = "x".repeat(70);
    let body = format!("{line}\r\n").repeat(2000);
    let rest = move |text: &str| match text {
        "." => "250 taken\r\n".to_owned(),
        _ => {
            assert_eq!(text, line);
            String::new()
        }
    };
    let mut play = Play::new(config(), Server::new(&script).then(rest), Cut::Bytes);
    let result = play.send(transaction(&["r1@b.test"]), body.as_bytes());
    assert!(matches!(result.outcome, Outcome::Delivered(_)));
}
