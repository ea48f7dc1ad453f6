//! Messages that all count, or none of them.

use super::{
    Durability, Envelope, Id, Message, Spool,
    batch::{Batch, Place},
    envelope::compose,
    folders::failure,
    segment::Tail,
    writer::{new_id, stamp},
};
use crate::{
    error::Error,
    message::{EmailMessage, Stamp},
    os::file::Disk,
};

/// A group that is longer has a segment of its own, so that it need not be held in memory and nobody waits for it.
const LONGEST_IN_MEMORY: usize = 8 << 20;

/// Messages that all count, from [`commit`](Self::commit) on, or none of them: dropped before, the group leaves nothing
/// behind.
#[derive(Debug)]
#[must_use = "a group that is not committed leaves nothing behind"]
pub struct Group<'s> {
    spool: &'s Spool,
    durability: Durability,
    batch: Batch,
    ids: Vec<Id>,
    /// Its own segment, once it was too long for memory.
    tail: Option<Tail>,
    committed: bool,
}

impl<'s> Group<'s> {
    pub(super) fn new(spool: &'s Spool, durability: Durability) -> Self {
        Self { spool, durability, batch: Batch::default(), ids: Vec::new(), tail: None, committed: false }
    }

    /// Adds a message, and gives the id that it will have.
    ///
    /// # Errors
    /// As [`Spool::submit`]. The group may go on without the message.
    pub fn add(&mut self, envelope: &Envelope, message: Message<'_>) -> Result<Id, Error> {
        envelope.check()?;
        self.add_checked(envelope, message)
    }

    /// Composes a message and adds it.
    ///
    /// # Errors
    /// As [`Spool::submit_message`]. The group may go on without the message.
    pub fn add_message(&mut self, message: &EmailMessage) -> Result<Id, Error> {
        self.add_stamped(message, &stamp())
    }

    pub(crate) fn add_stamped(&mut self, message: &EmailMessage, stamp: &Stamp) -> Result<Id, Error> {
        let (envelope, mut composed) = compose(message, stamp, &Disk)?;
        self.add_checked(&envelope, Message::Composed(&mut composed))
    }

    fn add_checked(&mut self, envelope: &Envelope, message: Message<'_>) -> Result<Id, Error> {
        if self.batch.len() >= LONGEST_IN_MEMORY {
            self.flush(true)?;
        }
        let id = new_id();
        let (folders, room) = (self.spool.folders()?, self.spool.room());
        let durable = self.durability != Durability::None;
        self.batch.add(id, envelope, message, Place { folders: &folders, room, durable })?;
        // Until another one comes, or the group ends.
        self.batch.set_more(true);
        self.ids.push(id);
        Ok(id)
    }

    /// Ends the group, and gives the ids in the order of the messages when all are as safe as the durability says; `Batch`
    /// means one sync here, as `Full` does.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when it cannot be written. No message of it is delivered then.
    pub fn commit(mut self) -> Result<Vec<Id>, Error> {
        let durability = match self.durability {
            Durability::None => Durability::None,
            Durability::Batch | Durability::Full => Durability::Full,
        };
        if !self.batch.is_empty() {
            self.batch.set_more(false);
            if self.tail.is_some() {
                self.flush(false)?;
                self.sync(durability)?;
            } else {
                self.spool.append(&mut self.batch, durability)?;
            }
        }
        self.committed = true;
        Ok(std::mem::take(&mut self.ids))
    }

    /// Writes what is in memory to the group's own segment.
    fn flush(&mut self, more: bool) -> Result<(), Error> {
        let tail = match &mut self.tail {
            Some(tail) => tail,
            none => none.insert(self.spool.own_segment()?),
        };
        self.batch.set_more(more);
        tail.write(&mut self.batch, Durability::None, self.spool.room()).map_err(|error| {
            failure(self.spool.path(), "does not take the messages, none was submitted", &error)
        })?;
        self.batch.flushed();
        Ok(())
    }

    fn sync(&mut self, durability: Durability) -> Result<(), Error> {
        let Some(tail) = &self.tail else { return Ok(()) };
        if durability == Durability::None {
            return Ok(());
        }
        let synced = tail.segment.sync_to(tail.end());
        let removed = || {
            Ok(tail.segment.is_removed()?).and_then(|removed| match removed {
                true => Err(std::io::ErrorKind::NotFound.into()),
                false => Ok(()),
            })
        };
        synced.and_then(|()| removed()).map_err(|error| {
            failure(self.spool.path(), "could not be synced, and the messages were taken back", &error)
        })
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if self.committed {
            self.batch.written();
        } else if let Some(tail) = &self.tail {
            tail.remove();
        }
    }
}
