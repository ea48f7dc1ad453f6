//! The engine against scripted servers: no socket, a clock of the test's own, replies cut in every way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::time::Duration;

use freesmtp_core::{
    ErrorKind, RecipientStatus, Security, Stage,
    protocol::{Outcome, Timeouts, Transaction, auth::AuthMode},
    types::{Failure, Mailbox},
};
use play::{Cut, Play, Server, config, each_cut, login::with_login, transaction};

const HELLO: &[(&str, &str)] =
    &[("", "220 mail.example.com ESMTP\r\n"), ("EHLO client.test", "250 mail.example.com\r\n")];

fn plain(rest: &[(&'static str, &'static str)]) -> Server {
    Server::new(&[HELLO, rest].concat())
}

fn pipelining(rest: &[(&'static str, &'static str)]) -> Server {
    let hello = [HELLO[0], ("EHLO client.test", "250-mail.example.com\r\n250 PIPELINING\r\n")];
    Server::new(&[&hello, rest].concat())
}

#[test]
fn a_message_is_delivered() {
    each_cut(|cut| {
        let mut play = Play::new(
            config(),
            plain(&[
                ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
                ("RCPT TO:<r1@b.test>", "250-two\r\n250 lines\r\n"),
                ("DATA", "354 go\r\n"),
                ("..dot", ""),
                (".", "250 2.0.0 queued as 1\r\n"),
                ("QUIT", "221 bye\r\n"),
            ]),
            cut,
        );
        let result = play.send(transaction(&["r1@b.test"]), b".dot");
        assert!(matches!(&result.outcome, Outcome::Delivered(reply) if reply.text() == "2.0.0 queued as 1"));
        assert_eq!(result.recipients[0].status, RecipientStatus::Accepted);
        assert_eq!(result.recipients[0].stage, Stage::Eom);
        play.quit();
        assert!(play.engine.error().is_none());
        assert_eq!(play.log.last().unwrap(), "221 bye");
    });
}

#[test]
fn each_recipient_has_its_own_result_and_the_good_ones_get_the_mail() {
    each_cut(|cut| {
        for server in [plain, pipelining] {
            let mut play = Play::new(
                config(),
                server(&[
                    ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
                    ("RCPT TO:<r1@b.test>", "550 5.1.1 unknown\r\n"),
                    ("RCPT TO:<r2@b.test>", "250 ok\r\n"),
                    ("RCPT TO:<r3@b.test>", "451 4.7.1 greylisted\r\n"),
                    ("DATA", "354 go\r\n"),
                    ("hi", ""),
                    (".", "250 queued\r\n"),
                ]),
                cut,
            );
            let result = play.send(transaction(&["r1@b.test", "r2@b.test", "r3@b.test"]), b"hi\r\n");
            assert!(matches!(result.outcome, Outcome::Delivered(_)));
            let seen: Vec<_> =
                result.recipients.iter().map(|r| (r.status, r.reply.as_ref().unwrap().code())).collect();
            assert_eq!(
                seen,
                [
                    (RecipientStatus::Refused, 550),
                    (RecipientStatus::Accepted, 250),
                    (RecipientStatus::Deferred, 451)
                ]
            );
        }
    });
}

#[test]
fn pipelined_commands_leave_in_one_write_and_are_logged_as_a_conversation() {
    let mut play = Play::new(
        config(),
        pipelining(&[
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
            ("DATA", "354 go\r\n"),
            ("hi", ""),
            (".", "250 queued\r\n"),
        ]),
        Cut::Whole,
    );
    play.open();
    let flights = play.flights;
    play.send(transaction(&["r1@b.test"]), b"hi\r\n");
    assert_eq!(play.flights - flights, 2, "the envelope, then the message");
    let expected =
        ["MAIL FROM:<s@a.test>", "250 ok", "RCPT TO:<r1@b.test>", "250 ok", "DATA", "354 go", "250 queued"];
    assert_eq!(play.log[play.log.len() - 7..], expected);
}

