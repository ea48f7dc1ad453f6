//! Opening a connection through a proxy.

use std::{
    io::{self, Read, Write},
    time::Instant,
};

use super::{Negotiation, fault};
use crate::{
    error::{Error, ErrorKind},
    net::{Operation, Place, Poller, Socket, Target, cancelled},
    os::socket::{Interest, Wait},
    types::{Failure, Proxy, Stage},
};

/// Bytes read at a time, at most: answers are short.
const READ: usize = 512;

/// Connects to `target`, which must be a host, through a proxy. What the socket gives then is the server's.
pub(crate) async fn connect_through(
    proxy: &Proxy,
    target: &Target<'_>,
    poller: &Poller,
    operation: &Operation<'_>,
) -> Result<Socket, Error> {
    let Place::Host { name, port, local, .. } = target.place else {
        let text = "is set, and no proxy connects to a Unix-domain socket";
        return Err(Error::input("Proxy", text));
    };
    let mut talk = Negotiation::new(proxy, name, port)?;
    let place = Place::Host { name: proxy.host(), addresses: &[], port: proxy.port(), local };
    let connected = crate::net::connect(&Target { place, ..*target }, poller, operation).await;
    let mut socket = connected.map_err(|error| unreachable(error, operation))?;
    let deadline = operation.until(Instant::now().checked_add(target.timeout));
    let mut buffer = [0; READ];
    while !talk.is_done() {
        let (interest, done) = if talk.output().is_empty() {
            let room = talk.wanted().min(READ);
            (Interest::Read, socket.read(&mut buffer[..room]))
        } else {
            (Interest::ReadWrite, socket.write(talk.output()))
        };
        match done {
            Ok(0) => return Err(talk.eof()),
            Ok(count) if interest == Interest::Read => talk.input(&buffer[..count])?,
            Ok(count) => talk.written(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let waited = poller.wait(&socket, interest, deadline).await;
                match waited.map_err(|source| broke(&source))? {
                    Wait::Ready { .. } => {}
                    Wait::Woken => return Err(cancelled(Stage::Connect)),
                    Wait::TimedOut => {
                        operation.check(Instant::now(), Stage::Connect)?;
                        return Err(fault("the proxy did not answer in time"));
                    }
                }
            }
            Err(error) => return Err(broke(&error)),
        }
    }
    Ok(socket)
}

/// The proxy itself could not be reached; a cancel, and the end of the operation's time, stay what they are.
fn unreachable(error: Error, operation: &Operation<'_>) -> Error {
    let of_proxy = matches!(error.kind(), ErrorKind::Dns | ErrorKind::Connect | ErrorKind::Timeout);
    if !of_proxy || operation.check(Instant::now(), Stage::Connect).is_err() {
        return error;
    }
    let text = format!("the proxy can't be reached: {}", error.message());
    Error::new(ErrorKind::Proxy, error.stage(), text)
        .with_failure(Failure::ProxyFailed)
        .with_temporary(error.is_temporary())
}

fn broke(source: &io::Error) -> Error {
    Error::io(ErrorKind::Proxy, Stage::Connect, "the connection to the proxy broke", source)
        .with_failure(Failure::ProxyFailed)
}
