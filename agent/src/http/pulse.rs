//! What goes on, once a second, for everyone who watches.
//!
//! Purpose: one task looks, whoever and however many watch; each of them gets the same text. A watcher that does not read
//! costs a place and what fits into its socket: what it misses is not kept for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::{
        Notify, OwnedSemaphorePermit, Semaphore,
        broadcast::{self, error::RecvError},
    },
    time::{Instant, MissedTickBehavior},
};
use utoipa::ToSchema;

use crate::{
    control::{
        Context, Refusal,
        answer::{BlastAnswer, Blasts, Destinations},
        questions, since_start,
    },
    events::{Event, EventKind, Events, moment},
};

/// Points that are kept: ten minutes.
const POINTS: usize = 600;

/// Frames that wait for a watcher who is slow, before it misses some.
const FRAMES: usize = 128;

/// Watchers at the same time, at most.
const WATCHERS: usize = 64;

/// Blasts of a frame, and those that a watcher is told of at first.
const BLASTS: usize = 200;
const NEWEST: u32 = 20;

/// Destinations of a frame, and how often there is one, in seconds.
const SITES: u32 = 20;
const SITES_EVERY: u64 = 3;

/// Deliveries that are told in a second, at most.
const DELIVERIES: u32 = 20;

/// How often the queue is looked through when nobody asks, in seconds.
const SURVEY_EVERY: u64 = 60;

/// The last ten minutes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// 1.
    interval_seconds: u32,
    /// Oldest first.
    points: Vec<Point>,
}

/// A second.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Point {
    /// Its end.
    at: String,
    /// Recipients delivered in it.
    delivered: u64,
    /// Recipients put off in it.
    deferred: u64,
    /// Recipients that failed in it.
    failed: u64,
    /// Sessions that were open at its end.
    sessions: usize,
    /// Messages of the queue at its end.
    queue: i64,
}

/// Something that happened, as a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// What it is about.
    pub(super) name: &'static str,
    /// One line of JSON.
    pub(super) data: String,
}

impl Frame {
    fn new(name: &'static str, data: &impl Serialize) -> Arc<Self> {
        // A type of this crate is JSON always.
        Arc::new(Self { name, data: serde_json::to_string(data).unwrap_or_default() })
    }
}

/// Looks, and tells.
#[derive(Debug)]
pub(crate) struct Pulse {
    points: Mutex<VecDeque<Point>>,
    frames: broadcast::Sender<Arc<Frame>>,
    places: Arc<Semaphore>,
    events: Arc<Events>,
    /// What happens from the moment on at which the last watcher came, and that one came.
    feed: Mutex<Option<broadcast::Receiver<Arc<Event>>>>,
    came: Notify,
}

/// A watcher: what it is told from now on, and its place.
pub(super) struct Watcher {
    pub(super) frames: broadcast::Receiver<Arc<Frame>>,
    _place: OwnedSemaphorePermit,
}

