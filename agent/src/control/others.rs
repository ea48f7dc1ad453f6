//! The other agents of a shared queue, and what they do.
//!
//! Purpose: whichever agent is asked tells of all. Each agent tells the others once a second what it does: sessions, rates,
//! what attempts came to, why recipients failed. What is said last counts; nobody is waited for when somebody asks.
//!
//! Policy: an agent that is silent for five seconds is missing, and said to be; what its attempts came to stays in the sums.
//! After ten minutes it is forgotten, and one that ends says so.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{
    Context,
    answer::{OtherAgent, Sessions, SinceStart},
    failures::Failed,
};
use crate::{
    cluster::{Cluster, agent_id},
    queue::Millis,
};

/// Where agents tell.
const SUBJECT: &str = "freesmtp.figures";

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Who was heard of within that answers.
const SILENT: Duration = Duration::from_secs(5);

/// Who was not heard of within that is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// Causes, and blasts, that are told of: the most frequent, the fastest.
const MOST: usize = 50;

/// What an agent says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Figures {
    /// What tells it from others.
    agent: String,
    /// The name of its machine.
    name: String,
    /// When it was started: what it counts begins then.
    started: Millis,
    sessions: Sessions,
    rate: f64,
    /// The rate of each blast that moves.
    blasts: BTreeMap<String, f64>,
    since_start: SinceStart,
    failed: Vec<Failed>,
    /// It ends now.
    ends: bool,
}

