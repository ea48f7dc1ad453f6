//! The agent as a whole: one per spool, from its lock to its last commit.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use freesmtp_core::{Error, ErrorKind, Stage, spool::Spool};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::{Notify, watch};

use crate::{
    clock,
    cluster::{Cluster, Members},
    config::{AgentSettings, ClusterSettings},
    control::{Context, Control, Memory, Socket},
    delivery::{Clock, Delivery, Letters, Observer},
    entrances::{Entrances, Running},
    events::Events,
    intake::{Intake, Rounds, Site},
    queue::{Millis, Queue, Words},
    reports::Reports,
    reserve::Reserve,
    routes::Routes,
};

/// How long sessions may take to end, within the ten seconds that a stop may take.
const ENDING: Duration = Duration::from_secs(6);

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(250);

/// After so many ticks without a session there is time for the size of files.
const IDLE: u64 = 20;

/// A difference between the clocks that is a jump.
const JUMP: Millis = 5_000;

/// How long an agent runs, or after a jump of the clock, before it gives old messages up: each has an attempt first.
const GRACE: Millis = 10 * 60_000;

/// How long a key is remembered.
const KEY_LIFETIME: Millis = 7 * 86_400_000;

/// An agent of a spool.
pub struct Agent {
    path: PathBuf,
    spool: Spool,
    queue: Queue,
    delivery: Delivery,
    reports: Reports,
    events: Arc<Events>,
    entrances: Entrances,
    fixed: Fixed,
    memory: Arc<Memory>,
    socket: Socket,
    clock: Clock,
    reload: Arc<Notify>,
    stop: Arc<Notify>,
    /// Held as long as the agent lives.
    _lock: File,
}

/// What other parts of the agent work with; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    /// The queue.
    pub queue: Queue,
    /// The spool, to submit to.
    pub spool: Spool,
    /// Delivery: counters, sessions.
    pub delivery: Delivery,
    /// What the agent calls itself.
    pub name: String,
    stop: Arc<Notify>,
}

impl Handle {
    /// Ends the agent, as SIGTERM does.
    pub fn stop(&self) {
        self.stop.notify_one();
    }
}

impl Agent {
    /// Opens spool and queue, and takes the spool's lock.
    ///
    /// # Errors
    /// When another agent has the spool, the folders are not right, or the settings are not.
    pub fn open(settings: AgentSettings, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        Self::open_at(settings, observer, Arc::new(clock::now))
    }

    /// The same by a clock of one's own, for tests.
    ///
    /// # Errors
    /// As [`Agent::open`].
    pub fn open_at(
        settings: AgentSettings,
        observer: Arc<dyn Observer>,
        clock: Clock,
    ) -> Result<Self, Error> {
        settings.check()?;
        allow_files(&settings);
        let path = settings.spool.clone().unwrap_or_else(Spool::default_path);
        let routes = Routes::new(&settings)?;
        let spool = Spool::open(&path)?;
        let folder = path.join("queue");
        crate::os::create_private_folder(&folder).map_err(|error| failed("the folder queue", &error))?;
        let lock = take_lock(&folder, &path)?;
        let reserve = Reserve::new(&folder);
        // A disk that is full is full all the more without it; what that means is found out below.
        drop(reserve.tend());
        let now = Arc::clone(&clock);
        let name = if settings.name.is_empty() { crate::os::host_name() } else { settings.name.clone() };
        let queue = match settings.cluster.is_on() {
            true => {
                Queue::join(&folder, &path, connected(&settings, &name)?, settings.sessions, move || now())?
            }
            false => Queue::open_at(&folder, move || now())?,
        };
        let entrances = Entrances::open(&settings, &name, &folder)?;
        let fixed = Fixed {
            spool: path.clone(),
            name: name.clone(),
            given_name: settings.name.clone(),
            memory: settings.memory,
            cluster: settings.cluster.clone(),
        };
        let letters = Letters::new(queue.letters(&path), &name);
        let events = Arc::new(Events::start(&settings.events, &folder, Some(queue.clone()))?);
        let memory = Arc::new(Memory::default());
        let observer = Arc::new((observer, Arc::new((Arc::clone(&memory), Arc::clone(&events)))));
        let delivery =
            Delivery::new(&settings, routes, queue.clone(), letters, observer, Arc::clone(&clock))?;
        let reports = Reports::new(queue.clone(), spool.for_agent(), delivery.clone(), &name);
        let (reload, stop) = (Arc::default(), Arc::default());
        Ok(Self {
            socket: Socket::bind(&path)?,
            path,
            spool,
            queue,
            delivery,
            reports,
            events,
            entrances,
            fixed,
            memory,
            clock,
            reload,
            stop,
            _lock: lock,
        })
    }

