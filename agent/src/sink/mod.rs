//! The capture server: receives mail and keeps each message as a file.
//!
//! Purpose: the server side of RFC 5321, exact enough to develop against, with the ways real servers refuse.
//!
//! Policy: [`session`] is a state machine without I/O (bytes in, replies and pieces of the message out), and knows
//! sockets and files only as steps that its driver carries out. [`listener`] drives it over TCP, a thread for each
//! connection; [`store`] keeps messages; [`policy`] alone decides who and what is refused.
//! The end of a message is CRLF.CRLF and nothing else: a message with a bare CR or LF is refused as a whole, so that
//! no byte of it is ever taken for a command (CVE-2023-51764, "SMTP smuggling").

mod auth;
mod command;
mod data;
mod envelope;
mod lines;
mod listener;
mod policy;
mod reply;
mod session;
#[cfg(test)]
mod session_tests;
mod store;

pub(crate) use listener::{Limits, Listener, Received};
pub(crate) use policy::{Login, Policy};
pub(crate) use store::Store;
