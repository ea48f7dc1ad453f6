//! Looking at a server without sending mail.

use std::{
    ffi::{CString, c_char, c_void},
    ptr,
};

use freesmtp_core::{
    Cancel, Error,
    check::{CheckOptions, CheckReport, CheckStep},
};

use crate::{
    cancel::freesmtp_cancel,
    diagnosis::freesmtp_diagnosis,
    error::freesmtp_error,
    guard,
    server::duration,
    smtp::freesmtp_smtp,
    strings::{c_string, lend, optional, text},
};

/// What a check is to look at besides the server: begin with `{sizeof(freesmtp_check_options)}`, fill in what you want.
///
/// All texts are borrowed for the call; NULL means none.
#[repr(C)]
pub struct freesmtp_check_options {
    /// `sizeof(freesmtp_check_options)`: later versions of the library have more fields.
    pub struct_size: usize,
    /// The sender's address: given in MAIL FROM, and the records of its domain are judged.
    pub from: *const c_char,
    /// Recipients to ask the server about with RCPT TO; nothing is sent to them.
    pub to: *const *const c_char,
    /// How many `to` has.
    pub to_count: usize,
    /// The selector of the DKIM key, such as `mail` for `mail._domainkey.example.com`.
    pub dkim_selector: *const c_char,
    /// The address that recipients' servers see, which SPF is judged for; NULL for the local address of the connection.
    pub outgoing_ip: *const c_char,
    /// The name server to ask for the records, `192.0.2.1` or `192.0.2.1:53`; NULL for those of the system.
    pub dns: *const c_char,
    /// The longest that the whole check may take, in seconds; 0 for the default of 120.
    pub timeout: f64,
    /// Which of the servers to check, counted from 0.
    pub server: usize,
}

const NOTHING: freesmtp_check_options = freesmtp_check_options {
    struct_size: size_of::<freesmtp_check_options>(),
    from: ptr::null(),
    to: ptr::null(),
    to_count: 0,
    dkim_selector: ptr::null(),
    outgoing_ip: ptr::null(),
    dns: ptr::null(),
    timeout: 0.0,
    server: 0,
};

/// What a check found. Made by `freesmtp_check`; what it gives is borrowed from it.
pub struct freesmtp_check_report {
    server: CString,
    status: CString,
    summary: CString,
    text: CString,
    is_temporary: bool,
    elapsed: f64,
    steps: Vec<Step>,
    warnings: Vec<CString>,
    transcript: Vec<CString>,
}

struct Step {
    name: CString,
    status: CString,
    summary: CString,
    is_temporary: bool,
    facts: Vec<(CString, CString)>,
    diagnosis: Option<freesmtp_diagnosis>,
}

impl Step {
    fn new(step: &CheckStep) -> Self {
        Self {
            name: c_string(step.name.as_str()),
            status: c_string(step.status.as_str()),
            summary: c_string(&step.summary),
            is_temporary: step.is_temporary,
            facts: step.facts.iter().map(|fact| (c_string(fact.name), c_string(&fact.value))).collect(),
            diagnosis: step.diagnosis.as_ref().map(freesmtp_diagnosis::new),
        }
    }
}

impl freesmtp_check_report {
    fn new(report: &CheckReport) -> Self {
        let lines = |lines: &[String]| lines.iter().map(|line| c_string(line)).collect();
        Self {
            server: c_string(&report.server),
            status: c_string(report.status.as_str()),
            summary: c_string(&report.summary),
            text: c_string(&report.to_string()),
            is_temporary: report.is_temporary(),
            elapsed: report.elapsed.as_secs_f64(),
            steps: report.steps.iter().map(Step::new).collect(),
            warnings: lines(&report.warnings),
            transcript: lines(&report.transcript),
        }
    }

    fn step(&self, index: usize) -> Option<&Step> {
        self.steps.get(index)
    }
}

/// Looks at a server without sending mail: addresses, connections, greeting, extensions, TLS, login, and what it says to
/// a sender and recipients; and at the records of the sender's domain. `options` may be NULL. What is wrong with the
/// server or the domain is no error but a step of the report. `*report` is owned: `freesmtp_check_report_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_check(
    smtp: Option<&freesmtp_smtp>,
    options: *const freesmtp_check_options,
    report: Option<&mut *mut freesmtp_check_report>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: the caller's promise is the same.
        unsafe { check(smtp, options, &Cancel::new(), report) }
    })
}

/// Like `freesmtp_check`, and `cancel` ends it from another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_check_with(
    smtp: Option<&freesmtp_smtp>,
    options: *const freesmtp_check_options,
    cancel: Option<&freesmtp_cancel>,
    report: Option<&mut *mut freesmtp_check_report>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let cancel = &guard::handle(cancel, "cancel")?.0;
        // SAFETY: the caller's promise is the same.
        unsafe { check(smtp, options, cancel, report) }
    })
}

/// # Safety
/// As for [`read`].
unsafe fn check(
    smtp: Option<&freesmtp_smtp>,
    options: *const freesmtp_check_options,
    cancel: &Cancel,
    report: Option<&mut *mut freesmtp_check_report>,
) -> Result<(), Error> {
    let report = guard::handle(report, "report")?;
    *report = ptr::null_mut();
    // SAFETY: the caller's promise is the same.
    let options = unsafe { read(options) }?;
    let found = guard::handle(smtp, "smtp")?.ready()?.check_with(&options, cancel)?;
    *report = Box::into_raw(Box::new(freesmtp_check_report::new(&found)));
    Ok(())
}

