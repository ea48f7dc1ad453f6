//! Sends a message, with files attached, and keeps a log of the conversation.
//!
//! ```text
//! send [SERVER [FROM [TO [FILE…]]]]
//! ```
//!
//! SERVER is a host, `host:port`, or a URL such as `smtps://user:password@mail.example.com`.

use std::{env, process::ExitCode};

use freesmtp_core::{EmailMessage, Error, Report, Smtp, message::RecipientType};

fn main() -> ExitCode {
    match send(env::args().skip(1)) {
        Ok(report) => {
            println!("{} took {} bytes: {}", report.server, report.size, report.reply);
            for result in report.failed() {
                println!("but not for {}: {}", result.email, result.reply_text());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}"); // what failed, why, and what to do
            ExitCode::FAILURE
        }
    }
}

fn send(mut arguments: impl Iterator<Item = String>) -> Result<Report, Error> {
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());

    let mut smtp = Smtp::new(&next("127.0.0.1:2525"))?;
    smtp.set_log_file("smtp log.txt")?;

    let mut message = EmailMessage::new();
    message.from = (next("sender@domain.example"), "A Sender").into();
    message.add_recipient_as(next("recipient@domain.example"), "A Recipient", RecipientType::To);
    message.subject = "A message from Rust".into();
    message.add_text("Hello!\n\nThis came from Rust.\n");
    for file in arguments {
        message.attach_file(file);
    }
    let report = smtp.send(&message)?;
    smtp.disconnect(); // says QUIT; without it, the next message would use the same connection
    Ok(report)
}
