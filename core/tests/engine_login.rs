//! STARTTLS and the login as the engine plays them, with replies cut in every way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use freesmtp_core::{
    ErrorKind, Security,
    protocol::{Config, auth::AuthMode},
};
use play::{Cut, Play, Server, config, each_cut, login::with_login};

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
