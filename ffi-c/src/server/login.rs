//! Who logs in to a server, and how.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::AuthMode;

use crate::{
    error::freesmtp_error,
    guard,
    server::{freesmtp_server, no_value},
    strings::{give_text, optional, optional_n, text, text_n},
};

/// Sets how to log in: a value of `enum freesmtp_auth_mode`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_auth_mode(
    server: Option<&mut freesmtp_server>,
    auth_mode: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.auth_mode = AuthMode::from_number(auth_mode.into())
            .ok_or_else(|| no_value("AuthMode", auth_mode, "freesmtp_auth_mode"))?;
        Ok(())
    })
}

/// Sets the user name; empty, the default, means no login.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_account(
    server: Option<&mut freesmtp_server>,
    account: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let account = unsafe { text(account, "account") }?;
        account.clone_into(&mut server.account);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_account_n(
    server: Option<&mut freesmtp_server>,
    account: *const c_char,
    account_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let account = unsafe { text_n(account, account_size, "account") }?;
        account.clone_into(&mut server.account);
        Ok(())
    })
}

/// Sets the password. It is wiped from memory when the server is let go, and never given back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_password(
    server: Option<&mut freesmtp_server>,
    password: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let password = unsafe { text(password, "password") }?;
        server.password = password.into();
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_password_n(
    server: Option<&mut freesmtp_server>,
    password: *const c_char,
    password_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let password = unsafe { text_n(password, password_size, "password") }?;
        server.password = password.into();
        Ok(())
    })
}

/// Sets the SASL mechanism to use with `FREESMTP_AUTH_MODE_SASL`; empty for the strongest offered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_sasl(
    server: Option<&mut freesmtp_server>,
    sasl: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let sasl = unsafe { text(sasl, "sasl") }?;
        sasl.clone_into(&mut server.sasl);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_sasl_n(
    server: Option<&mut freesmtp_server>,
    sasl: *const c_char,
    sasl_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let sasl = unsafe { text_n(sasl, sasl_size, "sasl") }?;
        sasl.clone_into(&mut server.sasl);
        Ok(())
    })
}

/// Sets whether password and token may be sent in clear text, where they can be read on the way.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_allow_plaintext_auth(
    server: Option<&mut freesmtp_server>,
    allow: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.allow_plaintext_auth = allow;
        Ok(())
    })
}

/// Sets the `AUTH=` parameter of MAIL (RFC 4954 section 5): the mailbox of whoever submitted the message first, empty
/// when nobody is known (`<>`); NULL, the default, sends no parameter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_mail_auth(
    server: Option<&mut freesmtp_server>,
    mailbox: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let mailbox = unsafe { optional(mailbox, "mailbox") }?;
        server.mail_auth = mailbox.map(str::to_owned);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_mail_auth_n(
    server: Option<&mut freesmtp_server>,
    mailbox: *const c_char,
    mailbox_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let mailbox = unsafe { optional_n(mailbox, mailbox_size, "mailbox") }?;
        server.mail_auth = mailbox.map(str::to_owned);
        Ok(())
    })
}

/// How to log in.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_auth_mode(server: Option<&freesmtp_server>) -> c_int {
    guard::value(0, || server.map_or(0, |it| it.0.auth_mode as c_int))
}

/// The user name. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_account(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(server.map(|it| it.0.account.as_str()), size))
}

/// The SASL mechanism. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_sasl(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(server.map(|it| it.0.sasl.as_str()), size))
}

/// The mailbox of the `AUTH=` parameter; NULL when none is sent. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_mail_auth(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(server.and_then(|it| it.0.mail_auth.as_deref()), size))
}

/// Whether password and token may go in clear text.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_allow_plaintext_auth(server: Option<&freesmtp_server>) -> bool {
    guard::value(false, || server.is_some_and(|it| it.0.allow_plaintext_auth))
}
