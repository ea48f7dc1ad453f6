//! The spool: messages handed over through the file system, for the agent to deliver.
//!
//! A writer ([`Spool`]) appends records to a segment of its own in `incoming/`; the agent follows the segments with
//! [`SegmentReader`]. `docs/spool-format.md` has the bytes. Policy:
//! - An id is given back when the record is as safe as [`Durability`] says, never before.
//! - A record counts when its checksums are right and, in a group, when the whole group is there. What is torn is cut off,
//!   what is before it is kept, and nothing that was not written whole is ever delivered.
//! - No message is trusted: the envelope is checked before it is written and again after it was read.

mod durability;
mod envelope;
mod id;
pub mod pickup;
mod reader;
mod record;
mod writer;

pub use crate::message::SpoolOptions;
pub use durability::Durability;
pub use envelope::{BodyType, Envelope, Recipient, compose};
pub use id::Id;
pub use reader::{MessageReader, Next, SegmentReader, read_message};
pub use record::{Body, Record};
pub use writer::{Message, Spool};
