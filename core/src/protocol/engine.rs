//! The state machine of one session.
//!
//! Theory of operation. A driver asks [`Engine::next`] what to do, does it, and asks again:
//!
//! ```text
//! Output     write output(), then call written(n)
//! NeedInput  read, then call input(bytes), or eof()
//! Body       give the next piece of that message: body(bytes), body_end() or body_abort(error)
//! StartTls   do the handshake, then call tls_established()
//! Event      something happened: log it, keep it, show it
//! Idle       the session is open and nothing is outstanding: begin(), command(), quit(), or keep it
//! Done       the session is over; error() says why, if it did not end by QUIT
//! ```
//!
//! In any step `deadline()` says until when the step must make progress; when that time has come, the driver calls
//! `next(now)` again and the engine ends the session itself. I/O errors go to `fail`.
//!
//! Commands go into an output buffer and into `pending`, a queue of what their replies mean; replies are matched
//! strictly in that order. Pipelining (RFC 2920) is no more than letting `pending` hold several commands.
//! A command is logged when its reply becomes the next one awaited: so the log reads as a conversation even when
//! commands left in one write, and the last line of a session that hangs is the command that the server hangs on.

use std::{collections::VecDeque, mem, time::Instant};

use zeroize::Zeroize;

use super::{
    Capabilities, Command, Security, Stuffer, Timeouts, Transaction, TransactionResult,
    auth::{Credentials, Mechanism, Message},
    redact::{MASK, Redactor},
    reply_parser::{Item, ReplyParser},
    transaction::Active,
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Reply, Stage},
};

/// Output beyond this is written before more of a message is asked for.
const HIGH_WATER: usize = 128 * 1024;

/// What the session may and must do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The argument of EHLO; checked with [`check_helo_name`](super::check_helo_name).
    pub helo_name: String,
    /// `Implicit` means that the driver has done the handshake before the first step. Never `Auto`.
    pub security: Security,
    /// Who logs in.
    pub credentials: Option<Credentials>,
    /// The peer is on this machine.
    pub loopback: bool,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// EHLO keywords to be ignored.
    pub disabled_extensions: Vec<String>,
}

/// What the driver does next.
#[must_use = "a step that is not carried out deadlocks the session"]
#[derive(Debug)]
pub enum Step {
    /// Write [`Engine::output`], then call [`Engine::written`]. Reading meanwhile is allowed, and needed when
    /// the write blocks: the peer may be blocked writing replies.
    Output,
    /// Read, then call [`Engine::input`] or [`Engine::eof`].
    NeedInput,
    /// Call [`Engine::body`], [`Engine::body_end`] or [`Engine::body_abort`] for the transaction of that token.
    Body(u64),
    /// Do the TLS handshake, then call [`Engine::tls_established`].
    StartTls,
    /// Something happened.
    Event(Event),
    /// The session is open, and nothing is outstanding.
    Idle,
    /// The session is over.
    Done,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A command line, secrets removed, now that its reply is awaited.
    Sent(String),
    /// A line of a reply, secrets removed.
    Received(String),
    /// A whole message has been given to the output: so many octets before dot-stuffing.
    MessageSent(u64),
    /// Something worth a sentence that is no line of the conversation.
    Notice(String),
    /// Logged in with this mechanism.
    LoggedIn(&'static str),
    /// RCPT was refused.
    RecipientRefused {
        /// The transaction.
        token: u64,
        /// The index of the forward path.
        index: usize,
        /// The server's answer.
        reply: Reply,
    },
    /// A transaction has ended.
    Finished(TransactionResult),
    /// The answer to a command of the program.
    CommandReply(Reply),
}

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
            Self::Data => Stage::Data,
            Self::EndOfData | Self::EmptyEndOfData => Stage::Eom,
            Self::Quit => Stage::Quit,
        }
    }
}

#[derive(Debug)]
struct Pending {
    expect: Expect,
    /// The line as logged; `None` once it was, or when there is none.
    line: Option<String>,
    /// The output up to which the command reaches, counted from the session's first octet.
    end: u64,
}

