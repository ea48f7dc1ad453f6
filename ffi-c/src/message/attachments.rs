//! The attachments of a message.

use std::{
    ffi::{c_char, c_void},
    ptr,
};

use freesmtp_core::{
    Error,
    message::{Attachment, Content},
};

use crate::{
    error::freesmtp_error,
    guard,
    list::{at, remove},
    message::freesmtp_message,
    strings::{bytes, give_text, optional, optional_n, text, text_n},
};

/// Attaches a file, which is opened when the message is sent; `name` is what the recipient sees, NULL: the file's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_attachment(
    message: Option<&mut freesmtp_message>,
    path: *const c_char,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (path, name) = unsafe { (text(path, "path")?, optional(name, "name")?) };
        message.attachments.push(Attachment { name: name.map(str::to_owned), ..Attachment::file(path) });
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_attachment_n(
    message: Option<&mut freesmtp_message>,
    path: *const c_char,
    path_size: usize,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (path, name) =
            unsafe { (text_n(path, path_size, "path")?, optional_n(name, name_size, "name")?) };
        message.attachments.push(Attachment { name: name.map(str::to_owned), ..Attachment::file(path) });
        Ok(())
    })
}

/// Attaches a copy of bytes under a file name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_attachment_bytes(
    message: Option<&mut freesmtp_message>,
    content: *const c_void,
    content_size: usize,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated; NULL, or that many bytes.
        let (content, name) = unsafe { (bytes(content, content_size, "content")?, text(name, "name")?) };
        message.attach_bytes(name, content);
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_attachment_bytes_n(
    message: Option<&mut freesmtp_message>,
    content: *const c_void,
    content_size: usize,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (content, name) =
            unsafe { (bytes(content, content_size, "content")?, text_n(name, name_size, "name")?) };
        message.attach_bytes(name, content);
        Ok(())
    })
}

/// Attaches a copy of another message, which readers show as a message (RFC 2046 section 5.2.1).
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_add_attached_message(
    message: Option<&mut freesmtp_message>,
    attached: Option<&freesmtp_message>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let attached = guard::handle(attached, "attached")?.0.clone();
        guard::handle(message, "message")?.0.attach_message(attached);
        Ok(())
    })
}

/// Attaches what `other` has attached at `index`, under another name where `name` is not NULL. Bytes and streams are
/// shared: a stream can be read once by all together.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_share_attachment(
    message: Option<&mut freesmtp_message>,
    other: Option<&freesmtp_message>,
    index: usize,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { optional(name, "name") }?;
        let attachment = shared(guard::handle(other, "other")?, index, name)?;
        guard::handle(message, "message")?.0.attachments.push(attachment);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_share_attachment_n(
    message: Option<&mut freesmtp_message>,
    other: Option<&freesmtp_message>,
    index: usize,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { optional_n(name, name_size, "name") }?;
        let attachment = shared(guard::handle(other, "other")?, index, name)?;
        guard::handle(message, "message")?.0.attachments.push(attachment);
        Ok(())
    })
}

fn shared(other: &freesmtp_message, index: usize, name: Option<&str>) -> Result<Attachment, Error> {
    let attachment = other.0.attachments.get(index).cloned();
    let mut attachment =
        attachment.ok_or_else(|| Error::input("index", "the message has no such attachment"))?;
    attachment.name = name.map(str::to_owned).or(attachment.name);
    Ok(attachment)
}

/// Sets the media type of the one at `index`, such as `text/calendar; method=REQUEST`; without, it is told by the
/// name's extension.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_attachment_content_type(
    message: Option<&mut freesmtp_message>,
    index: usize,
    content_type: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let content_type = unsafe { text(content_type, "content_type") }?;
        at(&mut message.attachments, index)?.content_type = Some(content_type.to_owned());
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_attachment_content_type_n(
    message: Option<&mut freesmtp_message>,
    index: usize,
    content_type: *const c_char,
    content_type_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let content_type = unsafe { text_n(content_type, content_type_size, "content_type") }?;
        at(&mut message.attachments, index)?.content_type = Some(content_type.to_owned());
        Ok(())
    })
}

/// How many attachments there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_attachment_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.attachments.len()))
}

/// Removes the one at `index`, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_remove_attachment(
    message: Option<&mut freesmtp_message>,
    index: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| remove(&mut guard::handle(message, "message")?.0.attachments, index))
}

/// The name that the recipient sees of the one at `index`; NULL when it is that of the file, or behind the last.
/// Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_attachment_name(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.attachments.get(index)?.name.as_deref()), size)
    })
}

/// The path of the file at `index`; NULL when it is none, or behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_attachment_path(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| path(it.0.attachments.get(index)?)), size)
    })
}

/// The media type of the one at `index`; NULL when it is told by the name, or behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_attachment_content_type(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.attachments.get(index)?.content_type.as_deref()), size)
    })
}

/// The path of a file; `None` for what is none.
pub(super) fn path(attachment: &Attachment) -> Option<&str> {
    match &attachment.content {
        Content::File(path) => path.to_str(),
        _ => None,
    }
}
