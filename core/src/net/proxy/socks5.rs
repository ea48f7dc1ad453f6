//! SOCKS 5 (RFC 1928) with user name and password (RFC 1929).

use std::net::IpAddr;

use super::{Destination, Progress, fault, login_refused, refused};
use crate::{error::Error, types::Secret};

const VERSION: u8 = 5;
/// Methods (RFC 1928 section 3).
const NO_LOGIN: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
/// CONNECT (section 4).
const CONNECT: u8 = 1;
/// Kinds of addresses (section 5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

#[derive(Debug)]
pub(super) struct Socks5 {
    request: Vec<u8>,
    user: String,
    password: Secret,
    state: State,
    heard: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The proxy chooses how to log in.
    Method,
    /// It takes the login, or not.
    Login,
    /// It has connected, or not.
    Reply,
}

impl Socks5 {
    /// The conversation and its first words.
    pub(super) fn new(place: Destination, port: u16, user: &str, password: &Secret) -> (Self, Vec<u8>) {
        let mut request = vec![VERSION, CONNECT, 0];
        match place {
            Destination::Address(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend(address.octets());
            }
            Destination::Address(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend(address.octets());
            }
            Destination::Name(name) => {
                request.push(NAME);
                push(&mut request, name.as_bytes());
            }
        }
        request.extend(port.to_be_bytes());
        let hello = match user.is_empty() {
            true => vec![VERSION, 1, NO_LOGIN],
            false => vec![VERSION, 2, NO_LOGIN, USER_PASSWORD],
        };
        let (user, password) = (user.to_owned(), password.clone());
        (Self { request, user, password, state: State::Method, heard: Vec::new() }, hello)
    }

    /// Every answer says early how long it is.
    pub(super) fn wanted(&self) -> usize {
        let whole = match (self.state, self.heard.get(3), self.heard.get(4)) {
            (State::Method | State::Login, ..) => 2,
            (State::Reply, Some(&IPV4), _) => 4 + 4 + 2,
            (State::Reply, Some(&IPV6), _) => 4 + 16 + 2,
            (State::Reply, Some(&NAME), Some(length)) => 4 + 1 + usize::from(*length) + 2,
            (State::Reply, Some(&NAME), None) => 5,
            (State::Reply, ..) => 4,
        };
        whole - self.heard.len()
    }

    pub(super) fn input(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        self.heard.extend(bytes);
        match self.state {
            State::Method => self.method(),
            State::Login => self.login(),
            State::Reply => self.reply(),
        }
    }

    fn method(&mut self) -> Result<Progress, Error> {
        self.check_version()?;
        let Some(&method) = self.heard.get(1) else { return Ok(Progress::Read) };
        match method {
            NO_LOGIN => Ok(self.go_on(State::Reply, self.request.clone())),
            USER_PASSWORD if !self.user.is_empty() => {
                let mut login = vec![1];
                push(&mut login, self.user.as_bytes());
                push(&mut login, self.password.expose().as_bytes());
                Ok(self.go_on(State::Login, login))
            }
            NO_METHOD if self.user.is_empty() => Err(login_refused(
                "the proxy asks for a login: set user and password in Proxy, as socks5://user:password@host:1080",
            )),
            NO_METHOD => Err(login_refused("the proxy takes no login by user name and password")),
            other => {
                Err(fault(format!("the proxy chose the login method {other}, which was not offered to it")))
            }
        }
    }

    fn login(&mut self) -> Result<Progress, Error> {
        // Its first octet is 1 (RFC 1929 section 2), and 5 of some; nothing depends on it.
        match self.heard.get(1) {
            None => Ok(Progress::Read),
            Some(0) => Ok(self.go_on(State::Reply, self.request.clone())),
            Some(_) => Err(login_refused("the proxy refused the login: check user and password in Proxy")),
        }
    }

    fn reply(&mut self) -> Result<Progress, Error> {
        self.check_version()?;
        // A proxy may close behind the code of a refusal.
        if let Some(&code) = self.heard.get(1).filter(|code| **code != 0) {
            return Err(refusal(code));
        }
        if let Some(kind) = self.heard.get(3).filter(|kind| ![IPV4, NAME, IPV6].contains(*kind)) {
            return Err(fault(format!(
                "the proxy answered with the address type {kind}, which SOCKS does not know"
            )));
        }
        Ok(if self.wanted() == 0 { Progress::Done } else { Progress::Read })
    }

    fn go_on(&mut self, state: State, say: Vec<u8>) -> Progress {
        self.state = state;
        self.heard.clear();
        Progress::Write(say)
    }

    fn check_version(&self) -> Result<(), Error> {
        match self.heard.first() {
            None | Some(&VERSION) => Ok(()),
            Some(0 | 4) => Err(fault("the proxy speaks SOCKS 4, not SOCKS 5")),
            Some(b'H') => Err(fault("the proxy speaks HTTP, not SOCKS 5: use http:// in Proxy")),
            Some(_) => Err(fault("what answers at the proxy's port does not speak SOCKS 5")),
        }
    }

    pub(super) fn eof(&self) -> Error {
        match self.state {
            State::Method => fault("the proxy closed the connection at once; it may not speak SOCKS 5"),
            State::Login => login_refused("the proxy closed the connection upon the login"),
            State::Reply => fault("the proxy closed the connection without an answer"),
        }
    }
}

