//! What is delivered next.
//!
//! Purpose: to give sessions to sites and jobs to sessions, from what the queue says is ready; without I/O and without a
//! clock, so that days pass in a test.
//!
//! Policy:
//! - Sites take turns. While others wait for a session, a site gives those back that it has beyond its share.
//! - Lanes of a site take turns; the highest priority goes first.
//! - Sessions that take long do not count among those that there are, up to as many again: a site that hangs has its own,
//!   and takes nobody's.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::{
    DestinationState,
    health::{Health, Signal},
};
use crate::{
    config::DestinationLimits,
    queue::{Changes, Job, JobKey, Lane, LaneId, Millis},
    retry::Retry,
};

/// Jobs of a lane that are taken into memory at once.
pub(super) const BATCH: usize = 512;

/// When fewer are there, the next ones are fetched.
const LOW: usize = 256;

/// Jobs in memory of all lanes, beyond which a lane gets few at a time.
const MANY: usize = 20_000;

/// Fetches under way at the same time.
const LOADING: usize = 64;

/// After a fetch that brought nothing, though something was announced.
const PAUSE: Millis = 1_000;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// Fetch ready jobs of a lane; answer with [`Planner::loaded`].
    Load { lane: LaneId, limit: usize, taken: HashSet<JobKey> },
    /// Open a session for a site, and carry this.
    Start { site: Arc<str>, job: Box<Job> },
}

/// What a session does next.
#[derive(Debug)]
pub(super) enum Next {
    /// Carry this.
    Job(Box<Job>),
    /// Nothing: its end was counted.
    End,
}

#[derive(Debug)]
struct LaneState {
    site: Arc<str>,
    blast: i64,
    /// Ready jobs in the queue, with those that are taken.
    ready: i64,
    loaded: VecDeque<Box<Job>>,
    /// In memory or under way.
    taken: HashSet<JobKey>,
    loading: bool,
    /// Not to be fetched before.
    not_before: Millis,
}

impl LaneState {
    fn has_more(&self) -> bool {
        self.ready > i64::try_from(self.taken.len()).unwrap_or(i64::MAX)
    }

    fn is_empty(&self) -> bool {
        self.ready <= 0 && self.taken.is_empty() && !self.loading
    }
}

#[derive(Debug, Default)]
struct Site {
    lanes: VecDeque<LaneId>,
    /// Whose health and limits count: that of the destination, once it is known.
    destination: Arc<str>,
    sessions: usize,
    /// It stands in the line.
    queued: bool,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Planner {
    retry: Retry,
    sessions: usize,
    usual: DestinationLimits,
    active: usize,
    /// Sessions that take long.
    stalled: usize,
    in_memory: usize,
    /// Fetches under way.
    loading: usize,
    lanes: HashMap<LaneId, LaneState>,
    sites: HashMap<Arc<str>, Site>,
    health: HashMap<Arc<str>, Health>,
    stopped: HashSet<i64>,
    line: VecDeque<Arc<str>>,
    /// Sites that are left alone until then.
    resting: BTreeSet<(Millis, Arc<str>)>,
    closing: bool,
}

impl Planner {
    pub(super) fn new(sessions: usize, usual: DestinationLimits, retry: Retry) -> Self {
        Self {
            retry,
            sessions,
            usual,
            active: 0,
            stalled: 0,
            in_memory: 0,
            loading: 0,
            lanes: HashMap::new(),
            sites: HashMap::new(),
            health: HashMap::new(),
            stopped: HashSet::new(),
            line: VecDeque::new(),
            resting: BTreeSet::new(),
            closing: false,
        }
    }

    /// New settings.
    pub(super) fn set(&mut self, sessions: usize, usual: DestinationLimits, retry: Retry) {
        (self.sessions, self.usual, self.retry) = (sessions, usual, retry);
    }

