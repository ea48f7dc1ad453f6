//! Explaining a conversation that somebody wrote down.

use std::{
    ffi::{CString, c_char, c_int},
    ptr,
};

use freesmtp_core::{
    diagnosis::{Explanation, explain},
    types::Reply,
};

use crate::{
    diagnosis::freesmtp_diagnosis,
    error::freesmtp_error,
    guard,
    strings::{c_string, lend, text, text_n},
};

/// The failures found in a transcript, in its order. Made by `freesmtp_explain`; what it gives is borrowed from it.
pub struct freesmtp_explanations(Vec<Failure>);

struct Failure {
    line: usize,
    stage: Option<CString>,
    host: Option<CString>,
    sender: Option<CString>,
    recipient: Option<CString>,
    reply_code: c_int,
    reply_text: CString,
    diagnosis: freesmtp_diagnosis,
}

impl Failure {
    fn new(found: &Explanation) -> Self {
        Self {
            line: found.line,
            stage: found.stage.map(|stage| c_string(stage.as_str())),
            host: Some(found.host.as_str()).filter(|host| !host.is_empty()).map(c_string),
            sender: found.sender.as_deref().map(c_string),
            recipient: found.recipient.as_deref().map(c_string),
            reply_code: found.reply.as_ref().map_or(0, |reply| reply.code().into()),
            reply_text: c_string(&found.reply.as_ref().map(Reply::text).unwrap_or_default()),
            diagnosis: freesmtp_diagnosis::new(&found.diagnosis),
        }
    }
}

/// Explains every failure in a transcript: a log of this library, of another client or of a mail server, a bounce
/// (RFC 3464), an exception's text, or a bare reply. What holds no failure gives none.
/// `*explanations` is owned: `freesmtp_explanations_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_explain(
    transcript: *const c_char,
    explanations: Option<&mut *mut freesmtp_explanations>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let explanations = guard::handle(explanations, "explanations")?;
        *explanations = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let transcript = unsafe { text(transcript, "transcript") }?;
        *explanations = found_in(transcript);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_explain_n(
    transcript: *const c_char,
    transcript_size: usize,
    explanations: Option<&mut *mut freesmtp_explanations>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let explanations = guard::handle(explanations, "explanations")?;
        *explanations = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let transcript = unsafe { text_n(transcript, transcript_size, "transcript") }?;
        *explanations = found_in(transcript);
        Ok(())
    })
}

fn found_in(transcript: &str) -> *mut freesmtp_explanations {
    let found = explain(transcript).iter().map(Failure::new).collect();
    Box::into_raw(Box::new(freesmtp_explanations(found)))
}

fn at(explanations: Option<&freesmtp_explanations>, index: usize) -> Option<&Failure> {
    explanations?.0.get(index)
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_free(explanations: Option<Box<freesmtp_explanations>>) {
    guard::value((), || drop(explanations));
}

/// How many failures there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_count(explanations: Option<&freesmtp_explanations>) -> usize {
    guard::value(0, || explanations.map_or(0, |it| it.0.len()))
}

/// The line of the transcript where the failure at `index` stands, from 1; 0 behind the last.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_line(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> usize {
    guard::value(0, || at(explanations, index).map_or(0, |it| it.line))
}

/// The phase by its stable name: `RCPT`, `AUTH` …; NULL where the transcript does not show it. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_stage(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(at(explanations, index).and_then(|it| it.stage.as_ref())))
}

/// The server's name; NULL where it is not known. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_host(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(at(explanations, index).and_then(|it| it.host.as_ref())))
}

/// The sender of the transaction; NULL where it is not known. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_sender(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(at(explanations, index).and_then(|it| it.sender.as_ref())))
}

/// The recipient in question; NULL where there is none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_recipient(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(at(explanations, index).and_then(|it| it.recipient.as_ref())))
}

/// The code of the reply that refused; 0 for a failure that the client noticed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_reply_code(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> c_int {
    guard::value(0, || at(explanations, index).map_or(0, |it| it.reply_code))
}

/// Its text, codes left out, lines joined by LF; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_reply_text(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(at(explanations, index).map(|it| &it.reply_text)))
}

/// Why, who must act, what to do; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_explanations_diagnosis(
    explanations: Option<&freesmtp_explanations>,
    index: usize,
) -> Option<&freesmtp_diagnosis> {
    guard::value(None, || at(explanations, index).map(|it| &it.diagnosis))
}
