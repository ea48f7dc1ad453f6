//! One SMTP session, the server's side, without I/O.
//!
//! [`Session::input`] takes what arrived, [`Session::next`] says what to do. The driver carries out each step before
//! it asks for the next one; it must answer [`Step::Commit`] with [`Session::committed`]. Replies to pipelined
//! commands leave together (RFC 2920 section 3.2).

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use freesmtp_core::VERSION;

use super::{
    auth::{self, Exchange, Progress},
    command::{Command, Path},
    data::{DataReader, Fault},
    envelope::{Client, Envelope},
    lines::{BadLine, Lines},
    policy::Policy,
    reply::Reply,
};

/// Replies that wait are sent at the latest when they are this many bytes.
const MOST_UNSENT: usize = 8 * 1024;

/// A client with more faults than this is closed.
const MOST_FAULTS: u32 = 20;

/// The server's name in the greeting and EHLO; it serves this machine.
const NAME: &str = "localhost";

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a step that is not carried out leaves the client waiting"]
pub(super) enum Step {
    /// Write these bytes.
    Send(Vec<u8>),
    /// A message begins.
    Begin(Client, Envelope),
    /// The next bytes of the message.
    Body(Vec<u8>),
    /// The message is complete: keep it, then call [`Session::committed`].
    Commit,
    /// The message was refused: forget it.
    Abandon,
    /// Read from the client.
    NeedInput,
    /// Close the connection.
    Close,
}

/// What the next bytes are.
#[derive(Debug)]
enum State {
    Commands,
    Auth(Exchange),
    Data(DataReader),
    /// Waits for [`Session::committed`].
    Committing,
    Closed,
}

/// The server's side of a session.
#[derive(Debug)]
pub(super) struct Session {
    policy: Arc<Policy>,
    state: State,
    client: Client,
    /// Since MAIL was accepted.
    envelope: Option<Envelope>,
    lines: Lines,
    unsent: Vec<u8>,
    steps: VecDeque<Step>,
    faults: u32,
}

impl Session {
    /// A session that begins with the greeting.
    pub(super) fn new(policy: Arc<Policy>, peer: Option<SocketAddr>) -> Self {
        let mut session = Self {
            policy,
            state: State::Commands,
            client: Client { peer: peer.map(|peer| (peer.ip(), peer.port())), ..Client::default() },
            envelope: None,
            lines: Lines::default(),
            unsent: Vec::new(),
            steps: VecDeque::new(),
            faults: 0,
        };
        session.reply(&Reply::new(220, "", format!("{NAME} ESMTP freesmtp sink {VERSION}")));
        session
    }

