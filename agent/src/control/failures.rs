//! What failed for good since the agent was started: how many by cause, and the latest of each to look at.
//!
//! In memory: such recipients have left the queue. What must be known for good is in the events file.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::causes;
use crate::{
    events::moment,
    queue::{Done, Ending, Final, Job, Millis, Target, Verdict, Words},
};

/// As many recipients of a cause are kept.
const LATEST: usize = 20;

/// The cause of those whose time was over.
const EXPIRED: &str = "expired";

/// What to do about those.
const EXPIRED_REMEDY: &str = "Look at what their attempts met, under the causes of what still waits; retry.lifetime, or the \
                              message's own Expires, says how long is tried.";

/// Why recipients failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Failed {
    /// The identifier of the diagnosis, `expired`, or `other`.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) remedy: String,
    /// Recipients.
    pub(crate) count: u64,
    /// The latest of them, the latest first.
    pub(crate) latest: Vec<Failure>,
}

/// A recipient that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Failure {
    /// Of the message.
    pub(crate) id: String,
    pub(crate) recipient: String,
    pub(crate) at: String,
    /// The reply code, 0 without a reply.
    pub(crate) code: u16,
    /// The enhanced status code (RFC 3463).
    pub(crate) status: String,
    pub(crate) text: String,
}

/// Recipients that failed, by cause.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<BTreeMap<String, Kept>>);

#[derive(Debug, Default)]
struct Kept {
    remedy: String,
    count: u64,
    /// The latest last.
    latest: VecDeque<Failure>,
}

impl Failures {
    pub(super) fn attempted(&self, job: &Job, done: &Done) {
        let failed = |outcome| !matches!(outcome, Final::Delivered | Final::Cancelled);
        for result in &done.results {
            if let Verdict::Final { outcome, .. } = result.verdict
                && failed(outcome)
            {
                let cause = if outcome == Final::Expired { EXPIRED } else { &result.words.cause };
                self.add(cause, &job.id.to_string(), &result.target, done.at, &result.words);
            }
        }
    }

    pub(super) fn ended(&self, ending: &Ending) {
        if ending.outcome == Final::Expired {
            for target in &ending.targets {
                self.add(EXPIRED, &ending.id.to_string(), target, ending.at, &ending.words);
            }
        }
    }

    fn add(&self, cause: &str, id: &str, target: &Target, at: Millis, words: &Words) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cause = causes::name(cause, kept.len(), || kept.contains_key(cause));
        let kept = kept.entry(cause.to_owned()).or_default();
        kept.count += 1;
        match cause {
            EXPIRED => EXPIRED_REMEDY.clone_into(&mut kept.remedy),
            _ if words.remedy.is_empty() => {}
            _ => words.remedy.clone_into(&mut kept.remedy),
        }
        if kept.latest.len() >= LATEST {
            kept.latest.pop_front();
        }
        kept.latest.push_back(Failure {
            id: id.to_owned(),
            recipient: target.email.clone(),
            at: moment(at),
            code: words.code,
            status: words.status.clone(),
            text: words.text.clone(),
        });
    }

    /// The causes, the most frequent first.
    pub(crate) fn by_cause(&self, limit: usize) -> Vec<Failed> {
        let causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<(&String, &Kept)> = causes.iter().collect();
        order.sort_by_key(|(_, kept)| std::cmp::Reverse(kept.count));
        let failed = |(cause, kept): (&String, &Kept)| Failed {
            cause: cause.clone(),
            remedy: kept.remedy.clone(),
            count: kept.count,
            latest: kept.latest.iter().rev().cloned().collect(),
        };
        order.into_iter().take(limit).map(failed).collect()
    }
}

/// The same of several agents: the most frequent first, and the latest of all.
pub(crate) fn together(agents: impl IntoIterator<Item = Vec<Failed>>, limit: usize) -> Vec<Failed> {
    let mut causes: BTreeMap<String, Failed> = BTreeMap::new();
    for failed in agents.into_iter().flatten() {
        let all = causes.entry(failed.cause.clone()).or_default();
        let count = all.count + failed.count;
        all.latest.extend(failed.latest);
        all.latest.sort_by(|a, b| b.at.cmp(&a.at));
        all.latest.truncate(LATEST);
        let remedy = if failed.remedy.is_empty() { std::mem::take(&mut all.remedy) } else { failed.remedy };
        (all.cause, all.remedy, all.count) = (failed.cause, remedy, count);
    }
    let mut causes: Vec<Failed> = causes.into_values().collect();
    causes.sort_by_key(|failed| std::cmp::Reverse(failed.count));
    causes.truncate(limit);
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::causes::{MOST, OTHER};

    #[test]
    fn causes_of_several_agents_are_counted_together() {
        let failure = |id: &str, at: &str| Failure {
            id: id.to_owned(),
            recipient: "a@x.test".to_owned(),
            at: at.to_owned(),
            code: 550,
            status: "5.1.1".to_owned(),
            text: "no".to_owned(),
        };
        let failed = |cause: &str, count, latest| Failed {
            cause: cause.to_owned(),
            remedy: format!("against {cause}"),
            count,
            latest,
        };
        let one = vec![failed("a", 3, vec![failure("1", "2026-01-01"), failure("0", "2025-12-30")])];
        let other = vec![failed("b", 4, Vec::new()), failed("a", 2, vec![failure("2", "2025-12-31")])];
        let all = together([one, other], 10);
        assert_eq!(all.iter().map(|one| (&*one.cause, one.count)).collect::<Vec<_>>(), [("a", 5), ("b", 4)]);
        assert_eq!(all[0].latest.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["1", "2", "0"]);
        assert_eq!(all[0].remedy, "against a");
    }

    #[test]
    fn the_latest_of_each_cause_are_kept_and_all_are_counted() {
        let failures = Failures::default();
        let target = |n: u32| Target { index: 0, email: format!("u{n}@x.test") };
        for n in 0..1_000 {
            let words = Words { code: 550, remedy: format!("remedy {n}"), ..Words::default() };
            failures.add(&format!("cause-{}", n % 400), "id", &target(n), 0, &words);
        }
        failures.add("cause-7", "last", &target(7), 0, &Words::default());
        failures.add(
            EXPIRED,
            "old",
            &target(8),
            0,
            &Words { remedy: "its own".to_owned(), ..Words::default() },
        );
        let causes = failures.by_cause(1_000);
        assert_eq!(causes.len(), MOST + 1, "causes without end are bounded");
        assert_eq!(causes.iter().map(|failed| failed.count).sum::<u64>(), 1_002);
        assert_eq!((causes[0].cause.as_str(), causes[0].latest.len()), (OTHER, LATEST));
        assert_eq!(causes[1].cause, "cause-7");
        assert_eq!(causes[1].latest[0].id, "last");
        assert_eq!(causes[1].remedy, "remedy 807", "an answer without a remedy does not take one away");
        assert_eq!(failures.by_cause(1).len(), 1);
    }
}
