//! What sessions do next, and when they end.

use std::sync::Arc;

use super::{Next, Planner, Site, Step, stock::PAUSE};
use crate::queue::{Job, JobKey, LaneId, Millis};

impl Planner {
    /// The server does not let this session of the site in. While there are others, those carry the job too: it is the next
    /// one again, there are no more sessions than those for a while, and this one ends. Gives the job back when there is no
    /// other.
    pub(in crate::delivery) fn hand_over(
        &mut self,
        site: &Arc<str>,
        job: Box<Job>,
        now: Millis,
    ) -> Option<Box<Job>> {
        let Some(found) = self.sites.get(site).filter(|found| found.sessions > 1) else { return Some(job) };
        if let Some(health) = self.health.get_mut(&found.destination) {
            health.full(now);
        }
        self.stock.give_back(job);
        self.end(site);
        None
    }

    /// A job that a session was to carry, and of which no server has heard, is the next one again.
    pub(in crate::delivery) fn give_back(&mut self, site: &Arc<str>, job: Box<Job>) {
        self.stock.give_back(job);
        self.queue(site);
    }

    /// The result of a job is committed.
    pub(in crate::delivery) fn done(&mut self, lane: LaneId, job: JobKey) {
        self.stock.done(lane, job);
        self.forget_lane(lane);
    }

    /// The result of a job is committed, and its session asks for another one. A fetch may be wanted too.
    pub(in crate::delivery) fn next(
        &mut self,
        site: &Arc<str>,
        lane: LaneId,
        done: JobKey,
        now: Millis,
    ) -> (Next, Option<Step>) {
        self.done(lane, done);
        let may = |found: &&Site| self.goes_on(found, now) && !self.gives_way(site, found);
        let Some(found) = self.sites.get(site).filter(may) else { return (self.end(site), None) };
        let lanes: Vec<LaneId> = found.lanes.iter().copied().collect();
        let Some(best) = self.stock.best(lanes.iter().copied()) else { return (self.end(site), None) };
        let Some(job) = self.stock.pop(best) else { return (self.end(site), None) };
        self.take_turns(site, best);
        let load = self.stock.fetch_ahead(&lanes, now);
        // It may have earned another session.
        self.queue(site);
        (Next::Job(job), load)
    }

    /// A job that may go behind the one that a session of the site has under way. A fetch may be wanted too.
    pub(in crate::delivery) fn ahead(
        &mut self,
        site: &Arc<str>,
        now: Millis,
    ) -> (Option<Box<Job>>, Option<Step>) {
        let may = |found: &&Site| {
            let health = self.health.get(&found.destination);
            self.goes_on(found, now)
                && health.is_some_and(|health| !health.takes_turns())
                && self.stock.waiting(found.lanes.iter().copied()) > found.sessions
                && !self.gives_way(site, found)
        };
        let Some(found) = self.sites.get(site).filter(may) else { return (None, None) };
        let lanes: Vec<LaneId> = found.lanes.iter().copied().collect();
        let best = self.stock.best(lanes.iter().copied());
        let job = best.and_then(|best| self.stock.pop_ahead(best));
        if let Some(best) = best {
            self.take_turns(site, best);
        }
        let load = self.stock.fetch_ahead(&lanes, now);
        self.queue(site);
        (job, load)
    }

    /// It is the turn of a job that went behind another one. `false` when somebody has stopped it meanwhile, or everything:
    /// then nothing of it is sent.
    pub(in crate::delivery) fn begins(&mut self, job: &Job) -> bool {
        self.stock.begins(job) && !self.closing
    }

    /// Whether the sessions of a site may go on.
    pub(in crate::delivery) fn may_go_on(&self, site: &str, now: Millis) -> bool {
        self.sites.get(site).is_some_and(|found| self.goes_on(found, now))
    }

    fn goes_on(&self, found: &Site, now: Millis) -> bool {
        let health = self.health.get(&found.destination);
        !self.closing && health.is_some_and(|health| health.goes_on(now) && health.next_turn() <= now + PAUSE)
    }

    /// Whether a site has more than its share, and another one waits.
    fn gives_way(&self, site: &Arc<str>, found: &Site) -> bool {
        if !self.has_no_slot() {
            return false;
        }
        self.line.iter().take(64).filter(|other| *other != site).any(|other| {
            self.sites.get(other).is_some_and(|other| {
                let has_room =
                    self.health.get(&other.destination).is_none_or(|health| health.has_room(i64::MAX));
                has_room && other.sessions < found.sessions
            })
        })
    }

    /// A session ends.
    pub(in crate::delivery) fn end(&mut self, site: &Arc<str>) -> Next {
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
