//! Plays a script against the engine: what the client must say, and what it is answered.

#![allow(dead_code, reason = "each file of tests uses its part")]

pub(crate) mod login;
pub(crate) mod model;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use freesmtp_core::{
    Error, ErrorKind, Secret, Security, Stage,
    protocol::{Config, Engine, Event, Step, Timeouts, Transaction, TransactionResult},
    types::{MailOptions, Mailbox},
};

/// How the server's bytes are cut on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Whole,
    Lines,
    Bytes,
}

/// Replays under every cut; what happens must not depend on it.
pub(crate) fn each_cut(run: impl Fn(Cut)) {
    for cut in [Cut::Whole, Cut::Lines, Cut::Bytes] {
        run(cut);
    }
}

/// A server with a script: `("", greeting)` first, then a line of the client and the answer.
pub(crate) struct Server {
    script: VecDeque<(&'static str, &'static str)>,
    received: Vec<u8>,
    answers: VecDeque<u8>,
    closes: bool,
    /// What answers when the script is over.
    rest: Option<Rest>,
}

/// A server that computes its answers.
pub(crate) type Rest = Box<dyn FnMut(&str) -> String>;

impl Server {
    pub(crate) fn new(script: &[(&'static str, &'static str)]) -> Self {
        Self {
            script: script.iter().copied().collect(),
            received: Vec::new(),
            answers: VecDeque::new(),
            closes: false,
            rest: None,
        }
    }

    /// The script first, then what `rest` says.
    pub(crate) fn then(mut self, rest: impl FnMut(&str) -> String + 'static) -> Self {
        self.rest = Some(Box::new(rest));
        self
    }

    pub(crate) fn close_at_end(&mut self) {
        self.closes = true;
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        while let Some(at) = self.received.windows(2).position(|w| w == b"\r\n") {
            let line: Vec<u8> = self.received.drain(..at + 2).collect();
            let line = String::from_utf8(line[..at].to_vec()).expect("the client speaks UTF-8");
            if let (true, Some(rest)) = (self.script.is_empty(), &mut self.rest) {
                self.answers.extend(rest(&line).into_bytes());
                continue;
            }
            let (expected, answer) = self.script.pop_front().unwrap_or_else(|| panic!("unexpected: {line}"));
            assert!(expected == line || expected == "*any*", "expected {expected:?}, got {line:?}");
            self.answers.extend(answer.bytes());
        }
    }

    fn greet(&mut self) {
        if let Some(("", greeting)) = self.script.front() {
            self.answers.extend(greeting.bytes());
            self.script.pop_front();
        }
    }

    fn answer(&mut self, cut: Cut) -> Vec<u8> {
        let count = match cut {
            Cut::Whole => self.answers.len(),
            Cut::Bytes => 1.min(self.answers.len()),
            Cut::Lines => self.answers.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1),
        };
        self.answers.drain(..count).collect()
    }
}

/// The engine, its server, and what was seen.
pub(crate) struct Play {
    pub(crate) engine: Engine,
    pub(crate) server: Server,
    pub(crate) log: Vec<String>,
    /// Times that the client waited for the server.
    pub(crate) flights: usize,
    pub(crate) abort_body: bool,
    pub(crate) stop_writing_in_body: bool,
    /// What is given when the engine asks for a token, and with which words it asked.
    pub(crate) tokens: VecDeque<Result<Secret, String>>,
    pub(crate) asked: Vec<bool>,
    cut: Cut,
    now: Instant,
    results: VecDeque<TransactionResult>,
    body: Vec<u8>,
    in_body: bool,
}

impl Play {
    pub(crate) fn new(config: Config, mut server: Server, cut: Cut) -> Self {
        server.greet();
        Self {
            engine: Engine::new(config),
            server,
            log: Vec::new(),
            flights: 0,
            abort_body: false,
            stop_writing_in_body: false,
            tokens: VecDeque::new(),
            asked: Vec::new(),
            cut,
            now: Instant::now(),
            results: VecDeque::new(),
            body: Vec::new(),
            in_body: false,
        }
    }

