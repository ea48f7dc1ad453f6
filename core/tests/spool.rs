//! What is handed over is read back as it was, and nothing else is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Barrier,
    time::Duration,
};

use freesmtp_core::{
    EmailMessage, ErrorKind,
    spool::{
        Body, Durability, Envelope, Id, Message, Next, Recipient, Record, SegmentReader, Spool, badmail,
        content_digest,
        pickup::{self, PickupFile},
        read_message,
    },
};

fn spool() -> (tempfile::TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("spool")).unwrap();
    (folder, spool)
}

fn to(email: &str) -> Envelope {
    Envelope {
        reverse_path: "sender@example.com".into(),
        recipients: vec![Recipient::new(email)],
        ..Envelope::default()
    }
}

fn segments(spool: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(spool.join("incoming")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.collect();
    found.sort();
    assert!(found.iter().all(|path| path.extension().is_some_and(|end| end == "seg")), "{found:?}");
    found
}

/// Every record of a segment, and what is said at its end.
fn read(segment: &Path) -> (Vec<Record>, Next) {
    let mut reader = SegmentReader::open(segment, 0).unwrap();
    let mut records = Vec::new();
    loop {
        match reader.next().unwrap() {
            Next::Record(record) => {
                assert_eq!(reader.offset(), record.end);
                records.push(*record);
            }
            end => return (records, end),
        }
    }
}

fn text(spool: &Path, segment: &Path, body: &Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    read_message(spool, segment, body).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Every message of a spool by its id, in no order.
fn read_all(spool: &Path) -> Vec<(Id, Vec<u8>)> {
    let mut all = Vec::new();
    for segment in segments(spool) {
        all.extend(read(&segment).0.into_iter().map(|r| (r.id, text(spool, &segment, &r.body))));
    }
    all
}

#[test]
fn a_long_message_has_a_file_of_its_own() {
    let (_folder, spool) = spool();
    let long = [b"Message-ID: <long@x>\r\n\r\n".to_vec(), vec![b'x'; 3 << 20]].concat();
    for length in [1 << 20, (1 << 20) + 1, long.len()] {
        let message = &long[..length];
        let of_bytes = spool.submit(&to("a@b.example"), Message::Bytes(message), Durability::Full).unwrap();
        let mut reader = message;
        let of_reader =
            spool.submit(&to("a@b.example"), Message::reader(&mut reader), Durability::None).unwrap();
        let all = read_all(spool.path());
        for id in [of_bytes, of_reader] {
            let (_, bytes) = all.iter().find(|(found, _)| *found == id).unwrap();
            assert!(bytes == message, "{length}");
            assert_eq!(spool.path().join(format!("bodies/{id}.eml")).exists(), length > 1 << 20);
        }
    }
    let records = read(&segments(spool.path())[0]).0;
    assert!(records.iter().all(|record| record.message_id == "<long@x>"));
    // What was changed or cut since is not taken for the message.
    let last = records.last().unwrap();
    let Body::File { name, .. } = &last.body else { panic!("it is long") };
    let path = spool.path().join("bodies").join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[1 << 20] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let segment = &segments(spool.path())[0];
    let read_it = || {
        read_message(spool.path(), segment, &last.body).map(|mut reader| reader.read_to_end(&mut Vec::new()))
    };
    assert!(read_it().unwrap().is_err());
    fs::write(&path, &bytes[1..]).unwrap();
    assert_eq!(read_it().unwrap_err().kind(), ErrorKind::Spool);
}

#[test]
fn a_reader_that_fails_leaves_nothing_behind() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let length = out.len().min(self.0);
            self.0 -= length;
            if length == 0 { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(length) }
        }
    }
    let (_folder, spool) = spool();
    for length in [0, 10, 2 << 20] {
        let error = spool
            .submit(&to("a@b.example"), Message::reader(&mut Failing(length)), Durability::Full)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileIo);
    }
    assert_eq!(fs::read_dir(spool.path().join("bodies")).unwrap().count(), 0);
    assert_eq!(segments(spool.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_group_counts_whole_or_not_at_all() {
    let (_folder, spool) = spool();
    let message = vec![b'x'; 900_000];
    // In memory, in a segment of its own, and with messages in files of their own.
    for (count, length) in [(3, 100), (30, 900_000), (3, 2_000_000)] {
        let message = [message.clone(), message.clone(), message.clone()].concat()[..length].to_vec();
        let before = read_all(spool.path()).len();
        let files = || fs::read_dir(spool.path().join("bodies")).unwrap().count();
        let (files_before, segments_before) = (files(), segments(spool.path()).len());
        let mut group = spool.group(Durability::Full);
        for _ in 0..count {
            group.add(&to("a@b.example"), Message::Bytes(&message)).unwrap();
        }
        assert_eq!(read_all(spool.path()).len(), before, "not committed yet");
        drop(group);
        assert_eq!((files(), segments(spool.path()).len()), (files_before, segments_before));
        assert_eq!(read_all(spool.path()).len(), before, "given up");

        let mut group = spool.group(Durability::Full);
        let mut given = Vec::new();
        for _ in 0..count {
            given.push(group.add(&to("a@b.example"), Message::Bytes(&message)).unwrap());
        }
        assert_eq!(group.commit().unwrap(), given);
        let all = read_all(spool.path());
        assert_eq!(all.len(), before + count);
        for id in given {
            assert!(all.iter().any(|(found, bytes)| *found == id && *bytes == message));
        }
    }
    assert_eq!(spool.group(Durability::Full).commit().unwrap(), []);
}

#[test]
fn a_reader_goes_on_where_it_was() {
    let (_folder, spool) = spool();
    let mut group = spool.group(Durability::Full);
    for n in 0..5 {
        group.add(&to("a@b.example"), Message::Bytes(format!("{n}\r\n").as_bytes())).unwrap();
    }
    let mut ids = group.commit().unwrap();
    ids.push(spool.submit(&to("a@b.example"), Message::Bytes(b"6\r\n"), Durability::Full).unwrap());
    let segment = &segments(spool.path())[0];
    let all = read(segment).0;
    assert_eq!(all.iter().map(|record| record.id).collect::<Vec<_>>(), ids);
    for (i, record) in all.iter().enumerate() {
        let mut reader = SegmentReader::open(segment, record.offset).unwrap();
        for later in &all[i..] {
            assert_eq!(reader.next().unwrap(), Next::Record(Box::new(later.clone())));
        }
        assert_eq!(reader.next().unwrap(), Next::Wait);
        reader.sync().unwrap();
    }
    // The same reader sees what comes later, and the end.
    let mut reader = SegmentReader::open(segment, all[5].end).unwrap();
    assert_eq!(reader.next().unwrap(), Next::Wait);
    let late = spool.submit(&to("a@b.example"), Message::Bytes(b"7\r\n"), Durability::None).unwrap();
    assert!(matches!(reader.next().unwrap(), Next::Record(record) if record.id == late));
    assert!(!reader.is_finished().unwrap());
    drop(spool);
    assert_eq!(reader.next().unwrap(), Next::End);
    assert!(reader.is_finished().unwrap());
}

#[test]
fn segments_rotate() {
    let (_folder, spool) = spool();
    let message = vec![b'x'; 1 << 20];
    let ids: Vec<_> = (0..130)
        .map(|_| spool.submit(&to("a@b.example"), Message::Bytes(&message), Durability::None).unwrap())
        .collect();
    let found = segments(spool.path());
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|path| path.metadata().unwrap().len() <= 64 << 20));
    let ends: Vec<_> = found.iter().map(|path| read(path).1).collect();
    assert_eq!(ends, [Next::End, Next::End, Next::Wait]);
    let mut all: Vec<_> = read_all(spool.path()).into_iter().map(|(id, _)| id).collect();
    all.sort();
    let mut ids = ids;
    ids.sort();
    assert_eq!(all, ids);
}

