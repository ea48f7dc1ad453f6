//! Events: what becomes of each recipient, told to programs.
//!
//! Purpose: one [`Event`] for each recipient of each attempt, once it is committed, as a line of JSON in a file that others
//! may rotate, and to web servers.
//!
//! Policy: nothing here holds up a delivery. [`Events::emit`] hands over to threads and returns; what they can't take is
//! counted, and told as `{"event":"lost","count":…}` when they can again. The file is written as fast as the disk
//! takes it: up to 65,536 events wait in memory. For each webhook events are kept on disk, up to 256 MB, in
//! `queue/webhook-…` of the spool, until its server has taken them or they have been tried long enough, also over a
//! restart. Who hears of the same event twice sees the same `key`.

mod event;
mod file;
mod journal;
mod lines;
#[cfg(test)]
mod tests;
mod webhook;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use reqwest::{Client, Url};
use sha2::{Digest, Sha256};
use tokio::sync::broadcast;

pub(crate) use event::moment;
pub use event::{Event, EventKind, Subject};
use file::FileSink;
use webhook::{Target, Webhook};

use crate::{
    config::{EventSettings, WebhookSettings},
    delivery::Observer,
    queue::{Done, Ending, Job, Queue},
};

/// Between attempts of a webhook.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// As many names of blasts are remembered.
const NAMES: usize = 1_000;

/// As many events wait for a listener that is slow before it misses some.
const FEED: usize = 4_096;

/// Tells what happens.
#[derive(Debug)]
pub struct Events {
    sinks: Mutex<Sinks>,
    /// Where webhooks keep what waits.
    folder: PathBuf,
    pauses: (Duration, Duration),
    /// Neither file nor web server is told.
    silent: AtomicBool,
    /// Those who listen for a while, by the control socket.
    feed: broadcast::Sender<Arc<Event>>,
    queue: Option<Queue>,
    names: Mutex<HashMap<i64, Option<String>>>,
}

#[derive(Debug, Default)]
struct Sinks {
    file: Option<(PathBuf, FileSink)>,
    webhooks: Vec<Hook>,
}

#[derive(Debug)]
struct Hook {
    /// The folder where it keeps what waits, by which it is the same one after a reload.
    name: String,
    /// None means all.
    kinds: Vec<EventKind>,
    target: Target,
    webhook: Webhook,
}

/// Other settings, checked: they can be used without an error.
pub(crate) struct Change {
    /// `None` where it stays as it is.
    file: Option<Option<(PathBuf, FileSink)>>,
    hooks: Vec<NewHook>,
}

struct NewHook {
    name: String,
    kinds: Vec<EventKind>,
    target: Target,
    client: Client,
    /// One that was not there before.
    started: Option<Webhook>,
}

impl Events {
    /// Begins to tell; `folder` is where webhooks keep what waits. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the field that is not right, `ErrorKind::Spool` when the folder cannot be used.
    pub fn start(settings: &EventSettings, folder: &Path, queue: Option<Queue>) -> Result<Self, Error> {
        Self::start_with(settings, folder, queue, PAUSES)
    }

    pub(crate) fn start_with(
        settings: &EventSettings,
        folder: &Path,
        queue: Option<Queue>,
        pauses: (Duration, Duration),
    ) -> Result<Self, Error> {
        let events = Self {
            sinks: Mutex::default(),
            folder: folder.to_owned(),
            pauses,
            silent: AtomicBool::new(true),
            feed: broadcast::Sender::new(FEED),
            queue,
            names: Mutex::default(),
        };
        events.change(events.prepare(settings)?);
        Ok(events)
    }

    /// Checks other settings, and begins what is new in them. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// As [`Events::start`]; everything is as before then.
    pub(crate) fn prepare(&self, settings: &EventSettings) -> Result<Change, Error> {
        let sinks = self.sinks();
        let mut hooks: Vec<NewHook> = Vec::new();
        for (index, webhook) in settings.webhook.iter().enumerate() {
            let field = format!("events.webhook[{index}]");
            let (target, client) = target(webhook, &field, self.pauses)?;
            let digest: String =
                Sha256::digest(&webhook.url)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let name = format!("webhook-{digest}");
            if hooks.iter().any(|hook| hook.name == name) {
                return Err(Error::input(format!("{field}.url"), "is that of another webhook as well"));
            }
            let started = if sinks.webhooks.iter().any(|hook| hook.name == name) {
                None
            } else {
                let started = Webhook::start(target.clone(), client.clone(), &self.folder.join(&name));
                Some(started.map_err(|error| failed("what a webhook has to tell", &error))?)
            };
            hooks.push(NewHook { name, kinds: webhook.events.clone(), target, client, started });
        }
        let file = match &settings.file {
            same if same.as_ref() == sinks.file.as_ref().map(|(path, _)| path) => None,
            None => Some(None),
            Some(path) => {
                lines::Lines::new(path).append("").map_err(|error| {
                    Error::input("events.file", format!("{} cannot be written to: {error}", path.display()))
                })?;
                let started = FileSink::start(path).map_err(|error| failed("a thread for events", &error))?;
                Some(Some((path.clone(), started)))
            }
        };
        Ok(Change { file, hooks })
    }