#[test]
fn all_refused_and_data_answered_354_sends_a_lone_dot() {
    each_cut(|cut| {
        let mut play = Play::new(
            config(),
            pipelining(&[
                ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
                ("RCPT TO:<r1@b.test>", "550 no\r\n"),
                ("DATA", "354 go\r\n"),
                (".", "554 no valid recipients\r\n"),
                ("RSET", "250 ok\r\n"),
                ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
                ("RCPT TO:<r2@b.test>", "250 ok\r\n"),
                ("DATA", "354 go\r\n"),
                ("hi", ""),
                (".", "250 queued\r\n"),
            ]),
            cut,
        );
        let result = play.send(transaction(&["r1@b.test"]), b"never sent");
        let Outcome::NotDelivered { error, .. } = result.outcome else { panic!("{result:?}") };
        assert_eq!((error.kind(), error.reply_code()), (ErrorKind::RecipientsRefused, 550));
        assert!(matches!(play.send(transaction(&["r2@b.test"]), b"hi\r\n").outcome, Outcome::Delivered(_)));
    });
}

#[test]
fn a_refused_sender_ends_the_transaction_and_not_the_session() {
    each_cut(|cut| {
        for (server, noise) in [
            (plain as fn(&[(&'static str, &'static str)]) -> Server, &[][..]),
            (pipelining, &[("RCPT TO:<r1@b.test>", "503 need MAIL\r\n"), ("DATA", "503 need RCPT\r\n")][..]),
        ] {
            let script = [
                &[("MAIL FROM:<s@a.test>", "550 5.7.1 no\r\n")][..],
                noise,
                &[("RSET", "250 ok\r\n"), ("MAIL FROM:<s@a.test>", "550 5.7.1 no\r\n")][..],
                noise,
            ]
            .concat();
            let mut play = Play::new(config(), server(&script), cut);
            for _ in 0..2 {
                let result = play.send(transaction(&["r1@b.test"]), b"");
                let Outcome::NotDelivered { error, untouched, .. } = result.outcome else { panic!() };
                assert_eq!((error.stage(), error.reply_code(), untouched), (Stage::Mail, 550, true));
                assert_eq!(result.recipients[0].stage, Stage::Mail, "not the 503 that followed from it");
            }
            assert!(play.engine.is_open());
        }
    });
}

#[test]
fn all_or_nothing_stops_before_data() {
    for server in [plain, pipelining] {
        let mut play = Play::new(
            config(),
            server(&[
                ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
                ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
                ("RCPT TO:<r2@b.test>", "550 no\r\n"),
            ]),
            Cut::Whole,
        );
        let transaction = Transaction { all_or_nothing: true, ..transaction(&["r1@b.test", "r2@b.test"]) };
        let result = play.send(transaction, b"");
        assert!(
            matches!(&result.outcome, Outcome::NotDelivered { error, .. } if error.kind() == ErrorKind::RecipientsRefused)
        );
        assert!(result.recipients.iter().all(|r| r.status == RecipientStatus::Refused));
    }
}

#[test]
fn a_server_without_rset_is_reset_by_ehlo() {
    let mut play = Play::new(
        config(),
        plain(&[
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r1@b.test>", "550 no\r\n"),
            ("RSET", "502 not implemented\r\n"),
            ("EHLO client.test", "250 mail.example.com\r\n"),
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r1@b.test>", "550 no\r\n"),
        ]),
        Cut::Whole,
    );
    play.send(transaction(&["r1@b.test"]), b"");
    play.send(transaction(&["r1@b.test"]), b"");
    assert!(play.engine.is_open());
}

#[test]
fn ehlo_refused_falls_back_to_helo() {
    each_cut(|cut| {
        let script =
            [("", "220 old\r\n"), ("EHLO client.test", "500 what?\r\n"), ("HELO client.test", "250 old\r\n")];
        let mut play = Play::new(config(), Server::new(&script), cut);
        play.open();
        assert!(play.engine.is_open() && play.engine.capabilities().lines.is_empty());
    });
}

