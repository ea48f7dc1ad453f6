//! freesmtp: compose a message, send it to an SMTP server, and know why when it fails.
//!
//! ```no_run
//! use freesmtp_core::{EmailMessage, Server, Smtp};
//!
//! let mut smtp = Smtp::new("mail.example.com")?;
//! smtp.set_log_file("smtp log.txt")?;
//!
//! let mut message = EmailMessage::new();
//! message.from = "sender@example.com".into();
//! message.add_recipient("recipient@example.org");
//! message.subject = "Report".to_owned();
//! message.add_text("The report is attached.");
//! message.attach_file("report.pdf");
//!
//! match smtp.send(&message) {
//!     Ok(report) => println!("taken by {}: {}", report.server, report.reply),
//!     Err(error) => eprintln!("{error}"), // what failed, why, and what to do
//! }
//! # Ok::<(), freesmtp_core::Error>(())
//! ```
//!
//! The house: [`types`] are data, [`message`] composes, [`protocol`] is the SMTP engine without I/O, [`net`] drives it
//! over sockets, [`diagnosis`] explains failures, [`log`] writes the conversation down, [`spool`] takes messages for
//! the agent to deliver, [`smtp`] is the object that programs use. `message` and `protocol` name no socket, file system, clock or runtime.

#![forbid(unsafe_code)]

pub mod check;
pub mod diagnosis;
mod dns;
pub mod error;
pub mod log;
pub mod message;
pub mod net;
mod os;
pub mod protocol;
pub mod smtp;
pub mod spool;
pub mod types;

pub use error::{Error, ErrorKind};
pub use message::EmailMessage;
pub use net::Cancel;
pub use protocol::{Security, Timeouts, auth::AuthMode};
pub use smtp::{Bulk, BulkMessage, BulkResult, OpenBulk, Sequence, SequenceResult, Server, Smtp, Token};
pub use types::{Address, Cause, Diagnosis, RecipientResult, RecipientStatus, Report, Secret, Stage, Who};

/// The version of the library, such as `0.1.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The Rust example of the README compiles; those of the other languages are run by `tests/docs`.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So do those of the guide, and those that need no server are run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/rust.md")]
struct Guide;
