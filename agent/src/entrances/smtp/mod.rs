//! The SMTP listener (RFC 5321, and RFC 6409: what it takes is complete when it leaves).
//!
//! Policy: it listens on this machine, for its programs. Beyond loopback it takes mail only from users who log in under
//! TLS, so that it is never an open relay. 250 means that the record is durable; many clients share one sync.

mod connection;
mod dialogue;
mod policy;
mod reception;
#[cfg(test)]
mod session_tests;
mod users;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage, spool::Spool};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use self::{connection::Connection, users::Users};
pub(crate) use self::{dialogue::dialogue, policy::Policy, reception::Reception};
use super::{Acceptor, Sockets, acceptor};
use crate::{config::SmtpSettings, os};

/// Sockets that listen, and what their sessions work with.
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    settings: SmtpSettings,
    name: String,
    tls: Option<Acceptor>,
}

/// What all connections share.
struct Shared {
    settings: SmtpSettings,
    name: String,
    tls: Option<Acceptor>,
    spool: Spool,
    folder: PathBuf,
    /// One permit for each connection.
    places: Arc<Semaphore>,
    /// Connections of each address.
    clients: Mutex<HashMap<IpAddr, usize>>,
    /// Others take the connections that come.
    retired: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
}

impl Listeners {
    /// Listens where the settings say.
    ///
    /// # Errors
    /// With the field: an address that is taken, or open to others without TLS and users; files that are not right.
    pub(super) fn open(settings: &SmtpSettings, name: &str, listening: &mut Sockets) -> Result<Self, Error> {
        settings.check()?;
        if let Some(path) = &settings.users_file {
            Users::read(path)?;
        }
        let tls = match (&settings.certificate_file, &settings.key_file) {
            (Some(certificate), Some(key)) => Some(acceptor("smtp", certificate, key)?),
            _ => None,
        };
        let mut sockets = Vec::new();
        for (index, (address, optional)) in settings.addresses()?.into_iter().enumerate() {
            sockets.extend(listening.listen(address, &format!("smtp.listen[{index}]"), optional)?);
        }
        Ok(Self { sockets, settings: settings.clone(), name: name.to_owned(), tls })
    }

    /// Takes connections until `retired`, and serves those it has until `stopping`, or their ends; the tasks end then.
    pub(super) fn start(
        self,
        spool: Spool,
        folder: PathBuf,
        retired: watch::Receiver<bool>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>, Error> {
        let shared = Arc::new(Shared {
            places: Arc::new(Semaphore::new(self.settings.connections)),
            settings: self.settings,
            name: self.name,
            tls: self.tls,
            spool,
            folder,
            clients: Mutex::default(),
            retired,
            stopping,
        });
        let mut tasks = Vec::new();
        for socket in self.sockets {
            let started = socket
                .set_nonblocking(true)
                .and_then(|()| tokio::net::TcpListener::from_std(socket))
                .map_err(|error| {
                    Error::io(ErrorKind::Connect, Stage::Connect, "the SMTP listener", &error)
                })?;
            tasks.push(tokio::spawn(Arc::clone(&shared).accept(started)));
        }
        Ok(tasks)
    }
}

impl Shared {
    async fn accept(self: Arc<Self>, socket: tokio::net::TcpListener) {
        let loopback = socket.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        let policy = Arc::new(Policy {
            name: self.name.clone(),
            max_size: self.settings.max_size,
            max_recipients: self.settings.max_recipients,
            starttls: self.tls.is_some(),
            users: self.settings.users_file.clone(),
            require_auth: self.settings.require_auth || !loopback,
        });
        let mut retired = self.retired.clone();
        let mut sessions = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = retired.wait_for(|retired| *retired) => break,
            };
            // Those that have ended.
            while sessions.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => {
                    sessions.spawn(Arc::clone(&self).connection(stream, peer, Arc::clone(&policy)));
                }
                Err(error) => {
                    // Of the one connection, or a want that passes; asking again at once would only burn time.
                    if os::is_out_of_handles(&error) {
                        eprintln!("freesmtp agent: no connection can be taken: {error}");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        // Whoever comes from now on is for others.
        drop(socket);
        while sessions.join_next().await.is_some() {}
    }

    async fn connection(self: Arc<Self>, mut stream: TcpStream, peer: SocketAddr, policy: Arc<Policy>) {
        let Some(_place) = self.place(peer.ip()) else {
            // A fresh socket takes this much without waiting.
            let text = format!("421 4.3.2 {} too many connections, try again later\r\n", self.name);
            drop(stream.write_all(text.as_bytes()).await);
            return;
        };
        let connection = Connection {
            peer,
            policy,
            tls: self.tls.clone(),
            idle: self.settings.timeout.0,
            reception: Reception::new(self.spool.clone(), self.folder.clone(), self.name.clone()),
            stopping: self.stopping.clone(),
        };
        // That a client is gone concerns nobody but the client.
        drop(connection.serve(stream).await);
    }

    /// A place among the connections, all together and of one address.
    fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(address).or_default();
        // The programs of this machine are one client.
        if *count >= self.settings.connections_per_client && !address.to_canonical().is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place { shared: Arc::clone(self), address, _permit: permit })
    }
}

/// A place among the connections, given back when it is dropped.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.shared.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&self.address);
            }
        }
    }
}
