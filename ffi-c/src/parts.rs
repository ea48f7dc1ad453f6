//! The collections of a message: recipients, texts, attachments, embedded objects, headers.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use freesmtp_core::{
    Error,
    message::{
        Attachment, BodyPart, BodyPartEncoding, BodyPartFormat, CustomHeader, Recipient, RecipientType,
    },
    types::Address,
};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    server::no_value,
    strings::{bytes, give_text, optional, optional_n, text, text_n},
};

/// Adds a recipient; `name` may be NULL, `kind` is a value of `enum freesmtp_recipient_type`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_recipient(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
    name: *const c_char,
    kind: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (email, name) = unsafe { (text(email, "email")?, optional(name, "name")?) };
        let known = u8::try_from(kind).ok().and_then(RecipientType::from_number);
        let kind = known.ok_or_else(|| no_value("Type", kind, "freesmtp_recipient_type"))?;
        let address = Address::named(email, name.unwrap_or_default());
        message.recipients.push(Recipient { address, kind });
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_recipient_n(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
    email_size: usize,
    name: *const c_char,
    name_size: usize,
    kind: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (email, name) =
            unsafe { (text_n(email, email_size, "email")?, optional_n(name, name_size, "name")?) };
        let known = u8::try_from(kind).ok().and_then(RecipientType::from_number);
        let kind = known.ok_or_else(|| no_value("Type", kind, "freesmtp_recipient_type"))?;
        let address = Address::named(email, name.unwrap_or_default());
        message.recipients.push(Recipient { address, kind });
        Ok(())
    })
}

/// How many recipients there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.recipients.len()))
}

/// Removes the one at `index`, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_remove_recipient(
    message: Option<&mut freesmtp_message>,
    index: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| remove(&mut guard::handle(message, "message")?.0.recipients, index))
}

/// The address of the recipient at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_email(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.recipients.get(index)?.address.email.as_str())), size)
    })
}

/// The name of the recipient at `index`; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_name(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.recipients.get(index)?.address.name.as_str())), size)
    })
}

/// The type of the recipient at `index`; -1 behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_type(message: Option<&freesmtp_message>, index: usize) -> c_int {
    guard::value(-1, || {
        message.and_then(|it| Some(it.0.recipients.get(index)?.kind.number().into())).unwrap_or(-1)
    })
}

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

fn at<T>(list: &mut [T], index: usize) -> Result<&mut T, Error> {
    let count = list.len();
    list.get_mut(index).ok_or_else(|| out_of_range(index, count))
}

fn remove<T>(list: &mut Vec<T>, index: usize) -> Result<(), Error> {
    at(list, index)?;
    list.remove(index);
    Ok(())
}

pub(crate) fn out_of_range(index: usize, count: usize) -> Error {
    Error::input("index", format!("{index} is behind the last: there are {count}"))
}
