//! What is asked of the spool for a message: only submitting looks at it, sending does not.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{Error, types::Moment};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    number::put,
    strings::{give_text, text, text_n},
};

/// Sets the moment before which the message is not delivered, in seconds since 1970-01-01 UTC.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_not_before(
    message: Option<&mut freesmtp_message>,
    unix_seconds: i64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.spool.not_before = Some(Moment::new(unix_seconds));
        Ok(())
    })
}

/// Sets the moment at which a message that is not delivered is given up, in seconds since 1970-01-01 UTC.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_expires(
    message: Option<&mut freesmtp_message>,
    unix_seconds: i64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.spool.expires = Some(Moment::new(unix_seconds));
        Ok(())
    })
}

/// Sets which messages of the spool are delivered first: from -9 to 9, higher ones first; 0 at first.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_spool_priority(
    message: Option<&mut freesmtp_message>,
    priority: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        message.spool.priority = i8::try_from(priority).map_err(|_| {
            Error::input("SpoolPriority", format!("{priority} is no priority; the numbers go from -9 to 9"))
        })?;
        Ok(())
    })
}

/// Sets the blast that the message belongs to: messages of one name have one progress, and are paused, resumed and
/// cancelled together.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_blast(
    message: Option<&mut freesmtp_message>,
    blast: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        message.spool.blast = Some(unsafe { text(blast, "blast") }?.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_blast_n(
    message: Option<&mut freesmtp_message>,
    blast: *const c_char,
    blast_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        message.spool.blast = Some(unsafe { text_n(blast, blast_size, "blast") }?.to_owned());
        Ok(())
    })
}

/// Sets the key by which a repetition is known: the same message submitted again under its key is not delivered again,
/// another one under the same key is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_idempotency_key(
    message: Option<&mut freesmtp_message>,
    key: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        message.spool.idempotency_key = Some(unsafe { text(key, "key") }?.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_idempotency_key_n(
    message: Option<&mut freesmtp_message>,
    key: *const c_char,
    key_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        message.spool.idempotency_key = Some(unsafe { text_n(key, key_size, "key") }?.to_owned());
        Ok(())
    })
}

/// Whether there is a moment before which it is not delivered; it is put into `*unix_seconds` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_not_before(
    message: Option<&freesmtp_message>,
    unix_seconds: Option<&mut i64>,
) -> bool {
    guard::value(false, || {
        put(message.and_then(|it| it.0.spool.not_before.map(|at| at.unix_seconds)), unix_seconds)
    })
}

/// Whether there is a moment at which it is given up; it is put into `*unix_seconds` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_expires(
    message: Option<&freesmtp_message>,
    unix_seconds: Option<&mut i64>,
) -> bool {
    guard::value(false, || {
        put(message.and_then(|it| it.0.spool.expires.map(|at| at.unix_seconds)), unix_seconds)
    })
}

/// Which messages of the spool are delivered first: from -9 to 9, higher ones first.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_spool_priority(message: Option<&freesmtp_message>) -> c_int {
    guard::value(0, || message.map_or(0, |it| it.0.spool.priority.into()))
}

/// The blast that it belongs to; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_blast(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.and_then(|it| it.0.spool.blast.as_deref()), size))
}

/// The key by which a repetition is known; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_idempotency_key(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.spool.idempotency_key.as_deref()), size)
    })
}
