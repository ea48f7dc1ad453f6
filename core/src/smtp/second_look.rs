//! A second connection to a server, to find out what went wrong with the first one: no login and no mail goes over it.

use std::time::Duration;

use super::{Server, session::connect};
use crate::{
    net::{Certificate, Connection, Operation, TlsConnector, TlsSetup},
    protocol::{Config, Engine, Security, Timeouts},
};

/// How long looking at a certificate may take, for each step of it.
const LOOK: Duration = Duration::from_secs(5);

/// Whether the port answers a TLS handshake within `limit`. The certificate does not matter for that, and nothing else is
/// said.
pub(super) async fn speaks_tls(server: &Server, limit: Duration, operation: &Operation<'_>) -> bool {
    look(server, Security::Implicit, "", limit, operation).await.is_some()
}

/// The certificate that the server shows, whatever it is. Behind STARTTLS the server is greeted before, as
/// `helo_name`; it hears nothing after the handshake.
pub(super) async fn certificate(
    server: &Server,
    helo_name: &str,
    limit: Duration,
    operation: &Operation<'_>,
) -> Option<Certificate> {
    let security = match server.effective_security() {
        Security::Implicit => Security::Implicit,
        _ => Security::Required,
    };
    look(server, security, helo_name, limit.min(LOOK), operation).await?.certificate()
}

/// A connection that has been encrypted with whoever answered.
async fn look(
    server: &Server,
    security: Security,
    helo_name: &str,
    limit: Duration,
    operation: &Operation<'_>,
) -> Option<Connection> {
    let (socket, poller) = connect(server, limit, operation).await.ok()?;
    let _watch = operation.watch(&poller);
    let connector = TlsConnector::new(server.tls_options().accept_anyone());
    let setup = TlsSetup { connector: &connector, name: server.certificate_name(), timeout: limit };
    let engine = Engine::new(Config {
        helo_name: helo_name.to_owned(),
        security,
        credentials: None,
        loopback: false,
        timeouts: Timeouts::all(limit),
        disabled_extensions: server.disabled_extensions.clone(),
        host: server.name.clone(),
        port: server.effective_port(),
        lmtp: server.lmtp,
        mail_auth: None,
        certificate_checked: false,
        // Nobody logs in here.
        entropy: [0; 32],
        unix_seconds: 0,
    });
    let mut connection = Connection::new(socket, engine, poller);
    if security != Security::Implicit {
        connection.run_to_start_tls(operation).await.then_some(())?;
    }
    connection.start_tls(&setup, operation).await.ok()?;
    Some(connection)
}
