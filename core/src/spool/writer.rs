//! The writer's side.
//!
//! Threads of one process share a segment. Each appends its record under a lock, then asks for a sync: the first one gets
//! it, those that come while it runs wait for the next, which is one for all of them. Processes have segments of their
//! own and never wait for each other. In the usual case a record costs one write and one `fdatasync`.

use std::{
    env, io,
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Durability, Envelope, Id, Message,
    batch::{Batch, Place},
    chain::Chain,
    envelope::compose,
    folders::{Folders, failure},
    group::Group,
    pickup::PickupFile,
    room::Room,
    segment::{Segment, Tail},
};
use crate::{
    error::Error,
    message::{Date, EmailMessage, Files, Stamp},
    os::{entropy, file::Disk, folder},
};

/// A spool to write to. A clone shares the segment, and so do threads: one sync is for all that wait for it. After a fork
/// the child writes to a segment of its own.
///
/// The segment is closed with the last clone: keep the object, rather than making one for each message.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    room: Room,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// The folders above it are made too.
    parents: bool,
    /// One for each process that has this memory: this one, and those that it was forked off from.
    writers: Chain<Writer>,
}

/// What one process writes with.
#[derive(Debug)]
struct Writer {
    process: u32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    folders: Option<Arc<Folders>>,
    tail: Option<Tail>,
}

/// Why a batch was not written.
enum Trouble {
    /// The folders or the segment were removed, as if the spool had been made anew.
    Removed(io::Error),
    Failed(Error),
}