    /// No session takes another message.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    /// The destinations that are in use, or left alone.
    pub(super) fn destinations(&self) -> Vec<DestinationState> {
        let state = |(key, health): (&Arc<str>, &Health)| DestinationState {
            destination: Arc::clone(key),
            sessions: health.open(),
            window: health.window(),
            troubles: health.troubles(),
            held_until: health.held_until(),
        };
        self.health.iter().map(state).collect()
    }

    /// Sessions that are open.
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// The most sessions.
    pub(super) fn sessions(&self) -> usize {
        self.sessions
    }

    /// Somebody wants all that rests tried now.
    pub(super) fn wake_all(&mut self, now: Millis) {
        self.health.values_mut().for_each(|health| health.wake(now));
        for (_, site) in std::mem::take(&mut self.resting) {
            self.queue(&site);
        }
    }

    /// Sessions that take long, at the moment.
    pub(super) fn set_stalled(&mut self, stalled: usize) {
        self.stalled = stalled;
    }

    /// Takes over what changed in the queue.
    pub(super) fn change(&mut self, changes: &Changes) {
        for (lane, difference) in &changes.lanes {
            self.ready(lane, *difference);
        }
        for (blast, stops) in &changes.blasts {
            if *stops {
                self.stopped.insert(*blast);
            } else {
                self.stopped.remove(blast);
                let sites: Vec<_> =
                    self.lanes.values().filter(|l| l.blast == *blast).map(|l| Arc::clone(&l.site)).collect();
                sites.iter().for_each(|site| self.queue(site));
            }
        }
        if !changes.dropped.is_empty() {
            self.drop_messages(&changes.dropped.iter().copied().collect());
        }
    }

    fn ready(&mut self, lane: &Lane, difference: i64) {
        let state = self.lanes.entry(lane.id).or_insert_with(|| LaneState {
            site: Arc::clone(&lane.site),
            blast: lane.blast,
            ready: 0,
            loaded: VecDeque::new(),
            taken: HashSet::new(),
            loading: false,
            not_before: 0,
        });
        state.ready += difference;
        if difference > 0 {
            state.not_before = 0;
        }
        let site = Arc::clone(&state.site);
        if state.is_empty() {
            return self.forget_lane(lane.id);
        }
        let found = self
            .sites
            .entry(Arc::clone(&site))
            .or_insert_with(|| Site { destination: Arc::clone(&site), ..Site::default() });
        if !found.lanes.contains(&lane.id) {
            found.lanes.push_back(lane.id);
        }
        if difference > 0 {
            self.queue(&site);
        }
    }

    /// Forgets a lane when nothing is left of it, and its site with the last one.
    fn forget_lane(&mut self, id: LaneId) {
        let Some(state) = self.lanes.get(&id).filter(|state| state.is_empty()) else { return };
        let site = Arc::clone(&state.site);
        self.lanes.remove(&id);
        if let Some(found) = self.sites.get_mut(&site) {
            found.lanes.retain(|other| *other != id);
        }
        self.forget_site(&site);
    }

    fn forget_site(&mut self, site: &Arc<str>) {
        if self
            .sites
            .get(site)
            .is_some_and(|found| found.lanes.is_empty() && found.sessions == 0 && !found.queued)
        {
            self.sites.remove(site);
        }
    }

    /// Counts anew what is ready, while no session is open: whatever was miscounted is put right.
    pub(super) fn recount(&mut self, lanes: &[(Lane, i64)]) {
        if self.active > 0 {
            return;
        }
        let gone: Vec<LaneId> = self.lanes.keys().copied().collect();
        for id in gone {
            if let Some(state) = self.lanes.get_mut(&id) {
                state.ready = 0;
            }
        }
        for (lane, count) in lanes {
            self.ready(lane, *count);
        }
        let empty: Vec<LaneId> = self.lanes.iter().filter(|(_, l)| l.is_empty()).map(|(id, _)| *id).collect();
        empty.into_iter().for_each(|id| self.forget_lane(id));
    }

