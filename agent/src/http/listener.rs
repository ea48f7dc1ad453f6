//! Sockets, connections and their limits.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;

use super::{Door, Parts, Web, pulse::Pulse, router, token::Token};
use crate::{
    config::HttpSettings,
    control::{Context, Monitor},
    entrances::{Acceptor, Sockets, acceptor},
    os,
};

/// How long a client may take for the head of a request, and for TLS.
const HEAD: Duration = Duration::from_secs(30);

/// How long a client may read nothing while there is something for it.
const UNREAD: Duration = Duration::from_secs(30);

/// What is held in memory for a connection, in octets.
const BUFFER: usize = 64 << 10;

/// How long a question waits for what is on its way into the queue.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a connection may live: no client keeps a place for ever.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// Sockets that listen, and what is served on them.
pub(crate) struct Listeners {
    sockets: Vec<TcpListener>,
    settings: HttpSettings,
    name: String,
    /// `None` when nothing listens.
    token: Option<Token>,
    tls: Option<Acceptor>,
}

impl Listeners {
    /// Listens where the settings say; a token that is not there is made in `folder`.
    ///
    /// # Errors
    /// With the field of the settings.
    pub(crate) fn open(
        settings: &HttpSettings,
        name: &str,
        folder: &Path,
        listening: &mut Sockets,
    ) -> Result<Self, Error> {
        settings.check()?;
        let mut sockets = Vec::new();
        for (index, (address, optional)) in settings.addresses()?.into_iter().enumerate() {
            sockets.extend(listening.listen(address, &format!("http.listen[{index}]"), optional)?);
        }
        let token = match (&settings.token_file, sockets.is_empty()) {
            (_, true) => None,
            (Some(path), false) => Some(Token::read(path, false)?),
            (None, false) => Some(Token::read(&folder.join("token"), true)?),
        };
        let tls = match (&settings.certificate_file, &settings.key_file) {
            (Some(certificate), Some(key)) => Some(acceptor("http", certificate, key)?),
            _ => None,
        };
        Ok(Self { sockets, settings: settings.clone(), name: name.to_owned(), token, tls })
    }

    /// Where they listen.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok())
    }

    /// Where the monitor is to be found, and the token; `None` when nothing listens.
    pub(crate) fn monitor(&self) -> Option<Monitor> {
        let token = self.token.as_ref()?.text();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = |address: SocketAddr| match (
            address.ip().is_unspecified(),
            &self.tls,
            self.settings.hosts.first(),
        ) {
            // The name that the certificate is for, or this machine.
            (_, Some(_), Some(host)) => format!("{scheme}://{host}:{}", address.port()),
            (true, ..) => format!("{scheme}://localhost:{}", address.port()),
            (false, ..) => format!("{scheme}://{address}"),
        };
        Some(Monitor { addresses: self.addresses().map(address).collect(), token })
    }

    /// Serves until `stopping`; the tasks end then.
    pub(crate) fn start(
        self,
        context: &Context,
        folder: PathBuf,
        stopping: watch::Receiver<bool>,
        pulse: &mut Option<Arc<Pulse>>,
    ) -> Result<Vec<JoinHandle<()>>, Error> {
        let Some(token) = self.token else { return Ok(Vec::new()) };
        let HttpSettings { max_size, hosts, health, behind_proxy, connections, .. } = self.settings;
        let context = Context { patience: PATIENCE, ..context.clone() };
        let pulse = Arc::clone(pulse.get_or_insert_with(|| Pulse::start(&context)));
        let parts = Parts { context, pulse, folder, name: self.name, token, hosts, max_size, health };
        let parts = Arc::new(parts);
        let [here, elsewhere] =
            [Door::Here, Door::Elsewhere].map(|door| router(&Web { parts: Arc::clone(&parts), door }));
        let places = Arc::new(Semaphore::new(connections));
        let mut tasks = Vec::new();
        for socket in self.sockets {
            let socket = socket
                .set_nonblocking(true)
                .and_then(|()| tokio::net::TcpListener::from_std(socket))
                .map_err(|error| Error::io(ErrorKind::Connect, Stage::Connect, "the web server", &error))?;
            let service = Service {
                here: here.clone(),
                elsewhere: elsewhere.clone(),
                behind_proxy,
                tls: self.tls.clone(),
                places: Arc::clone(&places),
                stopping: stopping.clone(),
            };
            tasks.push(tokio::spawn(service.accept(socket)));
        }
        Ok(tasks)
    }
}

/// How HTTP is spoken on every connection.
pub(super) fn rules() -> http1::Builder {
    let mut rules = http1::Builder::new();
    rules.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER);
    rules
}

/// What is served on one socket.
#[derive(Clone)]
struct Service {
    /// What is served to those who come from this machine, and to others.
    here: axum::Router,
    elsewhere: axum::Router,
    /// Those who come from this machine come for others.
    behind_proxy: bool,
    tls: Option<Acceptor>,
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Service {
    async fn accept(mut self, socket: tokio::net::TcpListener) {
        let mut connections = JoinSet::new();
        let mut stopping = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = self.stopping.wait_for(|stopping| *stopping) => break,
            };
            // Those that have ended.
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) => {
                    // One that finds no place waits for it, and so do those behind it.
                    let place = tokio::select! {
                        place = Arc::clone(&self.places).acquire_owned() => place,
                        _ = stopping.wait_for(|stopping| *stopping) => break,
                    };
                    let service = self.clone();
                    connections.spawn(async move {
                        service.connection(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    if os::is_out_of_handles(&error) {
                        eprintln!("freesmtp agent: no connection can be taken: {error}");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        // Whoever comes from now on is for others.
        drop(socket);
        while connections.join_next().await.is_some() {}
    }

    /// That a client is gone concerns nobody but the client.
    async fn connection(self, stream: TcpStream) {
        let is_loopback = |address: std::io::Result<SocketAddr>| {
            address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
        };
        let is_here =
            !self.behind_proxy && is_loopback(stream.peer_addr()) && is_loopback(stream.local_addr());
        let router = if is_here { self.here.clone() } else { self.elsewhere.clone() };
        match self.tls.clone() {
            None => self.serve(stream, router).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HEAD, tls.accept(stream)).await {
                    self.serve(stream, router).await;
                }
            }
        }
    }

    async fn serve(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        router: axum::Router,
    ) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(UNREAD));
        let connection =
            rules().serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
        tokio::pin!(connection);
        tokio::select! {
            _ = timeout(LIFE, connection.as_mut()) => return,
            _ = self.stopping.wait_for(|stopping| *stopping) => {}
        }
        // What is under way ends, nothing new begins.
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }
}
