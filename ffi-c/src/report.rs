//! What a send answers.

use std::{
    ffi::{CString, c_char, c_int},
    ptr,
};

use freesmtp_core::Report;

use crate::{
    guard,
    recipient::freesmtp_recipient,
    strings::{c_string, lend},
};

/// The answer of a send that accepted at least one recipient.
pub struct freesmtp_report {
    recipients: Vec<freesmtp_recipient>,
    reply_code: c_int,
    enhanced_code: Option<CString>,
    reply_text: CString,
    message_id: CString,
    size: u64,
    server: CString,
    peer_address: Option<CString>,
    tls: Option<Tls>,
    auth_mechanism: Option<CString>,
    elapsed: f64,
    warnings: Vec<CString>,
    transcript: Vec<CString>,
}

struct Tls {
    version: Option<CString>,
    cipher: Option<CString>,
    certificate_subject: Option<CString>,
    certificate_not_after: Option<i64>,
}

impl freesmtp_report {
    /// Laid out for C at once: the caller then only reads, from any thread.
    pub(crate) fn boxed(report: &Report) -> Box<Self> {
        let lines = |lines: &[String]| lines.iter().map(|line| c_string(line)).collect();
        Box::new(Self {
            recipients: freesmtp_recipient::all(&report.recipients),
            reply_code: report.reply.code().into(),
            enhanced_code: report.reply.enhanced_code().map(|code| c_string(&code.to_string())),
            reply_text: c_string(&report.reply.text()),
            message_id: c_string(&report.message_id),
            size: report.size,
            server: c_string(&report.server),
            peer_address: report.peer_address.map(|address| c_string(&address.to_string())),
            tls: report.tls.as_ref().map(|tls| Tls {
                version: tls.version.as_deref().map(c_string),
                cipher: tls.cipher.as_deref().map(c_string),
                certificate_subject: tls.certificate_subject.as_deref().map(c_string),
                certificate_not_after: tls.certificate_not_after,
            }),
            auth_mechanism: report.auth_mechanism.as_deref().map(c_string),
            elapsed: report.elapsed.as_secs_f64(),
            warnings: lines(&report.warnings),
            transcript: report.transcript.iter().map(c_string).collect(),
        })
    }
}

/// Lets go of a report and of all that was borrowed from it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_free(report: Option<Box<freesmtp_report>>) {
    guard::value((), || drop(report));
}

/// How many recipients the message has.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_recipient_count(report: Option<&freesmtp_report>) -> usize {
    guard::value(0, || report.map_or(0, |report| report.recipients.len()))
}

/// The entry of one recipient, in the order of the message; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_recipient(
    report: Option<&freesmtp_report>,
    index: usize,
) -> Option<&freesmtp_recipient> {
    guard::value(None, || report.and_then(|report| report.recipients.get(index)))
}

/// The code of the reply after the end of the message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_reply_code(report: Option<&freesmtp_report>) -> c_int {
    guard::value(0, || report.map_or(0, |report| report.reply_code))
}

/// Its enhanced status code such as `2.0.0` (RFC 3463); NULL when it has none. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_enhanced_code(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|report| report.enhanced_code.as_ref())))
}

/// Its text, which usually names the server's queue id; reply codes left out, lines joined by LF. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_reply_text(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|report| &report.reply_text)))
}

/// The `Message-ID` of the message, with its angle brackets. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_message_id(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|report| &report.message_id)))
}

/// Bytes of the message as composed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_size(report: Option<&freesmtp_report>) -> u64 {
    guard::value(0, || report.map_or(0, |report| report.size))
}

/// The server that took it, `mail.example.com:587`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_server(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|report| &report.server)))
}

/// The address that was connected to, `192.0.2.1:587`; NULL when it is no address of a network. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_peer_address(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|report| report.peer_address.as_ref())))
}

/// Whether the session was encrypted.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_is_encrypted(report: Option<&freesmtp_report>) -> bool {
    guard::value(false, || report.is_some_and(|report| report.tls.is_some()))
}

/// The TLS version such as `TLSv1.3`, where the platform's TLS tells it; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_tls_version(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(report.and_then(|report| report.tls.as_ref()).and_then(|tls| tls.version.as_ref()))
    })
}

/// The cipher suite, where the platform's TLS tells it; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_tls_cipher(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(report.and_then(|report| report.tls.as_ref()).and_then(|tls| tls.cipher.as_ref()))
    })
}

/// The subject of the server's certificate, where the platform's TLS tells it; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_tls_certificate_subject(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(report.and_then(|report| report.tls.as_ref()).and_then(|tls| tls.certificate_subject.as_ref()))
    })
}

/// When the server's certificate expires, in seconds since 1970-01-01 UTC; -1 when that is not known.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_tls_certificate_not_after(report: Option<&freesmtp_report>) -> i64 {
    guard::value(-1, || {
        report
            .map_or(-1, |report| report.tls.as_ref().and_then(|tls| tls.certificate_not_after).unwrap_or(-1))
    })
}

/// The mechanism that logged in, such as `PLAIN`; NULL without login. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_auth_mechanism(report: Option<&freesmtp_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|report| report.auth_mechanism.as_ref())))
}

/// How many seconds it took, connecting included where a connection was opened.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_elapsed(report: Option<&freesmtp_report>) -> f64 {
    guard::value(0.0, || report.map_or(0.0, |report| report.elapsed))
}

/// How many warnings there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_warning_count(report: Option<&freesmtp_report>) -> usize {
    guard::value(0, || report.map_or(0, |report| report.warnings.len()))
}

/// Trouble that did not stop the mail: a log that could not be written, a server before this one that failed.
/// NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_warning(report: Option<&freesmtp_report>, index: usize) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|report| report.warnings.get(index))))
}

/// How many lines the conversation has.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_transcript_count(report: Option<&freesmtp_report>) -> usize {
    guard::value(0, || report.map_or(0, |report| report.transcript.len()))
}

/// One line of the conversation, secrets removed, oldest first; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_report_transcript_line(
    report: Option<&freesmtp_report>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|report| report.transcript.get(index))))
}
