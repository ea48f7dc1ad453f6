//! The agent's side: following a segment.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{
    Id, Record,
    fields::{self, TRAILER},
    folders::failure,
    frame::{self, FRAME, Frame, HEAD},
};
use crate::{error::Error, os::folder};

/// What comes next in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A message, written whole.
    Record(Box<Record>),
    /// Nothing yet; the writer lives, so ask again later.
    Wait,
    /// The writer was cut off in the middle of what begins here: nothing from here on was ever confirmed. The segment is
    /// finished, and everything before was given.
    Torn {
        /// Where it begins.
        offset: u64,
    },
    /// A record whose bytes were damaged later, or that this version does not understand. What follows is read on.
    Bad {
        /// Where it begins.
        offset: u64,
        /// Its octets, with what is before its content.
        length: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The segment is finished, and everything in it was given.
    End,
}

/// How much is read at once.
const WINDOW: usize = 256 << 10;

/// Follows one segment, record by record.
#[derive(Debug)]
pub struct SegmentReader {
    path: PathBuf,
    file: File,
    /// Known once its head was read.
    id: Option<Id>,
    /// Where the next record to be given begins.
    offset: u64,
    /// Where the next record to be read begins.
    at: u64,
    /// What was read of the file, from `start` on.
    window: Vec<u8>,
    start: u64,
    /// A group whose end was not read yet.
    group: VecDeque<(u64, Next)>,
    /// What is ready to be given, each with its end.
    ready: VecDeque<(u64, Next)>,
    finished: bool,
}

/// What is found at a place.
enum Found {
    Frame(Frame),
    /// The content is not what the frame says.
    Damaged(Frame),
    /// Zeros, or the end of the file.
    Nothing,
    /// Something else.
    Garbage,
}

impl SegmentReader {
    /// Opens a segment, to be read from `offset`: 0, or the `end` of a record.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when it is no regular file that can be read.
    pub fn open(path: impl Into<PathBuf>, offset: u64) -> Result<Self, Error> {
        let path = path.into();
        let file = folder::open_regular(&path).map_err(|error| failure(&path, "cannot be read", &error))?;
        let at = offset.max(HEAD as u64);
        Ok(Self {
            path,
            file,
            id: None,
            offset: at,
            at,
            window: Vec::new(),
            start: 0,
            group: VecDeque::new(),
            ready: VecDeque::new(),
            finished: false,
        })
    }

    /// What comes next.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the file cannot be read.
    #[allow(clippy::should_implement_trait, reason = "it never ends while the writer lives")]
    pub fn next(&mut self) -> Result<Next, Error> {
        loop {
            if let Some((end, next)) = self.ready.pop_front() {
                self.offset = end;
                return Ok(next);
            }
            if let Some(next) =
                self.advance().map_err(|error| failure(&self.path, "cannot be read", &error))?
            {
                return Ok(next);
            }
        }
    }

    /// Reads one record, which may make others ready; or what there is instead of one.
    fn advance(&mut self) -> io::Result<Option<Next>> {
        let Some(id) = self.head()? else { return self.without_head().map(Some) };
        let mut found = self.look(id)?;
        if !matches!(found, Found::Frame(_)) {
            // It may have been written since, or just now in part: what the lock says is asked before the second look.
            let finished = self.check_finished()?;
            self.window.clear();
            found = self.look(id)?;
            match found {
                Found::Frame(_) => {}
                Found::Damaged(frame) if self.has_follower(id, frame)? => {}
                // The last one: as the end of a group it does not make the group whole.
                Found::Damaged(frame)
                    if finished && self.group.is_empty() && !frame.more && !self.ends_in_zeros(frame) => {}
                _ if !finished => return Ok(Some(Next::Wait)),
                Found::Nothing if self.group.is_empty() => return Ok(Some(Next::End)),
                _ => {
                    // Of a group whose end is missing nothing counts.
                    self.group.clear();
                    return Ok(Some(Next::Torn { offset: self.offset }));
                }
            }
        }
        let (Found::Frame(frame) | Found::Damaged(frame)) = found else { return Ok(None) };
        let (offset, length) = (self.at, FRAME as u64 + u64::from(frame.length));
        let bad = |reason: String| Next::Bad { offset, length, reason };
        let next = match found {
            Found::Damaged(_) => bad("its checksum is wrong: it was damaged after it was written".to_owned()),
            _ if !frame.is_known() => bad("it was written by a newer version".to_owned()),
            _ => {
                let begin = self.index(offset) + FRAME;
                let content = &self.window[begin..begin + frame.length as usize];
                match fields::read(content, offset + FRAME as u64, offset) {
                    Ok(record) => Next::Record(Box::new(record)),
                    Err(reason) => bad(reason),
                }
            }
        };
        self.at = offset + length;
        self.group.push_back((self.at, next));
        if !frame.more {
            self.ready.append(&mut self.group);
        }
        Ok(None)
    }

    /// The id that the head gives, once it is there.
    fn head(&mut self) -> io::Result<Option<Id>> {
        if self.id.is_none() {
            let mut head = [0; HEAD];
            if folder::read_at(&self.file, &mut head, 0)? == HEAD {
                self.id = frame::read_head(&head).ok();
            }
        }
        Ok(self.id)
    }

