//! Connections kept for the next message.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Server, idle::IdleLimits, rate::Rate, session::Session};
use crate::net::{Cancel, Runtime, TlsConnector, TlsOptions};

/// The idle sessions of an `SMTP` object, and the operations that are under way.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<Session>>,
    running: Mutex<Vec<Cancel>>,
    connectors: Mutex<Vec<Arc<TlsConnector>>>,
    idle_limits: IdleLimits,
    /// The turns of `RateLimit`.
    pub(super) rate: Rate,
}

/// How a session was kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    idle: Duration,
    /// This server has ended a session that had been idle for about as long: it is asked before it is relied on.
    pub(super) doubtful: bool,
}

impl Pool {
    /// An idle session that fits, for that runtime, if one is still alive, and how it was kept. Those that died are
    /// dropped.
    pub(super) fn take(&self, server: &Server, domain: &str, runtime: Runtime) -> Option<(Session, Kept)> {
        loop {
            let mut session = {
                let mut idle = lock(&self.idle);
                let at = idle.iter().rposition(|s| s.domain == domain && s.server == *server)?;
                idle.swap_remove(at)
            };
            let idle = session.idle_for(Instant::now());
            if session.resume(runtime) {
                let doubtful = self.idle_limits.is_near(&session.server, idle);
                return Some((session, Kept { idle, doubtful }));
            }
            self.idle_limits.learn(&session.server, idle);
        }
    }

    /// Keeps a session; one that takes no further message ends.
    pub(super) fn put(&self, mut session: Session) {
        if session.takes_another() {
            session.rest(Instant::now());
            lock(&self.idle).push(session);
        }
    }

    /// The server has ended a session that had been kept for so long.
    pub(super) fn was_dropped(&self, server: &Server, kept: Kept) {
        self.idle_limits.learn(server, kept.idle);
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.idle).is_empty()
    }

    /// Takes all idle sessions out.
    pub(super) fn drain(&self) -> Vec<Session> {
        std::mem::take(&mut *lock(&self.idle))
    }

    /// The connector for these options: the same one each time, so that a trust store is read once.
    pub(super) fn connector(&self, options: TlsOptions) -> Arc<TlsConnector> {
        let mut connectors = lock(&self.connectors);
        if let Some(connector) = connectors.iter().find(|c| *c.options() == options) {
            return Arc::clone(connector);
        }
        let connector = Arc::new(TlsConnector::new(options));
        connectors.push(Arc::clone(&connector));
        connector
    }

    /// Lets [`Pool::cancel`] reach an operation, as long as the guard lives.
    pub(super) fn register(&self, cancel: &Cancel) -> Running<'_> {
        lock(&self.running).push(cancel.clone());
        Running { pool: self, cancel: cancel.clone() }
    }

    /// Cancels every operation under way.
    pub(super) fn cancel(&self) {
        for cancel in lock(&self.running).iter() {
            cancel.cancel();
        }
    }
}

/// An operation under way.
pub(crate) struct Running<'a> {
    pool: &'a Pool,
    cancel: Cancel,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = lock(&self.pool.running);
        if let Some(at) = running.iter().position(|c| c.is(&self.cancel)) {
            running.swap_remove(at);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
