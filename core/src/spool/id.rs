//! The name of a message in the spool.

use std::{fmt, str::FromStr};

use crate::{
    error::{Error, ErrorKind},
    types::{Moment, Stage, shown},
};

/// The name of a message in the spool: a ULID, 48 bits of time in milliseconds since 1970 and 80 random bits, written as
/// 26 characters of Crockford's base 32. Those of later milliseconds are greater, as text too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u128);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS: usize = 26;

impl Id {
    /// The id of that moment, in milliseconds since 1970, with those random bytes; their last ten are used.
    #[must_use]
    pub fn new(unix_ms: u64, random: [u8; 16]) -> Self {
        let random = u128::from_be_bytes(random) & ((1 << 80) - 1);
        Self((u128::from(unix_ms & ((1 << 48) - 1)) << 80) | random)
    }

    /// The id as a number.
    #[must_use]
    pub fn number(self) -> u128 {
        self.0
    }

    /// The id with that number.
    #[must_use]
    pub fn from_number(number: u128) -> Self {
        Self(number)
    }

    /// When it was made, in milliseconds since 1970.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "48 bits are left")]
    pub fn unix_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// When it was made, to the second.
    #[must_use]
    pub fn moment(self) -> Moment {
        Moment::new(i64::try_from(self.unix_ms() / 1000).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; CHARACTERS];
        let mut rest = self.0;
        for place in text.iter_mut().rev() {
            *place = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl FromStr for Id {
    type Err = Error;

    /// Takes the 26 characters in any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digit = |b: u8| ALPHABET.iter().position(|c| *c == b.to_ascii_uppercase());
        let number = (text.len() == CHARACTERS)
            .then(|| {
                text.bytes().try_fold(0_u128, |number, b| {
                    // Of the 130 bits that 26 characters hold, the first two must be zero.
                    (number >> 123 == 0).then_some((number << 5) | digit(b)? as u128)
                })
            })
            .flatten();
        number.map(Self).ok_or_else(|| {
            let problem = format!("{} is no id of the spool, which has {CHARACTERS} characters", shown(text));
            Error::new(ErrorKind::Message, Stage::Compose, problem).with_field("Id")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_and_sorts_by_time() {
        let id = Id::new(1_469_918_176_385, [0xff; 16]);
        // The time of the example of the ULID specification.
        assert!(id.to_string().starts_with("01ARYZ6S41"), "{id}");
        assert_eq!(id.unix_ms(), 1_469_918_176_385);
        assert_eq!(id.moment().to_string(), "2016-07-30T22:36:16Z");
        assert_eq!(id.to_string().parse::<Id>().unwrap(), id);
        assert_eq!(id.to_string().to_lowercase().parse::<Id>().unwrap(), id);
        let later = Id::new(1_469_918_176_386, [0; 16]);
        assert!(later > id && later.to_string() > id.to_string());
        for number in [0, 1, u128::MAX, u128::MAX / 3] {
            assert_eq!(Id::from_number(number).to_string().parse::<Id>().unwrap().number(), number);
        }
    }

    #[test]
    fn what_is_no_id_is_an_error() {
        for text in [
            "",
            "01ARYZ6S41",
            "81ARYZ6S410000000000000000",
            "01ARYZ6S41000000000000000U",
            "ü1ARYZ6S41000000000000000",
        ] {
            assert_eq!(text.parse::<Id>().unwrap_err().field(), Some("Id"), "{text}");
        }
    }
}
