//! Room that submitters leave on the disk.
//!
//! A disk that submitters had filled to the last octet would be one that the agent cannot empty: it needs room to write down
//! what it has delivered. So a submission is refused that would leave less than [`RESERVE`], before it is written. Policy:
//! the system is asked where a file gets longer, never for each message: a segment is asked for as many zeros ahead as it is
//! filled with, and a message with a file of its own for each [`STEP`] of it. What several processes take at the same moment
//! may go below it by so much each, which is why they fill less ahead where there is little.

use std::io;

use crate::os::folder::Folder;

/// What is left of the disk, in octets.
const RESERVE: u64 = 8 << 20;

/// So much of a message's own file is written between two questions.
pub(super) const STEP: u64 = 4 << 20;

/// The part of what may be taken that a segment is filled ahead with at most: room for as many submitters.
const PART: u64 = 32;

/// How far a writer may fill the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    kept: u64,
}

impl Room {
    /// For those who submit.
    pub(super) const SUBMITTERS: Self = Self { kept: RESERVE };
    /// For the agent, for which the rest is kept.
    pub(super) const AGENT: Self = Self { kept: 0 };

    /// How many octets may be taken of the file system of a folder; `None` where the system does not say.
    fn left(self, folder: &Folder) -> Option<u64> {
        folder.free_room().map(|free| free.saturating_sub(self.kept))
    }

    /// Refuses to take so many octets more when too few would be left. The agent is told by the write itself.
    pub(super) fn ask(self, folder: &Folder, length: u64) -> io::Result<()> {
        match self.left(folder) {
            Some(left) if left < length && self.kept > 0 => Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("less than {} MiB would be left on its disk, which are for the agent", RESERVE >> 20),
            )),
            _ => Ok(()),
        }
    }

    /// How far ahead a segment may be filled: less, the less room there is.
    pub(super) fn ahead(self, folder: &Folder, wanted: u64) -> u64 {
        self.left(folder).map_or(wanted, |left| wanted.min(left / PART))
    }
}
