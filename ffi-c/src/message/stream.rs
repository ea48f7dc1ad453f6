//! Attachments that the program reads out while the message is sent.

use std::{
    ffi::{c_char, c_void},
    io::{self, Read},
};

use freesmtp_core::message::{Attachment, Stream};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    server::token::freesmtp_release,
    strings::{text, text_n},
};

/// Puts the next bytes into `buffer`, `size` at most, and answers how many they are: 0 at the end, -1 when they can't
/// be had. Called on the thread that sends, never twice at the same time. It must return: no `longjmp`, no C++ exception.
pub type freesmtp_read =
    Option<unsafe extern "C" fn(user_data: *mut c_void, buffer: *mut c_void, size: usize) -> i64>;

/// Attaches what `read` gives under a file name; it is read while the message is sent, never held as a whole.
/// `content_size` in bytes, -1 when it is not known; a reader that gives fewer or more ends the message with an error.
///
/// It can be read once: the message, and the copies of it, are sent once. `user_data` is handed to `read` as it is, and
/// must be good until `release` is called, or for ever where `release` is NULL. When this call fails, `release` is not
/// called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_attachment_stream(
    message: Option<&mut freesmtp_message>,
    read: freesmtp_read,
    user_data: *mut c_void,
    release: freesmtp_release,
    content_size: i64,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let read = guard::handle(read, "read")?;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        let program = Program { read, user_data, release };
        message.attachments.push(Attachment::stream(name, program.stream(content_size)));
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_message_add_attachment_stream_n(
    message: Option<&mut freesmtp_message>,
    read: freesmtp_read,
    user_data: *mut c_void,
    release: freesmtp_release,
    content_size: i64,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let message = &mut guard::handle(message, "message")?.0;
        let read = guard::handle(read, "read")?;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { text_n(name, name_size, "name") }?;
        let program = Program { read, user_data, release };
        message.attachments.push(Attachment::stream(name, program.stream(content_size)));
        Ok(())
    })
}

/// A reader of the program with its data.
struct Program {
    read: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> i64,
    user_data: *mut c_void,
    release: freesmtp_release,
}

// SAFETY: the header demands a reader, data and a release that the thread that sends may use, whichever it is.
unsafe impl Send for Program {}

impl Program {
    fn stream(self, size: i64) -> Stream {
        let stream = Stream::new(self);
        match u64::try_from(size) {
            Ok(size) => stream.with_size(size),
            Err(_) => stream,
        }
    }
}

impl Read for Program {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the program promised that both are good until `release`; the buffer has that many bytes.
        let count = unsafe { (self.read)(self.user_data, buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(count) {
            Ok(count) if count <= buffer.len() => Ok(count),
            Ok(_) => Err(io::Error::other("the reader says that it gave more than there is room for")),
            Err(_) => Err(io::Error::other("the reader of the program failed")),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: nobody can read any more, and this happens once.
            unsafe { release(self.user_data) };
        }
    }
}
