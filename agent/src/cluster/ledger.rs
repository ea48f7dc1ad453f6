//! Which agents there are, and which slots are whose: one document that the servers keep, and that is written only by
//! comparison with what was read.
//!
//! Policy:
//! - A slot goes to another agent only after its owner has written that it is free, or is gone.
//! - Whoever has shown no new beat for [`PATIENCE`], seen by an agent that looked all that time, is gone.
//!   That agent itself uses no slot after [`FENCE`], which is less.
//! - The agents, in the order of their ids, own the slots in turns: each gives back what is another's by that, and takes
//!   what is its own and free. Whether they agree at a moment on who there is does not matter for safety.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::slots::{SLOTS, Slots};
use crate::queue::Millis;

/// How long an agent that shows no new beat keeps its slots.
pub(super) const PATIENCE: Millis = 40_000;

/// How long an agent uses its slots though it cannot show a new beat.
pub(super) const FENCE: Millis = 15_000;

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// By id.
    pub(super) agents: BTreeMap<String, Entry>,
    /// The owner of each slot; empty for none.
    #[serde(default)]
    slots: Vec<String>,
}

/// An agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The name of its machine.
    pub(super) name: String,
    /// Another number each time.
    beat: u64,
}

impl Ledger {
    fn owner(&self, slot: usize) -> &str {
        self.slots.get(slot).map_or("", String::as_str)
    }

    /// The slots of an agent.
    pub(super) fn owned(&self, id: &str) -> Slots {
        (0..SLOTS).filter(|slot| self.owner(*slot) == id).collect()
    }

    /// The same without an agent.
    pub(super) fn without(mut self, id: &str) -> Self {
        self.agents.remove(id);
        self.slots.iter_mut().filter(|owner| *owner == id).for_each(String::clear);
        self
    }
}

/// One agent's view of the others.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    name: String,
    /// The last beat of each that was seen, and when it was new.
    seen: HashMap<String, (u64, Millis)>,
    looked: Millis,
}

impl Member {
    pub(super) fn new(id: String, name: String) -> Self {
        Self { id, name, seen: HashMap::new(), looked: 0 }
    }

    /// Sees the document as it is now, by a clock that only goes forward.
    pub(super) fn look(&mut self, ledger: &Ledger, now: Millis) {
        if now - self.looked > FENCE {
            // It slept, or the servers did, and perhaps all: each has the whole time again.
            self.seen.values_mut().for_each(|seen| seen.1 = now);
        }
        self.looked = now;
        self.seen.retain(|id, _| ledger.agents.contains_key(id));
        for (id, entry) in &ledger.agents {
            let seen = self.seen.entry(id.clone()).or_insert((entry.beat, now));
            if seen.0 != entry.beat {
                *seen = (entry.beat, now);
            }
        }
    }

    fn is_gone(&self, id: &str, now: Millis) -> bool {
        id != self.id && self.seen.get(id).is_some_and(|(_, at)| now - at > PATIENCE)
    }

    /// The slots that are this agent's in turn.
    fn turn(&self, ledger: &Ledger, now: Millis) -> Slots {
        let mut agents: Vec<&str> =
            ledger.agents.keys().map(String::as_str).filter(|id| !self.is_gone(id, now)).collect();
        if let Err(at) = agents.binary_search(&self.id.as_str()) {
            agents.insert(at, &self.id);
        }
        (0..SLOTS).filter(|slot| agents.get(slot % agents.len()) == Some(&self.id.as_str())).collect()
    }

    /// Of its slots, those that it keeps.
    pub(super) fn kept(&self, ledger: &Ledger, now: Millis) -> Slots {
        ledger.owned(&self.id).and(self.turn(ledger, now))
    }

