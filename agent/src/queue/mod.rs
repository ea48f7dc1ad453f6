//! The queue: every message until each of its recipients has a result.
//!
//! Purpose: one interface for whatever delivers, reports and shows, behind which the messages of one machine are kept in
//! `SQLite`. Nothing outside this folder knows that. Where agents share a queue, `cluster` takes from it what is worked on
//! here, and says there what became of it.
//!
//! Policy:
//! - What is answered is committed; what was in the middle when the process was killed is undone, and found again.
//! - One thread writes, many read; results of many sessions share a commit.
//! - Only what is ready is taken into memory, a bounded number at a time: a million waiting messages cost nothing.
//! - The bytes stay where the spool has them, and are removed when a synced checkpoint says that nobody needs them.

mod admin;
mod adopt;
mod blast;
mod browse;
mod cluster;
mod compact;
mod complete;
mod error;
mod log;
mod questions;
mod schema;
mod segments;
mod survey;
#[cfg(test)]
mod survey_tests;
mod sweep;
mod take;
#[cfg(test)]
mod tests;
mod types;
mod waste;
mod writer;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, SyncSender},
    },
    thread::JoinHandle,
};

use freesmtp_core::spool::Id;
use rusqlite::Connection;
use tokio::sync::oneshot;

pub use admin::{Attempt, Details, Ended, Filter, JobState, Summary, Waiting};
pub(crate) use adopt::{Adopted, Batch};
use blast::BlastTallyExt;
pub use blast::{Blast, BlastState};
pub use browse::{Order, Outline, Page};
pub use error::QueueError;
use log::Log;
pub use survey::{CauseCount, SiteCount, Survey};
pub use types::{
    Changes, Counts, Done, Ending, Final, JOB_RECIPIENTS, Job, JobKey, Lane, LaneId, Millis, Place, Target,
    TargetResult, Verdict, Words,
};
use writer::{Command, News, What, Writer, Writing};

/// Bits of `messages.flags`.
mod flags {
    /// The envelope asks for more than sender and recipients.
    pub(super) const OPTIONS: i64 = 1;
    /// The sender is to be told when the message is late, and was not yet.
    pub(super) const WARN: i64 = 2;
    /// SMTPUTF8.
    pub(super) const UTF8: i64 = 4;
}

/// As many readers as are kept.
const READERS: usize = 4;

/// Commands that may wait for the writer before those who write wait too.
const BACKLOG: usize = 16_384;

