//! What can be asked, read from a line.

use std::str::FromStr;

use freesmtp_core::spool::Id;
use serde::Deserialize;

use super::{Refusal, Trouble, VERSION};
use crate::{
    events::EventKind,
    queue::{Filter, JobState, Order},
};

/// The most messages of an answer, and ids of a request.
pub(crate) const MOST: u32 = 1_000;

/// A request.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// How the agent is.
    Status,
    /// Where mail waits, and why.
    Destinations(u32),
    /// Everything about a message; whether with the conversations.
    Message(Id, bool),
    /// Where the bytes of a message are.
    Content(Id),
    /// The messages that fit.
    List(Which),
    /// An order for messages.
    Orders(Order, Which),
    /// Takes out all that fit.
    Purge(Which),
    /// All blasts, the newest first.
    Blasts(u32),
    /// One.
    Blast(String),
    /// An order for a blast.
    BlastOrder(BlastOrder, String),
    /// Progress.
    Watch(Watch),
    /// An answer when it is done.
    Wait(Wait),
    /// What happens.
    Events(Listen),
    /// Where the monitor is, and the token.
    Monitor,
}

/// What is done with a blast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlastOrder {
    Pause,
    Resume,
    Cancel,
}

/// Which messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    /// By id; then nothing else counts.
    pub(crate) ids: Vec<Id>,
    /// By what the queue knows.
    pub(crate) filter: Filter,
    /// By a part of the subject, in lower case.
    pub(crate) subject: Option<String>,
    /// All of them, where an order names nothing else.
    pub(crate) all: bool,
}

impl Which {
    /// The id, where that is all that the filter says: one message has it, and no other is looked at.
    pub(crate) fn only_id(&self) -> Option<Id> {
        let Filter {
            text: Some(text), blast: None, site: None, state: None, cause: None, after: None, ..
        } = &self.filter
        else {
            return None;
        };
        if self.subject.is_some() { None } else { text.parse().ok() }
    }
}

/// Progress of a blast, or of the agent.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) blast: Option<String>,
    /// In seconds.
    pub(crate) interval: f64,
}

/// A message or a blast, and for how long, in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) what: WaitFor,
    pub(crate) timeout: Option<f64>,
}

/// What is waited for.
#[derive(Clone, Debug)]
pub(crate) enum WaitFor {
    Message(Id),
    Blast(String),
}

/// Whose events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listen {
    pub(crate) id: Option<Id>,
    pub(crate) blast: Option<String>,
    /// None for all kinds.
    pub(crate) kinds: Vec<EventKind>,
}

/// The line as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line {
    v: u64,
    request: String,
    id: Option<String>,
    ids: Vec<String>,
    blast: Option<String>,
    site: Option<String>,
    state: Option<String>,
    cause: Option<String>,
    text: Option<String>,
    subject: Option<String>,
    all: bool,
    after: Option<String>,
    limit: Option<u32>,
    transcripts: bool,
    interval: Option<f64>,
    timeout: Option<f64>,
    kinds: Vec<EventKind>,
}

