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
//! - A job goes behind the one that a session has under way only while others wait that no session has: it loses no time.

mod sessions;
mod stock;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use self::stock::Stock;
use super::{
    DestinationState,
    health::{Health, Signal},
};
use crate::{
    cluster::Slots,
    config::DestinationLimits,
    queue::{Changes, Job, JobKey, Lane, LaneId, Millis},
    retry::Retry,
};

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
    retry: Arc<Retry>,
    sessions: usize,
    usual: DestinationLimits,
    active: usize,
    /// Sessions that take long.
    stalled: usize,
    stock: Stock,
    sites: HashMap<Arc<str>, Site>,
    health: HashMap<Arc<str>, Health>,
    line: VecDeque<Arc<str>>,
    /// Sites that are left alone until then.
    resting: BTreeSet<(Millis, Arc<str>)>,
    closing: bool,
    /// This agent's, of the sessions that limits allow all agents; none when it shares no queue.
    slots: Option<Slots>,
}

impl Planner {
    pub(super) fn new(sessions: usize, usual: DestinationLimits, retry: Arc<Retry>) -> Self {
        Self {
            retry,
            sessions,
            usual,
            active: 0,
            stalled: 0,
            stock: Stock::default(),
            sites: HashMap::new(),
            health: HashMap::new(),
            line: VecDeque::new(),
            resting: BTreeSet::new(),
            closing: false,
            slots: None,
        }
    }

    /// New settings.
    pub(super) fn set(&mut self, sessions: usize, usual: DestinationLimits, retry: Arc<Retry>) {
        (self.sessions, self.usual, self.retry) = (sessions, usual, retry);
    }

    /// The sessions that are this agent's are others now.
    pub(super) fn set_slots(&mut self, slots: Slots) {
        if self.slots == Some(slots) {
            return;
        }
        self.slots = Some(slots);
        let resolved = self.health.iter_mut().filter(|(_, health)| health.is_resolved());
        resolved.for_each(|(key, health)| health.set_slots(Some(slots), key));
        let sites: Vec<_> = self.sites.keys().cloned().collect();
        sites.iter().for_each(|site| self.queue(site));
    }

    /// Sessions with a destination that are open.
    pub(super) fn open(&self, destination: &str) -> usize {
        self.health.get(destination).map_or(0, Health::open)
    }

    /// The sites whose sessions are all those of other agents.
    pub(super) fn unserved(&self) -> Vec<Arc<str>> {
        let others = |site: &Site| self.health.get(&site.destination).is_some_and(Health::is_others);
        self.sites.iter().filter(|(_, site)| others(site)).map(|(name, _)| Arc::clone(name)).collect()
    }

    /// Whether the site is known to be that destination, with its limits.
    pub(super) fn knows(&self, site: &str, destination: &str) -> bool {
        let found = self.sites.get(site).filter(|found| *found.destination == *destination);
        found.and_then(|found| self.health.get(&found.destination)).is_some_and(Health::is_resolved)
    }