    /// What other parts work with.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            queue: self.queue.clone(),
            spool: self.spool.clone(),
            delivery: self.delivery.clone(),
            name: self.fixed.name.clone(),
            stop: Arc::clone(&self.stop),
        }
    }

    /// Rings to read the settings again, with [`Agent::run`]'s `read`.
    #[must_use]
    pub fn reloader(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }

    /// What answers and obeys works with this; and what tells it of the agent's end.
    pub(crate) fn context(&self, rounds: &Arc<Rounds>) -> (Context, watch::Sender<bool>) {
        let (events, memory) = (Arc::clone(&self.events), Arc::clone(&self.memory));
        Context::new(self.handle(), events, memory, Arc::clone(rounds))
    }

    /// Delivers until it is told to stop: by [`Handle::stop`]. `read` reads the settings anew, for a reload.
    ///
    /// # Errors
    /// When the queue cannot be read at the beginning.
    pub async fn run(
        self,
        read: impl Fn() -> Result<AgentSettings, Error> + Send + Sync,
    ) -> Result<(), Error> {
        self.delivery.begin()?;
        let site = {
            let delivery = self.delivery.clone();
            let site: Site = Arc::new(move |email: &str| delivery.site(email));
            site
        };
        let begins = Arc::clone(&site);
        let rounds = Arc::new(Rounds::default());
        let (context, end) = self.context(&rounds);
        context.set_monitor(self.entrances.monitor());
        let control = Control::open(&self.socket, context.clone(), end)?;
        let intake = Intake::new(self.spool.for_agent(), self.queue.clone(), site, rounds);
        let stopper = intake.stopper();
        let runtime = tokio::runtime::Handle::current();
        let intake = std::thread::Builder::new()
            .name("intake".to_owned())
            .spawn(move || intake.run(&runtime))
            .map_err(|error| failed("the thread of the intake", &error))?;
        self.reports.owed(&self.queue.owed()?);
        self.reports.owed(&self.delivery.drive());
        let members = match self.queue.cluster() {
            Some(cluster) => {
                let (delivery, name) = (self.delivery.clone(), self.fixed.name.clone());
                let joined = Members::start(cluster, delivery, &self.path.join("queue"), name);
                Some(joined.map_err(|error| failed("the name of this agent among others", &error))?)
            }
            None => None,
        };
        self.queue.begin(&begins);
        let others = members
            .is_some()
            .then(|| tokio::spawn(serve_or_leave(self.queue.clone(), self.delivery.clone())));
        let keeper = tokio::spawn(Keeper::new(&self).run());
        let mut entrances = self.entrances.start(&context)?;
        loop {
            let wait = self.delivery.wakes_at().map_or(60_000, |at| (at - (self.clock)()).clamp(1, 60_000));
            let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(1));
            tokio::select! {
                () = self.stop.notified() => break,
                () = self.reload.notified() => {
                    let reloaded = read().and_then(|settings| {
                        reload(&settings, &self.fixed, &self.delivery, &self.events, &mut entrances)
                    });
                    match reloaded {
                        Ok(fixed) if fixed.is_empty() => {
                            eprintln!("freesmtp agent: the settings were read again");
                        }
                        Ok(fixed) => eprintln!(
                            "freesmtp agent: the settings were read again; these count after a restart: {}",
                            fixed.join(", ")
                        ),
                        Err(error) => eprintln!("freesmtp agent: the settings stay as they were: {error}"),
                    }
                }
                () = self.queue.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
            self.reports.owed(&self.delivery.drive());
        }
        control.close();
        stopper.store(true, Ordering::Relaxed);
        keeper.abort();
        if let Some(others) = others {
            others.abort();
        }
        let mut taken_in = tokio::task::spawn_blocking(move || intake.join());
        let publishing = async {
            if tokio::time::timeout(ENDING, &mut taken_in).await.is_err() {
                self.queue.publish_no_more();
                drop(taken_in.await);
            }
        };
        tokio::join!(entrances.close(ENDING), self.delivery.close(ENDING), publishing);
        self.queue.leave().await;
        if let Some(members) = members {
            members.leave().await;
        }
        self.queue.close().await;
        let events = self.events;
        drop(tokio::task::spawn_blocking(move || events.close()).await);
        Ok(())
    }
}

