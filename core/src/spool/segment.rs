//! A segment as its writer has it.

use std::{
    fs::File,
    io, process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{
    Id,
    batch::Batch,
    durability::Durability,
    frame::{self, HEAD},
    room::Room,
};
use crate::os::folder::{self, Folder};

/// A segment ends when the next record would reach beyond.
const LONGEST: u64 = 64 << 20;
/// How far the file is filled with zeros ahead of its records: at least so far, then twice as far each time.
const LEAST_AHEAD: u64 = 64 << 10;
const MOST_AHEAD: u64 = 4 << 20;
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// A segment that this process writes to. It is locked as long as it is open.
#[derive(Debug)]
pub(super) struct Segment {
    folder: Arc<Folder>,
    file: File,
    name: String,
    id: Id,
    /// The process that made it; one that was forked off inherits it, and must leave it alone.
    process: u32,
    /// The end of the last record that was written whole.
    written: AtomicU64,
    /// Something waits for a sync that nobody has asked for yet.
    waiting: AtomicBool,
    synced: Mutex<Synced>,
}

#[derive(Debug, Default)]
struct Synced {
    /// Up to here the disk has it.
    end: u64,
    /// The name of the file is on the disk too.
    name: bool,
    /// A sync failed: nobody knows what the disk has.
    failed: Option<(io::ErrorKind, Option<i32>)>,
}

impl Segment {
    /// Makes a segment, which has its name from the moment on that it is locked.
    pub(super) fn create(folder: &Arc<Folder>, id: Id) -> io::Result<Self> {
        let (name, hidden) = (format!("{id}.seg"), format!(".{id}.new"));
        let file = folder.create(&hidden)?;
        let named = match folder::lock(&file) {
            Ok(true) => folder.rename(&hidden, &name),
            Ok(false) => Err(io::Error::other("its lock is taken by another program")),
            Err(error) => Err(error),
        };
        if let Err(error) = named {
            let _ = folder.remove(&hidden);
            return Err(error);
        }
        Ok(Self {
            folder: Arc::clone(folder),
            file,
            name,
            id,
            process: process::id(),
            written: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            synced: Mutex::default(),
        })
    }

    /// Has the disk confirm everything up to `end`. Who comes while it does waits, and mostly finds it done.
    pub(super) fn sync_to(&self, end: u64) -> io::Result<()> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((kind, number)) = synced.failed {
            return Err(number.map_or_else(|| kind.into(), io::Error::from_raw_os_error));
        }
        if synced.end >= end {
            return Ok(());
        }
        self.waiting.store(false, Ordering::Release);
        let written = self.written.load(Ordering::Acquire);
        let done = if synced.name { self.file.sync_data() } else { self.folder.sync_new(&self.file) };
        match done {
            Ok(()) => {
                synced.name = true;
                synced.end = written;
                Ok(())
            }
            Err(error) => {
                synced.failed = Some((error.kind(), error.raw_os_error()));
                Err(error)
            }
        }
    }

    /// Syncs what waits for it.
    pub(super) fn sync_waiting(&self) -> io::Result<()> {
        match self.waiting.load(Ordering::Acquire) {
            true => self.sync_to(self.written.load(Ordering::Acquire)),
            false => Ok(()),
        }
    }

    /// Whether the file has no name any more, so that nobody will read it.
    pub(super) fn is_removed(&self) -> io::Result<bool> {
        folder::is_removed(&self.file)
    }

    /// Takes back what comes after `end`: it was not confirmed to anybody. What cannot be cut off is torn, which readers
    /// see.
    fn cut(&self, end: u64) {
        self.written.store(end, Ordering::Release);
        let _ = self.file.set_len(end);
        if end == 0 {
            let _ = self.folder.remove(&self.name);
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        let _ = self.sync_waiting();
        // The zeros ahead are of no use any more, and neither is a segment without a record.
        self.cut(self.written.load(Ordering::Acquire));
    }
}

/// Where the next record of a segment goes.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) segment: Arc<Segment>,
    end: u64,
    /// Zeros reach up to here.
    filled: u64,
    /// The end of the last record that was given back without a sync.
    unsynced: u64,
}

impl Tail {
    pub(super) fn new(segment: Segment) -> Self {
        Self { segment: Arc::new(segment), end: 0, filled: 0, unsynced: 0 }
    }

    /// The end of the last record.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether so many octets more find room.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.end == 0 || self.end.saturating_add(length as u64) <= LONGEST
    }

    /// Writes records, and gives where they end. After an error the segment must not be used any more.
    pub(super) fn write(&mut self, batch: &mut Batch, durability: Durability, room: Room) -> io::Result<u64> {
        let segment = &self.segment;
        let begin = if self.end == 0 { HEAD as u64 } else { self.end };
        let longer = (begin + batch.len() as u64).saturating_sub(self.filled.max(self.end));
        if longer > 0 {
            room.ask(&segment.folder, longer)?;
        }
        if self.end == 0 {
            folder::write_all_at(&segment.file, &frame::head(segment.id), 0)?;
        }
        let bytes = batch.at(segment.id, begin);
        folder::write_all_at(&segment.file, bytes, begin)?;
        self.end = begin + bytes.len() as u64;
        segment.written.store(self.end, Ordering::Release);
        match durability {
            Durability::Full => {}
            Durability::Batch => segment.waiting.store(true, Ordering::Release),
            Durability::None => {}
        }
        if durability != Durability::Full {
            self.unsynced = self.end;
        }
        Ok(self.end)
    }

    /// Fills the file with zeros ahead of the next record: to overwrite them later costs the disk one write, to make the
    /// file longer costs it several.
    pub(super) fn fill_ahead(&mut self, room: Room) {
        if self.filled >= self.end || self.end >= LONGEST {
            return;
        }
        let ahead = self.end.clamp(LEAST_AHEAD, MOST_AHEAD);
        let ahead = room.ahead(&self.segment.folder, ahead);
        let goal = (self.end + ahead).min(LONGEST);
        let mut at = self.end;
        while at < goal {
            let length = (goal - at).min(ZEROS.len() as u64);
            let zeros = ZEROS.get(..usize::try_from(length).unwrap_or(0)).unwrap_or_default();
            // Without room the records go on without it.
            if folder::write_all_at(&self.segment.file, zeros, at).is_err() {
                let _ = self.segment.file.set_len(at);
                break;
            }
            at += length;
        }
        self.filled = at;
    }

    /// Takes back what a write that failed left behind. Nothing may be written after this.
    pub(super) fn take_back_write(&self) {
        self.segment.cut(self.end);
    }

    /// Takes back what the disk did not confirm, but for what was given back without waiting for it.
    pub(super) fn take_back(&self) {
        let synced = self.segment.synced.lock().unwrap_or_else(PoisonError::into_inner).end;
        self.segment.cut(synced.max(self.unsynced));
    }

    /// Takes back everything, and the file.
    pub(super) fn remove(&self) {
        self.segment.cut(0);
    }
}
