//! Intake: what programs put into the spool becomes messages of the queue.
//!
//! Purpose: to follow the segments of `incoming/` while their writers live, and to pick files up from `pickup/`.
//!
//! Policy:
//! - Records are adopted in batches, each with the place to read on: after a kill nothing is adopted twice or left out.
//! - A batch refers only to what the disk has confirmed; for most of it the writer has waited already.
//! - What writers left behind that were killed goes, when nobody can come to name it any more.
//! - What cannot be understood is kept in `badmail/`, beside a file that says why. Nothing is deleted silently.

mod badmail;
mod leftovers;
mod pickup;
mod segment;

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use freesmtp_core::{Error, log::escape, spool::Spool};

use self::segment::Follower;
use crate::queue::Queue;

/// How soon a busy spool is looked at again, and a quiet one at the latest.
const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_millis(100);

/// On a disk with less room than this few messages are taken in at a time, and with hardly any left none while others can be
/// delivered: what they leave in the queue's database is enough for the next.
const LITTLE_ROOM: u64 = 4 << 20;
const HARDLY_ROOM: u64 = 1 << 20;

/// As many segments are opened at most while what is read cannot be taken in.
const MANY: usize = 64;

/// As often `pickup/` is looked at.
const PICKUP: Duration = Duration::from_millis(500);

/// Says which queue a mailbox belongs to.
pub type Site = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// How often the whole spool was looked through and nothing new was there.
#[derive(Debug, Default)]
pub struct Rounds {
    count: AtomicU64,
    /// Messages that were taken in.
    adopted: AtomicU64,
    /// There is no other round.
    ended: AtomicBool,
    /// Somebody waits for the next round.
    wanted: Mutex<bool>,
    bell: Condvar,
}

impl Rounds {
    /// Waits until everything that was in the spool before the call is in the queue; `false` when that takes longer than
    /// this, or nothing is taken in any more.
    pub async fn catch_up(&self, limit: Duration) -> bool {
        let before = self.count.load(Ordering::Acquire);
        let end = tokio::time::Instant::now() + limit;
        // The first round to end may have begun before the call.
        while self.count.load(Ordering::Acquire) < before + 2 {
            if self.ended.load(Ordering::Acquire) || tokio::time::Instant::now() >= end {
                return false;
            }
            *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.bell.notify_one();
            tokio::time::sleep(SOON).await;
        }
        true
    }

    /// Messages that were taken in since the agent was started.
    #[must_use]
    pub fn adopted(&self) -> u64 {
        self.adopted.load(Ordering::Relaxed)
    }

    /// Rests between two rounds, unless somebody waits.
    fn rest(&self, pause: Duration) {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = self.bell.wait_timeout_while(wanted, pause, |wanted| !*wanted);
        let (mut wanted, _) = rested.unwrap_or_else(PoisonError::into_inner);
        *wanted = false;
    }
}

/// When to look for what was left behind.
#[derive(Debug, Default)]
struct Sweep {
    due: Option<Instant>,
    /// Those to ask about after the next round.
    bodies: Option<leftovers::Bodies>,
}

/// Why a segment cannot be read.
#[derive(Debug, PartialEq, Eq)]
struct Unread {
    problem: String,
    /// It may be one all the same: it is a regular file.
    is_segment: bool,
}

/// Takes in what is in a spool.
pub struct Intake {
    path: PathBuf,
    spool: Spool,
    queue: Queue,
    site: Site,
    followed: HashMap<String, Follower>,
    /// Segments that were read to their end.
    ended: HashSet<String>,
    /// Those that cannot be read, and why: they are tried again, and hold up no other.
    unread: HashMap<String, Unread>,
    /// What was read last could not be taken in.
    is_stuck: bool,
    stop: Arc<AtomicBool>,
    rounds: Arc<Rounds>,
}

