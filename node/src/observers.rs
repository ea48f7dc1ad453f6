//! The events of sending, put into the event loop.

use std::sync::Arc;

use freesmtp_core::smtp::{
    BulkStatus, OnBulkStatus, OnRecipientFailed, OnStatus, RecipientFailed, SendStatus,
};
use napi::{
    Status,
    bindgen_prelude::{Function, ToNapiValue, TypeName},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

/// How far a message is.
#[napi(object, object_from_js = false)]
pub struct StatusFields {
    /// Octets that were given to the connection.
    pub total_sent: i64,
    /// Octets of the message.
    pub total_size: i64,
}

/// A recipient who does not get a message.
#[napi(object, object_from_js = false)]
pub struct RecipientFailedFields {
    /// Who.
    pub email_address: String,
    /// The server's reply.
    pub response: String,
}

/// How far a bulk is.
#[napi(object, object_from_js = false)]
pub struct BulkStatusFields {
    /// Messages that were sent.
    pub total_sent: i64,
    /// Messages whose result is an error.
    pub total_failed: i64,
    /// Messages taken from the source.
    pub total_messages: i64,
}

/// A JavaScript function that hears how far a message is.
pub type HearStatus<'a> = Function<'a, StatusFields, ()>;
/// A JavaScript function that hears of recipients.
pub type HearRecipientFailed<'a> = Function<'a, RecipientFailedFields, ()>;
/// A JavaScript function that hears how far a bulk is.
pub type HearBulkStatus<'a> = Function<'a, BulkStatusFields, ()>;

/// Weak for the event loop: what happens keeps it running, hearing it does not.
type Queue<T> = ThreadsafeFunction<T, (), T, Status, false, true>;

/// A function that puts what it is told into the event loop. A program that ends hears nothing more.
pub(crate) fn teller<T>(hear: Function<'_, T, ()>) -> napi::Result<impl Fn(T) + Send + Sync + use<T>>
where
    T: ToNapiValue + TypeName + Send + 'static,
{
    let queue: Queue<T> = hear.build_threadsafe_function().weak::<true>().build()?;
    Ok(move |told| {
        let _ = queue.call(told, ThreadsafeFunctionCallMode::NonBlocking);
    })
}

/// Numbers of JavaScript are exact up to 2^53.
fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// For the core.
pub(crate) fn on_status(hear: HearStatus<'_>) -> napi::Result<OnStatus> {
    let tell = teller(hear)?;
    Ok(Arc::new(move |SendStatus { total_sent, total_size }| {
        tell(StatusFields { total_sent: number(total_sent), total_size: number(total_size) });
    }))
}

/// For the core.
pub(crate) fn on_recipient_failed(hear: HearRecipientFailed<'_>) -> napi::Result<OnRecipientFailed> {
    let tell = teller(hear)?;
    Ok(Arc::new(move |RecipientFailed { email_address, response }: &RecipientFailed| {
        tell(RecipientFailedFields { email_address: email_address.clone(), response: response.clone() });
    }))
}

/// For the core.
pub(crate) fn on_bulk_status(hear: HearBulkStatus<'_>) -> napi::Result<OnBulkStatus> {
    let tell = teller(hear)?;
    Ok(Arc::new(move |BulkStatus { total_sent, total_failed, total_messages }| {
        tell(BulkStatusFields {
            total_sent: number(total_sent),
            total_failed: number(total_failed),
            total_messages: number(total_messages),
        });
    }))
}
