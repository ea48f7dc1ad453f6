//! How a destination fares: how many sessions it gets, and when it is left alone.
//!
//! - A destination begins with a few sessions and gets one more for each message that it takes, up to its limit.
//! - After trouble with a session (no connection, no TLS, no login, an end in the middle) it is left alone, the longer the
//!   more often in a row, and begins anew with one session.
//! - 421, or too many connections: half the sessions, and a moment of rest.
//! - A server that lets no further session in while others are open gets no more than those for a while.
//! - A rate limit of the server stops all of it for the time that was named.
//!
//! - Where agents share a queue, this one opens the part of the limits that its slots give it, which may be nothing.
//!
//! So one that hangs holds the few sessions it began with, or those it had earned.

use std::time::Duration;

use crate::{cluster::Slots, config::DestinationLimits, queue::Millis, retry::Retry};

/// How many sessions a destination begins with.
const FIRST: usize = 5;

/// How long a destination rests that has too many sessions.
pub(super) const BREATHER: Millis = 10_000;

/// How long no further session is tried at a server that let one more not in.
const FULL: Millis = 60_000;

/// What an attempt says about the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// It answered for the message, whatever it said about recipients.
    Fine,
    /// Nothing was learnt: the attempt was ended from here.
    Nothing,
    /// The session could not be opened, or broke.
    Trouble {
        /// A time that was named.
        after: Option<Duration>,
    },
    /// It closes, or has too many sessions.
    Slower {
        /// A time that was named.
        after: Option<Duration>,
    },
    /// It takes no more for a while.
    RateLimited {
        /// The time that was named, or that the cause implies.
        after: Option<Duration>,
    },
}

/// How a destination fares.
#[derive(Clone, Debug)]
pub(super) struct Health {
    limits: DestinationLimits,
    /// The most sessions by the settings.
    most: usize,
    /// The most sessions now.
    window: usize,
    /// The most sessions by this agent's slots; none when there is no limit to share.
    share: Option<usize>,
    /// Which part of the messages per second is this agent's.
    part: f64,
    /// Whether it is known whose limits these are.
    resolved: bool,
    /// Messages taken since the window grew last.
    taken: usize,
    /// After trouble, the window grows by messages taken, not by each.
    careful: bool,
    /// The server took no more sessions than that, and until when none is tried.
    full: Option<(usize, Millis)>,
    open: usize,
    /// Troubles in a row.
    troubles: u32,
    held_until: Millis,
    /// The next turn, where messages per second are limited.
    turn: Millis,
}

impl Health {
    /// A destination of which nothing is known.
    pub(super) fn new(limits: DestinationLimits, most: usize) -> Self {
        let most = limits.sessions.unwrap_or(most).max(1);
        Self {
            limits,
            most,
            window: most.min(FIRST),
            share: None,
            part: 1.0,
            resolved: false,
            taken: 0,
            careful: false,
            full: None,
            open: 0,
            troubles: 0,
            held_until: 0,
            turn: 0,
        }
    }

    /// New limits, after a reload.
    pub(super) fn set_limits(&mut self, limits: DestinationLimits, most: usize) {
        self.most = limits.sessions.unwrap_or(most).max(1);
        self.window = self.window.min(self.most);
        self.limits = limits;
    }

    /// Its servers are known, and these are their limits.
    pub(super) fn resolve(&mut self) {
        self.resolved = true;
    }

    /// Whether they are.
    pub(super) fn is_resolved(&self) -> bool {
        self.resolved
    }

    /// The slots that this agent has, of a destination by that name; none when it shares no queue.
    pub(super) fn set_slots(&mut self, slots: Option<Slots>, destination: &str) {
        self.share = slots.and_then(|slots| match self.limits.sessions {
            Some(limit) => Some(slots.share(destination, limit)),
            // Its messages per second are those of nobody.
            None => (slots == Slots::NONE && self.takes_turns()).then_some(0),
        });
        self.part = slots.map_or(1.0, Slots::part);
    }

    /// The most sessions now.
    pub(super) fn window(&self) -> usize {
        self.share.map_or(self.window, |share| share.min(self.window))
    }

    /// Whether this agent may open no session at all, and others may.
    pub(super) fn is_others(&self) -> bool {
        self.share == Some(0)
    }

    /// Troubles in a row.
    pub(super) fn troubles(&self) -> u32 {
        self.troubles
    }

