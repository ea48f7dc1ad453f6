//! Hands a blast of messages over to the agent through the spool, and returns at once.
//!
//! ```text
//! spool [MESSAGES [BLAST [SPOOL]]]
//! ```
//!
//! `freesmtp agent` delivers them in the background; `freesmtp blast status BLAST --watch` shows how far it is. Without
//! SPOOL it is `$FREESMTP_SPOOL`, or the usual folder.

use std::{env, process::ExitCode, time::Instant};

use freesmtp_core::{EmailMessage, Error, Smtp, spool::Id};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument =
        |place: usize, default: &str| arguments.get(place).map_or(default.to_owned(), String::clone);
    let Ok(messages) = argument(0, "3").parse() else {
        eprintln!("spool [MESSAGES [BLAST [SPOOL]]]: MESSAGES is a number");
        return ExitCode::FAILURE;
    };
    let begun = Instant::now();
    match submit(messages, &argument(1, "newsletter"), &argument(2, "")) {
        Ok(ids) => {
            let first = ids.first().map_or_else(|| "none".to_owned(), ToString::to_string);
            let seconds = begun.elapsed().as_secs_f64();
            println!("{} messages are in the spool after {seconds:.2} s; the first is {first}", ids.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}"); // what failed, why, and what to do
            ExitCode::FAILURE
        }
    }
}

fn submit(messages: usize, blast: &str, spool: &str) -> Result<Vec<Id>, Error> {
    let mut smtp = Smtp::default();
    if !spool.is_empty() {
        smtp.set_spool_path(spool);
    }
    // One sync of the disk for all: each of them is durable, or there is an error and none of them is delivered.
    smtp.submit_bulk((0..messages).map(|reader| letter(reader, blast)))
}

fn letter(reader: usize, blast: &str) -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = "news@example.com".into();
    message.add_recipient(format!("reader{reader}@example.org"));
    message.subject = "News from Rust".to_owned();
    message.add_text("Nothing happened.\n");
    message.spool.blast = Some(blast.to_owned());
    message
}
