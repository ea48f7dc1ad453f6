//! What a check learns from a server: every address tried, one session opened, an envelope asked about, no message.
//!
//! Only the facts are gathered here; `crate::check` says what they mean.

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use super::{
    Server, Smtp,
    outcome::{self, Facts},
    session::Session,
};
use crate::{
    error::{Error, ErrorKind},
    net::{self, Cancel, Operation, Place, Runtime, Target, on_this_thread},
    protocol::{Capabilities, Command, Decision, Timeouts},
    types::{Diagnosis, Failure, Mailbox, RecipientStatus, Reply, Stage, TlsInfo},
};

/// More addresses than this no host needs; the others are not tried.
const MOST_ADDRESSES: usize = 16;

/// How long the addresses that no session was opened to may take.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// What was learnt.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The addresses of the host, in the order in which the system prefers them.
    pub(crate) addresses: Result<Vec<SocketAddr>, Error>,
    /// What came of a connection to each.
    pub(crate) attempts: Vec<Attempt>,
    /// The connection that was talked over, when there was one.
    pub(crate) talk: Option<Talk>,
    /// Why the session could not be opened, or did not get to its end.
    pub(crate) error: Option<Error>,
    /// Trouble with the log.
    pub(crate) warnings: Vec<String>,
    /// The conversation.
    pub(crate) transcript: Vec<String>,
}

/// One attempt to connect.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) address: SocketAddr,
    pub(crate) elapsed: Option<Duration>,
    pub(crate) result: Result<Option<IpAddr>, Error>,
}

/// What was learnt in the session.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) local: Option<IpAddr>,
    pub(crate) greeting_host: Option<String>,
    pub(crate) capabilities: Capabilities,
    pub(crate) encrypted: bool,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) authenticated: Option<&'static str>,
    pub(crate) mechanism_tried: Option<&'static str>,
    /// What the server said about sender and recipients, as far as it was asked.
    pub(crate) answers: Vec<Answer>,
}

/// What the server said about one address.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` for the sender.
    pub(crate) recipient: Option<String>,
    pub(crate) reply: Option<Reply>,
    /// Why it was refused.
    pub(crate) diagnosis: Option<Diagnosis>,
}

/// What to probe.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) server: &'a Server,
    pub(crate) timeouts: Timeouts,
    pub(crate) from: Option<&'a Mailbox>,
    pub(crate) to: &'a [Mailbox],
    /// Ends everything, at the time limit of the check at the latest.
    pub(crate) cancel: &'a Cancel,
}

impl Smtp {
    /// Connects, talks, and says goodbye. No message is sent.
    pub(crate) fn probe(&self, question: &Question<'_>) -> Probe {
        let operation = Operation::new(Runtime::Thread, question.cancel, question.timeouts.operation);
        let probed = on_this_thread(async { Ok(self.probe_within(question, &operation).await) });
        probed.unwrap_or_else(|error| Probe { error: Some(error), ..Probe::new() })
    }

    async fn probe_within(&self, question: &Question<'_>, operation: &Operation<'_>) -> Probe {
        let Question { server, timeouts, .. } = *question;
        let mut probe = Probe::new();
        match addresses(server, timeouts.connect, operation).await {
            Ok(addresses) => probe.addresses = Ok(addresses),
            Err(error) => {
                probe.addresses = Err(outcome::explain(error, server, None, Facts::NONE));
                return probe;
            }
        }
        let opened = self.open_for_check(server, timeouts, operation).await;
        let session = match opened {
            Ok(session) => Some(Box::new(session)),
            Err((error, session)) => {
                probe.transcript = error.transcript().to_vec();
                probe.error = Some(outcome::explain(error, server, session.as_deref(), Facts::NONE));
                session
            }
        };
        // Who was waited for in vain is not waited for as long again.
        let again = Question {
            timeouts: Timeouts { connect: timeouts.connect.min(SECOND_LOOK), ..timeouts },
            ..*question
        };
        let peer =
            session.as_ref().and_then(|session| Some((session.connection.peer()?, session.connecting)));
        if let Some(session) = session {
            talk(*session, question, operation, &mut probe).await;
        }
        let addresses = probe.addresses.as_deref().unwrap_or_default();
        let local = probe.talk.as_ref().and_then(|talk| talk.local);
        probe.attempts = attempts(addresses, peer.map(|(peer, took)| (peer, local, took)), &again);
        probe
    }
}

impl Probe {
    /// Nothing was learnt yet.
    fn new() -> Self {
        Self {
            addresses: Ok(Vec::new()),
            attempts: Vec::new(),
            talk: None,
            error: None,
            warnings: Vec::new(),
            transcript: Vec::new(),
        }
    }
}

/// The addresses of a host. A Unix-domain socket has none, and behind a proxy nothing is asked or reached from here.
async fn addresses(
    server: &Server,
    timeout: Duration,
    operation: &Operation<'_>,
) -> Result<Vec<SocketAddr>, Error> {
    let Place::Host { name, addresses, port, .. } = server.place() else { return Ok(Vec::new()) };
    if server.proxy.is_some() {
        return Ok(Vec::new());
    }
    if !addresses.is_empty() {
        return Ok(addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect());
    }
    let poller = operation.poller()?;
    let _watch = operation.watch(&poller);
    net::resolve(name, port, Instant::now().checked_add(timeout), &poller, operation).await
}

