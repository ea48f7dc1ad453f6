//! What a server may offer for a login and answer to it, and what that means.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::{cell::RefCell, rc::Rc};

use freesmtp_core::{
    ErrorKind, Stage,
    protocol::auth::{AuthMode, Credentials},
    types::Failure,
};
use play::login::{b64, credentials, error, play};

#[test]
fn where_nothing_fits_only_a_login_that_is_optional_is_left_out() {
    let refused = play(credentials(AuthMode::Auto), "XYZZY", |line| panic!("{line}"));
    assert_eq!((error(&refused).kind(), error(&refused).stage()), (ErrorKind::Authentication, Stage::Auth));
    let optional = Credentials { optional: true, ..credentials(AuthMode::Auto) };
    assert!(play(optional.clone(), "XYZZY", |line| panic!("{line}")).engine.is_open());
    // One that was begun and refused is a login that failed.
    let refused = play(optional, "PLAIN", |_| "535 5.7.8 no\r\n".to_owned());
    assert_eq!(error(&refused).reply_code(), 535);
}

#[test]
fn what_is_no_answer_to_auth_ends_the_session() {
    for reply in ["354 go\r\n", "300 what\r\n"] {
        let play = play(credentials(AuthMode::Plain), "PLAIN", |_| reply.to_owned());
        let error = error(&play);
        assert_eq!((error.kind(), error.failure()), (ErrorKind::Protocol, Some(Failure::MalformedReply)));
    }
}

/// A login that is cancelled has failed, whatever a server makes of it.
#[test]
fn what_is_no_answer_to_a_cancelled_login_ends_the_session() {
    for (reply, kind) in [
        ("235 welcome\r\n", ErrorKind::Protocol),
        ("334 \r\n", ErrorKind::Protocol),
        ("501 cancelled\r\n", ErrorKind::Authentication),
    ] {
        let play = play(credentials(AuthMode::CramMd5), "CRAM-MD5", |line| match line {
            "*" => reply.to_owned(),
            _ => "334 !!!\r\n".to_owned(),
        });
        assert_eq!(error(&play).kind(), kind, "{reply}");
    }
}

/// What has said everything in one message has no answer to a second question.
#[test]
fn a_question_after_the_only_message_cancels_the_login() {
    for (mode, name) in
        [(AuthMode::Plain, "PLAIN"), (AuthMode::External, "EXTERNAL"), (AuthMode::Anonymous, "ANONYMOUS")]
    {
        let play = play(credentials(mode), name, |line| match line {
            "*" => "501 cancelled\r\n".to_owned(),
            _ => "334 bW9yZQ==\r\n".to_owned(),
        });
        assert_eq!(error(&play).failure(), Some(Failure::MalformedChallenge), "{name}");
        assert!(error(&play).message().contains("has no second challenge"), "{}", error(&play));
    }
}

#[test]
fn a_refusal_is_explained_by_who_explains_it() {
    let play = play(credentials(AuthMode::Plain), "PLAIN", |_| "535 5.7.8 no\r\n".to_owned());
    assert!(!error(&play).message().contains("explains"), "{}", error(&play));
}

#[test]
fn a_server_that_closes_in_a_login_has_refused_it() {
    let play = play(credentials(AuthMode::Plain), "PLAIN", |_| "421 4.7.0 try later\r\n".to_owned());
    let error = error(&play);
    assert_eq!((error.kind(), error.reply_code()), (ErrorKind::Authentication, 421));
    assert!(error.is_temporary());
}

#[test]
fn a_challenge_is_hidden_and_an_empty_one_is_seen_to_be_empty() {
    let mut told = 0;
    let play = play(credentials(AuthMode::AuthLogin), "LOGIN", move |_| {
        told += 1;
        match told {
            1 => format!("334 {}\r\n", b64("Username:")),
            2 => "334 \r\n".to_owned(),
            _ => "235 in\r\n".to_owned(),
        }
    });
    let challenges: Vec<_> = play.log.iter().filter(|line| line.starts_with("334")).collect();
    assert_eq!(challenges, ["334 ****", "334 "]);
}

/// RFC 5321 section 4.5.3.1.4.
#[test]
fn a_login_goes_into_the_line_of_its_command_while_that_has_512_octets() {
    for (octets, told) in [(372, 1), (373, 2)] {
        let account = "x".repeat(octets);
        let lines = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&lines);
        let c = Credentials { account: account.clone(), ..credentials(AuthMode::External) };
        let play = play(c, "EXTERNAL", move |line| {
            heard.borrow_mut().push(line.to_owned());
            if line == "AUTH EXTERNAL" { "334 \r\n".to_owned() } else { "235 in\r\n".to_owned() }
        });
        assert!(play.engine.is_open());
        assert_eq!(lines.borrow().len(), told, "{octets}");
        assert!(lines.borrow().last().unwrap().ends_with(&b64(&account)));
        assert!(lines.borrow().iter().all(|line| line.len() + 2 <= 512));
    }
}
