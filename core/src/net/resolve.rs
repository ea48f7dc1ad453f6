//! Host names to addresses, without waiting longer than asked.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{Cancel, cancel::cancelled};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// How often a wait for the system's resolver looks whether it was cancelled: the resolver itself can't be woken.
const LOOK: Duration = Duration::from_millis(25);

/// All addresses of `host`, IPv6 and IPv4 in turn, in the order that the system prefers (RFC 8305 section 4).
pub(crate) fn resolve(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
    cancel: &Cancel,
) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    // The system's resolver has no time limit of its own that a program could set: it gets a thread, which ends by
    // itself when the answer is not wanted any more.
    let spawned = thread::Builder::new().name("freesmtp-resolve".to_owned()).spawn(move || {
        let _ = sender.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    });
    if let Err(source) = spawned {
        return Err(failed(host, &source));
    }
    loop {
        if cancel.is_cancelled() {
            return Err(cancelled(Stage::Resolve));
        }
        match receiver.recv_timeout(LOOK) {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                return Err(failed(
                    host,
                    &io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
                ));
            }
            Ok(Ok(addresses)) => return Ok(interleave(addresses)),
            Ok(Err(source)) => return Err(failed(host, &source)),
            Err(RecvTimeoutError::Timeout) if deadline.is_some_and(|d| Instant::now() >= d) => {
                return Err(failed(
                    host,
                    &io::Error::new(io::ErrorKind::TimedOut, "the name service did not answer in time"),
                ));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed(host, &io::Error::other("the resolver ended without an answer")));
            }
        }
    }
}

fn failed(host: &str, source: &io::Error) -> Error {
    Error::io(
        ErrorKind::Dns,
        Stage::Resolve,
        format_args!("the host name {host:?} could not be resolved"),
        source,
    )
    .with_failure(Failure::DnsFailed)
}

/// Alternates the families, so that a broken one delays by one attempt only.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::new();
    loop {
        match (first.next(), second.next()) {
            (None, None) => break,
            (a, b) => mixed.extend(a.into_iter().chain(b)),
        }
    }
    mixed.dedup();
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate() {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = interleave(parse(&["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]));
        assert_eq!(mixed, parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1", "127.0.0.3:1"]));
    }

    #[test]
    fn literals_need_no_resolver() {
        for literal in ["127.0.0.1", "::1", "[::1]"] {
            assert_eq!(resolve(literal, 25, None, &Cancel::new()).unwrap().len(), 1, "{literal}");
        }
    }
}
