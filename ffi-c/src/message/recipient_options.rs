//! What is asked of the servers for one recipient.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{
    message::{Notify, RecipientOptions, ValidSinceAction},
    types::Moment,
};

use crate::{
    error::freesmtp_error,
    guard,
    list::at,
    message::freesmtp_message,
    number::put,
    server::no_value,
    strings::{give_text, text, text_n},
};

/// Sets when the sender gets a report on the delivery to the recipient at `index` (RFC 3461 section 4.1): values of
/// `enum freesmtp_notify`, added up.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_recipient_notify(
    message: Option<&mut freesmtp_message>,
    index: usize,
    notify: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let value = u8::try_from(notify).ok().and_then(Notify::from_number);
        at(&mut message.recipients, index)?.options.notify =
            value.ok_or_else(|| no_value("Notify", notify, "freesmtp_notify"))?;
        Ok(())
    })
}

/// Sets whom the message was for before a list or a forwarder put the recipient at `index` in (RFC 3461 section 4.2): an
/// address, or `type;address`. Reports name it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_recipient_original_recipient(
    message: Option<&mut freesmtp_message>,
    index: usize,
    original_recipient: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let original_recipient = unsafe { text(original_recipient, "original_recipient") }?;
        at(&mut message.recipients, index)?.options.original_recipient = Some(original_recipient.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_recipient_original_recipient_n(
    message: Option<&mut freesmtp_message>,
    index: usize,
    original_recipient: *const c_char,
    original_recipient_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let original_recipient =
            unsafe { text_n(original_recipient, original_recipient_size, "original_recipient") }?;
        at(&mut message.recipients, index)?.options.original_recipient = Some(original_recipient.to_owned());
        Ok(())
    })
}

/// The message is for the owner that the mailbox of the recipient at `index` has had since this moment, in seconds since
/// 1970-01-01 UTC: if it has changed hands, it is not delivered (RFC 7293).
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_recipient_valid_since(
    message: Option<&mut freesmtp_message>,
    index: usize,
    unix_seconds: i64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        at(&mut message.recipients, index)?.options.valid_since = Some(Moment::new(unix_seconds));
        Ok(())
    })
}

/// Sets what servers do that would have to pass it on to one that knows nothing of that: a value of
/// `enum freesmtp_valid_since_action`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_set_recipient_valid_since_action(
    message: Option<&mut freesmtp_message>,
    index: usize,
    action: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let value = u8::try_from(action).ok().and_then(ValidSinceAction::from_number);
        at(&mut message.recipients, index)?.options.valid_since_action =
            value.ok_or_else(|| no_value("ValidSinceAction", action, "freesmtp_valid_since_action"))?;
        Ok(())
    })
}

/// When the sender gets a report on the delivery to the recipient at `index`: values of `enum freesmtp_notify`, added up; 0
/// behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_notify(
    message: Option<&freesmtp_message>,
    index: usize,
) -> c_int {
    guard::value(0, || options(message, index).map_or(0, |it| it.notify.number().into()))
}

/// Whom the message was for before the recipient at `index` was put in; NULL when it is not said. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_original_recipient(
    message: Option<&freesmtp_message>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(options(message, index).and_then(|it| it.original_recipient.as_deref()), size)
    })
}

/// Whether it is said since when the owner of the mailbox of the recipient at `index` has had it; the moment is put into
/// `*unix_seconds` then.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_valid_since(
    message: Option<&freesmtp_message>,
    index: usize,
    unix_seconds: Option<&mut i64>,
) -> bool {
    guard::value(false, || {
        put(options(message, index).and_then(|it| it.valid_since).map(|at| at.unix_seconds), unix_seconds)
    })
}

/// What servers do with it that cannot check the owner; 0 behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_recipient_valid_since_action(
    message: Option<&freesmtp_message>,
    index: usize,
) -> c_int {
    guard::value(0, || options(message, index).map_or(0, |it| it.valid_since_action.number().into()))
}

fn options(message: Option<&freesmtp_message>, index: usize) -> Option<&RecipientOptions> {
    Some(&message?.0.recipients.get(index)?.options)
}
