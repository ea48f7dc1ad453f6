//! Why something was not done.

use freesmtp_core::{Error, spool::Id};
use serde_json::{Value, json};

use crate::queue::QueueError;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) trouble: Trouble,
    pub(crate) text: String,
    pub(crate) remedy: &'static str,
    /// The part of the request that is not right, as HTTP names it.
    pub(crate) field: Option<String>,
}

/// The kinds of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    BadRequest,
    Version,
    UnknownId,
    UnknownBlast,
    Cancelled,
    Queue,
    NoMonitor,
    Ending,
    Denied,
    Busy,
}

impl Trouble {
    /// The stable name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Version => "version",
            Self::UnknownId => "unknown-id",
            Self::UnknownBlast => "unknown-blast",
            Self::Cancelled => "blast-cancelled",
            Self::Queue => "queue",
            Self::NoMonitor => "no-monitor",
            Self::Ending => "ending",
            Self::Denied => "denied",
            Self::Busy => "busy",
        }
    }
}

impl Refusal {
    pub(crate) fn new(trouble: Trouble, text: impl Into<String>, remedy: &'static str) -> Self {
        Self { trouble, text: text.into(), remedy, field: None }
    }

    /// The same, about that part of the request.
    pub(crate) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub(crate) fn unknown(id: Id) -> Self {
        let text = format!("no message with the id {id} is in the queue, and none ended lately");
        let remedy = "Check the id and the spool. Messages that ended longer ago, or before the agent was started, are in \
                      the events file alone.";
        Self::new(Trouble::UnknownId, text, remedy)
    }

    /// One that has ended: its bytes may be gone, and nothing can be ordered.
    pub(crate) fn ended(id: Id) -> Self {
        let text = format!("the message {id} has ended");
        Self::new(Trouble::UnknownId, text, "Ask for it by the request message.")
    }

    pub(crate) fn unread(error: &Error) -> Self {
        let text = format!("the message cannot be read: {}", error.message());
        Self::new(Trouble::Queue, text, "Look into the agent's log, and at the disk of the spool.")
    }

    pub(crate) fn unknown_blast(name: &str) -> Self {
        let text = format!("no message of a blast {name:?} was ever in this spool");
        Self::new(
            Trouble::UnknownBlast,
            text,
            "Check the name and the spool; a blast begins with its first message.",
        )
    }

    pub(crate) fn no_monitor() -> Self {
        let remedy =
            "Set [http] listen, or give the agent --http 127.0.0.1:8025; its log says where it listens.";
        Self::new(Trouble::NoMonitor, "the agent serves no monitor: it listens nowhere for HTTP", remedy)
    }

    pub(crate) fn ending() -> Self {
        Self::new(Trouble::Ending, "the agent ends", "Ask again when it runs.")
    }

    pub(crate) fn busy() -> Self {
        let text = "others than the agent's own user and root have as many connections as they may";
        Self::new(Trouble::Busy, text, "Close one that is not needed, or ask again in a moment.")
    }

    pub(crate) fn json(&self) -> Value {
        let mut error = json!({ "code": self.trouble.as_str(), "message": self.text, "remedy": self.remedy });
        if let Some(field) = &self.field {
            error["field"] = field.as_str().into();
        }
        error
    }
}

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        Self::new(
            Trouble::Queue,
            error.to_string(),
            "Look into the agent's log; a full disk is the usual cause.",
        )
    }
}
