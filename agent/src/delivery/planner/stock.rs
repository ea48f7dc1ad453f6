//! Ready jobs in memory, by lane: what was fetched from the queue and is not under way yet.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::Step;
use crate::queue::{Job, JobKey, Lane, LaneId, Millis};

/// Jobs of a lane that are taken into memory at once.
pub(super) const BATCH: usize = 1_024;

/// When fewer are there, the next ones are fetched.
const LOW: usize = 512;

/// Jobs in memory of all lanes, beyond which a lane gets few at a time.
const MANY: usize = 20_000;

/// Fetches under way at the same time.
const LOADING: usize = 64;

/// After a fetch that brought nothing, though something was announced.
pub(super) const PAUSE: Millis = 1_000;

#[derive(Debug)]
struct Shelf {
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

impl Shelf {
    fn has_more(&self) -> bool {
        self.ready > i64::try_from(self.taken.len()).unwrap_or(i64::MAX)
    }

    fn is_empty(&self) -> bool {
        self.ready <= 0 && self.taken.is_empty() && !self.loading
    }

    /// Ready jobs that are not under way.
    fn waiting(&self) -> usize {
        let taken = self.taken.len();
        usize::try_from(self.ready).unwrap_or_default().max(taken) - taken + self.loaded.len()
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Stock {
    lanes: HashMap<LaneId, Shelf>,
    /// Blasts whose jobs stay where they are.
    stopped: HashSet<i64>,
    /// Jobs that go behind others, and of which nothing has left but the envelope.
    ahead: HashSet<JobKey>,
    in_memory: usize,
    /// Fetches under way.
    loading: usize,
}

impl Stock {
    /// A lane got so many ready jobs, or lost them; whether it has any left.
    pub(super) fn ready(&mut self, lane: &Lane, difference: i64) -> bool {
        let shelf = self.lanes.entry(lane.id).or_insert_with(|| Shelf {
            site: Arc::clone(&lane.site),
            blast: lane.blast,
            ready: 0,
            loaded: VecDeque::new(),
            taken: HashSet::new(),
            loading: false,
            not_before: 0,
        });
        shelf.ready += difference;
        if difference > 0 {
            shelf.not_before = 0;
        }
        !shelf.is_empty()
    }

    /// Forgets what is ready, which is counted anew.
    pub(super) fn forget_counts(&mut self) {
        self.lanes.values_mut().for_each(|shelf| shelf.ready = 0);
    }

    /// The lanes of which nothing is left.
    pub(super) fn empty_lanes(&self) -> Vec<LaneId> {
        self.lanes.iter().filter(|(_, shelf)| shelf.is_empty()).map(|(id, _)| *id).collect()
    }

    /// Forgets a lane when nothing is left of it; gives its site then.
    pub(super) fn forget(&mut self, id: LaneId) -> Option<Arc<str>> {
        self.lanes.get(&id).filter(|shelf| shelf.is_empty())?;
        self.lanes.remove(&id).map(|shelf| shelf.site)
    }

    /// A blast stops or goes on; gives the sites that are concerned when it goes on.
    pub(super) fn stop(&mut self, blast: i64, stops: bool) -> Vec<Arc<str>> {
        if stops {
            self.stopped.insert(blast);
            return Vec::new();
        }
        self.stopped.remove(&blast);
        let of_blast = self.lanes.values().filter(|shelf| shelf.blast == blast);
        of_blast.map(|shelf| Arc::clone(&shelf.site)).collect()
    }

    /// Jobs of these messages are not to be begun.
    pub(super) fn drop_messages(&mut self, messages: &HashSet<i64>) {
        self.ahead.retain(|key| !messages.contains(&key.message));
        for shelf in self.lanes.values_mut() {
            let before = shelf.loaded.len();
            let taken = &mut shelf.taken;
            shelf.loaded.retain(|job| {
                let stays = !messages.contains(&job.key.message);
                if !stays {
                    taken.remove(&job.key);
                }
                stays
            });
            self.in_memory -= before - shelf.loaded.len();
        }
    }

    /// The clock went back: nothing waits longer for that.
    pub(super) fn clock_went_back(&mut self) {
        self.lanes.values_mut().for_each(|shelf| shelf.not_before = 0);
    }

    /// Jobs that were fetched; gives the site of the lane.
    pub(super) fn loaded(&mut self, lane: LaneId, jobs: Vec<Job>, now: Millis) -> Option<Arc<str>> {
        self.loading = self.loading.saturating_sub(1);
        let shelf = self.lanes.get_mut(&lane)?;
        shelf.loading = false;
        if jobs.is_empty() {
            shelf.not_before = now + PAUSE;
        }
        for job in jobs {
            if shelf.taken.insert(job.key) {
                shelf.loaded.push_back(Box::new(job));
                self.in_memory += 1;
            }
        }
        Some(Arc::clone(&shelf.site))
    }

    /// Whether no more is to be fetched for those that have no session.
    pub(super) fn is_full(&self) -> bool {
        self.in_memory >= MANY
    }

    /// Whether as many fetches are under way as may be.
    pub(super) fn is_loading(&self) -> bool {
        self.loading >= LOADING
    }

    /// The lane whose first job has the highest priority; of those with the same one the first.
    pub(super) fn best(&self, lanes: impl IntoIterator<Item = LaneId>) -> Option<LaneId> {
        let mut best: Option<(LaneId, i8)> = None;
        for id in lanes {
            let Some(shelf) = self.lanes.get(&id).filter(|shelf| !self.stopped.contains(&shelf.blast)) else {
                continue;
            };
            if let Some(job) = shelf.loaded.front()
                && best.is_none_or(|(_, priority)| job.priority > priority)
            {
                best = Some((id, job.priority));
            }
        }
        best.map(|(id, _)| id)
    }

    /// Ready jobs of these lanes that are not under way.
    pub(super) fn waiting(&self, lanes: impl IntoIterator<Item = LaneId>) -> usize {
        let shelves = lanes.into_iter().filter_map(|id| self.lanes.get(&id));
        shelves.filter(|shelf| !self.stopped.contains(&shelf.blast)).map(Shelf::waiting).sum()
    }

    /// A fetch for the first lane that has no job in memory, and some in the queue; or when there may be one.
    pub(super) fn fetch(&mut self, lanes: &[LaneId], now: Millis) -> Option<Result<Step, Millis>> {
        self.fetch_below(lanes, 1, now)
    }

    /// A fetch for the first lane that will run out of jobs.
    pub(super) fn fetch_ahead(&mut self, lanes: &[LaneId], now: Millis) -> Option<Step> {
        self.fetch_below(lanes, LOW, now).and_then(Result::ok)
    }

    fn fetch_below(
        &mut self,
        lanes: &[LaneId],
        fewer_than: usize,
        now: Millis,
    ) -> Option<Result<Step, Millis>> {
        let mut later: Option<Millis> = None;
        for id in lanes {
            if self.lanes.get(id).is_none_or(|shelf| shelf.loaded.len() >= fewer_than) {
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
        let limit = if self.is_full() { 8 } else { BATCH };
        let shelf = self.lanes.get_mut(&id)?;
        if self.stopped.contains(&shelf.blast) || shelf.loading || !shelf.has_more() {
            return None;
        }
        if shelf.not_before > now {
            return Some(Err(shelf.not_before));
        }
        shelf.loading = true;
        self.loading += 1;
        Some(Ok(Step::Load { lane: id, limit, taken: shelf.taken.clone() }))
    }

    /// Leaves the jobs of a lane to the queue again.
    pub(super) fn unload(&mut self, id: LaneId) {
        let Some(shelf) = self.lanes.get_mut(&id) else { return };
        self.in_memory -= shelf.loaded.len();
        for job in shelf.loaded.drain(..) {
            shelf.taken.remove(&job.key);
        }
    }

    /// The next job of a lane: it is under way from now on.
    pub(super) fn pop(&mut self, id: LaneId) -> Option<Box<Job>> {
        let job = self.lanes.get_mut(&id)?.loaded.pop_front()?;
        self.in_memory -= 1;
        Some(job)
    }

    /// The next job of a lane, to go behind another one.
    pub(super) fn pop_ahead(&mut self, id: LaneId) -> Option<Box<Job>> {
        let job = self.pop(id)?;
        self.ahead.insert(job.key);
        Some(job)
    }

    /// It is the turn of a job that went behind another one; `false` when somebody has stopped it meanwhile.
    pub(super) fn begins(&mut self, job: &Job) -> bool {
        self.ahead.remove(&job.key) && !self.stopped.contains(&job.blast)
    }

    /// A job that was under way, and of which nobody has heard, is the next one again.
    pub(super) fn give_back(&mut self, job: Box<Job>) {
        self.ahead.remove(&job.key);
        if let Some(shelf) = self.lanes.get_mut(&job.lane).filter(|shelf| shelf.taken.contains(&job.key)) {
            shelf.loaded.push_front(job);
            self.in_memory += 1;
        }
    }

    /// The job is not under way any more.
    pub(super) fn done(&mut self, lane: LaneId, job: JobKey) {
        self.ahead.remove(&job);
        if let Some(shelf) = self.lanes.get_mut(&lane) {
            shelf.taken.remove(&job);
        }
    }
}