    /// Takes what arrived.
    pub(super) fn input(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Data(_) => self.on_data(bytes),
            State::Closed => {}
            State::Commands | State::Auth(_) | State::Committing => self.lines.push(bytes),
        }
    }

    /// Ends the session from this side: `code` is 421 with the reason (RFC 5321 section 3.8).
    pub(super) fn end(&mut self, enhanced: &'static str, reason: &str) {
        if !matches!(self.state, State::Closed) {
            self.abandon();
            self.reply(&Reply::new(421, enhanced, format!("{NAME} {reason}")));
            self.state = State::Closed;
        }
    }

    /// What became of the message of [`Step::Commit`]: the name it is kept under.
    pub(super) fn committed(&mut self, result: Result<&str, ()>) {
        if matches!(self.state, State::Committing) {
            self.state = State::Commands;
            self.envelope = None;
            self.reply(&match result {
                Ok(name) => Reply::new(250, "2.0.0", format!("Ok: kept as {name}")),
                Err(()) => Reply::new(451, "4.3.0", "The message could not be kept"),
            });
        }
    }

    /// What to do next.
    pub(super) fn next(&mut self) -> Step {
        loop {
            if self.unsent.len() >= MOST_UNSENT {
                return self.flush();
            }
            if let Some(step) = self.steps.pop_front() {
                return step;
            }
            match self.state {
                State::Commands | State::Auth(_) => {
                    let is_auth = matches!(self.state, State::Auth(_));
                    match self.lines.next(is_auth) {
                        Some(line) => self.on_line(line),
                        None if self.unsent.is_empty() => return Step::NeedInput,
                        None => return self.flush(),
                    }
                }
                State::Data(_) | State::Committing if self.unsent.is_empty() => return Step::NeedInput,
                State::Closed if self.unsent.is_empty() => return Step::Close,
                State::Data(_) | State::Committing | State::Closed => return self.flush(),
            }
        }
    }

    fn flush(&mut self) -> Step {
        Step::Send(std::mem::take(&mut self.unsent))
    }

    fn reply(&mut self, reply: &Reply) {
        reply.write(&mut self.unsent);
    }

    fn on_line(&mut self, line: Result<String, BadLine>) {
        let state = std::mem::replace(&mut self.state, State::Commands);
        let outcome = match (line, state) {
            (Ok(line), State::Auth(exchange)) => self.on_auth_response(exchange, &line),
            (Ok(line), _) => Command::parse(&line).and_then(|command| self.on_command(command)),
            (Err(bad), _) => Err(match bad {
                BadLine::TooLong => Reply::new(500, "5.5.2", "Line too long"),
                BadLine::BareLineEnd => {
                    Reply::new(500, "5.5.2", "A line ends with CRLF, and holds no other CR, LF or NUL")
                }
                BadLine::NotUtf8 => Reply::new(500, "5.5.2", "That is not UTF-8"),
            }),
        };
        match outcome {
            Ok(Some(reply)) => self.reply(&reply),
            Ok(None) => {}
            Err(reply) => {
                self.reply(&reply);
                self.faults += 1;
                if self.faults > MOST_FAULTS {
                    self.end("4.7.0", "too many faults, closing");
                }
            }
        }
    }

    /// Carries out a command: its reply, or the reply that refuses it; none when there is none yet.
    fn on_command(&mut self, command: Command) -> Result<Option<Reply>, Reply> {
        let reply = match command {
            Command::Ehlo(name) => self.hello(name, true),
            Command::Helo(name) => self.hello(name, false),
            Command::Mail(path) => self.on_mail(path)?,
            Command::Rcpt(path) => self.on_rcpt(path)?,
            Command::Data => return self.on_data_command(),
            Command::Rset => {
                self.envelope = None;
                Reply::new(250, "2.0.0", "Ok")
            }
            Command::Noop => Reply::new(250, "2.0.0", "Ok"),
            Command::Vrfy => Reply::new(252, "2.5.2", "Send mail to it, and it will be tried"),
            Command::Help => {
                Reply::new(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP AUTH QUIT")
            }
            Command::Quit => {
                self.state = State::Closed;
                Reply::new(221, "2.0.0", "Bye")
            }
            Command::Auth(mechanism, initial) => return self.on_auth(&mechanism, initial.as_deref()),
            Command::Foreign => {
                self.end("4.7.0", "speaks SMTP only, closing");
                return Ok(None);
            }
        };
        Ok(Some(reply))
    }

    fn hello(&mut self, name: String, extended: bool) -> Reply {
        self.envelope = None;
        self.client.name = name;
        self.client.extended = extended;
        if !extended {
            return Reply::new(250, "", NAME);
        }
        let mut lines: Vec<String> =
            [NAME, "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"].map(str::to_owned).to_vec();
        lines.push(format!("SIZE {}", self.policy.max_size));
        if self.policy.login.is_some() {
            lines.push(format!("AUTH {}", auth::MECHANISMS));
        }
        lines.push("HELP".to_owned());
        Reply::lines(250, lines)
    }

    fn on_mail(&mut self, path: Path) -> Result<Reply, Reply> {
        if self.client.name.is_empty() {
            return Err(Reply::new(503, "5.5.1", "Say EHLO first"));
        }
        if self.envelope.is_some() {
            return Err(Reply::new(503, "5.5.1", "A transaction is under way already"));
        }
        let envelope = self.envelope_of(path)?;
        self.policy.sender(&self.client, &envelope)?;
        self.envelope = Some(envelope);
        Ok(Reply::new(250, "2.1.0", "Ok"))
    }

    fn envelope_of(&self, path: Path) -> Result<Envelope, Reply> {
        let bad = |keyword: &str| Reply::new(501, "5.5.4", format!("Bad value of {keyword}"));
        let mut envelope = Envelope { sender: path.address, ..Envelope::default() };
        let mut seen: Vec<&str> = Vec::new();
        for (keyword, value) in &path.parameters {
            if seen.contains(&keyword.as_str()) {
                return Err(Reply::new(501, "5.5.4", format!("{keyword} is given twice")));
            }
            seen.push(keyword);
            match (keyword.as_str(), value.as_deref()) {
                _ if !self.client.extended => return Err(unknown_parameter(keyword)),
                ("SIZE", value) => {
                    let digits = value.filter(|v| v.len() <= 20 && v.bytes().all(|b| b.is_ascii_digit()));
                    // Twenty digits may be more than a u64 holds (RFC 1870 section 3), and are more than any limit.
                    envelope.declared_size =
                        Some(digits.ok_or_else(|| bad("SIZE"))?.parse().unwrap_or(u64::MAX));
                }
                ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") => {}
                ("BODY", Some(body)) if body.eq_ignore_ascii_case("8BITMIME") => envelope.eight_bit = true,
                ("BODY", _) => return Err(bad("BODY")),
                ("SMTPUTF8", None) => envelope.utf8 = true,
                ("SMTPUTF8", Some(_)) => return Err(bad("SMTPUTF8")),
                // Who sent it first; of no use here (RFC 4954 section 5).
                ("AUTH", Some(_)) if self.policy.login.is_some() => {}
                _ => return Err(unknown_parameter(keyword)),
            }
        }
        if !envelope.sender.is_ascii() && !envelope.utf8 {
            return Err(Reply::new(550, "5.6.7", "An address outside ASCII needs SMTPUTF8"));
        }
        Ok(envelope)
    }

    fn on_rcpt(&mut self, path: Path) -> Result<Reply, Reply> {
        let envelope =
            self.envelope.as_mut().ok_or_else(|| Reply::new(503, "5.5.1", "MAIL comes before RCPT"))?;
        if let Some((keyword, _)) = path.parameters.first() {
            return Err(unknown_parameter(keyword));
        }
        if !path.address.is_ascii() && !envelope.utf8 {
            return Err(Reply::new(553, "5.6.7", "An address outside ASCII needs SMTPUTF8"));
        }
        // A refused recipient is the policy at work, not a fault of the client.
        if let Err(refusal) = self.policy.recipient(&self.client, envelope, &path.address) {
            return Ok(refusal);
        }
        envelope.recipients.push(path.address);
        Ok(Reply::new(250, "2.1.5", "Ok"))
    }

    fn on_data_command(&mut self) -> Result<Option<Reply>, Reply> {
        let envelope =
            self.envelope.clone().ok_or_else(|| Reply::new(503, "5.5.1", "MAIL comes before DATA"))?;
        if envelope.recipients.is_empty() {
            return Err(Reply::new(554, "5.5.1", "No valid recipients"));
        }
        self.steps.push_back(Step::Begin(self.client.clone(), envelope));
        self.reply(&Reply::new(354, "", "End the message with a line that holds a dot alone"));
        self.state = State::Data(DataReader::default());
        // What was sent behind DATA without waiting is the message's beginning.
        let early = self.lines.take_rest();
        self.on_data(&early);
        Ok(None)
    }

    fn on_auth(&mut self, mechanism: &str, initial: Option<&str>) -> Result<Option<Reply>, Reply> {
        let policy = Arc::clone(&self.policy);
        let Some(login) = &policy.login else {
            return Err(Reply::new(502, "5.5.1", "AUTH is not offered here"));
        };
        if !self.client.extended || self.client.account.is_some() || self.envelope.is_some() {
            return Err(Reply::new(503, "5.5.1", "AUTH comes after EHLO, once, outside a transaction"));
        }
        self.on_progress(auth::start(mechanism, initial, login))
    }

    fn on_auth_response(&mut self, exchange: Exchange, line: &str) -> Result<Option<Reply>, Reply> {
        let policy = Arc::clone(&self.policy);
        let Some(login) = &policy.login else { return Ok(None) };
        self.on_progress(auth::go_on(exchange, line, login))
    }

    fn on_progress(&mut self, progress: Progress) -> Result<Option<Reply>, Reply> {
        match progress {
            Progress::Continue(exchange, prompt) => {
                self.state = State::Auth(exchange);
                Ok(Some(prompt))
            }
            Progress::Accepted(account) => {
                self.client.account = Some(account);
                Ok(Some(Reply::new(235, "2.7.0", "Authentication successful")))
            }
            Progress::Refused(reply) => Err(reply),
        }
    }

    fn on_data(&mut self, bytes: &[u8]) {
        let State::Data(reader) = &mut self.state else { return };
        let mut message = Vec::with_capacity(bytes.len());
        let end = reader.read(bytes, &mut message);
        let (size, fault) = (reader.size(), reader.fault());
        if fault.is_none() && size <= self.policy.max_size && !message.is_empty() {
            self.steps.push_back(Step::Body(message));
        }
        let Some(used) = end else { return };
        self.lines.push(&bytes[used..]);
        let refusal = match fault {
            Some(Fault::BareLineEnd) => Some(Reply::new(
                554,
                "5.6.0",
                "The message holds a CR or LF that is not CRLF (RFC 5321 section 2.3.8)",
            )),
            Some(Fault::LongLine) => Some(Reply::new(
                554,
                "5.6.0",
                "The message holds a line of more than 998 octets (RFC 5322 section 2.1.1)",
            )),
            None if size > self.policy.max_size => Some(self.policy.too_large()),
            None => None,
        };
        match refusal {
            None => {
                self.state = State::Committing;
                self.steps.push_back(Step::Commit);
            }
            Some(refusal) => {
                self.abandon();
                self.state = State::Commands;
                self.envelope = None;
                self.reply(&refusal);
            }
        }
    }

    /// Forgets a message that has begun.
    fn abandon(&mut self) {
        if matches!(self.state, State::Data(_)) {
            self.steps.push_back(Step::Abandon);
        }
    }
}

fn unknown_parameter(keyword: &str) -> Reply {
    Reply::new(555, "5.5.4", format!("{keyword} is not supported"))
}
