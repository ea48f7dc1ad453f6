//! A look through the whole queue: how much waits where, how old it is, and why.
//!
//! A million deliveries take about a second, so nobody who asks waits for one: the agent looks now and then, and keeps what
//! it saw. Only a step of it is one question to the database, so that its log can be brought in meanwhile.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use freesmtp_core::spool::Id;
use rusqlite::{Connection, OptionalExtension, params};

use super::{JobState, LaneId, Millis, Queue, QueueError};

/// Deliveries of one step.
const STEP: i64 = 20_000;

/// As many lanes are named; the others, which have fewer deliveries, count in no site.
const LANES: usize = 5_000;

/// As many sites are kept.
const SITES: usize = 1_000;

/// The borders of ages: ten minutes, an hour, a day.
const AGES: [Millis; 3] = [600_000, 3_600_000, 86_400_000];

/// What was seen.
#[derive(Clone, Debug)]
pub struct Survey {
    /// When.
    pub at: Millis,
    /// When it began.
    pub begun: Instant,
    /// How long it took.
    pub took: Duration,
    /// The sites with the most deliveries, at most 1,000, the most first.
    pub sites: Vec<SiteCount>,
    /// Why deliveries wait, the most first.
    pub causes: Vec<CauseCount>,
    /// Since when the first of those is ready that no paused blast has.
    pub oldest_ready: Option<Millis>,
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteCount {
    /// The site.
    pub site: String,
    /// Deliveries that wait for a session.
    pub ready: i64,
    /// Deliveries that wait for their time.
    pub later: i64,
    /// Deliveries that are held.
    pub held: i64,
    /// When the oldest of the ready ones became so.
    pub oldest_ready: Option<Millis>,
    /// Those that are ready or wait for their time, by the age of their message: under ten minutes, an hour, a day, older.
    pub ages: [i64; 4],
}

/// Why deliveries wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseCount {
    /// The identifier of the diagnosis.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Deliveries whose last attempt came to that.
    pub count: i64,
}

impl Queue {
    /// Looks through the whole queue, which takes as long as that takes; ages are those at `now`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn survey(&self, now: Millis) -> Result<Survey, QueueError> {
        if let Some(shared) = &self.shared {
            return shared.survey(now);
        }
        let begun = Instant::now();
        let mut tally = Tally { now, lanes: HashMap::new(), causes: HashMap::new() };
        let mut after = (0, -1);
        while let Some(last) = self.read(|connection| tally.step(connection, after))? {
            after = last;
            if self.is_closed() {
                return Err(QueueError::closed());
            }
        }
        self.read(|connection| tally.survey(connection, begun))
    }
}

/// What was seen so far.
struct Tally {
    now: Millis,
    lanes: HashMap<LaneId, LaneCount>,
    causes: HashMap<i64, i64>,
}

#[derive(Clone, Copy, Default)]
struct LaneCount {
    /// Ready, later, held.
    states: [u32; 3],
    ages: [u32; 4],
    oldest_ready: Option<Millis>,
}

impl LaneCount {
    fn all(&self) -> u64 {
        self.states.iter().map(|count| u64::from(*count)).sum()
    }
}

