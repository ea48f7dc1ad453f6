//! Invitations (RFC 5546, RFC 6047).

use std::{ffi::c_char, ptr};

use freesmtp_core::{EmailMessage, message::Calendar};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    strings::{give_text, optional, optional_n, text, text_n},
};

/// Makes it an invitation: an iCalendar text (RFC 5545), which travels as an alternative of the texts. `method`, such as
/// `REQUEST`, NULL: that of the text's `METHOD` line; `file_name` under which it is attached too, for readers that show
/// no invitation, NULL: `invite.ics`, empty: it is not attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_calendar(
    message: Option<&mut freesmtp_message>,
    calendar_text: *const c_char,
    method: *const c_char,
    file_name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (calendar_text, method, file_name) = unsafe {
            (
                text(calendar_text, "calendar_text")?,
                optional(method, "method")?,
                optional(file_name, "file_name")?,
            )
        };
        put(message, calendar_text, method, file_name);
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_set_calendar_n(
    message: Option<&mut freesmtp_message>,
    calendar_text: *const c_char,
    calendar_text_size: usize,
    method: *const c_char,
    method_size: usize,
    file_name: *const c_char,
    file_name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (calendar_text, method, file_name) = unsafe {
            (
                text_n(calendar_text, calendar_text_size, "calendar_text")?,
                optional_n(method, method_size, "method")?,
                optional_n(file_name, file_name_size, "file_name")?,
            )
        };
        put(message, calendar_text, method, file_name);
        Ok(())
    })
}

/// The iCalendar text; NULL when it is no invitation. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_calendar(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.calendar.as_ref()?.text.as_str())), size)
    })
}

/// The method as set, empty for that of the text; NULL when it is no invitation. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_calendar_method(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| Some(it.0.calendar.as_ref()?.method.as_str())), size)
    })
}

/// The name under which the text is attached too; NULL when it is not. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_calendar_file_name(
    message: Option<&freesmtp_message>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(message.and_then(|it| it.0.calendar.as_ref()?.file_name.as_deref()), size)
    })
}

/// What is NULL stays as the core has it.
fn put(message: &mut EmailMessage, text: &str, method: Option<&str>, file_name: Option<&str>) {
    let mut calendar = Calendar::new(text);
    if let Some(method) = method {
        method.clone_into(&mut calendar.method);
    }
    if let Some(name) = file_name {
        calendar.file_name = Some(name.to_owned()).filter(|name| !name.is_empty());
    }
    message.calendar = Some(calendar);
}
