//! Delivery: from what is ready in the queue to servers, and their answers back.
//!
//! Purpose: to keep up to so many sessions busy, each carrying one job after the other over core's `Smtp`, and to have the
//! result of each committed before its session takes the next: after a kill at most one message per open session is sent
//! twice.
//!
//! Policy: `planner` decides what is next, `health` how many sessions a destination gets, `session` carries one job after
//! the other, `verdict` says what an answer means, `letter` what is sent. Here is what holds them together. None of it
//! knows how the queue keeps its messages.

mod carrier;
mod health;
mod letter;
mod planner;
mod session;
mod verdict;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use freesmtp_core::{Error, Report};
use tokio::sync::Semaphore;

pub use letter::{ID_FIELD, Letters};

use self::{
    carrier::Carriers,
    planner::{Planner, Step},
    session::Session,
};
use crate::{
    cluster::Slots,
    config::AgentSettings,
    queue::{Done, Ending, Final, Job, JobKey, LaneId, Millis, Queue, Summary, Verdict},
    retry::Retry,
    routes::Routes,
};

/// Lanes that are fetched at the same time, each with a connection to the database.
const LOADS: usize = 4;

/// When a session counts as one that takes long.
const STALLED: Millis = 15_000;

/// Hears of attempts, once they are committed.
pub trait Observer: Send + Sync {
    /// What an attempt came to. It is called by the session, so it must not block.
    fn attempted(&self, job: &Job, done: &Done);

    /// Recipients ended without an attempt. It must not block either.
    fn ended(&self, _ending: &Ending) {}
}

/// Hears nothing.
impl Observer for () {
    fn attempted(&self, _job: &Job, _done: &Done) {}
}

/// Both hear, one after the other.
impl<A: Observer + ?Sized, B: Observer + ?Sized> Observer for (Arc<A>, Arc<B>) {
    fn attempted(&self, job: &Job, done: &Done) {
        self.0.attempted(job, done);
        self.1.attempted(job, done);
    }

    fn ended(&self, ending: &Ending) {
        self.0.ended(ending);
        self.1.ended(ending);
    }
}

/// What has happened since the start; recipients, not messages.
#[derive(Debug, Default)]
pub struct Counters {
    /// Taken by a server.
    pub delivered: AtomicU64,
    /// Put off; each time anew.
    pub deferred: AtomicU64,
    /// Refused, or given up.
    pub failed: AtomicU64,
    /// Attempts whose outcome is not known.
    pub unknown: AtomicU64,
}

/// How a destination fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationState {
    /// The servers of a route, the mail exchangers, or the domain before they are known.
    pub destination: Arc<str>,
    /// Sessions that are open.
    pub sessions: usize,
    /// The most sessions it gets at the moment.
    pub window: usize,
    /// Troubles in a row.
    pub troubles: u32,
    /// Until when it is left alone; in the past when it is not.
    pub held_until: Millis,
}

/// The clock that decisions are made by.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// Delivers what is in a queue.
#[derive(Clone)]
pub struct Delivery {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue,
    letters: Letters,
    carriers: Carriers,
    planner: Mutex<Planner>,
    retry: Mutex<Arc<Retry>>,
    memory: Semaphore,
    /// Fetches at the same time.
    loads: Semaphore,
    /// In KiB.
    memory_most: u32,
    observer: Arc<dyn Observer>,
    clock: Clock,
    counters: Counters,
    /// Since when each session carries what it carries; 0 when it carries nothing.
    since: Mutex<HashMap<u64, Arc<AtomicI64>>>,
    sessions: AtomicU64,
    /// Messages for which a report is owed, and of which nobody was told yet.
    reports: Mutex<Vec<i64>>,
    /// The last trouble with the queue: what hits every session is said once.
    said: Mutex<String>,
}

