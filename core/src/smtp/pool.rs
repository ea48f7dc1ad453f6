//! Connections kept for the next message.
//!
//! A process that was forked off has the memory of its parent, and its descriptors: a session that both use is a muddle of
//! two conversations. So each process has a pool of its own, and leaves what its parent has alone.

use std::{
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Server, idle::IdleLimits, rate::Rate, session::Session};
use crate::{
    net::{Cancel, Runtime, TlsConnector, TlsOptions},
    spool::Chain,
};

/// The idle sessions of an `SMTP` object, and the operations that are under way.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// One for each process that has this memory: this one, and those that it was forked off from.
    processes: Chain<Own>,
}

/// What one process has.
#[derive(Debug)]
struct Own {
    process: u32,
    idle: Mutex<Vec<Session>>,
    running: Mutex<Vec<Cancel>>,
    connectors: Mutex<Vec<Arc<TlsConnector>>>,
    idle_limits: IdleLimits,
    rate: Rate,
}

impl Own {
    fn new(process: u32) -> Self {
        Self {
            process,
            idle: Mutex::default(),
            running: Mutex::default(),
            connectors: Mutex::default(),
            idle_limits: IdleLimits::default(),
            rate: Rate::default(),
        }
    }
}

impl Drop for Own {
    /// What this process did not open it does not end either: its parent would lose a session by a QUIT, and by less. The
    /// descriptors are let go of with the process.
    fn drop(&mut self) {
        if self.process != process::id() {
            std::mem::take(&mut *lock(&self.idle)).into_iter().for_each(std::mem::forget);
        }
    }
}

/// How a session was kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    idle: Duration,
    /// This server has ended a session that had been idle for about as long: it is asked before it is relied on.
    pub(super) doubtful: bool,
}

impl Pool {
    /// What this process has.
    fn own(&self) -> &Own {
        let process = process::id();
        let find = || self.processes.find(|own| own.process == process);
        match find() {
            Some(own) => own,
            None => {
                // Two threads may both come here; both take the one that is found first.
                let added = self.processes.add(Own::new(process));
                find().unwrap_or(added)
            }
        }
    }

    /// The turns of `RateLimit`.
    pub(super) fn rate(&self) -> &Rate {
        &self.own().rate
    }

    /// An idle session that fits, for that runtime, if one is still alive, and how it was kept. Those that died are
    /// dropped.
    pub(super) fn take(&self, server: &Server, domain: &str, runtime: Runtime) -> Option<(Session, Kept)> {
        let own = self.own();
        loop {
            let mut session = {
                let mut idle = lock(&own.idle);
                let at = idle.iter().rposition(|s| s.domain == domain && s.server == *server)?;
                idle.swap_remove(at)
            };
            let idle = session.idle_for(Instant::now());
            if session.resume(runtime) {
                let doubtful = own.idle_limits.is_near(&session.server, idle);
                return Some((session, Kept { idle, doubtful }));
            }
            own.idle_limits.learn(&session.server, idle);
        }
    }

    /// Keeps a session; one that takes no further message ends.
    pub(super) fn put(&self, mut session: Session) {
        if session.takes_another() {
            session.rest(Instant::now());
            lock(&self.own().idle).push(session);
        }
    }

    /// The server has ended a session that had been kept for so long.
    pub(super) fn was_dropped(&self, server: &Server, kept: Kept) {
        self.own().idle_limits.learn(server, kept.idle);
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.own().idle).is_empty()
    }

    /// Takes all idle sessions out.
    pub(super) fn drain(&self) -> Vec<Session> {
        std::mem::take(&mut *lock(&self.own().idle))
    }

    /// The connector for these options: the same one each time, so that a trust store is read once.
    pub(super) fn connector(&self, options: TlsOptions) -> Arc<TlsConnector> {
        let mut connectors = lock(&self.own().connectors);
        if let Some(connector) = connectors.iter().find(|c| *c.options() == options) {
            return Arc::clone(connector);
        }
        let connector = Arc::new(TlsConnector::new(options));
        connectors.push(Arc::clone(&connector));
        connector
    }

    /// Lets [`Pool::cancel`] reach an operation, as long as the guard lives.
    pub(super) fn register(&self, cancel: &Cancel) -> Running<'_> {
        let own = self.own();
        lock(&own.running).push(cancel.clone());
        Running { own, cancel: cancel.clone() }
    }

    /// Cancels every operation under way.
    pub(super) fn cancel(&self) {
        for cancel in lock(&self.own().running).iter() {
            cancel.cancel();
        }
    }
}

/// An operation under way.
pub(crate) struct Running<'a> {
    own: &'a Own,
    cancel: Cancel,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = lock(&self.own.running);
        if let Some(at) = running.iter().position(|c| c.is(&self.cancel)) {
            running.swap_remove(at);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
