//! How fast it goes: recipients delivered per second, over the last ten seconds.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::queue::{Done, Final, Millis, Verdict};

/// Seconds that are looked at.
const SECONDS: usize = 10;

/// As many blasts are counted at the same time.
const BLASTS: usize = 10_000;

/// What was delivered, by blast; 0 for all together.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<i64, Seconds>>);

/// Counts of seconds, each with the second it is of.
type Seconds = [(i64, u64); SECONDS];

impl Rates {
    /// Counts what an attempt delivered.
    pub(super) fn count(&self, blast: i64, done: &Done) {
        let delivered = |result: &&crate::queue::TargetResult| {
            matches!(result.verdict, Verdict::Final { outcome: Final::Delivered, .. })
        };
        let count = done.results.iter().filter(delivered).count() as u64;
        if count == 0 {
            return;
        }
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() > BLASTS {
            let second = done.at.div_euclid(1_000);
            rates.retain(|_, seconds| seconds.iter().any(|(of, _)| *of > second - 60));
        }
        add(rates.entry(0).or_default(), done.at, count);
        if blast != 0 {
            add(rates.entry(blast).or_default(), done.at, count);
        }
    }

    /// The blasts of which something was delivered lately, with their rates.
    pub(super) fn moving(&self, now: Millis) -> Vec<(i64, f64)> {
        let blasts: Vec<i64> = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .filter(|id| *id != 0)
            .collect();
        let rates = blasts.into_iter().map(|blast| (blast, self.of(blast, now)));
        rates.filter(|(_, rate)| *rate > 0.0).collect()
    }

    /// Recipients per second.
    pub(super) fn of(&self, blast: i64, now: Millis) -> f64 {
        let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seconds) = rates.get(&blast) else { return 0.0 };
        let this = now.div_euclid(1_000);
        let earliest = this - 9;
        let lately = seconds.iter().filter(|(second, _)| (earliest..=this).contains(second));
        let (first, sum) =
            lately.fold((this, 0), |(first, sum), (second, count)| (first.min(*second), sum + count));
        // From the beginning of the first of these seconds until now: what has just begun is not slow.
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let rate = sum as f64 * 1_000.0 / ((now - first * 1_000).max(1_000) as f64);
        (rate * 10.0).round() / 10.0
    }
}

fn add(seconds: &mut Seconds, at: Millis, count: u64) {
    let second = at.div_euclid(1_000);
    let place = usize::try_from(second.rem_euclid(10)).unwrap_or(0);
    if let Some(entry) = seconds.get_mut(place) {
        if entry.0 != second {
            *entry = (second, 0);
        }
        entry.1 += count;
    }
}
