//! Commands and replies: what was said, what is awaited, and what a line of the server is the answer to.
//!
//! Replies are matched to commands strictly in order; a reply to nothing ends the session.

use std::time::Instant;

use super::{
    Engine, Event,
    engine::HIGH_WATER,
    redact::{MASK, Redactor},
    reply_parser::Item,
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Reply, Stage},
};

/// What the next reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    AuthCancelled,
    Rset,
    /// EHLO in place of a RSET that the server does not know (RFC 5321 section 4.1.4).
    ResetByEhlo,
    Mail,
    Rcpt(usize),
    Data,
    /// A BDAT before the last.
    Chunk,
    /// The final dot, or the last BDAT.
    EndOfData,
    /// The lone dot after a 354 that came although no recipient was accepted (RFC 2920 section 3.1).
    EmptyEndOfData,
    Command,
    Quit,
}

impl Expect {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Greeting => Stage::Connect,
            Self::Ehlo | Self::Helo => Stage::Ehlo,
            Self::StartTls => Stage::StartTls,
            Self::Auth | Self::AuthCancelled => Stage::Auth,
            Self::Rset | Self::ResetByEhlo | Self::Command => Stage::Command,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data | Self::Chunk => Stage::Data,
            Self::EndOfData | Self::EmptyEndOfData => Stage::Eom,
            Self::Quit => Stage::Quit,
        }
    }

    /// Whether it is the answer to a command of the first transaction.
    pub(super) fn is_of_transaction(self) -> bool {
        use Expect::{Chunk, Data, EmptyEndOfData, EndOfData, Mail, Rcpt};
        matches!(self, Mail | Rcpt(_) | Data | Chunk | EndOfData | EmptyEndOfData)
    }
}

/// A command whose reply is awaited.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) expect: Expect,
    /// The line as logged; `None` once it was, or when there is none.
    line: Option<String>,
    /// The transaction that ends here, and the octets of its message until they were logged.
    pub(super) ends: Option<(u64, Option<u64>)>,
    /// The output up to which the command reaches, counted from the session's first octet.
    pub(super) end: u64,
    /// How much of that must have left before a reply can be its answer: a server may answer BDAT before the octets
    /// behind it have come.
    due: u64,
}

/// What the session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Nothing,
    Write,
    Read,
}

