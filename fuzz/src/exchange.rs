//! Our client talks to our own listener: every message arrives once, byte for byte, with its envelope and its options,
//! however the network cuts the bytes; DATA with its dots, BDAT over any borders, and xtext as inverses.

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use freesmtp_agent::fuzzing::{Listener, MOST_RECIPIENTS};
use freesmtp_core::{
    message::{DeliveryOptions, Notify, RecipientOptions, ReturnContent},
    protocol::{Config, Outcome, Transaction},
    types::{Mailbox, Moment},
};

use crate::play::{Chance, Peer, config, play, transaction};

#[derive(Arbitrary, Debug)]
struct Mail<'a> {
    sender: &'a str,
    recipients: Vec<(&'a str, u8, Option<&'a str>)>,
    envelope_id: Option<&'a str>,
    return_content: u8,
    sized: bool,
    pieces: Vec<&'a [u8]>,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    read: u8,
    write: u16,
    /// Says how much each read and write takes, in turn.
    without_chunking: bool,
    without_pipelining: bool,
    mails: Vec<Mail<'a>>,
}

struct Own {
    listener: Listener,
    answers: VecDeque<u8>,
}

impl Peer for Own {
    fn hear(&mut self, bytes: &[u8]) {
        self.listener.hear(bytes);
    }

    fn say(&mut self, most: usize) -> Vec<u8> {
        self.answers.extend(std::mem::take(&mut self.listener.said));
        self.answers.drain(..most.min(self.answers.len())).collect()
    }

    fn secured(&mut self) {
        self.listener.secured();
    }
}

/// The octets of a line before its CRLF (RFC 5322 section 2.1.1).
const LONGEST_LINE: usize = 998;

/// The text as lines that end in CRLF and are not too long, which is what the composer gives the engine.
fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut column = 0;
    let mut out: Vec<Vec<u8>> = pieces
        .iter()
        .map(|piece| {
            let mut lined = Vec::new();
            for byte in *piece {
                let byte = byte & 0x7F;
                if matches!(byte, b'\r' | b'\n') || column == LONGEST_LINE {
                    lined.extend(b"\r\n");
                    column = 0;
                }
                match byte {
                    b'\r' | b'\n' => continue,
                    0 => lined.push(b'0'),
                    byte => lined.push(byte),
                }
                column += 1;
            }
            lined
        })
        .collect();
    if !out.concat().ends_with(b"\r\n") {
        out.push(b"\r\n".to_vec());
    }
    out
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let mut disabled = Vec::new();
    if input.without_chunking {
        disabled.push("CHUNKING".to_owned());
    }
    if input.without_pipelining {
        disabled.push("PIPELINING".to_owned());
    }
    let config = Config { disabled_extensions: disabled, ..config() };
    let (mut transactions, mut messages) = (Vec::new(), Vec::new());
    for mail in input.mails.iter().take(4) {
        let Some(transaction) = mail.transaction() else { continue };
        messages.push(lines(&mail.pieces));
        let size = messages.last().map_or(0, |pieces| pieces.concat().len() as u64);
        transactions.push(Transaction { size: if mail.sized { size } else { 0 }, ..transaction });
    }
    let mut own = Own { listener: Listener::new(1 << 20), answers: VecDeque::new() };
    let chance = Chance::none(input.read, input.write);
    let played = play(config, &transactions, &messages, &mut own, chance);
    let mut taken = own.listener.taken.iter();
    assert_eq!(own.listener.abandoned, 0, "{}", played.shown);
    for result in &played.results {
        let index = usize::try_from(result.token).unwrap();
        let asked = &transactions[index];
        if matches!(&result.outcome, Outcome::NotDelivered { .. }) && asked.forward_paths.is_empty() {
            continue;
        }
        assert!(matches!(&result.outcome, Outcome::Delivered(_)), "{result:?}\n{}", played.shown);
        let taken = taken.next().expect("what is delivered was taken");
        assert_eq!(taken.text, messages[index].concat(), "{}", played.shown);
        let path = |mailbox: &Mailbox| mailbox.to_path(asked.utf8).unwrap().into_owned();
        assert_eq!(taken.sender, asked.reverse_path.as_ref().map(path).unwrap_or_default());
        let wanted: Vec<String> = asked.forward_paths.iter().map(path).collect();
        let got: Vec<&str> = taken.recipients.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(got, wanted);
        // What was asked for is what the listener asks the next server for.
        let options = DeliveryOptions {
            envelope_id: taken.envelope_id.clone(),
            return_content: taken.return_content,
            ..DeliveryOptions::default()
        };
        assert_eq!(options.check(Moment::new(0)).unwrap(), asked.mail_options, "{}", played.shown);
        for (index, (_, options)) in taken.recipients.iter().enumerate() {
            let options = options.check(str::to_owned).unwrap();
            assert_eq!(Some(&options), asked.rcpt_options.get(index), "{}", played.shown);
        }
    }
    assert_eq!(taken.next(), None, "what was taken is what is delivered");
}

impl Mail<'_> {
    fn transaction(&self) -> Option<Transaction> {
        let mailbox = |text: &str| {
            Mailbox::parse(text, "").or_else(|_| Mailbox::parse(&format!("{text}@domain.test"), "")).ok()
        };
        let reverse_path = if self.sender.is_empty() { None } else { Some(mailbox(self.sender)?) };
        let mut forward_paths = Vec::new();
        let mut rcpt_options = Vec::new();
        for (text, notify, original) in self.recipients.iter().take(MOST_RECIPIENTS) {
            forward_paths.push(mailbox(text)?);
            let options = RecipientOptions {
                notify: Notify::from_number(notify % 16)?,
                original_recipient: original.map(str::to_owned),
                ..RecipientOptions::default()
            };
            rcpt_options.push(options.check(str::to_owned).ok()?);
        }
        let options = DeliveryOptions {
            envelope_id: self.envelope_id.map(str::to_owned),
            return_content: ReturnContent::from_number(self.return_content % 3)?,
            ..DeliveryOptions::default()
        };
        let mail_options = options.check(Moment::new(0)).ok()?;
        let all = forward_paths.iter().chain(&reverse_path);
        let utf8 = !all.clone().all(Mailbox::has_ascii_local_part);
        Some(Transaction { reverse_path, forward_paths, mail_options, rcpt_options, utf8, ..transaction() })
    }
}