/// The queue of a spool. A clone is the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    inner: Arc<Inner>,
    /// It is a part of a queue that agents share.
    shared: Option<Arc<cluster::Shared>>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    commands: SyncSender<Command>,
    readers: Mutex<Vec<Connection>>,
    news: Arc<News>,
    busy: Arc<AtomicUsize>,
    closed: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Opens the queue in that folder, and makes what is not there.
    ///
    /// # Errors
    /// When the folder cannot be written to, or a newer version wrote the queue.
    pub fn open(folder: &Path) -> Result<Self, QueueError> {
        Self::open_at(folder, crate::clock::now)
    }

    /// The same with a clock of one's own, for tests.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub fn open_at(folder: &Path, now: impl Fn() -> Millis + Send + 'static) -> Result<Self, QueueError> {
        Self::open_kind(folder, schema::Kind::Own, now)
    }

    /// For what is taken from a queue that is shared.
    fn open_leased(folder: &Path, now: impl Fn() -> Millis + Send + 'static) -> Result<Self, QueueError> {
        Self::open_kind(folder, schema::Kind::Leased, now)
    }

    fn open_kind(
        folder: &Path,
        kind: schema::Kind,
        now: impl Fn() -> Millis + Send + 'static,
    ) -> Result<Self, QueueError> {
        crate::os::create_private_folder(folder)?;
        let path = folder.join("queue.db");
        let connection = schema::open(&path, kind)?;
        let (commands, receiver) = mpsc::sync_channel(BACKLOG);
        let news = Arc::new(News::new(schema::counts(&connection)?));
        let busy = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            connection,
            commands: receiver,
            news: Arc::clone(&news),
            busy: Arc::clone(&busy),
            now: Box::new(now),
            made_room: None,
            log: Log::new(folder),
        };
        let thread = std::thread::Builder::new().name("queue".to_owned()).spawn(move || writer.run())?;
        let (readers, thread) = (Mutex::default(), Mutex::new(Some(thread)));
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                commands,
                readers,
                news,
                busy,
                closed: AtomicBool::new(false),
                thread,
            }),
            shared: None,
        })
    }

    /// The queue in that folder to look at: nothing can be written to it, and nothing is.
    ///
    /// # Errors
    /// When there is none, or another version wrote it.
    pub fn open_to_read(folder: &Path) -> Result<Self, QueueError> {
        let path = folder.join("queue.db");
        let readers = Mutex::new(vec![schema::open_existing(&path)?]);
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                commands: mpsc::sync_channel(0).0,
                readers,
                news: Arc::default(),
                busy: Arc::default(),
                closed: AtomicBool::new(true),
                thread: Mutex::default(),
            }),
            shared: None,
        })
    }

    // --- Delivery ---------------------------------------------------------------------------------------------------

    /// Every lane that has ready jobs, and how many: where to begin. [`Queue::changes`] tells the rest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn lanes(&self) -> Result<Vec<(Lane, i64)>, QueueError> {
        self.read(take::lanes)
    }

    /// The next ready jobs of a lane, without those that are taken already: in memory, or under way. Whoever asks must
    /// have drawn up `taken` before the call; what is committed later is then not given twice.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn take(&self, lane: LaneId, limit: usize, taken: &HashSet<JobKey>) -> Result<Vec<Job>, QueueError> {
        self.read(|connection| take::take(connection, lane, limit, taken))
    }

    /// Writes what an attempt came to; it is committed when this returns.
    ///
    /// # Errors
    /// When it could not be written: the same is then to be written again, or the message will be sent again.
    pub async fn complete(&self, done: impl Into<Arc<Done>>) -> Result<(), QueueError> {
        match &self.shared {
            Some(shared) => shared.complete(self, &done.into()).await,
            None => self.send(What::Complete(done.into())).await,
        }
    }

    /// Moves a job to other sites, where the routes lead elsewhere than when it was adopted.
    ///
    /// # Errors
    /// When it could not be written; it then stays where it is.
    pub async fn move_job(&self, job: &Job, groups: Vec<(String, Vec<Target>)>) -> Result<(), QueueError> {
        if let Some(shared) = &self.shared {
            return shared.move_job(self, job, &groups).await;
        }
        let job = job.clone();
        self.write(move |writing| complete::move_job(writing, &job, &groups)).await
    }

    /// What changed since the last call.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.inner.news.take()
    }

    /// Waits until something changed.
    pub async fn changed(&self) {
        self.inner.news.bell.notified().await;
    }

    /// Tells how many sessions are sending: the writer gathers the more results the more there are.
    pub fn set_busy(&self, sessions: usize) {
        self.inner.busy.store(sessions, Ordering::Relaxed);
    }

    /// When the next job of those that wait for their time is due.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn next_due(&self) -> Result<Option<Millis>, QueueError> {
        self.read(take::next_due)
    }

    /// Makes jobs ready whose time has come.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn promote(&self, now: Millis) -> Result<(), QueueError> {
        while self.write(move |writing| sweep::promote(writing, now)).await? {}
        Ok(())
    }

    /// Gives messages up whose time is over: those that said when, and those submitted before `oldest` that said nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn expire(&self, now: Millis, oldest: Millis, reason: Words) -> Result<(), QueueError> {
        loop {
            let reason = reason.clone();
            let step = move |writing: &mut Writing<'_>| {
                let before = writing.changes.endings.len();
                let more = sweep::expire(writing, now, oldest, &reason)?;
                Ok((more, cluster::ended_since(writing, before)))
            };
            let (more, ended) = self.write(step).await?;
            self.tell_ended(ended);
            if !more {
                return Ok(());
            }
        }
    }

    /// The clock of this machine went back by so much.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clock_went_back(&self, by: Millis) -> Result<(), QueueError> {
        self.write(move |writing| sweep::clock_went_back(writing, by)).await
    }

    // --- Reports ----------------------------------------------------------------------------------------------------

    /// Messages for which a report (RFC 3464) is owed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn owed(&self) -> Result<Vec<i64>, QueueError> {
        self.read(admin::owed)
    }

    /// The reports that were owed for these recipients are in the spool.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn reported(&self, message: i64, recipients: Vec<u32>) -> Result<(), QueueError> {
        self.write(move |writing| admin::reported(writing, message, &recipients)).await?;
        match &self.shared {
            Some(shared) => shared.settled(self, message).await,
            None => Ok(()),
        }
    }

    /// Messages submitted before `oldest` whose senders asked to be told of a delay; each is given once.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn late(&self, oldest: Millis) -> Result<Vec<i64>, QueueError> {
        let late = self.write(move |writing| sweep::late(writing, oldest)).await?;
        if let Some(shared) = &self.shared {
            shared.warned(&late);
        }
        Ok(late)
    }

    // --- Adoption ---------------------------------------------------------------------------------------------------

    /// Records of a segment become messages, all of them or none.
    pub(crate) async fn adopt(&self, batch: Batch) -> Result<(), QueueError> {
        match &self.shared {
            Some(shared) => shared.publish(batch).await,
            None => self.send(What::Adopt(Box::new(batch))).await,
        }
    }

    /// Where to read on in a segment, and whether it was read to its end; `None` for one that is not known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn position(&self, segment: &str) -> Result<Option<(u64, bool)>, QueueError> {
        self.front().read(|connection| segments::position(connection, segment))
    }

    /// Whether a message has its bytes in that file of `bodies/`, or had until just now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn names_file(&self, file: &str) -> Result<bool, QueueError> {
        self.front().read(|connection| segments::names_file(connection, file))
    }

    /// The message that has an idempotency key, and what it is (a SHA-256).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn key(&self, key: &str) -> Result<Option<(Id, [u8; 32])>, QueueError> {
        match &self.shared {
            Some(shared) => shared.key(key),
            None => self.read(|connection| adopt::key(connection, key)),
        }
    }

    /// Forgets idempotency keys that are older than this.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn prune(&self, oldest_key: Millis) -> Result<(), QueueError> {
        self.write(move |writing| segments::prune(writing, oldest_key)).await
    }

    // --- How it is done ---------------------------------------------------------------------------------------------

    /// What the spool is read into: this one, unless it is a part of a shared one.
    fn front(&self) -> &Self {
        self.shared.as_ref().map_or(self, |shared| shared.front())
    }

    /// Ends the writer, after what was given to it.
    pub async fn close(&self) {
        if self.shared.is_some() {
            self.front().close_own().await;
        }
        self.close_own().await;
    }

    async fn close_own(&self) {
        drop(self.send(What::Close).await);
        self.inner.closed.store(true, Ordering::Relaxed);
        let thread = self.inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }

    /// Whether its writer has ended, so that nothing can be written any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Relaxed)
    }

    fn read<T>(&self, question: impl FnOnce(&Connection) -> Result<T, QueueError>) -> Result<T, QueueError> {
        let kept = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => schema::open_reader(&self.inner.path)?,
        };
        let answer = question(&connection);
        let mut readers = self.inner.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS && answer.is_ok() {
            readers.push(connection);
        }
        answer
    }

    async fn write<T: Default + Send + 'static>(
        &self,
        work: impl FnMut(&mut Writing<'_>) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let mut work = work;
        let answer = Arc::new(Mutex::new(T::default()));
        let given = Arc::clone(&answer);
        self.send(What::Work(Box::new(move |writing| {
            *given.lock().unwrap_or_else(PoisonError::into_inner) = work(writing)?;
            Ok(())
        })))
        .await?;
        Ok(std::mem::take(&mut *answer.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn send(&self, what: What) -> Result<(), QueueError> {
        let (done, answer) = oneshot::channel();
        let mut command = Command { what, done };
        loop {
            match self.inner.commands.try_send(command) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Full(back)) => {
                    command = back;
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(QueueError::closed()),
            }
        }
        answer.await.map_err(|_| QueueError::closed())?
    }
}
