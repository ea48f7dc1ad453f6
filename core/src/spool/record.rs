//! A record as it was read.

use super::{Envelope, Id};
use crate::types::Moment;

/// A message in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name, which was given back to the program.
    pub id: Id,
    /// When it was submitted; [`Id::unix_ms`] has it to the millisecond.
    pub submitted: Moment,
    /// The `Message-ID` with its angle brackets; empty when it has none.
    pub message_id: String,
    /// Who, to whom, and how; checked.
    pub envelope: Envelope,
    /// Where the bytes of the message are.
    pub body: Body,
    /// Where the record begins in its segment.
    pub offset: u64,
    /// Where the next one begins.
    pub end: u64,
}

/// Where the bytes of a message are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// In the segment, in the record itself, with their checksum behind them.
    Inline {
        /// Place in the segment.
        offset: u64,
        /// Octets.
        length: u64,
    },
    /// In a file of its own, in `bodies/`.
    File {
        /// Name of the file in `bodies/`.
        name: String,
        /// Octets.
        length: u64,
        /// CRC-32C of its octets.
        crc: u32,
    },
}

impl Body {
    /// The octets of the message.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline { length, .. } | Self::File { length, .. } => *length,
        }
    }
}
