//! The one thread that writes.
//!
//! What arrives while a transaction is committed goes into the next one together: with 256 sessions a commit has dozens of
//! results. When many sessions are busy, the thread also waits a little for more of them.
//!
//! A command that fails takes nobody with it: the group is undone, and each is tried on its own. Whoever waits hears only
//! of what is committed.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use tokio::sync::{Notify, oneshot};

use super::{Changes, Counts, Done, JobState, Lane, LaneId, Log, QueueError, Words, adopt, complete};

/// The most commands of a transaction.
const GROUP: usize = 512;

/// How long a result may wait for others.
const LINGER: Duration = Duration::from_millis(4);

/// How long to wait before a full disk is looked at again.
const PAUSE: Duration = Duration::from_millis(500);

type Work = Box<dyn FnMut(&mut Writing<'_>) -> Result<(), QueueError> + Send>;

/// What is to be written.
pub(super) enum What {
    /// The end of an attempt.
    Complete(Arc<Done>),
    /// Records of a segment.
    Adopt(Box<adopt::Batch>),
    /// Anything else. It may be run twice, when another one of its group failed.
    Work(Work),
    /// The writer checks everything into the database and ends.
    Close,
}

/// A thing to write, and who waits for it.
pub(super) struct Command {
    pub(super) what: What,
    pub(super) done: oneshot::Sender<Result<(), QueueError>>,
}

/// What changed since anybody asked, and a bell.
#[derive(Debug, Default)]
pub(super) struct News {
    changes: Mutex<Changes>,
    counts: Mutex<Counts>,
    /// Blasts of which anything changed.
    blasts: Mutex<HashSet<i64>>,
    pub(super) bell: Notify,
}

impl News {
    /// With what is there already.
    pub(super) fn new(counts: Counts) -> Self {
        Self { counts: Mutex::new(counts), ..Self::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The blasts of which anything changed since the last call.
    pub(super) fn blasts(&self) -> HashSet<i64> {
        std::mem::take(&mut *self.blasts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn written(&self, written: Written) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) += written.counts;
        if !written.blasts.is_empty() {
            self.blasts.lock().unwrap_or_else(PoisonError::into_inner).extend(written.blasts);
        }
        self.add(written.changes);
    }

    pub(super) fn take(&self) -> Changes {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, mut more: Changes) {
        if more.is_empty() {
            return;
        }
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.lanes.append(&mut more.lanes);
        changes.dropped.append(&mut more.dropped);
        changes.blasts.append(&mut more.blasts);
        changes.reports.append(&mut more.reports);
        changes.endings.append(&mut more.endings);
        changes.later |= more.later;
        drop(changes);
        self.bell.notify_one();
    }
}

/// What a transaction did.
struct Written {
    changes: Changes,
    counts: Counts,
    blasts: Vec<i64>,
}

/// How the counters of a blast change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BlastTally {
    pub(super) messages: i64,
    pub(super) recipients: i64,
    pub(super) delivered: i64,
    pub(super) deferred: i64,
    pub(super) failed: i64,
    pub(super) expired: i64,
    pub(super) cancelled: i64,
}

/// A transaction in the making: the connection, and what adds up to one statement at its end.
pub(super) struct Writing<'c> {
    pub(super) connection: &'c Connection,
    lanes: &'c mut Lanes,
    pub(super) now: i64,
    /// Live messages of segments, as differences.
    pub(super) segments: HashMap<i64, i64>,
    pub(super) blasts: HashMap<i64, BlastTally>,
    ready: HashMap<LaneId, i64>,
    counts: Counts,
    pub(super) changes: Changes,
}

/// The names of lanes, and of causes.
#[derive(Default)]
struct Lanes {
    ids: HashMap<(String, i64), LaneId>,
    names: HashMap<LaneId, Lane>,
    causes: HashMap<String, i64>,
}

/// As many as that are remembered; there may be a lane for each of a million domains.
const LANES: usize = 50_000;

impl Writing<'_> {
    /// The lane of a site and a blast.
    pub(super) fn lane(&mut self, site: &str, blast: i64) -> Result<LaneId, QueueError> {
        let key = (site.to_owned(), blast);
        if let Some(id) = self.lanes.ids.get(&key) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO lanes(site, blast) VALUES (?, ?)")?
            .execute(params![site, blast])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM lanes WHERE site = ? AND blast = ?")?
            .query_row(params![site, blast], |row| row.get(0))?;
        self.lanes.remember(Lane { id, site: site.into(), blast });
        Ok(id)
    }

    /// The lane got so many jobs in that state, or lost them.
    pub(super) fn count(&mut self, lane: LaneId, state: i64, difference: i64) {
        let all = match JobState::from_number(state) {
            JobState::Ready => {
                *self.ready.entry(lane).or_default() += difference;
                &mut self.counts.ready
            }
            JobState::Later => &mut self.counts.later,
            JobState::Held => &mut self.counts.held,
        };
        *all += difference;
    }

    /// The number of a cause, by which jobs know it; none for words without one.
    pub(super) fn cause(&mut self, words: Option<&Words>) -> Result<Option<i64>, QueueError> {
        let Some(Words { cause, remedy, .. }) = words.filter(|words| !words.cause.is_empty()) else {
            return Ok(None);
        };
        if let Some(id) = self.lanes.causes.get(cause) {
            return Ok(Some(*id));
        }
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO causes(cause, remedy) VALUES (?, ?) \
                 ON CONFLICT(cause) DO UPDATE SET remedy = excluded.remedy RETURNING id",
            )?
            .query_row([cause, remedy], |row| row.get(0))?;
        self.lanes.causes.insert(cause.clone(), id);
        Ok(Some(id))
    }

    /// What the counters of a blast become; those of no blast go nowhere.
    pub(super) fn tally(&mut self, blast: i64) -> &mut BlastTally {
        self.blasts.entry(blast).or_default()
    }

    fn named(&mut self, id: LaneId) -> Result<Lane, QueueError> {
        if let Some(lane) = self.lanes.names.get(&id) {
            return Ok(lane.clone());
        }
        let lane = self
            .connection
            .prepare_cached("SELECT site, blast FROM lanes WHERE id = ?")?
            .query_row([id], |row| {
                Ok(Lane { id, site: row.get::<_, String>(0)?.into(), blast: row.get(1)? })
            })?;
        self.lanes.remember(lane.clone());
        Ok(lane)
    }

    /// Writes what added up.
    fn finish(&mut self) -> Result<Written, QueueError> {
        for (segment, difference) in std::mem::take(&mut self.segments) {
            self.counts.messages += difference;
            self.connection
                .prepare_cached("UPDATE segments SET live = live + ? WHERE id = ?")?
                .execute([difference, segment])?;
        }
        let mut blasts: Vec<i64> = self.changes.blasts.iter().map(|(blast, _)| *blast).collect();
        for (blast, tally) in std::mem::take(&mut self.blasts) {
            if blast == 0 {
                continue;
            }
            blasts.push(blast);
            let BlastTally { messages, recipients, delivered, deferred, failed, expired, cancelled } = tally;
            self.connection
                .prepare_cached(
                    "UPDATE blasts SET messages = messages + ?, recipients = recipients + ?, \
                     delivered = delivered + ?, deferred = deferred + ?, failed = failed + ?, \
                     expired = expired + ?, cancelled = cancelled + ?, updated = ? WHERE id = ?",
                )?
                .execute(params![
                    messages, recipients, delivered, deferred, failed, expired, cancelled, self.now, blast
                ])?;
        }
        let mut changes = std::mem::take(&mut self.changes);
        for (lane, difference) in std::mem::take(&mut self.ready) {
            let lane = self.named(lane)?;
            changes.lanes.push((lane, difference));
        }
        Ok(Written { changes, counts: std::mem::take(&mut self.counts), blasts })
    }

    fn apply(&mut self, what: &mut What) -> Result<(), QueueError> {
        match what {
            What::Complete(done) => complete::complete(self, done),
            What::Adopt(batch) => adopt::adopt(self, batch),
            What::Work(work) => work(self),
            What::Close => Ok(()),
        }
    }
}

