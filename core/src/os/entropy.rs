//! Clock and randomness, for the modules that take them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

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

/// Seconds since 1970-01-01 UTC; before that, or without a clock, 0.
pub(crate) fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
