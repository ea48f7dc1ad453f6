//! The events of sending: `SMTPStatus`, `SMTPRecipientFailed`, `SMTPBulkStatus`.
//!
//! Policy: where nobody listens, an event costs a look at an empty field. A listener is called where the event happens,
//! holding no lock, so it may use the object; the operation waits for it.

use std::{fmt, sync::Arc};

use super::Smtp;
use crate::types::{RecipientResult, RecipientStatus};

/// How far a message is: the event `SMTPStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendStatus {
    /// Octets of the message that were given to the connection. The last 128 KiB of them may still wait for the network.
    pub total_sent: u64,
    /// Octets of the whole message, as far as they are known: streams of unknown length count once they were read.
    pub total_size: u64,
}

/// A recipient who does not get the message: the event `SMTPRecipientFailed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientFailed {
    /// Who.
    pub email_address: String,
    /// The server's reply, `550 5.1.1 No such user`; where the server was not asked, why.
    pub response: String,
}

/// How far a bulk is: the event `SMTPBulkStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkStatus {
    /// Messages that were sent: at least one recipient was accepted.
    pub total_sent: usize,
    /// Messages whose result is an error.
    pub total_failed: usize,
    /// Messages that were taken from the source so far.
    pub total_messages: usize,
}

/// Hears how far a message is.
pub type OnStatus = Arc<dyn Fn(SendStatus) + Send + Sync>;
/// Hears of recipients who do not get a message.
pub type OnRecipientFailed = Arc<dyn Fn(&RecipientFailed) + Send + Sync>;
/// Hears how far a bulk is.
pub type OnBulkStatus = Arc<dyn Fn(BulkStatus) + Send + Sync>;

/// Who listens.
#[derive(Clone, Default)]
pub(super) struct Observers {
    status: Option<OnStatus>,
    recipient_failed: Option<OnRecipientFailed>,
    bulk_status: Option<OnBulkStatus>,
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers")
            .field("status", &self.status.is_some())
            .field("recipient_failed", &self.recipient_failed.is_some())
            .field("bulk_status", &self.bulk_status.is_some())
            .finish()
    }
}

impl Observers {
    /// The next piece of a message was given to the connection.
    pub(super) fn status(&self, status: impl FnOnce() -> SendStatus) {
        if let Some(listener) = &self.status {
            listener(status());
        }
    }

    /// The recipients of a message have their results.
    pub(super) fn recipients(&self, results: &[RecipientResult]) {
        let Some(listener) = &self.recipient_failed else { return };
        let failed =
            |r: &&RecipientResult| matches!(r.status, RecipientStatus::Deferred | RecipientStatus::Refused);
        for result in results.iter().filter(failed) {
            let said = result.reply.as_ref().map(ToString::to_string);
            let known = || result.diagnosis.as_ref().map(|diagnosis| diagnosis.summary.clone());
            listener(&RecipientFailed {
                email_address: result.email.clone(),
                response: said.or_else(known).unwrap_or_default(),
            });
        }
    }

    /// Who hears how far a bulk is.
    pub(super) fn bulk(&self) -> Option<&OnBulkStatus> {
        self.bulk_status.as_ref()
    }
}

impl Smtp {
    /// Tells a function how far each message is, the event `SMTPStatus`: after each piece of it, and at its end with
    /// `total_sent` equal to `total_size`. `None` ends it.
    ///
    /// A message that has to be sent again, over another connection or to further recipients, begins anew. What the server
    /// answers comes after the last of these events. The function is called on the thread that sends, in a bulk on the
    /// threads of its connections, several at the same time where there are several. The send waits for it, so it should
    /// be quick. It should not panic: that ends the connection, and nothing half-sent is delivered.
    pub fn on_status(&mut self, listener: Option<OnStatus>) {
        self.observers.status = listener;
    }

    /// Tells a function of each recipient who does not get a message, the event `SMTPRecipientFailed`: refused or put off,
    /// by the server or before it was asked. `None` ends it.
    ///
    /// It is called once what came of the message is settled, before the send returns; not for a recipient that another
    /// server or another transaction took after all, nor where it is not known what became of the message, nor where no
    /// server heard of it: an error says so. On which thread, and what a panic does, is as with [`Smtp::on_status`].
    pub fn on_recipient_failed(&mut self, listener: Option<OnRecipientFailed>) {
        self.observers.recipient_failed = listener;
    }

    /// Tells a function how far a bulk is, the event `SMTPBulkStatus`: once for each result, before the program gets it and
    /// on the thread that asks for it, so never two at the same time of one bulk. `None` ends it.
    pub fn on_bulk_status(&mut self, listener: Option<OnBulkStatus>) {
        self.observers.bulk_status = listener;
    }
}
