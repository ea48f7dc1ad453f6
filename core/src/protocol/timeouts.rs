//! How long each phase may take.

use std::time::Duration;

/// Timeouts for each phase (RFC 5321 section 4.5.3.2 gives the upper bounds; the defaults are shorter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one address to accept the connection, and for a TLS handshake.
    pub connect: Duration,
    /// From the open connection to the greeting.
    pub greeting: Duration,
    /// From a command to its reply.
    pub command: Duration,
    /// For the network to take any further bytes of what is being sent.
    pub data_block: Duration,
    /// From the end of the message to the server's reply.
    pub end_of_data: Duration,
    /// For a whole call: name lookup, connecting, session and message, over all servers. `None`, as it is at first,
    /// sets no limit besides those of the phases.
    pub operation: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(60),
            data_block: Duration::from_secs(180),
            end_of_data: Duration::from_secs(600),
            operation: None,
        }
    }
}

impl Timeouts {
    /// The same limit for every phase, none for the whole: what the property `Timeout` means.
    #[must_use]
    pub fn all(limit: Duration) -> Self {
        Self {
            connect: limit,
            greeting: limit,
            command: limit,
            data_block: limit,
            end_of_data: limit,
            operation: None,
        }
    }

    /// The same limit for every phase, and the one for the whole as it was: what setting `DefaultTimeout` does; `None`
    /// for the defaults of the phases.
    #[must_use]
    pub fn with_phases(self, limit: Option<Duration>) -> Self {
        Self { operation: self.operation, ..limit.map_or_else(Self::default, Self::all) }
    }

    /// The limit, when every phase has the same: what the property `DefaultTimeout` shows.
    #[must_use]
    pub fn same(&self) -> Option<Duration> {
        (Self { operation: None, ..*self } == Self::all(self.command)).then_some(self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_for_every_phase_leaves_that_for_the_whole() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        assert_eq!(Timeouts::default().same(), None);
        let all = Timeouts::all(second);
        assert_eq!(
            (all.same(), all.connect, all.end_of_data, all.operation),
            (Some(second), second, second, None)
        );
        let bounded = Timeouts { operation: Some(minute), ..Timeouts::default() };
        let same = bounded.with_phases(Some(second));
        assert_eq!((same.same(), same.operation), (Some(second), Some(minute)));
        assert_eq!(same.with_phases(None), bounded);
        assert_eq!(Timeouts { greeting: minute, ..all }.same(), None);
    }
}