    /// The document with a new beat, without those that are gone, and with what it gives back and takes.
    pub(super) fn write(&self, ledger: &Ledger, now: Millis, given_back: Slots) -> Ledger {
        let mut next = ledger.clone();
        for id in ledger.agents.keys().filter(|id| self.is_gone(id, now)) {
            next = next.without(id);
        }
        let beat = next.agents.get(&self.id).map_or(0, |entry| entry.beat.wrapping_add(1));
        next.agents.insert(self.id.clone(), Entry { name: self.name.clone(), beat });
        let turn = self.turn(ledger, now);
        next.slots.resize(SLOTS, String::new());
        for (slot, owner) in next.slots.iter_mut().enumerate() {
            if *owner == self.id && given_back.has(slot) {
                owner.clear();
            }
            let is_free = !next.agents.contains_key(owner.as_str());
            if is_free && turn.has(slot) {
                owner.clone_from(&self.id);
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent as the loop around it behaves: it uses what it keeps, gives back what nothing uses, and a write may fail.
    struct Agent {
        member: Member,
        used: Slots,
        renewed: Millis,
    }

    impl Agent {
        fn new(id: &str) -> Self {
            Self { member: Member::new(id.to_owned(), String::new()), used: Slots::NONE, renewed: 0 }
        }

        fn round(&mut self, ledger: &mut Ledger, now: Millis, reaches_servers: bool) {
            if reaches_servers {
                self.member.look(ledger, now);
                let kept = self.member.kept(ledger, now);
                self.used = self.used.and(kept);
                let given_back = ledger.owned(&self.member.id).minus(kept);
                *ledger = self.member.write(ledger, now, given_back);
                self.used = self.member.kept(ledger, now);
                self.renewed = now;
            }
            if now - self.renewed > FENCE {
                self.used = Slots::NONE;
            }
        }
    }

    fn no_slot_is_used_twice(agents: &[Agent], now: Millis) {
        for (at, one) in agents.iter().enumerate() {
            for other in &agents[at + 1..] {
                let both = one.used.and(other.used);
                assert_eq!(both, Slots::NONE, "{} and {} at {now}", one.member.id, other.member.id);
            }
        }
    }

    #[test]
    fn three_agents_share_and_take_over() {
        let mut ledger = Ledger::default();
        let mut agents: Vec<Agent> = ["c", "a", "b"].map(Agent::new).into();
        agents[0].round(&mut ledger, 0, true);
        assert_eq!(agents[0].used.count(), 60, "one alone has all");
        let counts =
            |agents: &[Agent]| -> Vec<usize> { agents.iter().map(|agent| agent.used.count()).collect() };
        for now in (2_000..20_000).step_by(2_000) {
            for at in 0..3 {
                agents[at].round(&mut ledger, now, true);
                no_slot_is_used_twice(&agents, now);
            }
        }
        assert_eq!(counts(&agents), [20, 20, 20]);
        // One is silent: it uses nothing after a while, and later the others have its slots.
        for now in (20_000..90_000).step_by(2_000) {
            for at in 0..3 {
                agents[at].round(&mut ledger, now, at != 1);
                no_slot_is_used_twice(&agents, now);
            }
        }
        assert_eq!(counts(&agents), [30, 0, 30]);
        // It is back.
        for now in (90_000..110_000).step_by(2_000) {
            for at in 0..3 {
                agents[at].round(&mut ledger, now, true);
                no_slot_is_used_twice(&agents, now);
            }
        }
        assert_eq!(counts(&agents), [20, 20, 20]);
        assert_eq!(ledger.clone().without("a").owned("a").count(), 0);
    }

    #[test]
    fn servers_that_were_down_make_nobody_think_that_others_are_gone() {
        let mut ledger = Ledger::default();
        let mut agents: Vec<Agent> = ["a", "b"].map(Agent::new).into();
        for now in (0..10_000).step_by(2_000) {
            agents.iter_mut().for_each(|agent| agent.round(&mut ledger, now, true));
        }
        for now in (10_000..3_610_000).step_by(2_000) {
            agents.iter_mut().for_each(|agent| agent.round(&mut ledger, now, false));
        }
        assert_eq!(agents[0].used.count() + agents[1].used.count(), 0);
        // The first one that is back has seen the other's last beat, and finds it still there.
        agents[1].round(&mut ledger, 3_610_000, true);
        assert_eq!(ledger.agents.len(), 2);
        assert_eq!(agents[1].used.count(), 30);
    }

    #[test]
    fn any_order_of_rounds_and_silences_is_safe() {
        let mut random = 42_u64;
        let mut roll = |sides: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % sides
        };
        let mut ledger = Ledger::default();
        let mut agents: Vec<Agent> = ["d", "a", "c", "b"].map(Agent::new).into();
        let mut silent = [0_i64; 4];
        for step in 0..40_000_i64 {
            let now = step * 250;
            let at = usize::try_from(roll(4)).unwrap();
            if roll(400) == 0 {
                silent[at] = now + i64::try_from(roll(100_000)).unwrap();
            }
            let speaks = silent[at] < now;
            agents[at].round(&mut ledger, now, speaks);
            // Each looks at the clock that often, whatever it waits for.
            for agent in &mut agents {
                if now - agent.renewed > FENCE {
                    agent.used = Slots::NONE;
                }
            }
            no_slot_is_used_twice(&agents, now);
        }
        assert!(agents.iter().any(|agent| agent.used.count() > 0));
    }
}
