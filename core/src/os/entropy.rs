//! Clock and randomness, for the modules that take them as arguments.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
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

/// Two times twelve bytes that nobody can guess and that come once: for names of things, not for secrets. Who knows
/// some of them may know all. `now` is the time in nanoseconds.
///
/// Each thread has keys from the system, and mixes a number that grows with them: bytes from the system itself cost as
/// much as all the rest of a short message. A process that was forked has the same keys and goes on with the same
/// number, so the moment is mixed in too.
pub(crate) fn unique(now: u64) -> [u8; 24] {
    thread_local! {
        /// Two keys, and the number.
        static STATE: Cell<[u64; 3]> = {
            let system = RandomState::new();
            Cell::new([system.hash_one(0), system.hash_one(1), 0])
        };
    }
    let [first, second, number] = STATE.get();
    STATE.set([first, second, number.wrapping_add(1)]);
    // Neither two numbers at one moment nor one number at two moments give the same.
    let hash = mixed(mixed(number ^ first) ^ now ^ second);
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&hash.to_le_bytes());
    bytes[8..16].copy_from_slice(&now.to_le_bytes());
    // An odd factor keeps different ones different.
    bytes[16..].copy_from_slice(&hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    bytes
}

/// Another number for each number, every bit of which depends on every bit of that one (the finaliser of `SplitMix64`).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Seconds, and nanoseconds in all, since 1970-01-01 UTC; before that, or without a clock, 0.
pub(crate) fn unix_time() -> (i64, u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanoseconds = now.as_secs().saturating_mul(1_000_000_000).saturating_add(now.subsec_nanos().into());
    (i64::try_from(now.as_secs()).unwrap_or(i64::MAX), nanoseconds)
}

/// Seconds since 1970-01-01 UTC; before that, or without a clock, 0.
pub(crate) fn unix_seconds() -> i64 {
    unix_time().0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_come_twice_in_any_thread_at_any_moment() {
        let some = || -> Vec<[u8; 24]> { (0..1000).map(|number| unique(number / 2)).collect() };
        let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(some)).collect();
        let others = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        // Each half is used by itself.
        let halves = |bytes: [u8; 24]| bytes.as_chunks::<12>().0.to_vec();
        let seen: HashSet<_> = some().into_iter().chain(others).flat_map(halves).collect();
        assert_eq!(seen.len(), 6000);
    }
}