/// Bytes behind their count; the callers have checked that it fits.
fn push(message: &mut Vec<u8>, bytes: &[u8]) {
    message.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    message.extend(bytes.iter().take(u8::MAX.into()));
}

/// What a reply code says (RFC 1928 section 6).
fn refusal(code: u8) -> Error {
    let (text, temporary) = match code {
        1 => ("the proxy reports a general failure", true),
        2 => ("the proxy's rules do not allow a connection to this server and port", false),
        3 => ("the proxy finds the network of the server unreachable", true),
        4 => ("the proxy finds the server unreachable, or can't resolve its name", true),
        5 => ("the server refused the proxy's connection", true),
        6 => ("the proxy's way to the server is too long: TTL expired", true),
        7 => ("the proxy does not know the command CONNECT", false),
        8 => (
            "the proxy does not know this kind of address; give the server's name in place of its address, or the other \
             way round",
            false,
        ),
        _ => return refused(format!("the proxy refused with the unknown code {code}"), false),
    };
    refused(format!("{text} (SOCKS reply {code})"), temporary)
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{fails, plays};
    use crate::types::Failure;

    const URL: &str = "socks5://proxy";
    const LOGIN: &str = "socks5://user:pa%20ss@proxy";
    const OK: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";
    const NAMED: &[u8] = b"\x05\x01\x00\x03\x09mail.test\x02\x4b";

    #[test]
    fn a_name_is_left_to_the_proxy_and_an_address_is_sent_as_one() {
        plays(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, OK)]);
        plays(
            URL,
            "192.0.2.7",
            &[(b"\x05\x01\x00", b"\x05\x00"), (b"\x05\x01\x00\x01\xc0\x00\x02\x07\x02\x4b", OK)],
        );
        let v6 = b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x4b";
        plays(URL, "[::1]", &[(b"\x05\x01\x00", b"\x05\x00"), (v6, OK)]);
        plays(URL, "::1", &[(b"\x05\x01\x00", b"\x05\x00"), (v6, OK)]);
        let idn = b"\x05\x01\x00\x03\x12xn--bcher-kva.test\x02\x4b";
        plays(URL, "bücher.test", &[(b"\x05\x01\x00", b"\x05\x00"), (idn, OK)]);
    }

    #[test]
    fn the_reply_ends_behind_its_address_whatever_its_kind() {
        let v6 = b"\x05\x00\x00\x04\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11";
        plays(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, v6)]);
        plays(
            URL,
            "mail.test",
            &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, b"\x05\x00\x00\x03\x03abc\x00\x19")],
        );
        plays(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, b"\x05\x00\x00\x03\x00\x00\x19")]);
    }

    #[test]
    fn user_and_password_are_sent_when_the_proxy_asks() {
        let offer: &[u8] = b"\x05\x02\x00\x02";
        plays(LOGIN, "mail.test", &[(offer, b"\x05\x00"), (NAMED, OK)]);
        let login: &[u8] = b"\x01\x04user\x05pa ss";
        plays(LOGIN, "mail.test", &[(offer, b"\x05\x02"), (login, b"\x01\x00"), (NAMED, OK)]);

        let error = fails(LOGIN, "mail.test", &[(offer, b"\x05\x02"), (login, b"\x01\x01")]);
        assert_eq!((error.failure(), error.is_temporary()), (Some(Failure::ProxyAuthFailed), false));
        assert!(error.message().contains("refused the login"), "{error}");
        assert!(!error.message().contains("pa ss"));
        let error = fails(LOGIN, "mail.test", &[(offer, b"\x05\xff")]);
        assert_eq!(error.failure(), Some(Failure::ProxyAuthFailed));
        let error = fails(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\xff")]);
        assert!(error.message().contains("asks for a login"), "{error}");
        let error = fails(LOGIN, "mail.test", &[(offer, b"\x05\x02"), (login, b"\x01")]);
        assert_eq!(error.failure(), Some(Failure::ProxyAuthFailed));
    }

    #[test]
    fn every_reply_code_has_its_own_sentence() {
        let mut said = std::collections::BTreeSet::new();
        for code in 1..=9 {
            let answer = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
            let error = fails(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, &answer)]);
            assert_eq!(error.failure(), Some(Failure::ProxyRefused));
            assert_eq!(error.is_temporary(), [1, 3, 4, 5, 6].contains(&code), "{error}");
            assert!(said.insert(error.message().to_owned()));
        }
    }

    #[test]
    fn what_is_no_socks_proxy_is_recognised() {
        for (answer, word) in [
            (b"HTTP/1.1 400 Bad Request\r\n".as_slice(), "HTTP"),
            (b"\x00\x5b", "SOCKS 4"),
            (b"220 mail.test", "SOCKS 5"),
            (b"", "closed"),
            (b"\x05\x02", "not offered"),
        ] {
            let error = fails(URL, "mail.test", &[(b"\x05\x01\x00", answer)]);
            assert_eq!(error.failure(), Some(Failure::ProxyFailed));
            assert!(error.message().contains(word), "{error}");
        }
        let error = fails(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, b"\x05\x00\x00\x07")]);
        assert!(error.message().contains("address type 7"), "{error}");
        let error = fails(URL, "mail.test", &[(b"\x05\x01\x00", b"\x05\x00"), (NAMED, b"\x05\x00\x00")]);
        assert!(error.message().contains("without an answer"), "{error}");
    }
}