impl Spool {
    /// Opens the spool at `path` and makes its folders when they are not there. Nothing else is written.
    ///
    /// # Errors
    /// `ErrorKind::Spool` with field `SpoolPath` when the folder cannot be made or written to, is a symbolic link, or is
    /// open to others.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::open_with(path.into(), false)
    }

    /// Opens the spool at [`Spool::default_path`], and makes the folders above it too when they are not there.
    ///
    /// # Errors
    /// As [`Spool::open`].
    pub fn open_default() -> Result<Self, Error> {
        Self::open_with(Self::default_path(), true)
    }

    fn open_with(path: PathBuf, parents: bool) -> Result<Self, Error> {
        if path.as_os_str().is_empty() {
            return Err(Error::input("SpoolPath", "is empty; give the folder of the spool"));
        }
        let shared = Shared { path, parents, writers: Chain::default() };
        let spool = Self { shared: Arc::new(shared), room: Room::SUBMITTERS };
        spool.folders()?;
        Ok(spool)
    }

    /// Where the spool is when no path is given: `$FREESMTP_SPOOL`, else `/var/spool/freesmtp` for root, and for other
    /// users `freesmtp/spool` in `$XDG_STATE_HOME` or in `~/.local/state`.
    #[must_use]
    pub fn default_path() -> PathBuf {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = set("FREESMTP_SPOOL") {
            return path;
        }
        let of_system = PathBuf::from("/var/spool/freesmtp");
        if folder::is_superuser() {
            return of_system;
        }
        // The XDG specification has relative paths ignored.
        let state = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let state = state.or_else(|| set("HOME").map(|home| home.join(".local/state")));
        let state = state.or_else(|| set("LOCALAPPDATA"));
        state.map_or(of_system, |state| state.join("freesmtp/spool"))
    }

    /// The same spool for the agent's own messages: they may take the room that submitters leave on the disk, as
    /// what it has taken is done with only when they are written.
    #[must_use]
    pub fn for_agent(&self) -> Self {
        Self { room: Room::AGENT, ..self.clone() }
    }

    /// How far it may fill the disk.
    pub(super) fn room(&self) -> Room {
        self.room
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Writes one message, and gives its id when it is as safe as `durability` says.
    ///
    /// # Errors
    /// `ErrorKind::Message` for an envelope that is not valid, `ErrorKind::Spool` when it cannot be written, or less than
    /// 8 MiB would be left on the disk, which the agent needs (`StorageFull`, temporary), `ErrorKind::FileIo` when the
    /// message cannot be read. Nothing is delivered then.
    pub fn submit(
        &self,
        envelope: &Envelope,
        message: Message<'_>,
        durability: Durability,
    ) -> Result<Id, Error> {
        envelope.check()?;
        self.submit_checked(envelope, message, durability)
    }

    /// Composes a message and writes it, as [`Smtp::submit_to_spool`](crate::Smtp::submit_to_spool) does.
    ///
    /// # Errors
    /// As [`Spool::submit`], and `ErrorKind::Message` naming the property that is not valid.
    pub fn submit_message(&self, message: &EmailMessage, durability: Durability) -> Result<Id, Error> {
        self.submit_stamped(message, &stamp(), durability)
    }

    /// Writes the message of a file of `pickup/`, in constant memory.
    ///
    /// # Errors
    /// As [`Spool::submit_message`], and `ErrorKind::FileIo` when the file cannot be read or was written to since it was
    /// opened.
    pub fn submit_file(&self, file: &PickupFile, durability: Durability) -> Result<Id, Error> {
        self.submit_composed(&file.message, &stamp(), file, durability)
    }

    pub(crate) fn submit_stamped(
        &self,
        message: &EmailMessage,
        stamp: &Stamp,
        durability: Durability,
    ) -> Result<Id, Error> {
        self.submit_composed(message, stamp, &Disk, durability)
    }

    fn submit_composed(
        &self,
        message: &EmailMessage,
        stamp: &Stamp,
        files: &dyn Files,
        durability: Durability,
    ) -> Result<Id, Error> {
        let (envelope, mut composed) = compose(message, stamp, files)?;
        self.submit_checked(&envelope, Message::Composed(&mut composed), durability)
    }

    fn submit_checked(
        &self,
        envelope: &Envelope,
        message: Message<'_>,
        durability: Durability,
    ) -> Result<Id, Error> {
        let id = new_id();
        let mut batch = Batch::default();
        let folders = self.folders()?;
        let durable = durability != Durability::None;
        batch.add(id, envelope, message, Place { folders: &folders, room: self.room, durable })?;
        self.append(&mut batch, durability)?;
        Ok(id)
    }

    /// Begins a group: messages that all count, from [`Group::commit`] on, or none of them.
    pub fn group(&self, durability: Durability) -> Group<'_> {
        Group::new(self, durability)
    }

    /// Writes many messages with one sync, and gives their ids: all of them are durable, or there is an error and none is
    /// delivered.
    ///
    /// # Errors
    /// As [`Spool::submit_message`], for the first message that has one.
    pub fn submit_bulk<I>(&self, messages: I, durability: Durability) -> Result<Vec<Id>, Error>
    where
        I: IntoIterator<Item = EmailMessage>,
    {
        let mut group = self.group(durability);
        for message in messages {
            group.add_message(&message)?;
        }
        group.commit()
    }

    /// Writes to the disk what was submitted under `Batch` so far.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the disk fails: what was submitted since the last sync may be lost.
    pub fn sync(&self) -> Result<(), Error> {
        let segment = self.writer().open().tail.as_ref().map(|tail| Arc::clone(&tail.segment));
        match segment.map(|segment| segment.sync_waiting()) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(failure(
                self.path(),
                "could not be synced, so what was submitted since the last time may be lost",
                &error,
            )),
        }
    }

    /// The writer of this process.
    fn writer(&self) -> &Writer {
        let process = process::id();
        let writers = &self.shared.writers;
        match writers.find(|writer| writer.process == process) {
            Some(writer) => writer,
            None => {
                // Two threads may both come here; both take the one that is found first.
                let added = writers.add(Writer { process, open: Mutex::default() });
                writers.find(|writer| writer.process == process).unwrap_or(added)
            }
        }
    }

    pub(super) fn folders(&self) -> Result<Arc<Folders>, Error> {
        let mut open = self.writer().open();
        if let Some(folders) = &open.folders {
            return Ok(Arc::clone(folders));
        }
        let folders = Arc::new(Folders::open(self.path(), self.shared.parents)?);
        open.folders = Some(Arc::clone(&folders));
        Ok(folders)
    }

    /// Appends records to the segment of this process.
    pub(super) fn append(&self, batch: &mut Batch, durability: Durability) -> Result<(), Error> {
        for again in [true, false] {
            match self.try_append(batch, durability) {
                Ok(()) => {
                    batch.written();
                    return Ok(());
                }
                // Files that it names are gone with the spool.
                Err(Trouble::Removed(_)) if again && !batch.has_bodies() => {
                    *self.writer().open() = Open::default();
                }
                Err(Trouble::Removed(error)) => {
                    *self.writer().open() = Open::default();
                    return Err(failure(self.path(), "was removed, nothing was submitted", &error));
                }
                Err(Trouble::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn try_append(&self, batch: &mut Batch, durability: Durability) -> Result<(), Trouble> {
        let folders = self.folders().map_err(Trouble::Failed)?;
        let writer = self.writer();
        let (segment, end) = {
            let mut open = writer.open();
            if open.tail.as_ref().is_none_or(|tail| !tail.has_room(batch.len())) {
                let segment = self.create_segment(&folders)?;
                open.tail = Some(Tail::new(segment));
            }
            let Some(tail) = &mut open.tail else { return Ok(()) };
            match tail.write(batch, durability, self.room) {
                Ok(end) => {
                    tail.fill_ahead(self.room);
                    (Arc::clone(&tail.segment), end)
                }
                Err(error) => {
                    tail.take_back_write();
                    open.tail = None;
                    let what = "does not take the message, nothing was submitted";
                    return Err(Trouble::Failed(failure(self.path(), what, &error)));
                }
            }
        };
        if durability == Durability::Full
            && let Err(error) = segment.sync_to(end)
        {
            let mut open = writer.open();
            if let Some(tail) = open.tail.take_if(|tail| Arc::ptr_eq(&tail.segment, &segment)) {
                tail.take_back();
            }
            let what = "could not be synced, and the message was taken back";
            return Err(Trouble::Failed(failure(self.path(), what, &error)));
        }
        match segment.is_removed() {
            Ok(true) => Err(Trouble::Removed(io::ErrorKind::NotFound.into())),
            // Else the system does not say, or it is there.
            _ => Ok(()),
        }
    }

    fn create_segment(&self, folders: &Folders) -> Result<Segment, Trouble> {
        let id = new_id();
        Segment::create(&folders.incoming, id).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Trouble::Removed(error),
            _ => {
                let what = "takes no new segment, nothing was submitted";
                Trouble::Failed(failure(folders.incoming.path(), what, &error))
            }
        })
    }

    /// A segment for a group by itself.
    pub(super) fn own_segment(&self) -> Result<Tail, Error> {
        match self.create_segment(&*self.folders()?) {
            Ok(segment) => Ok(Tail::new(segment)),
            Err(Trouble::Failed(error)) => Err(error),
            Err(Trouble::Removed(error)) => {
                Err(failure(self.path(), "was removed, nothing was submitted", &error))
            }
        }
    }
}

impl Writer {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new id.
pub(super) fn new_id() -> Id {
    let (_, now) = entropy::unix_time();
    let mut random = [0; 16];
    random.copy_from_slice(&entropy::unique(now)[..16]);
    Id::new(now / 1_000_000, random)
}

/// This machine's clock and randomness, for a message without an object that knows a domain.
pub(super) fn stamp() -> Stamp {
    let (seconds, now) = entropy::unix_time();
    Stamp { date: Date::utc(seconds), random: entropy::unique(now), host: String::new() }
}
