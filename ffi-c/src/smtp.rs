//! The SMTP object: servers, log, send.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{Error, Report, Smtp, message::BodyPartFormat, smtp::Server};

pub mod agent;
pub mod blast;
pub mod bulk;
pub mod connection;
pub mod events;
pub mod limits;
pub mod log;
pub mod merge;
pub mod observers;
pub mod spool;
pub mod timeouts;

use crate::{
    cancel::freesmtp_cancel,
    error::freesmtp_error,
    guard,
    list::out_of_range,
    message::freesmtp_message,
    report::freesmtp_report,
    server::{freesmtp_server, no_value},
    strings::{give_text, optional, text, text_n},
};

/// Sends messages to the first of its servers that takes them, and keeps its connection for the next message.
#[derive(Clone, Default)]
pub struct freesmtp_smtp(
    pub(crate) Smtp,
    /// What was wrong with the server of `freesmtp_smtp_new`: the first operation that needs one says so.
    Option<Error>,
);

impl freesmtp_smtp {
    /// The object, for an operation that needs its servers.
    pub(crate) fn ready(&self) -> Result<&Smtp, Error> {
        self.1.clone().map_or(Ok(&self.0), Err)
    }
}

/// An SMTP object with one server: a host name, `host:port`, or a URL such as `smtps://user:password@host:465`;
/// without servers when `server` is NULL. A server that is none of these is reported by the first operation that
/// needs it (`freesmtp_smtp_add_url` reports at once). Owned: `freesmtp_smtp_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_new(server: *const c_char) -> Option<Box<freesmtp_smtp>> {
    guard::value(None, || {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let made = unsafe { optional(server, "server") }.and_then(|server| server.map(Smtp::new).transpose());
        Some(Box::new(match made {
            Ok(smtp) => freesmtp_smtp(smtp.unwrap_or_default(), None),
            Err(error) => freesmtp_smtp(Smtp::default(), Some(error)),
        }))
    })
}

/// A copy with settings of its own that shares the kept connections: cheap, and one for each thread where threads
/// change settings. Owned: `freesmtp_smtp_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_clone(smtp: Option<&freesmtp_smtp>) -> Option<Box<freesmtp_smtp>> {
    guard::value(None, || smtp.cloned().map(Box::new))
}

/// Lets go of it. The last copy ends the kept connections with QUIT, without waiting for the answer. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_free(smtp: Option<Box<freesmtp_smtp>>) {
    guard::value((), || drop(smtp));
}

/// Adds a server: a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_add_url(
    smtp: Option<&mut freesmtp_smtp>,
    server: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let server = unsafe { text(server, "server") }?;
        smtp.servers_mut().push(Server::parse(server)?);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_add_url_n(
    smtp: Option<&mut freesmtp_smtp>,
    server: *const c_char,
    server_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let server = unsafe { text_n(server, server_size, "server") }?;
        smtp.servers_mut().push(Server::parse(server)?);
        Ok(())
    })
}

/// Adds a copy of `server`: servers are tried in order, the next one on a failure before the message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_add_server(
    smtp: Option<&mut freesmtp_smtp>,
    server: Option<&freesmtp_server>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = guard::handle(server, "server")?.0.clone();
        guard::handle(smtp, "smtp")?.0.servers_mut().push(server);
        Ok(())
    })
}

/// How many servers there are.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_server_count(smtp: Option<&freesmtp_smtp>) -> usize {
    guard::value(0, || smtp.map_or(0, |it| it.0.servers().len()))
}

/// A copy of the server at `index`, counted from 0; NULL behind the last. Owned: `freesmtp_server_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_server(
    smtp: Option<&freesmtp_smtp>,
    index: usize,
) -> Option<Box<freesmtp_server>> {
    guard::value(None, || {
        let server = smtp?.0.servers().get(index)?;
        Some(Box::new(freesmtp_server(server.clone())))
    })
}

/// Puts a copy of `server` in place of the one at `index`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_replace_server(
    smtp: Option<&mut freesmtp_smtp>,
    index: usize,
    server: Option<&freesmtp_server>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = guard::handle(server, "server")?.0.clone();
        let servers = guard::handle(smtp, "smtp")?.0.servers_mut();
        let count = servers.len();
        *servers.get_mut(index).ok_or_else(|| out_of_range(index, count))? = server;
        Ok(())
    })
}

/// Removes the server at `index`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_remove_server(
    smtp: Option<&mut freesmtp_smtp>,
    index: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let servers = guard::handle(smtp, "smtp")?.0.servers_mut();
        if index >= servers.len() {
            return Err(out_of_range(index, servers.len()));
        }
        servers.remove(index);
        Ok(())
    })
}

