//! The driver of sessions over TCP: a thread for each connection.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    policy::Policy,
    store::{Incoming, Kept, Store},
};
use crate::{
    os,
    server::{Reply, Session, Step},
};

/// Bounds of what clients may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most connections at the same time; the next is answered 421 and closed.
    pub(crate) connections: usize,
    /// How long a client may be silent, or not read.
    pub(crate) idle: Duration,
}

/// What is told about a message that was kept.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The file.
    pub(crate) path: std::path::PathBuf,
    /// Its bytes.
    pub(crate) size: u64,
    /// The reverse-path; empty for the null reverse-path.
    pub(crate) sender: String,
    /// The forward-paths.
    pub(crate) recipients: Vec<String>,
}

/// Called with each message that was kept, or the failure to keep one.
pub(crate) type Observer = Box<dyn Fn(io::Result<Received>) + Send + Sync>;

/// A listening socket and its sessions. Clones share them.
#[derive(Clone)]
pub(crate) struct Listener(Arc<Shared>);

struct Shared {
    socket: TcpListener,
    address: SocketAddr,
    policy: Arc<Policy>,
    store: Store,
    limits: Limits,
    observer: Observer,
    stopping: AtomicBool,
    open: Mutex<HashMap<u64, TcpStream>>,
    /// A session ended.
    ended: Condvar,
}

impl Listener {
    /// Listens on `address`; port 0 takes any free port.
    pub(crate) fn bind(
        address: SocketAddr,
        policy: Policy,
        store: Store,
        limits: Limits,
        observer: Observer,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self(Arc::new(Shared {
            socket,
            address,
            policy: Arc::new(policy),
            store,
            limits,
            observer,
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            ended: Condvar::new(),
        })))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Serves until [`stop`](Self::stop) is called, then waits for the sessions to end.
    pub(crate) fn run(&self) -> io::Result<()> {
        let shared = &self.0;
        for number in 0.. {
            let (stream, peer) = match shared.socket.accept() {
                Ok(accepted) => accepted,
                Err(_) if shared.stopping() => break,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => return Err(error),
            };
            if shared.stopping() {
                break;
            }
            // A connection that can't be set up, or for which there is no thread, is closed: the client sees that.
            drop(self.open(number, stream, peer));
        }
        let mut open = shared.open();
        while !open.is_empty() {
            open = shared.ended.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Ends [`run`](Self::run), from any thread: clients are told 421, what they had not finished is forgotten.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        for stream in self.0.open().values() {
            drop(stream.shutdown(Shutdown::Read));
        }
        // The accept that waits is woken by a connection; without one, there is nothing to wake.
        let loopback: IpAddr =
            if self.0.address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        let ip = if self.0.address.ip().is_unspecified() { loopback } else { self.0.address.ip() };
        let wake = SocketAddr::new(ip, self.0.address.port());
        drop(TcpStream::connect_timeout(&wake, Duration::from_secs(1)));
    }

    fn open(&self, number: u64, mut stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(shared.limits.idle))?;
        stream.set_write_timeout(Some(shared.limits.idle))?;
        let mut open = shared.open();
        if open.len() >= shared.limits.connections {
            // A fresh socket takes this much without waiting.
            return stream.write_all(b"421 4.3.2 localhost too many connections, try again later\r\n");
        }
        open.insert(number, stream.try_clone()?);
        drop(open);
        let place = Place { shared: Arc::clone(&shared), number };
        thread::Builder::new().name(format!("session {number}")).spawn(move || {
            // That a client is gone concerns nobody but the client.
            drop(serve(&place.shared, &stream, peer));
        })?;
        Ok(())
    }
}

/// A failure of the connection that was being accepted, or a want that passes; not of the socket that listens.
fn is_of_one_connection(error: &io::Error) -> bool {
    const WANT: Duration = Duration::from_millis(50);
    if os::is_out_of_handles(error) {
        // Some session ends and gives one back; until then, asking again at once would only burn time.
        thread::sleep(WANT);
        return true;
    }
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a session among the open ones, given back however the session ends.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.open().remove(&self.number);
        self.shared.ended.notify_all();
    }
}

/// Carries out one session.
fn serve(shared: &Shared, mut stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
    let policy = Arc::clone(&shared.policy);
    let mut session = Session::new(policy, Some(peer));
    let mut incoming: Option<Incoming<'_>> = None;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match session.next() {
            Step::Send(bytes) => stream.write_all(&bytes)?,
            Step::Begin(client, envelope) => incoming = Some(shared.store.begin(client, envelope)),
            Step::Body(bytes) => {
                if let Some(incoming) = &mut incoming {
                    incoming.write(&bytes);
                }
            }
            Step::Commit => {
                let kept = incoming.take().map(Incoming::keep);
                session.committed(&answer(tell(shared, kept).as_deref()));
            }
            // TLS is not offered.
            Step::Abandon | Step::StartTls => incoming = None,
            Step::NeedInput if shared.stopping() => session.end("4.3.2", "shutting down"),
            Step::NeedInput => match stream.read(&mut buffer) {
                Ok(0) if shared.stopping() => {}
                Ok(0) => return Ok(()),
                Ok(count) => session.input(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    session.end("4.4.2", "nothing was heard for too long, closing");
                }
                Err(error) => return Err(error),
            },
            Step::Close => return close(stream),
        }
    }
}

/// The reply to a message, by the name that it is kept under.
pub(super) fn answer(name: Option<&str>) -> Reply {
    match name {
        Some(name) => Reply::new(250, "2.0.0", format!("Ok: kept as {name}")),
        None => Reply::new(451, "4.3.0", "The message could not be kept"),
    }
}

/// Tells the observer; the name of the file when the message was kept.
fn tell(shared: &Shared, kept: Option<io::Result<Kept>>) -> Option<String> {
    let (name, told) = match kept? {
        Ok(Kept { path, size, envelope }) => {
            let recipients = envelope.recipients.into_iter().map(|recipient| recipient.address).collect();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            (name, Ok(Received { path, size, sender: envelope.sender, recipients }))
        }
        Err(error) => (None, Err(error)),
    };
    (shared.observer)(told);
    name
}

/// Closes so that the last reply arrives: what the client still sends is read away for a moment, because a close
/// with unread bytes resets the connection, and a reset may overtake the reply.
fn close(mut stream: &TcpStream) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(1);
    const MOST_READS: usize = 64;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut away = [0; 4096];
    for _ in 0..MOST_READS {
        if stream.read(&mut away)? == 0 {
            break;
        }
    }
    Ok(())
}
