//! The command `freesmtp` and the delivery agent behind `freesmtp agent`, as a library: the binary is thin, tests and the
//! agent's parts use this.
//!
//! The house: [`config`] is what is set, [`intake`] takes messages from the spool, [`queue`] keeps them until each recipient
//! has its result, [`cluster`] is the queue that agents on many machines share, [`routes`] says which servers take mail for a domain, [`delivery`] brings it there, [`retry`] says when again,
//! [`bounce`] writes reports to senders, `entrances` are the ways into the spool besides the library, [`events`] tells
//! programs, [`control`] answers and obeys a person or a program, `http` serves the monitor, [`commands`] has a file for each command of `freesmtp`.

#![forbid(unsafe_code)]

pub mod agent;
pub mod bounce;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod control;
mod damage;
pub mod delivery;
mod digits;
mod entrances;
pub mod events;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
pub mod intake;
mod keyed;
mod os;
pub mod queue;
mod reports;
mod reserve;
pub mod retry;
pub mod routes;
mod server;
mod sink;
mod subject;

pub use http::openapi;
