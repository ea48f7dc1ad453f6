//! Logins through the engine, against servers that keep the rules of each mechanism or break them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::{cell::RefCell, rc::Rc};

use freesmtp_core::{
    ErrorKind, Secret, Stage,
    protocol::{
        Config,
        auth::{AuthMode, Credentials, TokenSource},
    },
    types::Failure,
};
use play::{
    Cut, Play, Rest,
    login::{attempts, b64, credentials, decode, error, initial, offering, play, scram_server, session},
};

#[test]
fn a_server_that_does_not_prove_itself_is_not_used() {
    let good = "r=NONCEserver,s=QSXCR+Q6sek8bf92,i=4096";
    for (last, why) in
        [("v=AAAA", "wrong"), ("v=", "wrong"), ("", "did not prove"), ("e=invalid-proof", "did not prove")]
    {
        let play = play(credentials(AuthMode::Auto), "PLAIN LOGIN SCRAM-SHA-256", scram_server(good, last));
        let error = error(&play);
        assert_eq!(error.failure(), Some(Failure::ServerNotVerified), "{last}: {error}");
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Authentication, Stage::Auth));
        assert!(error.message().contains(why), "{error}");
        assert_eq!(attempts(&play), 1, "the password went to nobody else: {:?}", play.log);
    }
}

#[test]
fn digest_md5_is_not_believed_without_rspauth() {
    for last in ["rspauth=00000000000000000000000000000000", ""] {
        let mut step = 0;
        let play = play(credentials(AuthMode::DigestMd5), "DIGEST-MD5", move |_| {
            step += 1;
            match step {
                1 => format!(
                    "334 {}\r\n",
                    b64("realm=\"a.test\",nonce=\"n\",algorithm=md5-sess,charset=utf-8")
                ),
                2 if !last.is_empty() => format!("334 {}\r\n", b64(last)),
                _ => "235 ok\r\n".to_owned(),
            }
        });
        assert_eq!(error(&play).failure(), Some(Failure::ServerNotVerified));
    }
}

#[test]
fn a_hostile_challenge_is_answered_with_the_right_error_and_no_work() {
    for (first, why) in [
        ("r=other,s=QSXC,i=4096", "nonce"),
        ("r=NONCE,s=QSXC,i=4096", "nonce"),
        ("r=NONCEx,s=QSXC,i=2147483648", "iteration count"),
        ("r=NONCEx,s=QSXC,i=2147483647", "iteration count"),
        ("r=NONCEx,s=!,i=4096", "salt"),
        ("x", "nonce"),
    ] {
        let play = play(credentials(AuthMode::Auto), "SCRAM-SHA-512", scram_server(first, ""));
        let error = error(&play);
        assert_eq!(error.failure(), Some(Failure::MalformedChallenge), "{first}");
        assert!(error.message().contains(why), "{error}");
        assert_eq!(attempts(&play), 1);
    }
}

#[test]
fn challenges_that_are_none_end_every_mechanism_without_its_secret() {
    let huge = format!("334 {}\r\n", "QUFB".repeat(16 * 1024));
    for reply in ["334 !!!\r\n", "334 \u{e4}\u{f6}\r\n", huge.as_str()] {
        for (mode, name) in AuthMode::ALL {
            let mechanisms = name.to_uppercase();
            if matches!(mode, AuthMode::None | AuthMode::Sasl | AuthMode::Auto) {
                continue;
            }
            let reply = reply.to_owned();
            let mut heard = 0;
            let play = play(credentials(mode), &mechanisms, move |line| match line {
                "*" => "501 cancelled\r\n".to_owned(),
                // Whoever answers everything gets no third challenge.
                _ if heard == 3 => "535 no\r\n".to_owned(),
                _ => {
                    heard += 1;
                    reply.clone()
                }
            });
            let error = error(&play);
            let kinds = [ErrorKind::Authentication, ErrorKind::Protocol];
            assert!(kinds.contains(&error.kind()), "{mode:?}: {error}");
            assert!(!format!("{error:?} {:?}", play.log).contains("QUFB"), "{mode:?}");
        }
    }
}

