//! The messages that a message answers (RFC 5322 section 3.6.4).

use std::{ffi::c_char, ptr};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    strings::{give_text, text, text_n},
};

/// Adds a message that this one answers, by its `Message-ID`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_in_reply_to(
    message: Option<&mut freesmtp_message>,
    message_id: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let message_id = unsafe { text(message_id, "message_id") }?;
        message.in_reply_to.push(message_id.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_in_reply_to_n(
    message: Option<&mut freesmtp_message>,
    message_id: *const c_char,
    message_id_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let message_id = unsafe { text_n(message_id, message_id_size, "message_id") }?;
        message.in_reply_to.push(message_id.to_owned());
        Ok(())
    })
}

/// Adds a message of the thread, the oldest first, by its `Message-ID`: the `References` of the message answered, then its
/// own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_reference(
    message: Option<&mut freesmtp_message>,
    message_id: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let message_id = unsafe { text(message_id, "message_id") }?;
        message.references.push(message_id.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_reference_n(
    message: Option<&mut freesmtp_message>,
    message_id: *const c_char,
    message_id_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let message_id = unsafe { text_n(message_id, message_id_size, "message_id") }?;
        message.references.push(message_id.to_owned());
        Ok(())
    })
}

/// How many messages it answers.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_in_reply_to_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.in_reply_to.len()))
}

/// The `Message-ID` of the answered message at `index`, as set; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_in_reply_to(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.in_reply_to.get(index).map(String::as_str)), size)
    })
}

/// How many messages of the thread are named.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_reference_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.references.len()))
}

/// The `Message-ID` of the message of the thread at `index`, as set; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_reference(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.references.get(index).map(String::as_str)), size)
    })
}
