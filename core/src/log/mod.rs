//! The conversation, written down as it happens.
//!
//! Purpose: a person sees what was said to the server and what it answered, even while a session hangs.
//!
//! Policy: lines arrive here with secrets already removed (the engine does that by protocol state). Characters that
//! could forge a line or drive a terminal are escaped. A log that fails never stops a mail; its first failure is
//! kept as a warning for the report.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use freesmtp_core::{Smtp, log::LogEvent};
//!
//! // A program may hear each line beside the file, or instead of it.
//! let heard = Arc::new(Mutex::new(Vec::new()));
//! let lines = Arc::clone(&heard);
//! let mut smtp = Smtp::new("127.0.0.1:1")?;
//! smtp.set_protocol_log(Some(Arc::new(move |event: &LogEvent| lines.lock().unwrap().push(event.line.clone()))));
//! smtp.connect().unwrap_err();
//! assert_eq!(heard.lock().unwrap()[0], "Connect to server. 127.0.0.1 Port: 1");
//! # Ok::<(), freesmtp_core::Error>(())
//! ```

mod conversation;
mod escape;
mod log_file;
mod options;

pub(crate) use conversation::Conversation;
pub use escape::escape;
pub(crate) use log_file::LogFile;
pub(crate) use options::Logging;
pub use options::{BodyPolicy, LogEvent, LogKind, LogOptions, ProtocolLog};