/// Where the session stands; what a reply means is in `pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Greeting, EHLO, STARTTLS, AUTH.
    Opening,
    /// `220` to STARTTLS came: the driver is to do the handshake.
    Handshake,
    /// Transactions and commands may begin.
    Open,
    /// QUIT was sent.
    Quitting,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Write,
    Read,
}

/// The SMTP engine: one session, no I/O. See the head of this file's source for how a driver uses it.
pub struct Engine {
    pub(super) config: Config,
    pub(super) phase: Phase,
    pub(super) tls: bool,
    pub(super) capabilities: Capabilities,
    greeting_host: Option<String>,
    parser: ReplyParser,
    pub(super) redactor: Redactor,
    out: Vec<u8>,
    written: usize,
    /// Octets of the session before `out[0]`.
    out_base: u64,
    out_secret: bool,
    pending: VecDeque<Pending>,
    pub(super) events: VecDeque<Event>,
    waiting: Waiting,
    deadline: Option<Instant>,
    error: Option<Error>,
    // Logging in.
    pub(super) exchange: Option<Box<dyn Mechanism>>,
    pub(super) deferred_initial: Option<Message>,
    pub(super) tried: Vec<&'static str>,
    pub(super) mechanism: Option<&'static str>,
    // Transactions: the first one is under way, the others wait.
    pub(super) queue: VecDeque<Active>,
    pub(super) body: Option<Stuffer>,
    pub(super) body_octets: u64,
    /// The server may hold parts of a transaction that was given up: RSET before the next.
    pub(super) dirty: bool,
}

impl std::fmt::Debug for Engine {
    /// Leaves the output out: it may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("phase", &self.phase)
            .field("tls", &self.tls)
            .field("pending", &self.pending.len())
            .field("queue", &self.queue.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// A session on a connection that is open, and encrypted when `config.security` is `Implicit`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let tls = config.security == Security::Implicit;
        let mut this = Self {
            config,
            phase: Phase::Opening,
            tls,
            capabilities: Capabilities::default(),
            greeting_host: None,
            parser: ReplyParser::default(),
            redactor: Redactor::default(),
            out: Vec::new(),
            written: 0,
            out_base: 0,
            out_secret: false,
            pending: VecDeque::new(),
            events: VecDeque::new(),
            waiting: Waiting::Nothing,
            deadline: None,
            error: None,
            exchange: None,
            deferred_initial: None,
            tried: Vec::new(),
            mechanism: None,
            queue: VecDeque::new(),
            body: None,
            body_octets: 0,
            dirty: false,
        };
        this.expect(Expect::Greeting, None);
        this
    }

