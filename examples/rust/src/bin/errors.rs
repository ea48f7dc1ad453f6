//! Shows what an error tells: bad input, a server that refuses, and a refusal that stands in somebody's log.
//!
//! ```text
//! errors [SERVER [FROM [TO]]]
//! ```

use std::env;

use freesmtp_core::{
    EmailMessage, Error, Smtp, Stage,
    diagnosis::{Context, diagnose},
    message::BodyPartFormat::Plain,
    types::Reply,
};

fn main() -> Result<(), Error> {
    let mut arguments = env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let mut smtp = Smtp::new(&next("127.0.0.1:2525"))?;
    smtp.set_log_file("smtp log.txt")?;
    let (sender, recipient) = (next("sender@domain.example"), next("recipient@elsewhere.example"));

    // Bad input names the property. Nothing is sent, not even a connection is opened.
    let bad = "recipient@example.org\r\nRCPT TO:<victim@example.org>";
    if let Err(error) = smtp.send(&EmailMessage::quick(bad, &sender, "Hello", "Hello", Plain)) {
        println!("{} is not valid: {}\n", error.field().unwrap_or_default(), error.message());
    }

    // A refusal says why, who must act, and what to do.
    match smtp.send(&EmailMessage::quick(recipient, sender, "Hello", "Hello", Plain)) {
        Ok(report) => println!("{} took it: {}\n", report.server, report.reply),
        Err(error) => {
            println!("{} in {}, to be tried again: {}", error.kind(), error.stage(), error.is_temporary());
            for result in error.recipients() {
                println!("{}: {} {}", result.email, result.reply_code(), result.reply_text());
            }
            if let Some(diagnosis) = error.diagnosis() {
                println!("{diagnosis}\n");
            }
        }
    }

    // The same explanation for a reply that stands in a log.
    let diagnosis = diagnose(&Context {
        stage: Some(Stage::Rcpt),
        reply: Reply::parse("550 5.7.1 Unable to relay").as_ref(),
        offered: &["AUTH LOGIN".to_owned()],
        tls: true,
        ..Context::default()
    });
    println!("{diagnosis}");
    Ok(())
}
