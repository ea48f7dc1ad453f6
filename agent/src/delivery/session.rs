//! One session with a destination: job after job, as long as there are any for it.
//!
//! Policy: the next message leaves after the result of the one before is committed. Its envelope need not wait for that:
//! it leaves with the end of the message before where the server pipelines, so a message costs one round trip.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use freesmtp_core::{
    Cancel, EmailMessage, Error, ErrorKind, Sequence, SequenceResult,
    message::{Notify, Recipient},
};
use tokio::sync::SemaphorePermit;

use super::{
    Answer, Delivery,
    carrier::Carrier,
    health::Signal,
    lock,
    planner::Next,
    random,
    verdict::{self, When},
};
use crate::{
    damage,
    queue::{Done, Job},
};

/// See the head of this file.
pub(super) struct Session<'a> {
    delivery: &'a Delivery,
    site: Arc<str>,
    number: u64,
    since: Arc<AtomicI64>,
}

/// A job that can leave.
struct Ready<'a> {
    job: Box<Job>,
    carrier: Arc<Carrier>,
    message: EmailMessage,
    memory: SemaphorePermit<'a>,
}

/// A job that was given to a sequence.
struct Given<'a> {
    job: Box<Job>,
    /// Which recipients the sender wants to hear of when they are delivered; empty for none.
    asked: Vec<bool>,
    memory: SemaphorePermit<'a>,
}

/// A job that cannot leave, and what it came to; `None` when it was ended from here, and nothing came of it.
type Ended = (Box<Job>, Option<Done>);

impl<'a> Session<'a> {
    pub(super) fn new(delivery: &'a Delivery, site: Arc<str>) -> Self {
        let shared = &delivery.shared;
        let number = shared.sessions.fetch_add(1, Ordering::Relaxed);
        let since = Arc::new(AtomicI64::new(0));
        lock(&shared.since).insert(number, Arc::clone(&since));
        Self { delivery, site, number, since }
    }

    /// Carries that job, and others after it.
    pub(super) async fn run(self, first: Box<Job>) {
        let mut next = self.ready(first).await;
        while let Some(ready) = next {
            next = self.carry(ready).await;
        }
    }

