//! What the agent of the spool knows of messages.

use std::{
    ffi::{CString, c_char},
    ptr,
    time::Duration,
};

use freesmtp_core::{
    Cancel,
    spool::agent::{SpoolRecipient, SpoolStatus},
    types::Moment,
};

use crate::{
    cancel::freesmtp_cancel,
    error::freesmtp_error,
    guard,
    server::duration,
    smtp::freesmtp_smtp,
    strings::{c_string, lend, text},
};

/// What becomes of a message of the spool. Made by `freesmtp_spool_status_get`; what it gives is borrowed from it.
pub struct freesmtp_spool_status {
    id: CString,
    state: CString,
    message_id: CString,
    sender: CString,
    blast: CString,
    submitted: CString,
    expires: CString,
    total: u64,
    open: u64,
    recipients: Vec<Recipient>,
}

struct Recipient {
    email: CString,
    state: CString,
    attempts: u32,
    next_attempt: CString,
    server: CString,
    reply_code: u16,
    enhanced_code: CString,
    reply_text: CString,
    cause: CString,
    remedy: CString,
}

fn moment(moment: Option<Moment>) -> CString {
    c_string(&moment.map(|moment| moment.to_string()).unwrap_or_default())
}

impl freesmtp_spool_status {
    fn new(status: &SpoolStatus) -> Self {
        Self {
            id: c_string(&status.id),
            state: c_string(status.state.as_str()),
            message_id: c_string(&status.message_id),
            sender: c_string(&status.sender),
            blast: c_string(&status.blast),
            submitted: moment(status.submitted),
            expires: moment(status.expires),
            total: status.recipients_total,
            open: status.recipients_open,
            recipients: status.recipients.iter().map(Recipient::new).collect(),
        }
    }
}

impl Recipient {
    fn new(recipient: &SpoolRecipient) -> Self {
        Self {
            email: c_string(&recipient.email),
            state: c_string(&recipient.state),
            attempts: recipient.attempts,
            next_attempt: moment(recipient.next_attempt),
            server: c_string(&recipient.server),
            reply_code: recipient.reply_code,
            enhanced_code: c_string(&recipient.enhanced_code),
            reply_text: c_string(&recipient.reply_text),
            cause: c_string(&recipient.cause),
            remedy: c_string(&recipient.remedy),
        }
    }
}

/// Asks the agent (`freesmtp agent`) of the spool what became of a message, by the id that was given when it was
/// submitted. It knows what is in its queue, and what ended lately. The error is of kind `FREESMTP_ERROR_KIND_SPOOL` when
/// no agent runs, and when it does not know the id; its text says what to do. `*status` is owned:
/// `freesmtp_spool_status_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_spool_status_get(
    smtp: Option<&freesmtp_smtp>,
    id: *const c_char,
    status: Option<&mut *mut freesmtp_spool_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let status = guard::handle(status, "status")?;
        *status = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let id = unsafe { text(id, "id") }?;
        let found = guard::handle(smtp, "smtp")?.0.spool_status(id)?;
        *status = Box::into_raw(Box::new(freesmtp_spool_status::new(&found)));
        Ok(())
    })
}

/// Waits until each recipient of a message has its result, or until `timeout` seconds are over (0: without a limit), and
/// gives what became of it until then. `cancel` ends it from another thread; it may be NULL. Errors are as those of
/// `freesmtp_spool_status_get`. `*status` is owned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_spool_wait(
    smtp: Option<&freesmtp_smtp>,
    id: *const c_char,
    timeout: f64,
    cancel: Option<&freesmtp_cancel>,
    status: Option<&mut *mut freesmtp_spool_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let status = guard::handle(status, "status")?;
        *status = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let id = unsafe { text(id, "id") }?;
        let limit: Option<Duration> = if timeout == 0.0 { None } else { Some(duration(timeout, "timeout")?) };
        let cancel = cancel.map_or_else(Cancel::new, |it| it.0.clone());
        let found = guard::handle(smtp, "smtp")?.0.wait_for_message_with(id, limit, &cancel)?;
        *status = Box::into_raw(Box::new(freesmtp_spool_status::new(&found)));
        Ok(())
    })
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_free(status: Option<Box<freesmtp_spool_status>>) {
    guard::value((), || drop(status));
}

/// Its id. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_id(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.id)))
}

/// What it waits for: `ready` (a session, or it is being sent), `later` (its time), `held`, `paused` (its blast is), or
/// `done`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_state(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.state)))
}

/// Its `Message-ID`, with angle brackets; empty when it has none, or ended longer ago. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_message_id(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.message_id)))
}

/// Its reverse-path; empty for the null one. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_sender(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.sender)))
}

/// The blast it belongs to; empty for none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_blast(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.blast)))
}

/// When it was submitted: RFC 3339, UTC. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_submitted(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.submitted)))
}

/// When it is given up, as long as it waits: RFC 3339, UTC; else empty. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_expires(status: Option<&freesmtp_spool_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.expires)))
}

/// Whether each recipient has its result.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_is_done(status: Option<&freesmtp_spool_status>) -> bool {
    guard::value(false, || status.is_some_and(|it| it.open == 0))
}

/// How many recipients it has.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipients_total(status: Option<&freesmtp_spool_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.total))
}

/// How many of them have no result yet.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipients_open(status: Option<&freesmtp_spool_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.open))
}

/// How many recipients are told of: at most a thousand, and none of a message that ended longer ago.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_count(status: Option<&freesmtp_spool_status>) -> usize {
    guard::value(0, || status.map_or(0, |it| it.recipients.len()))
}

/// The mailbox. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_email(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.email)))
}

/// `ready`, `later`, `held`; or what became of it: `delivered`, `failed`, `expired`, `cancelled`. NULL behind the last.
/// Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_state(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.state)))
}

/// When it is tried again: RFC 3339, UTC; empty when it is not. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_next_attempt(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.next_attempt))
    })
}

/// The server that answered last: `mail.example.com:25`; empty when none did. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_server(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.server)))
}

/// Its enhanced status code (RFC 3463), or empty. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_enhanced_code(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.enhanced_code))
    })
}

/// Its reply's text, or what happened. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_reply_text(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.reply_text))
    })
}

/// The identifier of the diagnosis; empty when nothing went wrong. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_cause(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.cause)))
}

/// What to do, a line for each way. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_remedy(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(status.and_then(|it| it.recipients.get(index)).map(|it| &it.remedy)))
}

/// How many attempts were made.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_attempts(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> u32 {
    guard::value(0, || status.and_then(|it| it.recipients.get(index)).map_or(0, |it| it.attempts))
}

/// The reply code of the server that answered last, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_spool_status_recipient_reply_code(
    status: Option<&freesmtp_spool_status>,
    index: usize,
) -> u16 {
    guard::value(0, || status.and_then(|it| it.recipients.get(index)).map_or(0, |it| it.reply_code))
}
