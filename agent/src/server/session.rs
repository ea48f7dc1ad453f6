//! One SMTP session, the server's side, without I/O.
//!
//! [`Session::input`] takes what arrived, [`Session::next`] says what to do. The driver carries out each step before
//! it asks for the next one; it must answer [`Step::Commit`] with [`Session::committed`] and [`Step::StartTls`] with
//! [`Session::secured`]. Replies to pipelined commands leave together (RFC 2920 section 3.2).

mod content;

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use super::{
    auth::{self, Exchange, Progress},
    command::{Command, Path},
    data::DataReader,
    envelope::{Client, Envelope},
    lines::{BadLine, Lines},
    parameters,
    policy::{Offer, Policy},
    reply::Reply,
};

/// Replies that wait are sent at the latest when they are this many bytes.
const MOST_UNSENT: usize = 8 * 1024;

/// A client with more faults than this is closed.
const MOST_FAULTS: u32 = 20;

/// A client with more refused logins than this is closed: it is guessing.
const MOST_LOGINS: u32 = 3;

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a step that is not carried out leaves the client waiting"]
pub(crate) enum Step {
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
    /// Begin TLS, then call [`Session::secured`].
    StartTls,
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
    /// So many octets of a chunk are to come; whether it is the last one.
    Chunk {
        left: u64,
        last: bool,
        /// The octets are read away, and that is the reply.
        refusal: Option<Reply>,
    },
    /// Waits for [`Session::secured`].
    Securing,
    /// Waits for [`Session::committed`].
    Committing,
    Closed,
}

/// The server's side of a session.
#[derive(Debug)]
pub(crate) struct Session {
    policy: Arc<dyn Policy>,
    offer: Offer,
    state: State,
    client: Client,
    /// Since MAIL was accepted.
    envelope: Option<Envelope>,
    /// What came in chunks so far.
    chunks: Option<DataReader>,
    lines: Lines,
    unsent: Vec<u8>,
    steps: VecDeque<Step>,
    faults: u32,
    refused_logins: u32,
}

impl Session {
    /// A session that begins with the greeting.
    pub(crate) fn new(policy: Arc<dyn Policy>, peer: Option<SocketAddr>) -> Self {
        let offer = policy.offer();
        let greeting = Reply::new(220, "", format!("{} ESMTP {}", offer.name, offer.product));
        let mut session = Self {
            policy,
            offer,
            state: State::Commands,
            client: Client { peer: peer.map(|peer| (peer.ip(), peer.port())), ..Client::default() },
            envelope: None,
            chunks: None,
            lines: Lines::default(),
            unsent: Vec::new(),
            steps: VecDeque::new(),
            faults: 0,
            refused_logins: 0,
        };
        session.reply(&greeting);
        session
    }

