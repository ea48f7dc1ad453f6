//! The headers that the program adds to a message.

use std::{ffi::c_char, ptr};

use freesmtp_core::message::CustomHeader;

use crate::{
    error::freesmtp_error,
    guard,
    list::remove,
    message::freesmtp_message,
    strings::{give_text, text, text_n},
};

/// Adds a header: a name that no other property writes, a value of one line.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_custom_header(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
    value: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (name, value) = unsafe { (text(name, "name")?, text(value, "value")?) };
        message.custom_headers.push(CustomHeader { name: name.to_owned(), value: value.to_owned() });
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_custom_header_n(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
    name_size: usize,
    value: *const c_char,
    value_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (name, value) =
            unsafe { (text_n(name, name_size, "name")?, text_n(value, value_size, "value")?) };
        message.custom_headers.push(CustomHeader { name: name.to_owned(), value: value.to_owned() });
        Ok(())
    })
}

/// How many headers there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_custom_header_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.custom_headers.len()))
}

/// Removes the one at `index`, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_remove_custom_header(
    message: Option<&mut freesmtp_message>,
    index: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| remove(&mut guard::handle(message, "message")?.0.custom_headers, index))
}

/// The name of the header at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_custom_header_name(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.custom_headers.get(index)?.name.as_str())), size)
    })
}

/// The value of the header at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_custom_header_value(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.custom_headers.get(index)?.value.as_str())), size)
    })
}
