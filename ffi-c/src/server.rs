//! One server of an SMTP object: where it is, how it is protected, who logs in.

use std::{
    ffi::{c_char, c_int},
    net::IpAddr,
    ptr,
    time::Duration,
};

use freesmtp_core::{Error, Server};

pub mod login;
pub mod tls;
pub mod token;

use crate::{
    error::freesmtp_error,
    guard,
    strings::{give_text, text, text_n},
};

/// Where to send, and how. A value: `freesmtp_smtp_add_server` copies it.
#[derive(Clone, Default)]
pub struct freesmtp_server(pub(crate) Server);

/// A server without a name, everything else at its default. Owned: `freesmtp_server_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_new() -> Option<Box<freesmtp_server>> {
    guard::value(None, || Some(Box::default()))
}

/// A server from a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
/// `*server` is owned: `freesmtp_server_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_parse(
    url: *const c_char,
    server: Option<&mut *mut freesmtp_server>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        parse(unsafe { text(url, "url") }, server)
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_parse_n(
    url: *const c_char,
    url_size: usize,
    server: Option<&mut *mut freesmtp_server>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        parse(unsafe { text_n(url, url_size, "url") }, server)
    })
}

fn parse(url: Result<&str, Error>, server: Option<&mut *mut freesmtp_server>) -> Result<(), Error> {
    let server = guard::handle(server, "server")?;
    *server = ptr::null_mut();
    *server = Box::into_raw(Box::new(freesmtp_server(Server::parse(url?)?)));
    Ok(())
}

/// A copy with settings of its own. Owned: `freesmtp_server_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_clone(server: Option<&freesmtp_server>) -> Option<Box<freesmtp_server>> {
    guard::value(None, || server.cloned().map(Box::new))
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_free(server: Option<Box<freesmtp_server>>) {
    guard::value((), || drop(server));
}

/// Sets the host name or address literal: `mail.example.com`, `192.0.2.1`, `::1`; or the path of a Unix-domain socket:
/// `unix:/run/dovecot/lmtp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_name(
    server: Option<&mut freesmtp_server>,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        name.clone_into(&mut server.name);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_name_n(
    server: Option<&mut freesmtp_server>,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { text_n(name, name_size, "name") }?;
        name.clone_into(&mut server.name);
        Ok(())
    })
}

/// Sets the TCP port; 0, the default, means 465 for implicit TLS, 587 when an account is set, else 25.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_port(
    server: Option<&mut freesmtp_server>,
    port: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.port = u16::try_from(port)
            .map_err(|_| Error::input("Port", format!("{port} is no port; give a number from 1 to 65535")))?;
        Ok(())
    })
}

/// The server speaks LMTP (RFC 2033), as mailbox servers do: it answers for each recipient after the message.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_lmtp(
    server: Option<&mut freesmtp_server>,
    lmtp: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(server, "server")?.0.lmtp = lmtp;
        Ok(())
    })
}

/// Sets the limit for each phase in seconds, in place of those of the SMTP object.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_timeout(
    server: Option<&mut freesmtp_server>,
    seconds: f64,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.timeout = Some(duration(seconds, "Timeout")?);
        Ok(())
    })
}

/// Sets the proxy that connects to the server, and looks its name up: `socks5://user:password@host:1080`,
/// `socks5h://host`, `http://host:3128`; empty for none. User and password are percent-encoded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_proxy(
    server: Option<&mut freesmtp_server>,
    url: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let url = unsafe { text(url, "url") }?;
        server.proxy = if url.is_empty() { None } else { Some(url.parse()?) };
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_proxy_n(
    server: Option<&mut freesmtp_server>,
    url: *const c_char,
    url_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let url = unsafe { text_n(url, url_size, "url") }?;
        server.proxy = if url.is_empty() { None } else { Some(url.parse()?) };
        Ok(())
    })
}

/// Sets the local address to connect from; empty for any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_local_end_point(
    server: Option<&mut freesmtp_server>,
    address: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let address = unsafe { text(address, "address") }?;
        server.local_end_point = match address {
            "" => None,
            address => Some(address.parse::<IpAddr>().map_err(|_| {
                Error::input("LocalEndPoint", format!("{address:?} is no address such as 192.0.2.1"))
            })?),
        };
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_local_end_point_n(
    server: Option<&mut freesmtp_server>,
    address: *const c_char,
    address_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let address = unsafe { text_n(address, address_size, "address") }?;
        server.local_end_point = match address {
            "" => None,
            address => Some(address.parse::<IpAddr>().map_err(|_| {
                Error::input("LocalEndPoint", format!("{address:?} is no address such as 192.0.2.1"))
            })?),
        };
        Ok(())
    })
}

/// Adds an EHLO keyword to ignore, for a server that offers what it can't do: `PIPELINING`, `SIZE` …
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_add_disabled_extension(
    server: Option<&mut freesmtp_server>,
    keyword: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let keyword = unsafe { text(keyword, "keyword") }?;
        server.disabled_extensions.push(keyword.to_owned());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_add_disabled_extension_n(
    server: Option<&mut freesmtp_server>,
    keyword: *const c_char,
    keyword_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let keyword = unsafe { text_n(keyword, keyword_size, "keyword") }?;
        server.disabled_extensions.push(keyword.to_owned());
        Ok(())
    })
}

/// The host name. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_name(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(server.map(|it| it.0.name.as_str()), size))
}

/// The port as set; 0 for the default.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_port(server: Option<&freesmtp_server>) -> c_int {
    guard::value(0, || server.map_or(0, |it| it.0.port.into()))
}

/// Whether the server speaks LMTP.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_lmtp(server: Option<&freesmtp_server>) -> bool {
    guard::value(false, || server.is_some_and(|it| it.0.lmtp))
}

/// The port in use: as set, else by security and account.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_effective_port(server: Option<&freesmtp_server>) -> c_int {
    guard::value(0, || server.map_or(0, |it| it.0.effective_port().into()))
}

/// The limit for each phase in seconds; -1 when those of the SMTP object hold.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_timeout(server: Option<&freesmtp_server>) -> f64 {
    guard::value(-1.0, || server.map_or(-1.0, |it| it.0.timeout.map_or(-1.0, |limit| limit.as_secs_f64())))
}

/// The URL of the proxy, password included; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_proxy(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(server.and_then(|it| Some(it.0.proxy.as_ref()?.url())).as_deref(), size)
    })
}

/// The local address to connect from; NULL for any. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_local_end_point(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(server.and_then(|it| Some(it.0.local_end_point?.to_string())).as_deref(), size)
    })
}

/// How many EHLO keywords are ignored.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_disabled_extension_count(server: Option<&freesmtp_server>) -> usize {
    guard::value(0, || server.map_or(0, |it| it.0.disabled_extensions.len()))
}

/// The keyword at `index`, counted from 0; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_disabled_extension(
    server: Option<&freesmtp_server>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(server.and_then(|it| it.0.disabled_extensions.get(index).map(String::as_str)), size)
    })
}

/// A time in seconds.
pub(crate) fn duration(seconds: f64, field: &str) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::input(field, format!("{seconds} is no time; give seconds above zero")))
}

/// A number that no value of the enum has.
pub(crate) fn no_value(field: &str, number: c_int, name: &str) -> Error {
    Error::input(field, format!("{number} is no value of enum {name}"))
}
