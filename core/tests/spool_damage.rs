//! Segments that are cut and damaged at every place: nothing is given that was not written whole, and everything before the
//! damage is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here has failed the test"
)]
#![allow(clippy::cast_possible_truncation, reason = "the segments are small")]

mod spooled;

use std::{fs, path::Path};

use freesmtp_core::spool::{Durability, Message, Next, Record, Spool};
use rustix::fs::{FlockOperation, flock};
use spooled::{read, segments, text, to};

/// A small segment that its writer has left: three records, a group of three, another record.
struct Sample {
    _folder: tempfile::TempDir,
    spool: Spool,
    bytes: Vec<u8>,
    records: Vec<(Record, Vec<u8>)>,
}

fn sample() -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("spool")).unwrap();
    let submit =
        |text: &[u8]| spool.submit(&to("a@b.example"), Message::Bytes(text), Durability::None).unwrap();
    submit(b"one\r\n");
    // A message that holds a segment, as one that is sent on might.
    let segment = fs::read(&segments(spool.path())[0]).unwrap();
    submit(&segment[..100]);
    submit(b"\r\n");
    let mut group = spool.group(Durability::None);
    for text in ["four\r\n", "five\r\n", "six\r\n"] {
        group.add(&to("a@b.example"), Message::Bytes(text.as_bytes())).unwrap();
    }
    group.commit().unwrap();
    submit(b"seven\r\n");
    let segment = segments(spool.path()).remove(0);
    let path = spool.path().to_owned();
    drop(spool);
    let bytes = fs::read(&segment).unwrap();
    let records = read(&segment).0.into_iter().map(|r| (r.clone(), text(&path, &segment, &r.body))).collect();
    Sample { spool: Spool::open(path).unwrap(), _folder: folder, bytes, records }
}

impl Sample {
    /// Reads these bytes as the segment; what is given is among what was written.
    fn read(&self, bytes: &[u8]) -> (Vec<usize>, Vec<Next>) {
        let segment = self.write(bytes);
        self.look(&segment)
    }

    fn write(&self, bytes: &[u8]) -> std::path::PathBuf {
        let segment = self.spool.path().join("incoming/01ARYZ6S410000000000000000.seg");
        fs::write(&segment, bytes).unwrap();
        segment
    }

    fn look(&self, segment: &Path) -> (Vec<usize>, Vec<Next>) {
        let (given, others) = read(segment);
        let places = given.iter().map(|record| {
            let bytes = text(self.spool.path(), segment, &record.body);
            let place =
                self.records.iter().position(|(written, message)| written == record && *message == bytes);
            place.expect("a record is given that was not written")
        });
        (places.collect(), others)
    }

    /// Those that end before that place, with the group whole.
    fn whole_before(&self, length: usize) -> Vec<usize> {
        let whole = |i: usize| self.records[i].0.end as usize <= length;
        (0..7).filter(|i| if (3..6).contains(i) { whole(5) } else { whole(*i) }).collect()
    }
}

#[test]
fn a_segment_that_is_cut_at_any_place() {
    let sample = sample();
    assert_eq!(sample.records.len(), 7);
    let (all, end) = sample.read(&sample.bytes);
    assert_eq!((all, end), ((0..7).collect(), vec![Next::End]));
    for length in 0..sample.bytes.len() {
        for zeros in [0, 5000] {
            let bytes = [&sample.bytes[..length], &vec![0; zeros][..]].concat();
            let whole = sample.whole_before(length);
            let (given, others) = sample.read(&bytes);
            assert_eq!(given, whole, "{length} {zeros}");
            let end = others.last().unwrap();
            let offset = whole.last().map_or(32, |last| sample.records[*last].0.end);
            let fine = match end {
                Next::End => true,
                Next::Torn { offset: torn } => *torn == offset || *torn == 0 && length < 32,
                _ => false,
            };
            // Zeros instead of a part of the last checksum may be damage as well; it is put aside then.
            let bad = others.len() > 1;
            let near = length < 32
                || sample
                    .records
                    .iter()
                    .any(|(r, _)| (1..=4).contains(&(r.end as usize - length.min(r.end as usize))));
            assert!(fine && (!bad || zeros > 0 && near), "{length} {zeros}: {others:?}");
            let clean =
                length == 0 || length == 32 || sample.records.iter().any(|(r, _)| r.end == length as u64);
            assert!(bad || matches!(end, Next::Torn { .. }) || clean, "{length} {zeros}: {others:?}");
        }
    }
}

#[test]
fn a_segment_that_is_cut_while_its_writer_lives_is_waited_for() {
    let sample = sample();
    for length in 0..sample.bytes.len() {
        let segment = sample.write(&sample.bytes[..length]);
        let lock = fs::File::open(&segment).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        let (given, end) = sample.look(&segment);
        assert_eq!((given, end), (sample.whole_before(length), vec![Next::Wait]), "{length}");
    }
}

#[test]
fn a_bit_that_flipped_at_any_place() {
    let sample = sample();
    for at in 0..sample.bytes.len() {
        for flip in [1, 0x80] {
            let mut bytes = sample.bytes.clone();
            bytes[at] ^= flip;
            let (given, others) = sample.read(&bytes);
            let before = sample.whole_before(at);
            assert!(given.starts_with(&before), "{at}: {given:?}");
            let noticed = others.iter().any(|other| matches!(other, Next::Bad { .. } | Next::Torn { .. }));
            assert!(noticed, "{at}: {others:?}");
            // A content that was damaged costs its own record only.
            let hit = sample
                .records
                .iter()
                .position(|(r, _)| (r.offset as usize + 16..r.end as usize).contains(&at));
            if let Some(hit) = hit {
                let others: Vec<_> = (0..7).filter(|i| *i != hit).collect();
                assert_eq!(given, others, "{at}");
            }
        }
    }
}

#[test]
fn records_count_at_their_place_only() {
    let sample = sample();
    let place = |i: usize| sample.records[i].0.offset as usize..sample.records[i].0.end as usize;
    // The same record twice, two that changed places, and one of another segment.
    let twice = [&sample.bytes[..place(0).end], &sample.bytes[place(0)], &sample.bytes[place(0)]].concat();
    assert_eq!(sample.read(&twice).0, [0]);
    let swapped = [&sample.bytes[..32], &sample.bytes[place(1)], &sample.bytes[place(0)]].concat();
    assert_eq!(sample.read(&swapped).0, [0; 0]);
    let other = self::sample();
    let foreign = [&sample.bytes[..32], &other.bytes[32..]].concat();
    assert_eq!(sample.read(&foreign).0, [0; 0]);
}

#[test]
fn what_is_no_segment_gives_nothing() {
    let sample = sample();
    for (bytes, kind) in [
        (&b""[..], "End"),
        (&[0; 4096], "Torn"),
        (b"FSMTPSEG", "Torn"),
        (b"From: somebody who put a message here, in a file that ends in .seg", "Bad"),
        (&[0xff; 100_000], "Bad"),
    ] {
        let (given, others) = sample.read(bytes);
        assert_eq!(given, [0; 0]);
        assert!(format!("{others:?}").starts_with(&format!("[{kind}")), "{others:?}");
    }
}