#[test]
fn threads_share_a_segment_and_keep_their_messages_apart() {
    const THREADS: usize = 16;
    const EACH: usize = 40;
    let (_folder, spool) = spool();
    let start = Barrier::new(THREADS);
    let mut ids: Vec<(Id, Vec<u8>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (spool, start) = (spool.clone(), &start);
                scope.spawn(move || {
                    start.wait();
                    (0..EACH)
                        .map(|n| {
                            let message = format!("{thread} {n} {}\r\n", "x".repeat(n * thread)).into_bytes();
                            let durability = Durability::ALL[n % 3];
                            let sent = Message::Bytes(&message);
                            (spool.submit(&to("a@b.example"), sent, durability).unwrap(), message)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(segments(spool.path()).len(), 1);
    let mut found = read_all(spool.path());
    ids.sort();
    found.sort();
    assert!(ids == found);
}

#[test]
fn a_spool_that_was_removed_is_made_anew() {
    let (_folder, spool) = spool();
    spool.submit(&to("a@b.example"), Message::Bytes(b"1\r\n"), Durability::Full).unwrap();
    fs::remove_file(&segments(spool.path())[0]).unwrap();
    let id = spool.submit(&to("a@b.example"), Message::Bytes(b"2\r\n"), Durability::Full).unwrap();
    assert_eq!(read_all(spool.path()), [(id, b"2\r\n".to_vec())], "not in a file that nobody will read");
    fs::remove_dir_all(spool.path()).unwrap();
    let id = spool.submit(&to("a@b.example"), Message::Bytes(b"3\r\n"), Durability::Full).unwrap();
    assert_eq!(read_all(spool.path()), [(id, b"3\r\n".to_vec())]);
    // Before anything was written, too.
    let (_folder, spool) = self::spool();
    fs::remove_dir_all(spool.path()).unwrap();
    let id = spool.submit(&to("a@b.example"), Message::Bytes(b"4\r\n"), Durability::Full).unwrap();
    assert_eq!(read_all(spool.path()), [(id, b"4\r\n".to_vec())]);
}

#[test]
fn messages_of_a_bulk_are_all_there_or_none_is() {
    let (_folder, spool) = spool();
    let to = |email: &str| EmailMessage::quick(email, "s@example.com", "x", "y", Default::default());
    let given = spool.submit_bulk(["a@b.example", "c@d.example"].map(to), Durability::Full).unwrap();
    let there = read_all(spool.path());
    assert_eq!(there.iter().map(|(id, _)| *id).collect::<Vec<_>>(), given);
    assert!(spool.submit_bulk(["a@b.example", "no address"].map(to), Durability::Full).is_err());
    assert_eq!(read_all(spool.path()).len(), 2);
}

#[test]
fn nothing_is_written_for_no_message() {
    let (_folder, spool) = spool();
    assert_eq!(spool.submit_bulk([], Durability::Full).unwrap(), []);
    assert_eq!(spool.group(Durability::Full).commit().unwrap(), []);
    assert_eq!(segments(spool.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_segment_is_at_its_end_when_everything_was_given() {
    let (_folder, spool) = spool();
    let mut group = spool.group(Durability::Full);
    for _ in 0..2 {
        group.add(&to("a@b.example"), Message::Bytes(b"x\r\n")).unwrap();
    }
    group.commit().unwrap();
    let mut reader = SegmentReader::open(&segments(spool.path())[0], 0).unwrap();
    for _ in 0..2 {
        assert!(!reader.is_at_end().unwrap());
        assert!(matches!(reader.next().unwrap(), Next::Record(_)));
    }
    assert!(reader.is_at_end().unwrap());
    spool.submit(&to("a@b.example"), Message::Bytes(b"y\r\n"), Durability::Full).unwrap();
    assert!(!reader.is_at_end().unwrap());
}

#[test]
fn a_segment_without_a_record_goes_and_zeros_are_cut_off() {
    let (_folder, spool) = spool();
    spool.submit(&to("a@b.example"), Message::Bytes(b"1\r\n"), Durability::Full).unwrap();
    let segment = &segments(spool.path())[0];
    assert!(segment.metadata().unwrap().len() > 60_000, "filled ahead");
    let end = read(segment).0[0].end;
    drop(spool);
    assert_eq!(segment.metadata().unwrap().len(), end);
}

#[test]
fn what_cannot_be_understood_is_kept_with_its_reason() {
    let (_folder, spool) = spool();
    let pickup = spool.path().join("pickup");
    let names = ["good.eml", "bad.eml", ".hidden.eml", "young.eml"];
    for name in names {
        fs::write(pickup.join(name), "X-Receiver: a@b.example\nFrom: s@example.com\nSubject: x\n\ny\n")
            .unwrap();
    }
    fs::write(pickup.join("bad.eml"), "X-Receiver: a@b WHAT=1\n\n").unwrap();
    fs::create_dir(pickup.join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", pickup.join("link.eml")).unwrap();
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    for name in &names[..3] {
        fs::File::options().append(true).open(pickup.join(name)).unwrap().set_modified(an_hour_ago).unwrap();
    }
    let ready = |seconds| pickup::ready_files(spool.path(), Duration::from_secs(seconds)).unwrap();
    assert_eq!(ready(60), [pickup.join("bad.eml"), pickup.join("good.eml")], "young and locked ones wait");
    let locked = fs::File::open(pickup.join("young.eml")).unwrap();
    rustix::fs::flock(&locked, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(ready(0), ["bad.eml", "good.eml", "link.eml"].map(|name| pickup.join(name)));
    drop(locked);

    let file = PickupFile::open(&pickup.join("good.eml")).unwrap();
    let id = spool.submit_file(&file, Durability::Full).unwrap();
    assert_eq!(read_all(spool.path()), [(id, b"From: s@example.com\r\nSubject: x\r\n\r\ny\r\n".to_vec())]);
    for (i, name) in ["bad.eml", "link.eml", "bad.eml"].into_iter().enumerate() {
        if i == 2 {
            fs::write(pickup.join(name), "again").unwrap();
        }
        let reason = PickupFile::open(&pickup.join(name)).err().unwrap_or_else(|| "again".to_owned());
        let there = badmail::put_aside(spool.path(), &pickup.join(name), &reason).unwrap();
        assert!(!pickup.join(name).exists() && there.symlink_metadata().is_ok());
        let beside = format!("{}.reason", there.display());
        assert_eq!(fs::read_to_string(beside).unwrap(), format!("{reason}\n"));
        assert_eq!(there.file_name().unwrap(), ["bad.eml", "link.eml", "bad.eml.1"][i]);
    }
    let kept = badmail::keep(spool.path(), "../x", b"bytes", "why").unwrap();
    assert_eq!(kept.parent().unwrap(), spool.path().join("badmail"));
    assert_eq!(fs::read(kept).unwrap(), b"bytes");
    let gone = badmail::put_aside(spool.path(), &pickup.join("gone"), "x").unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Spool);
    assert!(!spool.path().join("badmail/gone.reason").exists());
}

#[test]
fn a_message_submitted_again_under_its_key_is_the_same() {
    let (_folder, spool) = spool();
    let digest = |body: &str, key: &str| {
        let mut message = EmailMessage::quick("a@b.example", "s@example.com", "x", body, Default::default());
        message.add_html("<p>x</p>").attach_bytes("x.bin", vec![0; 100]);
        message.spool.idempotency_key = Some(key.into());
        let id = spool.submit_message(&message, Durability::None).unwrap();
        let (_, bytes) = read_all(spool.path()).into_iter().find(|(found, _)| *found == id).unwrap();
        content_digest(&bytes[..]).unwrap()
    };
    assert_eq!(digest("x", "key"), digest("x", "key"));
    assert_ne!(digest("x", "key"), digest("y", "key"));
}