#[test]
fn after_a_malformed_challenge_the_next_mechanism_is_tried() {
    let mut play = Play::new(
        session(credentials(AuthMode::Auto)),
        offering("SCRAM-SHA-256 CRAM-MD5 PLAIN").then(|line| match line.split(' ').nth(1) {
            Some("SCRAM-SHA-256") => format!("334 {}\r\n", b64("r=mine,s=QSXC,i=4096")),
            Some("CRAM-MD5") => "334 \r\n".to_owned(),
            Some("PLAIN") => "235 ok\r\n".to_owned(),
            _ => "501 cancelled\r\n".to_owned(),
        }),
        Cut::Bytes,
    );
    play.open();
    assert_eq!(play.engine.authenticated(), Some("PLAIN"));
    assert_eq!(attempts(&play), 3);
}

#[test]
fn a_wrong_password_is_not_tried_twice() {
    for refusal in ["535 5.7.8 bad\r\n", "535 bad\r\n", "550 no\r\n", "454 4.7.0 later\r\n"] {
        for mechanisms in ["SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN", "CRAM-MD5 LOGIN PLAIN", "NTLM EXTERNAL PLAIN"]
        {
            let play = play(credentials(AuthMode::Auto), mechanisms, move |line| match line {
                "AUTH CRAM-MD5" => format!("334 {}\r\n", b64("<1.2@a.test>")),
                _ => refusal.to_owned(),
            });
            assert_eq!(attempts(&play), 1, "{mechanisms}: {:?}", play.log);
            assert_eq!(error(&play).reply_code(), refusal[..3].parse::<u16>().unwrap());
        }
    }
}

