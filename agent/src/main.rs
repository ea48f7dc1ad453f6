//! The command `freesmtp`: send a message from a shell, check a server, catch messages while developing, explain a refusal.

mod commands;
mod os;
mod sink;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sends mail, catches mail, and says why mail was refused.
#[derive(Debug, Parser)]
#[command(name = "freesmtp", version, max_term_width = 100, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Box<commands::check::Arguments>),
    Send(Box<commands::send::Arguments>),
    Sink(commands::sink::Arguments),
    Diagnose(commands::diagnose::Arguments),
    Explain(commands::explain::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Send(arguments) => commands::send::run(&arguments),
        Command::Sink(arguments) => commands::sink::run(arguments),
        Command::Diagnose(arguments) => commands::diagnose::run(&arguments),
        Command::Explain(arguments) => commands::explain::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_contradict_nothing() {
        super::Arguments::command().debug_assert();
    }
}
