//! What people may see of a login, whatever the server says of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail like tests"
)]

mod play;

use std::{cell::RefCell, rc::Rc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use freesmtp_core::protocol::auth::{AuthMode, Credentials, TokenSource};
use play::{
    Cut, Play, Server,
    login::{PASSWORD, b64, credentials, decode, error, initial, offering, play, session},
};

/// What each mechanism is first asked by a server that goes on echoing.
fn first_challenge(name: &str, line: &str) -> Option<String> {
    Some(b64(match name {
        "CRAM-MD5" => "<1896.697170952@postoffice.test>".to_owned(),
        "DIGEST-MD5" => "realm=\"a.test\",nonce=\"nonsense\",algorithm=md5-sess,charset=utf-8".to_owned(),
        "LOGIN" => "Username:".to_owned(),
        "NTLM" => "NTLMSSP\0\u{2}\0\0\0\0\0\0\0\0\0\0\0\u{1}\0\0\0nonsense".to_owned(),
        _ if name.starts_with("SCRAM") => {
            let nonce = initial(line).1.split("r=").nth(1)?.to_owned();
            format!("r={nonce}server,s=QSXCR+Q6sek8bf92,i=4096")
        }
        _ => return None,
    }))
}

/// One that learnt it in an earlier session, say.
#[test]
fn a_server_that_tells_the_password_before_the_login_is_not_quoted_either() {
    let token = "ya29.A0ARrdaM-token";
    let ehlo = format!("250-{token} {PASSWORD}\r\n250-X-{token}\r\n250 AUTH PLAIN\r\n").leak();
    let greeting = format!("220 hi, {PASSWORD} {}\r\n", b64(PASSWORD)).leak();
    let server = Server::new(&[("", greeting), ("EHLO client.test", ehlo)]);
    let c = Credentials { token: TokenSource::Fixed(token.into()), ..credentials(AuthMode::Plain) };
    let mut play = Play::new(session(c), server.then(|_| "535 no\r\n".to_owned()), Cut::Whole);
    play.open();
    let shown = format!("{:?} {:?} {:?}", play.log, play.engine.error(), play.engine.capabilities());
    for secret in [PASSWORD, token, b64(PASSWORD).trim_end_matches('=')] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(play.log[0].starts_with("220 hi, **** ****"), "{:?}", play.log);
}

/// What is hidden from people is understood all the same.
#[test]
fn a_password_that_is_a_word_of_the_protocol_hides_no_extension() {
    let c = Credentials { password: "PIPELINING".into(), ..credentials(AuthMode::Plain) };
    let server = Server::new(&[
        ("", "220 hi\r\n"),
        ("EHLO client.test", "250-a\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n"),
    ]);
    let mut play = Play::new(session(c), server.then(|_| "235 in\r\n".to_owned()), Cut::Whole);
    play.open();
    assert!(play.engine.is_open() && play.engine.capabilities().pipelining, "{:?}", play.log);
    assert!(!format!("{:?}", play.log).contains("PIPELINING"), "{:?}", play.log);
}

#[test]
fn no_mechanism_lets_a_secret_be_seen_when_the_server_echoes_everything() {
    let token = "ya29.A0ARrdaM-token-token-token";
    for (mode, name) in AuthMode::ALL {
        if matches!(mode, AuthMode::None | AuthMode::Sasl | AuthMode::Auto) {
            continue;
        }
        for cut in [Cut::Whole, Cut::Lines, Cut::Bytes] {
            let c = Credentials { token: TokenSource::Fixed(token.into()), ..credentials(mode) };
            let mechanism = name.to_uppercase();
            let (offered, said) = (mechanism.clone(), Rc::new(RefCell::new(Vec::new())));
            let heard = Rc::clone(&said);
            let server = offering(&mechanism).then(move |line| {
                let argument = line.rsplit(' ').next().unwrap_or_default();
                let fresh = heard.borrow().is_empty();
                heard.borrow_mut().push(argument.to_owned());
                if let Some(challenge) = fresh.then(|| first_challenge(&offered, line)).flatten() {
                    return format!("334 {challenge}\r\n");
                }
                if offered == "LOGIN" && heard.borrow().len() == 2 {
                    return format!("334 {}\r\n", b64("Password:"));
                }
                let raw = STANDARD.decode(argument).unwrap_or_default();
                let raw = String::from_utf8_lossy(&raw).replace(['\r', '\n', '\0', '\u{1}'], " ");
                let capitals = line.to_uppercase();
                format!(
                    "535-5.7.8 {line} is {raw}\r\n535-5.7.8 {capitals}\r\n535-5.7.8 {PASSWORD} {token}\r\n535 5.7.8 {} {}\r\n",
                    b64(PASSWORD),
                    b64(token)
                )
            });
            let mut play = Play::new(session(c), server, cut);
            play.open();
            let error = error(&play);
            let seen = format!("{:?} {error:?} {error} {:?}", play.log, play.engine);
            let mut secrets = vec![PASSWORD.to_owned(), token.to_owned(), b64(PASSWORD), b64(token)];
            for argument in said
                .borrow()
                .iter()
                .filter(|a| a.len() > 8 && !AuthMode::ALL.iter().any(|(_, n)| n.eq_ignore_ascii_case(a)))
            {
                secrets.push(argument.trim_end_matches('=').to_owned());
                let raw = String::from_utf8_lossy(&STANDARD.decode(argument).unwrap()).into_owned();
                // The proof is what is behind the last space or sign of equality of a message.
                if matches!(mode, AuthMode::CramMd5) {
                    secrets.push(raw.rsplit(' ').next().unwrap().to_owned());
                }
                if let Some(proof) = raw.split(",p=").nth(1) {
                    secrets.push(proof.trim_end_matches('=').to_owned());
                }
                if let Some(response) = raw.split("response=").nth(1) {
                    secrets.push(response[..32].to_owned());
                }
            }
            for secret in secrets {
                let shown = seen.to_lowercase().contains(&secret.to_lowercase());
                assert!(!shown, "{name}: {secret} in {seen}");
            }
            assert!(play.log.iter().any(|line| line.contains("****")), "{name}: {:?}", play.log);
        }
    }
}

/// A server's own words about what it was told: the proof of a password by itself, and the nonce.
#[test]
fn what_a_server_was_told_is_hidden_by_itself_too() {
    let mut told = 0;
    let play = play(credentials(AuthMode::ScramSha256), "SCRAM-SHA-256", move |line| {
        told += 1;
        match told {
            1 => {
                let nonce = initial(line).1.split("r=").nth(1).unwrap().to_owned();
                format!("334 {}\r\n", b64(format!("r={nonce}server,s=QSXCR+Q6sek8bf92,i=4096")))
            }
            _ => {
                let last = decode(line);
                let value = |name| last.split(name).nth(1).unwrap().split([',', '=']).next().unwrap();
                format!("535 no {} for {} by biws\r\n", value("p="), value("r="))
            }
        }
    });
    assert_eq!(play.log.last().unwrap(), "535 no **** for **** by biws");
    assert!(error(&play).to_string().contains("no **** for **** by biws"));
}

/// What everybody knows stays readable.
#[test]
fn what_is_no_secret_of_a_login_is_shown() {
    let mut told = 0;
    let play = play(credentials(AuthMode::DigestMd5), "DIGEST-MD5", move |line| {
        told += 1;
        match told {
            1 => format!("334 {}\r\n", first_challenge("DIGEST-MD5", line).unwrap()),
            _ => {
                assert!(decode(line).contains("nc=00000001,"), "{}", decode(line));
                "535 no login 00000001 of user@a.test\r\n".to_owned()
            }
        }
    });
    assert_eq!(play.log.last().unwrap(), "535 no login 00000001 of user@a.test");
}

/// One that heard it in an earlier session, say. It is hidden though it has not left yet: it is too long for its command.
#[test]
fn a_message_that_waits_to_be_asked_for_is_hidden_already() {
    let c = Credentials { account: "x".repeat(400), ..credentials(AuthMode::Plain) };
    let message = b64(format!("\0{}\0{PASSWORD}", c.account));
    let words = format!("535 no {message}\r\n");
    let play = play(c, "PLAIN", move |line| {
        assert_eq!(line, "AUTH PLAIN");
        words.clone()
    });
    assert_eq!(play.log.last().unwrap().trim_end_matches('='), "535 no ****");
}