    /// The clock went back by so much: nobody rests longer for that.
    pub(super) fn clock_went_back(&mut self, by: Millis) {
        self.health.values_mut().for_each(|health| health.clock_went_back(by));
        self.lanes.values_mut().for_each(|lane| lane.not_before = 0);
        self.resting =
            std::mem::take(&mut self.resting).into_iter().map(|(at, site)| (at - by, site)).collect();
    }

    /// Forgets destinations of which nothing is to be remembered.
    pub(super) fn tidy(&mut self, now: Millis) {
        let used: HashSet<&Arc<str>> = self.sites.values().map(|site| &site.destination).collect();
        self.health
            .retain(|key, health| health.open() > 0 || health.held_until() > now || used.contains(key));
    }

    fn drop_messages(&mut self, messages: &HashSet<i64>) {
        for lane in self.lanes.values_mut() {
            let before = lane.loaded.len();
            let taken = &mut lane.taken;
            lane.loaded.retain(|job| {
                let stays = !messages.contains(&job.key.message);
                if !stays {
                    taken.remove(&job.key);
                }
                stays
            });
            self.in_memory -= before - lane.loaded.len();
        }
    }

    /// Jobs that were fetched.
    pub(super) fn loaded(&mut self, lane: LaneId, jobs: Vec<Job>, now: Millis) {
        self.loading = self.loading.saturating_sub(1);
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        state.loading = false;
        if jobs.is_empty() {
            state.not_before = now + PAUSE;
        }
        for job in jobs {
            if state.taken.insert(job.key) {
                state.loaded.push_back(Box::new(job));
                self.in_memory += 1;
            }
        }
        let site = Arc::clone(&state.site);
        if let Some(found) = self.sites.get_mut(&site)
            && !found.queued
        {
            found.queued = true;
            self.line.push_front(site);
        }
        self.forget_lane(lane);
    }

    /// Puts a site into the line.
    fn queue(&mut self, site: &Arc<str>) {
        if let Some(found) = self.sites.get_mut(site)
            && !found.queued
        {
            found.queued = true;
            self.line.push_back(Arc::clone(site));
        }
    }

    /// The next thing to do, if there is one now.
    pub(super) fn step(&mut self, now: Millis) -> Option<Step> {
        self.wake(now);
        if self.closing {
            return None;
        }
        for _ in 0..self.line.len() {
            let site = self.line.pop_front()?;
            match self.try_site(&site, now) {
                Try::Step(step @ Step::Load { .. }) => {
                    // It comes back, to the front, with what is fetched.
                    if let Some(found) = self.sites.get_mut(&site) {
                        found.queued = false;
                    }
                    return Some(step);
                }
                Try::Step(step) => {
                    self.line.push_back(site);
                    return Some(step);
                }
                Try::NoSlot => {
                    // It stays the first: it waits for a session of another site.
                    self.line.push_front(site);
                    return None;
                }
                Try::Later(at) => {
                    self.leave_line(&site);
                    self.resting.insert((at, site));
                }
                Try::Nothing => self.leave_line(&site),
            }
        }
        None
    }

    fn leave_line(&mut self, site: &Arc<str>) {
        if let Some(found) = self.sites.get_mut(site) {
            found.queued = false;
        }
        self.forget_site(site);
    }

    fn wake(&mut self, now: Millis) {
        while let Some((at, site)) = self.resting.first().cloned() {
            if at > now {
                return;
            }
            self.resting.remove(&(at, Arc::clone(&site)));
            self.queue(&site);
        }
    }

    /// When to ask for a step again, though nothing happened.
    pub(super) fn wakes_at(&self) -> Option<Millis> {
        self.resting.first().map(|(at, _)| *at)
    }

