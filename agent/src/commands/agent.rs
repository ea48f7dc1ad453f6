//! `freesmtp agent`.

use std::{io, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use freesmtp_core::{Error, ErrorKind};
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, complain, person};
use crate::{
    agent::Agent,
    config::{AgentSettings, ClusterSettings, RouteSettings},
};

/// Delivers what is in the spool, until it is told to stop.
///
/// SIGTERM and SIGINT end it within ten seconds, SIGHUP has it read its settings again, all but `spool`, `name` and `memory`. Exit status: 0 after a stop, 2 when
/// the settings or the spool are not right, 75 when another agent
/// runs for the spool, or its disk is full.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  freesmtp agent --spool /var/spool/freesmtp --server mail.example.com:587 \\\n      \
    --user me --password-file /etc/freesmtp/password"
)]
pub(crate) struct Arguments {
    /// The settings, a TOML file; flags go before what it says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the spool [default: as `FREESMTP_SPOOL` says, or the usual one]
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// A server that all mail goes to; several are tried in this order. Without any, and without a route in the settings,
    /// mail goes to the mail exchangers of each domain
    #[arg(long, value_name = "URL")]
    server: Vec<String>,
    /// User name at these servers
    #[arg(long, requires = "server")]
    user: Option<String>,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "server")]
    password_file: Option<PathBuf>,
    /// Take mail by SMTP on this address, in place of 127.0.0.1:2525; 'off' for nowhere
    #[arg(long, value_name = "ADDRESS")]
    smtp: Vec<String>,
    /// Serve HTTP on this address, in place of 127.0.0.1:8025; 'off' for nowhere
    #[arg(long, value_name = "ADDRESS")]
    http: Vec<String>,
    /// Share the queue of these servers (NATS JetStream) with agents on other machines: `nats://a,b,c` or `tls://a,b,c`
    #[arg(long, value_name = "URL[,HOST…]")]
    cluster: Option<String>,
    /// Sessions at the same time
    #[arg(long, value_name = "NUMBER")]
    sessions: Option<usize>,
    /// The name given in EHLO [default: this host's full name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Arguments {
    fn settings(&self) -> Result<AgentSettings, Error> {
        let mut settings = match &self.config {
            Some(path) => AgentSettings::read(path)?,
            None => AgentSettings::default(),
        };
        if let Some(spool) = &self.spool {
            settings.spool = Some(spool.clone());
        }
        if let Some(sessions) = self.sessions {
            settings.sessions = sessions;
        }
        if let Some(name) = &self.name {
            settings.name.clone_from(name);
        }
        if !self.smtp.is_empty() {
            settings.smtp.listen = Some(self.smtp.iter().filter(|text| *text != "off").cloned().collect());
        }
        if !self.http.is_empty() {
            settings.http.listen = Some(self.http.iter().filter(|text| *text != "off").cloned().collect());
        }
        if let Some(text) = &self.cluster {
            settings.cluster.servers = ClusterSettings::list(text);
        }
        if !self.server.is_empty() {
            settings.route.push(RouteSettings {
                servers: self.server.clone(),
                user: self.user.clone().unwrap_or_default(),
                password_file: self.password_file.clone(),
                ..RouteSettings::default()
            });
        }
        settings.check()?;
        Ok(settings)
    }
}

/// Runs it.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match start(arguments) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            complain(&format!("freesmtp agent: {}", person::error(&error)));
            let exit = match error.kind() {
                ErrorKind::Spool if error.field() == Some("spool") => Exit::TryLater,
                // A full disk: whoever watches over the agent is to start it again. An address that is taken is for
                // somebody to look at.
                ErrorKind::Connect => Exit::Usage,
                _ if error.is_temporary() || error.io_kind() == Some(io::ErrorKind::StorageFull) => {
                    Exit::TryLater
                }
                _ => Exit::Usage,
            };
            exit.into()
        }
    }
}

fn start(arguments: Arguments) -> Result<(), Error> {
    let settings = arguments.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("agent")
        .build()
        .map_err(|error| Error::input("agent", format!("no threads could be started: {error}")))?;
    runtime.block_on(async move {
        let agent = Agent::open(settings, Arc::new(()))?;
        let handle = agent.handle();
        let reload = agent.reloader();
        let unusual = |error| Error::input("agent", format!("signals cannot be heard: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(unusual)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(unusual)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(unusual)?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => handle.stop(),
                    _ = interrupt.recv() => handle.stop(),
                    _ = hangup.recv() => reload.notify_one(),
                }
            }
        });
        complain(&format!("freesmtp agent: {} is ready\n", env!("CARGO_PKG_VERSION")));
        agent.run(move || arguments.settings()).await
    })
}
