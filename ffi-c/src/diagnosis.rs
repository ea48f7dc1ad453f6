//! Why it failed, who must act, what to do.

use std::{
    ffi::{CString, c_char},
    ptr,
};

use freesmtp_core::Diagnosis;

use crate::{
    guard,
    strings::{c_string, lend},
};

/// An explanation. Borrowed from an error, a recipient or explanations, or owned from `freesmtp_diagnose`.
pub struct freesmtp_diagnosis {
    cause: CString,
    who: CString,
    summary: CString,
    remedy: CString,
    evidence: CString,
    reference: Option<CString>,
    text: CString,
    retry_after: f64,
}

impl freesmtp_diagnosis {
    pub(crate) fn new(diagnosis: &Diagnosis) -> Self {
        Self {
            cause: c_string(diagnosis.cause.as_str()),
            who: c_string(diagnosis.who.as_str()),
            summary: c_string(&diagnosis.summary),
            remedy: c_string(&diagnosis.remedy),
            evidence: c_string(&diagnosis.evidence),
            reference: diagnosis.reference.as_deref().map(c_string),
            text: c_string(&diagnosis.to_string()),
            retry_after: diagnosis.retry_after.map_or(-1.0, |time| time.as_secs_f64()),
        }
    }
}

/// Lets go of a diagnosis of `freesmtp_diagnose`; never of one that is borrowed. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_free(diagnosis: Option<Box<freesmtp_diagnosis>>) {
    guard::value((), || drop(diagnosis));
}

/// What went wrong, by its stable name: `relay-denied`, `auth-required`, `recipient-unknown` … Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_cause(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.map(|diagnosis| &diagnosis.cause)))
}

/// Who must act: `sender-code`, `sender-account`, `server-admin`, `recipient`, `network` or `nobody-retry`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_who(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.map(|diagnosis| &diagnosis.who)))
}

/// One sentence for a person. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_summary(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.map(|diagnosis| &diagnosis.summary)))
}

/// What to do, concrete for this session; several ways are separated by LF. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_remedy(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.map(|diagnosis| &diagnosis.remedy)))
}

/// The server's words, or the facts, on which this rests. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_evidence(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.map(|diagnosis| &diagnosis.evidence)))
}

/// The RFC section, or the page that the server named; NULL when there is none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_reference(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.and_then(|diagnosis| diagnosis.reference.as_ref())))
}

/// Cause, summary and remedies together, as a person reads them. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_text(diagnosis: Option<&freesmtp_diagnosis>) -> *const c_char {
    guard::value(ptr::null(), || lend(diagnosis.map(|diagnosis| &diagnosis.text)))
}

/// Seconds to wait before the next attempt; -1 when neither server nor cause name a time.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_diagnosis_retry_after(diagnosis: Option<&freesmtp_diagnosis>) -> f64 {
    guard::value(-1.0, || diagnosis.map_or(-1.0, |diagnosis| diagnosis.retry_after))
}
