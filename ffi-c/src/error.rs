//! Why a call failed.

use std::{
    ffi::{CString, c_char, c_int},
    ptr,
};

use freesmtp_core::Error;

use crate::{
    diagnosis::freesmtp_diagnosis,
    guard,
    recipient::freesmtp_recipient,
    strings::{c_string, lend},
};

/// Why a call failed: what, where, the server's own words, and what to do about it.
pub struct freesmtp_error {
    kind: c_int,
    kind_name: CString,
    stage: CString,
    message: CString,
    text: CString,
    field: Option<CString>,
    reply_code: c_int,
    enhanced_code: Option<CString>,
    reply_text: CString,
    server: Option<CString>,
    message_id: Option<CString>,
    temporary: bool,
    os_error: c_int,
    recipients: Vec<freesmtp_recipient>,
    diagnosis: Option<freesmtp_diagnosis>,
    transcript: Vec<CString>,
    others: Vec<freesmtp_error>,
}

impl freesmtp_error {
    /// Laid out for C at once: the caller then only reads, from any thread.
    pub(crate) fn boxed(error: Error) -> Box<Self> {
        Box::new(Self::new(&error))
    }

    fn new(error: &Error) -> Self {
        Self {
            kind: error.kind().number().into(),
            kind_name: c_string(error.kind().as_str()),
            stage: c_string(error.stage().as_str()),
            message: c_string(error.message()),
            text: c_string(&error.to_string()),
            field: error.field().map(c_string),
            reply_code: error.reply_code().into(),
            enhanced_code: error.enhanced_code().map(|code| c_string(&code.to_string())),
            reply_text: c_string(&error.reply_text()),
            server: error.server().map(c_string),
            message_id: error.message_id().map(c_string),
            temporary: error.is_temporary(),
            os_error: error.os_error().unwrap_or_default(),
            recipients: freesmtp_recipient::all(error.recipients()),
            diagnosis: error.diagnosis().map(freesmtp_diagnosis::new),
            transcript: error.transcript().iter().map(c_string).collect(),
            others: error.others().iter().map(Self::new).collect(),
        }
    }
}

/// Lets go of an error and of all that was borrowed from it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_free(error: Option<Box<freesmtp_error>>) {
    guard::value((), || drop(error));
}

/// What kind of failure it is: a value of `enum freesmtp_error_kind`; 0 for NULL, which is success.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_kind(error: Option<&freesmtp_error>) -> c_int {
    guard::value(0, || error.map_or(0, |error| error.kind))
}

/// The same by its stable name: `message`, `dns`, `recipients-refused` … Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_kind_name(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.map(|error| &error.kind_name)))
}

/// The phase of the session: `COMPOSE`, `RESOLVE`, `CONNECT`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL`, `RCPT`, `DATA`,
/// `EOM`, `COMMAND` or `QUIT`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_stage(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.map(|error| &error.stage)))
}

/// What happened, in one sentence, without the diagnosis. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_message(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.map(|error| &error.message)))
}

/// All of it as a person reads it: field, message, server, diagnosis with its remedies; several lines. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_text(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.map(|error| &error.text)))
}

/// The property or parameter that holds bad input, such as `Recipients[2].Email`; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_field(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.and_then(|error| error.field.as_ref())))
}

/// The code of the server's reply; 0 when no reply decided.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_reply_code(error: Option<&freesmtp_error>) -> c_int {
    guard::value(0, || error.map_or(0, |error| error.reply_code))
}

/// Its enhanced status code such as `5.7.1` (RFC 3463); NULL when it has none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_enhanced_code(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.and_then(|error| error.enhanced_code.as_ref())))
}

/// Its text, reply codes left out, lines joined by LF; empty when no reply decided. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_reply_text(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.map(|error| &error.reply_text)))
}

/// The server it is about, `mail.example.com:587`; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_server(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.and_then(|error| error.server.as_ref())))
}

/// The `Message-ID` of the message, to search for when the outcome is unknown; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_message_id(error: Option<&freesmtp_error>) -> *const c_char {
    guard::value(ptr::null(), || lend(error.and_then(|error| error.message_id.as_ref())))
}

/// Whether the same call may succeed later without a change. An unknown outcome is not temporary: a repetition may
/// deliver twice.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_is_temporary(error: Option<&freesmtp_error>) -> bool {
    guard::value(false, || error.is_some_and(|error| error.temporary))
}

/// The operating system's own error number (`errno`); 0 when it was none.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_os_error(error: Option<&freesmtp_error>) -> c_int {
    guard::value(0, || error.map_or(0, |error| error.os_error))
}

/// How many recipients it has an entry for: all, when the transaction got that far, else none.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_recipient_count(error: Option<&freesmtp_error>) -> usize {
    guard::value(0, || error.map_or(0, |error| error.recipients.len()))
}

/// The entry of one recipient; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_recipient(
    error: Option<&freesmtp_error>,
    index: usize,
) -> Option<&freesmtp_recipient> {
    guard::value(None, || error.and_then(|error| error.recipients.get(index)))
}

/// Why it failed and what to do; NULL when nothing is known. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_diagnosis(error: Option<&freesmtp_error>) -> Option<&freesmtp_diagnosis> {
    guard::value(None, || error.and_then(|error| error.diagnosis.as_ref()))
}

/// How many lines of the conversation it keeps.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_transcript_count(error: Option<&freesmtp_error>) -> usize {
    guard::value(0, || error.map_or(0, |error| error.transcript.len()))
}

/// One of the last lines of the conversation, secrets removed, oldest first; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_transcript_line(
    error: Option<&freesmtp_error>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(error.and_then(|error| error.transcript.get(index))))
}

/// How many servers were tried before the last one.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_other_count(error: Option<&freesmtp_error>) -> usize {
    guard::value(0, || error.map_or(0, |error| error.others.len()))
}

/// The failure of a server that was tried before; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_error_other(
    error: Option<&freesmtp_error>,
    index: usize,
) -> Option<&freesmtp_error> {
    guard::value(None, || error.and_then(|error| error.others.get(index)))
}
