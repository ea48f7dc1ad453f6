//! What attempts came to, by cause, since the agent was started.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::causes;
use crate::queue::{Done, Ending, Final, Verdict, Words};

/// Recipients that an attempt did not deliver to, or that ended without one.
#[derive(Debug, Default)]
pub(crate) struct Tallies(Mutex<Counts>);

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Recipients whose time was over.
    pub(crate) expired: u64,
    /// Recipients that somebody cancelled.
    pub(crate) cancelled: u64,
    /// By outcome (`deferred`, `failed`, `unknown`) and cause.
    pub(crate) causes: BTreeMap<(&'static str, String), u64>,
}

impl Tallies {
    pub(super) fn attempted(&self, done: &Done) {
        let failures = done.results.iter().filter_map(|result| match result.verdict {
            Verdict::Final { outcome: Final::Delivered, .. } => None,
            Verdict::Final { .. } => Some(("failed", &result.words)),
            Verdict::Later { unknown: true, .. } => Some(("unknown", &result.words)),
            Verdict::Later { .. } => Some(("deferred", &result.words)),
        });
        let mut failures = failures.peekable();
        if failures.peek().is_none() {
            return;
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.for_each(|(outcome, words)| counts.add(outcome, words));
    }

    pub(super) fn ended(&self, ending: &Ending) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = ending.targets.len() as u64;
        match ending.outcome {
            Final::Expired => counts.expired += ended,
            _ => counts.cancelled += ended,
        }
    }

    /// All of it.
    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Counts {
    fn add(&mut self, outcome: &'static str, words: &Words) {
        let is_one = || self.causes.contains_key(&(outcome, words.cause.clone()));
        let cause = causes::name(&words.cause, self.causes.len(), is_one);
        *self.causes.entry((outcome, cause.to_owned())).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::causes::{MOST, OTHER};

    #[test]
    fn causes_without_end_are_bounded() {
        let mut counts = Counts::default();
        for n in 0..1_000 {
            counts.add("failed", &Words { cause: format!("cause-{n}"), ..Words::default() });
        }
        assert_eq!(counts.causes.len(), MOST + 1);
        assert_eq!(counts.causes[&("failed", OTHER.to_owned())], 700);
        assert_eq!(counts.causes.values().sum::<u64>(), 1_000);
    }
}
