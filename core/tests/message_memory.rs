//! Memory does not grow with an attachment: a gibibyte from a file and from a stream, in a process of its own.

#![cfg(target_os = "linux")]
// Helpers outside of test functions may fail the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use freesmtp_core::message::{BodyPartFormat, Date, EmailMessage, Files, Form, OpenedFile, Stamp, Stream};

/// A gibibyte; without optimisation a part of it, which is as far beyond the limit and takes no minutes.
const SIZE: u64 = if cfg!(debug_assertions) { 1 << 27 } else { 1 << 30 };
/// What a gibibyte may cost more than nothing.
const MOST: u64 = 12 << 20;

struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<OpenedFile> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(OpenedFile { reader: Box::new(file), size })
    }
}

/// The peak of this process's memory, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Composes and throws away; answers how many octets there were.
fn discard(message: &EmailMessage) -> u64 {
    let stamp = Stamp { date: Date::utc(0), random: [1; 24], host: "host.example".into() };
    let mut composed = message.compose(&stamp, &Disk, Form::default()).unwrap();
    let (mut octets, mut piece) = (0, Vec::new());
    loop {
        piece.clear();
        let more = composed.read(&mut piece).unwrap();
        octets += piece.len() as u64;
        if !more {
            assert_eq!(composed.exact_size(), Some(octets));
            return octets;
        }
    }
}

#[test]
fn a_gibibyte_takes_no_more_memory_than_nothing() {
    let base = || {
        EmailMessage::quick("to@example.com", "from@example.com", "Subject", "Text.\n", BodyPartFormat::Plain)
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.bin");
    // A file without blocks: it takes no space on the disk.
    File::create(&path).unwrap().set_len(SIZE).unwrap();
    let empty = folder.path().join("empty.bin");
    File::create(&empty).unwrap();

    let mut message = base();
    message.attach_file(&empty);
    discard(&message);
    let before = peak();

    let mut message = base();
    message.attach_file(&path);
    assert!(discard(&message) > SIZE / 3 * 4);
    let mut message = base();
    message.attach_stream("large.bin", Stream::new(io::repeat(7).take(SIZE)));
    assert!(discard(&message) > SIZE / 3 * 4);
    let after = peak();
    assert!(after - before < MOST, "{before} bytes before, {after} after");
}