impl Intake {
    /// Of that spool, for that queue; `rounds` tells others how far it is.
    #[must_use]
    pub fn new(spool: Spool, queue: Queue, site: Site, rounds: Arc<Rounds>) -> Self {
        Self {
            path: spool.path().to_owned(),
            spool,
            queue,
            site,
            followed: HashMap::new(),
            ended: HashSet::new(),
            unread: HashMap::new(),
            is_stuck: false,
            stop: Arc::default(),
            rounds,
        }
    }

    /// What ends [`Intake::run`], after the batch in hand.
    #[must_use]
    pub fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Takes in whatever comes, on a thread of its own, until it is stopped.
    pub fn run(mut self, runtime: &tokio::runtime::Handle) {
        let mut pause = SOON;
        let mut since_pickup = PICKUP;
        let mut said = String::new();
        let mut said_pickup = None;
        let mut sweep = Sweep::default();
        while !self.stop.load(Ordering::Relaxed) {
            if since_pickup >= PICKUP {
                since_pickup = Duration::ZERO;
                // What stays as it is, is said once.
                let trouble = pickup::collect(&self.path, &self.spool).err().map(|error| error.to_string());
                match &trouble {
                    Some(problem) if trouble != said_pickup => {
                        eprintln!("freesmtp agent: pickup: {}", escape(problem));
                    }
                    _ => {}
                }
                said_pickup = trouble;
            }
            let turned = self.turn(runtime);
            self.is_stuck = turned.is_err();
            match turned {
                Ok(true) => {
                    pause = SOON;
                    since_pickup += SOON;
                    continue;
                }
                Ok(false) => {
                    self.rounds.count.fetch_add(1, Ordering::Release);
                    if let Err(error) = self.sweep(&mut sweep) {
                        eprintln!(
                            "freesmtp agent: what killed writers left behind stays for now: {}",
                            escape(&error)
                        );
                    }
                }
                Err(problem) => {
                    // A disk that is full stays so for a while: said once.
                    if problem != said {
                        eprintln!("freesmtp agent: intake: {}", escape(&problem));
                        said = problem;
                    }
                    pause = LATE;
                }
            }
            self.rounds.rest(pause);
            since_pickup += pause;
            pause = (pause * 2).min(LATE);
        }
        self.rounds.ended.store(true, Ordering::Release);
    }

    /// Takes in a batch of each segment; whether there was anything.
    fn turn(&mut self, runtime: &tokio::runtime::Handle) -> Result<bool, String> {
        // Who waits until all is taken in, and what removes bodies that nothing names, must not miss one.
        let mut any = self.look_for_segments().map_err(|error| error.to_string())?;
        let free = crate::os::free_room(&self.path).map_err(|error| error.to_string())?;
        let most = if free < LITTLE_ROOM { segment::FEW } else { segment::BATCH };
        if free < HARDLY_ROOM && !self.followed.is_empty() && self.queue.counts().ready > 0 {
            return Err(
                "the disk is full; what is new in the spool waits until what can be delivered is".to_owned()
            );
        }
        let names: Vec<String> = self.followed.keys().cloned().collect();
        for name in names {
            let Some(follower) = self.followed.get_mut(&name) else { continue };
            let batch = follower.read(&self.path, &self.queue, &*self.site, most);
            let batch = match batch {
                Ok(batch) => batch,
                Err(problem) => {
                    self.followed.remove(&name);
                    self.leave(name, Unread { problem, is_segment: true });
                    continue;
                }
            };
            self.unread.remove(&name);
            let Some(batch) = batch else { continue };
            any = true;
            let (finished, count) = (batch.finished, batch.records.len() as u64);
            if let Err(error) = runtime.block_on(self.queue.adopt(batch)) {
                // It is read again, from the place that the queue knows.
                self.followed.remove(&name);
                return Err(error.to_string());
            }
            self.rounds.adopted.fetch_add(count, Ordering::Relaxed);
            if finished {
                self.followed.remove(&name);
                self.ended.insert(name);
            }
        }
        Ok(any)
    }