    /// Sessions that are open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// When it is tried again; in the past when it is not held.
    pub(super) fn held_until(&self) -> Millis {
        self.held_until
    }

    /// The clock went back by so much.
    pub(super) fn clock_went_back(&mut self, by: Millis) {
        self.held_until -= by;
        self.turn -= by;
        if let Some((_, until)) = &mut self.full {
            *until -= by;
        }
    }

    /// Somebody wants it tried now.
    pub(super) fn wake(&mut self, now: Millis) {
        self.held_until = self.held_until.min(now);
    }

    /// Whether a further session may be opened now.
    pub(super) fn has_room(&self, now: Millis) -> bool {
        self.open < self.window() && self.held_until <= now
    }

    /// Whether those that are open may go on now.
    pub(super) fn goes_on(&self, now: Millis) -> bool {
        self.open <= self.window() && self.held_until <= now
    }

    /// Whether those that are open are no more than there may be.
    pub(super) fn fits(&self) -> bool {
        self.open <= self.window()
    }

    /// A session begins.
    pub(super) fn begin(&mut self) {
        self.open += 1;
    }

    /// A session ends.
    pub(super) fn end(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// When the next message may leave, by the limit of messages per second; its turn is then used up.
    pub(super) fn take_turn(&mut self, now: Millis) -> Millis {
        let Some(rate) = self.limits.messages_per_second.filter(|_| self.part > 0.0) else { return now };
        #[allow(clippy::cast_possible_truncation, reason = "at most a day in milliseconds")]
        let interval = (1_000.0 / (rate * self.part)).ceil() as Millis;
        let at = self.turn.clamp(now, now.saturating_add(interval.saturating_mul(10_000)));
        self.turn = at + interval;
        at
    }

    /// Whether messages per second are limited.
    pub(super) fn takes_turns(&self) -> bool {
        self.limits.messages_per_second.is_some()
    }

    /// When the next turn is.
    pub(super) fn next_turn(&self) -> Millis {
        self.turn
    }

    /// What an attempt said. `random` is from 0 to 1.
    pub(super) fn learn(&mut self, signal: Signal, now: Millis, retry: &Retry, random: f64) {
        match signal {
            Signal::Nothing => {}
            Signal::Fine => self.grow(now),
            Signal::Trouble { after } => {
                if self.held_until <= now {
                    // Sessions that broke together are one trouble.
                    self.troubles = self.troubles.saturating_add(1);
                    self.held_until = now + retry.delay_after(self.troubles, after, random);
                }
                // It lets nobody in, which is not because there are too many.
                self.full = None;
                self.shrink(1);
            }
            Signal::Slower { after } => {
                if self.held_until <= now {
                    let named = after.and_then(|after| i64::try_from(after.as_millis()).ok());
                    self.held_until = now + named.unwrap_or(BREATHER).clamp(1_000, 3_600_000);
                }
                self.shrink(self.open.max(2) / 2);
            }
            Signal::RateLimited { after } => {
                if self.held_until <= now {
                    self.troubles = self.troubles.saturating_add(1);
                    self.held_until = now + retry.delay_after(self.troubles, after, random);
                }
                self.shrink(1);
            }
        }
    }

    /// The server lets one of the sessions not in, and others go on.
    pub(super) fn full(&mut self, now: Millis) {
        let others = self.open.saturating_sub(1).max(1);
        self.window = self.window.min(others);
        self.full = Some((others, now + FULL));
    }

    fn grow(&mut self, now: Millis) {
        self.troubles = 0;
        let most = match self.full {
            Some((sessions, until)) if now < until => self.most.min(sessions),
            _ => self.most,
        };
        self.taken += 1;
        let step = if self.careful { self.window } else { 1 };
        if self.taken >= step {
            self.taken = 0;
            self.window = (self.window + 1).min(most);
            self.careful &= self.window < self.most;
        }
    }

    fn shrink(&mut self, to: usize) {
        self.window = to.clamp(1, self.window.max(1));
        self.taken = 0;
        self.careful = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RetrySettings;

    fn retry() -> Retry {
        Retry::new(&RetrySettings::default())
    }

    fn health() -> Health {
        Health::new(DestinationLimits::default(), 20)
    }

    const TROUBLE: Signal = Signal::Trouble { after: None };

    #[test]
    fn it_begins_with_a_few_and_earns_more() {
        let mut health = health();
        while health.has_room(0) {
            health.begin();
        }
        assert_eq!(health.open(), FIRST);
        health.learn(Signal::Fine, 0, &retry(), 0.5);
        assert!(health.has_room(0));
        (0..100).for_each(|_| health.learn(Signal::Fine, 0, &retry(), 0.5));
        while health.has_room(0) {
            health.begin();
        }
        assert_eq!(health.open(), 20);
    }

    #[test]
    fn trouble_lets_it_rest_the_longer_the_more_often() {
        let mut health = health();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..4 {
            // Five sessions that break together are one trouble.
            (0..5).for_each(|_| health.learn(TROUBLE, now, &retry(), 0.5));
            assert!(!health.has_room(now));
            waits.push((health.held_until() - now) / 60_000);
            now = health.held_until();
        }
        assert_eq!(waits, [1, 2, 5, 10]);
        health.begin();
        assert!(!health.has_room(now), "one session tries whether it is back");
        health.learn(Signal::Fine, now, &retry(), 0.5);
        assert!(health.has_room(now), "then there are two");
        assert_eq!(health.troubles, 0);
        health.learn(Signal::Fine, now, &retry(), 0.5);
        health.begin();
        assert!(!health.has_room(now), "more come slowly");
    }

    #[test]
    fn a_server_that_closes_gets_half_the_sessions() {
        let mut health = health();
        (0..100).for_each(|_| health.learn(Signal::Fine, 0, &retry(), 0.5));
        (0..20).for_each(|_| health.begin());
        health.learn(Signal::Slower { after: None }, 0, &retry(), 0.5);
        assert!(!health.goes_on(0));
        (0..12).for_each(|_| health.end());
        assert!(health.has_room(BREATHER));
        (0..2).for_each(|_| health.begin());
        assert!(!health.has_room(BREATHER));
    }

    #[test]
    fn a_server_that_is_full_is_asked_for_one_more_session_after_a_while() {
        let mut health = health();
        (0..100).for_each(|_| health.learn(Signal::Fine, 0, &retry(), 0.5));
        (0..8).for_each(|_| health.begin());
        health.full(0);
        health.end();
        assert!(health.goes_on(0), "the seven others go on");
        (0..100).for_each(|_| health.learn(Signal::Fine, FULL - 1, &retry(), 0.5));
        assert!(!health.has_room(FULL - 1));
        health.learn(Signal::Fine, FULL, &retry(), 0.5);
        assert!(health.has_room(FULL));
    }

    #[test]
    fn messages_per_second_are_turns() {
        let limits = DestinationLimits { messages_per_second: Some(4.0), ..DestinationLimits::default() };
        let mut health = Health::new(limits, 20);
        assert_eq!([0, 1, 2].map(|_| health.take_turn(1_000)), [1_000, 1_250, 1_500]);
        assert_eq!(health.take_turn(9_000), 9_000);
    }

    #[test]
    fn agents_share_what_is_limited() {
        let limits = DestinationLimits {
            sessions: Some(10),
            messages_per_second: Some(10.0),
            ..DestinationLimits::default()
        };
        let shares: Vec<usize> = (0..3)
            .map(|agent| {
                let mut health = Health::new(limits, 20);
                health.set_slots(Some((0..60).filter(|slot| slot % 3 == agent).collect()), "example.org");
                (0..100).for_each(|_| health.learn(Signal::Fine, 0, &retry(), 0.5));
                while health.has_room(0) {
                    health.begin();
                }
                assert_eq!([0, 1].map(|_| health.take_turn(1_000)), [1_000, 1_300]);
                health.open()
            })
            .collect();
        assert_eq!(shares.iter().sum::<usize>(), 10);
        // A session too many ends when the slots are another's.
        let mut health = Health::new(limits, 20);
        health.begin();
        health.set_slots(Some(Slots::NONE), "example.org");
        assert!(health.is_others() && !health.fits() && !health.goes_on(0) && !health.has_room(0));
        health.set_slots(None, "example.org");
        assert!(health.goes_on(0));
    }

    #[test]
    fn a_rate_limit_holds_for_the_time_named() {
        let mut health = health();
        let after = Some(Duration::from_secs(600));
        health.learn(Signal::RateLimited { after }, 0, &retry(), 0.0);
        assert_eq!(health.held_until(), 600_000);
    }
}
