//! Numbers as protocols write them.

use std::str::FromStr;

/// A number of decimal digits alone, as the grammars have it: the standard library takes a plus sign too.
pub(crate) fn digits<T: FromStr>(text: &str) -> Option<T> {
    Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|text| text.parse().ok())
}
