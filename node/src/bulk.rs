//! `SendBulk` as JavaScript drives it: the loop is in `lib/bulk.cjs`.
//!
//! The iterable of messages belongs to the event loop, which asks for messages and gives them; a thread of our own waits
//! for results.

use std::sync::Arc;

use freesmtp_core::{self as core, Error, ErrorKind, OpenBulk, Stage, types::Failure};
use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;

use crate::{
    answer::{Answer, Failed, guard, promise},
    error::{ErrorFields, explained, input},
    message::MessageFields,
    report::ReportFields,
    token::Asking,
};

/// What came of one message: one of report and error is there.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct BulkResultFields {
    /// The place of the message, counted from 0.
    pub index: u32,
    /// As of a send.
    pub report: Option<ReportFields>,
    /// As of a send.
    pub error: Option<ErrorFields>,
}

impl From<core::BulkResult> for BulkResultFields {
    fn from(sent: core::BulkResult) -> Self {
        let index = place(sent.index);
        match sent.result {
            Ok(report) => Self { index, report: Some(report.into()), error: None },
            Err(error) => Self { index, report: None, error: Some(ErrorFields::from(&error)) },
        }
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A bulk that is under way.
#[napi]
pub struct Bulk {
    inner: Arc<OpenBulk>,
    /// Its servers ask for tokens as long as it is there.
    asking: Arc<Asking>,
}

impl Bulk {
    pub(crate) fn new(smtp: &core::Smtp, asking: Asking) -> Self {
        Self { inner: Arc::new(smtp.open_bulk()), asking: Arc::new(asking) }
    }
}

#[napi]
impl Bulk {
    /// Whether the next message is to be fetched now; then it is for `push`.
    #[napi]
    pub fn wants_message(&self) -> Answer<bool> {
        guard(|| Ok(self.inner.wants_message()))
    }

    /// Gives the next message; its place, or nothing after the end.
    #[napi]
    pub fn push(&self, message: MessageFields) -> Answer<Option<u32>> {
        guard(|| Ok(self.inner.push(message.into_core()).map(place)))
    }

    /// What would have been the next message is none.
    #[napi]
    pub fn push_none(&self) -> Answer<Option<u32>> {
        guard(|| Ok(self.inner.push(Err(input("EmailMessage", "is no EmailMessage"))).map(place)))
    }

    /// No message follows.
    #[napi]
    pub fn close(&self) -> Answer<()> {
        guard(|| {
            self.inner.close();
            Ok(())
        })
    }

    /// Ends it early; the results of what is under way still come.
    #[napi]
    pub fn cancel(&self) -> Answer<()> {
        guard(|| {
            self.inner.cancel();
            Ok(())
        })
    }

    /// The results that are there now.
    #[napi]
    pub fn ready(&self) -> Answer<Vec<BulkResultFields>> {
        guard(|| Ok(self.inner.ready().into_iter().map(BulkResultFields::from).collect()))
    }

    /// The error of a bulk that was cancelled.
    #[napi]
    pub fn cancelled(&self) -> Failed {
        let error = Error::new(ErrorKind::Cancelled, Stage::Command, "the operation was cancelled");
        Failed { error: ErrorFields::from(&explained(error.with_failure(Failure::Cancelled))) }
    }

    /// Waits for results on a thread of our own: none when a message is wanted, nothing after the last.
    #[napi(ts_return_type = "Promise<BulkResultFields[] | null | Failed>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (bulk, asking) = (Arc::clone(&self.inner), Arc::clone(&self.asking));
        promise(env, move || {
            let _asking = asking;
            Ok(bulk.next().map(|results| results.into_iter().map(BulkResultFields::from).collect::<Vec<_>>()))
        })
    }
}
