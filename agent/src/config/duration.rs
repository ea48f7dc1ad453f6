//! A length of time as a person writes it.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de};

use crate::digits::digits;

/// A length of time: `90s`, `15m`, `4h`, `4d`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || format!("{text:?} is no length of time; write 90s, 15m, 4h or 4d");
        let text = text.trim();
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match &text[number.len()..] {
            "" | "s" => 1_000,
            "ms" => 1,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(problem()),
        };
        let number: u64 = digits(number.trim_end()).ok_or_else(problem)?;
        number.checked_mul(factor).map(|millis| Self(Duration::from_millis(millis))).ok_or_else(problem)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        match units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", millis / unit),
            None => write!(f, "{millis}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as 90s, 15m, 4h or 4d")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Span, E> {
                u64::try_from(seconds).map(Span::seconds).map_err(|_| E::custom("is below zero"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("4h", 14_400), ("4d", 345_600), ("7", 7)] {
            assert_eq!(text.parse(), Ok(Span::seconds(seconds)), "{text}");
        }
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
        for text in ["", "4 weeks", "-1s", "+1s", "1.5h", "h", "99999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!(Span::seconds(14_400).to_string(), "4h");
        assert_eq!(Span::seconds(90).to_string(), "90s");
    }
}