#[derive(Debug)]
struct Heard {
    figures: Figures,
    at: Instant,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Others(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    agents: BTreeMap<String, Heard>,
    /// What attempts of others came to since this agent was started: delivered, deferred, failed.
    moved: [u64; 3],
}

impl Others {
    /// Begins to tell and to listen, where the queue is shared, until the agent ends.
    ///
    /// # Errors
    /// What tells this agent from others can be neither read nor written.
    pub(super) fn start(context: &Context) -> io::Result<()> {
        if context.handle.queue.cluster().is_none() {
            return Ok(());
        }
        // Once, before anybody runs beside: who finds none makes one.
        let own = agent_id(&context.spool.join("queue"), &context.handle.name)?;
        for listens in [true, false] {
            let (context, own) = (context.clone(), own.clone());
            tokio::spawn(async move {
                let Some(cluster) = context.handle.queue.cluster() else { return };
                if listens {
                    tokio::select! {
                        () = listen(cluster, &context, &own) => {}
                        () = context.ends() => {}
                    }
                } else {
                    tell(cluster, &context, &own).await;
                }
            });
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, figures: Figures, at: Instant) {
        let mut known = self.known();
        let all = &mut *known;
        all.agents.retain(|_, heard| at.saturating_duration_since(heard.at) < FORGOTTEN);
        let now = figures.since_start.three();
        let before = match all.agents.get(&figures.agent) {
            Some(heard) if heard.figures.started == figures.started => heard.figures.since_start.three(),
            Some(_) => [0; 3],
            // What it did before this agent heard of it is no news.
            None => now,
        };
        for ((moved, now), before) in all.moved.iter_mut().zip(now).zip(before) {
            *moved += now.saturating_sub(before);
        }
        if figures.ends {
            all.agents.remove(&figures.agent);
        } else {
            all.agents.insert(figures.agent.clone(), Heard { figures, at });
        }
    }

    /// What attempts of others came to while this agent ran: delivered, deferred, failed.
    pub(crate) fn moved(&self) -> [u64; 3] {
        self.known().moved
    }

    /// Sessions of those that answer.
    pub(crate) fn open(&self) -> usize {
        self.agents().iter().map(|agent| agent.sessions.open).sum()
    }

    /// Each of them.
    pub(super) fn agents(&self) -> Vec<OtherAgent> {
        let now = Instant::now();
        let known = self.known();
        let agent = |heard: &Heard| {
            let silent = now.saturating_duration_since(heard.at);
            let answers = silent < SILENT;
            let Figures { name, sessions, rate, .. } = &heard.figures;
            OtherAgent {
                name: name.clone(),
                answers,
                heard_seconds_ago: silent.as_secs(),
                sessions: if answers { *sessions } else { Sessions::default() },
                rate: if answers { *rate } else { 0.0 },
            }
        };
        known.agents.values().map(agent).collect()
    }

    /// What attempts of all of them came to since each was started.
    pub(super) fn since_start(&self) -> SinceStart {
        let known = self.known();
        known.agents.values().fold(SinceStart::default(), |sum, heard| sum.and(heard.figures.since_start))
    }

    /// Why recipients failed, of each.
    pub(super) fn failed(&self) -> Vec<Vec<Failed>> {
        self.known().agents.values().map(|heard| heard.figures.failed.clone()).collect()
    }

    /// How fast they deliver a blast.
    pub(super) fn rate(&self, blast: &str) -> f64 {
        let known = self.known();
        let answering = known.agents.values().filter(|heard| heard.at.elapsed() < SILENT);
        answering.filter_map(|heard| heard.figures.blasts.get(blast)).sum()
    }
}

async fn listen(cluster: &Cluster, context: &Context, own: &str) {
    loop {
        if let Ok(mut told) = cluster.client.subscribe(SUBJECT).await {
            while let Some(message) = told.next().await {
                match serde_json::from_slice::<Figures>(&message.payload) {
                    Ok(figures) if figures.agent != own => context.others.hear(figures, Instant::now()),
                    // An agent of another version may say what this one does not understand.
                    _ => {}
                }
            }
        }
        sleep(EVERY).await;
    }
}

async fn tell(cluster: &Cluster, context: &Context, own: &str) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let say = async |ends: bool| {
        let figures = Figures { agent: own.to_owned(), ends, ..figures(context) };
        if let Ok(text) = serde_json::to_vec(&figures) {
            // Who does not hear it now hears the next.
            drop(cluster.client.publish(SUBJECT, text.into()).await);
        }
    };
    loop {
        tokio::select! {
            _ = ticks.tick() => say(false).await,
            () = context.ends() => break,
        }
    }
    say(true).await;
}

fn figures(context: &Context) -> Figures {
    let (now, delivery) = (context.now(), &context.handle.delivery);
    let mut blasts = context.memory.rates.moving(now);
    blasts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let named = |(blast, rate)| Some((context.handle.queue.blast_name(blast).ok()??, rate));
    Figures {
        agent: String::new(),
        name: context.handle.name.clone(),
        started: context.started,
        sessions: Sessions { open: delivery.active(), limit: delivery.limit() },
        rate: context.memory.rates.of(0, now),
        blasts: blasts.into_iter().take(MOST).filter_map(named).collect(),
        since_start: since_start(context),
        failed: context.memory.failures.by_cause(MOST),
        ends: false,
    }
}

/// What attempts of this agent came to.
pub(crate) fn since_start(context: &Context) -> SinceStart {
    let counters = context.handle.delivery.counters();
    SinceStart {
        delivered: counters.delivered.load(Ordering::Relaxed),
        deferred: counters.deferred.load(Ordering::Relaxed),
        failed: counters.failed.load(Ordering::Relaxed),
        unknown: counters.unknown.load(Ordering::Relaxed),
    }
}

impl SinceStart {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            deferred: self.deferred + other.deferred,
            failed: self.failed + other.failed,
            unknown: self.unknown + other.unknown,
        }
    }

    /// Delivered, put off for whatever reason, failed.
    pub(crate) fn three(self) -> [u64; 3] {
        [self.delivered, self.deferred + self.unknown, self.failed]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(agent: &str, started: Millis, delivered: u64) -> Figures {
        Figures {
            agent: agent.to_owned(),
            started,
            rate: 1.0,
            sessions: Sessions { open: 1, limit: 2 },
            blasts: BTreeMap::from([("news".to_owned(), 2.5)]),
            since_start: SinceStart { delivered, ..SinceStart::default() },
            ..Figures::default()
        }
    }

    #[test]
    fn what_others_did_before_is_no_news_and_a_new_start_counts_from_nothing() {
        let (others, now) = (Others::default(), Instant::now());
        others.hear(told("a", 1, 100), now);
        assert_eq!(others.moved(), [0, 0, 0]);
        others.hear(told("a", 1, 130), now);
        others.hear(told("b", 1, 7), now);
        assert_eq!(others.moved(), [30, 0, 0]);
        assert_eq!(others.since_start().delivered, 137);
        others.hear(told("a", 2, 5), now);
        assert_eq!(others.moved(), [35, 0, 0]);
        assert!((others.rate("news") - 5.0).abs() < 0.001);
    }

    #[test]
    fn who_is_silent_is_missing_and_who_ends_is_gone() {
        let Some(before) = Instant::now().checked_sub(SILENT + EVERY) else { return };
        let others = Others::default();
        others.hear(told("a", 1, 1), before);
        others.hear(told("b", 1, 1), Instant::now());
        let answers: Vec<bool> = others.agents().iter().map(|agent| agent.answers).collect();
        assert_eq!(answers, [false, true]);
        assert_eq!(others.agents()[0].sessions, Sessions::default());
        assert!((others.rate("news") - 2.5).abs() < 0.001);
        others.hear(Figures { ends: true, ..told("b", 1, 3) }, Instant::now());
        assert_eq!(others.agents().len(), 1);
        assert_eq!(others.moved(), [2, 0, 0]);
    }
}
