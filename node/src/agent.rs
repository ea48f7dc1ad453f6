//! What the agent of the spool tells, as data for JavaScript.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use freesmtp_core::{
    self as core, Error,
    smtp::SpoolEvents as CoreEvents,
    spool::agent::{BlastStatus, SpoolEvent, SpoolEventKind, SpoolRecipient, SpoolStatus},
    types::Moment,
};
use napi::bindgen_prelude::{Env, Object, ToNapiValue};
use napi_derive::napi;

use crate::{
    answer::promise,
    server::seconds,
    smtp::{Cancel, Smtp},
};

/// What became of a message of the spool.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct SpoolStatusFields {
    /// Its id.
    pub id: String,
    /// What it waits for.
    pub state: String,
    /// Whether each recipient has its result.
    pub is_done: bool,
    /// Its `Message-ID`.
    pub message_id: String,
    /// Its reverse-path.
    pub sender: String,
    /// Its blast.
    pub blast: String,
    /// Milliseconds since 1970.
    pub submitted: Option<i64>,
    /// Milliseconds since 1970.
    pub expires: Option<i64>,
    /// How many recipients it has.
    pub recipients_total: i64,
    /// How many of them have no result.
    pub recipients_open: i64,
    /// The recipients.
    pub recipients: Vec<SpoolRecipientFields>,
}

/// A recipient of it.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct SpoolRecipientFields {
    /// The mailbox.
    pub email: String,
    /// What it waits for, or what became of it.
    pub state: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// Milliseconds since 1970.
    pub next_attempt: Option<i64>,
    /// Milliseconds since 1970.
    pub at: Option<i64>,
    /// The server that answered last.
    pub server: String,
    /// Its reply code.
    pub reply_code: u16,
    /// Its enhanced status code.
    pub enhanced_code: String,
    /// Its reply's text.
    pub reply_text: String,
    /// The diagnosis.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// How far a blast is.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct BlastStatusFields {
    /// Its name.
    pub name: String,
    /// Whether it is under way.
    pub state: String,
    /// Whether each recipient has its result.
    pub is_done: bool,
    /// Messages.
    pub messages: i64,
    /// Recipients.
    pub recipients: i64,
    /// Without a result.
    pub open: i64,
    /// Taken by a server.
    pub delivered: i64,
    /// Put off.
    pub deferred: i64,
    /// Refused.
    pub failed: i64,
    /// Too late.
    pub expired: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// Delivered per second.
    pub rate: f64,
    /// What is left, in seconds.
    pub eta_seconds: Option<f64>,
}

/// What happened to a recipient.
#[napi(object, object_from_js = false)]
pub struct SpoolEventFields {
    /// What happened.
    pub event: String,
    /// The same when it is told again.
    pub key: String,
    /// When.
    pub at: String,
    /// The message.
    pub id: String,
    /// Its `Message-ID`.
    pub message_id: String,
    /// Its reverse-path.
    pub sender: String,
    /// The recipient.
    pub recipient: String,
    /// The blast.
    pub blast: String,
    /// Which attempt it was.
    pub attempt: u32,
    /// The server.
    pub server: String,
    /// Its reply code.
    pub reply_code: u16,
    /// Its enhanced status code.
    pub enhanced_code: String,
    /// Its reply's text.
    pub reply_text: String,
    /// The diagnosis.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// When it is tried again.
    pub next_attempt: String,
    /// It may have been delivered.
    pub is_unknown: bool,
    /// How many events were missed.
    pub count: i64,
}

