//! What people ask of the queue, and what they order: the methods of [`Queue`] behind the commands, the socket and the page.

use freesmtp_core::spool::Id;

use super::{
    Counts, Details, Filter, JobState, Millis, Order, Outline, Page, Queue, QueueError, Summary, Words,
    admin, browse, cluster,
};

impl Queue {
    /// The messages that fit, in the order of their ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Summary>, QueueError> {
        self.read(|connection| admin::list(connection, filter))
    }

    /// The same in steps for a queue of any size: what a second of looking finds of those that fit and for which `accept`
    /// says so, and where to go on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn page(&self, filter: &Filter, accept: &dyn Fn(&Summary) -> bool) -> Result<Page, QueueError> {
        if let Some(shared) = &self.shared {
            return shared.page(filter, accept);
        }
        let counts = self.counts();
        let few = filter.state.is_some_and(|state| {
            let count = match state {
                JobState::Ready => counts.ready,
                JobState::Later => counts.later,
                JobState::Held => counts.held,
            };
            count <= browse::FEW && !self.is_closed()
        });
        self.read(|connection| browse::page(connection, filter, few, accept))
    }

    /// What a list says of the recipients of a message, by its number here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn outline(&self, seq: i64) -> Result<Outline, QueueError> {
        match &self.shared {
            Some(shared) => Ok(shared.outline(seq)),
            None => self.read(|connection| browse::outline(connection, seq)),
        }
    }

    /// How much there is. It is counted as it changes: nothing is looked through.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.as_ref().map_or_else(|| self.inner.news.counts(), |shared| shared.counts())
    }

    /// Does the same with each of these messages, in one transaction; which of them are there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn order(&self, ids: Vec<Id>, order: Order) -> Result<Vec<Id>, QueueError> {
        match &self.shared {
            Some(shared) => shared.order(&ids, order).await,
            None => self.order_here(ids, order).await,
        }
    }

    /// The same with what this agent has.
    pub(super) async fn order_here(&self, ids: Vec<Id>, order: Order) -> Result<Vec<Id>, QueueError> {
        let (there, ended) = self
            .write(move |writing| {
                let before = writing.changes.endings.len();
                Ok((browse::order(writing, &ids, order)?, cluster::ended_since(writing, before)))
            })
            .await?;
        self.tell_ended(ended);
        Ok(there)
    }

    /// Everything about a message; `None` when it is not in the queue (any more).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn show(&self, id: Id) -> Result<Option<Details>, QueueError> {
        match &self.shared {
            Some(shared) => shared.show(id),
            None => self.read(|connection| admin::show(connection, id)),
        }
    }

    /// The same by its number here, as [`Changes`](super::Changes) and [`Queue::owed`] give it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn show_seq(&self, seq: i64) -> Result<Option<Details>, QueueError> {
        self.read(|connection| admin::show_seq(connection, seq))
    }

    /// What was last wrong with a site as a whole, and when; it may be over.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn trouble(&self, site: &str) -> Result<Option<(Millis, Words)>, QueueError> {
        self.read(|connection| admin::trouble(connection, site))
    }

    /// The id of the oldest message.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn oldest(&self) -> Result<Option<Id>, QueueError> {
        match &self.shared {
            Some(shared) => Ok(shared.oldest()),
            None => self.read(admin::oldest),
        }
    }

    /// Holds a message until it is released; whether it is there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn hold(&self, id: Id) -> Result<bool, QueueError> {
        self.write(move |writing| admin::hold(writing, id)).await
    }

    /// Releases a message that is held; whether it is there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn release(&self, id: Id) -> Result<bool, QueueError> {
        self.write(move |writing| admin::release(writing, id)).await
    }

    /// Tries a message now that waits for its time; whether it is there.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn retry(&self, id: Id) -> Result<bool, QueueError> {
        self.write(move |writing| admin::retry(writing, id)).await
    }

    /// Takes a message out without a report; whether it was there. What a session is sending now is sent.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn cancel(&self, id: Id) -> Result<bool, QueueError> {
        let (known, ended) = self
            .write(move |writing| {
                let before = writing.changes.endings.len();
                Ok((admin::cancel(writing, id)?, cluster::ended_since(writing, before)))
            })
            .await?;
        self.tell_ended(ended);
        Ok(known)
    }
}
