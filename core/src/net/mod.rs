//! The drivers: sockets, name resolution, TLS, and the loop that carries out what the engine asks for.

mod cancel;
mod connect;
mod driver;
mod event_loop;
mod operation;
mod proxy;
mod resolve;
mod runtime;
mod socket;
mod stream;
mod tls;
mod tokio;

pub use cancel::Cancel;
pub(crate) use cancel::cancelled;
pub(crate) use connect::{Place, Target, connect};
pub(crate) use driver::{Connection, GetToken, Handler, TlsSetup};
pub(crate) use event_loop::EventLoop;
pub(crate) use operation::Operation;
pub(crate) use proxy::connect_through;
pub(crate) use resolve::resolve;
pub(crate) use runtime::{Called, Poller, Runtime, on_this_thread};
pub(crate) use socket::Socket;
pub use tls::MinTlsVersion;
pub(crate) use tls::{Certificate, TlsConnector, TlsOptions, asks_for_certificate, with_certificate};
