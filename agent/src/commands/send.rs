//! `freesmtp send`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use freesmtp_core::{Error, Report, Smtp};

use super::{Exit, complain, json, letter::Letter, person, print, session::SessionArguments};

/// Sends one message; its text comes from standard input.
///
/// Exit status: 0 when a recipient's server took it (recipients that were refused are named on standard error), 1
/// when it was refused, 2 when arguments, message or a file are not right and nothing was sent, 75 when the same call
/// may succeed later.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo 'The report is attached.' | freesmtp send --server smtps://mail.example.com \\\n      \
    --user me --password-file ~/.mailpass --from me@example.com --to you@example.org \\\n      \
    --subject Report --attach report.pdf --log smtp.log"
)]
pub(crate) struct Arguments {
    /// Host, host:port, or a URL: `smtp://host:port`, `smtps://user@host`. A password in it, `user:password@`, is
    /// seen by every user of this machine: better use --password-file
    #[arg(long, value_name = "URL")]
    server: String,
    #[command(flatten)]
    letter: Letter,
    #[command(flatten)]
    session: SessionArguments,
    /// Send to nobody when one recipient is refused
    #[arg(long)]
    all_or_nothing: bool,
    /// Append the conversation to this file, secrets removed
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Print the report or the error as JSON on standard output, and nothing else
    #[arg(long)]
    json: bool,
}

/// Sends, prints what came of it, and tells how it ended.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (result, exit) = match arguments.send() {
        Ok(report) => (Ok(report), Exit::Done),
        Err(error) => {
            let exit = Exit::of(&error);
            (Err(error), exit)
        }
    };
    match (&result, arguments.json) {
        (Ok(report), true) => print(&format!("{:#}\n", json::report(report))),
        (Err(error), true) => print(&format!("{:#}\n", json::error(error))),
        (Ok(report), false) => {
            print(&person::report(report));
            complain(&person::not_delivered(report));
        }
        (Err(error), false) => complain(&format!("freesmtp: {}", person::error(error))),
    }
    exit.into()
}

impl Arguments {
    fn send(&self) -> Result<Report, Error> {
        let session = &self.session;
        let mut smtp = Smtp::default();
        smtp.servers_mut().push(session.server(&self.server)?);
        smtp.set_all_or_nothing(self.all_or_nothing);
        if let Some(name) = session.ehlo() {
            smtp.set_default_domain(name)?;
        }
        if let Some(path) = &self.log {
            smtp.set_log_file(path)?;
        }
        let report = smtp.send(&self.letter.read()?)?;
        smtp.disconnect();
        Ok(report)
    }
}
