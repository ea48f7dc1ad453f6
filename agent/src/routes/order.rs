//! The order of what is equally good.
//!
//! Equal servers are taken in random order, to share the load (RFC 5321 section 5.1). The order is the same for all domains
//! with the same servers, and for some minutes, so that their connections are used by all; then it is another.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash},
    time::{Duration, Instant},
};

/// How long an order holds.
const TURN: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(super) struct Order {
    keys: RandomState,
    began: Instant,
}

impl Order {
    pub(super) fn new() -> Self {
        Self { keys: RandomState::new(), began: Instant::now() }
    }

    /// The turn it is now.
    pub(super) fn turn(&self) -> u64 {
        self.began.elapsed().as_secs() / TURN.as_secs()
    }

    /// The place of a thing in that turn: the same for the same thing, and else by chance.
    pub(super) fn place(&self, turn: u64, thing: &impl Hash) -> u64 {
        self.keys.hash_one((turn, thing))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_order_holds_for_a_turn_and_changes_with_it() {
        let order = Order::new();
        let sorted = |turn: u64, mut names: Vec<&'static str>| {
            names.sort_by_key(|name| order.place(turn, name));
            names
        };
        let mut orders = HashSet::new();
        for turn in 0..200 {
            let one = sorted(turn, vec!["a", "b", "c"]);
            assert_eq!(one, sorted(turn, vec!["c", "b", "a"]));
            orders.insert(one);
        }
        assert_eq!(orders.len(), 6);
        assert_eq!(order.turn(), 0);
    }
}
