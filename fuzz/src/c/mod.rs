//! The C interface, called as a C program may call it: any functions of the header in any order, over handles that are alive,
//! with texts that are NULL, hold NUL, are no UTF-8 or very long, with any numbers and callbacks.
//!
//! Nothing is read or written that is not the call's (`AddressSanitizer`), no call is a fault of the library (kind 900),
//! every text that it gives is UTF-8 and ends in NUL, what was given is let go of once, and nothing is left (`LeakSanitizer`).
//! What was set reads back the same, what was added is there, and a call that failed has changed nothing of it.
//! `build.rs` writes the calls from `include/freesmtp.h`.

// It is the C side of the ABI: pointers are what it is about.
#![allow(unsafe_code)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number is one to try")]
#![allow(
    clippy::unnecessary_cast,
    clippy::semicolon_if_nothing_returned,
    clippy::let_unit_value,
    unused_variables,
    reason = "the calls are generated"
)]

mod arguments;
mod callbacks;
mod kept;
mod world;

use std::{
    ffi::{c_int, c_void},
    ptr,
    sync::OnceLock,
};

// Its functions are found by their symbols.
use freesmtp_c as _;

use kept::Value;
use world::World;

/// What makes a call.
type Call = fn(&mut World<'_>);

/// More calls say no more.
const MOST_CALLS: usize = 100;

/// They open the spool or ask the agent, which is more of a system than Miri has: there they get NULL for everything.
const FOREIGN: &[&str] = &[
    "freesmtp_smtp_submit_to_spool",
    "freesmtp_smtp_submit_bulk",
    "freesmtp_smtp_submit_bulk_merge",
    "freesmtp_smtp_submit_bulk_merge_n",
    "freesmtp_smtp_sync_spool",
    "freesmtp_spool_status_get",
    "freesmtp_blast_status_get",
    "freesmtp_blast_pause",
    "freesmtp_blast_resume",
    "freesmtp_blast_cancel",
];

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

pub(crate) fn target(data: &[u8]) {
    let mut world = World::new(data);
    for _ in 0..MOST_CALLS {
        let Some(place) = world.drawn() else { break };
        let (name, call) = at(place);
        if shows() {
            eprintln!("{name}");
        }
        if cfg!(miri) && FOREIGN.contains(name) {
            world.alone();
        }
        call(&mut world);
        world.after();
    }
    world.end();
}

/// Whether the calls are told as they are made, for whoever writes a seed or looks into a crash.
fn shows() -> bool {
    static SHOWS: OnceLock<bool> = OnceLock::new();
    *SHOWS.get_or_init(|| std::env::var_os("FREESMTP_FUZZ_SHOWS").is_some())
}

/// The function at that place of a ring on which each has a place by its name: a header with one more leaves most inputs
/// as they were.
fn at(place: u16) -> &'static (&'static str, Call) {
    static RING: OnceLock<Vec<(u16, usize)>> = OnceLock::new();
    let ring = RING.get_or_init(|| {
        let places = CALLS.iter().enumerate().map(|(index, (name, _))| (hash(name), index));
        let mut ring: Vec<_> = places.collect();
        ring.sort_unstable();
        ring
    });
    let index = ring.partition_point(|(own, _)| *own < place);
    &CALLS[ring[index % ring.len()].1]
}

/// FNV-1a, folded.
fn hash(name: &str) -> u16 {
    let hash =
        name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 16) as u16 ^ hash as u16
}
