//! The agent's entrances that listen, from their sockets to their end.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
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
    folder: PathBuf,
}

/// Entrances that serve.
#[derive(Debug)]
pub(crate) struct Running {
    stopping: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Entrances {
    /// Listens where the settings say; `folder` is for long messages while they come in.
    ///
    /// # Errors
    /// With the field of the settings.
    pub(crate) fn open(settings: &AgentSettings, name: &str, folder: &Path) -> Result<Self, Error> {
        let smtp = smtp::Listeners::open(&settings.smtp, name)?;
        let http = http::Listeners::open(&settings.http, name, folder)?;
        for address in smtp.addresses() {
            eprintln!("freesmtp agent: SMTP on {address}");
        }
        for address in http.addresses() {
            eprintln!("freesmtp agent: HTTP on {address}");
        }
        sweep(folder);
        Ok(Self { smtp, http, folder: folder.to_owned() })
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
        let (stopping, stopped) = watch::channel(false);
        let spool = context.handle.spool.clone();
        let mut tasks = self.smtp.start(spool, self.folder.clone(), stopped.clone())?;
        tasks.extend(self.http.start(context, self.folder, stopped)?);
        Ok(Running { stopping, tasks })
    }
}

impl Running {
    /// Takes nothing more, and lets what is under way end within that time.
    pub(crate) async fn close(self, patience: Duration) {
        self.stopping.send_replace(true);
        let all = async {
            for task in self.tasks {
                drop(task.await);
            }
        };
        drop(tokio::time::timeout(patience, all).await);
    }
}

/// Listens on an address. One that is `optional` and cannot be had, as somebody else has it, is left out, and said.
pub(crate) fn listen(address: SocketAddr, field: &str, optional: bool) -> Result<Option<TcpListener>, Error> {
    match TcpListener::bind(address) {
        Ok(socket) => Ok(Some(socket)),
        Err(error) if optional => {
            let section = field.split('.').next().unwrap_or_default();
            eprintln!(
                "freesmtp agent: {address} cannot be listened on, so that entrance is left out: {error}; [{section}] listen sets another"
            );
            Ok(None)
        }
        Err(error) => {
            let text = format!("cannot listen on {address}");
            Err(Error::io(ErrorKind::Connect, Stage::Connect, text, &error).with_field(field))
        }
    }
}

/// Removes what an agent that was killed had not taken yet: its clients know that.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        drop(fs::remove_file(entry.path()));
    }
}
