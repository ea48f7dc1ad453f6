//! The state machine of one session.
//!
//! Theory of operation. A driver asks [`Engine::next`] what to do, does it, and asks again:
//!
//! ```text
//! Output     write output(), then call written(n)
//! NeedInput  read, then call input(bytes), or eof()
//! Body       give the next piece of that message: body(bytes, more) or body_abort(error)
//! StartTls   do the handshake, then call channel_binding() where there is one, and tls_established()
//! NeedToken  get an access token, then call token()
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
    Capabilities, Command, Config, Event, ReplyParser, Security, Step, Transaction,
    authentication::LogIn,
    delivery::refusal,
    dialogue::{Expect, Pending, Waiting},
    redact::Redactor,
    sending::Content,
    transaction::Active,
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// Output beyond this is written before more of a message is asked for.
pub(super) const HIGH_WATER: usize = 128 * 1024;

/// Where the session stands; what a reply means is in `pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Greeting, EHLO, STARTTLS, AUTH.
    Opening,
    /// `220` to STARTTLS came: the driver is to do the handshake.
    Handshake,
    /// The driver is to get an access token.
    Token,
    /// Transactions and commands may begin.
    Open,
    /// QUIT was sent.
    Quitting,
    Closed,
}

/// The SMTP engine: one session, no I/O. See the head of this file's source for how a driver uses it.
pub struct Engine {
    pub(super) config: Config,
    pub(super) phase: Phase,
    pub(super) tls: bool,
    pub(super) capabilities: Capabilities,
    pub(super) greeting_host: Option<String>,
    pub(super) parser: ReplyParser,
    pub(super) redactor: Redactor,
    pub(super) out: Vec<u8>,
    pub(super) written: usize,
    /// Octets of the session before `out[0]`.
    pub(super) out_base: u64,
    pub(super) out_secret: bool,
    pub(super) pending: VecDeque<Pending>,
    pub(super) events: VecDeque<Event>,
    pub(super) waiting: Waiting,
    pub(super) deadline: Option<Instant>,
    error: Option<Error>,
    pub(super) login: LogIn,
    // Transactions: replies concern the first, commands leave for the one at `sending`, those between are on their way.
    pub(super) queue: VecDeque<Active>,
    pub(super) sending: usize,
    /// How many were begun.
    pub(super) begun: u64,
    /// How the message of the one at `sending` travels, while it is given.
    pub(super) content: Option<Content>,
    /// The server may hold parts of a transaction that was given up: RSET before the next.
    pub(super) dirty: bool,
    /// Whether the server knows RSET, once it has answered one.
    pub(super) resets: Option<bool>,
    /// RSET was sent to find that out.
    pub(super) reset_asked: bool,
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
        let login = LogIn::new(config.entropy);
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
            login,
            queue: VecDeque::new(),
            sending: 0,
            begun: 0,
            content: None,
            dirty: false,
            resets: None,
            reset_asked: false,
        };
        this.hide_credentials();
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
            if let Some(token) = self.wants_body() {
                return Step::Body(token);
            }
            if unsent > 0 {
                self.wait(Waiting::Write, now);
                return Step::Output;
            }
            if self.phase == Phase::Handshake {
                return Step::StartTls;
            }
            if self.phase == Phase::Token {
                self.wait(Waiting::Nothing, now);
                return Step::NeedToken { refresh: self.login.refreshes() };
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
        let whole = |p: &Pending| p.ends.filter(|_| sent >= p.end).map(|(serial, _)| serial);
        // RFC 5321 section 3.8: what was sent behind the command that 421 answers is not carried out.
        let closing = error.reply().is_some_and(|reply| reply.code() == 421) && error.failure().is_none();
        let ended: Vec<u64> = self.pending.iter().filter_map(whole).filter(|_| !closing).collect();
        self.close();
        let doubt = unknown(&error);
        for (i, mut active) in mem::take(&mut self.queue).into_iter().enumerate() {
            let in_doubt = ended.contains(&active.serial) && !active.is_hopeless();
            if i == 0 && in_doubt {
                self.error = Some(doubt.clone());
            }
            let result = if in_doubt {
                active.unknown(doubt.clone())
            } else if active.is_hopeless() {
                // What the server refused says more than the trouble that came after it, unless it is that trouble.
                let refusal = refusal(&mut active);
                active.failed(if refusal.reply_code() == 421 { error.clone() } else { refusal })
            } else if i == 0 {
                active.failed(error.clone())
            } else {
                active.swept_away(error.clone())
            };
            self.events.push_back(Event::Finished(result));
        }
        self.sending = 0;
        self.error.get_or_insert(error);
    }

    /// Ends the session without a word.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.content = None;
        self.pending.clear();
        self.login.forget();
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
        let active = Active::new(transaction, self.begun);
        self.begun += 1;
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
        self.login.mechanism()
    }

    /// The mechanism tried last, whether it worked or not.
    #[must_use]
    pub fn mechanism_tried(&self) -> Option<&'static str> {
        self.login.tried()
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
            None if self.phase == Phase::Token => Stage::Auth,
            None if self.content.is_some() => Stage::Data,
            None => Stage::Command,
        }
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
