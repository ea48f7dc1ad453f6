//! The embedded objects of a message: what its HTML shows.

use std::{
    ffi::{c_char, c_void},
    ptr,
};

use crate::{
    error::freesmtp_error,
    guard,
    list::{at, remove},
    message::{attachments::path, freesmtp_message},
    strings::{bytes, give_text, text, text_n},
};

/// Embeds a file, which HTML shows by `cid:` and `content_id`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_embedded_object(
    message: Option<&mut freesmtp_message>,
    path: *const c_char,
    content_id: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (path, content_id) = unsafe { (text(path, "path")?, text(content_id, "content_id")?) };
        message.embed_file(path, content_id);
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_embedded_object_n(
    message: Option<&mut freesmtp_message>,
    path: *const c_char,
    path_size: usize,
    content_id: *const c_char,
    content_id_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (path, content_id) =
            unsafe { (text_n(path, path_size, "path")?, text_n(content_id, content_id_size, "content_id")?) };
        message.embed_file(path, content_id);
        Ok(())
    })
}

/// Embeds a copy of bytes under a file name, which HTML shows by `cid:` and `content_id`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_embedded_bytes(
    message: Option<&mut freesmtp_message>,
    content: *const c_void,
    content_size: usize,
    name: *const c_char,
    content_id: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated; NULL, or that many bytes.
        let (content, name, content_id) = unsafe {
            (bytes(content, content_size, "content")?, text(name, "name")?, text(content_id, "content_id")?)
        };
        message.embed_bytes(name, content, content_id);
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_embedded_bytes_n(
    message: Option<&mut freesmtp_message>,
    content: *const c_void,
    content_size: usize,
    name: *const c_char,
    name_size: usize,
    content_id: *const c_char,
    content_id_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (content, name, content_id) = unsafe {
            (
                bytes(content, content_size, "content")?,
                text_n(name, name_size, "name")?,
                text_n(content_id, content_id_size, "content_id")?,
            )
        };
        message.embed_bytes(name, content, content_id);
        Ok(())
    })
}

/// Sets the media type of the one at `index`, such as `text/calendar; method=REQUEST`; without, it is told by the
/// name's extension.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_embedded_object_content_type(
    message: Option<&mut freesmtp_message>,
    index: usize,
    content_type: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let content_type = unsafe { text(content_type, "content_type") }?;
        at(&mut message.embedded_objects, index)?.content_type = Some(content_type.to_owned());
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_embedded_object_content_type_n(
    message: Option<&mut freesmtp_message>,
    index: usize,
    content_type: *const c_char,
    content_type_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let content_type = unsafe { text_n(content_type, content_type_size, "content_type") }?;
        at(&mut message.embedded_objects, index)?.content_type = Some(content_type.to_owned());
        Ok(())
    })
}

/// How many embedded objects there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_embedded_object_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.embedded_objects.len()))
}

/// Removes the one at `index`, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_remove_embedded_object(
    message: Option<&mut freesmtp_message>,
    index: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| remove(&mut guard::handle(message, "message")?.0.embedded_objects, index))
}

/// The identifier of the one at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_embedded_object_content_id(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.embedded_objects.get(index)?.content_id.as_deref()), size)
    })
}

/// The path of the file at `index`; NULL when it is none, or behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_embedded_object_path(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| path(it.0.embedded_objects.get(index)?)), size)
    })
}

/// The file name of the bytes at `index`; NULL when it is that of the file, or behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_embedded_object_name(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.embedded_objects.get(index)?.name.as_deref()), size)
    })
}

/// The media type of the one at `index`; NULL when it is told by the name, or behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_embedded_object_content_type(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.embedded_objects.get(index)?.content_type.as_deref()), size)
    })
}
