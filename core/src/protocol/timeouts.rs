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
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(60),
            data_block: Duration::from_secs(180),
            end_of_data: Duration::from_secs(600),
        }
    }
}

impl Timeouts {
    /// The same limit for every phase: what the property `Timeout` means.
    #[must_use]
    pub fn all(limit: Duration) -> Self {
        Self { connect: limit, greeting: limit, command: limit, data_block: limit, end_of_data: limit }
    }

    /// The limit, when every phase has the same: what the property `DefaultTimeout` shows.
    #[must_use]
    pub fn same(&self) -> Option<Duration> {
        (*self == Self::all(self.command)).then_some(self.command)
    }
}
