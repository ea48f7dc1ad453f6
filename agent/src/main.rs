//! The command `freesmtp`: send a message from a shell, deliver what is in the spool, check a server, catch messages
//! while developing, explain a refusal.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    freesmtp_agent::commands::main()
}
