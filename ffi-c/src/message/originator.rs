//! Who a message is from: `From`, `Sender`, `Reply-To` (RFC 5322 section 3.6.2), and the envelope's sender.

use std::{ffi::c_char, ptr};

use freesmtp_core::types::Address;

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    strings::{give_text, text, text_n},
};

/// Sets who the message is from: `user@example.com`. Required.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_from(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let email = unsafe { text(email, "email") }?;
        email.clone_into(&mut message.from.email);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_from_n(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
    email_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let email = unsafe { text_n(email, email_size, "email") }?;
        email.clone_into(&mut message.from.email);
        Ok(())
    })
}

/// Sets the name shown with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_from_name(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        name.clone_into(&mut message.from.name);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_from_name_n(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { text_n(name, name_size, "name") }?;
        name.clone_into(&mut message.from.name);
        Ok(())
    })
}

/// Sets who sends on behalf of `From` (RFC 5322 section 3.6.2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_sender(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let email = unsafe { text(email, "email") }?;
        email.clone_into(&mut message.sender.get_or_insert_with(Address::default).email);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_sender_n(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
    email_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let email = unsafe { text_n(email, email_size, "email") }?;
        email.clone_into(&mut message.sender.get_or_insert_with(Address::default).email);
        Ok(())
    })
}

/// Sets the name shown with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_sender_name(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        name.clone_into(&mut message.sender.get_or_insert_with(Address::default).name);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_sender_name_n(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { text_n(name, name_size, "name") }?;
        name.clone_into(&mut message.sender.get_or_insert_with(Address::default).name);
        Ok(())
    })
}

/// Sets where answers go, when not to `From`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_reply_to(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let email = unsafe { text(email, "email") }?;
        email.clone_into(&mut message.reply_to.get_or_insert_with(Address::default).email);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_reply_to_n(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
    email_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let email = unsafe { text_n(email, email_size, "email") }?;
        email.clone_into(&mut message.reply_to.get_or_insert_with(Address::default).email);
        Ok(())
    })
}

/// Sets the name shown with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_reply_to_name(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        name.clone_into(&mut message.reply_to.get_or_insert_with(Address::default).name);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_reply_to_name_n(
    message: Option<&mut freesmtp_message>,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { text_n(name, name_size, "name") }?;
        name.clone_into(&mut message.reply_to.get_or_insert_with(Address::default).name);
        Ok(())
    })
}

/// Sets the envelope's sender, where bounces go; without, it is `Sender`, else `From`. An empty text is the null
/// reverse-path `<>` (RFC 5321 section 4.5.5).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_return_path(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let email = unsafe { text(email, "email") }?;
        message.return_path = Some(email.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_return_path_n(
    message: Option<&mut freesmtp_message>,
    email: *const c_char,
    email_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let email = unsafe { text_n(email, email_size, "email") }?;
        message.return_path = Some(email.to_owned());
        Ok(())
    })
}

/// Who the message is from. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_from(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.map(|it| it.0.from.email.as_str()), size))
}

/// The name shown with it. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_from_name(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.map(|it| it.0.from.name.as_str()), size))
}

/// The property of `freesmtp_message_set_sender`; NULL when it is not set. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_sender(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.sender.as_ref()?.email.as_str())), size)
    })
}

/// The name shown with it; NULL when it is not set. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_sender_name(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.sender.as_ref()?.name.as_str())), size)
    })
}

/// The property of `freesmtp_message_set_reply_to`; NULL when it is not set. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_reply_to(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.reply_to.as_ref()?.email.as_str())), size)
    })
}

/// The name shown with it; NULL when it is not set. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_reply_to_name(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.reply_to.as_ref()?.name.as_str())), size)
    })
}

/// The envelope's sender; NULL when it is not set. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_return_path(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(message.and_then(|it| it.0.return_path.as_deref()), size))
}
