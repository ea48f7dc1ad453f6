//! Every target under libFuzzer, in one program: `FREESMTP_FUZZ` names the one.

#![no_main]

use std::sync::OnceLock;

use freesmtp_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("FREESMTP_FUZZ").unwrap_or_default();
        freesmtp_fuzz::target(&name).unwrap_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            eprintln!("FREESMTP_FUZZ is {name:?}; it names one of {}", names.join(", "));
            std::process::exit(2)
        })
    })
}

fuzz_target!(|data: &[u8]| chosen()(data));