impl Tally {
    /// The step after that delivery; the last one of it, `None` when nothing was left.
    fn step(&mut self, connection: &Connection, after: (i64, i64)) -> Result<Option<(i64, i64)>, QueueError> {
        // A delivery that was never tried is as old as it has been ready.
        let mut statement = connection.prepare_cached(
            "SELECT message, n, lane, state, due, cause, CASE WHEN attempts = 0 AND state = 0 THEN NULL \
             ELSE (SELECT id FROM messages WHERE seq = message) END FROM jobs WHERE (message, n) > (?, ?) \
             ORDER BY message, n LIMIT ?",
        )?;
        let mut rows = statement.query(params![after.0, after.1, STEP])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            last = Some((row.get(0)?, row.get(1)?));
            let count = self.lanes.entry(row.get(2)?).or_default();
            let state = JobState::from_number(row.get(3)?);
            let due: Millis = row.get(4)?;
            if let Some(cause) = row.get::<_, Option<i64>>(5)? {
                *self.causes.entry(cause).or_default() += 1;
            }
            count.states[state as usize] += 1;
            if state == JobState::Held {
                continue;
            }
            if state == JobState::Ready {
                count.oldest_ready = Some(count.oldest_ready.map_or(due, |oldest| oldest.min(due)));
            }
            let id: Option<[u8; 16]> = row.get(6)?;
            let submitted = id.map_or(due, |id| {
                let id = Id::from_number(u128::from_be_bytes(id));
                i64::try_from(id.unix_ms()).unwrap_or(i64::MAX)
            });
            count.ages[age(self.now - submitted)] += 1;
        }
        Ok(last)
    }

    /// All of it, with names.
    fn survey(self, connection: &Connection, begun: Instant) -> Result<Survey, QueueError> {
        let mut lanes: Vec<(LaneId, LaneCount)> = self.lanes.into_iter().collect();
        let stopped: HashSet<LaneId> = connection
            .prepare_cached("SELECT l.id FROM lanes l JOIN blasts b ON b.id = l.blast WHERE b.state <> 0")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let oldest_ready = lanes
            .iter()
            .filter(|(lane, _)| !stopped.contains(lane))
            .filter_map(|(_, count)| count.oldest_ready)
            .min();
        lanes.sort_unstable_by_key(|(_, count)| Reverse(count.all()));
        lanes.truncate(LANES);
        let mut sites: HashMap<String, SiteCount> = HashMap::new();
        let mut named = connection.prepare_cached("SELECT site FROM lanes WHERE id = ?")?;
        for (lane, count) in lanes {
            let Some(site) = named.query_row([lane], |row| row.get::<_, String>(0)).optional()? else {
                continue;
            };
            sites.entry(site).or_default().add(&count);
        }
        let named = sites.into_iter().map(|(site, count)| SiteCount { site, ..count });
        let sites = SiteCount::largest(named.collect());
        let mut causes = connection
            .prepare_cached("SELECT id, cause, remedy FROM causes")?
            .query_map([], |row| {
                let count = self.causes.get(&row.get(0)?).copied().unwrap_or(0);
                Ok(CauseCount { cause: row.get(1)?, remedy: row.get(2)?, count })
            })?
            .collect::<Result<Vec<_>, _>>()?;
        causes.retain(|cause| cause.count > 0);
        causes.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cause.cmp(&b.cause)));
        Ok(Survey { at: self.now, begun, took: begun.elapsed(), sites, causes, oldest_ready })
    }
}

/// Which of the ages it is.
fn age(millis: Millis) -> usize {
    AGES.iter().filter(|border| millis >= **border).count()
}

impl SiteCount {
    /// One delivery more, whose message is so old.
    pub(super) fn see(&mut self, state: JobState, old: Millis) {
        match state {
            JobState::Ready => self.ready += 1,
            JobState::Later => self.later += 1,
            JobState::Held => self.held += 1,
        }
        if state != JobState::Held {
            self.ages[age(old)] += 1;
        }
    }

    /// Those with the most deliveries, the most first.
    pub(super) fn largest(mut sites: Vec<Self>) -> Vec<Self> {
        sites.sort_unstable_by(|a, b| b.all().cmp(&a.all()).then_with(|| a.site.cmp(&b.site)));
        sites.truncate(SITES);
        sites
    }

    fn add(&mut self, lane: &LaneCount) {
        let [ready, later, held] = lane.states.map(i64::from);
        self.ready += ready;
        self.later += later;
        self.held += held;
        for (all, more) in self.ages.iter_mut().zip(lane.ages) {
            *all += i64::from(more);
        }
        self.oldest_ready = match (self.oldest_ready, lane.oldest_ready) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    fn all(&self) -> i64 {
        self.ready + self.later + self.held
    }
}
