//! The conversation, written down as it happens.
//!
//! Purpose: a person sees what was said to the server and what it answered, even while a session hangs.
//!
//! Policy: lines arrive here with secrets already removed (the engine does that by protocol state). Characters that
//! could forge a line or drive a terminal are escaped. A log that fails never stops a mail; its first failure is
//! kept as a warning for the report.

mod conversation;
mod escape;
mod log_file;
mod options;

pub(crate) use conversation::Conversation;
pub use escape::escape;
pub(crate) use log_file::LogFile;
pub(crate) use options::Logging;
pub use options::{BodyPolicy, LogEvent, LogKind, LogOptions, ProtocolLog};
