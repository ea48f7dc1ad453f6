//! `freesmtp submit`.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use freesmtp_core::{
    EmailMessage, Error, ErrorKind, Stage,
    message::{RecipientType, SpoolOptions},
    spool::{Durability, Id, Spool},
    types::Moment,
};
use serde_json::json;

use super::{Exit, complain, json, letter::Letter, person, print};
use crate::{clock, config::Span};

/// Hands one message over to the agent, through the spool; its text comes from standard input.
///
/// Prints the id of the message, which is then as safe as --durability says; no agent needs to run. Exit status: 0 when it
/// is in the spool, 1 when the spool cannot take it, 2 when arguments, message or a file are not right, 75 when the same
/// call may succeed later.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  echo 'The report is attached.' | freesmtp submit --from me@example.com --to you@example.org \\\n      \
    --subject Report --attach report.pdf --not-before 2h\n  freesmtp submit --raw message.eml --to you@example.org"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    letter: Letter,
    /// A whole message with its headers, in place of one that the other arguments describe; '-' is standard input. --from
    /// and --to are then its envelope; without them the headers are
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["cc", "bcc", "reply_to", "subject", "html", "attach", "embed", "header"]
    )]
    raw: Option<PathBuf>,
    #[command(flatten)]
    spool: SpoolArguments,
    /// Print the result as JSON on standard output, and nothing else
    #[arg(long)]
    json: bool,
}

/// What is asked of the spool.
#[derive(Debug, Args)]
#[command(next_help_heading = "Spool")]
struct SpoolArguments {
    /// The folder of the spool [default: as `FREESMTP_SPOOL` says, or the usual one]
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// Deliver it not before then: 2026-01-31T08:00:00Z, or a time from now such as 90s, 15m, 4h, 2d
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Give it up, and tell the sender, when it is not delivered by then
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// From -9 to 9: messages of a higher one are delivered first
    #[arg(long, value_name = "NUMBER", default_value_t = 0, allow_negative_numbers = true)]
    priority: i8,
    /// The blast that it belongs to
    #[arg(long, value_name = "NAME")]
    blast: Option<String>,
    /// An idempotency key: the same message under the same key is delivered once
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// full: the disk has confirmed it; none: it survives this process, not a power cut
    #[arg(long, value_name = "NAME", default_value = "full")]
    durability: String,
}

/// Submits, and prints the id.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let exit = match arguments.submit() {
        Ok(id) if arguments.json => {
            print(&format!("{:#}\n", json!({ "ok": true, "id": id.to_string() })));
            Exit::Done
        }
        Ok(id) => {
            print(&format!("{id}\n"));
            Exit::Done
        }
        Err(error) => {
            if arguments.json {
                print(&format!("{:#}\n", json::error(&error)));
            } else {
                complain(&format!("freesmtp: {}", person::error(&error)));
            }
            Exit::of(&error)
        }
    };
    exit.into()
}

impl Arguments {
    fn submit(&self) -> Result<Id, Error> {
        let durability = self.spool.durability.parse::<Durability>().map_err(|()| {
            Error::input(
                "--durability",
                format!("{:?} is neither full, batch nor none", self.spool.durability),
            )
        })?;
        let options = self.spool.options(clock::now() / 1_000)?;
        options.check().map_err(|error| {
            let option = match error.field() {
                Some("NotBefore") => "--not-before",
                Some("Expires") => "--expires",
                Some("SpoolPriority") => "--priority",
                Some("Blast") => "--blast",
                Some("IdempotencyKey") => "--key",
                _ => return error,
            };
            error.with_field(option)
        })?;
        let spool = match &self.spool.spool {
            Some(path) => Spool::open(path)?,
            None => Spool::open_default()?,
        };
        let mut message = match &self.raw {
            Some(path) => self.raw_message(path)?,
            None => self.letter.read()?,
        };
        message.spool = options;
        spool.submit_message(&message, durability)
    }

    fn raw_message(&self, path: &PathBuf) -> Result<EmailMessage, Error> {
        let mut message = if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| unreadable("standard input", &error))?;
            EmailMessage::raw(bytes)
        } else {
            fs::File::open(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
            EmailMessage::raw(path.clone())
        };
        let (from, to, return_path) = self.letter.envelope();
        message.return_path = return_path.or(from.map(|address| address.email));
        for address in to {
            message.add_recipient_as(address.email, address.name, RecipientType::To);
        }
        Ok(message)
    }
}

impl SpoolArguments {
    fn options(&self, now: i64) -> Result<SpoolOptions, Error> {
        Ok(SpoolOptions {
            not_before: self
                .not_before
                .as_deref()
                .map(|text| moment("--not-before", text, now))
                .transpose()?,
            expires: self.expires.as_deref().map(|text| moment("--expires", text, now)).transpose()?,
            priority: self.priority,
            blast: self.blast.clone(),
            idempotency_key: self.key.clone(),
        })
    }
}

/// A moment, or a length of time from now.
fn moment(field: &str, text: &str, now: i64) -> Result<Moment, Error> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let span: Span = text.parse().map_err(|_| {
        Error::input(
            field,
            format!("{text:?} is no time; write 2026-01-31T08:00:00Z, or 90s, 15m, 4h, 2d from now"),
        )
    })?;
    Ok(Moment::new(now.saturating_add(span.as_millis() / 1_000)))
}

fn unreadable(what: &str, error: &io::Error) -> Error {
    Error::io(ErrorKind::FileIo, Stage::Compose, format!("{what} can't be read"), error).with_field("--raw")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_from_now_and_by_the_calendar() {
        assert_eq!(moment("x", "2h", 100).unwrap(), Moment::new(7_300));
        assert_eq!(moment("x", "1970-01-01T00:01:00Z", 100).unwrap(), Moment::new(60));
        assert_eq!(moment("--expires", "soon", 0).unwrap_err().field(), Some("--expires"));
    }
}