/// Appends the conversation to a file from now on, secrets removed; an empty path ends it. Fails when the folder does
/// not exist. A log that can't be written later never stops a mail: it becomes a warning of the report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_log_file(
    smtp: Option<&mut freesmtp_smtp>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let path = unsafe { text(path, "path") }?;
        smtp.set_log_file(path)?;
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_log_file_n(
    smtp: Option<&mut freesmtp_smtp>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let path = unsafe { text_n(path, path_size, "path") }?;
        smtp.set_log_file(path)?;
        Ok(())
    })
}

/// Sets the name given in EHLO (RFC 5321 section 4.1.1.1): a host name or an address literal; empty, the default,
/// for the host's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_default_domain(
    smtp: Option<&mut freesmtp_smtp>,
    domain: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let domain = unsafe { text(domain, "domain") }?;
        smtp.set_default_domain(domain)?;
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_smtp_set_default_domain_n(
    smtp: Option<&mut freesmtp_smtp>,
    domain: *const c_char,
    domain_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let smtp = &mut guard::handle(smtp, "smtp")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let domain = unsafe { text_n(domain, domain_size, "domain") }?;
        smtp.set_default_domain(domain)?;
        Ok(())
    })
}

/// Sets whether nothing is sent when one recipient is refused; else, the default, the others get the message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_set_all_or_nothing(
    smtp: Option<&mut freesmtp_smtp>,
    all_or_nothing: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(smtp, "smtp")?.0.set_all_or_nothing(all_or_nothing);
        Ok(())
    })
}

/// The log's path; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_log_file(
    smtp: Option<&freesmtp_smtp>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(smtp.and_then(|it| it.0.log_file()?.to_str()), size))
}

/// The name given in EHLO; empty for the host's own. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_default_domain(
    smtp: Option<&freesmtp_smtp>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(smtp.map(|it| it.0.default_domain()), size))
}

/// Whether nothing is sent when one recipient is refused.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_all_or_nothing(smtp: Option<&freesmtp_smtp>) -> bool {
    guard::value(false, || smtp.is_some_and(|it| it.0.all_or_nothing()))
}

/// Sends a message: checked first, so that bad input reaches no server. NULL when at least one recipient was accepted;
/// the report lists all of them. `*report` is owned (`freesmtp_report_free`), and NULL after a failure; `report` itself
/// may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_send(
    smtp: Option<&freesmtp_smtp>,
    message: Option<&freesmtp_message>,
    report: Option<&mut *mut freesmtp_report>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        answer(report, || guard::handle(smtp, "smtp")?.ready()?.send(&guard::handle(message, "message")?.0))
    })
}

/// Sends a text to one recipient with the defaults of everything else: `server` as for `freesmtp_smtp_new`, `format` a
/// value of `enum freesmtp_body_part_format`, `report` as for `freesmtp_smtp_send`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_quick_send(
    server: *const c_char,
    recipient: *const c_char,
    from: *const c_char,
    subject: *const c_char,
    body: *const c_char,
    format: c_int,
    report: Option<&mut *mut freesmtp_report>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        answer(report, || {
            // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
            let server = unsafe { text(server, "server") }?;
            // SAFETY: the same.
            let (recipient, from) = unsafe { (text(recipient, "recipient")?, text(from, "from")?) };
            // SAFETY: the same.
            let (subject, body) = unsafe { (text(subject, "subject")?, text(body, "body")?) };
            let known = u8::try_from(format).ok().and_then(BodyPartFormat::from_number);
            let format = known.ok_or_else(|| no_value("Format", format, "freesmtp_body_part_format"))?;
            Smtp::quick_send(server, recipient, from, subject, body, format)
        })
    })
}

/// Forgets the servers, the log and all settings, and ends the kept connections.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_reset(smtp: Option<&mut freesmtp_smtp>) {
    guard::value((), || {
        if let Some(smtp) = smtp {
            smtp.0.reset();
            smtp.1 = None;
        }
    });
}

/// Like `freesmtp_smtp_send`, and `cancel` ends it from another thread.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_smtp_send_with(
    smtp: Option<&freesmtp_smtp>,
    message: Option<&freesmtp_message>,
    cancel: Option<&freesmtp_cancel>,
    report: Option<&mut *mut freesmtp_report>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        answer(report, || {
            let smtp = guard::handle(smtp, "smtp")?.ready()?;
            smtp.send_with(&guard::handle(message, "message")?.0, &guard::handle(cancel, "cancel")?.0)
        })
    })
}

/// Sends, and hands over the report where it is wanted; NULL there until it has succeeded.
fn answer(
    mut wanted: Option<&mut *mut freesmtp_report>,
    send: impl FnOnce() -> Result<Report, Error>,
) -> Result<(), Error> {
    if let Some(wanted) = wanted.as_deref_mut() {
        *wanted = ptr::null_mut();
    }
    let report = send()?;
    if let Some(wanted) = wanted {
        *wanted = Box::into_raw(freesmtp_report::boxed(&report));
    }
    Ok(())
}
