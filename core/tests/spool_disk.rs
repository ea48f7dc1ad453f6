//! A disk that loses its power, and one that is full.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]

mod spooled;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use freesmtp_core::{
    ErrorKind,
    spool::{Durability, Id, Message, Spool},
};
use spooled::{Mounted, Submitter, Work, can_mount, message, number, read_all, segments, to};

/// What the processes of these tests do.
#[test]
#[ignore = "the others start it, as a process of its own"]
fn child() {
    spooled::submit_as_told();
}

/// An ext4 file system in a file, with a spool in it.
struct Disk {
    folder: tempfile::TempDir,
    image: PathBuf,
    mounted: Mounted,
}

impl Disk {
    fn new() -> Option<Self> {
        if !can_mount() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk");
        fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no mkfs.ext4");
            return None;
        }
        let mounted = Mounted::image(folder.path().join("mounted"), &image)?;
        Spool::open(mounted.0.join("spool")).unwrap();
        // What was there long before survives in any case.
        assert!(Command::new("sync").arg("-f").arg(&mounted.0).status().unwrap().success());
        Some(Self { folder, image, mounted })
    }

    fn spool(&self) -> PathBuf {
        self.mounted.0.join("spool")
    }

    /// What the disk has at this moment, as if the power went: all messages of a copy of it, after its recovery.
    fn after_a_power_cut(&self, round: usize) -> std::collections::HashMap<Id, Vec<u8>> {
        let copy = self.folder.path().join(format!("copy {round}"));
        // Not with `fs::copy`, which may ask the disk to finish first.
        let bytes = fs::read(&self.image).unwrap();
        fs::write(&copy, bytes).unwrap();
        let mounted = Mounted::image(self.folder.path().join(format!("recovered {round}")), &copy).unwrap();
        let all = read_all(&mounted.0.join("spool"));
        drop(mounted);
        fs::remove_file(copy).unwrap();
        all
    }
}

/// Stops a process that submits at some moments, cuts the power there, and counts the messages that it was told of and that
/// are lost.
fn lost_by_power_cuts(work: Work, rounds: usize) -> Option<(usize, usize)> {
    let disk = Disk::new()?;
    let submitter = Submitter::start(&disk.spool(), work);
    let process = rustix::process::Pid::from_child(&submitter.process);
    let signal = |signal| rustix::process::kill_process(process, signal).unwrap();
    let (mut told, mut lost) = (submitter.wait_for_ids(1), 0);
    for round in 0..rounds {
        thread::sleep(Duration::from_millis(25 * u64::try_from(round).unwrap()));
        signal(rustix::process::Signal::STOP);
        told.extend(submitter.told(false));
        let there = disk.after_a_power_cut(round);
        lost += told.iter().filter(|(id, _)| !there.contains_key(id)).count();
        for (id, n) in told.iter().filter(|(id, _)| there.contains_key(id)) {
            assert_eq!(number(&there[id]), *n);
        }
        signal(rustix::process::Signal::CONT);
    }
    submitter.kill();
    Some((told.len(), lost))
}

const SINGLE: Work = Work { count: None, threads: 1, group: 0, durability: Durability::Full, user: None };

#[test]
fn what_was_told_under_full_survives_a_power_cut() {
    for work in [SINGLE, Work { threads: 3, group: 5, ..SINGLE }] {
        let Some((told, lost)) = lost_by_power_cuts(work, 4) else { return };
        assert_eq!(lost, 0, "of {told}");
        assert!(told > 10, "{told}");
    }
}

/// Without the sync the test above has to fail: this is what shows that it can.
#[test]
fn what_was_told_without_a_sync_does_not() {
    let Some((told, lost)) = lost_by_power_cuts(Work { durability: Durability::None, ..SINGLE }, 1) else {
        return;
    };
    assert!(lost > 0, "of {told}");
}

#[test]
fn what_waits_for_a_sync_is_safe_after_it() {
    let Some(disk) = Disk::new() else { return };
    let spool = Spool::open(disk.spool()).unwrap();
    let submit =
        |n, durability| spool.submit(&to("a@b.example"), Message::Bytes(&message(n)), durability).unwrap();
    let before: Vec<_> = (0..10).map(|n| submit(n, Durability::Batch)).collect();
    let missing = |ids: &[Id], round| {
        let there = disk.after_a_power_cut(round);
        ids.iter().filter(|id| !there.contains_key(id)).count()
    };
    assert!(missing(&before, 0) > 0, "nothing was synced yet");
    spool.sync().unwrap();
    assert_eq!(missing(&before, 1), 0);
    let again = submit(11, Durability::Batch);
    let full = submit(12, Durability::Full);
    assert_eq!(missing(&[again, full], 2), 0, "a sync is for all that came before");
    let last = submit(13, Durability::Batch);
    drop(spool);
    assert_eq!(missing(&[last], 3), 0, "the end of the segment syncs");
}

/// Submits until there is no room, and gives the ids.
fn fill(spool: &Spool, message: &[u8], durability: Durability) -> Vec<Id> {
    let mut ids = Vec::new();
    loop {
        match spool.submit(&to("a@b.example"), Message::Bytes(message), durability) {
            Ok(id) => ids.push(id),
            Err(error) => {
                assert_eq!((error.kind(), error.field()), (ErrorKind::Spool, Some("SpoolPath")));
                assert_eq!(error.io_kind(), Some(std::io::ErrorKind::StorageFull), "{error}");
                assert!(error.is_temporary() && error.message().contains("nothing was submitted"), "{error}");
                return ids;
            }
        }
    }
}

