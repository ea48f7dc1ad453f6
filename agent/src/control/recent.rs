//! Messages that ended lately: the queue forgets them at once, and those who ask for them come a little later.
//!
//! In memory, so an agent that was just started knows of none. What must be known for good is in the events file.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use freesmtp_core::spool::Id;
use tokio::sync::Notify;

use super::{
    answer::submitted,
    letters::{self, Over},
};
use crate::{
    events::moment,
    queue::{Done, Ending, Final, Job, Millis, Target, Verdict, Words},
};

/// As many messages are remembered, and of as many what each recipient's server said.
const MESSAGES: usize = 200_000;
const DETAILED: usize = 10_000;

/// As many recipients of a message are remembered.
const RECIPIENTS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Recent {
    kept: Mutex<Kept>,
    /// Rings for each message of which recipients ended.
    pub(super) bell: Notify,
}

#[derive(Debug, Default)]
struct Kept {
    messages: HashMap<Id, Ended>,
    /// Oldest first; and those of them that have their details.
    order: VecDeque<Id>,
    detailed: VecDeque<Id>,
}

/// A message of which recipients ended.
#[derive(Debug, Default)]
struct Ended {
    at: Millis,
    counts: [u32; 4],
    recipients: Vec<Recipient>,
    about: Option<Box<About>>,
}

#[derive(Debug)]
struct About {
    message_id: String,
    sender: String,
}

#[derive(Debug)]
struct Recipient {
    email: String,
    outcome: Final,
    attempts: u32,
    at: Millis,
    words: Words,
}

impl Recent {
    pub(super) fn attempted(&self, job: &Job, done: &Done) {
        let finals = done.results.iter().filter_map(|result| match result.verdict {
            Verdict::Final { outcome, .. } => Some((&result.target, outcome, &result.words)),
            Verdict::Later { .. } => None,
        });
        let attempts = job.attempts.saturating_add(1);
        self.add(job.id, (&job.message_id, &job.sender), attempts, done.at, finals);
    }

    pub(super) fn ended(&self, ending: &Ending) {
        let finals = ending.targets.iter().map(|target| (target, ending.outcome, &ending.words));
        self.add(ending.id, (&ending.message_id, &ending.sender), ending.attempts, ending.at, finals);
    }

    fn add<'a>(
        &self,
        id: Id,
        (message_id, sender): (&str, &str),
        attempts: u32,
        at: Millis,
        finals: impl Iterator<Item = (&'a Target, Final, &'a Words)>,
    ) {
        let mut finals = finals.peekable();
        if finals.peek().is_none() {
            return;
        }
        let mut guard = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        let entry = kept.messages.entry(id).or_insert_with(|| {
            kept.order.push_back(id);
            kept.detailed.push_back(id);
            let about = About { message_id: message_id.to_owned(), sender: sender.to_owned() };
            Ended { about: Some(Box::new(about)), ..Ended::default() }
        });
        entry.at = at;
        for (target, outcome, words) in finals {
            if let Some(count) = entry.counts.get_mut(place(outcome)) {
                *count += 1;
            }
            if entry.recipients.len() < RECIPIENTS && entry.about.is_some() {
                let email = target.email.clone();
                entry.recipients.push(Recipient { email, outcome, attempts, at, words: words.clone() });
            }
        }
        if kept.detailed.len() > DETAILED
            && let Some(old) = kept.detailed.pop_front()
            && let Some(old) = kept.messages.get_mut(&old)
        {
            old.recipients = Vec::new();
            old.about = None;
        }
        if kept.order.len() > MESSAGES
            && let Some(old) = kept.order.pop_front()
        {
            kept.messages.remove(&old);
        }
        drop(guard);
        self.bell.notify_waiters();
    }

    /// What became of a message that has left the queue.
    pub(super) fn find(&self, id: Id) -> Option<Over> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = kept.messages.get(&id)?;
        let [delivered, failed, expired, cancelled] = ended.counts;
        let about = ended.about.as_deref();
        let recipient = |one: &Recipient| letters::Recipient {
            email: one.email.clone(),
            state: one.outcome.as_str(),
            site: None,
            attempts: one.attempts,
            next_attempt: None,
            at: Some(moment(one.at)),
            said: (&one.words).into(),
        };
        Some(Over {
            id: id.to_string(),
            state: "done",
            message_id: about.map(|about| about.message_id.clone()),
            sender: about.map(|about| about.sender.clone()),
            submitted: moment(submitted(id)),
            ended: moment(ended.at),
            recipients_total: ended.counts.iter().sum::<u32>(),
            recipients_open: 0,
            delivered,
            failed,
            expired,
            cancelled,
            recipients: ended.recipients.iter().map(recipient).collect(),
        })
    }
}

fn place(outcome: Final) -> usize {
    match outcome {
        Final::Delivered => 0,
        Final::Failed => 1,
        Final::Expired => 2,
        Final::Cancelled => 3,
    }
}
