//! The drivers: sockets, name resolution, TLS, and the loop that carries out what the engine asks for.

mod blocking;
mod cancel;
mod connect;
mod resolve;
mod stream;
mod tls;

pub(crate) use blocking::TlsSetup;
pub(crate) use blocking::{Connection, Handler};
pub use cancel::Cancel;
pub(crate) use cancel::cancelled;
pub(crate) use connect::{Target, connect};
pub(crate) use resolve::resolve;
pub use tls::MinTlsVersion;
pub(crate) use tls::{TlsConnector, TlsOptions};
