//! Who asks beside the agent's own user and root, and how much of the socket they may have.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The most connections of all of them together. The rest is kept for who looks after the agent.
const ALL: usize = 192;

/// The most connections of one user.
const EACH: usize = 32;

/// The connections of each user.
#[derive(Debug, Default)]
pub(super) struct Guests(Mutex<HashMap<u32, usize>>);

/// A connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    guests: Arc<Guests>,
    user: u32,
}

impl Guests {
    /// A place for one more connection of that user, if there is one.
    pub(super) fn admit(self: &Arc<Self>, user: u32) -> Option<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = places.values().sum();
        let own = places.get(&user).copied().unwrap_or_default();
        if all >= ALL || own >= EACH {
            return None;
        }
        places.insert(user, own + 1);
        Some(Place { guests: Arc::clone(self), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get_mut(&self.user) {
            Some(own) if *own > 1 => *own -= 1,
            _ => _ = places.remove(&self.user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(guests: &Arc<Guests>, user: u32) -> Vec<Place> {
        std::iter::from_fn(|| guests.admit(user)).collect()
    }

    #[test]
    fn one_user_leaves_places_for_others() {
        let guests = Arc::default();
        let mut first = taken(&guests, 1000);
        assert_eq!(first.len(), EACH);
        assert!(guests.admit(1001).is_some());
        first.pop();
        assert!(guests.admit(1000).is_some(), "a place that is free is given again");
    }

    #[test]
    fn all_of_them_have_a_bound() {
        let guests = Arc::default();
        let held: Vec<Place> = (1000..1020).flat_map(|user| taken(&guests, user)).collect();
        assert_eq!(held.len(), ALL);
        drop(held);
        assert!(guests.0.lock().unwrap().is_empty(), "nothing is kept of who has left");
    }
}