#[test]
fn a_421_anywhere_is_the_reason_and_ends_the_session() {
    let commands = ["MAIL FROM:<s@a.test>", "RCPT TO:<r1@b.test>", "DATA", "."];
    for (index, command) in commands.iter().enumerate() {
        let mut script: Vec<(&str, &str)> = commands[..index].iter().map(|c| (*c, "250 ok\r\n")).collect();
        if index == 3 {
            script[2].1 = "354 go\r\n";
            script.push(("hi", ""));
        }
        script.push((command, "421 4.3.2 shutting down\r\n"));
        let mut play = Play::new(config(), plain(&script), Cut::Whole);
        let result = play.send(transaction(&["r1@b.test"]), b"hi\r\n");
        let Outcome::NotDelivered { error, untouched, .. } = result.outcome else {
            panic!("{command}: a 421 is an answer")
        };
        assert_eq!(
            (error.reply_code(), error.is_temporary(), untouched),
            (421, true, index == 0),
            "{command}"
        );
        assert_eq!(result.recipients[0].status, RecipientStatus::Deferred);
        assert!(!play.engine.is_open());
    }
}

#[test]
fn a_lost_connection_is_unknown_only_after_the_whole_message() {
    for lost_after in ["MAIL FROM:<s@a.test>", "RCPT TO:<r1@b.test>", "DATA", "hi", "."] {
        let all = [
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
            ("DATA", "354 go\r\n"),
            ("hi", ""),
            (".", "250 queued\r\n"),
        ];
        let at = all.iter().position(|(c, _)| *c == lost_after).unwrap();
        let mut script = all[..=at].to_vec();
        script[at].1 = "";
        let mut play = Play::new(config(), plain(&script), Cut::Whole);
        play.server.close_at_end();
        if lost_after == "hi" {
            play.abort_body = true;
        }
        let result = play.send(transaction(&["r1@b.test"]), b"hi\r\n");
        match (&result.outcome, lost_after) {
            (Outcome::Unknown(error), ".") => {
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
                assert!(!error.is_temporary(), "a repetition may deliver twice");
                assert_eq!(result.recipients[0].status, RecipientStatus::Unknown);
            }
            (Outcome::NotDelivered { .. }, command) if command != "." => {}
            (outcome, command) => panic!("{command}: {outcome:?}"),
        }
    }
}

#[test]
fn a_message_that_was_not_written_to_its_end_is_not_unknown() {
    let mut play = Play::new(
        config(),
        plain(&[
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
            ("DATA", "354 go\r\n"),
        ]),
        Cut::Whole,
    );
    play.stop_writing_in_body = true;
    let result = play.send(transaction(&["r1@b.test"]), b"hi\r\n");
    assert!(matches!(result.outcome, Outcome::NotDelivered { .. }), "{result:?}");
}

#[test]
fn unasked_for_and_malformed_replies_poison_the_session() {
    for poison in ["250 ok\r\n250 another\r\n", "hello\r\n", "250-a\r\n550 b\r\n", "354 go\r\n"] {
        let script = vec![("MAIL FROM:<s@a.test>", poison)];
        let mut play = Play::new(config(), plain(&script), Cut::Whole);
        let result = play.send(transaction(&["r1@b.test"]), b"");
        assert!(matches!(result.outcome, Outcome::NotDelivered { .. }), "{poison:?}");
        assert!(!play.engine.is_open(), "{poison:?}");
        assert_eq!(play.engine.error().unwrap().failure(), Some(Failure::MalformedReply), "{poison:?}");
    }
}

