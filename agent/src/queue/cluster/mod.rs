//! The queue that agents share: JetStream keeps the messages, and this agent's own queue is what it works on.
//!
//! Theory:
//! - What comes into the spool is published, a message of the stream for each site of a record and at most 100 of its
//!   recipients: that is a job, with the record's format, and goes its own way from here on. The position in the spool moves
//!   when the servers have confirmed it.
//! - Of what is ready each agent takes some, and works on it as on a queue of its own: the same tables, in `queue/work`,
//!   which begin empty with each start. Planner, sessions, reports and questions know no difference.
//! - What is taken is leased: it belongs to the agent as long as it says so in time ([`ACK_WAIT`]). A job is begun only
//!   while its lease holds; one whose lease ran out is dropped here, for somebody else has it.
//! - The result of an attempt is published before the job is acknowledged, and that is confirmed before the session takes
//!   the next one: recipients that are put off are a scheduled message with their history, results are counted. Each has
//!   an id that the servers take once, so that it may be said again. A job for which a report is owed is acknowledged once
//!   the report is in the spool.
//! - So after a kill nothing is lost, and at most one message per open session is sent twice.

mod blasts;
mod carried;
mod count;
mod finish;
mod keep;
mod lease;
mod look;
mod order;
mod parked;
mod publish;
mod pull;
mod submitted;
mod survey;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicI64},
    time::Duration,
};

use async_nats::{
    HeaderMap,
    jetstream::{self, ErrorCode, context::PublishError, message::PublishMessage},
};
use freesmtp_core::spool::{Copies, Id};
use sha2::{Digest, Sha256};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinHandle,
};

use self::{blasts::Blasts, lease::Leases, submitted::Submissions};
use super::{BlastState, Counts, JobKey, Millis, Queue, QueueError};

use crate::{
    cluster::{Class, Cluster},
    intake::Site,
};
pub(super) use finish::ended_since;

/// Messages that wait for the servers' word at the same time.
const WINDOW: usize = 256;

/// How long the servers take to confirm one, or not much longer.
const MOMENT: Duration = Duration::from_millis(10);

/// What makes an agent's queue a part of the shared one.
pub(crate) struct Shared {
    nats: Cluster,
    /// How far the segments of the spool are read.
    front: Queue,
    spool: PathBuf,
    /// Where the bytes of leased jobs are: a folder like a spool.
    work: PathBuf,
    leases: Mutex<Leases>,
    /// A lease ended.
    room: Notify,
    copies: tokio::sync::Mutex<Copies>,
    blasts: Blasts,
    submissions: Submissions,
    shown: Mutex<look::Shown>,
    counts: Mutex<Counts>,
    /// The number of the next job here.
    next: AtomicI64,
    /// Jobs of a class that are leased at the same time.
    most: usize,
    runtime: Handle,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Turns true when nothing is published any more.
    ends: watch::Sender<bool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("work", &self.work).finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens the queue in that folder of a spool as a part of the one that `nats` is connected to. `sessions` says how much
    /// is taken at a time.
    ///
    /// # Errors
    /// When the folder cannot be written to, or holds messages of a queue of its own.
    pub(crate) fn join(
        folder: &Path,
        spool: &Path,
        nats: Cluster,
        sessions: usize,
        now: impl Fn() -> Millis + Clone + Send + 'static,
    ) -> Result<Self, QueueError> {
        let front = Self::open_at(folder, now.clone())?;
        let own = front.counts().messages;
        if own > 0 {
            return Err(QueueError::new(format!(
                "{own} messages of this spool are in its own queue; have them delivered by an agent without a cluster, then \
                 join it"
            )));
        }
        let work = folder.join("work");
        begin_anew(&work)?;
        let shared = Shared {
            copies: tokio::sync::Mutex::new(Copies::new(&work.join("incoming"))),
            blasts: Blasts::default(),
            submissions: Submissions::open(folder, &spool.join("incoming"))?,
            shown: Mutex::default(),
            counts: Mutex::default(),
            nats,
            front,
            spool: spool.to_owned(),
            leases: Mutex::default(),
            room: Notify::new(),
            next: AtomicI64::new(1),
            most: (2 * sessions).clamp(64, 2_000),
            runtime: Handle::current(),
            tasks: Mutex::default(),
            ends: watch::Sender::new(false),
            work,
        };
        let local = Self::open_leased(&shared.work, now)?;
        Ok(Self { shared: Some(Arc::new(shared)), ..local })
    }

