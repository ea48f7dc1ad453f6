//! The socket as a file, and those who connect.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener as Listener,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use tokio::{net::UnixListener, sync::Semaphore};

use super::{Context, SOCKET, Socket, connection, guests::Guests};

/// The most connections at the same time; whoever comes then waits to be accepted.
const CONNECTIONS: usize = 256;

/// The longest path that every system takes as the address of a socket.
const LONGEST: usize = 100;

/// Makes the socket, with its rights from the first moment.
pub(super) fn bind(spool: &Path) -> Result<Listener, Error> {
    make(spool).map_err(|error| failed(spool, &error))
}

/// The same for the runtime.
pub(super) fn listen(socket: &Socket) -> Result<UnixListener, Error> {
    let listener = socket.listener.try_clone().and_then(UnixListener::from_std);
    listener.map_err(|error| failed(&socket.spool, &error))
}

fn failed(spool: &Path, error: &io::Error) -> Error {
    let what = format!("the socket {}", spool.join(SOCKET).display());
    Error::io(ErrorKind::Spool, Stage::Compose, what, error)
}

fn make(spool: &Path) -> io::Result<Listener> {
    // In a folder that is nobody else's business, and then moved: over the one that a killed agent left, too.
    let queue = spool.join("queue");
    let made = queue.join(SOCKET);
    match std::fs::remove_file(&made) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = File::open(&queue)?;
    let listener = Listener::bind(address(&made, &folder))?;
    listener.set_nonblocking(true)?;
    let rights = std::fs::metadata(spool)?;
    let for_group = rights.mode() & 0o010 != 0;
    if for_group && std::fs::symlink_metadata(&made)?.gid() != rights.gid() {
        std::os::unix::fs::lchown(&made, None, Some(rights.gid()))?;
    }
    std::fs::set_permissions(&made, Permissions::from_mode(if for_group { 0o660 } else { 0o600 }))?;
    std::fs::rename(&made, spool.join(SOCKET))?;
    Ok(listener)
}

/// The path as an address: a long one by way of its open folder.
fn address(path: &Path, folder: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    if path.as_os_str().len() <= LONGEST {
        return path.to_owned();
    }
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(SOCKET)
}

/// Serves whoever connects.
pub(super) async fn accept(listener: UnixListener, context: Context) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let guests = Arc::<Guests>::default();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let context = context.clone();
                let guest = match connection::guest(&stream).map(|user| guests.admit(user)) {
                    Some(None) => {
                        connection::turn_away(stream);
                        continue;
                    }
                    Some(guest) => guest,
                    None => None,
                };
                tokio::spawn(async move {
                    connection::serve(stream, context, guest.is_none()).await;
                    drop((place, guest));
                });
            }
            // No more file descriptors, most likely.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
