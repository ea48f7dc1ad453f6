//! What is fuzzed: a function for each target, which takes any bytes and panics where freesmtp does not keep its word.
//!
//! `fuzz/libfuzzer` runs them under libFuzzer (`make fuzz SECONDS=60`); `tests/replay.rs` gives them what was found before,
//! `corpus/TARGET/` and `crashes/TARGET/`, as a part of every test. A target that only asks for «no panic» is a weak one:
//! each says at its head what has to hold.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a target tells what it found by a panic"
)]

mod addresses;
#[cfg(feature = "c")]
mod c;
mod diagnoses;
mod encoders;
#[cfg(feature = "agent")]
mod entrance;
#[cfg(feature = "agent")]
mod exchange;
#[cfg(feature = "agent")]
mod http;
#[cfg(feature = "agent")]
mod json;
#[cfg(feature = "agent")]
mod listener;
mod login;
mod pickup;
mod play;
mod raw;
mod redactor;
mod replies;
mod segments;
#[cfg(feature = "agent")]
mod sendmail;
mod session;
mod stuffing;

/// A target.
pub type Target = fn(&[u8]);

/// Every target and its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("replies", replies::target),
    ("session_bytes", session::bytes),
    ("session", session::target),
    ("login", login::target),
    ("redactor", redactor::target),
    ("addresses", addresses::target),
    ("raw", raw::target),
    ("encoders", encoders::target),
    ("stuffing", stuffing::target),
    ("segments", segments::target),
    ("pickup", pickup::target),
    ("diagnoses", diagnoses::target),
    ("explain", diagnoses::transcript),
    #[cfg(feature = "agent")]
    ("listener", listener::target),
    #[cfg(feature = "agent")]
    ("exchange", exchange::target),
    #[cfg(feature = "agent")]
    ("entrance", entrance::target),
    #[cfg(feature = "agent")]
    ("sendmail", sendmail::target),
    #[cfg(feature = "agent")]
    ("json", json::target),
    #[cfg(feature = "agent")]
    ("http", http::target),
    #[cfg(feature = "c")]
    ("c", c::target),
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(own, _)| *own == name).map(|(_, target)| *target)
}

/// What an input says, in the form of that type; the last field has the rest of the bytes.
fn read<'a, T: arbitrary::Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(arbitrary::Unstructured::new(data)).ok()
}

/// Where files of a target are: in memory, if there is such a place.
fn memory() -> std::path::PathBuf {
    let memory = std::path::PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}
