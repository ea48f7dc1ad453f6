//! Opening a connection: Happy Eyeballs (RFC 8305) over all addresses of a host.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{Cancel, cancel::cancelled, resolve::resolve};
use crate::{
    error::{Error, ErrorKind},
    os::socket::{self, Waker},
    types::{Failure, Stage},
};

/// How long an attempt has before the next address is tried beside it (RFC 8305 section 8).
const STAGGER: Duration = Duration::from_millis(250);

/// Where to connect to, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) local: Option<IpAddr>,
    /// For the name service, and for each address.
    pub(crate) timeout: Duration,
}

/// Connects to the first address that answers.
pub(crate) fn connect(target: &Target<'_>, waker: &Arc<Waker>, cancel: &Cancel) -> Result<TcpStream, Error> {
    let now = Instant::now();
    let mut addresses = resolve(target.host, target.port, now.checked_add(target.timeout), cancel)?;
    if let Some(local) = target.local {
        addresses.retain(|address| address.is_ipv4() == local.is_ipv4());
        if addresses.is_empty() {
            let text = format!("{} has no address of the family of LocalEndPoint {local}", target.host);
            return Err(Error::new(ErrorKind::Connect, Stage::Connect, text)
                .with_failure(Failure::ConnectRefused)
                .with_temporary(false));
        }
    }
    race(&addresses, target, waker).map_err(|failure| match failure {
        Lost::Woken => cancelled(Stage::Connect),
        Lost::Failed(source) => failed(target, &source),
    })
}

enum Lost {
    Woken,
    Failed(io::Error),
}

fn race(addresses: &[SocketAddr], target: &Target<'_>, waker: &Waker) -> Result<TcpStream, Lost> {
    let local = target.local.map(|ip| SocketAddr::new(ip, 0));
    let mut waiting = addresses.iter();
    let mut running: Vec<(Socket, Option<Instant>)> = Vec::new();
    let mut last = io::Error::new(io::ErrorKind::TimedOut, "no answer");
    let mut next_start = Some(Instant::now());
    loop {
        let now = Instant::now();
        if next_start.is_some_and(|at| now >= at) || running.is_empty() {
            match waiting.next() {
                Some(address) => match socket::start_connecting(*address, local) {
                    Ok(socket) => {
                        running.push((socket, now.checked_add(target.timeout)));
                        next_start = Some(now + STAGGER);
                    }
                    Err(error) => {
                        last = error;
                        continue;
                    }
                },
                None if running.is_empty() => return Err(Lost::Failed(last)),
                None => next_start = None,
            }
        }
        let deadline = running.iter().filter_map(|(_, deadline)| *deadline).chain(next_start).min();
        let sockets: Vec<&Socket> = running.iter().map(|(socket, _)| socket).collect();
        let ended = match socket::wait_any(&sockets, deadline, waker) {
            Ok(Some(ended)) => ended,
            Ok(None) => return Err(Lost::Woken),
            Err(error) => return Err(Lost::Failed(error)),
        };
        for index in ended.into_iter().rev() {
            match socket::finish_connecting(running.swap_remove(index).0) {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    last = error;
                    // The next address need not wait for its turn.
                    next_start = Some(Instant::now());
                }
            }
        }
        let now = Instant::now();
        let before = running.len();
        running.retain(|(_, deadline)| deadline.is_none_or(|d| now < d));
        if running.len() < before {
            last = io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        }
    }
}

fn failed(target: &Target<'_>, source: &io::Error) -> Error {
    let (kind, failure) = match source.kind() {
        io::ErrorKind::TimedOut => (ErrorKind::Timeout, Failure::ConnectTimeout),
        // Taken, and dropped before the first look at it: not what a closed port does.
        io::ErrorKind::ConnectionReset => (ErrorKind::Connect, Failure::ConnectionLost),
        _ => (ErrorKind::Connect, Failure::ConnectRefused),
    };
    let text = format!("no connection to {} port {}", target.host, target.port);
    Error::io(kind, Stage::Connect, text, source).with_failure(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(port: u16) -> Target<'static> {
        Target { host: "localhost", port, local: None, timeout: Duration::from_secs(5) }
    }

    #[test]
    fn the_next_address_is_tried_when_the_first_refuses() {
        // Bound to IPv4 only: the attempt to [::1], where it exists, is refused.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses =
            [format!("[::1]:{port}").parse().unwrap(), format!("127.0.0.1:{port}").parse().unwrap()];
        let stream = race(&addresses, &target(port), &Waker::new().unwrap()).ok().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    }

    #[test]
    fn a_closed_port_is_refused_with_its_own_failure() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = connect(
            &Target { host: "127.0.0.1", ..target(port) },
            &Arc::new(Waker::new().unwrap()),
            &Cancel::new(),
        )
        .unwrap_err();
        assert_eq!(error.failure(), Some(Failure::ConnectRefused));
        assert!(error.is_temporary());
    }
}
