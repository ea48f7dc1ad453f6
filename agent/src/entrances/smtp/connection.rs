//! One connection: carries out what the session asks for.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{policy::Policy, reception::Reception};
use crate::{
    entrances::tls,
    server::{Session, Step},
};

/// How long a client may take for TLS.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// How long a message may take from its first octet to its last one.
const MESSAGE: Duration = Duration::from_secs(30 * 60);

/// What a connection is carried out with.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) policy: Arc<Policy>,
    pub(super) tls: Option<tls::Acceptor>,
    pub(super) idle: Duration,
    pub(super) reception: Reception,
    /// Says that the agent stops.
    pub(super) stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Serves the client to the end of the session.
    pub(super) async fn serve(mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = Stream::Clear(stream);
        let policy = Arc::clone(&self.policy);
        let mut session = Session::new(policy, Some(self.peer));
        let mut buffer = vec![0; 64 * 1024];
        // Of the message that comes in.
        let mut until: Option<Instant> = None;
        loop {
            match session.next() {
                Step::Send(bytes) => timeout(self.idle, send(&mut stream, &bytes)).await??,
                Step::Begin(client, envelope) => {
                    until = Some(Instant::now() + MESSAGE);
                    self.reception.begin(&client, envelope);
                }
                Step::Body(bytes) => self.reception.body(&bytes),
                Step::Abandon => {
                    until = None;
                    self.reception.abandon();
                }
                Step::Commit => {
                    until = None;
                    let Some(whole) = self.reception.commit() else { return Ok(()) };
                    // Threads that wait for the disk together share one sync.
                    let submitted = tokio::task::spawn_blocking(|| whole.submit());
                    session.committed(&submitted.await.map_err(io::Error::other)?);
                }
                Step::StartTls => {
                    let (Some(tls), Stream::Clear(clear)) = (&self.tls, stream) else { return Ok(()) };
                    let secured = timeout(HANDSHAKE, tls.accept(clear)).await??;
                    stream = Stream::Tls(Box::new(secured));
                    session.secured();
                }
                Step::NeedInput => {
                    let idle = Instant::now() + self.idle;
                    let limit = until.map_or(idle, |until| until.min(idle));
                    tokio::select! {
                        read = timeout_at(limit, stream.read(&mut buffer)) => match read {
                            Ok(Ok(0)) => return Ok(()),
                            Ok(read) => session.input(&buffer[..read?]),
                            Err(_) => session.end("4.4.2", "nothing was heard for too long, closing"),
                        },
                        _ = self.stopping.wait_for(|stopping| *stopping) => {
                            session.end("4.3.2", "shutting down");
                        }
                    }
                }
                Step::Close => return close(stream).await,
            }
        }
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Closes so that the last reply arrives: a close with unread octets resets the connection, and a reset may overtake it.
async fn close(mut stream: Stream) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(1);
    const MOST_READS: usize = 64;
    timeout(PATIENCE, stream.shutdown()).await??;
    let mut away = [0; 4096];
    let read_away = async {
        for _ in 0..MOST_READS {
            if stream.read(&mut away).await? == 0 {
                break;
            }
        }
        Ok(())
    };
    timeout(PATIENCE, read_away).await.unwrap_or(Ok(()))
}

/// What the client is connected over.
enum Stream {
    Clear(TcpStream),
    Tls(Box<tls::Stream>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
