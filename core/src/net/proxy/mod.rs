//! Connecting through a proxy: what is said to it, and what its answers mean.
//!
//! Bytes in, bytes out; whoever has the socket carries it out: write [`Negotiation::output`], then read at most
//! [`Negotiation::wanted`] bytes and give them to [`Negotiation::input`], until it is done. `wanted` never reaches
//! beyond the proxy's own words: the bytes behind them are the server's.

mod connect;
mod http_connect;
mod socks5;

use std::net::IpAddr;

pub(crate) use self::connect::connect_through;
use self::{http_connect::HttpConnect, socks5::Socks5};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Proxy, ProxyProtocol, Stage},
};

/// Where the proxy shall connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Destination {
    Address(IpAddr),
    /// A name in ASCII, of 255 octets at most.
    Name(String),
}

/// A conversation with a proxy under way.
#[derive(Debug)]
pub(crate) struct Negotiation {
    protocol: Protocol,
    output: Vec<u8>,
    done: bool,
}

#[derive(Debug)]
enum Protocol {
    Socks5(Socks5),
    Http(HttpConnect),
}

/// What the proxy's words led to.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// More of them are needed.
    Read,
    /// This is the answer to them.
    Write(Vec<u8>),
    /// What comes now is the server's.
    Done,
}

impl Negotiation {
    /// Begins to ask for a connection to `host`, a name or an address with or without brackets.
    pub(crate) fn new(proxy: &Proxy, host: &str, port: u16) -> Result<Self, Error> {
        let place = Destination::new(host)?;
        let (protocol, output) = match proxy.protocol() {
            ProxyProtocol::Socks5 => {
                let (socks5, output) = Socks5::new(place, port, proxy.user(), proxy.password());
                (Protocol::Socks5(socks5), output)
            }
            ProxyProtocol::Http => {
                let (http, output) = HttpConnect::new(&place, port, proxy.user(), proxy.password());
                (Protocol::Http(http), output)
            }
        };
        Ok(Self { protocol, output, done: false })
    }

    /// What is to be written next; all of it before anything is read.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// That many bytes of the output were written.
    pub(crate) fn written(&mut self, count: usize) {
        // It may be a password.
        zeroize::Zeroize::zeroize(&mut self.output[..count]);
        self.output.drain(..count);
    }

    /// How many bytes may be read now, at most; 0 when it is done.
    pub(crate) fn wanted(&self) -> usize {
        match &self.protocol {
            _ if self.done => 0,
            Protocol::Socks5(socks5) => socks5.wanted(),
            Protocol::Http(http) => http.wanted(),
        }
    }

    /// Takes what was read: not empty, and not more than was wanted.
    pub(crate) fn input(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let progress = match &mut self.protocol {
            Protocol::Socks5(socks5) => socks5.input(bytes),
            Protocol::Http(http) => http.input(bytes),
        }?;
        match progress {
            Progress::Read => {}
            Progress::Write(bytes) => self.output = bytes,
            Progress::Done => self.done = true,
        }
        Ok(())
    }

    /// The proxy closed the connection before it was done.
    pub(crate) fn eof(&self) -> Error {
        match &self.protocol {
            Protocol::Socks5(socks5) => socks5.eof(),
            Protocol::Http(http) => http.eof(),
        }
    }

    /// Whether the connection is the server's from now on.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }
}

impl Drop for Negotiation {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.output);
    }
}

impl Destination {
    fn new(host: &str) -> Result<Self, Error> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        let name = idna::domain_to_ascii(bare).unwrap_or_default();
        // UTS-46 lets through what DNS could carry; spaces and line ends would become part of the request.
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || name.len() > 255 || !name.chars().all(fits) {
            let text = format!("{host:?} can't be written as a host name of DNS, which the proxy needs");
            return Err(Error::input("Name", text));
        }
        Ok(Self::Name(name))
    }

    /// As it stands in `host:port`.
    fn authority(&self, port: u16) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            Self::Address(IpAddr::V4(address)) => format!("{address}:{port}"),
            Self::Name(name) => format!("{name}:{port}"),
        }
    }
}

/// The proxy is not what the settings say, or broken.
fn fault(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Proxy, Stage::Connect, text).with_failure(Failure::ProxyFailed)
}

/// The proxy does not connect to this server.
fn refused(text: impl Into<String>, temporary: bool) -> Error {
    Error::new(ErrorKind::Proxy, Stage::Connect, text)
        .with_failure(Failure::ProxyRefused)
        .with_temporary(temporary)
}

/// The proxy wants a login, or another one.
fn login_refused(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Proxy, Stage::Connect, text)
        .with_failure(Failure::ProxyAuthFailed)
        .with_temporary(false)
}

#[cfg(test)]
mod vectors {
    use super::*;

    /// Plays a conversation: each turn is what must be said, and what is answered, followed by bytes of the server
    /// (`server`) that must not be touched. The answers come `step` bytes at a time.
    fn play(
        url: &str,
        host: &str,
        turns: &[(&[u8], &[u8])],
        server: &[u8],
        step: usize,
    ) -> Result<(), Error> {
        let mut talk = Negotiation::new(&Proxy::parse(url)?, host, 587)?;
        for (index, (said, answer)) in turns.iter().enumerate() {
            assert_eq!(talk.output(), *said, "turn {index}");
            while !talk.output().is_empty() {
                talk.written(step.min(talk.output().len()));
            }
            let last = index + 1 == turns.len();
            let mut rest = if last { [answer, server].concat() } else { answer.to_vec() };
            while talk.wanted() > 0 && talk.output().is_empty() {
                let count = talk.wanted().min(step).min(rest.len());
                if count == 0 {
                    return Err(talk.eof());
                }
                talk.input(&rest.drain(..count).collect::<Vec<u8>>())?;
            }
            assert_eq!(talk.is_done(), last, "turn {index}");
            assert_eq!(rest, if last { server } else { b"" }, "turn {index}");
        }
        Ok(())
    }

    /// The same, cut everywhere, and whole.
    pub(super) fn plays(url: &str, host: &str, turns: &[(&[u8], &[u8])]) {
        for step in [1, 2, 3, 5, 1000] {
            play(url, host, turns, b"220 mail.test ESMTP\r\n", step)
                .unwrap_or_else(|error| panic!("{step} bytes at a time: {error}"));
        }
    }

    /// The same, for one that fails, alike however it is cut.
    pub(super) fn fails(url: &str, host: &str, turns: &[(&[u8], &[u8])]) -> Error {
        let whole = play(url, host, turns, b"", 1000).expect_err("it fails");
        for step in [1, 2, 3, 5] {
            let cut = play(url, host, turns, b"", step).expect_err("it fails however it is cut");
            assert_eq!(
                (cut.message(), cut.failure()),
                (whole.message(), whole.failure()),
                "{step} bytes at a time"
            );
        }
        assert_eq!(whole.kind(), ErrorKind::Proxy);
        whole
    }

    #[test]
    fn a_host_that_no_proxy_can_take_is_bad_input() {
        let proxy = Proxy::parse("socks5://p").unwrap();
        for host in ["", "a b", "a\r\nX: y", &"a.".repeat(200)] {
            assert_eq!(Negotiation::new(&proxy, host, 25).unwrap_err().field(), Some("Name"), "{host}");
        }
    }
}
