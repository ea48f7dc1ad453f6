//! How long servers keep an idle connection, learnt from those that they dropped.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Server;

/// The shortest idle time after which each server was seen to have dropped a connection.
#[derive(Debug, Default)]
pub(super) struct IdleLimits(Mutex<Vec<(String, Duration)>>);

impl IdleLimits {
    /// A connection that had been idle for so long was dropped.
    pub(super) fn learn(&self, server: &Server, idle: Duration) {
        let mut limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let label = server.label();
        match limits.iter_mut().find(|(known, _)| *known == label) {
            Some((_, limit)) => *limit = idle.min(*limit),
            None => limits.push((label, idle)),
        }
    }

    /// Whether a connection that has been idle for so long is near the limit: from three quarters of it on. Nothing
    /// is near a limit that nobody has met.
    pub(super) fn is_near(&self, server: &Server, idle: Duration) -> bool {
        let limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Most servers have shown none: then nothing is made for the comparison.
        !limits.is_empty() && {
            let label = server.label();
            limits.iter().any(|(known, limit)| *known == label && idle >= *limit * 3 / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_limit_of_each_server_counts() {
        let seconds = Duration::from_secs;
        let (one, other) = (Server::new("one.test"), Server::new("other.test"));
        let limits = IdleLimits::default();
        assert!(!limits.is_near(&one, seconds(86_400)));
        limits.learn(&one, seconds(400));
        limits.learn(&one, seconds(100));
        limits.learn(&one, seconds(300));
        assert!(!limits.is_near(&one, seconds(74)));
        assert!(limits.is_near(&one, seconds(75)));
        assert!(!limits.is_near(&other, seconds(75)));
    }
}
