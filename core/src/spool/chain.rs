//! A list that only grows, without a lock.
//!
//! A child after a fork has the memory of its parent and one of its threads: a lock that another thread held stays locked
//! for ever. So what is looked up before a process knows which writer is its own must not be behind one.

use once_cell::race::OnceBox;

#[derive(Debug)]
pub(crate) struct Chain<T> {
    first: OnceBox<Link<T>>,
}

#[derive(Debug)]
struct Link<T> {
    value: T,
    next: OnceBox<Link<T>>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self { first: OnceBox::new() }
    }
}

impl<T> Chain<T> {
    /// The first that is the one looked for.
    pub(crate) fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<&T> {
        let mut place = &self.first;
        while let Some(link) = place.get() {
            if is_it(&link.value) {
                return Some(&link.value);
            }
            place = &link.next;
        }
        None
    }

    /// Adds one at the end and gives it.
    pub(crate) fn add(&self, value: T) -> &T {
        let mut link = Some(Box::new(Link { value, next: OnceBox::new() }));
        let mut place = &self.first;
        loop {
            match (place.get(), link.take()) {
                (Some(added), None) => return &added.value,
                // At the end of what is there, or another thread was quicker.
                (Some(other), left) => (place, link) = (&other.next, left),
                (None, left) => link = left.and_then(|link| place.set(link).err()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_is_all_there() {
        let chain = Chain::default();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let chain = &chain;
                scope.spawn(move || {
                    for n in 0..100 {
                        assert_eq!(*chain.add((thread, n)), (thread, n));
                    }
                });
            }
        });
        for thread in 0..8 {
            for n in 0..100 {
                assert!(chain.find(|value| *value == (thread, n)).is_some());
            }
        }
        assert!(chain.find(|value| value.0 == 8).is_none());
    }
}