fn moment(moment: Option<Moment>) -> Option<i64> {
    moment.map(|moment| moment.unix_seconds.saturating_mul(1000))
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl From<SpoolStatus> for SpoolStatusFields {
    fn from(status: SpoolStatus) -> Self {
        Self {
            state: status.state.to_string(),
            is_done: status.is_done(),
            id: status.id,
            message_id: status.message_id,
            sender: status.sender,
            blast: status.blast,
            submitted: moment(status.submitted),
            expires: moment(status.expires),
            recipients_total: count(status.recipients_total),
            recipients_open: count(status.recipients_open),
            recipients: status.recipients.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<SpoolRecipient> for SpoolRecipientFields {
    fn from(recipient: SpoolRecipient) -> Self {
        Self {
            email: recipient.email,
            state: recipient.state,
            attempts: recipient.attempts,
            next_attempt: moment(recipient.next_attempt),
            at: moment(recipient.at),
            server: recipient.server,
            reply_code: recipient.reply_code,
            enhanced_code: recipient.enhanced_code,
            reply_text: recipient.reply_text,
            cause: recipient.cause,
            remedy: recipient.remedy,
        }
    }
}

impl From<BlastStatus> for BlastStatusFields {
    fn from(status: BlastStatus) -> Self {
        Self {
            state: status.state.to_string(),
            name: status.name,
            is_done: status.is_done,
            messages: count(status.messages),
            recipients: count(status.recipients),
            open: count(status.open),
            delivered: count(status.delivered),
            deferred: count(status.deferred),
            failed: count(status.failed),
            expired: count(status.expired),
            cancelled: count(status.cancelled),
            rate: status.rate,
            eta_seconds: status.eta_seconds,
        }
    }
}

impl From<SpoolEvent> for SpoolEventFields {
    fn from(event: SpoolEvent) -> Self {
        Self {
            event: event.event.to_string(),
            key: event.key,
            at: event.at,
            id: event.id,
            message_id: event.message_id,
            sender: event.sender,
            recipient: event.recipient,
            blast: event.blast,
            attempt: event.attempt,
            server: event.server,
            reply_code: event.reply_code,
            enhanced_code: event.enhanced_code,
            reply_text: event.reply_text,
            cause: event.cause,
            remedy: event.remedy,
            next_attempt: event.next_attempt,
            is_unknown: event.is_unknown,
            count: count(event.count),
        }
    }
}

/// What is asked about a blast, or ordered.
#[napi(string_enum)]
pub enum BlastRequest {
    /// How far it is.
    Status,
    /// Pause it.
    Pause,
    /// Let it go on.
    Resume,
    /// Take its messages out.
    Cancel,
}

#[napi]
impl Smtp {
    /// What became of a message.
    #[napi(ts_return_type = "Promise<SpoolStatusFields | Failed>")]
    pub fn spool_status<'env>(&self, env: &'env Env, id: String) -> napi::Result<Object<'env>> {
        let smtp = self.inner.borrow().clone();
        promise(env, move || smtp.spool_status(&id).map(SpoolStatusFields::from))
    }

    /// A question about a blast, or an order.
    #[napi(ts_return_type = "Promise<BlastStatusFields | Failed>")]
    pub fn blast<'env>(
        &self,
        env: &'env Env,
        name: String,
        request: BlastRequest,
    ) -> napi::Result<Object<'env>> {
        let smtp = self.inner.borrow().clone();
        promise(env, move || {
            let status = match request {
                BlastRequest::Status => smtp.blast_status(&name),
                BlastRequest::Pause => smtp.pause_blast(&name),
                BlastRequest::Resume => smtp.resume_blast(&name),
                BlastRequest::Cancel => smtp.cancel_blast(&name),
            };
            status.map(BlastStatusFields::from)
        })
    }

    /// Waits for a blast, for so many seconds.
    #[napi(ts_return_type = "Promise<BlastStatusFields | Failed>")]
    pub fn wait_for_blast<'env>(
        &self,
        env: &'env Env,
        name: String,
        timeout: Option<f64>,
        cancel: &Cancel,
    ) -> napi::Result<Object<'env>> {
        self.wait(env, timeout, cancel, move |smtp, timeout, cancel| {
            smtp.wait_for_blast_with(&name, timeout, cancel).map(BlastStatusFields::from)
        })
    }

    /// Waits for a message, for so many seconds.
    #[napi(ts_return_type = "Promise<SpoolStatusFields | Failed>")]
    pub fn wait_for_message<'env>(
        &self,
        env: &'env Env,
        id: String,
        timeout: Option<f64>,
        cancel: &Cancel,
    ) -> napi::Result<Object<'env>> {
        self.wait(env, timeout, cancel, move |smtp, timeout, cancel| {
            smtp.wait_for_message_with(&id, timeout, cancel).map(SpoolStatusFields::from)
        })
    }

    /// Begins to listen; the cancel ends what is told, too.
    #[napi(ts_return_type = "Promise<SpoolEvents | Failed>")]
    pub fn spool_events<'env>(
        &self,
        env: &'env Env,
        blast: String,
        cancel: &Cancel,
    ) -> napi::Result<Object<'env>> {
        let smtp = self.inner.borrow().clone();
        let cancel = cancel.inner.clone();
        promise(env, move || {
            let events = smtp.spool_events_with(&blast, &cancel)?;
            Ok(SpoolEvents { inner: Arc::new(Mutex::new(events)), cancel })
        })
    }
}

impl Smtp {
    /// Waits for what the agent tells, on a thread of our own.
    fn wait<'env, T>(
        &self,
        env: &'env Env,
        timeout: Option<f64>,
        cancel: &Cancel,
        wait: impl FnOnce(&core::Smtp, Option<Duration>, &core::Cancel) -> Result<T, Error> + Send + 'static,
    ) -> napi::Result<Object<'env>>
    where
        T: ToNapiValue + Send + 'static,
    {
        let smtp = self.inner.borrow().clone();
        let timeout = timeout.map(|timeout| seconds("Timeout", timeout)).transpose();
        let cancel = cancel.inner.clone();
        promise(env, move || wait(&smtp, timeout?, &cancel))
    }
}

/// Events as they happen.
#[napi]
pub struct SpoolEvents {
    inner: Arc<Mutex<CoreEvents>>,
    cancel: core::Cancel,
}

#[napi]
impl SpoolEvents {
    /// Waits for the next one; undefined after an error.
    #[napi(ts_return_type = "Promise<SpoolEventFields | undefined | Failed>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (inner, cancel) = (Arc::clone(&self.inner), self.cancel.clone());
        promise(env, move || {
            let mut events = inner.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                match events.next_with(&cancel).transpose()? {
                    Some(event) if event.event == SpoolEventKind::Other => {}
                    Some(event) => return Ok(Some(SpoolEventFields::from(event))),
                    None => return Ok(None),
                }
            }
        })
    }
}
