//! What happens to recipients, as the agent of the spool tells it.

use std::{
    ffi::{CString, c_char, c_void},
    ptr,
};

use freesmtp_core::{
    Cancel,
    spool::agent::{SpoolEvent, SpoolEventKind},
};

use crate::{
    cancel::freesmtp_cancel,
    error::freesmtp_error,
    guard,
    smtp::freesmtp_smtp,
    strings::{c_string, lend, optional},
};

/// What happened to a recipient. Borrowed by a `freesmtp_spool_event_callback` for its call.
pub struct freesmtp_spool_event {
    kind: CString,
    key: CString,
    at: CString,
    id: CString,
    message_id: CString,
    sender: CString,
    recipient: CString,
    blast: CString,
    server: CString,
    enhanced_code: CString,
    reply_text: CString,
    cause: CString,
    remedy: CString,
    next_attempt: CString,
    reply_code: u16,
    attempt: u32,
    is_unknown: bool,
    count: u64,
}

impl freesmtp_spool_event {
    fn new(event: &SpoolEvent) -> Self {
        Self {
            kind: c_string(event.event.as_str()),
            key: c_string(&event.key),
            at: c_string(&event.at),
            id: c_string(&event.id),
            message_id: c_string(&event.message_id),
            sender: c_string(&event.sender),
            recipient: c_string(&event.recipient),
            blast: c_string(&event.blast),
            server: c_string(&event.server),
            enhanced_code: c_string(&event.enhanced_code),
            reply_text: c_string(&event.reply_text),
            cause: c_string(&event.cause),
            remedy: c_string(&event.remedy),
            next_attempt: c_string(&event.next_attempt),
            reply_code: event.reply_code,
            attempt: event.attempt,
            is_unknown: event.is_unknown,
            count: event.count,
        }
    }
}

/// Takes an event, which is borrowed for the call. NULL says that it listens: whatever happens from then on is told. True
/// goes on, false ends. It must return: no `longjmp`, no C++ exception.
pub type freesmtp_spool_event_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: Option<&freesmtp_spool_event>) -> bool>;

/// Gives what happens to recipients from now on to `callback`, on the calling thread, until it says no, which is success.
/// `blast` is the name of one, or NULL for all messages. When `cancel` is used, which may be NULL, the error is of kind
/// `FREESMTP_ERROR_KIND_CANCELLED`; when the agent ends, of kind `FREESMTP_ERROR_KIND_SPOOL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_spool_events(
    smtp: Option<&freesmtp_smtp>,
    blast: *const c_char,
    callback: freesmtp_spool_event_callback,
    user_data: *mut c_void,
    cancel: Option<&freesmtp_cancel>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let callback = guard::handle(callback, "callback")?;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let blast = unsafe { optional(blast, "blast") }?.unwrap_or_default();
        let cancel = cancel.map_or_else(Cancel::new, |it| it.0.clone());
        let mut events = guard::handle(smtp, "smtp")?.0.spool_events_with(blast, &cancel)?;
        // SAFETY: the program promised a function that takes this pointer, on this thread.
        if !unsafe { callback(user_data, None) } {
            return Ok(());
        }
        while let Some(event) = events.next_with(&cancel) {
            let event = event?;
            if event.event == SpoolEventKind::Other {
                continue;
            }
            // SAFETY: the same.
            if !unsafe { callback(user_data, Some(&freesmtp_spool_event::new(&event))) } {
                break;
            }
        }
        Ok(())
    })
}

/// `delivered`, `deferred` (it is tried again), `bounced` (refused for good), `expired`, `cancelled`, or `lost`: events
/// were missed, because they were taken too slowly. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_kind(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.kind)))
}

/// The same when the same event is told again. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_key(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.key)))
}

/// When: RFC 3339, UTC, milliseconds. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_at(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.at)))
}

/// The message's id in the spool. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_id(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.id)))
}

/// Its `Message-ID`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_message_id(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.message_id)))
}

/// Its reverse-path; empty for the null one. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_sender(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.sender)))
}

/// The recipient. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_recipient(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.recipient)))
}

/// The blast; empty for none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_blast(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.blast)))
}

/// The server, or empty. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_server(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.server)))
}

/// Its enhanced status code (RFC 3463), or empty. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_enhanced_code(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.enhanced_code)))
}

/// Its reply's text, or what happened. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_reply_text(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.reply_text)))
}

/// The identifier of the diagnosis, or empty. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_cause(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.cause)))
}

/// What to do. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_remedy(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.remedy)))
}

/// When it is tried again: RFC 3339; empty when it is not. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_next_attempt(event: Option<&freesmtp_spool_event>) -> *const c_char {
    guard::value(ptr::null(), || lend(event.map(|it| &it.next_attempt)))
}

/// The reply code, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_reply_code(event: Option<&freesmtp_spool_event>) -> u16 {
    guard::value(0, || event.map_or(0, |it| it.reply_code))
}

/// Which attempt it was, counted from 1; 0 when none was made.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_attempt(event: Option<&freesmtp_spool_event>) -> u32 {
    guard::value(0, || event.map_or(0, |it| it.attempt))
}

/// The message was sent whole and no answer came: it may have been delivered.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_is_unknown(event: Option<&freesmtp_spool_event>) -> bool {
    guard::value(false, || event.is_some_and(|it| it.is_unknown))
}

/// How many events were missed, for `lost`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_event_count(event: Option<&freesmtp_spool_event>) -> u64 {
    guard::value(0, || event.map_or(0, |it| it.count))
}
