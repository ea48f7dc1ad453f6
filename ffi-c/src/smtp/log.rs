//! What the log shows, and who hears its lines.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    sync::Arc,
};

use freesmtp_core::log::{BodyPolicy, LogEvent, LogKind, LogOptions};

use crate::{
    enums::freesmtp_log_kind,
    error::freesmtp_error,
    guard,
    listener::Program,
    server::{no_value, token::freesmtp_release},
    smtp::freesmtp_smtp,
};

/// One line of a conversation, secrets removed and control characters escaped. Borrowed for the call.
#[repr(C)]
pub struct freesmtp_log_event {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_milliseconds: u64,
    /// The connection, from 1: lines of concurrent ones differ here.
    pub connection: u32,
    /// Whose line it is: a value of `enum freesmtp_log_kind`.
    pub kind: c_int,
    /// The line, without a line break.
    pub line: *const c_char,
}

/// Hears one line. Called on the thread that sends, and at the same time from several where several send; it should be
/// quick. It must return: no `longjmp`, no C++ exception.
pub type freesmtp_protocol_log =
    Option<unsafe extern "C" fn(user_data: *mut c_void, event: &freesmtp_log_event)>;

type Hear = unsafe extern "C" fn(*mut c_void, &freesmtp_log_event);

/// Sets what the log shows besides the conversation: whether each line of the file begins with the time in UTC, how much of
/// a message is shown (a value of `enum freesmtp_log_body`), and whether the file has one JSON object in each line, with
/// `time`, `connection`, `kind` and `line`. Secrets are removed in any case.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_log_options(
    smtp: Option<&mut freesmtp_smtp>,
    timestamps: bool,
    body: c_int,
    json: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let known = usize::try_from(body).ok().and_then(|number| BodyPolicy::ALL.get(number));
        let (body, _) = *known.ok_or_else(|| no_value("LogOptions", body, "freesmtp_log_body"))?;
        smtp.set_log_options(LogOptions { timestamps, body, json });
        Ok(())
    })
}

/// Whether each line of the log begins with the time.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_log_timestamps(smtp: Option<&freesmtp_smtp>) -> bool {
    guard::value(false, || smtp.is_some_and(|it| it.0.log_options().timestamps))
}

/// How much of a message the log shows: a value of `enum freesmtp_log_body`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_log_body(smtp: Option<&freesmtp_smtp>) -> c_int {
    guard::value(0, || {
        let body = smtp.map(|it| it.0.log_options().body).unwrap_or_default();
        let number = BodyPolicy::ALL.iter().position(|(policy, _)| *policy == body);
        number.and_then(|number| number.try_into().ok()).unwrap_or_default()
    })
}

/// Whether the log has one JSON object in each line.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_log_json(smtp: Option<&freesmtp_smtp>) -> bool {
    guard::value(false, || smtp.is_some_and(|it| it.0.log_options().json))
}

/// Gives every line of the conversations to a function as it is said, whether there is a log or not; NULL ends it.
/// `user_data` is handed to it as it is, and must be good until `release` is called, or for ever where `release` is NULL:
/// that may be later than this object is let go. When this call fails, `release` is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_protocol_log(
    smtp: Option<&mut freesmtp_smtp>,
    listener: freesmtp_protocol_log,
    user_data: *mut c_void,
    release: freesmtp_release,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        let program = Program::new(listener, user_data, release);
        smtp.set_protocol_log(
            program.map(|program| Arc::new(move |event: &LogEvent| hear(&program, event)) as _),
        );
        Ok(())
    })
}

/// Gives one line to the program.
fn hear(program: &Program<Hear>, event: &LogEvent) {
    // Control characters are escaped: there is no NUL in it.
    let line = CString::new(event.line.as_str()).unwrap_or_default();
    let kind = match event.kind {
        LogKind::Sent => freesmtp_log_kind::Sent,
        LogKind::Received => freesmtp_log_kind::Received,
        LogKind::Body => freesmtp_log_kind::Body,
        _ => freesmtp_log_kind::Notice,
    };
    let told = freesmtp_log_event {
        unix_milliseconds: event.unix_milliseconds,
        connection: event.connection,
        kind: kind as c_int,
        line: line.as_ptr(),
    };
    let (listener, user_data) = program.parts();
    // SAFETY: the program promised that both are good until `release`.
    unsafe { listener(user_data, &told) };
}
