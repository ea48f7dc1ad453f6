//! What the agent of the spool knows, and orders to it.

use std::{path::PathBuf, str::FromStr, time::Duration};

use serde_json::{Value, json};

use super::{Smtp, outcome::explain_input};
use crate::{
    error::Error,
    net::Cancel,
    spool::{
        Id, Spool,
        agent::{AgentClient, BlastStatus, SpoolEvent, SpoolEventKind, SpoolStatus},
    },
};

/// Each asks the agent (`freesmtp agent`) that runs for the spool of this object, over its socket.
///
/// They fail with `ErrorKind::Spool`: with field `SpoolPath` when no agent runs or it gives no answer, `Id` for a message and
/// `Blast` for a blast that it does not know. The text says what to do.
impl Smtp {
    /// What became of a message of the spool so far, by the id that [`Smtp::submit_to_spool`] gave.
    ///
    /// An agent knows what is in its queue, and the last 200,000 messages that ended since it was started (of the last
    /// 10,000 what each recipient's server said). What must be known for longer is in its events.
    ///
    /// # Errors
    /// See above.
    pub fn spool_status(&self, id: &str) -> Result<SpoolStatus, Error> {
        let id = Id::from_str(id).map_err(explain_input)?;
        self.ask_agent(&json!({ "request": "message", "id": id.to_string() }))
    }

    /// Waits until each recipient of a message has its result, or until the time is over, and gives what became of it until then.
    ///
    /// # Errors
    /// See above; when the agent ends meanwhile, too.
    pub fn wait_for_message(&self, id: &str, timeout: Option<Duration>) -> Result<SpoolStatus, Error> {
        self.wait_for_message_with(id, timeout, &Cancel::new())
    }