#[test]
fn the_plus_form_binds_the_channel_and_gives_way_when_the_server_cannot() {
    let open = |refusal: &'static str, binding: Option<&[u8]>| {
        let server = offering("SCRAM-SHA-256-PLUS SCRAM-SHA-256").then(move |line| {
            if line.starts_with("AUTH SCRAM-SHA-256-PLUS ") { refusal } else { "535 5.7.8 no\r\n" }.to_owned()
        });
        let mut play = Play::new(session(credentials(AuthMode::ScramSha256)), server, Cut::Lines);
        play.engine.channel_binding(binding.map(<[u8]>::to_vec));
        play.open();
        let begun = play.log.iter().filter_map(|line| line.strip_prefix("AUTH ")?.split(' ').next());
        begun.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(open("504 no\r\n", None), ["SCRAM-SHA-256"]);
    assert_eq!(open("504 no\r\n", Some(b"hash")), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    // No proof was given yet: it was not the password that was refused.
    assert_eq!(open("535 5.7.8 no\r\n", Some(b"hash")), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    let mismatch = b64("e=channel-bindings-dont-match");
    assert_eq!(
        open(format!("334 {mismatch}\r\n").leak(), Some(b"hash")),
        ["SCRAM-SHA-256-PLUS"],
        "somebody may stand between"
    );
}

#[test]
fn the_channel_is_told_in_the_header() {
    let header = |mechanisms: &str, binding: Option<Vec<u8>>| {
        let server = offering(mechanisms).then(|line| format!("535 {}\r\n", initial(line).1));
        let mut play = Play::new(session(credentials(AuthMode::Auto)), server, Cut::Whole);
        play.engine.channel_binding(binding);
        play.open();
        error(&play).reply_text().chars().take(2).collect::<String>()
    };
    assert_eq!(header("SCRAM-SHA-1", None), "n,");
    assert_eq!(header("SCRAM-SHA-1", Some(vec![1])), "y,");
    assert_eq!(header("SCRAM-SHA-1 SCRAM-SHA-1-PLUS", None), "n,");
}

fn with_token(mode: AuthMode, token: TokenSource) -> Credentials {
    Credentials { token, password: Secret::default(), ..credentials(mode) }
}

const JSON: &str = r#"{"status":"invalid_token","scope":"mail"}"#;

/// Takes the token `good` alone.
fn token_server() -> Rest {
    Box::new(|line| {
        if !line.starts_with("AUTH ") {
            return "535 5.7.8 refused\r\n".to_owned();
        }
        let good = initial(line).1.contains("auth=Bearer good\u{1}\u{1}");
        if good { "235 ok\r\n".to_owned() } else { format!("334 {}\r\n", b64(JSON)) }
    })
}

#[test]
fn a_refused_token_is_asked_for_once_more() {
    for (mode, name) in [(AuthMode::OAuthBearer, "OAUTHBEARER"), (AuthMode::XOAuth2, "XOAUTH2")] {
        let open = |tokens: &[&str]| {
            let server = offering(name).then(token_server());
            let mut play = Play::new(session(with_token(mode, TokenSource::Asked)), server, Cut::Bytes);
            play.tokens = tokens.iter().map(|t| Ok(Secret::new(*t))).collect();
            play.open();
            play
        };
        let play = open(&["good"]);
        assert_eq!((play.engine.authenticated(), play.asked.as_slice()), (Some(name), &[false][..]));
        let play = open(&["expired", "good"]);
        assert_eq!((play.engine.authenticated(), play.asked.as_slice()), (Some(name), &[false, true][..]));
        let play = open(&["expired", "worse"]);
        assert_eq!((play.asked.as_slice(), attempts(&play)), (&[false, true][..], 2));
        let error = error(&play);
        assert_eq!((error.kind(), error.reply_code()), (ErrorKind::Authentication, 535));
        assert!(error.message().contains("invalid_token"), "{error}");
        let play = open(&["expired", "expired"]);
        assert_eq!(attempts(&play), 1, "the same token is not tried again");
    }
}

#[test]
fn a_fixed_token_is_tried_once_and_goes_before_the_password() {
    let both = Credentials { token: TokenSource::Fixed("bad".into()), ..credentials(AuthMode::Auto) };
    let play = play(both, "PLAIN XOAUTH2 OAUTHBEARER", token_server());
    assert_eq!((attempts(&play), play.asked.len()), (1, 0), "{:?}", play.log);
    assert_eq!(play.engine.mechanism_tried(), Some("OAUTHBEARER"));
    assert!(error(&play).message().contains("invalid_token"));
}

#[test]
fn no_token_is_asked_for_where_a_password_is_given() {
    let both = Credentials { token: TokenSource::Asked, ..credentials(AuthMode::Auto) };
    let play = play(both, "PLAIN", |_| "235 ok\r\n".to_owned());
    assert_eq!((play.engine.authenticated(), play.asked.len()), (Some("PLAIN"), 0));
}

#[test]
fn a_callback_without_token_says_why() {
    let server = offering("OAUTHBEARER").then(token_server());
    let mut play = Play::new(session(with_token(AuthMode::Auto, TokenSource::Asked)), server, Cut::Whole);
    play.tokens.push_back(Err("the refresh token\r\nhas expired".to_owned()));
    play.open();
    let error = error(&play);
    assert_eq!((error.kind(), error.failure()), (ErrorKind::Authentication, Some(Failure::TokenUnavailable)));
    assert!(error.message().contains("the refresh token  has expired"), "{error}");
    assert_eq!(attempts(&play), 0);
}

#[test]
fn a_long_token_waits_for_the_empty_challenge() {
    // A command has 512 octets, and servers cut what is longer.
    for (length, prompted) in [(300, false), (450, true), (3_000, true), (20_000, true)] {
        let token = "t".repeat(length);
        let expected = token.clone();
        let mut command = true;
        let play =
            play(with_token(AuthMode::XOAuth2, TokenSource::Fixed(token.into())), "XOAUTH2", move |line| {
                let (prompt, message) = match std::mem::replace(&mut command, false) {
                    true => (line == "AUTH XOAUTH2", initial(line).1),
                    false => (false, decode(line)),
                };
                if prompt {
                    return "334 \r\n".to_owned();
                }
                let good = message.ends_with(&format!("Bearer {expected}\u{1}\u{1}"));
                if good { "235 ok\r\n".to_owned() } else { "535 no\r\n".to_owned() }
            });
        assert!(play.engine.is_open(), "{length}: {:?}", play.engine.error());
        assert_eq!(play.log.iter().any(|line| line == "AUTH XOAUTH2"), prompted);
    }
}

#[test]
fn a_token_that_no_login_can_carry_is_bad_input() {
    for token in ["a\u{1}b", "a\r\nb", "j\u{fc}rgen"] {
        let play =
            play(with_token(AuthMode::Auto, TokenSource::Fixed(token.into())), "XOAUTH2 OAUTHBEARER", |_| {
                panic!("nothing is sent")
            });
        assert_eq!(error(&play).field(), Some("Token"));
    }
}

#[test]
fn what_saslprep_prohibits_is_bad_input_unless_another_mechanism_can_carry_it() {
    let c = Credentials { password: "emoji \u{1f600}".into(), ..credentials(AuthMode::Auto) };
    let play_prohibited = play(c.clone(), "SCRAM-SHA-256", |_| panic!("nothing is sent"));
    let error = error(&play_prohibited);
    assert_eq!((error.kind(), error.field()), (ErrorKind::Message, Some("Password")));
    assert!(!error.to_string().contains('\u{1f600}'));
    let play = play(c, "SCRAM-SHA-256 PLAIN", |_| "235 ok\r\n".to_owned());
    assert_eq!(play.engine.authenticated(), Some("PLAIN"));
}

#[test]
fn external_and_anonymous_send_what_they_are_and_an_empty_message_is_an_equals_sign() {
    for (mode, name, account, argument) in [
        (AuthMode::External, "EXTERNAL", "", "="),
        (AuthMode::External, "EXTERNAL", "fred@example.com", "ZnJlZEBleGFtcGxlLmNvbQ=="),
        (AuthMode::Anonymous, "ANONYMOUS", "sirhc", "c2lyaGM="),
    ] {
        let c = Credentials { account: account.into(), password: Secret::default(), ..credentials(mode) };
        let expected = format!("AUTH {name} {argument}");
        let play = play(c, name, move |line| {
            assert_eq!(line, expected);
            "235 ok\r\n".to_owned()
        });
        assert_eq!(play.engine.authenticated(), Some(name));
    }
}

#[test]
fn a_client_certificate_alone_logs_in_where_it_can_and_is_no_trouble_elsewhere() {
    let c = Credentials { client_certificate: true, optional: true, ..Credentials::default() };
    let with = play(c.clone(), "PLAIN EXTERNAL", |_| "235 ok\r\n".to_owned());
    assert_eq!(with.engine.authenticated(), Some("EXTERNAL"));
    let without = play(c, "PLAIN LOGIN", |_| panic!("nothing is sent"));
    assert!(without.engine.is_open() && without.engine.authenticated().is_none());
}

#[test]
fn ntlm_begins_again_when_the_server_takes_no_message_with_the_command() {
    for prompt in ["334 NTLM supported\r\n", "334 ntlm supported\r\n"] {
        let mut step = 0;
        let play = play(credentials(AuthMode::Ntlm), "NTLM", move |line| {
            step += 1;
            match step {
                1 => {
                    assert!(initial(line).1.starts_with("NTLMSSP\0\u{1}"));
                    prompt.to_owned()
                }
                2 => {
                    assert!(decode(line).starts_with("NTLMSSP\0\u{1}"));
                    "334 TlRMTVNTUAACAAAA\r\n".to_owned()
                }
                _ => "501 cancelled\r\n".to_owned(),
            }
        });
        assert_eq!(error(&play).failure(), Some(Failure::MalformedChallenge));
    }
}

#[test]
fn a_servers_reason_decides_whether_the_password_or_the_server_is_wrong() {
    let good = "r=NONCEserver,s=QSXCR+Q6sek8bf92,i=4096";
    let mut step = 0;
    let mut server = scram_server(good, "e=invalid-proof");
    let refused = play(credentials(AuthMode::Auto), "SCRAM-SHA-1 PLAIN", move |line| {
        step += 1;
        if step == 3 { "535 5.7.8 bad\r\n".to_owned() } else { server(line) }
    });
    let refusal = error(&refused);
    assert_eq!((refusal.reply_code(), refusal.failure(), attempts(&refused)), (535, None, 1));
    assert!(refusal.message().contains("invalid-proof"), "{refusal}");
    let broken = play(credentials(AuthMode::Auto), "SCRAM-SHA-1 PLAIN", scram_server(good, "e=other-error"));
    assert_eq!((error(&broken).failure(), attempts(&broken)), (Some(Failure::ServerNotVerified), 1));
}

#[test]
fn names_and_passwords_of_every_kind_reach_the_server_as_they_are() {
    let long = "l0ng.".to_owned() + &"user-name".repeat(20) + "-the-end";
    for (account, password) in [
        ("j\u{fc}rgen", "p\u{e4}ssw\u{f6}rd"),
        ("user with spaces", "pass word with spaces"),
        ("the \"quoted\" user", "a 'b\" c"),
        (long.as_str(), "x"),
    ] {
        let c =
            |mode| Credentials { account: account.into(), password: password.into(), ..credentials(mode) };
        let expected = format!("\0{account}\0{password}");
        let plain = play(c(AuthMode::Plain), "PLAIN", move |line| {
            assert_eq!(initial(line).1, expected);
            "235 ok\r\n".to_owned()
        });
        assert!(plain.engine.is_open());
        let name = account.to_owned();
        let cram = play(c(AuthMode::CramMd5), "CRAM-MD5", move |line| match line {
            "AUTH CRAM-MD5" => format!("334 {}\r\n", b64("<1@a>")),
            _ => {
                assert_eq!(decode(line).rsplit_once(' ').unwrap().0, name);
                "235 ok\r\n".to_owned()
            }
        });
        assert!(cram.engine.is_open());
    }
}

#[test]
fn nonces_differ_between_attempts_and_come_from_the_entropy_alone() {
    let nonces = |entropy: [u8; 32]| {
        let said = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&said);
        let server = offering("SCRAM-SHA-1 SCRAM-SHA-256").then(move |line| {
            heard.borrow_mut().push(initial(line).1);
            "504 no\r\n".to_owned()
        });
        Play::new(Config { entropy, ..session(credentials(AuthMode::Auto)) }, server, Cut::Whole).open();
        said.take()
    };
    let said = nonces([1; 32]);
    assert_eq!(said.len(), 2);
    assert_ne!(said[0], said[1]);
    assert_eq!(said, nonces([1; 32]));
    assert_ne!(said[0], nonces([2; 32])[0]);
}

#[test]
fn mail_carries_auth_only_when_asked() {
    for (mail_auth, expected) in [
        (None, "MAIL FROM:<s@a.test>"),
        (Some(""), "MAIL FROM:<s@a.test> AUTH=<>"),
        (Some("e+mc2=x@a.test"), "MAIL FROM:<s@a.test> AUTH=e+2Bmc2+3Dx@a.test"),
    ] {
        let server = offering("PLAIN").then(move |line| match line.starts_with("AUTH") {
            true => "235 ok\r\n".to_owned(),
            false => {
                assert_eq!(line, expected);
                "550 no\r\n".to_owned()
            }
        });
        let config =
            Config { mail_auth: mail_auth.map(str::to_owned), ..session(credentials(AuthMode::Auto)) };
        Play::new(config, server, Cut::Whole).send(play::transaction(&["r@b.test"]), b"");
    }
}
