//! How the connection to a server is protected.

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::{Secret, Security, smtp::MinTlsVersion};

use crate::{
    enums::freesmtp_min_tls_version as Tls,
    error::freesmtp_error,
    guard,
    server::{freesmtp_server, no_value},
    strings::{give_bytes, give_text, text, text_n},
};

/// Sets how the connection is protected: a value of `enum freesmtp_security`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_security(
    server: Option<&mut freesmtp_server>,
    security: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.security = Security::from_number(security.into())
            .ok_or_else(|| no_value("Security", security, "freesmtp_security"))?;
        Ok(())
    })
}

/// Sets a PEM file of authorities to trust besides those of the system; empty for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_ca_file(
    server: Option<&mut freesmtp_server>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let path = unsafe { text(path, "path") }?;
        server.ca_file = Some(path.into()).filter(|_| !path.is_empty());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_ca_file_n(
    server: Option<&mut freesmtp_server>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let path = unsafe { text_n(path, path_size, "path") }?;
        server.ca_file = Some(path.into()).filter(|_| !path.is_empty());
        Ok(())
    })
}

/// Sets authorities to trust besides those of the system, as the text of a PEM file; empty for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_ca_pem(
    server: Option<&mut freesmtp_server>,
    pem: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let pem = unsafe { text(pem, "pem") }?;
        server.ca_pem = Some(pem.as_bytes().to_vec()).filter(|_| !pem.is_empty());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_ca_pem_n(
    server: Option<&mut freesmtp_server>,
    pem: *const c_char,
    pem_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let pem = unsafe { text_n(pem, pem_size, "pem") }?;
        server.ca_pem = Some(pem.as_bytes().to_vec()).filter(|_| !pem.is_empty());
        Ok(())
    })
}

/// Sets the client certificate: a PEM file, with intermediate certificates behind it; or a PKCS#12 file. Empty
/// for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_client_certificate(
    server: Option<&mut freesmtp_server>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let path = unsafe { text(path, "path") }?;
        server.client_certificate = Some(path.into()).filter(|_| !path.is_empty());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_client_certificate_n(
    server: Option<&mut freesmtp_server>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let path = unsafe { text_n(path, path_size, "path") }?;
        server.client_certificate = Some(path.into()).filter(|_| !path.is_empty());
        Ok(())
    })
}

/// Sets the private key of the client certificate: a PEM file, PKCS#8, not encrypted; empty, the default, when it is
/// in the file of the certificate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_client_key(
    server: Option<&mut freesmtp_server>,
    path: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let path = unsafe { text(path, "path") }?;
        server.client_key = Some(path.into()).filter(|_| !path.is_empty());
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_client_key_n(
    server: Option<&mut freesmtp_server>,
    path: *const c_char,
    path_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let path = unsafe { text_n(path, path_size, "path") }?;
        server.client_key = Some(path.into()).filter(|_| !path.is_empty());
        Ok(())
    })
}

/// Sets the password of a PKCS#12 file set as client certificate; empty for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_client_certificate_password(
    server: Option<&mut freesmtp_server>,
    password: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let password = unsafe { text(password, "password") }?;
        server.client_certificate_password = Secret::new(password);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_client_certificate_password_n(
    server: Option<&mut freesmtp_server>,
    password: *const c_char,
    password_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let password = unsafe { text_n(password, password_size, "password") }?;
        server.client_certificate_password = Secret::new(password);
        Ok(())
    })
}

/// Adds a certificate that the server may have; without any, every valid one will do. SHA-256 in hexadecimal or base64:
/// `sha256/…` of the public key (RFC 7469), `cert-sha256:…` of the certificate, without a prefix either of them. A pin
/// replaces no other check, unless any certificate is taken otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_add_certificate_pin(
    server: Option<&mut freesmtp_server>,
    pin: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let pin = unsafe { text(pin, "pin") }?;
        server.certificate_pins.push(pin.parse()?);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_add_certificate_pin_n(
    server: Option<&mut freesmtp_server>,
    pin: *const c_char,
    pin_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let pin = unsafe { text_n(pin, pin_size, "pin") }?;
        server.certificate_pins.push(pin.parse()?);
        Ok(())
    })
}

