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
    protocol::{Config, Outcome, Timeouts, Transaction, auth::AuthMode, auth::Credentials},
    types::{Failure, Mailbox},
};
use play::{Cut, Play, Server, config, transaction};

/// Replays under every cut; what happens must not depend on it.
fn each_cut(run: impl Fn(Cut)) {
    for cut in [Cut::Whole, Cut::Lines, Cut::Bytes] {
        run(cut);
    }
}

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

fn with_login(security: Security, mode: AuthMode) -> Config {
    let credentials = Credentials {
        account: "user@a.test".to_owned(),
        password: "hunter22".into(),
        mode,
        ..Credentials::default()
    };
    Config { security, credentials: Some(credentials), ..config() }
}

#[test]
fn starttls_forgets_what_was_learnt_before() {
    let script = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250-STARTTLS\r\n250 AUTH NTLM\r\n"),
        ("STARTTLS", "220 go\r\n"),
        ("EHLO client.test", "250-a\r\n250 AUTH PLAIN\r\n"),
        ("AUTH PLAIN AHVzZXJAYS50ZXN0AGh1bnRlcjIy", "235 2.7.0 ok\r\n"),
    ];
    each_cut(|cut| {
        let mut play = Play::new(with_login(Security::Required, AuthMode::Auto), Server::new(&script), cut);
        play.open();
        assert!(play.engine.is_open() && play.engine.is_tls());
        assert_eq!(play.engine.authenticated(), Some("PLAIN"));
        assert_eq!(play.engine.capabilities().auth, ["PLAIN"]);
        assert!(play.log.contains(&"AUTH PLAIN ****".to_owned()), "{:?}", play.log);
    });
}

#[test]
fn plain_text_behind_the_reply_to_starttls_is_an_attack() {
    let script = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250 STARTTLS\r\n"),
        ("STARTTLS", "220 go\r\n250 injected\r\n"),
    ];
    let mut play =
        Play::new(Config { security: Security::Opportunistic, ..config() }, Server::new(&script), Cut::Whole);
    play.open();
    assert_eq!(play.engine.error().unwrap().kind(), ErrorKind::Tls);
}

#[test]
fn required_tls_never_goes_on_in_clear_text() {
    for ehlo in ["250 a\r\n", "250-a\r\n250 STARTTLS\r\n"] {
        let script = [("", "220 hi\r\n"), ("EHLO client.test", ehlo), ("STARTTLS", "454 not now\r\n")];
        let mut play =
            Play::new(with_login(Security::Required, AuthMode::Auto), Server::new(&script), Cut::Whole);
        play.open();
        assert_eq!(play.engine.error().unwrap().kind(), ErrorKind::Tls, "{ehlo:?}");
        assert!(!play.log.iter().any(|line| line.starts_with("AUTH")));
    }
}

#[test]
fn login_sends_name_and_password_when_asked_and_logs_neither() {
    let script = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250 AUTH LOGIN\r\n"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
        ("dXNlckBhLnRlc3Q=", "334 UGFzc3dvcmQ6\r\n"),
        ("aHVudGVyMjI=", "535 5.7.8 bad password hunter22 (aHVudGVyMjI=) for dXNlckBhLnRlc3Q=\r\n"),
    ];
    each_cut(|cut| {
        let mut play = Play::new(with_login(Security::Implicit, AuthMode::Auto), Server::new(&script), cut);
        play.open();
        let error = play.engine.error().unwrap();
        assert_eq!((error.kind(), error.reply_code()), (ErrorKind::Authentication, 535));
        let seen = format!("{:?} {error:?} {error} {:?}", play.log, play.engine);
        for secret in ["hunter22", "aHVudGVyMjI", "dXNlckBhLnRlc3Q", "VXNlcm5hbWU6"] {
            assert!(!seen.contains(secret), "{secret} in {seen}");
        }
    });
}

#[test]
fn a_refused_mechanism_is_followed_by_the_next_and_a_bad_password_by_none() {
    let script = |refusal: &'static str| {
        vec![
            ("", "220 hi\r\n"),
            ("EHLO client.test", "250-a\r\n250 AUTH LOGIN PLAIN\r\n"),
            ("AUTH PLAIN AHVzZXJAYS50ZXN0AGh1bnRlcjIy", refusal),
            ("AUTH LOGIN", "334 \r\n"),
            ("dXNlckBhLnRlc3Q=", "334 \r\n"),
            ("aHVudGVyMjI=", "235 ok\r\n"),
        ]
    };
    let open = |refusal| {
        let mut play = Play::new(
            with_login(Security::Implicit, AuthMode::Auto),
            Server::new(&script(refusal)),
            Cut::Whole,
        );
        play.open();
        play
    };
    for refusal in ["504 5.5.4 no\r\n", "534 5.7.9 no\r\n", "535 5.7.4 no\r\n"] {
        assert_eq!(open(refusal).engine.authenticated(), Some("LOGIN"), "{refusal}");
    }
    for refusal in ["535 5.7.8 bad\r\n", "535 bad\r\n", "550 no\r\n", "454 4.7.0 later\r\n"] {
        let play = open(refusal);
        assert_eq!(play.engine.error().unwrap().kind(), ErrorKind::Authentication, "{refusal}");
        assert_eq!(play.engine.error().unwrap().is_temporary(), refusal.starts_with('4'));
    }
}

#[test]
fn a_malformed_challenge_cancels_the_exchange() {
    let script = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250 AUTH LOGIN\r\n"),
        ("AUTH LOGIN", "334 !!!\r\n"),
        ("*", "501 cancelled\r\n"),
    ];
    let mut play =
        Play::new(with_login(Security::Implicit, AuthMode::AuthLogin), Server::new(&script), Cut::Whole);
    play.open();
    assert_eq!(play.engine.error().unwrap().kind(), ErrorKind::Authentication);
}

#[test]
fn a_token_too_long_for_the_auth_line_follows_the_first_challenge() {
    let password = "p".repeat(10_000);
    let mut login = with_login(Security::Implicit, AuthMode::Plain);
    login.credentials.as_mut().unwrap().password = password.as_str().into();
    let script = [
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250 AUTH PLAIN\r\n"),
        ("AUTH PLAIN", "334 \r\n"),
        ("*any*", "235 ok\r\n"),
    ];
    let mut play = Play::new(login, Server::new(&script), Cut::Whole);
    play.open();
    assert!(play.engine.is_open());
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
