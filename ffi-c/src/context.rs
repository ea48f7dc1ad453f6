//! Explaining a reply that another program got.

use std::{
    ffi::{c_char, c_void},
    net::IpAddr,
    ptr,
};

use freesmtp_core::{
    Error, Stage,
    diagnosis::{Context, diagnose},
    types::Reply,
};

use crate::{
    diagnosis::freesmtp_diagnosis,
    error::freesmtp_error,
    guard,
    strings::{optional, text},
};

/// What is known about a session, for `freesmtp_diagnose`: begin with `FREESMTP_CONTEXT_INIT`, fill in what you know.
///
/// All texts are borrowed for the call; NULL means that it is not known.
#[repr(C)]
pub struct freesmtp_context {
    /// `sizeof(freesmtp_context)`: later versions of the library have more fields.
    pub struct_size: usize,
    /// The host name that was asked for.
    pub host: *const c_char,
    /// The port; 0 when unknown.
    pub port: u16,
    /// A user name or a token was set by the program.
    pub credentials_set: bool,
    /// The session is logged in.
    pub authenticated: bool,
    /// The session is encrypted.
    pub tls: bool,
    /// The lines of the EHLO reply after the first: `AUTH LOGIN PLAIN`, `SIZE 1000`, `STARTTLS`.
    pub offered: *const *const c_char,
    /// How many lines `offered` has.
    pub offered_count: usize,
    /// The host name in the server's greeting.
    pub greeting_host: *const c_char,
    /// The user name.
    pub user: *const c_char,
    /// The SASL mechanism that was used or tried.
    pub mechanism: *const c_char,
    /// The client's own address, `192.0.2.1`.
    pub local_address: *const c_char,
    /// The name that the client gave in EHLO.
    pub ehlo_name: *const c_char,
    /// The address of MAIL FROM.
    pub sender: *const c_char,
    /// The address of the RCPT TO in question.
    pub recipient: *const c_char,
    /// The `Message-ID`.
    pub message_id: *const c_char,
    /// Bytes of the message; 0 when unknown.
    pub message_size: u64,
    /// Number of recipients; 0 when unknown.
    pub recipient_count: usize,
}

const NOTHING: freesmtp_context = freesmtp_context {
    struct_size: size_of::<freesmtp_context>(),
    host: ptr::null(),
    port: 0,
    credentials_set: false,
    authenticated: false,
    tls: false,
    offered: ptr::null(),
    offered_count: 0,
    greeting_host: ptr::null(),
    user: ptr::null(),
    mechanism: ptr::null(),
    local_address: ptr::null(),
    ehlo_name: ptr::null(),
    sender: ptr::null(),
    recipient: ptr::null(),
    message_id: ptr::null(),
    message_size: 0,
    recipient_count: 0,
};

/// Explains a refusal: `reply` as it stood on the wire (`550 5.7.1 Relaying denied`, several lines separated by LF)
/// or in the words of a client's failure; `stage` (`RCPT`, `AUTH` …) or NULL; `context` or NULL.
/// The more is known, the better the diagnosis. `*diagnosis` is owned: `freesmtp_diagnosis_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_diagnose(
    reply: *const c_char,
    stage: *const c_char,
    context: *const freesmtp_context,
    diagnosis: Option<&mut *mut freesmtp_diagnosis>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let diagnosis = guard::handle(diagnosis, "diagnosis")?;
        *diagnosis = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (said, stage) = unsafe { (text(reply, "reply")?, optional(stage, "stage")?) };
        let stage = stage.map(|name| {
            let known =
                || Error::input("stage", format!("{name:?} is none: CONNECT, EHLO, AUTH, MAIL, RCPT …"));
            name.parse::<Stage>().map_err(|()| known())
        });
        // SAFETY: NULL, or a context whose `struct_size` is right, as its comment demands.
        let known = unsafe { read(context) };
        // SAFETY: the same, for its texts.
        let offered = unsafe { lines(known.offered, known.offered_count) }?;
        let reply = Reply::parse(said);
        // SAFETY: rule 2 of the header, for each of them.
        let explained = unsafe {
            let address = optional(known.local_address, "context.local_address")?.map(|address| {
                let bad = || Error::input("context.local_address", format!("{address:?} is no address"));
                address.parse::<IpAddr>().map_err(|_| bad())
            });
            diagnose(&Context {
                stage: stage.transpose()?,
                reply: reply.as_ref(),
                failure: None,
                detail: if reply.is_none() { said } else { "" },
                field: None,
                host: optional(known.host, "context.host")?.unwrap_or_default(),
                port: known.port,
                greeting_host: optional(known.greeting_host, "context.greeting_host")?,
                offered: &offered,
                credentials_set: known.credentials_set,
                authenticated: known.authenticated,
                tls: known.tls,
                user: optional(known.user, "context.user")?,
                mechanism: optional(known.mechanism, "context.mechanism")?,
                local_address: address.transpose()?,
                ehlo_name: optional(known.ehlo_name, "context.ehlo_name")?,
                sender: optional(known.sender, "context.sender")?,
                recipient: optional(known.recipient, "context.recipient")?,
                message_size: Some(known.message_size).filter(|size| *size > 0),
                recipient_count: known.recipient_count,
                message_id: optional(known.message_id, "context.message_id")?,
            })
        };
        *diagnosis = Box::into_raw(Box::new(freesmtp_diagnosis::new(&explained)));
        Ok(())
    })
}

/// Copies what the caller's version of the struct has; the rest is not known.
///
/// # Safety
/// `context` is NULL, or points to as many bytes as its `struct_size` says.
unsafe fn read(context: *const freesmtp_context) -> freesmtp_context {
    let mut known = NOTHING;
    if context.is_null() {
        return known;
    }
    // SAFETY: not NULL; the first field is there in every version.
    let size = unsafe { (*context).struct_size }.min(size_of::<freesmtp_context>());
    // SAFETY: both have that many bytes, and any bytes of C's field types are valid in ours.
    unsafe { ptr::copy_nonoverlapping(context.cast::<c_void>(), (&raw mut known).cast(), size) };
    known
}

/// # Safety
/// `lines` is NULL, or points to `count` texts.
unsafe fn lines(lines: *const *const c_char, count: usize) -> Result<Vec<String>, Error> {
    let count = if lines.is_null() { 0 } else { count };
    // SAFETY: below `count`, as the caller promises.
    (0..count).map(|at| unsafe { text(*lines.add(at), "context.offered").map(str::to_owned) }).collect()
}