    fn try_site(&mut self, site: &Arc<str>, now: Millis) -> Try {
        let Some(found) = self.sites.get(site) else { return Try::Nothing };
        let lanes: Vec<LaneId> = found.lanes.iter().copied().collect();
        let destination = Arc::clone(&found.destination);
        let (usual, most) = (self.usual, self.sessions);
        let health = self
            .health
            .entry(destination)
            .or_insert_with(|| Health::new(usual, usual.sessions.unwrap_or(most)));
        if health.held_until() > now {
            let until = health.held_until();
            // What waits for long waits in the queue, not in memory.
            lanes.iter().for_each(|lane| self.unload(*lane));
            return Try::Later(until);
        }
        if !health.has_room(now) {
            return Try::Nothing;
        }
        if health.next_turn() > now {
            return Try::Later(health.next_turn());
        }
        let no_slot = self.active.saturating_sub(self.stalled.min(self.sessions)) >= self.sessions;
        if no_slot && self.in_memory >= MANY {
            return Try::NoSlot;
        }
        if self.loading >= LOADING && self.best_lane(&lanes).is_none() {
            return Try::NoSlot;
        }
        let fetch = self.fetch(&lanes, 1, now);
        if let Some(Ok(step)) = fetch {
            return Try::Step(step);
        }
        let Some(lane) = self.best_lane(&lanes) else {
            return fetch.and_then(Result::err).map_or(Try::Nothing, Try::Later);
        };
        if no_slot {
            return Try::NoSlot;
        }
        let Some(job) = self.pop(lane) else { return Try::Nothing };
        self.active += 1;
        if let Some(found) = self.sites.get_mut(site) {
            found.sessions += 1;
            if let Some(health) = self.health.get_mut(&found.destination) {
                health.begin();
            }
        }
        Try::Step(Step::Start { site: Arc::clone(site), job })
    }

    /// The lane whose first job has the highest priority; those with the same one take turns.
    fn best_lane(&self, lanes: &[LaneId]) -> Option<LaneId> {
        let mut best: Option<(LaneId, i8)> = None;
        for id in lanes {
            let Some(lane) = self.lanes.get(id).filter(|lane| !self.stopped.contains(&lane.blast)) else {
                continue;
            };
            if let Some(job) = lane.loaded.front()
                && best.is_none_or(|(_, priority)| job.priority > priority)
            {
                best = Some((*id, job.priority));
            }
        }
        best.map(|(id, _)| id)
    }

    /// A fetch for the first lane that has fewer jobs in memory than that, and more in the queue; or when there may be one.
    fn fetch(&mut self, lanes: &[LaneId], fewer_than: usize, now: Millis) -> Option<Result<Step, Millis>> {
        let mut later: Option<Millis> = None;
        for id in lanes {
            if self.lanes.get(id).is_none_or(|lane| lane.loaded.len() >= fewer_than) {
                continue;
            }
            match self.load(*id, now) {
                Some(Ok(step)) => return Some(Ok(step)),
                Some(Err(at)) => later = Some(later.map_or(at, |before| before.min(at))),
                None => {}
            }
        }
        later.map(Err)
    }

    /// A fetch for the lane, when it wants one; or when it may have one.
    fn load(&mut self, id: LaneId, now: Millis) -> Option<Result<Step, Millis>> {
        let many = self.in_memory >= MANY;
        let lane = self.lanes.get_mut(&id)?;
        if self.stopped.contains(&lane.blast) || lane.loading || !lane.has_more() {
            return None;
        }
        if lane.not_before > now {
            return Some(Err(lane.not_before));
        }
        lane.loading = true;
        self.loading += 1;
        let limit = if many { 8 } else { BATCH };
        Some(Ok(Step::Load { lane: id, limit, taken: lane.taken.clone() }))
    }

    /// Leaves the jobs of a lane to the queue again.
    fn unload(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        self.in_memory -= lane.loaded.len();
        for job in lane.loaded.drain(..) {
            lane.taken.remove(&job.key);
        }
    }

    fn pop(&mut self, id: LaneId) -> Option<Box<Job>> {
        let lane = self.lanes.get_mut(&id)?;
        let job = lane.loaded.pop_front()?;
        self.in_memory -= 1;
        if let Some(site) = self.sites.get_mut(&lane.site)
            && site.lanes.len() > 1
        {
            site.lanes.retain(|other| *other != id);
            site.lanes.push_back(id);
        }
        Some(job)
    }

