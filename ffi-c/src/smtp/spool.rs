//! Handing messages over to the spool, for the agent (`freesmtp agent`) to deliver.

use std::{
    ffi::{c_char, c_int},
    ptr, slice,
};

use freesmtp_core::{
    Error,
    spool::{Durability, Id},
};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    server::no_value,
    smtp::freesmtp_smtp,
    strings::{give_text, optional, text, text_n},
};

/// Sets the folder of the spool that messages are submitted to. An empty path means the usual place again:
/// `$FREESMTP_SPOOL`, else `/var/spool/freesmtp` for root, and for other users `freesmtp/spool` in `$XDG_STATE_HOME` or
/// in `~/.local/state`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_spool_path(
    smtp: Option<&mut freesmtp_smtp>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        smtp.set_spool_path(unsafe { text(path, "path") }?);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_spool_path_n(
    smtp: Option<&mut freesmtp_smtp>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        smtp.set_spool_path(unsafe { text_n(path, path_size, "path") }?);
        Ok(())
    })
}

/// The folder of the spool that was set; NULL for the usual place. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_spool_path(
    smtp: Option<&freesmtp_smtp>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(smtp.and_then(|it| it.0.spool_path()?.to_str()), size))
}

/// Sets how safe a message is when its id is given back: a value of `enum freesmtp_durability`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_spool_durability(
    smtp: Option<&mut freesmtp_smtp>,
    durability: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let value = u8::try_from(durability).ok().and_then(Durability::from_number);
        smtp.set_spool_durability(
            value.ok_or_else(|| no_value("SpoolDurability", durability, "freesmtp_durability"))?,
        );
        Ok(())
    })
}

/// How safe a message is when its id is given back: a value of `enum freesmtp_durability`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_spool_durability(smtp: Option<&freesmtp_smtp>) -> c_int {
    guard::value(0, || smtp.map_or(0, |it| it.0.spool_durability().number().into()))
}

/// Hands a message over to the agent (`freesmtp agent`), which delivers it in the background and tries until it is
/// delivered. No agent needs to run now, and no server of `smtp` is asked. The message is checked as
/// `freesmtp_smtp_send` does.
///
/// `path` is the folder of the spool, or NULL for that of the object. `id` has room for 26 characters and a NUL and gets
/// the message's id, or is NULL. A message whose call returned NULL survives a kill and a power cut (or what the
/// durability says); after an error it is not delivered. After a fork, the child goes on in a file of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_submit_to_spool(
    smtp: Option<&freesmtp_smtp>,
    message: Option<&freesmtp_message>,
    path: *const c_char,
    id: Option<&mut [c_char; 27]>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &guard::handle(smtp, "smtp")?.0;
        let message = &guard::handle(message, "message")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let submitted = match unsafe { optional(path, "path") }? {
            Some(path) => smtp.submit_to_spool_at(message, path),
            None => smtp.submit_to_spool(message),
        }?;
        if let Some(id) = id {
            *id = text_of(submitted);
        }
        Ok(())
    })
}

/// Hands `count` messages over with one sync: all of them are durable, or there is an error and none of them is delivered.
/// The error says which message it is about.
///
/// `messages` are borrowed. `path` is the folder of the spool, or NULL for that of the object. `ids` has room for `count`
/// ids and gets them in the order of the messages, or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_submit_bulk(
    smtp: Option<&freesmtp_smtp>,
    messages: *const Option<&freesmtp_message>,
    count: usize,
    path: *const c_char,
    ids: *mut [c_char; 27],
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &guard::handle(smtp, "smtp")?.0;
        if count == 0 {
            return Ok(());
        }
        if messages.is_null() {
            return Err(Error::input("messages", "is NULL; give as many messages as the count says"));
        }
        // SAFETY: the program promised so many handles, each a message or NULL.
        let messages = unsafe { slice::from_raw_parts(messages, count) };
        let messages = messages.iter().map(|message| Ok(guard::handle(*message, "message")?.0.clone()));
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let submitted = match unsafe { optional(path, "path") }? {
            Some(path) => smtp.submit_bulk_at(messages, path),
            None => smtp.submit_bulk(messages),
        }?;
        if !ids.is_null() {
            for (place, id) in submitted.into_iter().enumerate() {
                // SAFETY: the program promised room for `count` ids.
                unsafe { ids.add(place).write(text_of(id)) };
            }
        }
        Ok(())
    })
}

/// Writes to the disk what was submitted under `FREESMTP_DURABILITY_BATCH` so far.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_sync_spool(smtp: Option<&freesmtp_smtp>) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| guard::handle(smtp, "smtp")?.0.sync_spool())
}

/// The id with its NUL.
fn text_of(id: Id) -> [c_char; 27] {
    let mut text = [0; 27];
    for (place, byte) in text.iter_mut().zip(id.to_string().bytes()) {
        *place = c_char::from_ne_bytes([byte]);
    }
    text
}