/// The connection to the servers of a queue that is shared. What is down is waited for, and said once; what somebody has to
/// change is an error.
fn connected(settings: &AgentSettings, name: &str) -> Result<Cluster, Error> {
    let mut said = false;
    loop {
        let connecting = Cluster::connect(&settings.cluster, name);
        match tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(connecting)) {
            Err(error) if error.is_temporary() => {
                if !said {
                    eprintln!("freesmtp agent: the spool waits for the servers of the shared queue: {error}");
                }
                said = true;
                std::thread::sleep(Duration::from_secs(1));
            }
            other => return other,
        }
    }
}

/// Leaves to other agents what is for destinations whose sessions are all theirs, for ever.
async fn serve_or_leave(queue: Queue, delivery: Delivery) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(error) = queue.leave_to_others(&delivery.unserved()).await {
            eprintln!("freesmtp agent: {error}");
        }
    }
}

/// Files that are open besides sessions and connections: segments, the database, what is looked up.
const OTHER_FILES: u64 = 512;

/// Has this process open as many files as it can come to need, or says that it may not.
fn allow_files(settings: &AgentSettings) {
    // Sessions that take long do not count, up to as many again.
    let connections = 2 * settings.sessions + settings.smtp.connections + settings.http.connections;
    let need = OTHER_FILES + connections as u64;
    if let Some(most) = crate::os::raise_file_limit(need) {
        eprintln!(
            "freesmtp agent: {need} files may have to be open for sessions = {}, and this process may open {most}: raise \
             LimitNOFILE of the unit, or ulimit -n, or lower sessions",
            settings.sessions
        );
    }
}

/// What cannot change while the agent runs.
struct Fixed {
    spool: PathBuf,
    name: String,
    given_name: String,
    memory: u64,
    cluster: ClusterSettings,
}

impl Fixed {
    /// Those of them that other settings have another value for.
    fn differing(&self, settings: &AgentSettings) -> Vec<&'static str> {
        let spool = settings.spool.clone().unwrap_or_else(Spool::default_path);
        let all = [
            ("spool", self.spool != spool),
            ("name", self.given_name != settings.name),
            ("memory", self.memory != settings.memory),
            ("cluster", self.cluster != settings.cluster),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}

/// Goes by other settings from now on; all of them, or none when one is not right. Gives those that count after a restart.
fn reload(
    settings: &AgentSettings,
    fixed: &Fixed,
    delivery: &Delivery,
    events: &Events,
    entrances: &mut Running,
) -> Result<Vec<&'static str>, Error> {
    let differing = fixed.differing(settings);
    let settings = AgentSettings { name: fixed.given_name.clone(), ..settings.clone() };
    let routes = Routes::new(&settings)?;
    let doors = entrances.prepare(&settings, &fixed.name)?;
    let told = events.prepare(&settings.events)?;
    delivery.reload(&settings, routes)?;
    allow_files(&settings);
    entrances.change(doors)?;
    events.change(told);
    Ok(differing)
}

