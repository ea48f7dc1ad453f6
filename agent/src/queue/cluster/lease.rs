//! What this agent has taken from the shared queue, and until when it is its own.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use async_nats::Subject;
use freesmtp_core::spool::Id;

use super::{Name, carried::Carried};
use crate::{
    cluster::{Class, definitions::ACK_WAIT},
    queue::Place,
};

/// A lease is good for nothing new so long before its end.
const MARGIN: Duration = Duration::from_secs(15);

/// A job that was taken.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) name: Name,
    pub(super) class: Class,
    /// The site in the subject that it came under.
    pub(super) site: String,
    /// Where to acknowledge it.
    pub(super) ack: Subject,
    /// Its number in the stream.
    pub(super) sequence: u64,
    /// When the servers last heard that it is worked on.
    pub(super) renewed: Instant,
    /// Others had it before.
    pub(super) redelivered: bool,
    pub(super) carried: Carried,
    /// The token of its blast.
    pub(super) blast: Option<String>,
    /// Where its record is.
    pub(super) place: Place,
    /// A session has it, or had it.
    pub(super) begun: bool,
    /// All its recipients have results, which were counted; a report is still owed.
    pub(super) ended: bool,
}

impl Lease {
    /// Whether it may be begun.
    fn holds(&self) -> bool {
        self.renewed.elapsed() < ACK_WAIT.saturating_sub(MARGIN)
    }
}

/// What became of a job that is about to be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Yes,
    /// Its lease ran out: somebody else has it.
    Lost,
    /// It is not here any more.
    Unknown,
}

/// All of them, by their numbers in this agent's queue.
#[derive(Debug, Default)]
pub(super) struct Leases {
    all: HashMap<i64, Lease>,
    /// By number in the stream: a job that was put off and comes again is another message there.
    sequences: HashMap<u64, i64>,
}

impl Leases {
    pub(super) fn count(&self, class: Class) -> usize {
        self.all.values().filter(|lease| lease.class == class).count()
    }

    pub(super) fn get(&self, message: i64) -> Option<Lease> {
        self.all.get(&message).cloned()
    }

    pub(super) fn add(&mut self, message: i64, lease: Lease) {
        self.sequences.insert(lease.sequence, message);
        self.all.insert(message, lease);
    }

    pub(super) fn remove(&mut self, message: i64) -> Option<Lease> {
        let lease = self.all.remove(&message)?;
        self.sequences.remove(&lease.sequence);
        Some(lease)
    }

    /// The servers give a job again that is still here: it is to be acknowledged there from now on. Whether it is here.
    pub(super) fn again(&mut self, sequence: u64, ack: &Subject) -> bool {
        let Some(lease) = self.sequences.get(&sequence).and_then(|message| self.all.get_mut(message)) else {
            return false;
        };
        (lease.ack, lease.renewed, lease.redelivered) = (ack.clone(), Instant::now(), true);
        true
    }

    /// A session is about to carry it.
    pub(super) fn begin(&mut self, message: i64) -> Begin {
        match self.all.get_mut(&message) {
            Some(lease) if lease.holds() => {
                lease.begun = true;
                Begin::Yes
            }
            Some(_) => Begin::Lost,
            None => Begin::Unknown,
        }
    }

    /// The session that was about to carry it does not. The token of its blast.
    pub(super) fn not_begun(&mut self, message: i64) -> Option<String> {
        let lease = self.all.get_mut(&message)?;
        lease.begun = false;
        lease.blast.clone()
    }

    /// One that ended without an attempt, for whoever says so: nobody else takes it out from now on.
    pub(super) fn claim(&mut self, message: i64) -> Option<Lease> {
        let lease = self.all.get_mut(&message).filter(|lease| !lease.ended)?;
        lease.begun = true;
        Some(lease.clone())
    }

    /// The sender is told that it is late.
    pub(super) fn warned(&mut self, message: i64) {
        if let Some(lease) = self.all.get_mut(&message) {
            lease.carried.warned = true;
        }
    }

    /// All its recipients have results.
    pub(super) fn end(&mut self, message: i64) {
        if let Some(lease) = self.all.get_mut(&message) {
            lease.ended = true;
        }
    }

    /// Those whose recipients all have results.
    pub(super) fn ended(&self) -> Vec<i64> {
        self.all.iter().filter(|(_, lease)| lease.ended).map(|(message, _)| *message).collect()
    }

    /// Takes those out that no session has, and of which this is true.
    pub(super) fn take_idle(&mut self, which: impl Fn(&Lease) -> bool) -> Vec<(i64, Lease)> {
        let chosen = |lease: &Lease| !lease.begun && !lease.ended && which(lease);
        let messages: Vec<i64> =
            self.all.iter().filter(|(_, lease)| chosen(lease)).map(|(message, _)| *message).collect();
        messages
            .into_iter()
            .filter_map(|message| self.remove(message).map(|lease| (message, lease)))
            .collect()
    }

    /// Those of these messages that are not here any more.
    pub(super) fn none_of(&self, messages: Vec<i64>) -> Vec<i64> {
        messages.into_iter().filter(|message| !self.all.contains_key(message)).collect()
    }

    /// Those that ran out before they were begun.
    pub(super) fn take_lost(&mut self) -> Vec<(i64, Lease)> {
        self.take_idle(|lease| !lease.holds())
    }

    /// Those of these messages of which anything was taken.
    pub(super) fn ids(&self, among: &[Id]) -> Vec<Id> {
        let taken: HashSet<Id> =
            self.all.values().filter(|lease| !lease.ended).map(|lease| lease.name.id).collect();
        among.iter().filter(|id| taken.contains(id)).copied().collect()
    }

    /// Where to say that they are worked on.
    pub(super) fn due(&self, age: Duration) -> Vec<(i64, Class, Subject)> {
        let due = self.all.iter().filter(|(_, lease)| lease.renewed.elapsed() >= age);
        due.map(|(message, lease)| (*message, lease.class, lease.ack.clone())).collect()
    }

    /// The servers heard so, of these, at that time.
    pub(super) fn renew(&mut self, messages: &[i64], at: Instant) {
        for message in messages {
            if let Some(lease) = self.all.get_mut(message) {
                lease.renewed = lease.renewed.max(at);
            }
        }
    }
}