#[test]
fn a_reply_that_comes_before_its_command_has_left_answers_nothing() {
    let ehlo = "250-a\r\n250 STARTTLS\r\n";
    for (script, stage) in [
        (vec![("", "220 hi\r\n250 a\r\n")], Stage::Ehlo),
        (vec![("", "220 hi\r\n"), ("EHLO client.test", "500 no\r\n250 a\r\n")], Stage::Ehlo),
        (
            vec![("", "220 hi\r\n"), ("EHLO client.test", "250-a\r\n250 STARTTLS\r\n220 go\r\n")],
            Stage::StartTls,
        ),
        (
            vec![
                ("", "220 hi\r\n"),
                ("EHLO client.test", ehlo),
                ("STARTTLS", "220 go\r\n"),
                ("EHLO client.test", "250-a\r\n250 AUTH PLAIN\r\n235 welcome\r\n"),
            ],
            Stage::Auth,
        ),
    ] {
        let mut play =
            Play::new(with_login(Security::Required, AuthMode::Auto), Server::new(&script), Cut::Whole);
        play.open();
        let error = play.engine.error().unwrap();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Protocol, stage), "{error}");
        assert_eq!(error.failure(), Some(Failure::MalformedReply), "{error}");
        play.finish();
    }
}

#[test]
fn no_answer_ends_each_phase_at_its_own_time() {
    let timeouts = Timeouts::default();
    let cases: &[(usize, Duration, Stage)] = &[
        (0, timeouts.greeting, Stage::Connect),
        (1, timeouts.command, Stage::Ehlo),
        (2, timeouts.command, Stage::Mail),
        (3, timeouts.command, Stage::Rcpt),
        (4, timeouts.command, Stage::Data),
        (6, timeouts.end_of_data, Stage::Eom),
    ];
    let all = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250 a\r\n"),
        ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
        ("RCPT TO:<r1@b.test>", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
        ("hi", ""),
        (".", ""),
    ];
    for (answered, limit, stage) in cases {
        let mut script = all.to_vec();
        for silent in &mut script[*answered..] {
            silent.1 = "";
        }
        let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
        let waited = play.until_silent(transaction(&["r1@b.test"]), b"hi\r\n");
        assert_eq!(waited, *limit, "{stage}");
        let error = play.engine.error().unwrap();
        if *stage == Stage::Eom {
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        } else {
            assert_eq!((error.kind(), error.stage()), (ErrorKind::Timeout, *stage));
        }
    }
}

#[test]
fn a_message_over_the_announced_size_is_refused_before_mail() {
    let script = [("", "220 hi\r\n"), ("EHLO client.test", "250-a\r\n250 SIZE 1000\r\n")];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    let result = play.send(Transaction { size: 1001, ..transaction(&["r1@b.test"]) }, b"");
    let Outcome::NotDelivered { error, .. } = result.outcome else { panic!() };
    assert_eq!(error.failure(), Some(Failure::MessageTooLarge { size: 1001, limit: 1000 }));
    assert!(play.engine.is_open(), "the session goes on");
}

#[test]
fn parameters_are_sent_only_when_offered_and_needed() {
    let script = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"),
        ("MAIL FROM:<s@a.test> SIZE=9 BODY=8BITMIME SMTPUTF8", "550 no\r\n"),
    ];
    let mut play = Play::new(config(), Server::new(&script), Cut::Whole);
    play.send(Transaction { size: 9, eight_bit: true, utf8: true, ..transaction(&["r1@b.test"]) }, b"");
    play.finish();
}

#[test]
fn a_local_part_that_needs_smtputf8_is_refused_alone() {
    let mut play = Play::new(
        config(),
        plain(&[
            ("MAIL FROM:<s@a.test>", "250 ok\r\n"),
            ("RCPT TO:<r2@xn--bcher-kva.test>", "250 ok\r\n"),
            ("DATA", "354 go\r\n"),
            ("hi", ""),
            (".", "250 queued\r\n"),
        ]),
        Cut::Whole,
    );
    let forward_paths = ["jürgen@b.test", "r2@bücher.test"].map(|a| Mailbox::parse(a, "").unwrap()).to_vec();
    let result = play.send(Transaction { forward_paths, utf8: true, ..transaction(&[]) }, b"hi\r\n");
    assert!(matches!(result.outcome, Outcome::Delivered(_)));
    assert_eq!(result.recipients[0].failure, Some(Failure::SmtpUtf8Unsupported));
    assert_eq!(result.recipients[1].status, RecipientStatus::Accepted);
}
