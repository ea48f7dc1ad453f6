//! Clock and randomness, for the modules that take them as arguments.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::error::{Error, ErrorKind};
use crate::types::Stage;

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|source| {
        Error::new(
            ErrorKind::Internal,
            Stage::Compose,
            format!("the operating system gives no random bytes: {source}"),
        )
    })?;
    Ok(bytes)
}

/// Bytes that nobody can guess and that come once: for names of things, not for secrets. `now` is the time in nanoseconds.
///
/// They are taken from the system many at a time, because a call into it costs more than the rest of a short message.
/// A process that was forked has the same ones in store, so the moment is mixed in.
pub(crate) fn unique(now: u64) -> Result<[u8; 24], Error> {
    const AT_ONCE: usize = 64;
    thread_local! {
        static STORE: RefCell<Vec<[u8; 24]>> = const { RefCell::new(Vec::new()) };
    }
    let mut bytes = STORE.with_borrow_mut(|store| match store.pop() {
        Some(bytes) => Ok(bytes),
        None => {
            let fresh: [u8; 24 * AT_ONCE] = random()?;
            store.extend(fresh.as_chunks::<24>().0);
            Ok(store.pop().unwrap_or_default())
        }
    })?;
    // Each half is used by itself; both must differ for another moment.
    for half in bytes.chunks_exact_mut(12) {
        half.iter_mut().zip(spread(now)).for_each(|(byte, other)| *byte ^= other);
    }
    Ok(bytes)
}

/// A number for each number, with all its bits changed by each bit (the finalizer of `SplitMix64`).
fn spread(number: u64) -> [u8; 8] {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)).to_le_bytes()
}

/// Nanoseconds since 1970-01-01 UTC; before that, or without a clock, 0.
pub(crate) fn unix_nanoseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds since 1970-01-01 UTC; before that, or without a clock, 0.
pub(crate) fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_come_twice_even_from_the_same_store() {
        let halves = |now| {
            let bytes = unique(now).unwrap();
            [bytes[..12].to_vec(), bytes[12..].to_vec()]
        };
        let seen: HashSet<_> = (0..1000).flat_map(|_| halves(7)).collect();
        assert_eq!(seen.len(), 2000);
        // As after a fork: the same bytes in store, another moment.
        let moments: HashSet<_> = (0..1000).map(spread).collect();
        assert_eq!(moments.len(), 1000);
    }
}
