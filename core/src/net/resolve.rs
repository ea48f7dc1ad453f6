//! Host names to addresses, without waiting longer than asked.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    time::Instant,
};

use super::{Called, Operation, Poller, cancel::cancelled};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// All addresses of `host`, IPv6 and IPv4 in turn, in the order that the system prefers (RFC 8305 section 4).
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    deadline: Option<Instant>,
    poller: &Poller,
    operation: &Operation<'_>,
) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    let look_up = move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    // The system's resolver has no time limit of its own that a program could set.
    let called = poller.call_beside(look_up, operation.until(deadline)).await;
    let source = match called {
        Ok(Called::Done(Ok(addresses))) if addresses.is_empty() => {
            io::Error::new(io::ErrorKind::NotFound, "the name has no address")
        }
        Ok(Called::Done(Ok(addresses))) => return Ok(interleave(addresses)),
        Ok(Called::Woken) => return Err(cancelled(Stage::Resolve)),
        Ok(Called::TimedOut) => {
            operation.check(Instant::now(), Stage::Resolve)?;
            io::Error::new(io::ErrorKind::TimedOut, "the name service did not answer in time")
        }
        Ok(Called::Done(Err(source))) | Err(source) => source,
    };
    Err(failed(host, &source))
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
    use crate::net::{Cancel, Runtime, on_this_thread};

    #[test]
    fn families_alternate() {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = interleave(parse(&["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]));
        assert_eq!(mixed, parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1", "127.0.0.3:1"]));
    }

    #[test]
    fn literals_need_no_resolver() {
        let cancel = Cancel::new();
        let operation = Operation::new(Runtime::Thread, &cancel, None);
        let poller = operation.poller().unwrap();
        for literal in ["127.0.0.1", "::1", "[::1]"] {
            let found = on_this_thread(resolve(literal, 25, None, &poller, &operation)).unwrap();
            assert_eq!(found.len(), 1, "{literal}");
        }
    }
}
