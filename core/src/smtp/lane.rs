//! Messages one behind the other over one connection at a time: the way of a single message, and of many.
//!
//! A session is opened when there is a message for it; while it is open, further messages are asked for as soon as
//! they can leave without waiting. A message that the end of a session left untouched goes to the next one.

use std::{collections::VecDeque, time::Instant};

use super::{
    Smtp,
    mail::Mail,
    outcome::{self, Facts},
    pool::Kept,
    send::{Attempt, last_of, lies_with_server},
    session::Session,
};
use crate::{
    error::{Error, ErrorKind},
    net::{Operation, Runtime},
    protocol::{Outcome, TransactionResult},
    types::{Report, Stage},
};

/// A message with what happened to it so far.
pub(super) struct Job<'m> {
    /// The caller's own number for it.
    pub(super) index: usize,
    pub(super) mail: Mail<'m>,
    /// The first server to try: those before have failed.
    server: usize,
    failures: Vec<Error>,
    /// A kept connection was dead: the next one is new.
    fresh: bool,
    token: u64,
}

impl<'m> Job<'m> {
    pub(super) fn new(index: usize, mail: Mail<'m>) -> Self {
        Self { index, mail, server: 0, failures: Vec::new(), fresh: false, token: 0 }
    }

    /// Whether the engine knows it by that name.
    pub(super) fn is(&self, token: u64) -> bool {
        self.token == token
    }

    /// Its end without a server; what went wrong before says more than what stopped it now.
    fn give_up(mut self, error: Option<Error>) -> Error {
        if let Some(error) = error {
            self.failures.insert(0, error);
        }
        last_of(self.failures)
    }
}

/// Where messages come from, and where their results go.
pub(super) trait Supply<'m>: Send {
    /// Another message for the open session, on which so many are under way, if there is one now.
    fn next(&mut self, under_way: usize) -> Option<Job<'m>>;

    /// A message is done with.
    fn finished(&mut self, index: usize, result: Result<Report, Error>);

    /// The lane is about to wait for the server.
    fn before_wait(&mut self) {}

    /// A session was opened.
    fn opened(&mut self) {}

    /// No session could be opened for that message; `error` says why.
    fn unopened(&mut self, job: Job<'m>, error: Error) {
        self.finished(job.index, Err(error));
    }
}

/// The session in use.
struct Open {
    session: Session,
    /// The index of its server.
    server: usize,
    /// It was kept from before, and nothing shows yet that it is still alive.
    kept: Option<Kept>,
}

/// A line of messages.
pub(super) struct Lane<'a> {
    smtp: &'a Smtp,
    operation: Operation<'a>,
    open: Option<Open>,
    tokens: u64,
    /// Where its sessions are kept afterwards.
    home: Runtime,
}

impl<'a> Lane<'a> {
    pub(super) fn new(smtp: &'a Smtp, operation: Operation<'a>) -> Self {
        let home = operation.runtime;
        Self { smtp, operation, open: None, tokens: 0, home }
    }

    /// The same for a runtime that ends before the kept sessions do.
    pub(super) fn at_home_on(self, home: Runtime) -> Self {
        Self { home, ..self }
    }

    /// Waits for the turn of the next message, where `RateLimit` is set.
    pub(super) async fn await_turn(&mut self) -> Result<(), Error> {
        self.operation.restart();
        self.smtp.await_turn(&self.operation).await
    }

