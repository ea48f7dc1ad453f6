//! A whole message in the form of RFC 5322, passed through as it is.

use std::{
    ffi::{c_char, c_void},
    path::Path,
    ptr,
};

use freesmtp_core::message::Content;

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    strings::{bytes, give_bytes, give_text, text, text_n},
};

/// Makes it a copy of a whole message in the form of RFC 5322, which is passed through: line ends become CRLF, `Bcc` and
/// `Resent-Bcc` are left out, nothing else changes. The envelope is that of return path, sender, from and recipients
/// where they are set, else that of the headers; DKIM signs it; every other property has to be unset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_raw(
    message: Option<&mut freesmtp_message>,
    content: *const c_void,
    content_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let content = unsafe { bytes(content, content_size, "content") }?;
        message.raw = Some(content.into());
        Ok(())
    })
}

/// The same from a file, which is read when the message is sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_raw_file(
    message: Option<&mut freesmtp_message>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let path = unsafe { text(path, "path") }?;
        message.raw = Some(Content::from(Path::new(path)));
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_raw_file_n(
    message: Option<&mut freesmtp_message>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let path = unsafe { text_n(path, path_size, "path") }?;
        message.raw = Some(Content::from(Path::new(path)));
        Ok(())
    })
}

/// The whole message that it is a copy of; NULL when it is none, or in a file. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_raw(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_bytes(
            message.and_then(|it| match it.0.raw.as_ref()? {
                Content::Bytes(bytes) => Some(&**bytes),
                _ => None,
            }),
            size,
        )
    })
}

/// The file of the whole message that it is; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_raw_file(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(
            message.and_then(|it| match it.0.raw.as_ref()? {
                Content::File(path) => path.to_str(),
                _ => None,
            }),
            size,
        )
    })
}
