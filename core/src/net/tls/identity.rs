//! The files of the settings: authorities to trust, and the client's certificate with its key.

use std::{fs, path::Path};

use native_tls::{Certificate, Identity};
use zeroize::Zeroizing;

use super::TlsOptions;
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Secret, Stage, shown_path},
};

const BEGIN: &[u8] = b"-----BEGIN ";
const BEGIN_KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----";

/// The authorities that the settings name besides those of the system.
pub(super) fn authorities(options: &TlsOptions) -> Result<Vec<Certificate>, Error> {
    let mut trusted = Vec::new();
    if let Some(path) = &options.ca_file {
        let pem = read(path, "CaFile")?;
        trusted.extend(stack(&pem).map_err(|what| unusable(path, "CaFile", &what))?);
    }
    if let Some(pem) = &options.ca_pem {
        trusted.extend(stack(pem).map_err(|what| Error::input("CaPem", what))?);
    }
    Ok(trusted)
}

/// Every certificate of a PEM text; at least one.
fn stack(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    match Certificate::stack_from_pem(pem) {
        Ok(certificates) if certificates.is_empty() => Err("holds no PEM certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(source) => Err(format!("holds no PEM certificate: {source}")),
    }
}

/// The client's certificate and key: from two PEM files, from one, or from PKCS#12.
pub(super) fn identity(certificate: &Path, options: &TlsOptions) -> Result<Identity, Error> {
    const FIELD: &str = "ClientCertificate";
    let key = options.client_key.as_deref();
    let chain = read(certificate, FIELD)?;
    let is_pem = chain.windows(BEGIN.len()).any(|window| window == BEGIN);
    if !is_pem && key.is_none() {
        return pkcs12(certificate, &chain, &options.client_certificate_password);
    }
    let certificates = Certificate::stack_from_pem(&chain).unwrap_or_default();
    if certificates.is_empty() {
        return Err(unusable(certificate, FIELD, "holds no PEM certificate"));
    }
    let (path, field) = key.map_or((certificate, FIELD), |key| (key, "ClientKey"));
    let pem = match key {
        Some(key) => read(key, field)?,
        None => chain.clone(),
    };
    let key = private_key(&pem).ok_or_else(|| {
        unusable(
            path,
            field,
            "holds no private key in PKCS#8 (\"BEGIN PRIVATE KEY\"); `openssl pkcs8 -topk8 -nocrypt` makes one of others",
        )
    })?;
    Identity::from_pkcs8(&chain, key)
        .map_err(|source| unusable(path, field, &format!("is no key for the certificate: {source}")))
}

fn pkcs12(path: &Path, bytes: &[u8], password: &Secret) -> Result<Identity, Error> {
    Identity::from_pkcs12(bytes, password.expose()).map_err(|source| {
        let said = source.to_string();
        // The libraries tell a wrong password from a broken file in words only: OpenSSL's, Apple's, Windows'.
        let wrong = ["mac verify", "maybe wrong password", "password"]
            .iter()
            .any(|w| said.to_lowercase().contains(w));
        match (wrong, password.is_empty()) {
            (true, true) => {
                unusable(path, "ClientCertificatePassword", "is PKCS#12 with a password: set it too")
            }
            (true, false) => unusable(path, "ClientCertificatePassword", "is PKCS#12 with another password"),
            (false, _) => unusable(path, "ClientCertificate", &format!("is neither PEM nor PKCS#12: {said}")),
        }
    })
}

/// A key that does not fit is found out by OpenSSL only when both are used together.
pub(super) fn mismatch(certificate: &Path, options: &TlsOptions) -> Error {
    let (path, field) = match &options.client_key {
        Some(key) => (key.as_path(), "ClientKey"),
        None => (certificate, "ClientCertificate"),
    };
    unusable(path, field, &format!("is not the key of {}", shown_path(certificate)))
}

/// The PKCS#8 key in a PEM file that may hold other things before it.
fn private_key(pem: &[u8]) -> Option<&[u8]> {
    pem.windows(BEGIN_KEY.len()).position(|window| window == BEGIN_KEY).map(|at| &pem[at..])
}

/// Bytes of a file that may hold a key, wiped when dropped.
fn read(path: &Path, field: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| unusable(path, field, &format!("could not be read: {source}; name a PEM file")))
}

fn unusable(path: &Path, field: &str, what: &str) -> Error {
    Error::new(ErrorKind::FileIo, Stage::Compose, format!("{} {what}", shown_path(path)))
        .with_field(field)
        .with_failure(Failure::FileFailed)
}