impl Pulse {
    /// Begins to look, until the agent ends.
    pub(crate) fn start(context: &Context) -> Arc<Self> {
        let pulse = Arc::new(Self {
            points: Mutex::default(),
            frames: broadcast::Sender::new(FRAMES),
            places: Arc::new(Semaphore::new(WATCHERS)),
            events: Arc::clone(&context.events),
            feed: Mutex::default(),
            came: Notify::new(),
        });
        let (beat, beating) = (Arc::clone(&pulse), context.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = beat.beat(&beating) => {}
                () = beating.ends() => {}
            }
        });
        let (told, telling) = (Arc::clone(&pulse), context.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = told.deliveries() => {}
                () = telling.ends() => {}
            }
        });
        pulse
    }

    /// The last ten minutes.
    pub(super) fn history(&self) -> History {
        let points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        History { interval_seconds: 1, points: points.iter().cloned().collect() }
    }

    /// A place to watch from; `None` when all are taken.
    pub(super) fn watch(&self) -> Option<Watcher> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let frames = self.frames.subscribe();
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.events.listen());
        self.came.notify_one();
        Some(Watcher { frames, _place: place })
    }

    /// Watchers, and the most there may be.
    pub(super) fn watchers(&self) -> (usize, usize) {
        (WATCHERS - self.places.available_permits(), WATCHERS)
    }

    async fn beat(&self, context: &Context) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = totals(context);
        let mut told = Told::default();
        for tick in 0_u64.. {
            ticks.tick().await;
            if tick.is_multiple_of(SURVEY_EVERY) {
                context.surveys.begin(context);
            }
            let now = totals(context);
            if tick > 0 {
                let point = point(context, before, now);
                self.tell(|| Frame::new("point", &point));
                self.keep(point);
            }
            before = now;
            if self.frames.receiver_count() == 0 {
                // Whoever comes is told everything at first.
                told = Told::default();
                let _ = context.handle.queue.changed_blasts([]);
                continue;
            }
            // A failure of the database is the next tick's business; the page sees that nothing comes.
            if let Ok(status) = questions::status(context).await {
                self.tell(|| Frame::new("status", &status));
            }
            if let Ok(blasts) = told.blasts(context).await
                && !blasts.blasts.is_empty()
            {
                self.tell(|| Frame::new("blasts", &blasts));
            }
            if tick.is_multiple_of(SITES_EVERY)
                && let Ok(destinations) = questions::destinations(context, SITES).await
                && told.are_new(&destinations)
            {
                self.tell(|| Frame::new("destinations", &destinations));
            }
        }
    }

    fn tell(&self, frame: impl FnOnce() -> Arc<Frame>) {
        if self.frames.receiver_count() > 0 {
            // The last watcher may just have left.
            drop(self.frames.send(frame()));
        }
    }

    fn keep(&self, point: Point) {
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        if points.len() >= POINTS {
            points.pop_front();
        }
        points.push_back(point);
    }

    /// Tells of deliveries that did not go well, while anybody watches: else nobody is to be told, and that costs nothing.
    async fn deliveries(&self) {
        loop {
            self.came.notified().await;
            let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(mut feed) = feed else { continue };
            let (mut second, mut told) = (Instant::now(), 0);
            while self.frames.receiver_count() > 0 {
                let event = match tokio::time::timeout(Duration::from_secs(1), feed.recv()).await {
                    Ok(Ok(event)) => event,
                    Err(_) | Ok(Err(RecvError::Lagged(_))) => continue,
                    Ok(Err(RecvError::Closed)) => return,
                };
                if second.elapsed() >= Duration::from_secs(1) {
                    (second, told) = (Instant::now(), 0);
                }
                let matters =
                    matches!(event.event, EventKind::Deferred | EventKind::Bounced | EventKind::Expired);
                if matters && told < DELIVERIES {
                    told += 1;
                    self.tell(|| Frame::new("delivery", &*event));
                }
            }
        }
    }
}

/// What a watcher is told at first.
pub(super) async fn first(context: &Context) -> Result<Vec<Arc<Frame>>, Refusal> {
    let status = questions::status(context).await?;
    let blasts = questions::blasts(context, NEWEST).await?;
    let destinations = questions::destinations(context, SITES).await?;
    Ok(vec![
        Frame::new("status", &status),
        Frame::new("blasts", &blasts),
        Frame::new("destinations", &destinations),
    ])
}

/// What was told last, so that it is told again only when it changes.
#[derive(Default)]
struct Told {
    /// Blasts under way: their rates change without them.
    blasts: HashMap<i64, BlastAnswer>,
    destinations: Option<Destinations>,
}

impl Told {
    /// Whether that is not what was told last; that it was looked again says nothing.
    fn are_new(&mut self, destinations: &Destinations) -> bool {
        let now = Destinations { at: String::new(), ..destinations.clone() };
        let are_new = self.destinations.as_ref() != Some(&now);
        self.destinations = Some(now);
        are_new
    }

    /// The blasts that changed.
    async fn blasts(&mut self, context: &Context) -> Result<Blasts, Refusal> {
        let moving: Vec<i64> = self.blasts.keys().copied().collect();
        let found = questions::blocking(context, move |context| {
            let found = context.handle.queue.changed_blasts(moving)?;
            Ok(found.iter().map(|blast| (blast.id, context.blast(blast))).collect::<Vec<_>>())
        });
        let mut changed = Vec::new();
        for (id, blast) in found.await? {
            let before = self.blasts.remove(&id);
            let is_new = before.as_ref() != Some(&blast);
            if blast.rate > 0.0 || (is_new && changed.len() >= BLASTS) {
                // One that does not fit now is told in the next second.
                let kept = if changed.len() >= BLASTS { before } else { Some(blast.clone()) };
                self.blasts.extend(kept.map(|kept| (id, kept)));
            }
            if is_new && changed.len() < BLASTS {
                changed.push(blast);
            }
        }
        Ok(Blasts { blasts: changed })
    }
}

/// Recipients delivered, deferred and failed since the start, by all agents that share the queue.
fn totals(context: &Context) -> [u64; 3] {
    let (own, others) = (since_start(context).three(), context.others.moved());
    std::array::from_fn(|at| own[at] + others[at])
}

fn point(context: &Context, before: [u64; 3], now: [u64; 3]) -> Point {
    let [delivered, deferred, failed] = std::array::from_fn(|at| now[at].saturating_sub(before[at]));
    Point {
        at: moment(context.now()),
        delivered,
        deferred,
        failed,
        sessions: context.handle.delivery.active() + context.others.open(),
        queue: context.handle.queue.counts().messages,
    }
}
