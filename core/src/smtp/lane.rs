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
    protocol::{Outcome, Transaction, TransactionResult},
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

/// What a lane has to tell.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is told at once")]
pub(super) enum Told<'m> {
    /// A session was opened.
    Opened,
    /// No session could be opened for that message, and why.
    Unopened(Job<'m>, Error),
    /// A message is done with.
    Finished(usize, Result<Report, Error>),
}

/// A line of messages.
pub(super) struct Lane<'a, 'm> {
    smtp: &'a Smtp,
    operation: Operation<'a>,
    open: Option<Open>,
    tokens: u64,
    /// Where its sessions are kept afterwards.
    home: Runtime,
    /// No message leaves before those before it have their results.
    in_turn: bool,
    /// Messages on the open session, in the order in which they were begun.
    under_way: VecDeque<Job<'m>>,
    /// Messages for the next transaction or the next session.
    waiting: VecDeque<Job<'m>>,
    /// What is not told yet.
    told: VecDeque<Told<'m>>,
}

impl<'a, 'm> Lane<'a, 'm> {
    pub(super) fn new(smtp: &'a Smtp, operation: Operation<'a>) -> Self {
        let home = operation.runtime;
        Self {
            smtp,
            operation,
            open: None,
            tokens: 0,
            home,
            in_turn: false,
            under_way: VecDeque::new(),
            waiting: VecDeque::new(),
            told: VecDeque::new(),
        }
    }

    /// The same for a runtime that ends before the kept sessions do.
    pub(super) fn at_home_on(self, home: Runtime) -> Self {
        Self { home, ..self }
    }

    /// The same for a caller that keeps each result before the next message leaves.
    pub(super) fn in_turn(self) -> Self {
        Self { in_turn: true, ..self }
    }

    /// Waits for the turn of the next message, where `RateLimit` is set.
    pub(super) async fn await_turn(&mut self) -> Result<(), Error> {
        self.restart();
        self.smtp.await_turn(&self.operation).await
    }

    /// Counts the time of the operation from now on.
    pub(super) fn restart(&mut self) {
        self.operation.restart();
    }

    /// Delivers a message, and those that the supply has meanwhile.
    pub(super) async fn deliver(&mut self, job: Job<'m>, supply: &mut dyn Supply<'m>) {
        self.add(job);
        while self.is_busy() {
            self.start().await;
            self.tell(supply);
            while self.has_room()
                && let Some(job) = supply.next(self.under_way.len())
            {
                self.add(job);
                self.tell(supply);
            }
            if !self.under_way.is_empty() {
                supply.before_wait();
                self.go_on().await;
                self.tell(supply);
            }
        }
    }

    fn tell(&mut self, supply: &mut dyn Supply<'m>) {
        for told in self.told.drain(..) {
            match told {
                Told::Opened => supply.opened(),
                Told::Unopened(job, error) => supply.unopened(job, error),
                Told::Finished(index, result) => supply.finished(index, result),
            }
        }
    }