/// Copies what the caller's version of the struct has; the rest is at its default.
///
/// # Safety
/// `options` is NULL, or points to as many bytes as its `struct_size` says, and its texts are as rule 2 of the header
/// demands.
unsafe fn read(options: *const freesmtp_check_options) -> Result<CheckOptions, Error> {
    let mut given = NOTHING;
    if !options.is_null() {
        // SAFETY: not NULL; the first field is there in every version.
        let size = unsafe { (*options).struct_size }.min(size_of::<freesmtp_check_options>());
        // SAFETY: both have that many bytes, and any bytes of C's field types are valid in ours.
        unsafe { ptr::copy_nonoverlapping(options.cast::<c_void>(), (&raw mut given).cast(), size) };
    }
    let mut to = Vec::new();
    for at in 0..if given.to.is_null() { 0 } else { given.to_count } {
        // SAFETY: below the count that the caller gave.
        to.push(unsafe { text(*given.to.add(at), "options.to") }?.to_owned());
    }
    let word = |pointer, name| {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        unsafe { optional(pointer, name) }.map(Option::unwrap_or_default)
    };
    let mut options = CheckOptions {
        from: word(given.from, "options.from")?.to_owned(),
        to,
        dkim_selector: word(given.dkim_selector, "options.dkim_selector")?.to_owned(),
        server: given.server,
        ..CheckOptions::default()
    };
    options.set_outgoing_ip(word(given.outgoing_ip, "options.outgoing_ip")?)?;
    options.set_dns(word(given.dns, "options.dns")?)?;
    if given.timeout != 0.0 {
        options.timeout = duration(given.timeout, "options.timeout")?;
    }
    Ok(options)
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_free(report: Option<Box<freesmtp_check_report>>) {
    guard::value((), || drop(report));
}

/// The server as it was named in the settings, and its port. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_server(report: Option<&freesmtp_check_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|it| &it.server)))
}

/// The worst of the steps: `ok`, `warning` or `failed`. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_status(report: Option<&freesmtp_check_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|it| &it.status)))
}

/// What it comes to, in one sentence. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_summary(report: Option<&freesmtp_check_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|it| &it.summary)))
}

/// The whole report as a person reads it, at most 80 columns wide. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_text(report: Option<&freesmtp_check_report>) -> *const c_char {
    guard::value(ptr::null(), || lend(report.map(|it| &it.text)))
}

/// Whether it failed, and the same check may end better later without a change.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_is_temporary(report: Option<&freesmtp_check_report>) -> bool {
    guard::value(false, || report.is_some_and(|it| it.is_temporary))
}

/// How many seconds it took.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_elapsed(report: Option<&freesmtp_check_report>) -> f64 {
    guard::value(0.0, || report.map_or(0.0, |it| it.elapsed))
}

/// How many warnings there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_warning_count(report: Option<&freesmtp_check_report>) -> usize {
    guard::value(0, || report.map_or(0, |it| it.warnings.len()))
}

/// Trouble that is none of the server's: a log that could not be written. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_warning(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|it| it.warnings.get(index))))
}

/// How many lines the conversation has.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_transcript_count(report: Option<&freesmtp_check_report>) -> usize {
    guard::value(0, || report.map_or(0, |it| it.transcript.len()))
}

/// One line of the conversation, secrets removed, oldest first; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_transcript_line(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|it| it.transcript.get(index))))
}

/// How many steps there are; those that were skipped count.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_step_count(report: Option<&freesmtp_check_report>) -> usize {
    guard::value(0, || report.map_or(0, |it| it.steps.len()))
}

/// What the step at `index` looks at: `dns`, `connect`, `greeting`, `ehlo`, `tls`, `auth`, `envelope`, `limits`, `mx`,
/// `spf`, `dkim`, `dmarc`; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_step_name(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|it| it.step(index)).map(|step| &step.name)))
}

/// How it ended: `ok`, `warning`, `failed` or `skipped`; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_step_status(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|it| it.step(index)).map(|step| &step.status)))
}

/// One sentence for a person; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_step_summary(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || lend(report.and_then(|it| it.step(index)).map(|step| &step.summary)))
}

/// Whether the same check may end better later.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_step_is_temporary(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> bool {
    guard::value(false, || report.and_then(|it| it.step(index)).is_some_and(|step| step.is_temporary))
}

/// Why, who must act, what to do, on warnings and failures; else NULL. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_step_diagnosis(
    report: Option<&freesmtp_check_report>,
    index: usize,
) -> Option<&freesmtp_diagnosis> {
    guard::value(None, || report.and_then(|it| it.step(index)).and_then(|step| step.diagnosis.as_ref()))
}

/// How many facts the step at `step` found.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_fact_count(
    report: Option<&freesmtp_check_report>,
    step: usize,
) -> usize {
    guard::value(0, || report.and_then(|it| it.step(step)).map_or(0, |step| step.facts.len()))
}

/// The name of a fact, such as `address`; a name may stand several times. NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_fact_name(
    report: Option<&freesmtp_check_report>,
    step: usize,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(report.and_then(|it| it.step(step)).and_then(|step| step.facts.get(index)).map(|(name, _)| name))
    })
}

/// Its value; NULL behind the last. Borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_check_report_fact_value(
    report: Option<&freesmtp_check_report>,
    step: usize,
    index: usize,
) -> *const c_char {
    guard::value(ptr::null(), || {
        lend(
            report
                .and_then(|it| it.step(step))
                .and_then(|step| step.facts.get(index))
                .map(|(_, value)| value),
        )
    })
}
