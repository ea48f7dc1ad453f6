//! The `SMTP` object: servers, log, connections, send.

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