impl Request {
    /// Reads a request.
    pub(crate) fn parse(line: &str) -> Result<Self, Refusal> {
        // A later version may have members that are not known here: it is told of the version first.
        let spoken = serde_json::from_str::<serde_json::Value>(line).ok().and_then(|line| line["v"].as_u64());
        if let Some(spoken) = spoken.filter(|spoken| *spoken != VERSION) {
            let text = format!("version {spoken} is not spoken here, but {VERSION}");
            return Err(Refusal::new(Trouble::Version, text, "Update the program or the agent."));
        }
        let line: Line =
            serde_json::from_str(line).map_err(|error| bad(&format!("the request is not valid: {error}")))?;
        if spoken.is_none() {
            return Err(bad(r#"the request does not say its version; begin it with {"v":1,"request":…"#));
        }
        line.request()
    }

    /// Whether it names the messages or the blast that it is about. Who submitted them knows these names; everything else
    /// tells of the mail of others, or touches it.
    pub(crate) fn names_what_it_is_about(&self) -> bool {
        match self {
            Self::Status | Self::Message(..) | Self::Blast(_) | Self::BlastOrder(..) => true,
            Self::Watch(_) | Self::Wait(_) => true,
            Self::Orders(_, which) | Self::Purge(which) => !which.ids.is_empty(),
            Self::Events(listen) => listen.id.is_some() || listen.blast.is_some(),
            // Whoever may read the file may have its name.
            Self::Content(_) | Self::Destinations(_) | Self::List(_) | Self::Blasts(_) | Self::Monitor => {
                false
            }
        }
    }
}

impl Line {
    fn request(self) -> Result<Request, Refusal> {
        let limit = self.limit.unwrap_or(100).clamp(1, MOST);
        let request = match self.request.as_str() {
            "status" => Request::Status,
            "destinations" => Request::Destinations(limit),
            "message" => Request::Message(self.one_id()?, self.transcripts),
            "content" => Request::Content(self.one_id()?),
            "list" | "search" => Request::List(self.which()?),
            "retry" => Request::Orders(Order::Retry, self.some()?),
            "hold" => Request::Orders(Order::Hold, self.some()?),
            "release" => Request::Orders(Order::Release, self.some()?),
            "cancel" => {
                let which = self.some()?;
                if which.ids.is_empty() {
                    return Err(bad("cancel names no id; to take out all that fit a filter, ask for purge"));
                }
                Request::Orders(Order::Cancel, which)
            }
            "purge" => Request::Purge(self.some()?),
            "blasts" => Request::Blasts(limit),
            "blast" => Request::Blast(self.blast()?),
            "pause_blast" => Request::BlastOrder(BlastOrder::Pause, self.blast()?),
            "resume_blast" => Request::BlastOrder(BlastOrder::Resume, self.blast()?),
            "cancel_blast" => Request::BlastOrder(BlastOrder::Cancel, self.blast()?),
            "watch" => {
                let interval = self.interval.unwrap_or(1.0);
                if !(0.05..=3_600.0).contains(&interval) {
                    return Err(bad("interval is not from 0.05 to 3600 seconds"));
                }
                Request::Watch(Watch { blast: self.blast, interval })
            }
            "wait" => {
                if self.timeout.is_some_and(|timeout| !(0.0..=1e9).contains(&timeout)) {
                    return Err(bad("timeout is no number of seconds"));
                }
                let timeout = self.timeout;
                let what = match &self.blast {
                    Some(name) => WaitFor::Blast(name.clone()),
                    None => WaitFor::Message(self.one_id()?),
                };
                Request::Wait(Wait { what, timeout })
            }
            "events" => Request::Events(Listen {
                id: self.id.as_deref().map(id).transpose()?,
                blast: self.blast,
                kinds: self.kinds,
            }),
            "monitor" => Request::Monitor,
            other => return Err(bad(&format!("{other:?} is no request of version {VERSION}"))),
        };
        Ok(request)
    }

    fn one_id(&self) -> Result<Id, Refusal> {
        id(self.id.as_deref().ok_or_else(|| bad("id is missing"))?)
    }

    fn blast(self) -> Result<String, Refusal> {
        self.blast.ok_or_else(|| bad("blast is missing: the name of one"))
    }

    fn which(self) -> Result<Which, Refusal> {
        self.selection().which()
    }

    fn some(self) -> Result<Which, Refusal> {
        self.selection().some()
    }

    fn selection(self) -> Selection {
        let mut ids = self.ids;
        ids.extend(self.id);
        Selection {
            ids,
            text: self.text,
            subject: self.subject,
            blast: self.blast,
            site: self.site,
            state: self.state,
            cause: self.cause,
            after: self.after,
            limit: self.limit,
            all: self.all,
        }
    }
}

/// Messages as a request names them: by id, by what fits, or all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) ids: Vec<String>,
    pub(crate) text: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) blast: Option<String>,
    pub(crate) site: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
    pub(crate) all: bool,
}

impl Selection {
    /// Which messages that are.
    pub(crate) fn which(self) -> Result<Which, Refusal> {
        if self.ids.len() > MOST as usize {
            let text = format!("there are more than {MOST} ids; send several requests");
            return Err(bad(&text).at("ids"));
        }
        let state = match self.state.as_deref() {
            None => None,
            Some("ready") => Some(JobState::Ready),
            Some("later") => Some(JobState::Later),
            Some("held") => Some(JobState::Held),
            Some(other) => {
                return Err(bad(&format!("state is {other:?}, not ready, later or held")).at("state"));
            }
        };
        let named = |(index, text): (usize, &String)| id(text).map_err(|bad| bad.at(format!("ids[{index}]")));
        let ids = self.ids.iter().enumerate().map(named).collect::<Result<Vec<_>, _>>()?;
        let after = self.after.as_deref().map(|text| id(text).map_err(|bad| bad.at("after")));
        let filter = Filter {
            text: self.text.filter(|text| !text.is_empty()),
            blast: self.blast,
            site: self.site,
            state,
            cause: self.cause,
            after: after.transpose()?,
            limit: self.limit.unwrap_or(100).clamp(1, MOST),
            ..Filter::default()
        };
        let subject = self.subject.filter(|text| !text.is_empty()).map(|text| text.to_lowercase());
        Ok(Which { ids, filter, subject, all: self.all })
    }

    /// Which messages an order is for: it has to say so.
    pub(crate) fn some(self) -> Result<Which, Refusal> {
        let which = self.which()?;
        let filter = &which.filter;
        let says = !which.ids.is_empty()
            || which.subject.is_some()
            || filter.text.is_some()
            || filter.blast.is_some()
            || filter.site.is_some()
            || filter.cause.is_some()
            || filter.state.is_some();
        if says == which.all {
            return Err(bad(if says {
                "it names messages, and all of them; say one or the other"
            } else {
                "it names no messages; give ids, a filter, or all"
            }));
        }
        Ok(which)
    }
}

/// An id, read.
pub(crate) fn id(text: &str) -> Result<Id, Refusal> {
    Id::from_str(text).map_err(|_| bad(&format!("{text:?} is no id, which has 26 letters and digits")))
}

fn bad(text: &str) -> Refusal {
    Refusal::new(Trouble::BadRequest, text, "docs/agent-socket.md describes the requests.")
}
