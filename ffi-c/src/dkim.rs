//! DKIM signatures (RFC 6376).

use std::{
    ffi::{c_char, c_int},
    ptr,
};

use freesmtp_core::message::{DkimSigner, dkim::Canonicalization};

use crate::{
    error::freesmtp_error,
    guard,
    message::freesmtp_message,
    server::no_value,
    strings::{give_text, optional, optional_n, text, text_n, texts, texts_n},
};

/// One signature: whose it is, the key, and what it covers.
#[derive(Clone)]
pub struct freesmtp_signer(DkimSigner);

/// A signer with relaxed canonicalization over all headers that readers show. The DNS of the domain has the public key at
/// `selector._domainkey.domain`. `key` is PEM text: PKCS#1, or PKCS#8 with an RSA or an Ed25519 key; or the 32 bytes of
/// an Ed25519 key in base64. `*signer` is owned: `freesmtp_signer_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_new(
    domain: *const c_char,
    selector: *const c_char,
    key: *const c_char,
    signer: Option<&mut *mut freesmtp_signer>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = guard::handle(signer, "signer")?;
        *signer = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let (domain, selector, key) =
            unsafe { (text(domain, "domain")?, text(selector, "selector")?, text(key, "key")?) };
        *signer = Box::into_raw(Box::new(freesmtp_signer(DkimSigner::new(domain, selector, key)?)));
        Ok(())
    })
}

/// The same with the texts' sizes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_new_n(
    domain: *const c_char,
    domain_size: usize,
    selector: *const c_char,
    selector_size: usize,
    key: *const c_char,
    key_size: usize,
    signer: Option<&mut *mut freesmtp_signer>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = guard::handle(signer, "signer")?;
        *signer = ptr::null_mut();
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let (domain, selector, key) = unsafe {
            (
                text_n(domain, domain_size, "domain")?,
                text_n(selector, selector_size, "selector")?,
                text_n(key, key_size, "key")?,
            )
        };
        *signer = Box::into_raw(Box::new(freesmtp_signer(DkimSigner::new(domain, selector, key)?)));
        Ok(())
    })
}

/// A copy with settings of its own. Owned: `freesmtp_signer_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_clone(signer: Option<&freesmtp_signer>) -> Option<Box<freesmtp_signer>> {
    guard::value(None, || signer.cloned().map(Box::new))
}

/// Lets go of it. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_free(signer: Option<Box<freesmtp_signer>>) {
    guard::value((), || drop(signer));
}

/// Sets on whose behalf it signs (`i=`): `local@domain` or `@domain`, in the domain or under it; NULL, the default: not
/// said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_set_identity(
    signer: Option<&mut freesmtp_signer>,
    identity: *const c_char,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        // SAFETY: rule 2 of the header: NULL, or NUL-terminated.
        let identity = unsafe { optional(identity, "identity") }?;
        signer.identity = identity.map(str::to_owned);
        Ok(())
    })
}

/// The same with the text's size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_set_identity_n(
    signer: Option<&mut freesmtp_signer>,
    identity: *const c_char,
    identity_size: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        // SAFETY: rule 2 of the header: NULL, or that many bytes.
        let identity = unsafe { optional_n(identity, identity_size, "identity") }?;
        signer.identity = identity.map(str::to_owned);
        Ok(())
    })
}

/// Sets after how many seconds the signature is void (`x=`); 0, the default: never.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_set_expires_after(
    signer: Option<&mut freesmtp_signer>,
    seconds: u32,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        guard::handle(signer, "signer")?.0.expires_after = Some(seconds).filter(|seconds| *seconds > 0);
        Ok(())
    })
}

/// Sets how much may change on the way without breaking the signature: values of `enum freesmtp_canonicalization`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_set_canonicalization(
    signer: Option<&mut freesmtp_signer>,
    header: c_int,
    body: c_int,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        let value = |number: c_int| {
            let known = u8::try_from(number).ok().and_then(Canonicalization::from_number);
            known.ok_or_else(|| no_value("Canonicalization", number, "freesmtp_canonicalization"))
        };
        (signer.header_canonicalization, signer.body_canonicalization) = (value(header)?, value(body)?);
        Ok(())
    })
}

/// How many names of headers are signed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_header_count(signer: Option<&freesmtp_signer>) -> usize {
    guard::value(0, || signer.map_or(0, |it| it.0.headers.len()))
}

/// The name at `index`, counted from 0; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_header(
    signer: Option<&freesmtp_signer>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(signer.and_then(|it| it.0.headers.get(index)).map(String::as_str), size)
    })
}

