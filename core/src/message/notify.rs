//! On what a sender wants to be told.

use std::{fmt, ops::BitOr, str::FromStr};

/// When the sender gets a report on the delivery to a recipient (RFC 3461 section 4.1): a set of
/// [`SUCCESS`](Self::SUCCESS), [`FAILURE`](Self::FAILURE) and [`DELAY`](Self::DELAY), or [`NEVER`](Self::NEVER).
///
/// The default says nothing: the servers then report failures, and most of them long delays.
///
/// ```
/// use freesmtp_core::message::Notify;
///
/// let notify = Notify::SUCCESS | Notify::FAILURE;
/// assert_eq!(notify.to_string(), "success,failure");
/// assert_eq!("Success, Failure".parse(), Ok(notify));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notify(u8);

impl Notify {
    /// Nothing is said.
    pub const DEFAULT: Self = Self(0);
    /// When the message was delivered.
    pub const SUCCESS: Self = Self(1);
    /// When it could not be delivered.
    pub const FAILURE: Self = Self(2);
    /// When delivery takes unusually long.
    pub const DELAY: Self = Self(4);
    /// No report, whatever happens; it goes with no other.
    pub const NEVER: Self = Self(8);

    /// Each value with its name.
    const NAMES: [(Self, &'static str); 4] = [
        (Self::NEVER, "never"),
        (Self::SUCCESS, "success"),
        (Self::FAILURE, "failure"),
        (Self::DELAY, "delay"),
    ];

    /// The number of the object API, the same in every language: the sum of 1, 2, 4 and 8.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The set with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        (number < 16).then_some(Self(number))
    }

    /// Whether `other` is in it.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether it contradicts itself.
    pub(super) fn is_contradiction(self) -> bool {
        self.contains(Self::NEVER) && self != Self::NEVER
    }
}

impl BitOr for Notify {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Notify {
    /// The names, separated by commas; nothing for the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            Self::NAMES.iter().filter(|(value, _)| self.contains(*value)).map(|(_, name)| *name).collect();
        f.pad(&names.join(","))
    }
}

impl FromStr for Notify {
    type Err = ();

    /// Takes names in any case, separated by commas; an empty text, or `default`, says nothing.
    fn from_str(s: &str) -> Result<Self, ()> {
        let s = s.trim();
        if s.is_empty() || s.eq_ignore_ascii_case("default") {
            return Ok(Self::DEFAULT);
        }
        s.split(',').try_fold(Self::DEFAULT, |set, word| {
            let found = Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(word.trim()));
            found.map(|(value, _)| set | *value).ok_or(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_comes_back() {
        for number in 0..16 {
            let set = Notify::from_number(number).unwrap();
            assert_eq!(set.number(), number);
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(set.is_contradiction(), number > 8);
        }
        assert_eq!(Notify::from_number(16), None);
        assert_eq!("DELAY,success,delay".parse(), Ok(Notify::SUCCESS | Notify::DELAY));
        assert_eq!("default".parse(), Ok(Notify::DEFAULT));
        for text in ["success;delay", "success,", "often", "none"] {
            assert_eq!(text.parse::<Notify>(), Err(()), "{text}");
        }
    }
}
