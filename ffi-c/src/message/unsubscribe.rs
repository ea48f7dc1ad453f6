//! Links that end a subscription (RFC 2369, RFC 8058).

use std::{ffi::c_char, ptr};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    strings::{give_text, text, text_n},
};

/// Adds a link that ends a subscription, the preferred one first: `https://…`, `mailto:…` (RFC 2369).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_list_unsubscribe(
    message: Option<&mut freesmtp_message>,
    link: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let link = unsafe { text(link, "link") }?;
        message.list_unsubscribe.push(link.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_list_unsubscribe_n(
    message: Option<&mut freesmtp_message>,
    link: *const c_char,
    link_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let link = unsafe { text_n(link, link_size, "link") }?;
        message.list_unsubscribe.push(link.to_owned());
        Ok(())
    })
}

/// Sets whether an empty POST to the https link is enough (RFC 8058). Sign with DKIM: readers demand it.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_list_unsubscribe_one_click(
    message: Option<&mut freesmtp_message>,
    one_click: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(message, "message")?.0.list_unsubscribe_one_click = one_click;
        Ok(())
    })
}

/// How many links there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_list_unsubscribe_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.list_unsubscribe.len()))
}

/// The link at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_list_unsubscribe(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.list_unsubscribe.get(index).map(String::as_str)), size)
    })
}

/// Whether an empty POST to the https link is enough.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_list_unsubscribe_one_click(message: Option<&freesmtp_message>) -> bool {
    guard::value(false, || message.is_some_and(|it| it.0.list_unsubscribe_one_click))
}