    /// Tells by other settings from now on. What the old ones still have to write is written.
    pub(crate) fn change(&self, change: Change) {
        let mut old = Sinks::default();
        {
            let mut sinks = self.sinks();
            if let Some(file) = change.file {
                old.file = std::mem::replace(&mut sinks.file, file);
            }
            let mut before = std::mem::take(&mut sinks.webhooks);
            for NewHook { name, kinds, target, client, started } in change.hooks {
                let known = before.iter().position(|hook| hook.name == name);
                let hook = match (started, known.map(|at| before.swap_remove(at))) {
                    (Some(webhook), _) => Hook { name, kinds, target, webhook },
                    (None, Some(mut hook)) => {
                        if hook.target != target {
                            hook.webhook.retarget(target.clone(), client);
                        }
                        Hook { kinds, target, ..hook }
                    }
                    // It was there when the change was prepared.
                    (None, None) => continue,
                };
                sinks.webhooks.push(hook);
            }
            old.webhooks = before;
            self.silent.store(sinks.file.is_none() && sinks.webhooks.is_empty(), Ordering::Relaxed);
        }
        // The disk may take its time; whoever has an event to tell does not wait for it.
        if old.file.is_some() || !old.webhooks.is_empty() {
            drop(std::thread::spawn(move || old.close()));
        }
    }

    fn sinks(&self) -> MutexGuard<'_, Sinks> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every event from now on. Who is slow is told how many it has missed.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.feed.subscribe()
    }

    fn is_heard(&self) -> bool {
        !self.silent.load(Ordering::Relaxed) || self.feed.receiver_count() > 0
    }

    /// Tells an event to all that want to hear of it. It does not wait.
    pub fn emit(&self, event: &Event) {
        if self.feed.receiver_count() > 0 {
            // The last listener may just have left.
            drop(self.feed.send(Arc::new(event.clone())));
        }
        if self.silent.load(Ordering::Relaxed) {
            return;
        }
        let line = event.line();
        let sinks = self.sinks();
        if let Some((_, file)) = &sinks.file {
            file.emit(&line);
        }
        for Hook { kinds, webhook, .. } in &sinks.webhooks {
            if kinds.is_empty() || kinds.contains(&event.event) {
                webhook.emit(&line);
            }
        }
    }

    /// Brings to disk what waits. Blocks for as long as the disk takes.
    pub fn close(&self) {
        let sinks = std::mem::take(&mut *self.sinks());
        sinks.close();
    }

    /// The name of a blast.
    fn name(&self, blast: i64) -> Option<String> {
        if blast == 0 {
            return None;
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get(&blast) {
            return name.clone();
        }
        let name = self.queue.as_ref().and_then(|queue| queue.blast_name(blast).ok().flatten());
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(blast, name.clone());
        name
    }
}

impl Sinks {
    fn close(self) {
        if let Some((_, mut file)) = self.file {
            file.close();
        }
        for mut hook in self.webhooks {
            hook.webhook.close();
        }
    }
}

impl Observer for Events {
    fn attempted(&self, job: &Job, done: &Done) {
        if !self.is_heard() {
            return;
        }
        let blast = self.name(job.blast);
        Event::of_attempt(job, done, blast.as_deref()).for_each(|event| self.emit(&event));
    }

    fn ended(&self, ending: &Ending) {
        if !self.is_heard() {
            return;
        }
        let subject = Subject {
            id: ending.id,
            message_id: &ending.message_id,
            sender: &ending.sender,
            blast: self.name(ending.blast),
            attempts: ending.attempts,
        };
        for target in &ending.targets {
            let kind = ending.outcome.into();
            self.emit(&Event::new(&subject, kind, target.index, &target.email, &ending.words, ending.at));
        }
    }
}

/// Checks the settings of a webhook and reads its files.
fn target(
    settings: &WebhookSettings,
    field: &str,
    pauses: (Duration, Duration),
) -> Result<(Target, Client), Error> {
    let refuse = |name: &str, why: String| Error::input(format!("{field}.{name}"), why);
    let url = Url::parse(&settings.url)
        .map_err(|error| refuse("url", format!("is no address: {error}; write https://example.com/hook")))?;
    let here = url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        return Err(refuse("url", "is not https; addresses of people go over it".to_owned()));
    }
    let path = settings.secret_file.as_ref().ok_or_else(|| {
        refuse("secret_file", "is not set; name a file whose first line both sides know".to_owned())
    })?;
    let unreadable = |path: &Path, error: &io::Error| format!("{} cannot be read: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| refuse("secret_file", unreadable(path, &error)))?;
    let first = text.lines().next().unwrap_or_default().trim();
    if first.is_empty() {
        return Err(refuse("secret_file", format!("{} is empty", path.display())));
    }
    let authorities = match &settings.ca_file {
        None => Vec::new(),
        Some(path) => fs::read(path).map_err(|error| refuse("ca_file", unreadable(path, &error)))?,
    };
    if settings.batch == 0 {
        return Err(refuse("batch", "is zero; give 1 or more".to_owned()));
    }
    let target = Target {
        url: settings.url.clone(),
        secret: webhook::secret(first),
        authorities,
        batch: settings.batch,
        timeout: settings.timeout.0,
        pauses,
        lifetime: settings.lifetime.0,
    };
    let client = target.client().map_err(|error| match &settings.ca_file {
        Some(path) => refuse("ca_file", format!("{} holds no certificates in PEM: {error}", path.display())),
        None => refuse("url", format!("cannot be spoken to: {error}")),
    })?;
    Ok((target, client))
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error::io(ErrorKind::Spool, Stage::Compose, what, error)
}