    /// The job as soon as it can leave, or one after it; `None` when the session has ended.
    async fn ready(&self, mut job: Box<Job>) -> Option<Ready<'a>> {
        loop {
            self.since.store(self.delivery.now(), Ordering::Relaxed);
            match self.prepare(job).await {
                Ok(ready) => return Some(ready),
                Err((ended, done)) => {
                    self.keep(&ended, done).await;
                    job = self.next(&ended)?;
                }
            }
        }
    }

    /// The job after one that could not leave.
    async fn after(&self, (ended, done): Ended) -> Option<Ready<'a>> {
        self.keep(&ended, done).await;
        self.ready(self.next(&ended)?).await
    }

    async fn prepare(&self, job: Box<Job>) -> Result<Ready<'a>, Ended> {
        let (site, delivery) = (&self.site, self.delivery);
        let shared = &delivery.shared;
        if let Some(groups) = shared.carriers.groups(site, &job) {
            // The routes are not those that it was adopted with. Whether this is written does not matter: it is ready.
            drop(shared.queue.move_job(&job, groups).await);
            return Err((job, None));
        }
        if !shared.queue.may_begin(&job) {
            return Err((job, None));
        }
        let now = delivery.now();
        let turn = shared.planner().turn(site, now);
        if turn > now {
            tokio::time::sleep(Duration::from_millis(u64::try_from(turn - now).unwrap_or_default())).await;
        }
        let carrier = match shared.carriers.find(site, &job, now).await {
            Ok(carrier) => carrier,
            Err(error) => {
                if !error.is_permanent() {
                    self.learn(Signal::Trouble { after: None });
                }
                let done = self.judged(|when| verdict::no_route(&job, &error, when));
                return Err((job, Some(done)));
            }
        };
        let fits = {
            let mut planner = shared.planner();
            // A site that had nothing for a while begins as one of which nothing is known.
            let forgotten = (!planner.knows(site, carrier.key())).then(|| carrier.limits());
            if let Some((limits, most)) = carrier.news().or(forgotten) {
                planner.resolved(site, carrier.key(), limits, most);
            }
            planner.fits(site)
        };
        if !fits {
            // More sessions began than the destination turned out to have: the job stays ready for those.
            shared.queue.not_begun(job.key);
            return Err((job, None));
        }
        match shared.memory.acquire_many(self.kib(&job)).await {
            Ok(memory) => self.read(job, carrier, memory),
            Err(_) => {
                shared.queue.not_begun(job.key);
                Err((job, None))
            }
        }
    }

    fn read(
        &self,
        job: Box<Job>,
        carrier: Arc<Carrier>,
        memory: SemaphorePermit<'a>,
    ) -> Result<Ready<'a>, Ended> {
        match self.delivery.shared.letters.read(&job, self.delivery.now()) {
            Ok(message) => Ok(Ready { job, carrier, message, memory }),
            Err(error) => {
                let done = self.unreadable(&job, &error);
                Err((job, Some(done)))
            }
        }
    }

    /// What it takes of the memory for messages.
    fn kib(&self, job: &Job) -> u32 {
        let kib = u32::try_from(job.place.body.length() / 1_024 + 1).unwrap_or(u32::MAX);
        kib.min(self.delivery.shared.memory_most)
    }

    /// Sends a job, and those that may follow it on the same way. Gives one that goes another way; `None` when the
    /// session has ended.
    async fn carry(&self, first: Ready<'a>) -> Option<Ready<'a>> {
        let carrier = Arc::clone(&first.carrier);
        let _user = carrier.user();
        let (smtp, in_clear) = carrier.smtp();
        let cancel = Cancel::new();
        let sequence = match smtp.sequence(&cancel) {
            Ok(sequence) => sequence,
            Err(error) => {
                self.conclude(&first.job, &Err(error), &[]).await;
                return self.ready(self.next(&first.job)?).await;
            }
        };
        let mut way = Way::new(self, sequence);
        way.push(first);
        loop {
            if way.sequence.has_room()
                && let Some(ready) = self.ahead(&carrier)
            {
                way.push(ready);
            }
            let Some((given, result, unopened)) = way.next().await else {
                // Every message has a result, so only a fault of ours gets here; the session is not to be counted for it.
                self.delivery.shared.planner().end(&self.site);
                return None;
            };
            let Given { mut job, asked, memory } = given;
            if let Err(error) = &result {
                if error.kind() == ErrorKind::Tls && !in_clear && carrier.fall_back() {
                    way.leave().await;
                    return match self.read(job, Arc::clone(&carrier), memory) {
                        Ok(again) => Some(again),
                        Err(ended) => self.after(ended).await,
                    };
                }
                if unopened && others_may_do_better(error) {
                    way.leave().await;
                    job = self.hand_over(job)?;
                }
            }
            drop(memory);
            self.conclude(&job, &result, &asked).await;
            self.since.store(self.delivery.now(), Ordering::Relaxed);
            if result.is_err() && !self.may_go_on() {
                way.leave().await;
            }
            if let Some((_, following)) = way.given.front() {
                if self.begins(&job, &following.job) {
                    continue;
                }
                // Its envelope is at the server, and nothing else will be: the connection ends.
                way.break_off();
                return self.ready(self.next(&job)?).await;
            }
            let next = self.ready(self.next(&job)?).await?;
            if !Arc::ptr_eq(&next.carrier, &carrier) || carrier.smtp().1 != in_clear {
                return Some(next);
            }
            way.push(next);
        }
    }

    /// A job that may follow the one under way on the same way, without waiting for anything.
    fn ahead(&self, carrier: &Arc<Carrier>) -> Option<Ready<'a>> {
        let delivery = self.delivery;
        let shared = &delivery.shared;
        let now = delivery.now();
        let (job, steps) = {
            let mut planner = shared.planner();
            delivery.absorb(&mut planner);
            let (job, load) = planner.ahead(&self.site, now);
            let mut steps = delivery.steps(&mut planner);
            steps.extend(load);
            (job, steps)
        };
        delivery.carry_out(steps);
        let job = job?;
        let same = shared.carriers.groups(&self.site, &job).is_none()
            && shared.queue.may_begin(&job)
            && shared.carriers.is_way(&self.site, carrier, now);
        let memory = shared.memory.try_acquire_many(self.kib(&job)).ok().filter(|_| same);
        let ready = match memory {
            Some(memory) => self.read(job, Arc::clone(carrier), memory).map_err(|(job, _)| job),
            None => Err(job),
        };
        ready.map_err(|job| self.give_back(job)).ok()
    }

    /// A job of which no server has heard is for others of the destination.
    fn give_back(&self, job: Box<Job>) {
        let shared = &self.delivery.shared;
        shared.queue.not_begun(job.key);
        shared.planner().give_back(&self.site, job);
    }

    /// No session could be opened for the job: others of the destination carry it, when there are any, and this session
    /// has ended. Else it is given back.
    fn hand_over(&self, job: Box<Job>) -> Option<Box<Job>> {
        let delivery = self.delivery;
        let key = job.key;
        let (back, steps) = {
            let mut planner = delivery.shared.planner();
            let back = planner.hand_over(&self.site, job, delivery.now());
            (back, delivery.steps(&mut planner))
        };
        if back.is_none() {
            delivery.shared.queue.not_begun(key);
        }
        delivery.carry_out(steps);
        back
    }

    /// The next job, after that one; `None` when the session has ended.
    fn next(&self, done: &Job) -> Option<Box<Job>> {
        let delivery = self.delivery;
        let shared = &delivery.shared;
        let (next, steps) = {
            let mut planner = shared.planner();
            delivery.absorb(&mut planner);
            let (next, load) = planner.next(&self.site, done.lane, done.key, delivery.now());
            let mut steps = delivery.steps(&mut planner);
            steps.extend(load);
            shared.queue.set_busy(planner.active());
            (next, steps)
        };
        delivery.carry_out(steps);
        match next {
            Next::Job(job) => Some(job),
            Next::End => None,
        }
    }

    /// Whether the job behind that one, which is done, may leave.
    fn begins(&self, done: &Job, following: &Job) -> bool {
        let mut planner = self.delivery.shared.planner();
        self.delivery.absorb(&mut planner);
        planner.done(done.lane, done.key);
        planner.begins(following)
    }

    fn may_go_on(&self) -> bool {
        self.delivery.shared.planner().may_go_on(&self.site, self.delivery.now())
    }

    /// Judges what a server answered, and keeps that.
    async fn conclude(&self, job: &Job, answer: &Answer, asked: &[bool]) {
        if let Some(damage) = answer.as_ref().err().and_then(damage::in_session) {
            return self.keep(job, Some(self.unreadable(job, &damage))).await;
        }
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Cancelled) {
            return;
        }
        self.learn(verdict::signal(answer));
        // Who wants to hear of a delivery hears it from here, where the server does not tell (RFC 3461 section 5.2.2).
        let asked = match answer {
            Ok(report) if !report.reports_delivery => asked,
            _ => &[],
        };
        let done = self.judged(|when| verdict::judge(job, answer, asked, when));
        self.keep(job, Some(done)).await;
    }

    /// Commits what an attempt came to; the session does nothing else before that is done.
    async fn keep(&self, job: &Job, done: Option<Done>) {
        let Some(done) = done.map(Arc::new) else { return };
        self.delivery.commit(&done).await;
        self.delivery.count(&done);
        self.delivery.shared.observer.attempted(job, &done);
    }

    /// What becomes of a message that the spool does not give: it waits, or ends when it was damaged.
    fn unreadable(&self, job: &Job, error: &io::Error) -> Done {
        if !damage::is_damage(error) {
            return self.judged(|when| verdict::unreadable(job, error, when));
        }
        eprintln!(
            "freesmtp agent: the message {} was damaged in the spool, and is not sent: {error}",
            job.id
        );
        let kept = self.delivery.shared.letters.put_aside(job, &error.to_string());
        if let Err(error) = &kept {
            eprintln!("freesmtp agent: what is left of the message {} is not in badmail: {error}", job.id);
        }
        let kept = kept.ok();
        self.judged(|when| verdict::damaged(job, error, kept.as_deref(), when))
    }

    fn learn(&self, signal: Signal) {
        self.delivery.shared.planner().learn(&self.site, signal, self.delivery.now(), random());
    }

    fn judged(&self, judge: impl FnOnce(When<'_>) -> Done) -> Done {
        let shared = &self.delivery.shared;
        let held_until = shared.planner().held_until(&self.site);
        let retry = Arc::clone(&lock(&shared.retry));
        judge(When { now: self.delivery.now(), retry: &retry, random: random(), held_until })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        lock(&self.delivery.shared.since).remove(&self.number);
    }
}