    /// The site turned out to be that destination, with those limits.
    pub(super) fn resolved(&mut self, site: &str, destination: &str, limits: DestinationLimits, most: usize) {
        let Some(found) = self.sites.get_mut(site) else { return };
        let limits = limits.or(self.usual);
        if *found.destination != *destination {
            let sessions = found.sessions;
            if let Some(health) = self.health.get_mut(&found.destination) {
                (0..sessions).for_each(|_| health.end());
            }
            found.destination = destination.into();
            let health = self
                .health
                .entry(Arc::clone(&found.destination))
                .or_insert_with(|| Health::new(limits, most));
            (0..sessions).for_each(|_| health.begin());
        }
        if let Some(health) = self.health.get_mut(&found.destination) {
            health.set_limits(limits, most);
        }
    }

    /// When the message in hand may leave, by the limit of messages per second.
    pub(super) fn turn(&mut self, site: &str, now: Millis) -> Millis {
        let Some(found) = self.sites.get(site) else { return now };
        self.health.get_mut(&found.destination).map_or(now, |health| health.take_turn(now))
    }

    /// How long the destination of a site rests; in the past when it does not.
    pub(super) fn held_until(&self, site: &str) -> Millis {
        let health = self.sites.get(site).and_then(|found| self.health.get(&found.destination));
        health.map_or(0, Health::held_until)
    }

    /// What an attempt said about the destination of a site.
    pub(super) fn learn(&mut self, site: &str, signal: Signal, now: Millis, random: f64) {
        let Some(found) = self.sites.get(site) else { return };
        if let Some(health) = self.health.get_mut(&found.destination) {
            health.learn(signal, now, &self.retry, random);
        }
    }

    /// The result of a job is committed, and its session asks for another one. A fetch may be wanted too.
    pub(super) fn next(
        &mut self,
        site: &Arc<str>,
        lane: LaneId,
        done: JobKey,
        now: Millis,
    ) -> (Next, Option<Step>) {
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.taken.remove(&done);
            self.forget_lane(lane);
        }
        let Some(found) = self.sites.get(site).filter(|_| !self.closing) else {
            return (self.end(site), None);
        };
        let goes_on = self
            .health
            .get(&found.destination)
            .is_some_and(|health| health.goes_on(now) && health.next_turn() <= now + PAUSE);
        if !goes_on || self.gives_way(site, found) {
            return (self.end(site), None);
        }
        let lanes: Vec<LaneId> = found.lanes.iter().copied().collect();
        let Some(best) = self.best_lane(&lanes) else { return (self.end(site), None) };
        let Some(job) = self.pop(best) else { return (self.end(site), None) };
        let load = self.fetch(&lanes, LOW, now).and_then(Result::ok);
        // It may have earned another session.
        self.queue(site);
        (Next::Job(job), load)
    }

    /// Whether a site has more than its share, and another one waits.
    fn gives_way(&self, site: &Arc<str>, found: &Site) -> bool {
        if self.active.saturating_sub(self.stalled.min(self.sessions)) < self.sessions {
            return false;
        }
        let waiting = self.line.iter().take(64).filter(|other| *other != site).filter(|other| {
            self.sites.get(*other).is_some_and(|other| {
                let has_room =
                    self.health.get(&other.destination).is_none_or(|health| health.has_room(i64::MAX));
                has_room && other.sessions < found.sessions
            })
        });
        waiting.count() > 0
    }

    fn end(&mut self, site: &Arc<str>) -> Next {
        self.active = self.active.saturating_sub(1);
        if let Some(found) = self.sites.get_mut(site) {
            found.sessions = found.sessions.saturating_sub(1);
            if let Some(health) = self.health.get_mut(&found.destination) {
                health.end();
            }
        }
        self.queue(site);
        Next::End
    }
}

enum Try {
    Step(Step),
    NoSlot,
    Later(Millis),
    Nothing,
}
