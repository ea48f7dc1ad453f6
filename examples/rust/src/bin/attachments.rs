//! Sends HTML with an inline image, the same as plain text, and attachments from a file and from memory.
//!
//! ```text
//! attachments [SERVER [ATTACHMENT [IMAGE [LOGFILE]]]]
//! ```

use std::{env, process::ExitCode};

use freesmtp_core::{EmailMessage, Error, Report, Smtp};

/// One red pixel, for those who name no image.
const PIXEL: [u8; 70] = *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdac\xfc\xcf\xc0P\x0f\0\x04\x85\x01\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82";

fn main() -> ExitCode {
    match send(env::args().skip(1)) {
        Ok(report) => {
            println!("{} took {} bytes: {}", report.server, report.size, report.reply);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn send(mut arguments: impl Iterator<Item = String>) -> Result<Report, Error> {
    let mut smtp = Smtp::new(&arguments.next().unwrap_or_else(|| "127.0.0.1:2525".into()))?;

    let mut message = EmailMessage::new();
    message.from = ("sender@domain.example", "A Sender").into();
    message.add_recipient("recipient@domain.example");
    message.subject = "Attachments from Rust: Übersicht, 概要".into();

    message.add_text("The overview is attached.");
    message.add_html(r#"<p>The <b>overview</b> is attached.</p><img src="cid:logo" alt="logo">"#);

    // A file is opened when the message is composed, and read while it is sent.
    match arguments.next() {
        Some(attachment) => message.attach_file(attachment),
        None => message.attach_bytes("Übersicht.csv", &b"name;amount\r\nA;1\r\n"[..]),
    };
    match arguments.next() {
        Some(image) => message.embed_file(image, "logo"),
        None => message.embed_bytes("pixel.png", PIXEL, "logo"),
    };
    smtp.set_log_file(arguments.next().unwrap_or_else(|| "smtp log.txt".into()))?;
    let report = smtp.send(&message)?;
    smtp.disconnect();
    Ok(report)
}
