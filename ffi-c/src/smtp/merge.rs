//! `SendBulkMerge` and `SubmitBulkMerge`: a message for each row of a template.

use std::{
    ffi::{CString, c_char, c_void},
    iter, ptr,
};

use freesmtp_core::{EmailMessage, Error};

use super::bulk::{freesmtp_bulk_result, send};
use crate::{
    error::freesmtp_error,
    guard,
    message::merge::{Field, freesmtp_field, freesmtp_field_n, freesmtp_template},
    smtp::freesmtp_smtp,
    strings::optional,
};

/// Gives the next row of a merge: sets `*fields` and `*count`, which are read before it is called again and stay the
/// program's. False says that there are no more rows; after that it is not called again. It is called when a message is
/// wanted. It must return: no `longjmp`, no C++ exception.
pub type freesmtp_bulk_row = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        fields: *mut *const freesmtp_field,
        count: *mut usize,
    ) -> bool,
>;

/// The same with the texts' sizes.
pub type freesmtp_bulk_row_n = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        fields: *mut *const freesmtp_field_n,
        count: *mut usize,
    ) -> bool,
>;

/// Takes the id of a message that was submitted: `index` is that of its row, from 0. The text is borrowed for the call. It
/// must return: no `longjmp`, no C++ exception.
pub type freesmtp_submitted =
    Option<unsafe extern "C" fn(user_data: *mut c_void, index: usize, id: *const c_char)>;

/// `freesmtp_smtp_send_bulk` of one message for each row of a template. A row that lacks a field, or whose message is not
/// valid, has that error as its result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_bulk_merge(
    smtp: Option<&freesmtp_smtp>,
    message_template: Option<&freesmtp_template>,
    next: freesmtp_bulk_row,
    result: freesmtp_bulk_result,
    user_data: *mut c_void,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the program promised functions that take its data, on this thread, and fields that are there.
        unsafe { send(smtp, messages(message_template, next, user_data)?, result, user_data) }
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_bulk_merge_n(
    smtp: Option<&freesmtp_smtp>,
    message_template: Option<&freesmtp_template>,
    next: freesmtp_bulk_row_n,
    result: freesmtp_bulk_result,
    user_data: *mut c_void,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the program promised functions that take its data, on this thread, and fields that are there.
        unsafe { send(smtp, messages(message_template, next, user_data)?, result, user_data) }
    })
}

/// `freesmtp_smtp_submit_bulk` of one message for each row of a template: all of them are durable, or there is an error,
/// which says which row it is about, and none of them is delivered. Then `submitted` takes the ids, in the order of the
/// rows, or is NULL. Both callbacks are called on the calling thread, with `user_data` as it is.
///
/// `path` is the folder of the spool, or NULL for that of the object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_submit_bulk_merge(
    smtp: Option<&freesmtp_smtp>,
    message_template: Option<&freesmtp_template>,
    next: freesmtp_bulk_row,
    path: *const c_char,
    submitted: freesmtp_submitted,
    user_data: *mut c_void,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the program promised functions that take its data, on this thread, and fields that are there; the path
        // is NULL, or NUL-terminated (rule 2 of the header).
        unsafe { submit(smtp, messages(message_template, next, user_data)?, path, submitted, user_data) }
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_submit_bulk_merge_n(
    smtp: Option<&freesmtp_smtp>,
    message_template: Option<&freesmtp_template>,
    next: freesmtp_bulk_row_n,
    path: *const c_char,
    submitted: freesmtp_submitted,
    user_data: *mut c_void,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: as without the sizes.
        unsafe { submit(smtp, messages(message_template, next, user_data)?, path, submitted, user_data) }
    })
}

type NextRow<F> = unsafe extern "C" fn(*mut c_void, *mut *const F, *mut usize) -> bool;

/// The message of each row that the program gives.
///
/// # Safety
/// `next` takes `user_data`, on this thread, and sets the other two to so many fields, which are there until it is called
/// again.
unsafe fn messages<F: Field>(
    template: Option<&freesmtp_template>,
    next: Option<NextRow<F>>,
    user_data: *mut c_void,
) -> Result<impl Iterator<Item = Result<EmailMessage, Error>>, Error> {
    let template = guard::handle(template, "message_template")?;
    let next = guard::handle(next, "next")?;
    Ok(iter::from_fn(move || {
        let (mut fields, mut count) = (ptr::null(), 0);
        // SAFETY: the caller's promise is the same.
        let is_there = unsafe { next(user_data, &raw mut fields, &raw mut count) };
        // SAFETY: the caller's promise is the same.
        is_there.then(|| unsafe { template.message(fields, count) })
    }))
}

/// Submits what the iterator gives, and tells the program of each.
///
/// # Safety
/// `submitted` takes `user_data`, on this thread; `path` is NULL, or NUL-terminated.
unsafe fn submit(
    smtp: Option<&freesmtp_smtp>,
    messages: impl Iterator<Item = Result<EmailMessage, Error>>,
    path: *const c_char,
    submitted: freesmtp_submitted,
    user_data: *mut c_void,
) -> Result<(), Error> {
    let smtp = &guard::handle(smtp, "smtp")?.0;
    // SAFETY: the caller's promise is the same.
    let ids = match unsafe { optional(path, "path") }? {
        Some(path) => smtp.submit_bulk_at(messages, path),
        None => smtp.submit_bulk(messages),
    }?;
    if let Some(submitted) = submitted {
        for (index, id) in ids.iter().enumerate() {
            // Letters and digits.
            let id = CString::new(id.to_string()).unwrap_or_default();
            // SAFETY: the caller's promise is the same; the text outlives the call.
            unsafe { submitted(user_data, index, id.as_ptr()) };
        }
    }
    Ok(())
}
