//! Opening a connection: Happy Eyeballs (RFC 8305) over all addresses of a host, or a Unix-domain socket.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use socket2::SockAddr;

use super::{Operation, Poller, Socket, cancel::cancelled, resolve::resolve};
use crate::{
    error::{Error, ErrorKind},
    os::socket,
    types::{Failure, Stage},
};

/// How long an attempt has before the next address is tried beside it (RFC 8305 section 8).
const STAGGER: Duration = Duration::from_millis(250);

/// Where to connect to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Host {
        name: &'a str,
        /// Where the name is, for whoever looked it up; none asks the system.
        addresses: &'a [IpAddr],
        port: u16,
        /// The address to connect from.
        local: Option<IpAddr>,
    },
    /// A Unix-domain socket.
    Path(&'a Path),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port, .. } => write!(f, "{name} port {port}"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// Where to connect to, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) place: Place<'a>,
    /// For the name service, and for each address.
    pub(crate) timeout: Duration,
}

/// Connects to the first address that answers.
pub(crate) async fn connect(
    target: &Target<'_>,
    poller: &Poller,
    operation: &Operation<'_>,
) -> Result<Socket, Error> {
    let (addresses, local) = match target.place {
        Place::Host { name, addresses, port, local } => {
            let deadline = Instant::now().checked_add(target.timeout);
            let found = if addresses.is_empty() {
                resolve(name, port, deadline, poller, operation).await?
            } else {
                addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
            };
            (of_family(found, name, local)?, local.map(|ip| SocketAddr::new(ip, 0)))
        }
        Place::Path(path) => {
            let address = socket::path_address(path).map_err(|source| Failed::one(source).error(target))?;
            (vec![address], None)
        }
    };
    if operation.cancel.is_cancelled() {
        return Err(cancelled(Stage::Connect));
    }
    race(&addresses, local, target.timeout, poller, operation).await.map_err(|lost| match lost {
        Lost::Woken => cancelled(Stage::Connect),
        Lost::OutOfTime(error) => error,
        Lost::Failed(failed) => failed.error(target),
    })
}

/// The addresses that can be reached from the local one.
fn of_family(addresses: Vec<SocketAddr>, name: &str, local: Option<IpAddr>) -> Result<Vec<SockAddr>, Error> {
    let fits = |address: &SocketAddr| local.is_none_or(|local| address.is_ipv4() == local.is_ipv4());
    let addresses: Vec<SockAddr> = addresses.into_iter().filter(fits).map(SockAddr::from).collect();
    match local.filter(|_| addresses.is_empty()) {
        Some(local) => {
            let text = format!("{name} has no address of the family of LocalEndPoint {local}");
            Err(Error::new(ErrorKind::Connect, Stage::Connect, text)
                .with_failure(Failure::ConnectRefused)
                .with_temporary(false))
        }
        None => Ok(addresses),
    }
}

enum Lost {
    Woken,
    /// The whole operation took too long.
    OutOfTime(Error),
    Failed(Failed),
}

/// An attempt under way.
struct Attempt {
    socket: Socket,
    address: Option<SocketAddr>,
    deadline: Option<Instant>,
}