impl Engine {
    /// Puts a command into the output.
    pub(super) fn send(&mut self, line: &str, expect: Expect) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.expect(expect, Some(line.to_owned()));
    }

    /// Puts a line that holds a secret into the output; `shown` is what the log gets.
    pub(super) fn send_secret(&mut self, line: &str, shown: String, expect: Expect) {
        self.out_secret = true;
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.expect(expect, Some(shown));
    }

    pub(super) fn expect(&mut self, expect: Expect, line: Option<String>) {
        let end = self.position();
        self.expect_reply(Pending { expect, line, ends: None, end, due: end });
    }

    /// A chunk before the last, of which so many octets are the message's.
    pub(super) fn expect_chunk(&mut self, line: String, octets: usize) {
        let end = self.position();
        let due = end - octets as u64;
        self.expect_reply(Pending { expect: Expect::Chunk, line: Some(line), ends: None, end, due });
    }

    /// The end of the output, counted from the session's first octet.
    fn position(&self) -> u64 {
        self.out_base + self.out.len() as u64
    }

    /// The message of that transaction is complete: `octets` in all, the last `chunk` of them behind a BDAT `line`.
    pub(super) fn expect_end(&mut self, serial: u64, octets: u64, chunk: usize, line: Option<String>) {
        let end = self.position();
        let due = if line.is_some() { end - chunk as u64 } else { end };
        let ends = Some((serial, Some(octets)));
        self.expect_reply(Pending { expect: Expect::EndOfData, line, ends, end, due });
    }

    /// Another reply to the end of the first transaction's message is to come before all others.
    pub(super) fn expect_again(&mut self) {
        let ends = self.queue.front().map(|active| (active.serial, None));
        self.pending.push_front(Pending { expect: Expect::EndOfData, line: None, ends, end: 0, due: 0 });
    }

    fn expect_reply(&mut self, pending: Pending) {
        self.pending.push_back(pending);
        self.announce();
    }

    /// Logs the command whose reply is now the next one.
    fn announce(&mut self) {
        let Some(pending) = self.pending.front_mut() else { return };
        if let Some(line) = pending.line.take() {
            self.events.push_back(Event::Sent(line));
        }
        if let Some(octets) = pending.ends.as_mut().and_then(|(_, octets)| octets.take()) {
            self.events.push_back(Event::MessageSent(octets));
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the output is so full that it is to be written before more commands are added.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() - self.written >= HIGH_WATER
    }

    pub(super) fn input_is_empty(&self) -> bool {
        self.parser.is_empty()
    }

    pub(super) fn note_greeting(&mut self, reply: &Reply) {
        let host = reply.lines().first().and_then(|line| line.split_whitespace().next());
        self.greeting_host = host.map(str::to_owned);
    }

    /// Takes one line of input; whether there was one.
    pub(super) fn take_line(&mut self) -> bool {
        let in_auth = matches!(self.pending.front(), Some(p) if p.expect.stage() == Stage::Auth);
        let show = |redactor: &Redactor, line: String| match line.get(..4) {
            // A challenge is part of the exchange: nothing of it is shown.
            Some(start) if in_auth && start.starts_with("334") && line.len() > 4 => format!("{start}{MASK}"),
            _ => redactor.clean(line),
        };
        match self.parser.next_line() {
            Ok(None) => false,
            Ok(Some(Item::Line(line))) => {
                let line = show(&self.redactor, line);
                self.events.push_back(Event::Received(line));
                true
            }
            Ok(Some(Item::Last(line, reply))) => {
                let line = show(&self.redactor, line);
                self.events.push_back(Event::Received(line));
                self.waiting = Waiting::Nothing;
                self.on_reply(reply);
                true
            }
            Err((fault, line)) => {
                let line = show(&self.redactor, line);
                self.events.push_back(Event::Received(line.clone()));
                let stage = self.stage();
                let start: String = line.chars().take(100).collect();
                self.fail(
                    Error::new(ErrorKind::Protocol, stage, format!("{}: {start:?}", fault.as_str()))
                        .with_failure(Failure::MalformedReply),
                );
                true
            }
        }
    }

    fn on_reply(&mut self, raw: Reply) {
        // Only a mechanism of AUTH is to see what the log must not show, and who reads what is offered: a password may be
        // the word for it.
        let uncensored = |expect: Expect| matches!(expect, Expect::Auth | Expect::Ehlo);
        let challenge =
            self.pending.front().filter(|pending| uncensored(pending.expect)).map(|_| raw.clone());
        let reply = raw.map_lines(|line| self.redactor.clean(line));
        let left = self.out_base + self.written as u64;
        let Some(&Pending { expect, .. }) = self.pending.front().filter(|pending| pending.due <= left) else {
            return self.on_unasked(reply);
        };
        self.pending.pop_front();
        // RFC 5321 section 3.8: whatever it answers, the server closes now.
        if reply.code() == 421 && expect != Expect::Quit {
            let kind = if expect == Expect::Auth { ErrorKind::Authentication } else { ErrorKind::Protocol };
            self.settle(expect, &reply);
            return self.fail(Error::refused(kind, expect.stage(), reply));
        }
        match expect {
            Expect::Greeting => self.on_greeting(reply),
            Expect::Ehlo | Expect::Helo => self.on_ehlo(expect, challenge.as_ref(), reply),
            Expect::StartTls => self.on_starttls(reply),
            Expect::Auth => self.on_auth(challenge.as_ref().unwrap_or(&reply.clone()), reply),
            Expect::AuthCancelled => self.on_auth_cancelled(reply),
            Expect::Command => self.events.push_back(Event::CommandReply(reply)),
            Expect::Quit => self.close(),
            _ => self.on_transaction_reply(expect, reply),
        }
        self.announce();
    }

    /// A reply to nothing, or to what has not left yet: the server's reason to close, or the sign that replies and
    /// commands no longer match.
    fn on_unasked(&mut self, reply: Reply) {
        let stage = self.stage();
        let in_message =
            self.content.is_some() || self.pending.front().is_some_and(|p| p.expect == Expect::EndOfData);
        let error = if in_message && !reply.is_positive() && !reply.is_intermediate() {
            Error::refused(ErrorKind::Protocol, stage, reply)
        } else if reply.code() == 421 {
            Error::refused(ErrorKind::Connect, stage, reply).with_failure(Failure::ConnectionLost)
        } else {
            Error::new(
                ErrorKind::Protocol,
                stage,
                format!("the server sent a reply that nothing asked for: {reply}"),
            )
            .with_failure(Failure::MalformedReply)
            .with_reply(reply)
            .with_temporary(true)
        };
        self.fail(error);
    }

    /// A reply of a class that can't answer that command: nothing after it can be trusted.
    pub(super) fn on_nonsense(&mut self, stage: Stage, reply: Reply) {
        let text = format!("the server's reply is no answer to {stage}: {reply}");
        self.fail(
            Error::new(ErrorKind::Protocol, stage, text)
                .with_failure(Failure::MalformedReply)
                .with_reply(reply),
        );
    }

    pub(super) fn wait(&mut self, waiting: Waiting, now: Instant) {
        if self.waiting == waiting && (self.deadline.is_some() || waiting == Waiting::Nothing) {
            return;
        }
        self.waiting = waiting;
        let timeouts = &self.config.timeouts;
        let limit = match waiting {
            Waiting::Nothing => None,
            Waiting::Write => Some(timeouts.data_block),
            Waiting::Read => Some(match self.pending.front().map(|p| p.expect) {
                Some(Expect::Greeting) => timeouts.greeting,
                Some(Expect::EndOfData) => timeouts.end_of_data,
                _ => timeouts.command,
            }),
        };
        // A limit beyond what the clock can count is none.
        self.deadline = limit.and_then(|limit| now.checked_add(limit));
    }

    pub(super) fn time_out(&mut self) {
        let stage = self.stage();
        let (what, failure) = match self.waiting {
            Waiting::Write => ("the network took no more bytes", Failure::ConnectionLost),
            _ if stage == Stage::Connect => ("the server did not greet", Failure::GreetingTimeout),
            _ => ("the server did not reply", Failure::ReplyTimeout),
        };
        self.deadline = None;
        self.fail(Error::new(ErrorKind::Timeout, stage, format!("{what} in time")).with_failure(failure));
    }
}