    /// Says what to do next. `now` never goes back.
    pub fn next(&mut self, now: Instant) -> Step {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Step::Event(event);
            }
            if self.phase == Phase::Closed {
                return Step::Done;
            }
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                self.time_out();
                continue;
            }
            if self.take_line() {
                continue;
            }
            if self.phase == Phase::Open && self.advance() {
                continue;
            }
            let unsent = self.out.len() - self.written;
            if let Some(active) = self.body.as_ref().and(self.queue.front())
                && unsent < HIGH_WATER
            {
                return Step::Body(active.transaction.token);
            }
            if unsent > 0 {
                self.wait(Waiting::Write, now);
                return Step::Output;
            }
            if self.phase == Phase::Handshake {
                return Step::StartTls;
            }
            if self.pending.is_empty() {
                self.wait(Waiting::Nothing, now);
                return Step::Idle;
            }
            self.wait(Waiting::Read, now);
            return Step::NeedInput;
        }
    }

    /// Until when the last step must make progress.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The bytes to write.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.out[self.written..]
    }

    /// So many bytes of [`Engine::output`] were written.
    pub fn written(&mut self, octets: usize) {
        self.written = (self.written + octets).min(self.out.len());
        if octets > 0 {
            self.waiting = Waiting::Nothing;
        }
        if self.written == self.out.len() {
            self.out_base += self.out.len() as u64;
            self.written = 0;
            if mem::take(&mut self.out_secret) {
                self.out.zeroize();
            }
            self.out.clear();
        } else if self.written >= HIGH_WATER && !self.out_secret {
            // A network that takes a little at a time must not let the buffer grow with the message.
            self.out.drain(..self.written);
            self.out_base += self.written as u64;
            self.written = 0;
        }
    }

    /// Takes bytes from the peer, however they were cut.
    pub fn input(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
    }

    /// The peer closed its side.
    pub fn eof(&mut self) {
        // What the peer said last counts, with or without a line end: it is often the reason.
        let mut unread = self.parser.unread();
        if !unread.is_empty() && self.parser_is_text(&unread) {
            unread.clear();
            self.parser.push(b"\r\n");
        }
        let stage = self.stage();
        self.fail_after_input(
            Error::new(ErrorKind::Connect, stage, "the server closed the connection")
                .with_failure(Failure::ConnectionLost),
        );
    }

    /// Like [`Engine::fail`], but replies that arrived before the trouble count first: the server's last words
    /// are often the reason (RFC 5321 section 3.8).
    pub fn fail_after_input(&mut self, error: Error) {
        while self.phase != Phase::Closed && self.take_line() {}
        self.fail(error);
    }

    fn parser_is_text(&self, unread: &[u8]) -> bool {
        unread.len() > 3 && unread.iter().all(|b| !b.is_ascii_control())
    }

    /// The driver could not go on: the session ends, every transaction in it gets its result.
    pub fn fail(&mut self, error: Error) {
        if self.phase == Phase::Closed {
            return;
        }
        if self.phase == Phase::Quitting {
            return self.close();
        }
        let sent = self.out_base + self.written as u64;
        let ended = self.pending.iter().any(|p| p.expect == Expect::EndOfData && sent >= p.end);
        self.close();
        let mut error = error;
        for (i, active) in mem::take(&mut self.queue).into_iter().enumerate() {
            if i == 0 && ended {
                error = unknown(&error);
                self.events.push_back(Event::Finished(active.unknown(error.clone())));
            } else {
                self.events.push_back(Event::Finished(active.failed(error.clone())));
            }
        }
        self.error = Some(error);
    }

    /// Ends the session without a word.
    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.body = None;
        self.pending.clear();
        self.exchange = None;
        self.out.zeroize();
        self.out.clear();
        self.written = 0;
        self.deadline = None;
    }

    /// The handshake that [`Step::StartTls`] asked for is done: all that was learnt before is forgotten (RFC 3207
    /// section 4.2).
    pub fn tls_established(&mut self) {
        if self.phase == Phase::Handshake {
            self.tls = true;
            self.capabilities = Capabilities::default();
            self.phase = Phase::Opening;
            self.send_ehlo();
        }
    }

    /// Begins a transaction, at once or when those before it are done. Ignored once the session is over: its
    /// result then says so.
    pub fn begin(&mut self, transaction: Transaction) {
        let active = Active::new(transaction);
        if matches!(self.phase, Phase::Closed | Phase::Quitting) {
            let error = self.error.clone().unwrap_or_else(|| {
                Error::new(ErrorKind::Connect, Stage::Command, "the session is over")
                    .with_failure(Failure::ConnectionLost)
            });
            self.events.push_back(Event::Finished(active.failed(error)));
        } else {
            self.queue.push_back(active);
        }
    }

    /// Sends a command of the program; its answer is [`Event::CommandReply`].
    pub fn command(&mut self, command: &Command) {
        self.send(command.as_str(), Expect::Command);
    }

    /// Ends the session with QUIT, once nothing is outstanding.
    pub fn quit(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Quitting;
            self.send("QUIT", Expect::Quit);
        } else {
            self.close();
        }
    }

    /// Gives a piece of the message that [`Step::Body`] asked for: CRLF line ends, not dot-stuffed.
    pub fn body(&mut self, bytes: &[u8]) {
        if let Some(stuffer) = &mut self.body {
            self.body_octets += bytes.len() as u64;
            stuffer.push(bytes, &mut self.out);
        }
    }

    /// The message is complete.
    pub fn body_end(&mut self) {
        if let Some(stuffer) = self.body.take() {
            stuffer.finish(&mut self.out);
            self.events.push_back(Event::MessageSent(self.body_octets));
            self.expect(Expect::EndOfData, None);
        }
    }

    /// The message can't be completed: the connection must be dropped, so that the server delivers nothing.
    pub fn body_abort(&mut self, error: Error) {
        self.fail(error);
    }

    /// What the server offers.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The host name in the greeting.
    #[must_use]
    pub fn greeting_host(&self) -> Option<&str> {
        self.greeting_host.as_deref()
    }

    /// Whether the session is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The mechanism that logged in.
    #[must_use]
    pub fn authenticated(&self) -> Option<&'static str> {
        self.mechanism
    }

    /// The mechanism tried last, whether it worked or not.
    #[must_use]
    pub fn mechanism_tried(&self) -> Option<&'static str> {
        self.tried.last().copied()
    }

    /// Whether transactions may begin.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Why the session ended, unless by QUIT.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// The phase the session is in, for errors of the driver.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.pending.front() {
            Some(pending) => pending.expect.stage(),
            None if self.phase == Phase::Handshake => Stage::StartTls,
            None if self.body.is_some() => Stage::Data,
            None => Stage::Command,
        }
    }

    // What the other files of the engine build on.

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

    fn expect(&mut self, expect: Expect, line: Option<String>) {
        self.pending.push_back(Pending { expect, line, end: self.out_base + self.out.len() as u64 });
        self.announce();
    }

    /// Logs the command whose reply is now the next one.
    fn announce(&mut self) {
        if let Some(line) = self.pending.front_mut().and_then(|p| p.line.take()) {
            self.events.push_back(Event::Sent(line));
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
    fn take_line(&mut self) -> bool {
        let in_auth = matches!(self.pending.front(), Some(p) if p.expect == Expect::Auth);
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
                let line = self.redactor.clean(line);
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
        let clean = raw.lines().iter().map(|line| self.redactor.clean(line.clone())).collect();
        let reply = Reply::new(raw.code(), clean);
        let Some(Pending { expect, .. }) = self.pending.pop_front() else {
            return self.on_unasked(reply);
        };
        // RFC 5321 section 3.8: whatever it answers, the server closes now.
        if reply.code() == 421 && expect != Expect::Quit {
            let kind = if expect == Expect::Auth { ErrorKind::Authentication } else { ErrorKind::Protocol };
            self.settle(expect, &reply);
            return self.fail(Error::refused(kind, expect.stage(), reply));
        }
        match expect {
            Expect::Greeting => self.on_greeting(reply),
            Expect::Ehlo | Expect::Helo => self.on_ehlo(expect, reply),
            Expect::StartTls => self.on_starttls(reply),
            Expect::Auth => self.on_auth(&raw, reply),
            Expect::AuthCancelled => self.on_auth_cancelled(reply),
            Expect::Command => self.events.push_back(Event::CommandReply(reply)),
            Expect::Quit => self.close(),
            _ => self.on_transaction_reply(expect, reply),
        }
        self.announce();
    }

    /// A reply to nothing: the server's reason to close, or the sign that replies and commands no longer match.
    fn on_unasked(&mut self, reply: Reply) {
        let stage = self.stage();
        let error = if self.body.is_some() && !reply.is_positive() && !reply.is_intermediate() {
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

    fn wait(&mut self, waiting: Waiting, now: Instant) {
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

    fn time_out(&mut self) {
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

/// The same trouble, after the whole message was sent.
fn unknown(error: &Error) -> Error {
    let text = format!(
        "the whole message was sent, and then: {}; it may have been delivered, so look before you send it again",
        error.message()
    );
    let unknown =
        Error::new(ErrorKind::OutcomeUnknown, Stage::Eom, text).with_failure(Failure::OutcomeUnknown);
    match error.reply() {
        Some(reply) => unknown.with_reply(reply.clone()),
        None => unknown,
    }
}
