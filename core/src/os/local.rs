//! Sockets of this machine, which are files.

use std::{io, path::Path, time::Duration};

#[cfg(unix)]
pub(crate) use unix::LocalStream;

#[cfg(not(unix))]
pub(crate) use others::LocalStream;

#[cfg(unix)]
mod unix {
    use super::{Duration, Path, io};
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    use socket2::{Domain, SockAddr, Socket, Type};

    /// The longest path that every system takes as the address of a socket.
    const LONGEST: usize = 100;

    /// A connection to a program of this machine.
    #[derive(Debug)]
    pub(crate) struct LocalStream(UnixStream);

    impl LocalStream {
        /// Connects to the socket of that name in a folder, at once or not at all: `WouldBlock` when the other program
        /// has more connections than it takes for now.
        pub(crate) fn connect(folder: &Path, name: &str) -> io::Result<Self> {
            let path = folder.join(name);
            if path.as_os_str().len() <= LONGEST {
                return at_once(&path).map(Self);
            }
            by_folder(folder, name).map(Self)
        }

        /// No read takes longer than this.
        pub(crate) fn set_patience(&self, limit: Duration) -> io::Result<()> {
            self.0.set_read_timeout(Some(limit))?;
            self.0.set_write_timeout(Some(Duration::from_secs(30)))
        }
    }

    fn at_once(path: &Path) -> io::Result<UnixStream> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)?;
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }

    /// A path that is too long for an address is reached by way of its open folder, where the system knows such a way.
    #[cfg(target_os = "linux")]
    fn by_folder(folder: &Path, name: &str) -> io::Result<UnixStream> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        use std::os::fd::AsRawFd;
        let folder = openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        at_once(Path::new(&format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())))
    }

    #[cfg(not(target_os = "linux"))]
    fn by_folder(folder: &Path, name: &str) -> io::Result<UnixStream> {
        at_once(&folder.join(name))
    }

    impl Read for LocalStream {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.0.read(out)
        }
    }

    impl Write for LocalStream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
}

/// Windows: the agent has no socket there yet.
#[cfg(not(unix))]
mod others {
    use super::{Duration, Path, io};

    #[derive(Debug)]
    pub(crate) struct LocalStream;

    impl LocalStream {
        pub(crate) fn connect(_folder: &Path, _name: &str) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn set_patience(&self, _limit: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    impl io::Read for LocalStream {
        fn read(&mut self, _out: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    impl io::Write for LocalStream {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