    /// After a round that found nothing new: removes what was left behind, from time to time.
    fn sweep(&mut self, sweep: &mut Sweep) -> Result<(), String> {
        let text = |error: io::Error| error.to_string();
        // One that cannot be read may name any of them.
        let all_known = self.unread.values().all(|unread| !unread.is_segment);
        if let Some(bodies) = sweep.bodies.take().filter(|_| all_known) {
            // Every record is known that was there when the bodies were looked at, unless one is damaged that its writer may
            // still be busy with.
            let mut all_read = true;
            for follower in self.followed.values_mut() {
                all_read &= follower.is_at_end()?;
            }
            if all_read {
                bodies.remove_orphans(&self.path, &self.queue).map_err(text)?;
            }
        }
        if sweep.due.is_none_or(|due| Instant::now() >= due) {
            sweep.due = Some(Instant::now() + leftovers::PAUSE);
            leftovers::remove_unnamed(&self.path).map_err(text)?;
            sweep.bodies = Some(leftovers::bodies(&self.path).map_err(text)?);
        }
        Ok(())
    }

    /// Opens what is new; whether some were left for later.
    fn look_for_segments(&mut self) -> io::Result<bool> {
        let incoming = self.path.join("incoming");
        let mut there = HashSet::new();
        let mut left = false;
        for entry in fs::read_dir(&incoming)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str().filter(|name| is_segment(name)) else { continue };
            there.insert(name.to_owned());
            if self.followed.contains_key(name) || self.ended.contains(name) {
                continue;
            }
            // Each is an open file, and each program that submits has one: while nothing goes on they only become more.
            if self.is_stuck && self.followed.len() >= MANY {
                left = true;
                continue;
            }
            match self.queue.position(name).map_err(io::Error::other)? {
                Some((_, true)) => {
                    self.ended.insert(name.to_owned());
                }
                position => {
                    let from = position.map_or(0, |(next, _)| next);
                    match Follower::open(&incoming.join(name), name, from) {
                        Ok(follower) => _ = self.followed.insert(name.to_owned(), follower),
                        // It went away meanwhile.
                        Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => {}
                        Err(error) => self.leave(name.to_owned(), Unread::of(&error)),
                    }
                }
            }
        }
        self.ended.retain(|name| there.contains(name));
        self.followed.retain(|name, _| there.contains(name));
        self.unread.retain(|name, _| there.contains(name));
        Ok(left)
    }

    /// Goes on without a segment, which is said once.
    fn leave(&mut self, name: String, unread: Unread) {
        if self.unread.get(&name) != Some(&unread) {
            eprintln!("freesmtp agent: intake: {}", escape(&unread.problem));
        }
        self.unread.insert(name, unread);
    }
}

impl Unread {
    fn of(error: &Error) -> Self {
        // Whoever may submit may make folders, links and pipes of any name.
        let is_segment = error.io_kind() != Some(io::ErrorKind::InvalidInput);
        Self { problem: error.to_string(), is_segment }
    }
}

/// Whether a file of `incoming/` is a segment; others are none of the agent's business.
fn is_segment(name: &str) -> bool {
    name.ends_with(segment::SUFFIX) && !name.starts_with('.')
}

/// The folder of a spool.
fn folder(spool: &Path, name: &str) -> PathBuf {
    spool.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client of an agent that ends would wait for its whole patience.
    #[test]
    fn nobody_waits_for_an_intake_that_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let rounds = Arc::new(Rounds::default());
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let queue = Queue::open(&folder.path().join("queue")).unwrap();
        let intake = Intake::new(spool, queue, Arc::new(|_: &str| String::new()), Arc::clone(&rounds));
        intake.stopper().store(true, Ordering::Relaxed);
        intake.run(runtime.handle());
        // What is there at once comes before a time that is over.
        let waited = runtime.block_on(async {
            tokio::time::timeout(Duration::ZERO, rounds.catch_up(Duration::from_secs(60))).await
        });
        assert_eq!(waited, Ok(false));
    }
}
