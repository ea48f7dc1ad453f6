//! The recipients of a message.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{
    message::{Recipient, RecipientType},
    types::Address,
};

use crate::{
    error::freesmtp_error,
    guard,
    list::remove,
    message::freesmtp_message,
    server::no_value,
    strings::{give_text, optional, optional_n, text, text_n},
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
        message.recipients.push(Recipient::new(address, kind));
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
        message.recipients.push(Recipient::new(address, kind));
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
