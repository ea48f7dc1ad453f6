//! What became of the message for one recipient.

use std::{
    ffi::{CString, c_char, c_int},
    ptr,
};

use freesmtp_core::RecipientResult;

use crate::{
    diagnosis::freesmtp_diagnosis,
    enums::status_number,
    guard,
    strings::{c_string, lend},
};

/// The result for one recipient. Borrowed from a report or an error.
pub struct freesmtp_recipient {
    email: CString,
    status: c_int,
    status_name: CString,
    stage: CString,
    reply_code: c_int,
    enhanced_code: Option<CString>,
    reply_text: CString,
    diagnosis: Option<freesmtp_diagnosis>,
}

impl freesmtp_recipient {
    pub(crate) fn all(results: &[RecipientResult]) -> Vec<Self> {
        results.iter().map(Self::new).collect()
    }

    fn new(result: &RecipientResult) -> Self {
        Self {
            email: c_string(&result.email),
            status: status_number(result.status),
            status_name: c_string(result.status.as_str()),
            stage: c_string(result.stage.as_str()),
            reply_code: result.reply_code().into(),
            enhanced_code: result.enhanced_code().map(|code| c_string(&code.to_string())),
            reply_text: c_string(&result.reply_text()),
            diagnosis: result.diagnosis.as_ref().map(freesmtp_diagnosis::new),
        }
    }
}

/// The address as it was given. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_email(recipient: Option<&freesmtp_recipient>) -> *const c_char {
    guard::value(ptr::null(), || lend(recipient.map(|recipient| &recipient.email)))
}

/// What became of it: a value of `enum freesmtp_recipient_status`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_status(recipient: Option<&freesmtp_recipient>) -> c_int {
    guard::value(0, || recipient.map_or(0, |recipient| recipient.status))
}

/// The same by name: `accepted`, `deferred`, `refused`, `unknown`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_status_name(recipient: Option<&freesmtp_recipient>) -> *const c_char {
    guard::value(ptr::null(), || lend(recipient.map(|recipient| &recipient.status_name)))
}

/// The phase in which that was decided: `RCPT`, `EOM` … Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_stage(recipient: Option<&freesmtp_recipient>) -> *const c_char {
    guard::value(ptr::null(), || lend(recipient.map(|recipient| &recipient.stage)))
}

/// The code of the reply that decided; 0 when the client decided, or the connection broke.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_reply_code(recipient: Option<&freesmtp_recipient>) -> c_int {
    guard::value(0, || recipient.map_or(0, |recipient| recipient.reply_code))
}

/// Its enhanced status code such as `5.7.1` (RFC 3463); NULL when it has none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_enhanced_code(recipient: Option<&freesmtp_recipient>) -> *const c_char {
    guard::value(ptr::null(), || lend(recipient.and_then(|recipient| recipient.enhanced_code.as_ref())))
}

/// Its text, reply codes left out, lines joined by LF; empty when no reply decided. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_reply_text(recipient: Option<&freesmtp_recipient>) -> *const c_char {
    guard::value(ptr::null(), || lend(recipient.map(|recipient| &recipient.reply_text)))
}

/// Why, and what to do; NULL when it was accepted. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_recipient_diagnosis(
    recipient: Option<&freesmtp_recipient>,
) -> Option<&freesmtp_diagnosis> {
    guard::value(None, || recipient.and_then(|recipient| recipient.diagnosis.as_ref()))
}
