//! The control socket `agent.sock`: what a person or a program asks of a running agent, and orders.
//!
//! Purpose: JSON lines, a request a line and an answer a line, over a Unix socket in the spool that is there while the agent
//! runs. `docs/agent-socket.md` describes it; the commands `freesmtp queue`, `blast` and `status`, the library's
//! `Smtp::spool_status` and the like speak it.
//!
//! Policy:
//! - Who may connect is decided by the rights of the socket: the owner of the spool, and its group where the spool's
//!   folder lets a group submit.
//! - Nothing here holds up a delivery: questions are answered by readers of the database, bounded in time and size; who
//!   reads too slowly is told what he missed, and in the end is closed.
//! - What is not known yet may still be on its way: before "unknown" is said, everything that is in the spool is taken in.

pub(crate) mod answer;
mod causes;
mod connection;
mod failures;
mod guests;
pub(crate) mod letters;
mod listener;
pub(crate) mod orders;
mod others;
pub(crate) mod questions;
mod rates;
mod recent;
mod refusal;
pub(crate) mod request;
mod streams;
mod surveys;
mod tallies;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use serde::Serialize;
use tokio::{sync::watch, task::JoinHandle};

use self::{failures::Failures, others::Others, rates::Rates, recent::Recent};
pub(crate) use self::{
    others::since_start,
    questions::{Messages, alone},
    refusal::{Refusal, Trouble},
    surveys::Surveys,
    tallies::Tallies,
};
use crate::{
    agent::Handle,
    delivery::Observer,
    events::Events,
    intake::Rounds,
    queue::{Done, Ending, Job, Millis},
};

/// The name of the socket in the spool.
pub const SOCKET: &str = "agent.sock";

/// The version of what is spoken there.
pub const VERSION: u64 = 1;

/// How long to wait for what is on its way, before something counts as unknown.
const CATCH_UP: Duration = Duration::from_secs(3);

/// What is asked about that the queue does not keep: what ended lately, how fast it goes, and what attempts came to.
#[derive(Debug, Default)]
pub struct Memory {
    recent: Recent,
    rates: Rates,
    pub(crate) tallies: Tallies,
    pub(crate) failures: Failures,
}

impl Observer for Memory {
    fn attempted(&self, job: &Job, done: &Done) {
        self.rates.count(job.blast, done);
        self.tallies.attempted(done);
        self.failures.attempted(job, done);
        self.recent.attempted(job, done);
    }

    fn ended(&self, ending: &Ending) {
        self.tallies.ended(ending);
        self.failures.ended(ending);
        self.recent.ended(ending);
    }
}

/// Where the monitor is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Monitor {
    /// `http://127.0.0.1:8025`.
    pub(crate) addresses: Vec<String>,
    /// What changes need. Who may ask at the socket may change everything anyway.
    pub(crate) token: String,
}

/// What the socket and the web server work with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) handle: Handle,
    pub(crate) events: Arc<Events>,
    pub(crate) memory: Arc<Memory>,
    /// Agents that share the queue.
    pub(crate) others: Arc<Others>,
    pub(crate) rounds: Arc<Rounds>,
    pub(crate) spool: PathBuf,
    pub(crate) started: Millis,
    pub(crate) surveys: Arc<Surveys>,
    /// `None` when nothing listens for HTTP.
    pub(crate) monitor: Arc<Mutex<Option<Monitor>>>,
    /// How long to wait for what is on its way, before something counts as unknown.
    pub(crate) patience: Duration,
    /// Turns true when the agent ends.
    pub(crate) ending: watch::Receiver<bool>,
}

impl Context {
    /// Where the monitor is, if anywhere.
    pub(crate) fn monitor(&self) -> Option<Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The monitor is there from now on.
    pub(crate) fn set_monitor(&self, monitor: Option<Monitor>) {
        *self.monitor.lock().unwrap_or_else(PoisonError::into_inner) = monitor;
    }

    /// Of an agent that starts now; and what tells it of the agent's end.
    pub(crate) fn new(
        handle: Handle,
        events: Arc<Events>,
        memory: Arc<Memory>,
        rounds: Arc<Rounds>,
    ) -> (Self, watch::Sender<bool>) {
        let (end, ending) = watch::channel(false);
        let started = handle.delivery.now();
        let spool = handle.spool.path().to_owned();
        let (surveys, patience) = (Arc::default(), CATCH_UP);
        (
            Self {
                handle,
                events,
                memory,
                others: Arc::default(),
                rounds,
                spool,
                started,
                surveys,
                monitor: Arc::default(),
                patience,
                ending,
            },
            end,
        )
    }

    /// Returns when the agent ends.
    pub(crate) async fn ends(&self) {
        let mut ending = self.ending.clone();
        // Nobody is left to say so: it has ended.
        drop(ending.wait_for(|ending| *ending).await);
    }

    pub(crate) fn now(&self) -> Millis {
        self.handle.delivery.now()
    }
}

/// The socket of a spool; who connects waits until it is served.
#[derive(Debug)]
pub struct Socket {
    spool: PathBuf,
    listener: std::os::unix::net::UnixListener,
}

impl Socket {
    /// Makes the socket of a spool, whose lock this process has.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when it cannot be made.
    pub fn bind(spool: &Path) -> Result<Self, Error> {
        Ok(Self { spool: spool.to_owned(), listener: listener::bind(spool)? })
    }
}

/// The socket, served.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Control {
    /// Begins to serve the socket.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the runtime cannot take it, or the name of this agent cannot be kept.
    pub(crate) fn open(socket: &Socket, context: Context, end: watch::Sender<bool>) -> Result<Self, Error> {
        let listener = listener::listen(socket)?;
        Others::start(&context).map_err(|error| {
            Error::io(ErrorKind::Spool, Stage::Compose, "the name of this agent among others", &error)
        })?;
        let task = tokio::spawn(listener::accept(listener, context));
        Ok(Self { path: socket.spool.join(SOCKET), end, task })
    }

    /// Takes the socket away; those who wait for something are told.
    pub fn close(self) {
        drop(std::fs::remove_file(&self.path));
        let _ = self.end.send(true);
        self.task.abort();
    }
}