impl Lanes {
    fn remember(&mut self, lane: Lane) {
        if self.names.len() >= LANES {
            self.ids.clear();
            self.names.clear();
        }
        self.ids.insert((lane.site.to_string(), lane.blast), lane.id);
        self.names.insert(lane.id, lane);
    }
}

/// The thread's own.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) commands: Receiver<Command>,
    pub(super) news: Arc<News>,
    /// Sessions that are open: what a group may be worth waiting for.
    pub(super) busy: Arc<AtomicUsize>,
    pub(super) now: Box<dyn Fn() -> i64 + Send>,
    /// When the log was last brought into the database because the disk was full.
    pub(super) made_room: Option<Instant>,
    pub(super) log: Log,
}

impl Writer {
    /// Writes until it is told to close, or nobody is left to tell it.
    pub(super) fn run(mut self) {
        let mut lanes = Lanes::default();
        while let Ok(first) = self.commands.recv() {
            let mut group = vec![first];
            self.gather(&mut group);
            let closes = group.iter().any(|command| matches!(command.what, What::Close));
            self.write(&mut lanes, group);
            if closes {
                break;
            }
        }
        // A failure leaves the log to the next agent, which reads it.
        drop(self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    }

    /// Takes what waits, and waits a little for what is about to come.
    fn gather(&self, group: &mut Vec<Command>) {
        let until = Instant::now() + LINGER;
        loop {
            while group.len() < GROUP {
                match self.commands.try_recv() {
                    Ok(command) => group.push(command),
                    Err(_) => break,
                }
            }
            let wanted = (self.busy.load(Ordering::Relaxed) / 3).min(GROUP);
            let urgent = group.iter().any(|command| !matches!(command.what, What::Complete(_)));
            if group.len() >= wanted || urgent {
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            // Woken once for many: a thread that is woken for each costs more than the waiting.
            match self.commands.recv_timeout(left) {
                Ok(command) => {
                    group.push(command);
                    std::thread::sleep(left.min(Duration::from_micros(300)));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn write(&mut self, lanes: &mut Lanes, mut group: Vec<Command>) {
        match self.transaction(lanes, &mut group) {
            Ok(written) => {
                self.news.written(written);
                for command in group {
                    // Nobody may wait any more.
                    drop(command.done.send(Ok(())));
                }
            }
            Err(error) if error.is_full() && self.make_room() => self.write(lanes, group),
            Err(error) if group.len() == 1 || error.is_full() => {
                for command in group {
                    drop(command.done.send(Err(error.clone())));
                }
            }
            Err(_) => {
                for command in group {
                    self.write(lanes, vec![command]);
                }
            }
        }
    }

    /// Brings the log into the database, so that its space can be used again; whether that was done, once in a while.
    fn make_room(&mut self) -> bool {
        if self.made_room.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        self.made_room = Some(Instant::now());
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").is_ok()
    }

    fn transaction(&mut self, lanes: &mut Lanes, group: &mut [Command]) -> Result<Written, QueueError> {
        self.log.tend(&self.connection);
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut writing = Writing {
            connection: &transaction,
            lanes,
            now: (self.now)(),
            segments: HashMap::new(),
            blasts: HashMap::new(),
            ready: HashMap::new(),
            counts: Counts::default(),
            changes: Changes::default(),
        };
        let written = group
            .iter_mut()
            .try_for_each(|command| writing.apply(&mut command.what))
            .and_then(|()| writing.finish());
        let written = written.and_then(|written| transaction.commit().map(|()| written).map_err(Into::into));
        if written.is_err() {
            // A lane that was made and undone must not be remembered.
            *lanes = Lanes::default();
        }
        written
    }
}