/// Sets the headers to sign, `count` names, each signed as often as it occurs; `From` has to be among them. At first they
/// are all that readers show, answer to or act on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_set_headers(
    signer: Option<&mut freesmtp_signer>,
    names: *const *const c_char,
    count: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        // SAFETY: rule 2 of the header: NULL, or `count` texts that are NUL-terminated.
        signer.headers = unsafe { texts(names, count, "names") }?;
        Ok(())
    })
}

/// The same with the texts' sizes: `count` of them too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_set_headers_n(
    signer: Option<&mut freesmtp_signer>,
    names: *const *const c_char,
    sizes: *const usize,
    count: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        // SAFETY: rule 2 of the header: NULL, or `count` texts of those sizes.
        signer.headers = unsafe { texts_n(names, sizes, count, "names") }?;
        Ok(())
    })
}

/// How many headers are over-signed.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_oversigned_count(signer: Option<&freesmtp_signer>) -> usize {
    guard::value(0, || signer.map_or(0, |it| it.0.oversigned.len()))
}

/// The name at `index`, counted from 0; NULL behind the last. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_oversigned(
    signer: Option<&freesmtp_signer>,
    index: usize,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || {
        give_text(signer.and_then(|it| it.0.oversigned.get(index)).map(String::as_str), size)
    })
}

/// Sets the headers that nobody can add later without breaking the signature, `count` names (RFC 6376 section 8.15). At
/// first they are those of which readers would show the added one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_set_oversigned(
    signer: Option<&mut freesmtp_signer>,
    names: *const *const c_char,
    count: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        // SAFETY: rule 2 of the header: NULL, or `count` texts that are NUL-terminated.
        signer.oversigned = unsafe { texts(names, count, "names") }?;
        Ok(())
    })
}

/// The same with the texts' sizes: `count` of them too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freesmtp_signer_set_oversigned_n(
    signer: Option<&mut freesmtp_signer>,
    names: *const *const c_char,
    sizes: *const usize,
    count: usize,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = &mut guard::handle(signer, "signer")?.0;
        // SAFETY: rule 2 of the header: NULL, or `count` texts of those sizes.
        signer.oversigned = unsafe { texts_n(names, sizes, count, "names") }?;
        Ok(())
    })
}

/// Signs the message with a copy of the signer; the first one added is outermost.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_add_signer(
    message: Option<&mut freesmtp_message>,
    signer: Option<&freesmtp_signer>,
) -> Option<Box<freesmtp_error>> {
    guard::attempt(|| {
        let signer = guard::handle(signer, "signer")?.0.clone();
        guard::handle(message, "message")?.0.dkim.push(signer);
        Ok(())
    })
}

/// The domain that signs (`d=`), in ASCII. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_domain(
    signer: Option<&freesmtp_signer>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(signer.map(|it| it.0.domain()), size))
}

/// Which of the domain's keys it is (`s=`). Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_selector(
    signer: Option<&freesmtp_signer>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(signer.map(|it| it.0.selector()), size))
}

/// What the key signs with (`a=`): `rsa-sha256` or `ed25519-sha256`. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_algorithm(
    signer: Option<&freesmtp_signer>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(signer.map(|it| it.0.algorithm()), size))
}

/// On whose behalf it signs (`i=`); NULL when it is not said. Owned.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_identity(
    signer: Option<&freesmtp_signer>,
    size: Option<&mut usize>,
) -> *mut c_char {
    guard::value(ptr::null_mut(), || give_text(signer.and_then(|it| it.0.identity.as_deref()), size))
}

/// After how many seconds the signature is void (`x=`); 0: never.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_expires_after(signer: Option<&freesmtp_signer>) -> u32 {
    guard::value(0, || signer.map_or(0, |it| it.0.expires_after.unwrap_or(0)))
}

/// How much of the headers may change on the way.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_header_canonicalization(signer: Option<&freesmtp_signer>) -> c_int {
    guard::value(0, || signer.map_or(0, |it| it.0.header_canonicalization.number().into()))
}

/// How much of the body may change on the way.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_signer_body_canonicalization(signer: Option<&freesmtp_signer>) -> c_int {
    guard::value(0, || signer.map_or(0, |it| it.0.body_canonicalization.number().into()))
}

/// How many signatures are added.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_signer_count(message: Option<&freesmtp_message>) -> usize {
    guard::value(0, || message.map_or(0, |it| it.0.dkim.len()))
}

/// A copy of the signer at `index`, counted from 0; NULL behind the last. Owned: `freesmtp_signer_free`.
#[unsafe(no_mangle)]
pub extern "C" fn freesmtp_message_signer(
    message: Option<&freesmtp_message>,
    index: usize,
) -> Option<Box<freesmtp_signer>> {
    guard::value(None, || Some(Box::new(freesmtp_signer(message?.0.dkim.get(index)?.clone()))))
}
