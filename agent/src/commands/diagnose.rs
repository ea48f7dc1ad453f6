//! `freesmtp diagnose`.

use std::process::ExitCode;

use clap::Args;
use freesmtp_core::{
    Stage,
    diagnosis::{Context, diagnose},
    types::Reply,
};

use super::{Exit, complain, json, person, print};

/// Explains a server's reply: why, who must act, what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  freesmtp diagnose '550 5.7.1 Relaying denied' --stage RCPT --offered 'AUTH LOGIN'"
)]
pub(crate) struct Arguments {
    /// The reply as the server gave it: '550 5.7.1 Relaying denied'; it may have several lines
    reply: String,
    /// The phase: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA or EOM (after the end of the message)
    #[arg(long, value_parser = stage)]
    stage: Option<Stage>,
    /// A line of the server's answer to EHLO, such as 'AUTH LOGIN PLAIN'; may be repeated
    #[arg(long, value_name = "LINE")]
    offered: Vec<String>,
    /// The server's host name
    #[arg(long, default_value = "", hide_default_value = true)]
    host: String,
    /// The session was logged in
    #[arg(long)]
    authenticated: bool,
    /// The session was encrypted
    #[arg(long)]
    tls: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn stage(text: &str) -> Result<Stage, String> {
    text.parse().map_err(|()| {
        let names: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        format!("is one of {}", names.join(", "))
    })
}

/// Explains, and prints it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Some(reply) = Reply::parse(&arguments.reply) else {
        complain("freesmtp: that is no reply: it has no line that begins with a code of three digits\n");
        return Exit::Usage.into();
    };
    let diagnosis = diagnose(&Context {
        stage: arguments.stage,
        reply: Some(&reply),
        host: &arguments.host,
        offered: &arguments.offered,
        authenticated: arguments.authenticated,
        credentials_set: arguments.authenticated,
        tls: arguments.tls,
        ..Context::default()
    });
    if arguments.json {
        print(&format!("{:#}\n", json::diagnosis(&diagnosis)));
    } else {
        let mut text = String::new();
        person::explanation(&mut text, &diagnosis);
        print(&text);
    }
    Exit::Done.into()
}