async fn race(
    addresses: &[SockAddr],
    local: Option<SocketAddr>,
    timeout: Duration,
    poller: &Poller,
    operation: &Operation<'_>,
) -> Result<Socket, Lost> {
    let mut waiting = addresses.iter();
    let mut running: Vec<Attempt> = Vec::new();
    let mut failed = Failed::default();
    let mut next_start = Some(Instant::now());
    loop {
        let now = Instant::now();
        operation.check(now, Stage::Connect).map_err(Lost::OutOfTime)?;
        if next_start.is_some_and(|at| now >= at) || running.is_empty() {
            match waiting.next() {
                Some(address) => {
                    let started = socket::start_connecting(address, local);
                    match started.and_then(|socket| operation.runtime.attach(socket)) {
                        Ok(socket) => {
                            let deadline = now.checked_add(timeout);
                            running.push(Attempt { socket, address: address.as_socket(), deadline });
                            next_start = Some(now + STAGGER);
                        }
                        Err(error) => {
                            failed.add(address.as_socket(), error);
                            continue;
                        }
                    }
                }
                None if running.is_empty() => return Err(Lost::Failed(failed)),
                None => next_start = None,
            }
        }
        let deadline = running.iter().filter_map(|attempt| attempt.deadline).chain(next_start).min();
        let sockets: Vec<&Socket> = running.iter().map(|attempt| &attempt.socket).collect();
        let ended = match poller.wait_any(&sockets, operation.until(deadline)).await {
            Ok(Some(ended)) => ended,
            Ok(None) => return Err(Lost::Woken),
            Err(error) => return Err(Lost::Failed(Failed::one(error))),
        };
        for index in ended.into_iter().rev() {
            let attempt = running.swap_remove(index);
            match attempt.socket.connected() {
                Ok(()) => return Ok(attempt.socket),
                Err(error) => {
                    failed.add(attempt.address, error);
                    // The next address need not wait for its turn.
                    next_start = Some(Instant::now());
                }
            }
        }
        let now = Instant::now();
        for late in running.extract_if(.., |attempt| attempt.deadline.is_some_and(|d| now >= d)) {
            failed.add(late.address, io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        }
    }
}

/// Why each address failed, in the order in which they did.
#[derive(Default)]
struct Failed(Vec<(Option<SocketAddr>, io::Error)>);

impl Failed {
    fn one(error: io::Error) -> Self {
        Self(vec![(None, error)])
    }

    fn add(&mut self, address: Option<SocketAddr>, error: io::Error) {
        self.0.push((address, error));
    }

    /// The error of the whole: of the kind of the last failure, with the reason of each address.
    fn error(self, target: &Target<'_>) -> Error {
        let nothing = || (None, io::Error::new(io::ErrorKind::NotFound, "no address"));
        let Self(mut failures) = self;
        let (address, last) = failures.pop().unwrap_or_else(nothing);
        let (kind, failure) = match last.kind() {
            io::ErrorKind::TimedOut => (ErrorKind::Timeout, Failure::ConnectTimeout),
            // Taken, and dropped before the first look at it: not what a closed port does.
            io::ErrorKind::ConnectionReset => (ErrorKind::Connect, Failure::ConnectionLost),
            _ => (ErrorKind::Connect, Failure::ConnectRefused),
        };
        let mut text = format!("no connection to {}", target.place);
        for (address, error) in &failures {
            let address = address.map(|address| address.ip().to_string()).unwrap_or_default();
            text.push_str(&format!("; {address}: {error}"));
        }
        if let (Some(address), false) = (address, failures.is_empty()) {
            text.push_str(&format!("; {}", address.ip()));
        }
        Error::io(kind, Stage::Connect, text, &last).with_failure(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Cancel, Runtime, on_this_thread};

    fn connect_to(place: Place<'_>, operation: &Operation<'_>) -> Result<Socket, Error> {
        let target = Target { place, timeout: Duration::from_secs(5) };
        let poller = operation.poller()?;
        on_this_thread(connect(&target, &poller, operation))
    }

    fn closed_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn the_next_address_is_tried_when_the_first_refuses() {
        // Bound to IPv4 only: the attempt to [::1], where it exists, is refused.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cancel = Cancel::new();
        let operation = Operation::new(Runtime::Thread, &cancel, None);
        let poller = operation.poller().unwrap();
        let addresses = ["[::1]", "127.0.0.1"]
            .map(|ip| SockAddr::from(format!("{ip}:{port}").parse::<SocketAddr>().unwrap()));
        let socket = on_this_thread(async {
            let won = race(&addresses, None, Duration::from_secs(5), &poller, &operation).await;
            won.map_err(|_| cancelled(Stage::Connect))
        });
        assert_eq!(socket.unwrap().peer(), Some(listener.local_addr().unwrap()));
    }

    /// A port whose queue of connections is full: what asks for another is not answered.
    #[cfg(target_os = "linux")]
    fn silent_port() -> (socket2::Socket, Vec<socket2::Socket>, SocketAddr) {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let queued = (0..8).map(|_| socket::start_connecting(&address, None).unwrap()).collect();
        (listener, queued, address.as_socket().unwrap())
    }

    #[cfg(target_os = "linux")]
    async fn race_with_a_silent_address(runtime: Runtime) -> Result<(), Error> {
        let (_full, _queued, silent) = silent_port();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let answering = listener.local_addr().unwrap();
        let cancel = Cancel::new();
        let operation = Operation::new(runtime, &cancel, None);
        let poller = operation.poller()?;
        let addresses = [silent, answering].map(SockAddr::from);
        let minute = Duration::from_secs(60);
        let won = race(&addresses, None, minute, &poller, &operation).await;
        assert_eq!(won.map_err(|_| cancelled(Stage::Connect))?.peer(), Some(answering));
        // Alone, the silent one is given up in its time.
        let lost = race(&addresses[..1], None, Duration::from_millis(50), &poller, &operation).await;
        assert!(matches!(lost, Err(Lost::Failed(Failed(one))) if one[0].1.kind() == io::ErrorKind::TimedOut));
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_silent_address_is_overtaken_by_the_next_on_either_runtime() {
        on_this_thread(race_with_a_silent_address(Runtime::Thread)).unwrap();
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async { race_with_a_silent_address(Runtime::tokio()?).await }).unwrap();
    }

    #[test]
    fn a_closed_port_is_refused_with_its_own_failure() {
        let cancel = Cancel::new();
        let operation = Operation::new(Runtime::Thread, &cancel, None);
        let place = Place::Host { name: "127.0.0.1", addresses: &[], port: closed_port(), local: None };
        let error = connect_to(place, &operation).unwrap_err();
        assert_eq!(error.failure(), Some(Failure::ConnectRefused));
        assert!(error.is_temporary());
    }

    #[test]
    fn addresses_that_are_known_are_not_looked_up() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = Cancel::new();
        let operation = Operation::new(Runtime::Thread, &cancel, None);
        let addresses = &[address.ip()];
        let place = Place::Host { name: "mx.nowhere.invalid", addresses, port: address.port(), local: None };
        assert_eq!(connect_to(place, &operation).unwrap().peer(), Some(address));
    }

    #[test]
    fn each_address_that_failed_is_named_with_its_reason() {
        let address = |ip: &str| Some(format!("{ip}:25").parse().unwrap());
        let mut failed = Failed::default();
        failed.add(address("[2001:db8::1]"), io::Error::new(io::ErrorKind::NetworkUnreachable, "no route"));
        failed.add(address("192.0.2.1"), io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
        let place = Place::Host { name: "mail.example.com", addresses: &[], port: 25, local: None };
        let error = failed.error(&Target { place, timeout: Duration::from_secs(5) });
        assert_eq!(
            error.message(),
            "no connection to mail.example.com port 25; 2001:db8::1: no route; 192.0.2.1: no answer in time"
        );
        assert_eq!((error.kind(), error.failure()), (ErrorKind::Timeout, Some(Failure::ConnectTimeout)));
    }

    #[test]
    fn a_cancelled_operation_does_not_begin_to_wait() {
        let cancel = Cancel::new();
        let operation = Operation::new(Runtime::Thread, &cancel, None);
        let poller = operation.poller().unwrap();
        let _watch = operation.watch(&poller);
        cancel.cancel();
        let place = Place::Host { name: "localhost", addresses: &[], port: closed_port(), local: None };
        let target = Target { place, timeout: Duration::from_secs(5) };
        let error = on_this_thread(connect(&target, &poller, &operation)).unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::Cancelled, Stage::Resolve));
    }
}
