//! `RateLimit`: when each message may be sent, for all threads and tasks that share the limit.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::error::Error;

/// Fewer messages than one in this time are no rate.
const SLOWEST: Duration = Duration::from_secs(86_400);

/// The turns that were given out. Each message has one, an interval after the one before: there are no bursts, which
/// is what servers that count per second want.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    last: Option<Instant>,
    /// Given out and not used: whoever comes next has them.
    returned: Vec<Instant>,
}

/// A turn to send a message. Dropped before [`Turn::use_up`], it goes to somebody else.
#[must_use = "dropped, the turn is given back"]
#[derive(Debug)]
pub(super) struct Turn<'a> {
    rate: &'a Rate,
    /// When the message may be sent.
    pub(super) at: Instant,
    used: bool,
}

impl Rate {
    /// The next turn, now or later.
    pub(super) fn turn(&self, interval: Duration, now: Instant) -> Turn<'_> {
        let mut turns = self.lock();
        turns.returned.retain(|at| *at >= now);
        let earliest = turns.returned.iter().enumerate().min_by_key(|(_, at)| **at).map(|(index, _)| index);
        let at = match earliest {
            Some(index) => turns.returned.swap_remove(index),
            None => {
                let next = turns.last.and_then(|last| last.checked_add(interval));
                let at = next.map_or(now, |next| next.max(now));
                turns.last = Some(at);
                at
            }
        };
        Turn { rate: self, at, used: false }
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The message is sent now.
    pub(super) fn use_up(mut self) {
        self.used = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.used {
            self.rate.lock().returned.push(self.at);
        }
    }
}

/// The time from one message to the next.
pub(super) fn interval(messages_per_second: f64) -> Result<Duration, Error> {
    let interval = Duration::try_from_secs_f64(1.0 / messages_per_second).ok();
    interval.filter(|interval| messages_per_second.is_finite() && *interval <= SLOWEST).ok_or_else(|| {
        let text = format!(
            "{messages_per_second} is not a number of messages per second above zero; 0.5 is one in two seconds"
        );
        Error::input("RateLimit", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn turns_are_an_interval_apart_however_many_wait() {
        let (rate, now) = (Rate::default(), Instant::now());
        let at: Vec<Duration> = (0..4)
            .map(|_| {
                let turn = rate.turn(SECOND, now);
                let at = turn.at - now;
                turn.use_up();
                at
            })
            .collect();
        assert_eq!(at, [0, 1, 2, 3].map(|n| n * SECOND));
        // Whoever was idle for long has saved up nothing.
        let later = now + 100 * SECOND;
        for n in 0..2 {
            let turn = rate.turn(SECOND, later);
            assert_eq!(turn.at, later + n * SECOND);
            turn.use_up();
        }
        // A new rate holds from the next message on.
        let turn = rate.turn(SECOND / 2, later);
        assert_eq!(turn.at, later + SECOND * 3 / 2);
        turn.use_up();
    }

    #[test]
    fn a_turn_that_is_not_used_goes_to_the_next() {
        let (rate, now) = (Rate::default(), Instant::now());
        rate.turn(SECOND, now).use_up();
        let waiting: Vec<Turn<'_>> = (0..9).map(|_| rate.turn(SECOND, now)).collect();
        assert_eq!(waiting[8].at, now + 9 * SECOND);
        drop(waiting);
        for n in 1..=10 {
            let turn = rate.turn(SECOND, now);
            assert_eq!(turn.at, now + n * SECOND, "cancelled messages hold nobody up");
            turn.use_up();
        }
        drop(rate.turn(SECOND, now));
        let late = now + 30 * SECOND;
        let turn = rate.turn(SECOND, late);
        assert_eq!(turn.at, late, "a turn that is past is no burst for later");
        turn.use_up();
        assert_eq!(rate.turn(SECOND, late).at, late + SECOND);
    }

    #[test]
    fn a_rate_is_a_number_above_zero() {
        assert_eq!(interval(4.0).unwrap(), SECOND / 4);
        assert_eq!(interval(0.5).unwrap(), 2 * SECOND);
        for bad in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
            match interval(bad) {
                Err(error) => assert_eq!(error.field(), Some("RateLimit"), "{bad}"),
                Ok(interval) => panic!("{bad} is no rate, and gave {interval:?}"),
            }
        }
    }
}
