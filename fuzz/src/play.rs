//! A session of the engine with a peer in memory, and what holds of every session whoever the peer is.

use std::{collections::VecDeque, time::Instant};

use arbitrary::Arbitrary;
use freesmtp_core::{
    Error, ErrorKind, Secret, Security, Stage,
    protocol::{Config, Engine, Event, Outcome, Step, Timeouts, Transaction, TransactionResult},
    types::{MailOptions, Mailbox, RecipientStatus},
};

/// More than any session here needs; an engine that comes here loops.
const STEPS: usize = 400_000;
/// What is enough to be written, one piece of a message with every dot doubled, and a command.
const MOST_OUTPUT: usize = 128 * 1024 + 2 * MOST_PIECE + 16 * 1024;
const MOST_PIECE: usize = 16 * 1024;

/// What the network and the program do besides.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) struct Chance {
    /// Octets of one read, and those that one write takes.
    read: u8,
    write: u16,
    /// After so many steps the connection breaks.
    breaks: Option<u8>,
    /// The end of what the peer says is silence, not the end of the connection.
    silence: bool,
    /// The message cannot be given to its end.
    aborts: bool,
    quits: bool,
}

impl Chance {
    /// A network where nothing happens.
    pub(crate) fn none(read: u8, write: u16) -> Self {
        Self { read, write, breaks: None, silence: false, aborts: false, quits: true }
    }
}

/// Who is at the other end.
pub(crate) trait Peer {
    fn hear(&mut self, bytes: &[u8]);
    /// What it says now, at most so many octets; nothing when it waits or has gone.
    fn say(&mut self, most: usize) -> Vec<u8>;
    fn secured(&mut self) {}
}

/// Says what it has to say, whatever it hears: one thing each time that it is listened to.
pub(crate) struct Speaker(pub(crate) VecDeque<Vec<u8>>);

impl Peer for Speaker {
    fn hear(&mut self, _bytes: &[u8]) {}

    fn say(&mut self, most: usize) -> Vec<u8> {
        while self.0.front().is_some_and(Vec::is_empty) {
            self.0.pop_front();
        }
        let Some(front) = self.0.front_mut() else { return Vec::new() };
        front.drain(..most.min(front.len())).collect()
    }
}

/// What came of a session.
pub(crate) struct Played {
    pub(crate) engine: Engine,
    pub(crate) results: Vec<TransactionResult>,
    /// Everything that is shown to a person.
    pub(crate) shown: String,
    /// Everything that was sent.
    pub(crate) sent: Vec<u8>,
    pub(crate) logged_in: Option<&'static str>,
}

/// Plays a session. `messages` holds the pieces of each transaction's message.
pub(crate) fn play(
    config: Config,
    transactions: &[Transaction],
    messages: &[Vec<Vec<u8>>],
    peer: &mut dyn Peer,
    chance: Chance,
) -> Played {
    let mut engine = Engine::new(config);
    let mut played = Vec::new();
    let (mut shown, mut sent, mut logged_in) = (String::new(), Vec::new(), None);
    let mut given = vec![0; transactions.len()];
    let (mut now, mut begun, mut ended) = (Instant::now(), 0, false);
    let read = usize::from(chance.read).max(1);
    for step in 0..STEPS {
        assert!(engine.output().len() <= MOST_OUTPUT, "{} octets wait", engine.output().len());
        if chance.breaks.is_some_and(|at| usize::from(at) * 4 == step) {
            engine.fail_after_input(Error::new(ErrorKind::Connect, Stage::Command, "the connection broke"));
        }
        if begun < transactions.len() && (engine.has_room() || begun == 0) {
            engine.begin(Transaction { token: begun as u64, ..transactions[begun].clone() });
            begun += 1;
        }
        match engine.next(now) {
            Step::Event(Event::Finished(result)) => played.push(result),
            Step::Event(Event::Sent(line) | Event::Received(line) | Event::Notice(line)) => {
                shown.push_str(&line);
                shown.push('\n');
            }
            Step::Event(Event::LoggedIn(name)) => logged_in = Some(name),
            Step::Event(_) => {}
            Step::Output => {
                let count = usize::from(chance.write).max(1).min(engine.output().len());
                let bytes = engine.output()[..count].to_vec();
                engine.written(count);
                peer.hear(&bytes);
                sent.extend(bytes);
            }
            Step::NeedInput => match peer.say(read) {
                bytes if !bytes.is_empty() => engine.input(&bytes),
                _ if chance.silence => now = engine.deadline().expect("a wait has an end"),
                _ => engine.eof(),
            },
            Step::Body(_) if chance.aborts => {
                engine.body(b"abc", true);
                engine.body_abort(Error::new(ErrorKind::FileIo, Stage::Data, "the file changed"));
            }
            Step::Body(token) => {
                let token = usize::try_from(token).unwrap();
                let pieces = messages.get(token).map_or(&[][..], Vec::as_slice);
                let piece = pieces.get(given[token]).map_or(&[][..], Vec::as_slice);
                given[token] += 1;
                engine.body(&piece[..piece.len().min(MOST_PIECE)], given[token] < pieces.len());
            }
            Step::StartTls => {
                engine.tls_established();
                peer.secured();
            }
            Step::NeedToken { refresh: true } => engine.token(Err("none left".to_owned())),
            Step::NeedToken { .. } => engine.token(Ok(Secret::new("t0ken-Zq9-t0ken"))),
            Step::Idle => match peer.say(read) {
                bytes if !bytes.is_empty() => engine.input(&bytes),
                _ if chance.quits => engine.quit(),
                _ => ended = true,
            },
            Step::Done => ended = true,
        }
        if ended {
            let played = Played { engine, results: played, shown, sent, logged_in };
            played.check(&transactions[..begun], chance);
            return played;
        }
    }
    panic!("no end after {STEPS} steps: {engine:?}");
}

