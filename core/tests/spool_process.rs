//! Processes that submit at the same time, and that are killed: what they were told stays, and nothing half is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]

mod spooled;

use std::{collections::HashSet, fs, thread, time::Duration};

use freesmtp_core::spool::{Durability, Next, Spool};
use spooled::{Submitter, Work, number, read, read_all, segments};

/// What the processes of these tests do.
#[test]
#[ignore = "the others start it, as a process of its own"]
fn child() {
    spooled::submit_as_told();
}

const SINGLE: Work = Work { count: None, threads: 1, group: 0, durability: Durability::Full, user: None };

#[test]
fn what_was_told_survives_a_kill_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    Spool::open(&path).unwrap();
    let works = [
        SINGLE,
        Work { threads: 4, ..SINGLE },
        Work { threads: 2, group: 7, ..SINGLE },
        // A kill is no power cut: the page cache is as good as the disk.
        Work { threads: 2, group: 3, durability: Durability::None, ..SINGLE },
        Work { threads: 2, durability: Durability::Batch, ..SINGLE },
    ];
    let mut told = Vec::new();
    for round in 0..20_usize {
        let submitter = Submitter::start(&path, works[round % works.len()]);
        let mut before = submitter.wait_for_ids(3);
        thread::sleep(Duration::from_micros(u64::try_from(round * round * 150).unwrap()));
        before.extend(submitter.kill());
        told.extend(before);
    }
    let there = read_all(&path);
    for (id, n) in &told {
        let bytes = there.get(id).unwrap_or_else(|| panic!("{id} was told, and is not there"));
        assert_eq!(number(bytes), *n);
    }
    // Of what nobody was told, only whole messages are there.
    let numbers: HashSet<_> = there.values().map(|bytes| number(bytes)).collect();
    assert_eq!(numbers.len(), there.len());
    for segment in segments(&path) {
        let (records, others) = read(&segment);
        let fine = matches!(others[..], [Next::End | Next::Torn { .. }]);
        assert!(fine, "{others:?}");
        // The file of a message is there for each record that names one; one without a record is for the agent to remove.
        assert!(records.len() <= there.len());
    }
    assert!(told.len() >= 60, "they did something: {}", told.len());
}

#[test]
fn processes_do_not_wait_for_each_other_nor_mix_their_messages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    Spool::open(&path).unwrap();
    let work = Work { count: Some(15), threads: 2, group: 2, ..SINGLE };
    // One stands still in the middle of its work, with its lock.
    let still = Submitter::start(&path, SINGLE);
    let mut told = still.wait_for_ids(1);
    let process = rustix::process::Pid::from_child(&still.process);
    rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    let submitters: Vec<_> = (0..8).map(|_| Submitter::start(&path, work)).collect();
    for submitter in submitters {
        let ids = submitter.end();
        assert_eq!(ids.len(), 15 * 2 * 3);
        told.extend(ids);
    }
    assert_eq!(segments(&path).len(), 9, "one for each");
    let waiting = segments(&path).iter().filter(|segment| read(segment).1 == [Next::Wait]).count();
    assert_eq!(waiting, 1, "the one that stands still lives");
    told.extend(still.kill());
    let there = read_all(&path);
    let ids: HashSet<_> = told.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), told.len(), "no id came twice");
    for (id, n) in told {
        assert_eq!(number(&there[&id]), n);
    }
    let hidden = fs::read_dir(path.join("incoming"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}