    /// Delivers a message, and those that the supply has meanwhile.
    pub(super) async fn deliver<'m>(&mut self, job: Job<'m>, supply: &mut dyn Supply<'m>) {
        let mut waiting = VecDeque::from([job]);
        while let Some(mut job) = waiting.pop_front() {
            if !self.fits(&job) {
                let before = self.leave(&job);
                if let Err(error) = self.open(&mut job).await {
                    match before {
                        Some(session) => Self::cut_off(job, session, error, supply),
                        None => supply.unopened(job, error),
                    }
                    continue;
                }
                supply.opened();
            }
            let mut under_way = VecDeque::new();
            self.begin(job, &mut under_way, &mut waiting, supply);
            self.run(&mut under_way, &mut waiting, supply).await;
        }
    }

    /// Keeps the connection for the next message, when it can take one.
    pub(super) fn close(&mut self) {
        if let Some(Open { mut session, .. }) = self.open.take()
            && session.connection.move_to(self.home).is_ok()
        {
            self.smtp.pool.put(session);
        }
    }

    /// Makes way for another session. The one in which a part of the message was decided is given back: it has QUIT,
    /// and tells of that part.
    fn leave(&mut self, job: &Job<'_>) -> Option<Session> {
        if job.mail.is_untouched() {
            self.close();
            return None;
        }
        let mut session = self.open.take()?.session;
        session.leave();
        Some(session)
    }

    /// Ends a message of which a part was decided, and for the rest of which there is no session.
    fn cut_off<'m>(mut job: Job<'m>, mut session: Session, error: Error, supply: &mut dyn Supply<'m>) {
        job.mail.cut_off(error);
        let warnings = job.failures.iter().map(ToString::to_string).collect();
        supply.finished(job.index, outcome::conclude(&mut job.mail, &mut session, warnings));
    }

    fn fits(&self, job: &Job<'_>) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.server >= job.server && !(open.kept.is_some() && job.fresh) && open.session.takes_another()
        })
    }

    /// Opens a session to the first server that lets it.
    async fn open(&mut self, job: &mut Job<'_>) -> Result<(), Error> {
        for (index, server) in self.smtp.servers().iter().enumerate().skip(job.server) {
            match self.smtp.session(server, !job.fresh, &self.operation).await {
                Ok((session, kept)) => {
                    self.open = Some(Open { session, server: index, kept });
                    return Ok(());
                }
                Err(Attempt { error, next_server }) => {
                    job.failures.push(error);
                    let over = self.operation.check(Instant::now(), Stage::Connect).is_err();
                    if !next_server || over {
                        break;
                    }
                }
            }
        }
        Err(last_of(std::mem::take(&mut job.failures)))
    }

    /// Begins the next transaction of a message.
    fn begin<'m>(
        &mut self,
        mut job: Job<'m>,
        under_way: &mut VecDeque<Job<'m>>,
        waiting: &mut VecDeque<Job<'m>>,
        supply: &mut dyn Supply<'m>,
    ) {
        let Some(Open { session, server, .. }) = &mut self.open else { return waiting.push_back(job) };
        self.tokens += 1;
        job.token = self.tokens;
        job.server = job.server.max(*server);
        let engine = session.connection.engine();
        match job.mail.transaction(job.token, engine.capabilities(), &mut session.room) {
            Ok(Some(transaction)) => {
                session.connection.engine_mut().begin(transaction);
                session.messages += 1;
                let most = self.smtp.max_messages_per_connection();
                session.exhausted |= most > 0 && session.messages >= most;
                under_way.push_back(job);
            }
            Ok(None) => {
                // Enough domains for one session (RFC 9422).
                session.exhausted = true;
                waiting.push_back(job);
            }
            Err(error) => {
                let error = if error.diagnosis().is_some() {
                    error
                } else {
                    outcome::explain(error, &session.server, Some(session), Facts::NONE)
                };
                supply.finished(job.index, Err(job.give_up(Some(error))));
            }
        }
    }

    /// Runs the session as long as there is something to send.
    async fn run<'m>(
        &mut self,
        under_way: &mut VecDeque<Job<'m>>,
        waiting: &mut VecDeque<Job<'m>>,
        supply: &mut dyn Supply<'m>,
    ) {
        loop {
            while self.open.as_ref().is_some_and(|open| open.session.has_room()) && waiting.is_empty() {
                let Some(job) = supply.next(under_way.len()) else { break };
                self.begin(job, under_way, waiting, supply);
            }
            let Some(open) = &mut self.open else { return };
            if under_way.is_empty() {
                return;
            }
            supply.before_wait();
            let Some(result) = open.session.deliver(under_way, &self.operation).await else {
                // The engine ends each transaction that it began, so only a fault of this crate gets here.
                let lost = || Error::new(ErrorKind::Internal, Stage::Mail, "a transaction had no end");
                under_way.drain(..).for_each(|job| supply.finished(job.index, Err(lost())));
                self.open = None;
                return;
            };
            let Some(at) = under_way.iter().position(|job| job.token == result.token) else { continue };
            let Some(job) = under_way.remove(at) else { continue };
            self.settle(job, result, under_way, waiting, supply);
        }
    }

    /// What the end of a transaction means for its message: another transaction, another session, or its result.
    fn settle<'m>(
        &mut self,
        mut job: Job<'m>,
        result: TransactionResult,
        under_way: &mut VecDeque<Job<'m>>,
        waiting: &mut VecDeque<Job<'m>>,
        supply: &mut dyn Supply<'m>,
    ) {
        let Some(open) = &mut self.open else { return };
        let ended = open.session.connection.engine().error().is_some();
        if let Outcome::NotDelivered { error, untouched: true, bystander } = &result.outcome {
            let may_repeat = ended && job.mail.is_untouched() && self.operation.goes_on();
            let kept = open.kept.filter(|_| !bystander);
            if may_repeat && (*bystander || kept.is_some()) {
                if let Some(kept) = kept {
                    self.smtp.pool.was_dropped(&open.session.server, kept);
                }
                // The server ended a connection that was idle, or for another message: nothing of this one was
                // accepted, so nobody need know.
                job.fresh = true;
                return Self::again(job, waiting);
            }
            let server = &open.session.server;
            if may_repeat && lies_with_server(error) && job.server + 1 < self.smtp.servers().len() {
                let error = outcome::explain(error.clone(), server, Some(&open.session), Facts::NONE);
                job.failures.push(open.session.complete(error));
                job.server += 1;
                return Self::again(job, waiting);
            }
        }
        open.kept = None;
        if job.mail.settle(result, &mut open.session.room) && !ended {
            if open.session.takes_another() {
                return self.begin(job, under_way, waiting, supply);
            }
            return waiting.push_back(job);
        }
        let warnings = job.failures.iter().map(ToString::to_string).collect();
        let report = outcome::conclude(&mut job.mail, &mut open.session, warnings);
        open.session.conversation.start_transcript();
        if under_way.is_empty() {
            // Who gets the result may look into the log.
            open.session.conversation.flush();
        }
        let index = job.index;
        let report = report.map_err(|error| {
            job.failures.push(error);
            job.give_up(None)
        });
        self.operation.restart();
        supply.finished(index, report);
    }

    fn again<'m>(mut job: Job<'m>, waiting: &mut VecDeque<Job<'m>>) {
        job.mail.start_over();
        waiting.push_back(job);
    }
}
