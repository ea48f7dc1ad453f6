//! The texts of a message.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::message::{BodyPart, BodyPartEncoding, BodyPartFormat};

use crate::{
    error::freesmtp_error,
    guard,
    list::remove,
    message::freesmtp_message,
    server::no_value,
    strings::{give_text, text, text_n},
};

/// Adds a text: `format` is a value of `enum freesmtp_body_part_format`, `encoding` one of
/// `enum freesmtp_body_part_encoding`. Plain and HTML together are alternatives of each other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_body_part(
    message: Option<&mut freesmtp_message>,
    body: *const c_char,
    format: c_int,
    encoding: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let body = unsafe { text(body, "body") }?;
        let known = u8::try_from(format).ok().and_then(BodyPartFormat::from_number);
        let format = known.ok_or_else(|| no_value("Format", format, "freesmtp_body_part_format"))?;
        let known = u8::try_from(encoding).ok().and_then(BodyPartEncoding::from_number);
        let encoding = known.ok_or_else(|| no_value("Encoding", encoding, "freesmtp_body_part_encoding"))?;
        message.body_parts.push(BodyPart { body: body.to_owned(), format, encoding });
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_body_part_n(
    message: Option<&mut freesmtp_message>,
    body: *const c_char,
    body_size: usize,
    format: c_int,
    encoding: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let body = unsafe { text_n(body, body_size, "body") }?;
        let known = u8::try_from(format).ok().and_then(BodyPartFormat::from_number);
        let format = known.ok_or_else(|| no_value("Format", format, "freesmtp_body_part_format"))?;
        let known = u8::try_from(encoding).ok().and_then(BodyPartEncoding::from_number);
        let encoding = known.ok_or_else(|| no_value("Encoding", encoding, "freesmtp_body_part_encoding"))?;
        message.body_parts.push(BodyPart { body: body.to_owned(), format, encoding });
        Ok(())
    })
}

/// How many texts there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_body_part_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.body_parts.len()))
}

/// Removes the one at `index`, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_remove_body_part(
    message: Option<&mut freesmtp_message>,
    index: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| remove(&mut guard::handle(message, "message")?.0.body_parts, index))
}

/// The text at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_body_part_body(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.body_parts.get(index)?.body.as_str())), size)
    })
}

/// The format of the text at `index`; -1 behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_body_part_format(
    message: Option<&freesmtp_message>,
    index: usize,
) -> c_int {
    guard::value(-1, || {
        message.and_then(|it| Some(it.0.body_parts.get(index)?.format.number().into())).unwrap_or(-1)
    })
}

/// The encoding of the text at `index`; -1 behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_body_part_encoding(
    message: Option<&freesmtp_message>,
    index: usize,
) -> c_int {
    guard::value(-1, || {
        message.and_then(|it| Some(it.0.body_parts.get(index)?.encoding.number().into())).unwrap_or(-1)
    })
}