fn is_whole(spool: &Path, ids: &[Id], length: usize) {
    let there = read_all(spool);
    assert_eq!(there.len(), ids.len(), "what failed is not there");
    assert!(ids.iter().all(|id| there[id].len() == length));
    for segment in segments(spool) {
        let (_, others) = spooled::read(&segment);
        assert!(
            matches!(others[..], [freesmtp_core::spool::Next::Wait | freesmtp_core::spool::Next::End]),
            "{others:?}"
        );
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_half_stays() {
    if !can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (i, length) in [300, 50_000, 1_500_000].into_iter().enumerate() {
        let Some(mounted) = Mounted::tmpfs(folder.path().join(i.to_string()), "8m") else { return };
        let path = mounted.0.join("spool");
        // It takes the room too that submitters leave.
        let spool = Spool::open(&path).unwrap().for_agent();
        let message = vec![b'x'; length];
        let mut ids = fill(&spool, &message, Durability::Full);
        is_whole(&path, &ids, length);
        let files = || fs::read_dir(path.join("bodies")).unwrap().count();
        assert_eq!(files(), if length > 1 << 20 { ids.len() } else { 0 });
        // A group has no room either, whether it is in memory or in a segment of its own.
        for count in [3, 40] {
            let message = vec![b'y'; 400_000];
            let mut group = spool.group(Durability::Full);
            let added = (0..count)
                .try_for_each(|_| group.add(&to("a@b.example"), Message::Bytes(&message)).map(drop));
            let error = added.and_then(|()| group.commit()).unwrap_err();
            assert_eq!(error.io_kind(), Some(std::io::ErrorKind::StorageFull), "{error}");
            is_whole(&path, &ids, length);
        }
        // With room again, the same object goes on.
        let first = segments(&path).remove(0);
        if length > 1 << 20 {
            fs::remove_file(path.join(format!("bodies/{}.eml", ids.remove(0)))).unwrap();
            continue;
        }
        fs::remove_file(first).unwrap();
        let more = fill(&spool, &message, Durability::None);
        assert!(!more.is_empty());
        let there = read_all(&path);
        assert!(more.iter().all(|id| there.contains_key(id)));
    }
}

/// A full disk is emptied by the agent, which has to write down what it has delivered: others leave it room for that.
#[test]
fn submitters_leave_room_for_the_agent() {
    const KEPT: u64 = 8 << 20;
    if !can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (i, length) in [300, 50_000, 1_500_000].into_iter().enumerate() {
        let Some(mounted) = Mounted::tmpfs(folder.path().join(i.to_string()), "24m") else { return };
        let path = mounted.0.join("spool");
        let free = || {
            let disk = rustix::fs::statvfs(&mounted.0).unwrap();
            disk.f_bavail * disk.f_frsize
        };
        let spool = Spool::open(&path).unwrap();
        let message = vec![b'x'; length];
        let ids = fill(&spool, &message, Durability::Full);
        assert!(free() >= KEPT, "{} octets are left", free());
        assert!(free() < KEPT + (4 << 20) + length as u64, "{} octets are left", free());
        is_whole(&path, &ids, length);
        // Neither for a group, in memory or in a segment of its own, nor for another process.
        for count in [20, 40] {
            let message = vec![b'y'; 400_000];
            let mut group = spool.group(Durability::Full);
            let added = (0..count)
                .try_for_each(|_| group.add(&to("a@b.example"), Message::Bytes(&message)).map(drop));
            let error = added.and_then(|()| group.commit()).unwrap_err();
            assert_eq!(error.io_kind(), Some(std::io::ErrorKind::StorageFull), "{error}");
            assert!(free() >= KEPT, "{} octets are left", free());
        }
        assert_eq!(fill(&spool, &[b'z'; 6_000_000], Durability::None), []);
        let more = fill(&Spool::open(&path).unwrap(), &message, Durability::None);
        assert!(free() >= KEPT, "{} octets are left", free());
        let all: Vec<Id> = ids.into_iter().chain(more).collect();
        is_whole(&path, &all, length);
        let report = spool.for_agent();
        report.submit(&to("a@b.example"), Message::Bytes(&message), Durability::Full).unwrap();
    }
}

#[test]
fn a_disk_that_is_read_only_is_said() {
    if !can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::tmpfs(folder.path().join("disk"), "8m") else { return };
    let spool = Spool::open(mounted.0.join("spool")).unwrap();
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&mounted.0).status().unwrap();
    assert!(remounted.success());
    let submit = |spool: &Spool| spool.submit(&to("a@b.example"), Message::Bytes(b"x\r\n"), Durability::Full);
    for error in [
        submit(&spool).unwrap_err(),
        submit(&Spool::open(mounted.0.join("spool")).unwrap()).unwrap_err(),
        Spool::open(mounted.0.join("other")).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.field()), (ErrorKind::Spool, Some("SpoolPath")));
        assert_eq!(error.io_kind(), Some(std::io::ErrorKind::ReadOnlyFilesystem), "{error}");
    }
}
