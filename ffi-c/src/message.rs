//! A message: what it is as a whole; its parts are files of their own.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{
    EmailMessage,
    message::{AutoSubmitted, Date, Priority},
};

pub mod attachments;
pub mod body_parts;
pub mod calendar;
pub mod custom_headers;
pub mod delivery;
pub mod embedded_objects;
pub mod merge;
pub mod originator;
pub mod raw;
pub mod recipient_options;
pub mod recipients;
pub mod spool;
pub mod stream;
pub mod thread;
pub mod unsubscribe;

use crate::{
    error::freesmtp_error,
    guard,
    number::put,
    server::no_value,
    strings::{give, give_text, text, text_n},
};

/// A message. It may hold anything while it is built; sending checks it before a byte goes out.
#[derive(Clone, Default)]
pub struct freesmtp_message(pub(crate) EmailMessage);

/// An empty message in UTF-8. Owned: `freesmtp_message_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_new() -> Option<Box<freesmtp_message>> {
    guard::value(None, || Some(Box::default()))
}

/// A copy; attached bytes are shared. Owned: `freesmtp_message_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_clone(
    message: Option<&freesmtp_message>,
) -> Option<Box<freesmtp_message>> {
    guard::value(None, || message.cloned().map(Box::new))
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_free(message: Option<Box<freesmtp_message>>) {
    guard::value((), || drop(message));
}

/// Makes it an empty message again.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_reset(message: Option<&mut freesmtp_message>) {
    guard::value((), || {
        if let Some(message) = message {
            message.0.reset();
        }
    });
}

/// Sets the subject: one line of any characters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_subject(
    message: Option<&mut freesmtp_message>,
    subject: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let subject = unsafe { text(subject, "subject") }?;
        subject.clone_into(&mut message.subject);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_subject_n(
    message: Option<&mut freesmtp_message>,
    subject: *const c_char,
    subject_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let subject = unsafe { text_n(subject, subject_size, "subject") }?;
        subject.clone_into(&mut message.subject);
        Ok(())
    })
}

/// Sets the `Message-ID`, `local@domain` with or without angle brackets; without, one is made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_message_id(
    message: Option<&mut freesmtp_message>,
    message_id: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let message_id = unsafe { text(message_id, "message_id") }?;
        message.message_id = Some(message_id.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_message_id_n(
    message: Option<&mut freesmtp_message>,
    message_id: *const c_char,
    message_id_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let message_id = unsafe { text_n(message_id, message_id_size, "message_id") }?;
        message.message_id = Some(message_id.to_owned());
        Ok(())
    })
}

/// Sets the charset of the bodies: `utf-8`, or `us-ascii` when they fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_charset_encoding(
    message: Option<&mut freesmtp_message>,
    charset: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let charset = unsafe { text(charset, "charset") }?;
        message.charset_encoding = charset.to_owned().into();
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_charset_encoding_n(
    message: Option<&mut freesmtp_message>,
    charset: *const c_char,
    charset_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let charset = unsafe { text_n(charset, charset_size, "charset") }?;
        message.charset_encoding = charset.to_owned().into();
        Ok(())
    })
}

/// Sets how urgent it is: a value of `enum freesmtp_priority`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_priority(
    message: Option<&mut freesmtp_message>,
    priority: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let value = u8::try_from(priority).ok().and_then(Priority::from_number);
        message.priority = value.ok_or_else(|| no_value("Priority", priority, "freesmtp_priority"))?;
        Ok(())
    })
}

/// Sets whether a program wrote it (RFC 3834): a value of `enum freesmtp_auto_submitted`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_auto_submitted(
    message: Option<&mut freesmtp_message>,
    auto_submitted: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let value = u8::try_from(auto_submitted).ok().and_then(AutoSubmitted::from_number);
        message.auto_submitted =
            value.ok_or_else(|| no_value("AutoSubmitted", auto_submitted, "freesmtp_auto_submitted"))?;
        Ok(())
    })
}

/// Sets the time of the message, in seconds since 1970-01-01 UTC, and the offset it is shown with, in minutes east of
/// UTC; without, it is the time of sending.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_date(
    message: Option<&mut freesmtp_message>,
    unix_seconds: i64,
    offset_minutes: i16,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.date = Some(Date { unix_seconds, offset_minutes });
        Ok(())
    })
}

/// The subject. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_subject(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.map(|it| it.0.subject.as_str()), size))
}

/// The `Message-ID`; NULL when one is to be made. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_message_id(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.and_then(|it| it.0.message_id.as_deref()), size))
}

/// The charset of the bodies. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_charset_encoding(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.map(|it| it.0.charset_encoding.as_ref()), size))
}

/// Whether a time of the message is set. It is put into `*unix_seconds` then, in seconds since 1970-01-01 UTC, and the
/// offset it is shown with into `*offset_minutes`, in minutes east of UTC; each may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_date(
    message: Option<&freesmtp_message>,
    unix_seconds: Option<&mut i64>,
    offset_minutes: Option<&mut i16>,
) -> bool {
    guard::value(false, || {
        let date = message.and_then(|it| it.0.date);
        put(date.map(|it| it.offset_minutes), offset_minutes);
        put(date.map(|it| it.unix_seconds), unix_seconds)
    })
}

/// How urgent it is.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_priority(message: Option<&freesmtp_message>) -> c_int {
    guard::value(0, || message.map_or(0, |it| it.0.priority.number().into()))
}

/// Whether a program wrote it.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_auto_submitted(message: Option<&freesmtp_message>) -> c_int {
    guard::value(0, || message.map_or(0, |it| it.0.auto_submitted.number().into()))
}

/// The message as it would be sent (RFC 5322 form, `Bcc` left out). `*bytes` is owned: `freesmtp_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_to_bytes(
    message: Option<&freesmtp_message>,
    bytes: Option<&mut *mut c_char>,
    size: Option<&mut usize>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let bytes = guard::handle(bytes, "bytes")?;
        *bytes = ptr::null_mut();
        let size = guard::handle(size, "size")?;
        *size = 0;
        *bytes = give(&guard::handle(message, "message")?.0.to_bytes()?, Some(size));
        Ok(())
    })
}

/// Writes the message to a file, in place of what it held. A file that could not be written whole is removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_save(
    message: Option<&freesmtp_message>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let path = unsafe { text(path, "path") }?;
        message.save_message(path)?;
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_save_n(
    message: Option<&freesmtp_message>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let path = unsafe { text_n(path, path_size, "path") }?;
        message.save_message(path)?;
        Ok(())
    })
}