    /// Runs until nothing is outstanding, the session is over, or the server is silent.
    fn run(&mut self) -> bool {
        loop {
            match self.engine.next(self.now) {
                Step::Event(Event::Sent(line) | Event::Received(line) | Event::Notice(line)) => {
                    self.log.push(line);
                }
                Step::Event(Event::Finished(result)) => self.results.push_back(result),
                Step::Event(_) => {}
                Step::Output if self.stop_writing_in_body && self.in_body => {
                    let output = self.engine.output();
                    let count = output.len() - 1;
                    self.engine.written(count);
                    self.engine.fail(Error::new(ErrorKind::Connect, Stage::Eom, "the connection broke"));
                }
                Step::Output => {
                    // A network that takes little at a time must make no difference.
                    let count = if matches!(self.cut, Cut::Bytes) { 1 } else { self.engine.output().len() };
                    let bytes = self.engine.output()[..count].to_vec();
                    self.engine.written(count);
                    self.server.receive(&bytes);
                }
                Step::NeedInput => {
                    let answer = self.server.answer(self.cut);
                    self.flights += 1;
                    match (answer.is_empty(), self.server.closes && self.server.script.is_empty()) {
                        (false, _) => self.engine.input(&answer),
                        (true, true) => self.engine.eof(),
                        (true, false) => return false,
                    }
                }
                Step::Body(_) if self.abort_body => {
                    self.engine.body(b"h", true);
                    self.engine.body_abort(Error::new(ErrorKind::FileIo, Stage::Data, "the file changed"));
                }
                Step::Body(_) => {
                    for byte in &self.body {
                        self.engine.body(&[*byte], true);
                    }
                    self.engine.body(b"", false);
                    self.in_body = true;
                }
                Step::StartTls => self.engine.tls_established(),
                Step::NeedToken { refresh } => {
                    self.asked.push(refresh);
                    let token = self.tokens.pop_front().expect("a token was asked for");
                    self.engine.token(token);
                }
                Step::Idle => {
                    // What is still on its way arrives, asked for or not.
                    let rest = self.server.answer(Cut::Whole);
                    if rest.is_empty() {
                        return true;
                    }
                    self.engine.input(&rest);
                }
                Step::Done => return true,
            }
        }
    }

    pub(crate) fn open(&mut self) {
        self.run();
    }

    pub(crate) fn send(&mut self, transaction: Transaction, body: &[u8]) -> TransactionResult {
        self.body = body.to_vec();
        self.engine.begin(transaction);
        self.run();
        self.results.pop_front().expect("the transaction has ended")
    }

    /// Sends to a server that stops answering; how long the engine waited for it.
    pub(crate) fn until_silent(&mut self, transaction: Transaction, body: &[u8]) -> Duration {
        self.body = body.to_vec();
        self.engine.begin(transaction);
        self.wait_for_silence()
    }

    /// Goes on until the server stops answering, and then until the engine gives up; how long it waited.
    pub(crate) fn wait_for_silence(&mut self) -> Duration {
        assert!(!self.run(), "the server answered everything");
        let deadline = self.engine.deadline().expect("a deadline");
        let waited = deadline - self.now;
        self.now = deadline - Duration::from_millis(1);
        assert!(!self.run(), "not before its time");
        self.now = deadline;
        assert!(self.run());
        waited
    }

    /// The ends of transactions that no `send` has taken.
    pub(crate) fn results(&self) -> &VecDeque<TransactionResult> {
        &self.results
    }

    pub(crate) fn quit(&mut self) {
        self.engine.quit();
        self.run();
        self.finish();
    }

    /// The whole script was played.
    pub(crate) fn finish(&self) {
        assert!(self.server.script.is_empty(), "not asked for: {:?}", self.server.script);
    }
}

pub(crate) fn config() -> Config {
    Config {
        helo_name: "client.test".to_owned(),
        security: Security::None,
        lmtp: false,
        credentials: None,
        loopback: false,
        timeouts: Timeouts::default(),
        disabled_extensions: Vec::new(),
        host: "mail.example.com".to_owned(),
        port: 587,
        mail_auth: None,
        certificate_checked: true,
        entropy: [7; 32],
        unix_seconds: 1_700_000_000,
    }
}

pub(crate) fn transaction(recipients: &[&str]) -> Transaction {
    Transaction {
        token: 7,
        reverse_path: Some(Mailbox::parse("s@a.test", "").unwrap()),
        forward_paths: recipients.iter().map(|r| Mailbox::parse(r, "").unwrap()).collect(),
        size: 4,
        eight_bit: false,
        utf8: false,
        binary: false,
        exact: false,
        all_or_nothing: false,
        in_turn: false,
        mail_options: MailOptions::default(),
        rcpt_options: Vec::new(),
    }
}
