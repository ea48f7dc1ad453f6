//! The committed header is the one that the sources make.

#![allow(clippy::unwrap_used)] // a test

#[path = "../examples/header.rs"]
#[allow(dead_code)]
mod generator;

#[test]
fn the_committed_header_is_up_to_date() {
    let made = String::from_utf8(generator::header().unwrap()).unwrap();
    let committed = include_str!("../../include/freesmtp.h");
    let difference = made.lines().zip(committed.lines()).enumerate().find(|(_, (made, held))| made != held);
    assert!(
        made == committed,
        "include/freesmtp.h differs from the sources (first at {difference:?}); run\n\
         cargo run -p freesmtp-ffi --example header > include/freesmtp.h"
    );
}