/// The messages that a session gives to one server after the other.
struct Way<'s, 'a> {
    session: &'s Session<'a>,
    sequence: Sequence<'s>,
    /// What has no result yet, by the number that the sequence knows it by.
    given: VecDeque<(usize, Given<'a>)>,
    /// How many it was given.
    pushed: usize,
}

impl<'s, 'a> Way<'s, 'a> {
    fn new(session: &'s Session<'a>, sequence: Sequence<'s>) -> Self {
        Self { session, sequence, given: VecDeque::new(), pushed: 0 }
    }

    fn push(&mut self, ready: Ready<'a>) {
        let Ready { job, message, memory, .. } = ready;
        let success = |recipient: &Recipient| recipient.options.notify.contains(Notify::SUCCESS);
        let asked = match job.has_options {
            true => message.recipients.iter().map(success).collect(),
            false => Vec::new(),
        };
        self.given.push_back((self.pushed, Given { job, asked, memory }));
        self.sequence.push(self.pushed, message);
        self.pushed += 1;
    }

    /// The next job that has a result, the result, and whether no session could be opened for it.
    async fn next(&mut self) -> Option<(Given<'a>, Answer, bool)> {
        let SequenceResult { index, result, unopened } = self.sequence.next().await?;
        Some((self.take(index)?, result, unopened))
    }

    fn take(&mut self, index: usize) -> Option<Given<'a>> {
        let at = self.given.iter().position(|(number, _)| *number == index)?;
        self.given.remove(at).map(|(_, given)| given)
    }

    /// Leaves the jobs of which no server has heard to others.
    async fn leave(&mut self) {
        for index in self.sequence.withdraw().await {
            if let Some(given) = self.take(index) {
                self.session.give_back(given.job);
            }
        }
    }

    /// Ends the connection in the middle; what has no result stays in the queue.
    fn break_off(mut self) {
        let shared = &self.session.delivery.shared;
        for (_, Given { job, .. }) in self.given.drain(..) {
            shared.queue.not_begun(job.key);
            shared.planner().done(job.lane, job.key);
        }
    }
}

/// Whether sessions that the server has let in may carry a message for which it lets no further one in.
fn others_may_do_better(error: &Error) -> bool {
    let temporary =
        !matches!(error.kind(), ErrorKind::Authentication | ErrorKind::Message) || error.is_temporary();
    let waits = matches!(verdict::signal_of_error(error), Signal::RateLimited { .. });
    temporary && !waits && error.kind() != ErrorKind::Cancelled
}
