//! The command `freesmtp` and the delivery agent behind `freesmtp agent`, as a library: the binary is thin, tests and the
//! agent's parts use this.
//!
//! The house: [`bounce`] writes reports to senders, [`config`] is what is set, [`queue`] keeps messages until each recipient has its result, [`routes`] says
//! which servers take mail for a domain, [`commands`] has a file for each command of `freesmtp`.

#![forbid(unsafe_code)]

pub mod agent;
pub mod bounce;
pub mod clock;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod intake;
mod os;
pub mod queue;
mod reports;
pub mod retry;
pub mod routes;
mod sink;
