//! The recovery of a segment whose bytes were damaged: nothing but what was submitted is ever given, in its order, and once.

use std::{collections::HashSet, fs, sync::OnceLock};

use arbitrary::Arbitrary;
use freesmtp_core::{
    EmailMessage,
    spool::{Body, Durability, Id, Next, SegmentReader, Spool, read_message},
};

#[derive(Arbitrary, Debug)]
enum Damage<'a> {
    Flip { at: u16, bits: u8 },
    Write { at: u16, bytes: &'a [u8] },
    Cut { at: u16 },
    Insert { at: u16, bytes: &'a [u8] },
    Remove { at: u16, count: u8 },
    Append(&'a [u8]),
    Zeros { count: u16 },
    Copy { from: u16, to: u16, count: u16 },
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// What is not empty is a whole segment of its own.
    own: Option<&'a [u8]>,
    damages: Vec<Damage<'a>>,
}

/// A good segment, and its messages.
struct Good {
    bytes: Vec<u8>,
    ids: Vec<Id>,
}

fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        let folder = tempfile::tempdir_in(crate::memory()).unwrap();
        let spool = Spool::open(folder.path().join("spool")).unwrap();
        let message = |number: u32| {
            let mut message = EmailMessage::new();
            message.from = "sender@client.test".into();
            message.add_recipient("recipient@domain.test");
            message.subject = format!("Number {number}");
            message.add_text("Hello\n");
            message
        };
        let mut ids = vec![spool.submit_message(&message(0), Durability::None).unwrap()];
        ids.extend(spool.submit_bulk((1..4).map(message), Durability::None).unwrap());
        ids.push(spool.submit_message(&message(4), Durability::None).unwrap());
        let incoming = folder.path().join("spool/incoming");
        let mut files = fs::read_dir(incoming).unwrap().map(|entry| entry.unwrap().path());
        let segment = files.find(|path| path.extension().is_some_and(|end| end == "seg")).unwrap();
        let mut bytes = fs::read(segment).unwrap();
        // The zeros ahead of the writer are cut to a few.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        bytes.truncate(end + 64);
        Good { bytes, ids }
    })
}

pub(crate) fn target(data: &[u8]) {
    let Some(input) = crate::read::<Input<'_>>(data) else { return };
    let good = good();
    let own = input.own.filter(|bytes| !bytes.is_empty());
    let mut bytes = own.map_or_else(|| good.bytes.clone(), <[u8]>::to_vec);
    for damage in input.damages.iter().take(16) {
        damage.inflict(&mut bytes);
    }
    let path = tempfile::Builder::new().suffix(".seg").tempfile_in(crate::memory()).unwrap().into_temp_path();
    fs::write(&path, &bytes).unwrap();
    let mut reader = SegmentReader::open(path.to_path_buf(), 0).unwrap();
    let mut given = HashSet::new();
    let mut last = 0;
    for _ in 0..=bytes.len() {
        match reader.next().unwrap() {
            Next::Record(record) => {
                assert!(
                    record.offset >= last && record.end > record.offset,
                    "records stand one behind the other"
                );
                last = record.end;
                assert!(given.insert(record.id), "given once");
                assert!(own.is_some() || good.ids.contains(&record.id), "only what was submitted");
                record.envelope.check().expect("the envelope is checked");
                if matches!(record.body, Body::Inline { .. }) {
                    let mut text = Vec::new();
                    if let Ok(mut body) = read_message(path.parent().unwrap(), &path, &record.body) {
                        let _ = std::io::Read::read_to_end(&mut body, &mut text);
                    }
                    assert!(text.len() <= bytes.len());
                }
            }
            Next::Bad { .. } => {}
            _ => return,
        }
    }
    panic!("no end");
}

impl Damage<'_> {
    fn inflict(&self, bytes: &mut Vec<u8>) {
        let place = |at: u16| usize::from(at) % (bytes.len() + 1);
        match *self {
            Self::Flip { at, bits } => {
                let at = place(at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits);
            }
            Self::Write { at, bytes: new } => {
                let at = place(at);
                bytes.iter_mut().skip(at).zip(new).for_each(|(byte, new)| *byte = *new);
            }
            Self::Cut { at } => bytes.truncate(place(at)),
            Self::Insert { at, bytes: new } => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove { at, count } => {
                let at = place(at);
                bytes.drain(at..(at + usize::from(count)).min(bytes.len()));
            }
            Self::Append(new) => bytes.extend(new),
            Self::Zeros { count } => bytes.resize(bytes.len() + usize::from(count), 0),
            Self::Copy { from, to, count } => {
                let (from, to) = (place(from), place(to));
                let piece = bytes[from..(from + usize::from(count)).min(bytes.len())].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
}
