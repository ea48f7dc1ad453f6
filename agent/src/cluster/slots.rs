//! Who may open which of a destination's sessions: limits that agents keep together, without a word for each session.
//!
//! Theory: all sessions of all destinations belong to sixty slots, and a slot to one agent at most. The first session that
//! a limit allows belongs to a slot that the destination's name says, the next one to the slot after it, and so on around.
//! So an agent knows from its slots alone how many sessions it may open, and all agents together never open more than the
//! limit.

/// Slots that there are: sixty, so that two to six agents have the same number of every run of them.
pub(super) const SLOTS: usize = 60;

/// Some of the slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots(u64);

impl Slots {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        (0..SLOTS).collect()
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, slot: usize) -> bool {
        slot < SLOTS && self.0 & (1 << slot) != 0
    }

    /// These, without one of them.
    #[must_use]
    pub fn without(self, slot: usize) -> Self {
        if self.has(slot) { Self(self.0 & !(1 << slot)) } else { self }
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in these and not in the others.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..SLOTS).filter(move |slot| self.has(*slot))
    }

    /// How many of the sessions that a destination's limit allows belong to them.
    #[must_use]
    pub fn share(self, destination: &str, limit: usize) -> usize {
        let first = first(destination);
        let rest = (0..limit % SLOTS).filter(|session| self.has((first + session) % SLOTS)).count();
        limit / SLOTS * self.count() + rest
    }

    /// Which part of all they are, from 0 to 1.
    #[must_use]
    pub fn part(self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "both are at most sixty")]
        let part = self.count() as f64 / SLOTS as f64;
        part
    }
}

impl FromIterator<usize> for Slots {
    fn from_iter<I: IntoIterator<Item = usize>>(slots: I) -> Self {
        Self(slots.into_iter().filter(|slot| *slot < SLOTS).fold(0, |all, slot| all | 1 << slot))
    }
}

/// The slot of a destination's first session: the same with every agent and every version, so no hash of a library's that
/// may change (FNV-1a).
fn first(destination: &str) -> usize {
    let hash = destination.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    // The high bits are mixed best.
    usize::try_from((hash >> 32) % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_all_agents_are_the_limit() {
        for agents in 1..=9 {
            let slots =
                |agent: usize| -> Slots { (0..SLOTS).filter(|slot| slot % agents == agent).collect() };
            for (name, limit) in
                [("example.org", 10), ("example.net", 1), ("a", 20), ("b", 59), ("c", 60), ("d", 1_234)]
            {
                let shares: Vec<usize> = (0..agents).map(|agent| slots(agent).share(name, limit)).collect();
                assert_eq!(shares.iter().sum::<usize>(), limit, "{name} {agents}");
                let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
                // Sixty is no multiple of seven, eight and nine.
                let unequal = if SLOTS.is_multiple_of(agents) { 1 } else { 1 + limit.div_ceil(SLOTS) };
                assert!(most - least <= unequal, "{name} {agents}: {shares:?}");
            }
        }
    }

    #[test]
    fn a_destination_keeps_its_first_slot() {
        assert_eq!([first("example.org"), first("mx.example.net"), first("")], [51, 47, 4]);
        assert_eq!(Slots::NONE.share("a", 1_000), 0);
        assert_eq!(Slots::all().share("a", 1_000), 1_000);
    }
}
