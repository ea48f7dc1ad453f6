//! The subcommands: their arguments, and what they print.

pub(crate) mod agent;
mod agent_socket;
pub(crate) mod blast;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod diagnose;
pub(crate) mod explain;
mod json;
mod letter;
pub(crate) mod monitor;
mod person;
pub(crate) mod queue;
mod queue_text;
pub(crate) mod send;
mod sendmail;
mod session;
pub(crate) mod sink;
pub(crate) mod status;
pub(crate) mod submit;
mod table;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use freesmtp_core::{Error, ErrorKind};

#[cfg(feature = "fuzzing")]
pub(crate) use sendmail::fuzzing;

/// Sends mail, catches mail, and says why mail was refused.
#[derive(Debug, Parser)]
#[command(name = "freesmtp", version, max_term_width = 100, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Agent(agent::Arguments),
    Check(Box<check::Arguments>),
    Cluster(cluster::Arguments),
    Send(Box<send::Arguments>),
    Submit(Box<submit::Arguments>),
    Sendmail(SendmailArguments),
    Sink(sink::Arguments),
    Queue(queue::Arguments),
    Blast(blast::Arguments),
    Status(status::Arguments),
    Monitor(monitor::Arguments),
    Diagnose(diagnose::Arguments),
    Explain(explain::Arguments),
}

/// Takes a message into the spool as sendmail does: for programs that call it.
///
/// Also when it is called by the name `sendmail`. -t takes recipients from the headers too, -i takes a line of one dot as
/// text, -f ADDRESS is the envelope's sender, -F NAME the author's name, -bs speaks SMTP on standard input and output; -N,
/// -R and -V ask for reports (RFC 3461). The spool is that of `FREESMTP_SPOOL`, the domain of addresses without one that of
/// `FREESMTP_DOMAIN`, else of /etc/mailname. Ends as sysexits.h has it: 0 taken, 64 usage, 65 the message is not right, 67
/// an address is not right, 75 try again later.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ln -s freesmtp /usr/local/bin/sendmail")]
struct SendmailArguments {
    /// sendmail's options, and recipients
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Reads the arguments of this process and runs the command that they name.
#[must_use]
pub fn main() -> ExitCode {
    // What names files, folders and servers comes from its caller: arguments and variables.
    if crate::os::has_others_rights() {
        complain(
            "freesmtp: its file is set-user-ID or set-group-ID, which would lend its caller the rights of others; \
             chmod ug-s it, and make who submits a member of the spool's group\n",
        );
        return ExitCode::from(NO_PERMISSION);
    }
    // Its options are not in the form of all others.
    if let Some(arguments) = sendmail::called() {
        return sendmail::run(arguments);
    }
    match Arguments::parse().command {
        Command::Agent(arguments) => agent::run(arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Submit(arguments) => submit::run(&arguments),
        Command::Sendmail(arguments) => sendmail::run(arguments.arguments),
        Command::Sink(arguments) => sink::run(arguments),
        Command::Queue(arguments) => queue::run(&arguments),
        Command::Blast(arguments) => blast::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Monitor(arguments) => monitor::run(&arguments),
        Command::Diagnose(arguments) => diagnose::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
    }
}

/// Prints on standard output, at once. That nobody reads it (`| head`) changes nothing about what was done.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints on standard error, likewise.
fn complain(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// `EX_NOPERM` of `sysexits.h`, which programs that call sendmail know.
const NO_PERMISSION: u8 = 77;

/// How a command ends. Temporary failures have the number of `sysexits.h`, so that scripts and mail queues know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused, or failed for good.
    Refused = 1,
    /// The arguments, the message or a file are not right: nothing was sent.
    Usage = 2,
    /// The same call may succeed later (`EX_TEMPFAIL`).
    TryLater = 75,
}

impl Exit {
    /// What a failure means to whoever called.
    fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Message | ErrorKind::FileIo => Self::Usage,
            _ if error.is_temporary() => Self::TryLater,
            _ => Self::Refused,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
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
