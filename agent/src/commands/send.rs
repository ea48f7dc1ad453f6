//! `freesmtp send`.

use std::{env, fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use freesmtp_core::{AuthMode, Error, ErrorKind, Report, Secret, Security, Server, Smtp, Stage};

use super::{Exit, complain, json, letter::Letter, person, print};

/// Names the password without showing it to other users of the machine.
const PASSWORD_VARIABLE: &str = "FREESMTP_PASSWORD";

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
    /// Append the conversation to this file, secrets removed
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Print the report or the error as JSON on standard output, and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
struct SessionArguments {
    /// User name. The password comes from --password-file, else from the variable `FREESMTP_PASSWORD`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How to log in: auto, plain, login, sasl, none
    #[arg(long, value_name = "MODE")]
    auth: Option<AuthMode>,
    /// Let the password cross a connection that is not encrypted
    #[arg(long)]
    allow_plaintext_auth: bool,
    /// none, opportunistic, required (STARTTLS), implicit, auto
    #[arg(long, value_name = "MODE")]
    security: Option<Security>,
    /// Authorities to trust besides those of the system, in PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The name to give in EHLO; without it, this host's
    #[arg(long, value_name = "NAME")]
    ehlo: Option<String>,
    /// Seconds that each phase may take
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// Send to nobody when one recipient is refused
    #[arg(long)]
    all_or_nothing: bool,
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
        smtp.set_all_or_nothing(session.all_or_nothing);
        if let Some(name) = &session.ehlo {
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

impl SessionArguments {
    fn server(&self, url: &str) -> Result<Server, Error> {
        let mut server = Server::parse(url)?;
        if let Some(user) = &self.user {
            server.account.clone_from(user);
        }
        if let Some(path) = &self.password_file {
            server.password = password(path)?;
        } else if let (false, Ok(password)) = (server.account.is_empty(), env::var(PASSWORD_VARIABLE)) {
            server.password = Secret::new(password);
        }
        if !server.account.is_empty() && server.password.is_empty() {
            let text = format!("is missing: give --password-file, or set {PASSWORD_VARIABLE}");
            return Err(Error::input("Password", text));
        }
        server.auth_mode = self.auth.unwrap_or_default();
        server.allow_plaintext_auth = self.allow_plaintext_auth;
        server.security = self.security.unwrap_or(server.security);
        server.ca_file.clone_from(&self.ca_file);
        server.timeout = self.timeout.map(Duration::from_secs);
        Ok(server)
    }
}

fn password(path: &PathBuf) -> Result<Secret, Error> {
    let text = fs::read_to_string(path).map(Secret::new).map_err(|error| {
        let what = format!("{} can't be read", path.display());
        Error::io(ErrorKind::FileIo, Stage::Compose, what, &error).with_field("--password-file")
    })?;
    Ok(Secret::new(text.expose().lines().next().unwrap_or_default()))
}