    /// Takes what arrived.
    pub(crate) fn input(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Data(_) => self.on_data(bytes),
            State::Chunk { .. } => self.on_chunk(bytes),
            State::Closed | State::Securing => {}
            State::Commands | State::Auth(_) | State::Committing => self.lines.push(bytes),
        }
    }

    /// Ends the session from this side: `code` is 421 with the reason (RFC 5321 section 3.8).
    pub(crate) fn end(&mut self, enhanced: &'static str, reason: &str) {
        if !matches!(self.state, State::Closed) {
            self.abandon();
            self.reply(&Reply::new(421, enhanced, format!("{} {reason}", self.offer.name)));
            self.state = State::Closed;
        }
    }

    /// What became of the message of [`Step::Commit`], as the client is told.
    pub(crate) fn committed(&mut self, reply: &Reply) {
        if matches!(self.state, State::Committing) {
            self.state = State::Commands;
            self.envelope = None;
            self.reply(reply);
        }
    }

    /// The session is encrypted: it begins anew (RFC 3207 section 4.2).
    pub(crate) fn secured(&mut self) {
        if matches!(self.state, State::Securing) {
            self.state = State::Commands;
            self.client = Client { peer: self.client.peer, tls: true, ..Client::default() };
            self.envelope = None;
        }
    }

    /// What to do next.
    pub(crate) fn next(&mut self) -> Step {
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
                State::Closed if self.unsent.is_empty() => return Step::Close,
                _ if self.unsent.is_empty() => return Step::NeedInput,
                _ => return self.flush(),
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
            (Err(bad), _) => match bad {
                BadLine::TooLong => Err(Reply::new(500, "5.5.2", "Line too long")),
                BadLine::BareLineEnd => {
                    let text = "A line ends with CRLF, and holds no other CR, LF or NUL";
                    Err(Reply::new(500, "5.5.2", text))
                }
                BadLine::NotUtf8 => Err(Reply::new(500, "5.5.2", "That is not UTF-8")),
                BadLine::LostCount => self.on_command(Command::LostCount),
            },
        };
        match outcome {
            Ok(Some(reply)) => self.reply(&reply),
            Ok(None) => {}
            Err(reply) => self.fault(&reply),
        }
    }

    /// Carries out a command: its reply, or the reply that refuses it; none when there is none yet.
    fn on_command(&mut self, command: Command) -> Result<Option<Reply>, Reply> {
        let reply = match command {
            Command::Ehlo(name) => self.hello(name, true),
            Command::Helo(name) => self.hello(name, false),
            // Within a message that comes in chunks there is nothing but the next one (RFC 3030 section 2).
            Command::Mail(_) | Command::Rcpt(_) | Command::Data | Command::StartTls | Command::Auth(..)
                if self.chunks.is_some() =>
            {
                return Err(Reply::new(
                    503,
                    "5.5.1",
                    "Send the next chunk with BDAT, or give it up with RSET",
                ));
            }
            Command::Mail(path) => self.on_mail(path)?,
            Command::Rcpt(path) => self.on_rcpt(path)?,
            Command::Data => return self.on_data_command(),
            Command::Bdat(size, last) => {
                self.on_bdat(size, last);
                return Ok(None);
            }
            Command::StartTls => return self.on_starttls(),
            Command::LostCount => {
                self.end("5.5.4", "the length of a chunk is not known, closing");
                return Ok(None);
            }
            Command::Rset => {
                self.forget();
                Reply::new(250, "2.0.0", "Ok")
            }
            Command::Noop => Reply::new(250, "2.0.0", "Ok"),
            Command::Vrfy => Reply::new(252, "2.5.2", "Send mail to it, and it will be tried"),
            Command::Help => {
                Reply::new(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP AUTH QUIT")
            }
            Command::Quit => {
                self.forget();
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
        self.forget();
        self.client.name = name;
        self.client.extended = extended;
        let own = self.offer.name.as_str();
        if !extended {
            return Reply::new(250, "", own);
        }
        let mut lines: Vec<String> =
            [own, "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"].map(str::to_owned).to_vec();
        lines.push(format!("SIZE {}", self.offer.max_size));
        let more = [
            (self.offer.chunking, "CHUNKING"),
            (self.offer.dsn, "DSN"),
            (self.offer.starttls && !self.client.tls, "STARTTLS"),
        ];
        lines.extend(more.into_iter().filter(|(offered, _)| *offered).map(|(_, name)| name.to_owned()));
        if self.policy.offers_auth(&self.client) {
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
        let auth = self.policy.offers_auth(&self.client);
        let envelope = parameters::mail(path, &self.client, &self.offer, auth)?;
        if envelope.declared_size.is_some_and(|size| size > self.offer.max_size) {
            return Err(self.too_large());
        }
        self.policy.sender(&self.client, &envelope)?;
        self.envelope = Some(envelope);
        Ok(Reply::new(250, "2.1.0", "Ok"))
    }

    fn on_rcpt(&mut self, path: Path) -> Result<Reply, Reply> {
        let envelope =
            self.envelope.as_mut().ok_or_else(|| Reply::new(503, "5.5.1", "MAIL comes before RCPT"))?;
        let recipient = parameters::rcpt(path, &self.client, &self.offer)?;
        if !recipient.address.is_ascii() && !envelope.utf8 {
            return Err(Reply::new(553, "5.6.7", "An address outside ASCII needs SMTPUTF8"));
        }
        // A refused recipient is the policy at work, not a fault of the client.
        if let Err(refusal) = self.policy.recipient(&self.client, envelope, &recipient.address) {
            return Ok(refusal);
        }
        envelope.recipients.push(recipient);
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
        if !policy.offers_auth(&self.client) {
            return Err(match self.offer.starttls && !self.client.tls {
                true => Reply::new(538, "5.7.11", "Encryption is required: say STARTTLS first"),
                false => Reply::new(502, "5.5.1", "AUTH is not offered here"),
            });
        }
        if !self.client.extended || self.client.account.is_some() || self.envelope.is_some() {
            return Err(Reply::new(503, "5.5.1", "AUTH comes after EHLO, once, outside a transaction"));
        }
        self.on_progress(auth::start(mechanism, initial, &*policy))
    }

    fn on_auth_response(&mut self, exchange: Exchange, line: &str) -> Result<Option<Reply>, Reply> {
        let policy = Arc::clone(&self.policy);
        self.on_progress(auth::go_on(exchange, line, &*policy))
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
            Progress::Refused(reply) => {
                self.refused_logins += 1;
                if self.refused_logins > MOST_LOGINS {
                    self.reply(&reply);
                    self.end("4.7.0", "too many logins were refused, closing");
                    return Ok(None);
                }
                Err(reply)
            }
        }
    }

    fn on_starttls(&mut self) -> Result<Option<Reply>, Reply> {
        if !self.offer.starttls || self.client.tls {
            return Err(Reply::new(502, "5.5.1", "STARTTLS is not offered here"));
        }
        self.reply(&Reply::new(220, "2.0.0", "Ready to start TLS"));
        // Whoever is between could have put it there (CVE-2011-0411).
        self.lines.take_rest();
        let reply = self.flush();
        self.steps.extend([reply, Step::StartTls]);
        self.state = State::Securing;
        Ok(None)
    }

    /// Ends the transaction, if there is one.
    fn forget(&mut self) {
        if self.chunks.take().is_some() {
            self.steps.push_back(Step::Abandon);
        }
        self.envelope = None;
    }

    /// Forgets a message that has begun.
    fn abandon(&mut self) {
        let in_data = matches!(self.state, State::Data(_));
        if self.chunks.take().is_some() || in_data {
            self.steps.push_back(Step::Abandon);
        }
    }

    /// Refuses, and counts it.
    fn fault(&mut self, reply: &Reply) {
        self.reply(reply);
        self.faults += 1;
        if self.faults > MOST_FAULTS {
            self.end("4.7.0", "too many faults, closing");
        }
    }
}
