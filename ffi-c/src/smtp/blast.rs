//! What the agent of the spool knows of blasts, and orders to it.

use std::{
    ffi::{CString, c_char},
    ptr,
    time::Duration,
};

use freesmtp_core::{Cancel, Error, spool::agent::BlastStatus};

use crate::{
    cancel::freesmtp_cancel,
    error::freesmtp_error,
    guard,
    server::duration,
    smtp::freesmtp_smtp,
    strings::{c_string, lend, text},
};

/// How far a blast is. Made by `freesmtp_blast_status_get` and the like; what it gives is borrowed from it.
pub struct freesmtp_blast_status {
    name: CString,
    state: CString,
    status: BlastStatus,
}

/// # Safety
/// `name` is as rule 2 of the header demands.
unsafe fn blast(
    smtp: Option<&freesmtp_smtp>,
    name: *const c_char,
    status: Option<&mut *mut freesmtp_blast_status>,
    ask: impl FnOnce(&freesmtp_core::Smtp, &str) -> Result<BlastStatus, Error>,
) -> Result<(), Error> {
    let status = guard::handle(status, "status")?;
    *status = ptr::null_mut();
    // SAFETY: the caller's promise is the same.
    let name = unsafe { text(name, "name") }?;
    let found = ask(&guard::handle(smtp, "smtp")?.0, name)?;
    let (name, state) = (c_string(&found.name), c_string(found.state.as_str()));
    *status = Box::into_raw(Box::new(freesmtp_blast_status { name, state, status: found }));
    Ok(())
}

/// Asks the agent of the spool how far a blast is: all messages that were submitted under that name. Errors are as those
/// of `freesmtp_spool_status_get`. `*status` is owned: `freesmtp_blast_status_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_blast_status_get(
    smtp: Option<&freesmtp_smtp>,
    name: *const c_char,
    status: Option<&mut *mut freesmtp_blast_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the caller's promise is the same.
        unsafe { blast(smtp, name, status, freesmtp_core::Smtp::blast_status) }
    })
}

/// Keeps the messages of a blast until it is resumed; those that are being sent are sent. `*status` is owned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_blast_pause(
    smtp: Option<&freesmtp_smtp>,
    name: *const c_char,
    status: Option<&mut *mut freesmtp_blast_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the caller's promise is the same.
        unsafe { blast(smtp, name, status, freesmtp_core::Smtp::pause_blast) }
    })
}

/// Lets a paused blast go on; one that was cancelled does not. `*status` is owned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_blast_resume(
    smtp: Option<&freesmtp_smtp>,
    name: *const c_char,
    status: Option<&mut *mut freesmtp_blast_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the caller's promise is the same.
        unsafe { blast(smtp, name, status, freesmtp_core::Smtp::resume_blast) }
    })
}

/// Takes all messages of a blast out that are not delivered; their senders get no reports. Those that are being sent are
/// sent. `*status` is owned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_blast_cancel(
    smtp: Option<&freesmtp_smtp>,
    name: *const c_char,
    status: Option<&mut *mut freesmtp_blast_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the caller's promise is the same.
        unsafe { blast(smtp, name, status, freesmtp_core::Smtp::cancel_blast) }
    })
}

/// Waits until each recipient of a blast has its result, or until `timeout` seconds are over (0: without a limit), and
/// gives how far it is then. `cancel` ends it from another thread; it may be NULL. `*status` is owned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_blast_wait(
    smtp: Option<&freesmtp_smtp>,
    name: *const c_char,
    timeout: f64,
    cancel: Option<&freesmtp_cancel>,
    status: Option<&mut *mut freesmtp_blast_status>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let limit: Option<Duration> = if timeout == 0.0 { None } else { Some(duration(timeout, "timeout")?) };
        let cancel = cancel.map_or_else(Cancel::new, |it| it.0.clone());
        // SAFETY: the caller's promise is the same.
        unsafe { blast(smtp, name, status, |core, name| core.wait_for_blast_with(name, limit, &cancel)) }
    })
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_free(status: Option<Box<freesmtp_blast_status>>) {
    guard::value((), || drop(status));
}

/// Its name. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_name(status: Option<&freesmtp_blast_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.name)))
}

/// `running`, `paused`, `cancelled`, or `done`: each recipient has its result. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_state(status: Option<&freesmtp_blast_status>) -> *const c_char {
    guard::value(ptr::null(), || lend(status.map(|it| &it.state)))
}

/// Whether each recipient has its result.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_is_done(status: Option<&freesmtp_blast_status>) -> bool {
    guard::value(false, || status.is_some_and(|it| it.status.is_done))
}

/// Messages that were submitted under its name.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_messages(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.messages))
}

/// Their recipients.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_recipients(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.recipients))
}

/// Recipients without a result.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_open(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.open))
}

/// Recipients whose server took the message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_delivered(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.delivered))
}

/// Open recipients that were put off at least once.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_deferred(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.deferred))
}

/// Recipients that were refused for good.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_failed(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.failed))
}

/// Recipients whose time was over.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_expired(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.expired))
}

/// Recipients that were cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_cancelled(status: Option<&freesmtp_blast_status>) -> u64 {
    guard::value(0, || status.map_or(0, |it| it.status.cancelled))
}

/// Recipients delivered per second, lately.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_rate(status: Option<&freesmtp_blast_status>) -> f64 {
    guard::value(0.0, || status.map_or(0.0, |it| it.status.rate))
}

/// Seconds that it takes at this rate; negative when nothing says how long.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_blast_status_eta(status: Option<&freesmtp_blast_status>) -> f64 {
    guard::value(-1.0, || status.map_or(-1.0, |it| it.status.eta_seconds.unwrap_or(-1.0)))
}
