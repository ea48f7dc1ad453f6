//! `freesmtp explain`.

use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use freesmtp_core::{
    diagnosis::{Explanation, explain},
    log::escape,
};

use super::{Exit, complain, json, person, print};

/// More than this is no transcript that a person wants explained.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Explains what failed in a log: of freesmtp, curl, swaks, Python, nodemailer, PHPMailer, Postfix, Exim, or a bounce.
///
/// Exit status: 0 when nothing failed in it, 1 when something did, 2 when the file could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freesmtp explain smtp.log\n  journalctl -u postfix | freesmtp explain -")]
pub(crate) struct Arguments {
    /// The log or transcript; `-` reads standard input
    file: PathBuf,
    /// Print JSON: an object whose `failures` is a list, each with line, stage, host, sender, recipient, reply and
    /// diagnosis
    #[arg(long)]
    json: bool,
}

/// Reads, explains and prints.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let text = match arguments.read() {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("freesmtp: {} can't be read: {error}\n", arguments.file.display()));
            return Exit::Usage.into();
        }
    };
    let found = explain(&text);
    if arguments.json {
        let failures: Vec<_> = found.iter().map(json::explanation).collect();
        print(&format!("{:#}\n", serde_json::json!({ "failures": failures })));
    } else if found.is_empty() {
        print("Nothing failed in this transcript.\n");
    } else {
        let texts: Vec<String> = found.iter().map(for_a_person).collect();
        print(&texts.join("\n"));
    }
    if found.is_empty() { Exit::Done.into() } else { Exit::Refused.into() }
}

impl Arguments {
    /// Logs hold what peers said in any encoding: bytes that are no UTF-8 become marks, and nothing is refused.
    fn read(&self) -> io::Result<String> {
        let mut bytes = Vec::new();
        if self.file.as_os_str() == "-" {
            io::stdin().lock().take(LARGEST).read_to_end(&mut bytes)?;
        } else {
            fs::File::open(&self.file)?.take(LARGEST).read_to_end(&mut bytes)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Where it failed, what the server said, why, what to do.
fn for_a_person(found: &Explanation) -> String {
    let mut head = format!("Line {}", found.line);
    if let Some(stage) = found.stage {
        head.push_str(&format!(", {stage}"));
    }
    if let Some(recipient) = &found.recipient {
        head.push_str(&format!(" of {recipient}"));
    }
    if !found.host.is_empty() {
        head.push_str(&format!(", {}", found.host));
    }
    let said = found.reply.as_ref().map_or(found.diagnosis.evidence.clone(), ToString::to_string);
    let mut text = format!("{}: {}\n", escape(&head), escape(&said.replace('\n', " / ")));
    person::explanation(&mut text, &found.diagnosis);
    text
}
