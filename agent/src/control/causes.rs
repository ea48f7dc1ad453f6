//! The causes that are told apart: so many, whatever a later version writes.

/// As many are told apart; there are fewer.
pub(super) const MOST: usize = 300;

/// The cause of those beyond, and of those without one.
pub(super) const OTHER: &str = "other";

/// The name to count a cause under, where so many are counted already, and whether it is one of them.
pub(super) fn name(cause: &str, counted: usize, is_one: impl FnOnce() -> bool) -> &str {
    if cause.is_empty() || (counted >= MOST && !is_one()) { OTHER } else { cause }
}
