//! Logins: an account, and servers that ask for it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use freesmtp_core::{
    Error, Security,
    protocol::{
        Config,
        auth::{AuthMode, Credentials},
    },
};

use super::{Cut, Play, Rest, Server, config};

pub(crate) const PASSWORD: &str = "hunter22-horse battery";
pub(crate) const ACCOUNT: &str = "user@a.test";

pub(crate) fn credentials(mode: AuthMode) -> Credentials {
    Credentials { account: ACCOUNT.into(), password: PASSWORD.into(), mode, ..Credentials::default() }
}

pub(crate) fn session(credentials: Credentials) -> Config {
    Config { security: Security::Implicit, credentials: Some(credentials), ..config() }
}

pub(crate) fn b64(text: impl AsRef<[u8]>) -> String {
    STANDARD.encode(text)
}

pub(crate) fn decode(line: &str) -> String {
    String::from_utf8_lossy(&STANDARD.decode(line).unwrap()).into_owned()
}

pub(crate) fn offering(mechanisms: &str) -> Server {
    let ehlo = format!("250-a\r\n250 AUTH {mechanisms}\r\n").leak();
    Server::new(&[("", "220 hi\r\n"), ("EHLO client.test", ehlo)])
}

/// A server that offers `mechanisms` and answers each line with what `rest` says.
pub(crate) fn play(
    credentials: Credentials,
    mechanisms: &str,
    rest: impl FnMut(&str) -> String + 'static,
) -> Play {
    let mut play = Play::new(session(credentials), offering(mechanisms).then(rest), Cut::Whole);
    play.open();
    play
}

pub(crate) fn error(play: &Play) -> &Error {
    assert!(!play.engine.is_open(), "{:?}", play.log);
    play.engine.error().unwrap()
}

/// How often a login was begun.
pub(crate) fn attempts(play: &Play) -> usize {
    play.log.iter().filter(|line| line.starts_with("AUTH ")).count()
}

/// The name and the decoded argument of an AUTH command.
pub(crate) fn initial(line: &str) -> (String, String) {
    let mut words = line.strip_prefix("AUTH ").unwrap().split(' ');
    (words.next().unwrap().to_owned(), words.next().map(decode).unwrap_or_default())
}

/// SCRAM's server side without the arithmetic: what it says first is given, what it says last too.
pub(crate) fn scram_server(first: &'static str, last: &'static str) -> Rest {
    let mut step = 0;
    Box::new(move |line| {
        step += 1;
        match (step, line) {
            (1, _) => {
                let nonce = initial(line).1.split("r=").nth(1).unwrap().to_owned();
                format!("334 {}\r\n", b64(first.replace("NONCE", &nonce)))
            }
            (_, "*") => "501 5.0.0 cancelled\r\n".to_owned(),
            (2, _) if !last.is_empty() => format!("334 {}\r\n", b64(last)),
            _ => "235 2.7.0 ok\r\n".to_owned(),
        }
    })
}

/// A session with any security, and a password that is a word.
pub(crate) fn with_login(security: Security, mode: AuthMode) -> Config {
    Config { security, ..session(Credentials { password: "hunter22".into(), ..credentials(mode) }) }
}
