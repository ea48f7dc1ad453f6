//! The events of sending: how far a message and a bulk are, and which recipients do not get a message.

use std::{
    ffi::{c_char, c_void},
    sync::Arc,
};

use freesmtp_core::smtp::{BulkStatus, RecipientFailed, SendStatus};

use crate::{
    error::freesmtp_error, guard, listener::Program, server::token::freesmtp_release, smtp::freesmtp_smtp,
    strings::c_string,
};

/// Hears how far a message is: `total_sent` octets of it were given to the connection, of `total_size` as far as they are
/// known. The last 128 KiB of them may still wait for the network. Streams of unknown length count once they were read.
///
/// Called on the thread that sends, in a bulk on the threads of its connections, several at the same time where there are
/// several. The send waits for it, so it should be quick. It must return: no `longjmp`, no C++ exception. So it is with
/// `freesmtp_recipient_failed` too.
pub type freesmtp_status =
    Option<unsafe extern "C" fn(user_data: *mut c_void, total_sent: u64, total_size: u64)>;

/// Hears of a recipient who does not get a message: the server's reply, `550 5.1.1 No such user`, or why the server was not
/// asked. Both texts are borrowed for the call.
pub type freesmtp_recipient_failed = Option<
    unsafe extern "C" fn(user_data: *mut c_void, email_address: *const c_char, response: *const c_char),
>;

/// Hears how far a bulk is: messages of which at least one recipient was accepted, messages whose result is an error, and
/// those that were taken from the source so far. Called on the thread that called the bulk, never at the same time. It must
/// return: no `longjmp`, no C++ exception.
pub type freesmtp_bulk_status = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        total_sent: usize,
        total_failed: usize,
        total_messages: usize,
    ),
>;

/// Tells a function how far each message is, after each piece of it and at its end, when both numbers are the same; NULL
/// ends it. A message that has to be sent again, over another connection or to further recipients, begins anew. What the
/// server answers comes after the last of these events.
///
/// `user_data` is handed to it as it is, and must be good until `release` is called, or for ever where `release` is NULL:
/// that may be later than this object is let go. When this call fails, `release` is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_on_status(
    smtp: Option<&mut freesmtp_smtp>,
    listener: freesmtp_status,
    user_data: *mut c_void,
    release: freesmtp_release,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        smtp.on_status(Program::new(listener, user_data, release).map(|program| {
            Arc::new(move |status: SendStatus| {
                let (listener, user_data) = program.parts();
                // SAFETY: the program promised that both are good until `release`.
                unsafe { listener(user_data, status.total_sent, status.total_size) };
            }) as _
        }));
        Ok(())
    })
}

/// Tells a function of each recipient who does not get a message, refused or put off; NULL ends it. It is called once what
/// came of the message is settled, before the send returns; not for a recipient that another server took after all, nor
/// where no server heard of it, nor where it is not known what became of the message: an error says so. `user_data` and
/// `release` are as with `freesmtp_smtp_on_status`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_on_recipient_failed(
    smtp: Option<&mut freesmtp_smtp>,
    listener: freesmtp_recipient_failed,
    user_data: *mut c_void,
    release: freesmtp_release,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        smtp.on_recipient_failed(Program::new(listener, user_data, release).map(|program| {
            Arc::new(move |failed: &RecipientFailed| {
                let (email, response) = (c_string(&failed.email_address), c_string(&failed.response));
                let (listener, user_data) = program.parts();
                // SAFETY: the program promised that both are good until `release`; the texts outlive the call.
                unsafe { listener(user_data, email.as_ptr(), response.as_ptr()) };
            }) as _
        }));
        Ok(())
    })
}

/// Tells a function how far a bulk is, once for each result, before the program gets it; NULL ends it. `user_data` and
/// `release` are as with `freesmtp_smtp_on_status`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_on_bulk_status(
    smtp: Option<&mut freesmtp_smtp>,
    listener: freesmtp_bulk_status,
    user_data: *mut c_void,
    release: freesmtp_release,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        smtp.on_bulk_status(Program::new(listener, user_data, release).map(|program| {
            Arc::new(move |status: BulkStatus| {
                let BulkStatus { total_sent, total_failed, total_messages } = status;
                let (listener, user_data) = program.parts();
                // SAFETY: the program promised that both are good until `release`.
                unsafe { listener(user_data, total_sent, total_failed, total_messages) };
            }) as _
        }));
        Ok(())
    })
}
