//! The capture server: receives mail and keeps each message as a file.
//!
//! Purpose: the server side of RFC 5321, exact enough to develop against, with the ways real servers refuse.
//!
//! Policy: [`crate::server`] is the state machine; [`listener`] drives it over TCP, a thread for each connection; [`store`]
//! keeps messages; [`policy`] alone decides who and what is refused.

mod listener;
mod policy;
#[cfg(test)]
mod session_tests;
mod store;

pub(crate) use listener::{Limits, Listener, Received};
pub(crate) use policy::{Login, Policy};
pub(crate) use store::Store;
