//! The native half of the Node package: conversions and calls, no logic.
//!
//! Policy:
//! - JavaScript holds messages and servers as plain data (`lib/`); a call copies what it needs, so that nothing the
//!   program changes later reaches a send that is under way.
//! - Every export answers with its result or with a [`answer::Failed`]; the JavaScript half throws the class that fits.
//!   No export throws by itself, and a panic becomes an error of the kind `internal` ([`answer::guard`]).
//! - Whatever waits for a server runs on a thread of [`worker`](freesmtp_core::net::worker), never on the event loop and never on one of the
//!   four threads that libuv has for files and name look-ups.

// The Node-API macros expand to functions of the C ABI.
#![allow(unsafe_code)]
// Only JavaScript calls the exports; what may go wrong is told in index.d.ts.
#![allow(clippy::must_use_candidate, clippy::missing_errors_doc)]

pub mod agent;
pub mod answer;
pub mod bulk;
pub mod check;
pub mod choice;
pub mod delivery;
pub mod diagnosis;
pub mod dkim;
pub mod error;
pub mod log;
pub mod merge;
pub mod message;
pub mod observers;
pub mod report;
pub mod server;
pub mod smtp;
pub mod spool;
pub mod stream;
pub mod token;
