//! Asking: over UDP first, over TCP when the answer does not fit, each server in turn.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use super::{
    DnsError, Kind, Record, Resolver,
    message::{self, Response},
    servers,
};
use crate::{net::Cancel, os::entropy};

/// How long one server may take before the next is asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often each server is asked.
const ROUNDS: usize = 2;

/// How often a wait looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(25);

/// Longest message over UDP that is taken, whatever was announced.
const LONGEST: usize = 4096;

/// Asks name servers.
#[derive(Debug)]
pub(crate) struct Client {
    servers: Result<Vec<SocketAddr>, String>,
    cancel: Cancel,
}

impl Client {
    /// A client of this name server, or of those of the system.
    pub(crate) fn new(server: Option<SocketAddr>, cancel: Cancel) -> Self {
        let servers = server.map_or_else(servers::of_system, |server| Ok(vec![server]));
        Self { servers, cancel }
    }

    /// One question to one server.
    fn ask(&self, server: SocketAddr, name: &str, kind: Kind, edns: bool) -> Result<Response, Trouble> {
        let id =
            entropy::random().map(u16::from_be_bytes).map_err(|error| Trouble::Server(error.to_string()))?;
        let query = message::query(id, name, kind, edns).ok_or(Trouble::Name)?;
        let deadline = Instant::now() + PATIENCE;
        let failed =
            |error: io::Error| Trouble::Server(format!("the name server {server} did not answer: {error}"));
        let response = self.over_udp(server, &query, kind, deadline).map_err(failed)?;
        if response.truncated {
            return self.over_tcp(server, &query, kind, Instant::now() + PATIENCE).map_err(failed);
        }
        Ok(response)
    }

    fn over_udp(&self, server: SocketAddr, query: &[u8], kind: Kind, until: Instant) -> io::Result<Response> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        // Connected: the system drops what comes from anybody else, and tells of a closed port.
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(LOOK))?;
        socket.send(query)?;
        let mut heard = [0; LONGEST];
        loop {
            match socket.recv(&mut heard) {
                Ok(count) => {
                    // What is no answer to this question is not listened to.
                    if let Some(response) = message::response(query, kind, &heard[..count]) {
                        return Ok(response);
                    }
                }
                Err(error) if is_short_wait(&error) => {}
                Err(error) => return Err(error),
            }
            self.go_on(until)?;
        }
    }

    fn over_tcp(&self, server: SocketAddr, query: &[u8], kind: Kind, until: Instant) -> io::Result<Response> {
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let length = u16::try_from(query.len()).unwrap_or(u16::MAX).to_be_bytes();
        stream.write_all(&[&length, query].concat())?;
        let mut length = [0; 2];
        self.fill(&mut stream, &mut length, until)?;
        let mut heard = vec![0; u16::from_be_bytes(length).into()];
        self.fill(&mut stream, &mut heard, until)?;
        let response = message::response(query, kind, &heard).filter(|response| !response.truncated);
        response.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what it said is no answer"))
    }

    fn fill(&self, stream: &mut TcpStream, mut buffer: &mut [u8], until: Instant) -> io::Result<()> {
        while !buffer.is_empty() {
            match stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => buffer = &mut buffer[count..],
                Err(error) if is_short_wait(&error) => {}
                Err(error) => return Err(error),
            }
            self.go_on(until)?;
        }
        Ok(())
    }

    fn go_on(&self, until: Instant) -> io::Result<()> {
        if self.cancel.is_cancelled() || Instant::now() >= until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        }
        Ok(())
    }
}

/// Why one server gave nothing.
enum Trouble {
    Server(String),
    /// The name itself cannot be asked for.
    Name,
}

fn is_short_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

impl Resolver for Client {
    fn lookup(&self, name: &str, kind: Kind) -> Result<Vec<Record>, DnsError> {
        let servers = self.servers.as_ref().map_err(|why| DnsError::Failed(why.clone()))?;
        let mut last = String::from("no name server was asked");
        for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
            if self.cancel.is_cancelled() {
                break;
            }
            let mut answered = self.ask(*server, name, kind, true);
            // FORMERR, NOTIMP: a server from before EDNS (RFC 6891 section 6.2.2).
            if matches!(&answered, Ok(response) if matches!(response.code, 1 | 4)) {
                answered = self.ask(*server, name, kind, false);
            }
            match answered {
                Ok(Response { code: 0, records, .. }) => return Ok(records),
                Ok(Response { code: 3, .. }) | Err(Trouble::Name) => return Err(DnsError::NoSuchName),
                Ok(Response { code, .. }) => {
                    last = format!("the name server {server} answered {}", words(code));
                }
                Err(Trouble::Server(why)) => last = why,
            }
        }
        Err(DnsError::Failed(last))
    }
}

/// The name of a response code (RFC 1035 section 4.1.1).
fn words(code: u8) -> String {
    match code {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        code => format!("code {code}"),
    }
}