    /// Whether the sessions of a site's destination are no more than there may be.
    pub(super) fn fits(&self, site: &str) -> bool {
        let health = self.sites.get(site).and_then(|found| self.health.get(&found.destination));
        health.is_none_or(Health::fits)
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

    // --- The queue --------------------------------------------------------------------------------------------------

    /// Takes over what changed in the queue.
    pub(super) fn change(&mut self, changes: &Changes) {
        for (lane, difference) in &changes.lanes {
            self.ready(lane, *difference);
        }
        for (blast, stops) in &changes.blasts {
            self.stock.stop(*blast, *stops).iter().for_each(|site| self.queue(site));
        }
        if !changes.dropped.is_empty() {
            self.stock.drop_messages(&changes.dropped.iter().copied().collect());
        }
    }

    fn ready(&mut self, lane: &Lane, difference: i64) {
        if !self.stock.ready(lane, difference) {
            return self.forget_lane(lane.id);
        }
        let found = self
            .sites
            .entry(Arc::clone(&lane.site))
            .or_insert_with(|| Site { destination: Arc::clone(&lane.site), ..Site::default() });
        if !found.lanes.contains(&lane.id) {
            found.lanes.push_back(lane.id);
        }
        if difference > 0 {
            self.queue(&lane.site);
        }
    }

    /// Forgets a lane when nothing is left of it, and its site with the last one.
    fn forget_lane(&mut self, id: LaneId) {
        let Some(site) = self.stock.forget(id) else { return };
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
        self.stock.forget_counts();
        for (lane, count) in lanes {
            self.ready(lane, *count);
        }
        self.stock.empty_lanes().into_iter().for_each(|id| self.forget_lane(id));
    }

    /// The clock went back by so much: nobody rests longer for that.
    pub(super) fn clock_went_back(&mut self, by: Millis) {
        self.health.values_mut().for_each(|health| health.clock_went_back(by));
        self.stock.clock_went_back();
        self.resting =
            std::mem::take(&mut self.resting).into_iter().map(|(at, site)| (at - by, site)).collect();
    }

    /// Forgets destinations of which nothing is to be remembered.
    pub(super) fn tidy(&mut self, now: Millis) {
        let used: HashSet<&Arc<str>> = self.sites.values().map(|site| &site.destination).collect();
        self.health
            .retain(|key, health| health.open() > 0 || health.held_until() > now || used.contains(key));
    }

    /// Jobs that were fetched.
    pub(super) fn loaded(&mut self, lane: LaneId, jobs: Vec<Job>, now: Millis) {
        let Some(site) = self.stock.loaded(lane, jobs, now) else { return };
        if let Some(found) = self.sites.get_mut(&site)
            && !found.queued
        {
            found.queued = true;
            self.line.push_front(site);
        }
        self.forget_lane(lane);
    }

    // --- The line ---------------------------------------------------------------------------------------------------

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
        let (usual, most) = (self.usual, self.sessions);
        // Whose slots count is known when its servers are: until then a session may look for them.
        let health = self
            .health
            .entry(Arc::clone(&found.destination))
            .or_insert_with(|| Health::new(usual, usual.sessions.unwrap_or(most)));
        if health.held_until() > now {
            let until = health.held_until();
            // What waits for long waits in the queue, not in memory.
            found.lanes.iter().for_each(|lane| self.stock.unload(*lane));
            return Try::Later(until);
        }
        if !health.has_room(now) {
            return Try::Nothing;
        }
        if health.next_turn() > now {
            return Try::Later(health.next_turn());
        }
        let lanes: Vec<LaneId> = found.lanes.iter().copied().collect();
        let no_slot = self.has_no_slot();
        if no_slot && self.stock.is_full() {
            return Try::NoSlot;
        }
        let best = self.stock.best(lanes.iter().copied());
        if best.is_none() && self.stock.is_loading() {
            return Try::NoSlot;
        }
        let fetch = self.stock.fetch(&lanes, now);
        if let Some(Ok(step)) = fetch {
            return Try::Step(step);
        }
        let Some(lane) = best else {
            return fetch.and_then(Result::err).map_or(Try::Nothing, Try::Later);
        };
        if no_slot {
            return Try::NoSlot;
        }
        let Some(job) = self.stock.pop(lane) else { return Try::Nothing };
        self.take_turns(site, lane);
        self.active += 1;
        if let Some(found) = self.sites.get_mut(site) {
            found.sessions += 1;
            if let Some(health) = self.health.get_mut(&found.destination) {
                health.begin();
            }
        }
        Try::Step(Step::Start { site: Arc::clone(site), job })
    }

    fn has_no_slot(&self) -> bool {
        self.active.saturating_sub(self.stalled.min(self.sessions)) >= self.sessions
    }

    /// The turn of a lane is over.
    fn take_turns(&mut self, site: &str, id: LaneId) {
        if let Some(site) = self.sites.get_mut(site)
            && site.lanes.len() > 1
        {
            site.lanes.retain(|other| *other != id);
            site.lanes.push_back(id);
        }
    }

    // --- Destinations -----------------------------------------------------------------------------------------------

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
            health.resolve();
            health.set_limits(limits, most);
            health.set_slots(self.slots, &found.destination);
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
}

enum Try {
    Step(Step),
    NoSlot,
    Later(Millis),
    Nothing,
}
