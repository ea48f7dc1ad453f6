//! The agents that share the queue, and what each may open of the sessions that limits allow all of them.
//!
//! Every two seconds an agent shows that it lives, sees who else does, gives back the slots that are another's in turn as
//! soon as no connection needs them, and takes those that are its own and free. It uses a slot only after the servers have
//! confirmed that it is its own, and stops before others may think that it is gone.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_nats::jetstream::kv::{self, CreateErrorKind, Operation, UpdateErrorKind};
use tokio::task::JoinHandle;

use super::{
    Cluster,
    connection::causes,
    ledger::{FENCE, Ledger, Member},
    slots::Slots,
};
use crate::{delivery::Delivery, queue::Millis};

/// The key of the ledger in its bucket.
const KEY: &str = "ledger";

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(2);

/// Between two rounds while slots wait to be given back.
const SOON: Duration = Duration::from_millis(500);

/// How long a round may take: twice that and the pauses between are less than [`FENCE`].
const LIMIT: Duration = Duration::from_secs(5);

/// How long leaving may take: others find out by themselves, later.
const LEAVING: Duration = Duration::from_secs(2);

/// How often a round begins anew because another agent wrote first.
const TRIES: u32 = 12;

/// This agent among those that share the queue.
#[derive(Debug)]
pub struct Members {
    task: JoinHandle<()>,
    store: kv::Store,
    id: String,
    agents: Arc<Mutex<Vec<(String, String)>>>,
}

impl Members {
    /// Joins them. What tells this agent from others is kept in `folder`, so that after a start anew its slots are its own
    /// at once; `name` is that of its machine.
    ///
    /// # Errors
    /// When the folder cannot be read or written to.
    pub fn start(cluster: &Cluster, delivery: Delivery, folder: &Path, name: String) -> io::Result<Self> {
        let id = id(folder, &name)?;
        // Nothing is this agent's before the servers say so.
        delivery.set_slots(Slots::NONE);
        let agents = Arc::default();
        let store = cluster.shares.clone();
        let turns = Turns {
            store: store.clone(),
            delivery,
            member: Member::new(id.clone(), name),
            used: Slots::NONE,
            renewed: None,
            begun: Instant::now(),
            agents: Arc::clone(&agents),
            said: String::new(),
        };
        Ok(Self { task: tokio::spawn(turns.run()), store, id, agents })
    }

    /// The agents, by id, with the names of their machines; as they were two seconds ago.
    #[must_use]
    pub fn agents(&self) -> Vec<(String, String)> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves them, after the last session has ended: what it had is free for others at once.
    pub async fn leave(self) {
        self.task.abort();
        drop(self.task.await);
        let leaving = async {
            for _ in 0..TRIES {
                let Ok((ledger, revision)) = read(&self.store).await else { return };
                if !ledger.agents.contains_key(&self.id) {
                    return;
                }
                match write(&self.store, &ledger.without(&self.id), revision).await {
                    Ok(true) | Err(_) => return,
                    Ok(false) => tokio::time::sleep(shaken(50)).await,
                }
            }
        };
        drop(tokio::time::timeout(LEAVING, leaving).await);
    }
}

/// What tells an agent from others, whenever it is started: a number that its spool keeps, and its name, so that a copy of the spool on another
/// machine is another agent.
pub(crate) fn id(folder: &Path, name: &str) -> io::Result<String> {
    let path = folder.join("agent-id");
    match fs::read_to_string(&path) {
        Ok(number) if !number.trim().is_empty() => Ok(format!("{} {name}", number.trim())),
        Ok(_) => write_id(&path, name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_id(&path, name),
        Err(error) => Err(error),
    }
}

fn write_id(path: &Path, name: &str) -> io::Result<String> {
    let number = format!("{:032x}", fastrand::u128(..));
    fs::write(path, format!("{number}\n"))?;
    Ok(format!("{number} {name}"))
}

struct Turns {
    store: kv::Store,
    delivery: Delivery,
    member: Member,
    /// The slots that are used; never more than the servers have confirmed.
    used: Slots,
    /// When the last beat that the servers took was sent.
    renewed: Option<Millis>,
    begun: Instant,
    agents: Arc<Mutex<Vec<(String, String)>>>,
    said: String,
}

impl Turns {
    async fn run(mut self) {
        loop {
            let pause = match tokio::time::timeout(LIMIT, self.round()).await {
                Ok(Ok(is_done)) => {
                    self.said.clear();
                    if is_done { PAUSE } else { SOON }
                }
                Ok(Err(problem)) => self.failed(problem),
                Err(_) => self.failed(format!("no answer within {} s", LIMIT.as_secs())),
            };
            if self.renewed.is_none_or(|renewed| self.now() - renewed > FENCE) {
                self.use_only(Slots::NONE);
            }
            tokio::time::sleep(pause + shaken(200)).await;
        }
    }

    /// By a clock that only goes forward.
    fn now(&self) -> Millis {
        Millis::try_from(self.begun.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    fn use_only(&mut self, slots: Slots) {
        self.used = slots;
        self.delivery.set_slots(slots);
    }

    fn failed(&mut self, problem: String) -> Duration {
        if self.said != problem {
            eprintln!(
                "freesmtp agent: the shares of the agents cannot be kept, and limited destinations wait: {problem}"
            );
            self.said = problem;
        }
        PAUSE
    }

    /// One round; whether all that is another's was given back.
    async fn round(&mut self) -> Result<bool, String> {
        for _ in 0..TRIES {
            let now = self.now();
            let (ledger, revision) = read(&self.store).await?;
            self.member.look(&ledger, now);
            let mine = ledger.owned(&self.member.id);
            let kept = self.member.kept(&ledger, now);
            // What is read may be old: nothing is used for it that was not before.
            self.use_only(self.used.and(kept));
            let free = self.delivery.free_slots(mine, kept).await;
            let next = self.member.write(&ledger, now, free);
            if write(&self.store, &next, revision).await? {
                self.renewed = Some(now);
                self.use_only(self.member.kept(&next, now));
                let agents = next.agents.iter().map(|(id, entry)| (id.clone(), entry.name.clone()));
                *self.agents.lock().unwrap_or_else(PoisonError::into_inner) = agents.collect();
                return Ok(mine.minus(kept) == free);
            }
            tokio::time::sleep(shaken(50)).await;
        }
        Err("other agents always wrote first".to_owned())
    }
}

/// The ledger, and its revision when there is one.
async fn read(store: &kv::Store) -> Result<(Ledger, Option<u64>), String> {
    match store.entry(KEY).await.map_err(|error| causes(&error))? {
        Some(entry) if entry.operation == Operation::Put => {
            let ledger = serde_json::from_slice(&entry.value)
                .map_err(|error| format!("{} in {} cannot be read: {error}", KEY, store.name))?;
            Ok((ledger, Some(entry.revision)))
        }
        _ => Ok((Ledger::default(), None)),
    }
}

/// Writes it, unless somebody did since; whether it was written.
async fn write(store: &kv::Store, ledger: &Ledger, revision: Option<u64>) -> Result<bool, String> {
    let octets = serde_json::to_vec(ledger).map_err(|error| error.to_string())?;
    let Some(revision) = revision else {
        return match store.create(KEY, octets.into()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(causes(&error)),
        };
    };
    match store.update(KEY, octets.into(), revision).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
        Err(error) => Err(causes(&error)),
    }
}

/// Up to so many milliseconds, so that agents do not write at the same moment.
fn shaken(most: u64) -> Duration {
    Duration::from_millis(fastrand::u64(..=most))
}