    /// [`Smtp::wait_for_message`], and `cancel` ends it from another thread.
    ///
    /// # Errors
    /// As [`Smtp::wait_for_message`]; `ErrorKind::Cancelled` when it was cancelled.
    pub fn wait_for_message_with(
        &self,
        id: &str,
        timeout: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<SpoolStatus, Error> {
        let id = Id::from_str(id).map_err(explain_input)?;
        self.wait(json!({ "request": "wait", "id": id.to_string() }), timeout, cancel)
    }

    /// How far a blast is: all messages that were submitted with its name in `spool.blast`.
    ///
    /// # Errors
    /// See above.
    pub fn blast_status(&self, name: &str) -> Result<BlastStatus, Error> {
        self.ask_agent(&json!({ "request": "blast", "blast": name }))
    }

    /// Waits until each recipient of a blast has its result, or until the time is over, and gives how far it is then.
    ///
    /// # Errors
    /// See above; when the agent ends meanwhile, too.
    pub fn wait_for_blast(&self, name: &str, timeout: Option<Duration>) -> Result<BlastStatus, Error> {
        self.wait_for_blast_with(name, timeout, &Cancel::new())
    }

    /// [`Smtp::wait_for_blast`], and `cancel` ends it from another thread.
    ///
    /// # Errors
    /// As [`Smtp::wait_for_blast`]; `ErrorKind::Cancelled` when it was cancelled.
    pub fn wait_for_blast_with(
        &self,
        name: &str,
        timeout: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<BlastStatus, Error> {
        self.wait(json!({ "request": "wait", "blast": name }), timeout, cancel)
    }

    /// Keeps the messages of a blast until it is resumed; those that are being sent are sent.
    ///
    /// # Errors
    /// See above.
    pub fn pause_blast(&self, name: &str) -> Result<BlastStatus, Error> {
        self.ask_agent(&json!({ "request": "pause_blast", "blast": name }))
    }

    /// Lets a paused blast go on.
    ///
    /// # Errors
    /// See above; a blast that was cancelled does not go on.
    pub fn resume_blast(&self, name: &str) -> Result<BlastStatus, Error> {
        self.ask_agent(&json!({ "request": "resume_blast", "blast": name }))
    }

    /// Takes all messages of a blast out that are not delivered; their senders get no reports. Those that are being sent are
    /// sent.
    ///
    /// # Errors
    /// See above.
    pub fn cancel_blast(&self, name: &str) -> Result<BlastStatus, Error> {
        self.ask_agent(&json!({ "request": "cancel_blast", "blast": name }))
    }

    /// What happens to recipients from now on, of one blast or (with an empty name) of all messages.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), freesmtp_core::Error> {
    /// let smtp = freesmtp_core::Smtp::default();
    /// for event in smtp.spool_events("newsletter")? {
    ///     let event = event?;
    ///     println!("{} {} {}", event.recipient, event.event, event.reply_text);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See above.
    pub fn spool_events(&self, blast: &str) -> Result<SpoolEvents, Error> {
        self.spool_events_with(blast, &Cancel::new())
    }

    /// [`Smtp::spool_events`], and `cancel` ends it from another thread until the agent has answered; what is told then
    /// is ended by that of [`SpoolEvents::next_with`].
    ///
    /// # Errors
    /// As [`Smtp::spool_events`]; `ErrorKind::Cancelled` when it was cancelled.
    pub fn spool_events_with(&self, blast: &str, cancel: &Cancel) -> Result<SpoolEvents, Error> {
        let mut request = json!({ "request": "events" });
        if !blast.is_empty() {
            request["blast"] = blast.into();
        }
        let cancelled = || cancel.is_cancelled();
        let mut agent = AgentClient::connect(&self.agent_path(), &cancelled)?;
        // The first answer says that it listens.
        let _: SpoolEvent = agent.ask(&request, &cancelled)?;
        Ok(SpoolEvents { agent: Some(agent) })
    }

    fn wait<T: serde::de::DeserializeOwned>(
        &self,
        mut request: Value,
        timeout: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<T, Error> {
        #[derive(serde::Deserialize)]
        struct Waited<T> {
            status: T,
        }
        // What is longer than the agent counts is for ever.
        let seconds = timeout.map(|timeout| timeout.as_secs_f64()).filter(|seconds| *seconds < 1e9);
        request["timeout"] = json!(seconds);
        let cancelled = || cancel.is_cancelled();
        let mut agent = AgentClient::connect(&self.agent_path(), &cancelled)?;
        agent.send(&request)?;
        let waited: Waited<T> = agent.next(None, &cancelled)?;
        Ok(waited.status)
    }

    fn ask_agent<T: serde::de::DeserializeOwned>(&self, request: &Value) -> Result<T, Error> {
        AgentClient::connect(&self.agent_path(), &|| false)?.ask(request, &|| false)
    }

    fn agent_path(&self) -> PathBuf {
        self.spool_path().map_or_else(Spool::default_path, ToOwned::to_owned)
    }
}

/// What happens to recipients, as it happens: by [`Smtp::spool_events`]. It ends with the error that says why.
#[derive(Debug)]
pub struct SpoolEvents {
    /// `None` after its end.
    agent: Option<AgentClient>,
}

impl SpoolEvents {
    /// The next event; `None` after an error. `cancel` ends the wait from another thread.
    ///
    /// # Errors
    /// `ErrorKind::Spool` when the agent ends; `ErrorKind::Cancelled` when it was cancelled.
    pub fn next_with(&mut self, cancel: &Cancel) -> Option<Result<SpoolEvent, Error>> {
        let agent = self.agent.as_mut()?;
        let event = agent.next(None, &|| cancel.is_cancelled());
        if event
            .as_ref()
            .map_or(true, |event: &SpoolEvent| event.event == SpoolEventKind::Other && event.id.is_empty())
        {
            self.agent = None;
        }
        Some(event)
    }
}

impl Iterator for SpoolEvents {
    type Item = Result<SpoolEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(&Cancel::new())
    }
}