/// Takes the lock of a spool, as long as the file is open.
fn take_lock(folder: &Path, spool: &Path) -> Result<File, Error> {
    let path = folder.join("agent.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| failed("the lock of the spool", &error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error == rustix::io::Errno::WOULDBLOCK {
            let text = format!("another agent runs for the spool {}; there is one for each", spool.display());
            Error::new(ErrorKind::Spool, Stage::Compose, text).with_field("spool")
        } else {
            failed("the lock of the spool", &error.into())
        }
    })?;
    Ok(file)
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::io(ErrorKind::Spool, Stage::Compose, what, error)
}

/// What is to be done as time passes.
struct Keeper {
    queue: Queue,
    delivery: Delivery,
    reports: Reports,
    reserve: Reserve,
    clock: Clock,
    path: PathBuf,
    /// The clock, and the time since the start that it had then.
    last: (Millis, Instant),
    /// Old messages are given up from then on.
    patient_until: Millis,
    /// Ticks in a row without a session.
    idle: u64,
}

impl Keeper {
    fn new(agent: &Agent) -> Self {
        let now = (agent.clock)();
        Self {
            queue: agent.queue.clone(),
            delivery: agent.delivery.clone(),
            reports: agent.reports.clone(),
            reserve: Reserve::new(&agent.path.join("queue")),
            clock: Arc::clone(&agent.clock),
            path: agent.path.clone(),
            last: (now, Instant::now()),
            patient_until: now + GRACE,
            idle: 0,
        }
    }

    async fn run(mut self) {
        for tick in 0_u64.. {
            tokio::time::sleep(TICK).await;
            let now = (self.clock)();
            if let Err(error) = self.tick(tick, now).await {
                eprintln!("freesmtp agent: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn tick(&mut self, tick: u64, now: Millis) -> Result<(), Error> {
        // First, and whatever else fails: on a full disk this is what makes room.
        let made_room = self.make_room(tick).await;
        self.watch_clock(now).await?;
        if self.queue.next_due()?.is_some_and(|due| due <= now) {
            self.queue.promote(now).await?;
        }
        if tick.is_multiple_of(4) {
            self.delivery.tidy();
            self.expire(now).await?;
        }
        if tick.is_multiple_of(40) {
            let warn_after = self.delivery.retry().warn_after();
            self.reports.late(&self.queue.late(now - warn_after).await?);
        }
        self.idle = if self.delivery.active() == 0 { self.idle + 1 } else { 0 };
        if self.idle >= IDLE {
            self.queue.compact().await?;
        }
        if tick % 240 == 239 {
            self.delivery.recount()?;
            self.queue.prune(now - KEY_LIFETIME).await?;
            self.queue.sweep_cancelled().await?;
        }
        made_room
    }

    /// Looks after the room that is kept, and removes what nobody needs any more.
    async fn make_room(&self, tick: u64) -> Result<(), Error> {
        if tick.is_multiple_of(4) {
            // What cannot be made now is made later.
            drop(self.reserve.tend());
        }
        if tick.is_multiple_of(8) && self.queue.remove_waste(&self.path).await? > 0 {
            self.delivery.letters().close();
        }
        Ok(())
    }

    /// A clock that was set back must not keep messages waiting, and one that was set forward must not end them all.
    async fn watch_clock(&mut self, now: Millis) -> Result<(), Error> {
        let (then, at) = self.last;
        let passed = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let jump = now - (then + passed);
        self.last = (now, Instant::now());
        if jump < -JUMP {
            eprintln!("freesmtp agent: the clock went back by {} s", -jump / 1_000);
            self.queue.clock_went_back(-jump).await?;
            self.delivery.clock_went_back(-jump);
        } else if jump > JUMP {
            eprintln!("freesmtp agent: the clock went forward by {} s", jump / 1_000);
            self.patient_until = now + GRACE;
        }
        Ok(())
    }

    async fn expire(&self, now: Millis) -> Result<(), Error> {
        let lifetime = self.delivery.retry().lifetime();
        let oldest = if now >= self.patient_until { now - lifetime } else { 0 };
        let reason = Words {
            status: "4.4.7".to_owned(),
            text: "its time was over before a server took it".to_owned(),
            ..Words::default()
        };
        Ok(self.queue.expire(now, oldest, reason).await?)
    }
}
