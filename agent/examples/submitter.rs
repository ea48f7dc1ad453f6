//! Submits messages to a spool and prints each id once it is safe: for tests that kill it, and for benchmarks.
//!
//! `submitter SPOOL COUNT OCTETS DURABILITY [--group N] [--tag TAG] [--blast NAME] [--sender ADDRESS] [--key KEY] [--hold] [RECIPIENT ...]`; in a recipient and in a key `{n}` is the number.
//! With `--hold` it says `held` before it commits a group, and waits for the end of its input.
#![allow(missing_docs, clippy::unwrap_used, reason = "a tool of the tests")]

use std::io::{Read, Write};

use freesmtp_core::{
    Error,
    spool::{Durability, Envelope, Message, Recipient, Spool},
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap();
    let spool = Spool::open(next()).unwrap();
    let count: usize = next().parse().unwrap();
    let octets: usize = next().parse().unwrap();
    let durability: Durability = next().parse().unwrap();
    let (mut group, mut tag, mut recipients) = (1, "m".to_owned(), Vec::new());
    let (mut blast, mut sender, mut key, mut hold) = (None, "sender@example.test".to_owned(), None, false);
    let mut rest = std::env::args().skip(5);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--group" => group = rest.next().unwrap().parse().unwrap(),
            "--tag" => tag = rest.next().unwrap(),
            "--sender" => sender = rest.next().unwrap(),
            "--blast" => blast = rest.next(),
            "--key" => key = rest.next(),
            "--hold" => hold = true,
            _ => recipients.push(argument),
        }
    }
    if recipients.is_empty() {
        recipients.push("user{n}@example.test".to_owned());
    }
    let line = format!("{}\r\n", "x".repeat(76));
    let body = line.repeat(octets / line.len() + 1);
    let mut out = std::io::stdout().lock();
    let mut n = 0;
    while n < count {
        let mut together = spool.group(durability);
        let mut lines = String::new();
        for _ in 0..group.min(count - n) {
            let mut envelope = Envelope { reverse_path: sender.clone(), ..Envelope::default() };
            let numbered = |text: &String| text.replace("{n}", &n.to_string());
            envelope.recipients = recipients.iter().map(numbered).map(Recipient::new).collect();
            envelope.options.blast.clone_from(&blast);
            envelope.options.idempotency_key = key.as_ref().map(numbered);
            let message_id = format!("<{tag}.{n}@example.test>");
            let head = format!(
                "From: sender@example.test\r\nTo: undisclosed:;\r\nSubject: {tag} {n}\r\nMessage-ID: {message_id}\r\n\r\n"
            );
            let message = format!("{head}{}", &body[..octets.saturating_sub(head.len()).max(78) / 78 * 78]);
            let id = if group == 1 {
                spool.submit(&envelope, Message::Bytes(message.as_bytes()), durability)
            } else {
                together.add(&envelope, Message::Bytes(message.as_bytes()))
            };
            lines.push_str(&format!("{} {message_id}\n", id.unwrap_or_else(|error| end(&error))));
            n += 1;
        }
        if hold {
            out.write_all(b"held\n").unwrap();
            out.flush().unwrap();
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        }
        if group > 1 {
            together.commit().unwrap_or_else(|error| end(&error));
        }
        // One write: a line that is there was safe.
        out.write_all(lines.as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// The disk is full, most likely; what was printed before is safe.
fn end(error: &Error) -> ! {
    eprintln!("submitter: {error}");
    std::process::exit(1)
}
