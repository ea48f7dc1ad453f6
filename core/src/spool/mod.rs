//! The spool: messages handed over through the file system, for the agent to deliver.
//!
//! A writer ([`Spool`]) appends records to a segment of its own in `incoming/`; the agent follows the segments with
//! [`SegmentReader`]. `docs/spool-format.md` has the bytes. Policy:
//! - An id is given back when the record is as safe as [`Durability`] says, never before.
//! - A record counts when its checksums are right and, in a group, when the whole group is there. What is torn is cut off,
//!   what is before it is kept, and nothing that was not written whole is ever delivered.
//! - Submitters leave room on the disk: an agent needs some to empty the spool.
//! - No message is trusted: the envelope is checked before it is written and again after it was read.
//!
//! ```
//! use freesmtp_core::{EmailMessage, spool::{Durability, Next, SegmentReader, Spool}};
//!
//! # let folder = std::env::temp_dir().join(format!("freesmtp-example-{}", std::process::id()));
//! let spool = Spool::open(&folder)?;
//! let mut message = EmailMessage::new();
//! message.from = "sender@example.com".into();
//! message.add_recipient("recipient@example.org");
//! let id = spool.submit_message(&message, Durability::Full)?;
//!
//! // What the agent does with it.
//! let segment = std::fs::read_dir(folder.join("incoming"))?.next().unwrap()?.path();
//! let mut reader = SegmentReader::open(segment, 0)?;
//! let Next::Record(record) = reader.next()? else { unreachable!() };
//! assert_eq!(record.id, id);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod agent;
pub mod badmail;
mod batch;
mod chain;
mod copy;
mod digest;
mod durability;
mod envelope;
mod fields;
mod folders;
mod frame;
mod group;
mod id;
pub mod pickup;
mod reader;
mod record;
mod room;
mod segment;
mod stored;
mod writer;

pub use crate::message::SpoolOptions;
pub use batch::{Message, Reader};
pub(crate) use chain::Chain;
pub use copy::{CopiedBody, Copies, copy_record, named_body, read_copy};
pub use digest::{ContentDigest, content_digest};
pub use durability::Durability;
pub use envelope::{BodyType, Envelope, Recipient, compose};
pub use group::Group;
pub use id::Id;
pub use reader::{Next, SegmentReader};
pub use record::{Body, Record};
pub use stored::{MessageReader, open_file, read_inline, read_message, read_record};
pub use writer::Spool;