impl Played {
    /// What holds of every session, whoever spoke.
    fn check(&self, begun: &[Transaction], chance: Chance) {
        let mut tokens: Vec<u64> = self.results.iter().map(|result| result.token).collect();
        tokens.sort_unstable();
        let all: Vec<u64> = (0..begun.len() as u64).collect();
        assert_eq!(tokens, all, "every transaction ends once\n{}", self.shown);
        for result in &self.results {
            let transaction = &begun[usize::try_from(result.token).unwrap()];
            assert_eq!(result.recipients.len(), transaction.forward_paths.len());
            let accepted = result.recipients.iter().any(|r| r.status == RecipientStatus::Accepted);
            match &result.outcome {
                Outcome::Delivered(reply) => assert!(accepted && reply.is_positive(), "{result:?}"),
                Outcome::NotDelivered { .. } => assert!(!accepted, "{result:?}"),
                Outcome::Unknown(error) => assert!(!accepted && !error.is_temporary(), "{result:?}"),
            }
        }
        // What is not open any more says why, unless it was ended by QUIT.
        assert!(self.engine.is_open() || self.engine.error().is_some() || chance.quits);
    }
}

/// A session in clear text with nobody who logs in.
pub(crate) fn config() -> Config {
    Config {
        helo_name: "client.test".to_owned(),
        security: Security::None,
        lmtp: false,
        credentials: None,
        loopback: false,
        timeouts: Timeouts::default(),
        disabled_extensions: Vec::new(),
        host: "mail.test".to_owned(),
        port: 587,
        mail_auth: None,
        certificate_checked: true,
        entropy: [7; 32],
        unix_seconds: 1_700_000_000,
    }
}

/// A message from nobody to nobody.
pub(crate) fn transaction() -> Transaction {
    Transaction {
        token: 0,
        reverse_path: Some(Mailbox::parse("sender@client.test", "").unwrap()),
        forward_paths: Vec::new(),
        size: 0,
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

/// What a server may say, mostly replies, so that sessions get far.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) enum Said<'a> {
    Ok,
    Go,
    Known(u8),
    Code { code: u16, goes_on: bool, text: &'a str },
    Bytes(&'a [u8]),
    Fill { byte: u8, count: u16 },
}

const KNOWN: &[&str] = &[
    "220 hi\r\n",
    "250-a\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    "250-a\r\n250-PIPELINING\r\n250 SIZE 50\r\n",
    "250-a\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 SCRAM-SHA-256\r\n250 8BITMIME\r\n",
    "250-a\r\n250-LIMITS MAILMAX=2 RCPTMAX=1\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n",
    "250-a\r\n250-DSN\r\n250-SMTPUTF8\r\n250-FUTURERELEASE 100 2030-01-01T00:00:00Z\r\n250 DELIVERBY 5\r\n",
    "235 in\r\n",
    "334 \r\n",
    "334 VXNlcm5hbWU6\r\n",
    "334 !!\r\n",
    "450 4.2.1 later\r\n",
    "500 what\r\n",
    "503 5.5.1 order\r\n",
    "535 5.7.8 no\r\n",
    "550 5.1.1 nobody\r\n",
    "552 big\r\n",
    "504 5.5.4 no\r\n",
    "421 4.3.2 bye\r\n",
    "250-",
    "250\r\n",
    "25",
    "\r",
    "\n",
];

impl Said<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Ok => b"250 ok\r\n".to_vec(),
            Self::Go => b"354 go\r\n".to_vec(),
            Self::Known(index) => KNOWN[usize::from(*index) % KNOWN.len()].as_bytes().to_vec(),
            Self::Code { code, goes_on, text } => {
                let mark = if *goes_on { '-' } else { ' ' };
                format!("{}{mark}{text}\r\n", 200 + code % 400).into_bytes()
            }
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Fill { byte, count } => vec![*byte; usize::from(*count) % 5_000],
        }
    }
}
