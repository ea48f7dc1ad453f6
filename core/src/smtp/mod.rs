//! The `SMTP` object: servers, log, connections, send.
//!
//! ```
//! use freesmtp_core::{EmailMessage, ErrorKind, Server, Smtp};
//!
//! let mut smtp = Smtp::default();
//! // Tried in order: the next one when one cannot be reached.
//! for port in [1, 2] {
//!     let mut server = Server::new("127.0.0.1");
//!     server.port = port;
//!     smtp.servers_mut().push(server);
//! }
//! let mut message = EmailMessage::new();
//! message.from = "sender@example.com".into();
//! message.add_recipient("recipient@example.org");
//! let error = smtp.send(&message).unwrap_err();
//! assert_eq!((error.kind(), error.others().len()), (ErrorKind::Connect, 1));
//! assert!(error.is_temporary());
//! ```

mod agent;
mod asynchronous;
mod bulk;
mod idle;
mod inquiry;
mod lane;
mod mail;
mod merge;
mod object;
mod observers;
mod outcome;
mod pool;
pub(crate) mod probe;
mod rate;
mod save;
mod second_look;
mod send;
mod sequence;
mod server;
mod session;
mod signer;
mod spool;
mod token;
mod url;

pub use crate::types::{CertificatePin, Proxy, ProxyProtocol};
pub use agent::SpoolEvents;
pub use bulk::{Bulk, BulkMessage, BulkResult, OpenBulk};
pub use object::Smtp;
pub use observers::{BulkStatus, OnBulkStatus, OnRecipientFailed, OnStatus, RecipientFailed, SendStatus};
pub(crate) use outcome::explain_at;
pub use outcome::explain_input;
pub use sequence::{Sequence, SequenceResult};
pub use server::{MinTlsVersion, Server};
pub use token::{Token, TokenCallback};