    /// The servers of the shared queue, where this is a part of one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.shared.as_ref().map(|shared| &shared.nats)
    }

    /// The folder that holds the bytes of messages: that of the spool, or of what is leased.
    #[must_use]
    pub(crate) fn letters<'a>(&'a self, spool: &'a Path) -> &'a Path {
        self.shared.as_ref().map_or(spool, |shared| &shared.work)
    }

    /// Begins to take jobs from the shared queue, where this is a part of one.
    pub(crate) fn begin(&self, site: &Site) {
        let Some(shared) = &self.shared else { return };
        let mut tasks: Vec<JoinHandle<()>> = Vec::new();
        for class in Class::ALL {
            tasks.push(tokio::spawn(pull::pull(self.clone(), Arc::clone(shared), class, Arc::clone(site))));
        }
        tasks.push(tokio::spawn(keep::keep(self.clone(), Arc::clone(shared))));
        tasks.push(tokio::spawn(blasts::watch(self.clone(), Arc::clone(shared))));
        tasks.push(tokio::spawn(order::listen(self.clone(), Arc::clone(shared))));
        lock(&shared.tasks).extend(tasks);
    }

    /// A job that a session had, and of which no server has heard, goes on waiting.
    pub(crate) fn not_begun(&self, job: JobKey) {
        let Some(shared) = &self.shared else { return };
        let token = shared.leases().not_begun(job.message);
        // Whoever heard that its blast is stopped left it to the session.
        if let Some(token) = token.filter(|token| shared.blasts.state(token) != BlastState::Running) {
            let (shared, queue) = (Arc::clone(shared), self.clone());
            drop(tokio::spawn(async move {
                if let Err(error) = shared.take_out(&queue, &token).await {
                    eprintln!("freesmtp agent: {error}");
                }
            }));
        }
    }

    /// Leaves the jobs of these sites to other agents, but for those that sessions have: this one may open none for them.
    ///
    /// # Errors
    /// When what was taken cannot be dropped here.
    pub(crate) async fn leave_to_others(&self, sites: &[Arc<str>]) -> Result<(), QueueError> {
        let Some(shared) = self.shared.as_ref().filter(|_| !sites.is_empty()) else { return Ok(()) };
        let idle = shared.leases().take_idle(|lease| sites.iter().any(|site| **site == *lease.site));
        for (_, lease) in &idle {
            // What is not heard comes back to others by itself, later.
            // Another time for each, so that the same agents do not take turns with the same jobs.
            let later = fastrand::u64(200_000_000..3_000_000_000);
            let not_here = format!("-NAK {{\"delay\": {later}}}");
            drop(shared.nats.client.publish(lease.ack.clone(), not_here.into()).await);
        }
        self.drop_leased(idle.into_iter().map(|(message, _)| message).collect()).await
    }

    /// Waits no longer for the servers' word on what is new in the spool: they may be down, and who stops an agent waits.
    pub(crate) fn publish_no_more(&self) {
        if let Some(shared) = &self.shared {
            shared.ends.send_replace(true);
        }
    }

    /// Takes nothing more, and gives back what was not begun.
    pub(crate) async fn leave(&self) {
        let Some(shared) = &self.shared else { return };
        lock(&shared.tasks).drain(..).for_each(|task| task.abort());
        shared.give_back().await;
    }
}

impl Shared {
    pub(super) fn front(&self) -> &Queue {
        &self.front
    }

    /// Waits for an answer of the servers where nothing else can be done meanwhile.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        tokio::task::block_in_place(|| self.runtime.block_on(answer))
    }

    /// Publishes a message, and waits until the servers have it. They take one message of an id within their window of
    /// duplicates, so that the same may be sent again when no answer came.
    async fn send(
        &self,
        subject: String,
        message_id: String,
        headers: HeaderMap,
        payload: Vec<u8>,
    ) -> Result<(), QueueError> {
        let publish = PublishMessage::build().headers(headers).message_id(message_id).payload(payload.into());
        loop {
            let sent = match self.nats.context.send_publish(subject.clone(), publish.clone()).await {
                Ok(sent) => sent.await,
                Err(error) => Err(error),
            };
            match sent {
                // Another agent has just sent it: whether it is taken shows in a moment.
                Err(error) if is_under_way(&error) => tokio::time::sleep(MOMENT).await,
                Err(error) => {
                    return Err(QueueError::new(format!("the servers have not taken a message: {error}")));
                }
                Ok(_) => return Ok(()),
            }
        }
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        lock(&self.leases)
    }
}

/// Whether the servers have a message of that id, and have not confirmed it yet.
fn is_under_way(error: &PublishError) -> bool {
    let said = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    said.is_some_and(|said| said.error_code() == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT)
}

/// What was leased before is somebody else's by now, or will be leased again.
fn begin_anew(work: &Path) -> Result<(), QueueError> {
    if work.exists() {
        fs::remove_dir_all(work)?;
    }
    for folder in [work.to_owned(), work.join("incoming"), work.join("bodies"), work.join("objects")] {
        crate::os::create_private_folder(&folder)?;
    }
    Ok(())
}

/// A name of a fixed length for any text.
fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time as the servers write it; never before it.
fn time(at: Millis) -> String {
    freesmtp_core::types::Moment::new(at.saturating_add(999).div_euclid(1_000)).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A job among those of its message, over all agents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name {
    id: Id,
    part: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.id, self.part)
    }
}

/// What the servers did not answer.
fn unanswered(what: &str, error: &dyn std::fmt::Display) -> QueueError {
    QueueError::new(format!("the servers do not answer for {what}: {error}"))
}
