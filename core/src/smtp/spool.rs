//! Handing messages over to the spool.

use std::path::{Path, PathBuf};

use super::{Smtp, outcome::explain_input, send::stamp};
use crate::{
    error::Error,
    message::EmailMessage,
    smtp::bulk::BulkMessage,
    spool::{Chain, Durability, Id, Spool},
};

/// Where the object submits to.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// `None`: the usual place.
    path: Option<PathBuf>,
    durability: Durability,
}

/// The spools that an object and its clones have opened.
#[derive(Debug, Default)]
pub(super) struct Spools(Chain<(Option<PathBuf>, Spool)>);

impl Spools {
    /// The spool at that path, or at the usual place.
    fn get(&self, path: Option<&Path>) -> Result<&Spool, Error> {
        if let Some((_, spool)) = self.0.find(|(opened, _)| opened.as_deref() == path) {
            return Ok(spool);
        }
        let spool = match path {
            Some(path) => Spool::open(path)?,
            None => Spool::open_default()?,
        };
        Ok(&self.0.add((path.map(Path::to_owned), spool)).1)
    }
}

impl Smtp {
    /// The spool that [`Smtp::submit_to_spool`] writes to, where it was set.
    #[must_use]
    pub fn spool_path(&self) -> Option<&Path> {
        self.spool.path.as_deref()
    }

    /// Sets the spool that [`Smtp::submit_to_spool`] writes to. An empty path means the usual place again: that of
    /// [`Spool::default_path`].
    pub fn set_spool_path(&mut self, path: impl Into<PathBuf>) {
        let path = path.into();
        self.spool.path = (!path.as_os_str().is_empty()).then_some(path);
    }

    /// How safe a message is when [`Smtp::submit_to_spool`] gives its id; `Full` at first.
    #[must_use]
    pub fn spool_durability(&self) -> Durability {
        self.spool.durability
    }

    /// Sets how safe a message is when [`Smtp::submit_to_spool`] gives its id.
    pub fn set_spool_durability(&mut self, durability: Durability) {
        self.spool.durability = durability;
    }

    /// Hands a message over to the agent (`freesmtp agent`) through the spool, and gives its id: it is delivered in the
    /// background, and tried again until it is. No agent needs to run now, and no server of this object is asked.
    ///
    /// The message is checked as [`Smtp::send`] does; [`EmailMessage::spool`] says when it is delivered, and how urgently.
    /// An id that was given back survives a kill and a power cut (or what [`Smtp::set_spool_durability`] says). The first
    /// message opens the spool, which the object and its clones keep. In a process that was forked, it opens its own.
    ///
    /// ```no_run
    /// use freesmtp_core::{EmailMessage, Smtp};
    ///
    /// # fn main() -> Result<(), freesmtp_core::Error> {
    /// let smtp = Smtp::default();
    /// let message = EmailMessage::quick("recipient@example.org", "sender@example.com", "News", "Hello",
    ///     Default::default());
    /// let id = smtp.submit_to_spool(&message)?;
    /// println!("submitted as {id}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `ErrorKind::Message` naming the field that is not valid, `ErrorKind::FileIo` for an attached file, `ErrorKind::Spool`
    /// when the spool cannot take it. Nothing is delivered then.
    pub fn submit_to_spool(&self, message: &EmailMessage) -> Result<Id, Error> {
        self.submit(message, self.spool_path()).map_err(explain_input)
    }

    /// [`Smtp::submit_to_spool`] to another spool than that of the object; the `SubmitToExpress` of old.
    ///
    /// # Errors
    /// As [`Smtp::submit_to_spool`].
    pub fn submit_to_spool_at(&self, message: &EmailMessage, path: impl AsRef<Path>) -> Result<Id, Error> {
        self.submit(message, Some(path.as_ref())).map_err(explain_input)
    }

    fn submit(&self, message: &EmailMessage, path: Option<&Path>) -> Result<Id, Error> {
        let spool = self.spools.get(path)?;
        spool.submit_stamped(message, &stamp(&self.default_domain), self.spool.durability)
    }

    /// Hands many messages over with one sync, and gives their ids in the same order: all of them are durable, or there is
    /// an error and none of them is delivered. They need not all be in memory at once.
    ///
    /// # Errors
    /// As [`Smtp::submit_to_spool`], for the first message that has one; its text says which message it is.
    pub fn submit_bulk<I>(&self, messages: I) -> Result<Vec<Id>, Error>
    where
        I: IntoIterator,
        I::Item: BulkMessage,
    {
        self.submit_all(messages, self.spool_path()).map_err(explain_input)
    }

    /// [`Smtp::submit_bulk`] to another spool than that of the object.
    ///
    /// # Errors
    /// As [`Smtp::submit_bulk`].
    pub fn submit_bulk_at<I>(&self, messages: I, path: impl AsRef<Path>) -> Result<Vec<Id>, Error>
    where
        I: IntoIterator,
        I::Item: BulkMessage,
    {
        self.submit_all(messages, Some(path.as_ref())).map_err(explain_input)
    }

    fn submit_all<I>(&self, messages: I, path: Option<&Path>) -> Result<Vec<Id>, Error>
    where
        I: IntoIterator,
        I::Item: BulkMessage,
    {
        let mut group = self.spools.get(path)?.group(self.spool.durability);
        for (index, message) in messages.into_iter().enumerate() {
            let added = message.into_message().and_then(|message| {
                let stamp = stamp(&self.default_domain);
                group.add_stamped(&message, &stamp)
            });
            added.map_err(|error| {
                error.within(format_args!("message {index} of the bulk, none of which was submitted"))
            })?;
        }
        group.commit()
    }

    /// Writes to the disk what was submitted under [`Durability::Batch`] so far.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the disk fails: what was submitted since the last sync may be lost.
    pub fn sync_spool(&self) -> Result<(), Error> {
        self.spools.get(self.spool_path()).and_then(Spool::sync).map_err(explain_input)
    }
}
