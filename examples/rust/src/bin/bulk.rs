//! Sends many messages over one connection, each made when it is wanted, and says what came of each.
//!
//! ```text
//! bulk [SERVER [MESSAGES]]
//! ```
//!
//! SERVER is a host, `host:port`, or a URL such as `smtps://user:password@mail.example.com`.

use std::{env, process::ExitCode};

use freesmtp_core::{EmailMessage, Error, Smtp};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "127.0.0.1:2525".to_owned());
    let wanted = arguments.next().map_or(Ok(3), |messages| messages.parse());
    let Ok(wanted) = wanted else {
        eprintln!("bulk [SERVER [MESSAGES]]: MESSAGES is a number");
        return ExitCode::FAILURE;
    };
    match send(&server, wanted) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}"); // what failed, why, and what to do
            ExitCode::FAILURE
        }
    }
}

/// How many were not sent.
fn send(server: &str, wanted: usize) -> Result<usize, Error> {
    let mut smtp = Smtp::new(server)?;
    smtp.set_max_connections(1)?; // as it is at first; with more, the messages are shared out

    let mut failed = 0;
    // The next message leaves without waiting for the last: nothing is made before there is room for it.
    for sent in smtp.send_bulk((0..wanted).map(letter)) {
        match sent.result {
            Ok(report) => println!("{}: {}", sent.index, report.reply),
            Err(error) => {
                failed += 1;
                println!("{}: {}", sent.index, error.message());
            }
        }
    }
    println!("{failed} of {wanted} failed");
    smtp.disconnect();
    Ok(failed)
}

fn letter(reader: usize) -> EmailMessage {
    let mut message = EmailMessage::new();
    message.from = "news@example.com".into();
    message.add_recipient(format!("reader{reader}@example.org"));
    message.subject = "News from Rust".to_owned();
    message.add_text("Nothing happened.\n");
    message
}