    /// What to say of a segment whose head is not there, or not right.
    fn without_head(&mut self) -> io::Result<Next> {
        if !self.check_finished()? {
            return Ok(Next::Wait);
        }
        if self.head()?.is_some() {
            return self.advance().map(|next| next.unwrap_or(Next::Wait));
        }
        let size = self.file.metadata()?.len();
        let mut head = [0; HEAD];
        let read = folder::read_at(&self.file, &mut head, 0)?;
        if head == [0; HEAD] {
            return Ok(if size == 0 { Next::End } else { Next::Torn { offset: 0 } });
        }
        match frame::read_head(&head) {
            Err(reason) if read == HEAD && self.at < size => {
                self.at = size;
                self.offset = size;
                Ok(Next::Bad { offset: 0, length: size, reason: reason.to_owned() })
            }
            _ if self.at >= size && read == HEAD => Ok(Next::End),
            _ => Ok(Next::Torn { offset: 0 }),
        }
    }

    /// Looks at the place of the next record.
    fn look(&mut self, id: Id) -> io::Result<Found> {
        let at = self.at;
        let Some(bytes) = self.bytes(at, FRAME)?.and_then(|bytes| bytes.first_chunk::<FRAME>()).copied()
        else {
            let rest = self.rest(at);
            return Ok(if rest.iter().all(|b| *b == 0) { Found::Nothing } else { Found::Garbage });
        };
        if bytes == [0; FRAME] {
            return Ok(Found::Nothing);
        }
        let Some(frame) = Frame::read(&bytes, id, at) else { return Ok(Found::Garbage) };
        let length = frame.length as usize;
        Ok(match self.bytes(at, FRAME + length)? {
            Some(bytes) if crc32c::crc32c(&bytes[FRAME..]) == frame.crc => Found::Frame(frame),
            Some(_) => Found::Damaged(frame),
            None => Found::Garbage,
        })
    }

    /// Whether something was written after that record: then it was written whole.
    fn has_follower(&mut self, id: Id, frame: Frame) -> io::Result<bool> {
        let next = self.at + FRAME as u64 + u64::from(frame.length);
        let mut bytes = [0; FRAME];
        let read = folder::read_at(&self.file, &mut bytes, next)?;
        Ok(read == FRAME && Frame::read(&bytes, id, next).is_some())
    }

    /// Whether the content ends in the zeros that were there before it: no content does, so it was not written whole.
    fn ends_in_zeros(&self, frame: Frame) -> bool {
        let end = self.index(self.at) + FRAME + frame.length as usize;
        self.window.get(end.saturating_sub(TRAILER)..end).is_some_and(|end| end == [0; TRAILER])
    }

    /// So many octets from there on, when the file has them.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let known = self.start <= at && self.start + self.window.len() as u64 >= at + length as u64;
        if !known || self.window.is_empty() {
            let mut window = std::mem::take(&mut self.window);
            window.resize(length.max(WINDOW), 0);
            let read = folder::read_at(&self.file, &mut window, at)?;
            window.truncate(read);
            (self.window, self.start) = (window, at);
        }
        let begin = self.index(at);
        Ok(self.window.get(begin..begin + length))
    }

    /// What is known from there on.
    fn rest(&self, at: u64) -> &[u8] {
        self.window.get(self.index(at)..).unwrap_or_default()
    }

    fn index(&self, at: u64) -> usize {
        usize::try_from(at.saturating_sub(self.start)).unwrap_or(usize::MAX)
    }

    /// Whether the writer is gone: then nothing is added any more.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the system does not say.
    pub fn is_finished(&self) -> Result<bool, Error> {
        if self.finished {
            return Ok(true);
        }
        folder::is_locked(&self.file, &self.path)
            .map(|locked| !locked)
            .map_err(|error| failure(&self.path, "does not tell whether it is finished", &error))
    }

    fn check_finished(&mut self) -> io::Result<bool> {
        if !self.finished {
            self.finished = !folder::is_locked(&self.file, &self.path)?;
        }
        Ok(self.finished)
    }

    /// Whether nothing stands behind what was given: neither a record, nor one that is being written or was damaged.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the file cannot be read.
    pub fn is_at_end(&mut self) -> Result<bool, Error> {
        let failed = |path: &Path, error: &io::Error| failure(path, "cannot be read", error);
        if !self.group.is_empty() || !self.ready.is_empty() {
            return Ok(false);
        }
        let Some(id) = self.head().map_err(|error| failed(&self.path, &error))? else {
            // Its writer has made it, and has written nothing yet.
            let length = self.file.metadata().map_err(|error| failed(&self.path, &error))?.len();
            return Ok(length == 0);
        };
        self.window.clear();
        let found = self.look(id).map_err(|error| failed(&self.path, &error))?;
        Ok(matches!(found, Found::Nothing))
    }

    /// Writes to the disk what was read so far, so that what refers to it after this survives a power cut.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the disk fails.
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|error| failure(&self.path, "could not be synced", &error))
    }

    /// Where the next record begins that [`next`](Self::next) will give: the place to go on from another time.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The segment.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
