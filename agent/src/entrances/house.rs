//! The agent's entrances that listen, from their sockets to their end.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use tokio::{sync::watch, task::JoinHandle};

use super::{held::PREFIX, smtp};
use crate::{
    config::AgentSettings,
    control::{Context, Monitor},
    http,
};

/// Sockets that listen already, and serve once they are started.
pub(crate) struct Entrances {
    smtp: smtp::Listeners,
    http: http::Listeners,
    sockets: Sockets,
    folder: PathBuf,
}

/// Entrances that serve.
pub(crate) struct Running {
    context: Context,
    /// Once there is somebody to tell.
    pulse: Option<Arc<http::Pulse>>,
    folder: PathBuf,
    sockets: Sockets,
    /// The agent ends.
    stopping: watch::Sender<bool>,
    /// Others serve in place of these.
    retired: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// The sockets that listen, each by the section and the address of the settings: those that are named again stay open over a
/// reload, so that no client finds nobody there.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    before: Vec<Socket>,
    now: Vec<Socket>,
}

#[derive(Debug)]
struct Socket {
    section: String,
    address: SocketAddr,
    listener: TcpListener,
}

impl Entrances {
    /// Listens where the settings say; `folder` is for long messages while they come in.
    ///
    /// # Errors
    /// With the field of the settings.
    pub(crate) fn open(settings: &AgentSettings, name: &str, folder: &Path) -> Result<Self, Error> {
        sweep(folder);
        let entrances = Self::open_with(settings, name, folder, Sockets::default())?;
        for entrance in entrances.sockets.names() {
            eprintln!("freesmtp agent: {entrance}");
        }
        Ok(entrances)
    }

    fn open_with(
        settings: &AgentSettings,
        name: &str,
        folder: &Path,
        mut sockets: Sockets,
    ) -> Result<Self, Error> {
        let smtp = smtp::Listeners::open(&settings.smtp, name, &mut sockets)?;
        let http = http::Listeners::open(&settings.http, name, folder, &mut sockets)?;
        Ok(Self { smtp, http, sockets, folder: folder.to_owned() })
    }

    /// Where the monitor will be, if anywhere.
    pub(crate) fn monitor(&self) -> Option<Monitor> {
        self.http.monitor()
    }

    /// Serves from now on.
    ///
    /// # Errors
    /// When the system has no means for it.
    pub(crate) fn start(self, context: &Context) -> Result<Running, Error> {
        self.start_until(context, watch::channel(false).0, None)
    }

    fn start_until(
        self,
        context: &Context,
        stopping: watch::Sender<bool>,
        mut pulse: Option<Arc<http::Pulse>>,
    ) -> Result<Running, Error> {
        let Self { smtp, http, sockets, folder } = self;
        let (retired, until) = watch::channel(false);
        let spool = context.handle.spool.clone();
        let mut tasks = smtp.start(spool, folder.clone(), until.clone(), stopping.subscribe())?;
        let monitor = http.monitor();
        // What is watched goes on as it was; requests are over soon, so nobody is kept waiting for their end.
        tasks.extend(http.start(context, folder.clone(), until, &mut pulse)?);
        context.set_monitor(monitor);
        let sockets = Sockets { before: Vec::new(), ..sockets };
        Ok(Running { context: context.clone(), pulse, folder, sockets, stopping, retired, tasks })
    }
}

impl Running {
    /// Listens by other settings, beside these until [`Running::change`].
    ///
    /// # Errors
    /// With the field of the settings; nothing has changed then.
    pub(crate) fn prepare(&self, settings: &AgentSettings, name: &str) -> Result<Entrances, Error> {
        Entrances::open_with(settings, name, &self.folder, self.sockets.again()?)
    }

    /// Serves by other settings from now on. Clients that are connected go on as they began.
    ///
    /// # Errors
    /// When the system has no means for it; nothing has changed then.
    pub(crate) fn change(&mut self, entrances: Entrances) -> Result<(), Error> {
        let next = entrances.start_until(&self.context, self.stopping.clone(), self.pulse.clone())?;
        let (before, now) = (self.sockets.names(), next.sockets.names());
        for entrance in now.iter().filter(|entrance| !before.contains(entrance)) {
            eprintln!("freesmtp agent: {entrance}");
        }
        for entrance in before.iter().filter(|entrance| !now.contains(entrance)) {
            eprintln!("freesmtp agent: no longer {entrance}");
        }
        self.retired.send_replace(true);
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.retain(|task| !task.is_finished());
        *self = next;
        self.tasks.extend(tasks);
        Ok(())
    }

    /// Takes nothing more, and lets what is under way end within that time.
    pub(crate) async fn close(self, patience: Duration) {
        self.stopping.send_replace(true);
        self.retired.send_replace(true);
        let all = async {
            for task in self.tasks {
                drop(task.await);
            }
        };
        drop(tokio::time::timeout(patience, all).await);
    }
}

impl Sockets {
    /// Listens on an address, `field` of the settings. One that is `optional` and cannot be had, as somebody else has it, is
    /// left out, and said.
    ///
    /// # Errors
    /// With that field.
    pub(crate) fn listen(
        &mut self,
        address: SocketAddr,
        field: &str,
        optional: bool,
    ) -> Result<Option<TcpListener>, Error> {
        let section = field.split('.').next().unwrap_or_default().to_owned();
        let failed = |error: &io::Error| {
            let text = format!("cannot listen on {address}");
            Error::io(ErrorKind::Connect, Stage::Connect, text, error).with_field(field)
        };
        let known =
            self.before.iter().position(|socket| socket.section == section && socket.address == address);
        let listener = match known {
            Some(at) => self.before.swap_remove(at).listener,
            None => match TcpListener::bind(address) {
                Ok(listener) => listener,
                Err(error) if optional => {
                    eprintln!(
                        "freesmtp agent: {address} cannot be listened on, so that entrance is left out: {error}; [{section}] listen sets another"
                    );
                    return Ok(None);
                }
                Err(error) => return Err(failed(&error)),
            },
        };
        let given = listener.try_clone().map_err(|error| failed(&error))?;
        self.now.push(Socket { section, address, listener });
        Ok(Some(given))
    }

    /// `SMTP on 127.0.0.1:2525`, and so on.
    fn names(&self) -> Vec<String> {
        let name = |socket: &Socket| {
            let address = socket.listener.local_addr().unwrap_or(socket.address);
            format!("{} on {address}", socket.section.to_ascii_uppercase())
        };
        self.now.iter().map(name).collect()
    }

    /// The same, to be named again.
    fn again(&self) -> Result<Self, Error> {
        let copy = |socket: &Socket| -> io::Result<Socket> {
            let Socket { section, address, listener } = socket;
            Ok(Socket { section: section.clone(), address: *address, listener: listener.try_clone()? })
        };
        let before: io::Result<Vec<Socket>> = self.now.iter().map(copy).collect();
        let before = before.map_err(|error| {
            Error::io(ErrorKind::Connect, Stage::Connect, "the sockets that listen", &error)
        })?;
        Ok(Self { before, now: Vec::new() })
    }
}

/// Removes what an agent that was killed had not taken yet: its clients know that.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        drop(fs::remove_file(entry.path()));
    }
}
