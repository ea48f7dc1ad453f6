//! Clock and randomness, for the modules that take them as arguments.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
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
/// Each thread has a key from the system, and hashes a number that grows with it: bytes from the system itself cost as
/// much as all the rest of a short message. A process that was forked has the same key and goes on with the same
/// number, so the moment is hashed too.
pub(crate) fn unique(now: u64) -> [u8; 24] {
    thread_local! {
        static KEY: RandomState = RandomState::new();
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    let number = NUMBER.replace(NUMBER.get().wrapping_add(1));
    let mut asked = [0; 16];
    asked[..8].copy_from_slice(&number.to_le_bytes());
    asked[8..].copy_from_slice(&now.to_le_bytes());
    let hash = KEY.with(|key| {
        let mut hasher = key.build_hasher();
        hasher.write(&asked);
        hasher.finish()
    });
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&hash.to_le_bytes());
    bytes[8..16].copy_from_slice(&asked[8..]);
    // An odd factor keeps different ones different.
    bytes[16..].copy_from_slice(&hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    bytes
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
