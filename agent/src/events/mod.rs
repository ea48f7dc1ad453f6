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
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use freesmtp_core::{Error, ErrorKind, Stage};
use reqwest::{Certificate, Url};
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
    /// Neither file nor web server is told.
    silent: bool,
    /// Those who listen for a while, by the control socket.
    feed: broadcast::Sender<Arc<Event>>,
    queue: Option<Queue>,
    names: Mutex<HashMap<i64, Option<String>>>,
}

#[derive(Debug, Default)]
struct Sinks {
    file: Option<FileSink>,
    webhooks: Vec<(Vec<EventKind>, Webhook)>,
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
        let mut sinks = Sinks::default();
        for (index, webhook) in settings.webhook.iter().enumerate() {
            let target = target(webhook, &format!("events.webhook[{index}]"), pauses)?;
            let name: String =
                Sha256::digest(&webhook.url)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let started = Webhook::start(target, &folder.join(format!("webhook-{name}")));
            let started = started.map_err(|error| failed("what a webhook has to tell", &error))?;
            sinks.webhooks.push((webhook.events.clone(), started));
        }
        if let Some(path) = &settings.file {
            lines::Lines::new(path).append("").map_err(|error| {
                Error::input("events.file", format!("{} cannot be written to: {error}", path.display()))
            })?;
            sinks.file = Some(FileSink::start(path).map_err(|error| failed("a thread for events", &error))?);
        }
        let silent = sinks.file.is_none() && sinks.webhooks.is_empty();
        let feed = broadcast::Sender::new(FEED);
        Ok(Self { sinks: Mutex::new(sinks), silent, feed, queue, names: Mutex::default() })
    }

    /// Every event from now on. Who is slow is told how many it has missed.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.feed.subscribe()
    }

    fn is_heard(&self) -> bool {
        !self.silent || self.feed.receiver_count() > 0
    }

    /// Tells an event to all that want to hear of it. It does not wait.
    pub fn emit(&self, event: &Event) {
        if self.feed.receiver_count() > 0 {
            // The last listener may just have left.
            drop(self.feed.send(Arc::new(event.clone())));
        }
        if self.silent {
            return;
        }
        let line = event.line();
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &sinks.file {
            file.emit(&line);
        }
        for (kinds, webhook) in &sinks.webhooks {
            if kinds.is_empty() || kinds.contains(&event.event) {
                webhook.emit(&line);
            }
        }
    }

    /// Brings to disk what waits. Blocks for as long as the disk takes.
    pub fn close(&self) {
        let sinks = std::mem::take(&mut *self.sinks.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(mut file) = sinks.file {
            file.close();
        }
        for (_, mut webhook) in sinks.webhooks {
            webhook.close();
        }
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
fn target(settings: &WebhookSettings, field: &str, pauses: (Duration, Duration)) -> Result<Target, Error> {
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
        Some(path) => {
            let pem = fs::read(path).map_err(|error| refuse("ca_file", unreadable(path, &error)))?;
            Certificate::from_pem_bundle(&pem).map_err(|error| {
                refuse("ca_file", format!("{} holds no certificates in PEM: {error}", path.display()))
            })?
        }
    };
    if settings.batch == 0 {
        return Err(refuse("batch", "is zero; give 1 or more".to_owned()));
    }
    Ok(Target {
        url: settings.url.clone(),
        secret: webhook::secret(first),
        authorities,
        batch: settings.batch,
        timeout: settings.timeout.0,
        pauses,
        lifetime: settings.lifetime.0,
    })
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error::io(ErrorKind::Spool, Stage::Compose, what, error)
}
