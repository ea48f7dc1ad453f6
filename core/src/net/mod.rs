//! The drivers: sockets, name resolution, TLS, and the loop that carries out what the engine asks for.
//!
//! Programs meet them as the operations of [`Smtp`](crate::Smtp), and end one with a [`Cancel`]:
//!
//! ```
//! use std::{net::TcpListener, thread};
//!
//! use freesmtp_core::{Cancel, ErrorKind, Smtp};
//!
//! let silent = TcpListener::bind("127.0.0.1:0")?;
//! let smtp = Smtp::new(&silent.local_addr()?.to_string())?;
//! let cancel = Cancel::new();
//! let other = cancel.clone();
//! let ending = thread::spawn(move || other.cancel());
//! assert_eq!(smtp.connect_with(&cancel).unwrap_err().kind(), ErrorKind::Cancelled);
//! ending.join().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub mod worker;

pub use crate::os::attention;
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
