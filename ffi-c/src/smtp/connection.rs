//! The connection that an SMTP object keeps: opened and ended by the program, and commands of its own.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{Cancel, Error};

use crate::{
    cancel::freesmtp_cancel,
    error::freesmtp_error,
    guard,
    smtp::freesmtp_smtp,
    strings::{give, text, text_n},
};

/// Opens a connection to the first server that answers, logs in, and keeps it for the next message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_connect(smtp: Option<&freesmtp_smtp>) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| guard::handle(smtp, "smtp")?.ready()?.connect())
}

/// Like `freesmtp_smtp_connect`, and `cancel` ends it from another thread.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_connect_with(
    smtp: Option<&freesmtp_smtp>,
    cancel: Option<&freesmtp_cancel>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = guard::handle(smtp, "smtp")?.ready()?;
        smtp.connect_with(&guard::handle(cancel, "cancel")?.0)
    })
}

/// Ends the kept connections with QUIT and waits for the answer. Without any, it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_disconnect(smtp: Option<&freesmtp_smtp>) {
    guard::value((), || {
        if let Some(smtp) = smtp {
            smtp.0.disconnect();
        }
    });
}

/// Like `freesmtp_smtp_disconnect`, and `cancel` ends the waiting from another thread: the connections are closed all
/// the same. A `cancel` that is NULL ends nothing.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_disconnect_with(
    smtp: Option<&freesmtp_smtp>,
    cancel: Option<&freesmtp_cancel>,
) {
    guard::value((), || match (smtp, cancel) {
        (Some(smtp), Some(cancel)) => smtp.0.disconnect_with(&cancel.0),
        (Some(smtp), None) => smtp.0.disconnect(),
        (None, _) => {}
    });
}

/// Cancels every operation of this object and its copies that is under way, from any thread.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_cancel(smtp: Option<&freesmtp_smtp>) {
    guard::value((), || {
        if let Some(smtp) = smtp {
            smtp.0.cancel();
        }
    });
}

/// Whether a connection is kept for the next message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_connected(smtp: Option<&freesmtp_smtp>) -> bool {
    guard::value(false, || smtp.is_some_and(|it| it.0.connected()))
}

/// Sends one command such as `VRFY postmaster` on the kept connection, or on a new one, and gives the reply, whatever
/// its code is: `*reply_code`, and `*reply_text` (owned: `freesmtp_free`), its lines joined by LF. Either may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_command(
    smtp: Option<&freesmtp_smtp>,
    command: *const c_char,
    reply_code: Option<&mut c_int>,
    reply_text: Option<&mut *mut c_char>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let command = unsafe { text(command, "command") };
        send_command(smtp, command, Ok(&Cancel::new()), reply_code, reply_text)
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_command_n(
    smtp: Option<&freesmtp_smtp>,
    command: *const c_char,
    command_size: usize,
    reply_code: Option<&mut c_int>,
    reply_text: Option<&mut *mut c_char>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let command = unsafe { text_n(command, command_size, "command") };
        send_command(smtp, command, Ok(&Cancel::new()), reply_code, reply_text)
    })
}

/// Like `freesmtp_smtp_send_command`, and `cancel` ends it from another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_command_with(
    smtp: Option<&freesmtp_smtp>,
    command: *const c_char,
    cancel: Option<&freesmtp_cancel>,
    reply_code: Option<&mut c_int>,
    reply_text: Option<&mut *mut c_char>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let cancel = guard::handle(cancel, "cancel").map(|cancel| &cancel.0);
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let command = unsafe { text(command, "command") };
        send_command(smtp, command, cancel, reply_code, reply_text)
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_send_command_with_n(
    smtp: Option<&freesmtp_smtp>,
    command: *const c_char,
    command_size: usize,
    cancel: Option<&freesmtp_cancel>,
    reply_code: Option<&mut c_int>,
    reply_text: Option<&mut *mut c_char>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let cancel = guard::handle(cancel, "cancel").map(|cancel| &cancel.0);
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let command = unsafe { text_n(command, command_size, "command") };
        send_command(smtp, command, cancel, reply_code, reply_text)
    })
}

fn send_command(
    smtp: Option<&freesmtp_smtp>,
    command: Result<&str, Error>,
    cancel: Result<&Cancel, Error>,
    reply_code: Option<&mut c_int>,
    mut reply_text: Option<&mut *mut c_char>,
) -> Result<(), Error> {
    if let Some(reply_text) = reply_text.as_deref_mut() {
        *reply_text = ptr::null_mut();
    }
    let reply = guard::handle(smtp, "smtp")?.ready()?.send_command_with(command?, cancel?)?;
    if let Some(reply_code) = reply_code {
        *reply_code = reply.code().into();
    }
    if let Some(reply_text) = reply_text {
        *reply_text = give(reply.text().as_bytes(), None);
    }
    Ok(())
}
