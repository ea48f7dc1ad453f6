//! A server in memory that keeps to the RFCs: what it takes for a transaction is what counts, not what the client
//! meant. It refuses what the test wants refused.

use std::collections::VecDeque;

/// A message that the server took responsibility for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) bytes: Vec<u8>,
}

/// Decides about a command line: `Some(reply)` refuses it (or answers what is wrong).
pub(crate) type Policy = Box<dyn FnMut(&str) -> Option<&'static str> + Send>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    Command,
    Data,
    Chunk { left: usize, last: bool },
}

/// The server.
pub(crate) struct Model {
    pub(crate) keywords: &'static str,
    pub(crate) lmtp: bool,
    /// Knows no RSET.
    pub(crate) no_rset: bool,
    pub(crate) policy: Policy,
    pub(crate) taken: Vec<Taken>,
    /// Every command line.
    pub(crate) heard: Vec<String>,
    pub(crate) answers: VecDeque<u8>,
    pub(crate) closed: bool,
    pub(crate) state: State,
    pub(crate) sender: Option<String>,
    pub(crate) recipients: Vec<String>,
    pub(crate) message: Vec<u8>,
    pub(crate) failed: bool,
    pub(crate) unread: Vec<u8>,
    /// How much of it has been looked at.
    pub(crate) read: usize,
}

impl Model {
    pub(crate) fn new(keywords: &'static str) -> Self {
        let mut this = Self {
            keywords,
            lmtp: false,
            no_rset: false,
            policy: Box::new(|_| None),
            taken: Vec::new(),
            heard: Vec::new(),
            answers: VecDeque::new(),
            closed: false,
            state: State::Command,
            sender: None,
            recipients: Vec::new(),
            message: Vec::new(),
            failed: false,
            unread: Vec::new(),
            read: 0,
        };
        this.say("220 model.test");
        this
    }

    fn say(&mut self, reply: &str) {
        self.answers.extend(reply.replace('\n', "\r\n").bytes());
        self.answers.extend(b"\r\n");
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while !self.closed && self.step() {}
        self.unread.drain(..std::mem::take(&mut self.read));
    }

    fn step(&mut self) -> bool {
        if let State::Chunk { left, last } = self.state {
            let count = left.min(self.unread.len() - self.read);
            self.message.extend_from_slice(&self.unread[self.read..self.read + count]);
            self.read += count;
            if count < left {
                self.state = State::Chunk { left: left - count, last };
                return false;
            }
            self.state = State::Command;
            self.end_chunk(last);
            return true;
        }
        let rest = &self.unread[self.read..];
        let Some(at) = rest.windows(2).position(|w| w == b"\r\n") else { return false };
        let line = rest[..at].to_vec();
        let line = &line[..];
        self.read += at + 2;
        if self.state == State::Data {
            if line == b"." {
                self.state = State::Command;
                self.end("DOT");
            } else {
                self.message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                self.message.extend_from_slice(b"\r\n");
            }
            return true;
        }
        self.command(std::str::from_utf8(line).expect("commands are UTF-8"));
        true
    }

    fn command(&mut self, line: &str) {
        self.heard.push(line.to_owned());
        let verb = line.split(' ').next().unwrap_or_default();
        if verb == "BDAT" {
            let mut words = line.split(' ').skip(1);
            let left = words.next().expect("a size").parse().expect("a number");
            self.state = State::Chunk { left, last: words.next() == Some("LAST") };
            return;
        }
        if let Some(reply) = (self.policy)(line) {
            self.closed = reply.starts_with("421");
            return self.say(reply);
        }
        match verb {
            "EHLO" | "LHLO" => {
                self.clear();
                let reply = format!("250-model.test{}\n250 HELP", self.keywords.replace(' ', "\n250-"))
                    .replace('\u{a0}', " ");
                self.say(&reply);
            }
            "RSET" if self.no_rset => self.say("502 not known"),
            "RSET" => {
                self.clear();
                self.say("250 reset");
            }
            "MAIL" if self.sender.is_some() => self.say("503 nested MAIL"),
            "MAIL" => {
                self.sender = Some(line.to_owned());
                self.say("250 sender");
            }
            "RCPT" if self.sender.is_none() => self.say("503 MAIL first"),
            "RCPT" => {
                self.recipients.push(line.to_owned());
                self.say("250 recipient");
            }
            "DATA" if self.recipients.is_empty() => self.say("503 RCPT first"),
            "DATA" => {
                self.state = State::Data;
                self.say("354 go on");
            }
            "QUIT" => {
                self.closed = true;
                self.say("221 bye");
            }
            _ => self.say("250 whatever"),
        }
    }

    fn end_chunk(&mut self, last: bool) {
        if self.recipients.is_empty() || self.failed {
            self.failed = !last;
            self.message.clear();
            return self.say("503 no recipients");
        }
        if last {
            return self.end("BDAT");
        }
        match (self.policy)("CHUNK") {
            Some(reply) => {
                self.failed = true;
                self.closed = reply.starts_with("421");
                self.say(reply);
            }
            None => self.say("250 chunk"),
        }
    }

    /// The whole message is there.
    fn end(&mut self, how: &str) {
        let recipients = std::mem::take(&mut self.recipients);
        let taken = Taken {
            sender: self.sender.take().unwrap_or_default(),
            recipients: Vec::new(),
            bytes: std::mem::take(&mut self.message),
        };
        let mut accepted = Vec::new();
        for recipient in &recipients {
            let asked = if self.lmtp { format!("{how} {recipient}") } else { how.to_owned() };
            match (self.policy)(&asked) {
                Some(reply) => {
                    self.closed = reply.starts_with("421");
                    self.say(reply);
                }
                None => {
                    if self.lmtp {
                        accepted.push(recipient.clone());
                    } else {
                        accepted.clone_from(&recipients);
                    }
                    self.say("250 taken");
                }
            }
            if !self.lmtp || self.closed {
                break;
            }
        }
        self.clear();
        if !accepted.is_empty() {
            self.taken.push(Taken { recipients: accepted, ..taken });
        }
    }

    fn clear(&mut self) {
        self.sender = None;
        self.failed = false;
        self.recipients.clear();
        self.message.clear();
    }
}
