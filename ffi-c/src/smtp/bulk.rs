//! `SendBulk`: any number of messages in one call, a result for each.

use std::{ffi::c_void, iter};

use freesmtp_core::{Error, smtp::BulkMessage};

use crate::{
    error::freesmtp_error, guard, message::freesmtp_message, report::freesmtp_report, smtp::freesmtp_smtp,
};

/// Gives the next message of a bulk and hands it over: the bulk lets it go. To give one message many times, give
/// copies (`freesmtp_message_clone`). NULL says that there are no more; after that it is not called again.
///
/// It is called when a message is wanted, so that they never all have to be in memory; about a hundred are kept ahead.
/// It must return: no `longjmp`, no C++ exception.
pub type freesmtp_bulk_next =
    Option<unsafe extern "C" fn(user_data: *mut c_void) -> Option<Box<freesmtp_message>>>;

/// Takes the result of one message of a bulk: `index` counts the messages as `freesmtp_bulk_next` gave them, from 0.
/// Either `report` or `error` is what `freesmtp_smtp_send` would give for it, and the other one is NULL; both are
/// borrowed for the call. True goes on, false stops the bulk. It must return: no `longjmp`, no C++ exception.
pub type freesmtp_bulk_result = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        index: usize,
        report: Option<&freesmtp_report>,
        error: Option<&freesmtp_error>,
    ) -> bool,
>;

/// Sends any number of messages over up to `freesmtp_smtp_set_max_connections` connections, pipelined from one message
/// into the next, and returns when each has its result. Results come as they complete, not always in the order of the
/// messages. One failure never stops the others: NULL says that every result was given, or that `result` stopped the
/// bulk. An error is about the call itself, and no message was sent.
///
/// Both callbacks are called on the calling thread, never at the same time, with `user_data` as it is; they may send
/// with the same object, but must not change or let go of it. When `result` stops the bulk, it is not called again;
/// what is under way is cancelled, so that a message without a result may have been delivered or not. From another
/// thread, `freesmtp_smtp_cancel` makes the messages that have no result yet fail.
///
/// A message that a lost connection left untouched is sent over another one; one whose outcome is unknown is not. When
/// no session can be opened, the messages of the next seconds fail with the same error, without further attempts; after
/// a refused login all do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_bulk(
    smtp: Option<&freesmtp_smtp>,
    next: freesmtp_bulk_next,
    result: freesmtp_bulk_result,
    user_data: *mut c_void,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let next = guard::handle(next, "next")?;
        // SAFETY: the program promised a function that takes this pointer, on this thread.
        let messages = iter::from_fn(|| unsafe { next(user_data) }.map(|message| message.0));
        // SAFETY: the caller's promise is the same.
        unsafe { send(smtp, messages, result, user_data) }
    })
}

/// Sends what the iterator gives, and tells the program of each.
///
/// # Safety
/// `result` takes `user_data`, on this thread.
pub(super) unsafe fn send<M: BulkMessage>(
    smtp: Option<&freesmtp_smtp>,
    messages: impl Iterator<Item = M>,
    result: freesmtp_bulk_result,
    user_data: *mut c_void,
) -> Result<(), Error> {
    let smtp = guard::handle(smtp, "smtp")?.ready()?;
    let result = guard::handle(result, "result")?;
    for sent in smtp.send_bulk(messages) {
        let (report, error) = match sent.result {
            Ok(report) => (Some(freesmtp_report::boxed(&report)), None),
            Err(error) => (None, Some(freesmtp_error::boxed(error))),
        };
        // SAFETY: the caller's promise is the same.
        if !unsafe { result(user_data, sent.index, report.as_deref(), error.as_deref()) } {
            break;
        }
    }
    Ok(())
}