    /// The next thing that it has to tell.
    pub(super) fn told(&mut self) -> Option<Told<'m>> {
        self.told.pop_front()
    }

    /// Takes a message over: it begins at once where a session has room, else with [`Lane::start`].
    pub(super) fn add(&mut self, job: Job<'m>) {
        if self.has_room() && self.fits(&job) { self.begin(job) } else { self.waiting.push_back(job) }
    }

    /// A message that cannot be sent has its result.
    pub(super) fn refuse(&mut self, index: usize, error: Error) {
        self.told.push_back(Told::Finished(index, Err(error)));
    }

    /// Whether messages have no result yet.
    pub(super) fn is_busy(&self) -> bool {
        !self.under_way.is_empty() || !self.waiting.is_empty()
    }

    /// Messages on the open session.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether another message can be begun, so that it leaves without waiting for those under way.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty() && self.open.as_ref().is_some_and(|open| self.takes_another(&open.session))
    }

    fn takes_another(&self, session: &Session) -> bool {
        // In turn, nothing goes behind a message that may take a second transaction in this session: it would leave
        // before that one has ended.
        let last = self.under_way.iter().all(|job| !self.in_turn || job.mail.ends_with_this(&session.room));
        session.has_room() && last
    }

    /// Takes out the messages of which nothing was said to a server, or was of use.
    pub(super) async fn withdraw(&mut self) -> Vec<Job<'m>> {
        // A session that has ended has told of its end for each of them already: nothing is waited for.
        while !self.under_way.is_empty()
            && self.open.as_ref().is_some_and(|open| !open.session.connection.engine().is_open())
        {
            self.go_on().await;
        }
        let (untouched, begun): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|job| job.mail.is_untouched());
        self.waiting = begun;
        untouched.into()
    }

    /// Begins the first of those that wait, when nothing is under way; opens a session for it where that is needed.
    pub(super) async fn start(&mut self) {
        if !self.under_way.is_empty() {
            return;
        }
        let Some(mut job) = self.waiting.pop_front() else { return };
        if !self.fits(&job) {
            let before = self.leave(&job);
            if let Err(error) = self.open(&mut job).await {
                return match before {
                    Some(session) => self.cut_off(job, session, error),
                    None => self.told.push_back(Told::Unopened(job, error)),
                };
            }
            self.told.push_back(Told::Opened);
        }
        self.begin(job);
    }

    /// Runs the session until a transaction has ended.
    pub(super) async fn go_on(&mut self) {
        let Some(open) = self.open.as_mut().filter(|_| !self.under_way.is_empty()) else { return };
        let Some(result) = open.session.deliver(&mut self.under_way, &self.operation).await else {
            // The engine ends each transaction that it began, so only a fault of this crate gets here.
            let lost = || Error::new(ErrorKind::Internal, Stage::Mail, "a transaction had no end");
            let jobs = self.under_way.drain(..);
            self.told.extend(jobs.map(|job| Told::Finished(job.index, Err(lost()))));
            self.open = None;
            return;
        };
        let Some(at) = self.under_way.iter().position(|job| job.token == result.token) else { return };
        if let Some(job) = self.under_way.remove(at) {
            self.settle(job, result);
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
    fn cut_off(&mut self, mut job: Job<'m>, mut session: Session, error: Error) {
        job.mail.cut_off(error);
        let warnings = job.failures.iter().map(ToString::to_string).collect();
        let result = outcome::conclude(&mut job.mail, &mut session, warnings);
        self.told.push_back(Told::Finished(job.index, result));
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
    fn begin(&mut self, mut job: Job<'m>) {
        let Some(Open { session, server, .. }) = &mut self.open else { return self.waiting.push_back(job) };
        self.tokens += 1;
        job.token = self.tokens;
        job.server = job.server.max(*server);
        let engine = session.connection.engine();
        match job.mail.transaction(job.token, engine.capabilities(), &mut session.room) {
            Ok(Some(transaction)) => {
                let transaction = Transaction { in_turn: self.in_turn, ..transaction };
                session.connection.engine_mut().begin(transaction);
                session.messages += 1;
                let most = self.smtp.max_messages_per_connection();
                session.exhausted |= most > 0 && session.messages >= most;
                self.under_way.push_back(job);
            }
            Ok(None) => {
                // Enough domains for one session (RFC 9422).
                session.exhausted = true;
                self.waiting.push_back(job);
            }
            Err(error) => {
                let error = if error.diagnosis().is_some() {
                    error
                } else {
                    outcome::explain(error, &session.server, Some(session), Facts::NONE)
                };
                self.told.push_back(Told::Finished(job.index, Err(job.give_up(Some(error)))));
            }
        }
    }

    /// What the end of a transaction means for its message: another transaction, another session, or its result.
    fn settle(&mut self, mut job: Job<'m>, result: TransactionResult) {
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
                return self.again(job);
            }
            let server = &open.session.server;
            if may_repeat && lies_with_server(error) && job.server + 1 < self.smtp.servers().len() {
                let error = outcome::explain(error.clone(), server, Some(&open.session), Facts::NONE);
                job.failures.push(open.session.complete(error));
                job.server += 1;
                return self.again(job);
            }
        }
        open.kept = None;
        let followed = self.in_turn && !self.under_way.is_empty();
        if job.mail.settle(result, &mut open.session.room, followed) && !ended {
            if open.session.takes_another() {
                return self.begin(job);
            }
            return self.waiting.push_back(job);
        }
        let warnings = job.failures.iter().map(ToString::to_string).collect();
        let report = outcome::conclude(&mut job.mail, &mut open.session, warnings);
        open.session.conversation.start_transcript();
        if self.under_way.is_empty() {
            // Who gets the result may look into the log.
            open.session.conversation.flush();
        }
        let index = job.index;
        let report = report.map_err(|error| {
            job.failures.push(error);
            job.give_up(None)
        });
        self.restart();
        self.told.push_back(Told::Finished(index, report));
    }

    fn again(&mut self, mut job: Job<'m>) {
        job.mail.start_over();
        self.waiting.push_back(job);
    }
}