/// Sets the name that the certificate must be for; empty, the default, means the server's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_tls_server_name(
    server: Option<&mut freesmtp_server>,
    name: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        name.clone_into(&mut server.tls_server_name);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_server_set_tls_server_name_n(
    server: Option<&mut freesmtp_server>,
    name: *const c_char,
    name_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let name = unsafe { text_n(name, name_size, "name") }?;
        name.clone_into(&mut server.tls_server_name);
        Ok(())
    })
}

/// Sets the oldest TLS version accepted: a value of `enum freesmtp_min_tls_version`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_min_tls_version(
    server: Option<&mut freesmtp_server>,
    version: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.min_tls_version = match version {
            _ if version == Tls::Tls10 as c_int => MinTlsVersion::Tls10,
            _ if version == Tls::Tls11 as c_int => MinTlsVersion::Tls11,
            _ if version == Tls::Tls12 as c_int => MinTlsVersion::Tls12,
            _ => return Err(no_value("MinTlsVersion", version, "freesmtp_min_tls_version")),
        };
        Ok(())
    })
}

/// Takes any certificate: whoever is on the way can read and change everything.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_danger_accept_invalid_certs(
    server: Option<&mut freesmtp_server>,
    accept: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.danger_accept_invalid_certs = accept;
        Ok(())
    })
}

/// Takes a certificate for any name: whoever has a certificate can be on the way.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_set_danger_accept_invalid_hostnames(
    server: Option<&mut freesmtp_server>,
    accept: bool,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let server = &mut guard::handle(server, "server")?.0;
        server.danger_accept_invalid_hostnames = accept;
        Ok(())
    })
}

/// How the connection is protected, as set.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_security(server: Option<&freesmtp_server>) -> c_int {
    guard::value(0, || server.map_or(0, |it| it.0.security as c_int))
}

/// How the connection is protected: as set, else by port, account and host; never `AUTO`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_effective_security(server: Option<&freesmtp_server>) -> c_int {
    guard::value(0, || server.map_or(0, |it| it.0.effective_security() as c_int))
}

/// The file of authorities; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_ca_file(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(server.and_then(|it| it.0.ca_file.as_ref()?.to_str()), size))
}

/// The file of the client certificate; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_client_certificate(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(server.and_then(|it| it.0.client_certificate.as_ref()?.to_str()), size)
    })
}

/// The file of its private key; NULL when there is none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_client_key(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(server.and_then(|it| it.0.client_key.as_ref()?.to_str()), size)
    })
}

/// The name that the certificate must be for; empty for the server's name. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_tls_server_name(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(server.map(|it| it.0.tls_server_name.as_str()), size))
}

/// The authorities given as the text of a PEM file; NULL when there are none. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_ca_pem(
    server: Option<&freesmtp_server>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_bytes(server.and_then(|it| it.0.ca_pem.as_deref()), size))
}

/// How many certificates it may have; 0 for any that is valid.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_certificate_pin_count(server: Option<&freesmtp_server>) -> usize {
    guard::value(0, || server.map_or(0, |it| it.0.certificate_pins.len()))
}

/// The pin at `index`, counted from 0; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_certificate_pin(
    server: Option<&freesmtp_server>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(server.and_then(|it| Some(it.0.certificate_pins.get(index)?.to_string())).as_deref(), size)
    })
}

/// The oldest TLS version accepted: a value of `enum freesmtp_min_tls_version`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_min_tls_version(server: Option<&freesmtp_server>) -> c_int {
    guard::value(0, || {
        server.map_or(0, |it| match it.0.min_tls_version {
            MinTlsVersion::Tls10 => Tls::Tls10 as c_int,
            MinTlsVersion::Tls11 => Tls::Tls11 as c_int,
            MinTlsVersion::Tls12 => Tls::Tls12 as c_int,
        })
    })
}

/// Whether any certificate is taken.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_danger_accept_invalid_certs(server: Option<&freesmtp_server>) -> bool {
    guard::value(false, || server.is_some_and(|it| it.0.danger_accept_invalid_certs))
}

/// Whether a certificate for any name is taken.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_server_danger_accept_invalid_hostnames(server: Option<&freesmtp_server>) -> bool {
    guard::value(false, || server.is_some_and(|it| it.0.danger_accept_invalid_hostnames))
}