impl Delivery {
    /// Prepares it; nothing is delivered before [`Delivery::drive`].
    ///
    /// # Errors
    /// When the settings are not right.
    pub fn new(
        settings: &AgentSettings,
        routes: Routes,
        queue: Queue,
        letters: Letters,
        observer: Arc<dyn Observer>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let retry = Arc::new(Retry::new(&settings.retry));
        let kib = u32::try_from(settings.memory / 1_024).unwrap_or(u32::MAX);
        let planner = Planner::new(settings.sessions, settings.destination, Arc::clone(&retry));
        let shared = Shared {
            queue,
            letters,
            carriers: Carriers::new(settings, routes)?,
            planner: Mutex::new(planner),
            retry: Mutex::new(retry),
            memory: Semaphore::new(kib as usize),
            loads: Semaphore::new(LOADS),
            memory_most: kib,
            observer,
            clock,
            counters: Counters::default(),
            since: Mutex::default(),
            sessions: AtomicU64::new(0),
            reports: Mutex::default(),
            said: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes over what is ready in the queue; to be called before anything else happens to it.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn begin(&self) -> Result<(), Error> {
        let shared = &self.shared;
        let lanes = shared.queue.lanes()?;
        let stopped = shared.queue.stopped_blasts()?;
        let changes = crate::queue::Changes { lanes, blasts: stopped, ..crate::queue::Changes::default() };
        shared.planner().change(&changes);
        Ok(())
    }

    /// New settings and routes; sessions that are open end what they carry with the old ones.
    ///
    /// # Errors
    /// When the settings are not right; the old ones stay.
    pub fn reload(&self, settings: &AgentSettings, routes: Routes) -> Result<(), Error> {
        let shared = &self.shared;
        shared.carriers.reload(settings, routes)?;
        let retry = Arc::new(Retry::new(&settings.retry));
        shared.planner().set(settings.sessions, settings.destination, Arc::clone(&retry));
        *lock(&shared.retry) = retry;
        Ok(())
    }

    /// Begins whatever can begin now. Gives the messages for which a report is owed since.
    #[must_use]
    pub fn drive(&self) -> Vec<i64> {
        let steps = {
            let mut planner = self.shared.planner();
            self.absorb(&mut planner);
            self.steps(&mut planner)
        };
        self.carry_out(steps);
        std::mem::take(&mut *lock(&self.shared.reports))
    }

    /// Has the planner know what was committed; before anything that was committed is forgotten there.
    fn absorb(&self, planner: &mut Planner) {
        let changes = self.shared.queue.changes();
        planner.change(&changes);
        changes.endings.iter().for_each(|ending| self.shared.observer.ended(ending));
        if !changes.reports.is_empty() {
            lock(&self.shared.reports).extend(changes.reports);
        }
    }

    /// When to call [`Delivery::drive`] again, though nothing changed.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Millis> {
        self.shared.planner().wakes_at()
    }

    /// What is to be done from time to time: connections that nobody uses are closed, miscounts are put right.
    pub fn tidy(&self) {
        let shared = &self.shared;
        let now = (shared.clock)();
        let stalled = {
            let since = lock(&shared.since);
            let started = since.values().map(|since| since.load(Ordering::Relaxed));
            started.filter(|since| *since > 0 && now - since > STALLED).count()
        };
        let mut planner = shared.planner();
        planner.set_stalled(stalled);
        planner.tidy(now);
        drop(planner);
        shared.carriers.tidy(now);
    }

    /// The clock went back by so much: no destination rests longer for that.
    pub fn clock_went_back(&self, by: Millis) {
        self.shared.planner().clock_went_back(by);
    }

    /// Counts anew what is ready, when nothing is under way.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn recount(&self) -> Result<(), Error> {
        let shared = &self.shared;
        let mut planner = shared.planner();
        if planner.active() > 0 {
            return Ok(());
        }
        // Under the lock: whatever is committed after the count is among the changes of the next turn.
        self.absorb(&mut planner);
        let lanes = shared.queue.lanes()?;
        planner.recount(&lanes);
        Ok(())
    }

    /// The destinations that are in use, or left alone.
    #[must_use]
    pub fn destinations(&self) -> Vec<DestinationState> {
        self.shared.planner().destinations()
    }

    /// Sessions that are open.
    #[must_use]
    pub fn active(&self) -> usize {
        self.shared.planner().active()
    }

