//! The server's side of AUTH PLAIN (RFC 4616) and LOGIN, over RFC 4954.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{policy::Policy, reply::Reply};

/// The mechanisms, as EHLO lists them.
pub(super) const MECHANISMS: &str = "PLAIN LOGIN";

/// An exchange under way: what the next line is.
#[derive(Debug)]
pub(super) enum Exchange {
    PlainResponse,
    LoginName,
    LoginPassword(String),
}

/// How a step of an exchange ends.
#[derive(Debug)]
pub(super) enum Progress {
    /// The server asks for more.
    Continue(Exchange, Reply),
    /// Logged in with that account.
    Accepted(String),
    /// Refused, or given up by the client.
    Refused(Reply),
}

/// Begins an exchange.
pub(super) fn start(mechanism: &str, initial: Option<&str>, policy: &dyn Policy) -> Progress {
    match (mechanism, initial) {
        ("PLAIN", None) => Progress::Continue(Exchange::PlainResponse, Reply::new(334, "", "")),
        // RFC 4954 section 4: a lone "=" is an empty initial response.
        ("PLAIN", Some("=")) => plain(b"", policy),
        ("PLAIN", Some(response)) => decoded(response, |bytes| plain(bytes, policy)),
        ("LOGIN", None) => Progress::Continue(Exchange::LoginName, prompt("Username:")),
        ("LOGIN", Some(name)) => decoded(name, login_name),
        _ => Progress::Refused(Reply::new(504, "5.5.4", "That mechanism is not offered")),
    }
}

/// Takes the client's answer to a challenge.
pub(super) fn go_on(exchange: Exchange, line: &str, policy: &dyn Policy) -> Progress {
    if line == "*" {
        return Progress::Refused(Reply::new(501, "5.7.0", "Authentication cancelled"));
    }
    decoded(line, |bytes| match exchange {
        Exchange::PlainResponse => plain(bytes, policy),
        Exchange::LoginName => login_name(bytes),
        Exchange::LoginPassword(name) => verdict(&name, bytes, policy),
    })
}

fn decoded(text: &str, then: impl FnOnce(&[u8]) -> Progress) -> Progress {
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) => then(&bytes),
        Err(_) => Progress::Refused(Reply::new(501, "5.5.2", "That is not base64")),
    }
}

fn prompt(text: &str) -> Reply {
    Reply::new(334, "", BASE64_STANDARD.encode(text))
}

fn login_name(bytes: &[u8]) -> Progress {
    let name = String::from_utf8_lossy(bytes).into_owned();
    Progress::Continue(Exchange::LoginPassword(name), prompt("Password:"))
}

fn plain(bytes: &[u8], policy: &dyn Policy) -> Progress {
    let parts: Vec<&[u8]> = bytes.split(|&b| b == 0).collect();
    match parts[..] {
        // Acting for somebody else (another authorization identity) is nobody's right here.
        [authorization, name, password] if authorization.is_empty() || authorization == name => {
            verdict(&String::from_utf8_lossy(name), password, policy)
        }
        [_, _, _] => Progress::Refused(refused()),
        _ => Progress::Refused(Reply::new(501, "5.5.2", "That is not a PLAIN response")),
    }
}

fn verdict(name: &str, password: &[u8], policy: &dyn Policy) -> Progress {
    if policy.admits(name, password) {
        Progress::Accepted(name.to_owned())
    } else {
        Progress::Refused(refused())
    }
}

fn refused() -> Reply {
    Reply::new(535, "5.7.8", "Authentication credentials invalid")
}
