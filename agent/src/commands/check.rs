//! `freesmtp check`.

use std::{
    env,
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use freesmtp_core::{
    Error, Smtp,
    check::{CheckOptions, CheckReport, CheckStatus},
};

use super::{Exit, complain, json, person, print, session::SessionArguments};

/// Looks at a server and at the sender's domain without sending mail: addresses, connections, greeting, extensions,
/// TLS, login, what the server says to sender and recipients; MX, SPF, DKIM and DMARC of the sender's domain.
///
/// Exit status: 0 when all is well or only something should be looked at, 1 when mail cannot be sent this way, 2 when
/// the arguments are not right, 75 when the same check may end better later.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  freesmtp check mail.example.com:587 --user me --password-file ~/.mailpass \\\n      \
    --from me@example.com --to you@example.org --selector mail"
)]
pub(crate) struct Arguments {
    /// Host, host:port, or a URL: `smtp://host:port`, `smtps://user@host`
    #[arg(value_name = "HOST[:PORT]")]
    server: String,
    /// The sender's address: given in MAIL FROM, and its domain's records are judged
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// A recipient to ask the server about; nothing is sent to it. May be repeated
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// The selector of the domain's DKIM key
    #[arg(long, value_name = "NAME")]
    selector: Option<String>,
    /// The address that recipients' servers will see; without it, the local address of the connection
    #[arg(long, value_name = "IP", default_value = "", hide_default_value = true)]
    outgoing_ip: String,
    /// The name server to ask for the records; without it, the system's
    #[arg(long, value_name = "IP[:PORT]", default_value = "", hide_default_value = true)]
    dns: String,
    /// Seconds that the whole check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
    #[command(flatten)]
    session: SessionArguments,
    /// Append the conversation to this file, secrets removed
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Print the report as JSON on standard output, and nothing else
    #[arg(long)]
    json: bool,
}

/// Checks, prints what was found, and tells how it ended.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match arguments.check() {
        Ok(report) => {
            if arguments.json {
                print(&format!("{:#}\n", json::check(&report)));
            } else if is_coloured() {
                print(&report.to_coloured_text());
            } else {
                print(&report.to_string());
            }
            exit(&report).into()
        }
        Err(error) => {
            if arguments.json {
                print(&format!("{:#}\n", json::error(&error)));
            } else {
                complain(&format!("freesmtp: {}", person::error(&error)));
            }
            Exit::of(&error).into()
        }
    }
}

impl Arguments {
    fn check(&self) -> Result<CheckReport, Error> {
        let mut smtp = Smtp::default();
        smtp.servers_mut().push(self.session.server(&self.server)?);
        if let Some(name) = self.session.ehlo() {
            smtp.set_default_domain(name)?;
        }
        if let Some(path) = &self.log {
            smtp.set_log_file(path)?;
        }
        let mut options = CheckOptions {
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone(),
            dkim_selector: self.selector.clone().unwrap_or_default(),
            timeout: Duration::from_secs(self.time_limit),
            ..CheckOptions::default()
        };
        options.set_outgoing_ip(&self.outgoing_ip)?;
        options.set_dns(&self.dns)?;
        smtp.check(&options)
    }
}

fn exit(report: &CheckReport) -> Exit {
    match report.status {
        CheckStatus::Failed if report.is_temporary() => Exit::TryLater,
        CheckStatus::Failed => Exit::Refused,
        _ => Exit::Done,
    }
}

/// Colours are for terminals, and for people who want them (<https://no-color.org>).
fn is_coloured() -> bool {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    !unwanted && !dumb && io::stdout().is_terminal()
}