    /// The most sessions at the same time.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.shared.planner().sessions()
    }

    /// Destinations that rest after trouble are tried at once.
    pub fn wake_all(&self) {
        let steps = {
            let mut planner = self.shared.planner();
            self.absorb(&mut planner);
            planner.wake_all((self.shared.clock)());
            self.steps(&mut planner)
        };
        self.carry_out(steps);
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What reads messages from the spool.
    #[must_use]
    pub fn letters(&self) -> &Letters {
        &self.shared.letters
    }

    /// When a message is given up.
    #[must_use]
    pub fn gives_up(&self, message: &Summary) -> Millis {
        let submitted = i64::try_from(message.id.unix_ms()).unwrap_or(i64::MAX);
        lock(&self.shared.retry).expires(submitted, message.expires, message.sender.is_empty())
    }

    /// The schedule.
    #[must_use]
    pub fn retry(&self) -> Arc<Retry> {
        Arc::clone(&lock(&self.shared.retry))
    }

    /// The clock that decides here.
    #[must_use]
    pub fn now(&self) -> Millis {
        (self.shared.clock)()
    }

    /// The queue of a recipient's mailbox.
    #[must_use]
    pub fn site(&self, email: &str) -> String {
        self.shared.carriers.site(domain(email))
    }

    /// Of the sessions that limits allow all agents of a shared queue, this one opens those of its slots from now on.
    pub fn set_slots(&self, slots: Slots) {
        let steps = {
            let mut planner = self.shared.planner();
            planner.set_slots(slots);
            self.absorb(&mut planner);
            self.steps(&mut planner)
        };
        self.carry_out(steps);
    }

    /// Which slots can be another agent's now: those of `mine` that are not `kept`, and that no connection needs.
    pub async fn free_slots(&self, mine: Slots, kept: Slots) -> Slots {
        if mine.minus(kept) == Slots::NONE {
            return Slots::NONE;
        }
        let limited = self.shared.carriers.give_up_idle().await;
        let planner = self.shared.planner();
        let mut left = mine;
        for slot in mine.minus(kept).iter() {
            let less = left.without(slot);
            let can_do_without = limited.iter().all(|(destination, limit, has_no_idle)| {
                let share = less.share(destination, *limit);
                share == left.share(destination, *limit)
                    || (*has_no_idle && planner.open(destination) <= share)
            });
            if can_do_without {
                left = less;
            }
        }
        mine.minus(left)
    }

    /// The sites for which this agent may open no session now, since all that their limits allow are those of others.
    #[must_use]
    pub fn unserved(&self) -> Vec<Arc<str>> {
        self.shared.planner().unserved()
    }

    /// Ends: no session takes another message, and those that are not done by then are broken off.
    pub async fn close(&self, limit: Duration) {
        self.shared.planner().close();
        let end = tokio::time::Instant::now() + limit;
        let mut broken_off = false;
        while self.active() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if tokio::time::Instant::now() > end {
                if broken_off {
                    return;
                }
                // Whoever is broken off still writes what it knows.
                self.shared.carriers.cancel();
                broken_off = true;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        self.shared.carriers.disconnect().await;
    }

    fn steps(&self, planner: &mut Planner) -> Vec<Step> {
        let now = (self.shared.clock)();
        std::iter::from_fn(|| planner.step(now)).collect()
    }

    fn carry_out(&self, steps: Vec<Step>) {
        for step in steps {
            let delivery = self.clone();
            match step {
                Step::Start { site, job } => {
                    drop(tokio::spawn(async move { Session::new(&delivery, site).run(job).await }));
                }
                Step::Load { lane, limit, taken } => {
                    drop(tokio::spawn(async move { delivery.load(lane, limit, taken).await }));
                }
            }
        }
    }

    /// Fetches ready jobs, few lanes at a time.
    async fn load(self, lane: LaneId, limit: usize, taken: HashSet<JobKey>) {
        let _permit = self.shared.loads.acquire().await;
        let delivery = self.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            // What cannot be read now is asked for again.
            let jobs = delivery.shared.queue.take(lane, limit, &taken).unwrap_or_default();
            let mut planner = delivery.shared.planner();
            delivery.absorb(&mut planner);
            planner.loaded(lane, jobs, (delivery.shared.clock)());
            delivery.steps(&mut planner)
        });
        if let Ok(steps) = loaded.await {
            self.carry_out(steps);
        }
    }

    /// Writes what an attempt came to; as long as that fails, the session does nothing else.
    async fn commit(&self, done: &Arc<Done>) {
        while let Err(error) = self.shared.queue.complete(Arc::clone(done)).await {
            if self.shared.queue.is_closed() {
                return;
            }
            self.say(&error.to_string());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// What hits every session is said once.
    fn say(&self, problem: &str) {
        let mut said = lock(&self.shared.said);
        if *said != problem {
            eprintln!(
                "freesmtp agent: results are not written yet, and no session takes another message: {problem}"
            );
            problem.clone_into(&mut said);
        }
    }

    fn count(&self, done: &Done) {
        let counters = &self.shared.counters;
        for result in &done.results {
            let counter = match result.verdict {
                Verdict::Final { outcome: Final::Delivered, .. } => &counters.delivered,
                Verdict::Final { .. } => &counters.failed,
                Verdict::Later { unknown: true, .. } => &counters.unknown,
                Verdict::Later { .. } => &counters.deferred,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn planner(&self) -> MutexGuard<'_, Planner> {
        lock(&self.planner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The domain of a mailbox.
fn domain(email: &str) -> &str {
    email.rsplit('@').next().unwrap_or_default()
}

/// From 0 to 1, for shaking times; nothing secret.
fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let number = RandomState::new().hash_one(0);
    #[allow(clippy::cast_precision_loss, reason = "32 bits are left")]
    let fraction = (number >> 32) as f64 / f64::from(u32::MAX);
    fraction
}

/// What `Smtp` answers.
type Answer = Result<Report, Error>;
