//! What is asked of the servers for a message as a whole. What a server does not offer is an error of the send,
//! before the message, unless its extension is optional.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{
    message::{DeliverByMode, ReturnContent},
    types::Moment,
};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    number::put,
    server::no_value,
    strings::{give_text, text, text_n},
};

/// Sets how much of the message delivery reports give back (RFC 3461 section 4.3): a value of
/// `enum freesmtp_return_content`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_return_content(
    message: Option<&mut freesmtp_message>,
    return_content: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let value = u8::try_from(return_content).ok().and_then(ReturnContent::from_number);
        message.delivery.return_content =
            value.ok_or_else(|| no_value("ReturnContent", return_content, "freesmtp_return_content"))?;
        Ok(())
    })
}

/// Sets a text that delivery reports give back, to tell which message they are about (RFC 3461 section 4.4): printable
/// ASCII, at most 100 characters, `+`, `=` and a space counting as three.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_envelope_id(
    message: Option<&mut freesmtp_message>,
    envelope_id: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let envelope_id = unsafe { text(envelope_id, "envelope_id") }?;
        message.delivery.envelope_id = Some(envelope_id.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_envelope_id_n(
    message: Option<&mut freesmtp_message>,
    envelope_id: *const c_char,
    envelope_id_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let envelope_id = unsafe { text_n(envelope_id, envelope_id_size, "envelope_id") }?;
        message.delivery.envelope_id = Some(envelope_id.to_owned());
        Ok(())
    })
}

/// Sets whether every server on the way has to use TLS and to check the next one's certificate, or to return the message
/// (RFC 8689). The session itself has to be encrypted, and its certificate checked.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_require_tls(
    message: Option<&mut freesmtp_message>,
    require_tls: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.require_tls = require_tls;
        Ok(())
    })
}

/// Sets within how many seconds the message is to be delivered, from 1 to 999,999,999 (RFC 2852).
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_deliver_by(
    message: Option<&mut freesmtp_message>,
    seconds: u32,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.deliver_by = Some(seconds);
        Ok(())
    })
}

/// Sets what happens when they have passed: a value of `enum freesmtp_deliver_by_mode`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_deliver_by_mode(
    message: Option<&mut freesmtp_message>,
    mode: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let value = u8::try_from(mode).ok().and_then(DeliverByMode::from_number);
        message.delivery.deliver_by_mode =
            value.ok_or_else(|| no_value("DeliverByMode", mode, "freesmtp_deliver_by_mode"))?;
        Ok(())
    })
}

/// Sets whether each server on the way reports that it has passed the message on (RFC 2852 section 4).
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_deliver_by_trace(
    message: Option<&mut freesmtp_message>,
    trace: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.deliver_by_trace = trace;
        Ok(())
    })
}

/// Sets for how many seconds the server holds the message, from 1 to 999,999,999 (RFC 4865).
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_hold_for(
    message: Option<&mut freesmtp_message>,
    seconds: u32,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.hold_for = Some(seconds);
        Ok(())
    })
}

/// Sets the moment until which the server holds the message, in seconds since 1970-01-01 UTC; not together with
/// `freesmtp_message_set_hold_for`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_hold_until(
    message: Option<&mut freesmtp_message>,
    unix_seconds: i64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.hold_until = Some(Moment::new(unix_seconds));
        Ok(())
    })
}

/// Sets how soon servers handle the message among others, from -9 to 9, 0 being usual (RFC 6710).
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_mt_priority(
    message: Option<&mut freesmtp_message>,
    priority: i8,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.mt_priority = Some(priority);
        Ok(())
    })
}

/// Adds an extension, by its EHLO keyword, whose options are left out when the server cannot give them; the report says so
/// then. At first it is `DSN` alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_optional_extension(
    message: Option<&mut freesmtp_message>,
    keyword: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let keyword = unsafe { text(keyword, "keyword") }?;
        message.delivery.optional_extensions.to_mut().push(keyword.to_owned().into());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_optional_extension_n(
    message: Option<&mut freesmtp_message>,
    keyword: *const c_char,
    keyword_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let keyword = unsafe { text_n(keyword, keyword_size, "keyword") }?;
        message.delivery.optional_extensions.to_mut().push(keyword.to_owned().into());
        Ok(())
    })
}

/// Makes every extension needed that an option asks for, `DSN` too.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_clear_optional_extensions(
    message: Option<&mut freesmtp_message>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.delivery.optional_extensions.to_mut().clear();
        Ok(())
    })
}

/// How much of it delivery reports give back.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_return_content(message: Option<&freesmtp_message>) -> c_int {
    guard::value(0, || message.map_or(0, |it| it.0.delivery.return_content.number().into()))
}

/// The text that delivery reports give back; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_envelope_id(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.delivery.envelope_id.as_deref()), size)
    })
}

/// Whether every server on the way has to use TLS.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_require_tls(message: Option<&freesmtp_message>) -> bool {
    guard::value(false, || message.is_some_and(|it| it.0.delivery.require_tls))
}

/// Whether there is a time within which it is to be delivered; it is put into `*seconds` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_deliver_by(
    message: Option<&freesmtp_message>,
    seconds: Option<&mut u32>,
) -> bool {
    guard::value(false, || put(message.and_then(|it| it.0.delivery.deliver_by), seconds))
}

/// What happens when that time has passed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_deliver_by_mode(message: Option<&freesmtp_message>) -> c_int {
    guard::value(0, || message.map_or(0, |it| it.0.delivery.deliver_by_mode.number().into()))
}

/// Whether each server on the way reports that it has passed it on.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_deliver_by_trace(message: Option<&freesmtp_message>) -> bool {
    guard::value(false, || message.is_some_and(|it| it.0.delivery.deliver_by_trace))
}

/// Whether there is a time for which the server holds it; it is put into `*seconds` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_hold_for(
    message: Option<&freesmtp_message>,
    seconds: Option<&mut u32>,
) -> bool {
    guard::value(false, || put(message.and_then(|it| it.0.delivery.hold_for), seconds))
}

/// Whether there is a moment until which the server holds it; it is put into `*unix_seconds` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_hold_until(
    message: Option<&freesmtp_message>,
    unix_seconds: Option<&mut i64>,
) -> bool {
    guard::value(false, || {
        put(message.and_then(|it| it.0.delivery.hold_until.map(|at| at.unix_seconds)), unix_seconds)
    })
}

/// Whether it is said how soon servers handle it; that is put into `*priority` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_mt_priority(
    message: Option<&freesmtp_message>,
    priority: Option<&mut i8>,
) -> bool {
    guard::value(false, || put(message.and_then(|it| it.0.delivery.mt_priority), priority))
}

/// How many extensions are optional.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_optional_extension_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.delivery.optional_extensions.len()))
}

/// The EHLO keyword of the optional extension at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_optional_extension(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(
            message.and_then(|it| it.0.delivery.optional_extensions.get(index).map(AsRef::as_ref)),
            size,
        )
    })
}
