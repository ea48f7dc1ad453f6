//! The server's side of SMTP, without I/O: what the capture server and the agent's listener share.
//!
//! Purpose: RFC 5321 with the extensions that a [`Policy`] offers, exact and safe against hostile clients.
//!
//! Policy: [`Session`] is a state machine (bytes in, replies and pieces of the message out), and knows sockets, TLS and
//! storage only as [`Step`]s that its driver carries out. Who and what is refused is the [`Policy`]'s to say.
//! The end of a message is CRLF.CRLF, or the last chunk's, and nothing else: a message with a bare CR or LF is refused as a
//! whole, so that no byte of it is ever taken for a command (CVE-2023-51764, "SMTP smuggling"). What was sent in clear text
//! behind STARTTLS is thrown away (CVE-2011-0411).

mod auth;
mod command;
mod data;
mod envelope;
mod lines;
mod parameters;
mod policy;
mod reply;
mod session;

pub(crate) use envelope::{Client, Envelope};
pub(crate) use policy::{Offer, Policy};
pub(crate) use reply::Reply;
pub(crate) use session::{Session, Step};