/// Asks about the envelope, ends the session, and keeps what it knows.
async fn talk(mut session: Session, question: &Question<'_>, operation: &Operation<'_>, probe: &mut Probe) {
    let mut answers = Vec::new();
    if session.connection.engine().is_open()
        && let Some(from) = question.from
    {
        let asked = ask(&mut session, from, question, operation, &mut answers).await;
        if let Err(error) = asked {
            probe.error = Some(error);
        }
    }
    let engine = session.connection.engine();
    probe.talk = Some(Talk {
        local: session.connection.local().map(|local| local.ip()),
        greeting_host: engine.greeting_host().map(str::to_owned),
        capabilities: engine.capabilities().clone(),
        encrypted: engine.is_tls(),
        tls: session.connection.tls().cloned(),
        authenticated: engine.authenticated(),
        mechanism_tried: engine.mechanism_tried(),
        answers,
    });
    probe.transcript = session.conversation.transcript().to_vec();
    probe.warnings.extend(session.conversation.take_warning());
    session.quit(operation).await;
}

/// MAIL FROM and RCPT TO, then RSET: the server is asked, and nothing is sent.
async fn ask(
    session: &mut Session,
    from: &Mailbox,
    question: &Question<'_>,
    operation: &Operation<'_>,
    answers: &mut Vec<Answer>,
) -> Result<(), Error> {
    let sender = from.to_path(true).unwrap_or_default();
    let facts = Facts { sender: Some(&sender), recipients: question.to.len(), ..Facts::NONE };
    let utf8 = !from.has_ascii_local_part() || question.to.iter().any(|to| !to.has_ascii_local_part());
    let utf8 = utf8 && session.connection.engine().capabilities().smtputf8;
    let command = from.to_path(utf8).map(|path| Command::mail(&path, utf8));
    let (reply, diagnosis) = one(session, command, Stage::Mail, None, facts, operation).await?;
    let refused = diagnosis.is_some();
    answers.push(Answer { recipient: None, reply, diagnosis });
    if refused {
        return Ok(());
    }
    for to in question.to {
        let email = to.to_path(true).unwrap_or_default();
        let command = to.to_path(utf8).map(|path| Command::rcpt(&path));
        let (reply, diagnosis) = one(session, command, Stage::Rcpt, Some(&email), facts, operation).await?;
        answers.push(Answer { recipient: Some(email.into_owned()), reply, diagnosis });
    }
    // What it answers does not matter: QUIT follows.
    session.command(&Command::rset(), operation).await.map(drop).or(Ok(()))
}

/// One command, its reply, and why it was refused. `None` for a command: only SMTPUTF8 could carry the address.
async fn one(
    session: &mut Session,
    command: Option<Command>,
    stage: Stage,
    recipient: Option<&str>,
    facts: Facts<'_>,
    operation: &Operation<'_>,
) -> Result<(Option<Reply>, Option<Diagnosis>), Error> {
    let mut decision = Decision { status: RecipientStatus::Refused, stage, reply: None, failure: None };
    match command {
        None => decision.failure = Some(Failure::SmtpUtf8Unsupported),
        Some(command) => match session.command(&command, operation).await {
            Ok(reply) if reply.is_positive() => return Ok((Some(reply), None)),
            Ok(reply) => decision.reply = Some(reply),
            Err(error) => {
                let error = at_stage(&error, stage);
                return Err(outcome::explain(error, &session.server, Some(session), facts));
            }
        },
    }
    let diagnosis = outcome::explain_decision(recipient.unwrap_or_default(), &decision, session, facts);
    Ok((decision.reply, Some(diagnosis)))
}

/// The engine knows MAIL and RCPT of a check as commands of a program.
fn at_stage(error: &Error, stage: Stage) -> Error {
    let mut same =
        Error::new(error.kind(), stage, error.message()).with_transcript(error.transcript().clone());
    if let Some(failure) = error.failure() {
        same = same.with_failure(failure);
    }
    match error.reply() {
        Some(reply) => same.with_reply(reply.clone()),
        None => same,
    }
}

/// A connection to each address but the one that is known already; all at once, so that dead ones cost no time.
fn attempts(
    addresses: &[SocketAddr],
    known: Option<(SocketAddr, Option<IpAddr>, Duration)>,
    question: &Question<'_>,
) -> Vec<Attempt> {
    let known = |address: SocketAddr| known.filter(|(peer, ..)| *peer == address);
    thread::scope(|scope| {
        let running: Vec<_> = addresses
            .iter()
            .take(MOST_ADDRESSES)
            .map(|&address| match known(address) {
                Some((_, local, took)) => Err(Attempt { address, elapsed: Some(took), result: Ok(local) }),
                None => Ok((address, scope.spawn(move || attempt(address, question)))),
            })
            .collect();
        let ended = running.into_iter().map(|attempt| match attempt {
            Err(known) => known,
            Ok((address, thread)) => thread.join().unwrap_or_else(|_| {
                let error =
                    Error::new(ErrorKind::Internal, Stage::Connect, "the attempt to connect panicked");
                Attempt { address, elapsed: None, result: Err(error) }
            }),
        });
        ended.collect()
    })
}

fn attempt(address: SocketAddr, question: &Question<'_>) -> Attempt {
    let began = Instant::now();
    let Question { server, timeouts, cancel, .. } = *question;
    let name = address.ip().to_string();
    let place =
        Place::Host { name: &name, addresses: &[], port: address.port(), local: server.local_end_point };
    let operation = Operation::new(Runtime::Thread, cancel, timeouts.operation);
    let result = on_this_thread(async {
        let poller = operation.poller()?;
        let _watch = operation.watch(&poller);
        net::connect(&Target { place, timeout: timeouts.connect }, &poller, &operation).await
    })
    .map(|socket| socket.local().map(|local| local.ip()))
    .map_err(|error| outcome::explain(error, server, None, Facts::NONE));
    Attempt { address, elapsed: Some(began.elapsed()), result }
}
