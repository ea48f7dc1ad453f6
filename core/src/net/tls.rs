//! TLS through the platform's own library and trust store, and what its failures mean.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use native_tls::{Certificate, HandshakeError, Identity, MidHandshakeTlsStream, Protocol, TlsStream};
use once_cell::sync::OnceCell;
use zeroize::Zeroizing;

use super::{Socket, stream::Tap};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, Stage},
};

/// The oldest TLS version accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinTlsVersion {
    /// TLS 1.0: only for servers that cannot be mended.
    Tls10,
    /// TLS 1.1: only for servers that cannot be mended.
    Tls11,
    /// TLS 1.2.
    #[default]
    Tls12,
}

impl MinTlsVersion {
    /// Every value, with its stable name: `1.0`, `1.1`, `1.2`.
    pub const ALL: [(MinTlsVersion, &'static str); 3] =
        [(Self::Tls10, "1.0"), (Self::Tls11, "1.1"), (Self::Tls12, "1.2")];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(version, _)| *version == self).map_or("1.2", |(_, name)| name)
    }
}

impl std::str::FromStr for MinTlsVersion {
    type Err = Error;

    /// Takes the version alone or with its protocol: `1.2`, `TLSv1.2`, `TLS 1.2`, in any case.
    fn from_str(s: &str) -> Result<Self, Error> {
        let lower = s.to_ascii_lowercase();
        let number =
            lower.strip_prefix("tls").map_or(lower.as_str(), |rest| rest.trim_start_matches(['v', ' ']));
        Self::ALL
            .into_iter()
            .find(|(_, name)| number == *name)
            .map(|(version, _)| version)
            .ok_or_else(|| Error::input("MinTlsVersion", "is one of 1.0, 1.1, 1.2"))
    }
}

/// How the server's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) min_version: MinTlsVersion,
    pub(crate) accept_invalid_certs: bool,
    pub(crate) accept_invalid_hostnames: bool,
}

/// A connector that is built once, when it is first needed: reading the trust store costs more than a whole session.
pub(crate) struct TlsConnector {
    options: TlsOptions,
    built: OnceCell<native_tls::TlsConnector>,
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConnector")
    }
}

/// A handshake under way.
pub(crate) enum Handshake {
    Done(TlsStream<Tap>),
    /// More bytes of the peer are needed.
    Wait(MidHandshakeTlsStream<Tap>),
}

impl TlsConnector {
    pub(crate) fn new(options: TlsOptions) -> Self {
        Self { options, built: OnceCell::new() }
    }

    pub(crate) fn options(&self) -> &TlsOptions {
        &self.options
    }

    /// Begins a handshake; `name` is what the certificate must be for.
    pub(crate) fn begin(&self, name: &str, socket: Socket) -> Result<Handshake, Error> {
        let connector = self.built.get_or_try_init(|| build(&self.options))?;
        classify(connector.connect(name.trim_start_matches('[').trim_end_matches(']'), Tap::new(socket)))
    }
}

/// Goes on with a handshake after bytes came.
pub(crate) fn resume(mid: MidHandshakeTlsStream<Tap>) -> Result<Handshake, Error> {
    // What the peer spoke first tells plain text from TLS on every platform; the libraries' own words do not.
    let heard = mid.get_ref().heard();
    let plain = heard.len() >= 4 && heard.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    classify(mid.handshake()).map_err(|error| if plain { plain_text(&error) } else { error })
}

fn classify(result: Result<TlsStream<Tap>, HandshakeError<Tap>>) -> Result<Handshake, Error> {
    match result {
        Ok(stream) => Ok(Handshake::Done(stream)),
        Err(HandshakeError::WouldBlock(mid)) => Ok(Handshake::Wait(mid)),
        Err(HandshakeError::Failure(source)) => Err(failed(&source)),
    }
}

fn build(options: &TlsOptions) -> Result<native_tls::TlsConnector, Error> {
    let mut builder = native_tls::TlsConnector::builder();
    builder
        .min_protocol_version(Some(match options.min_version {
            MinTlsVersion::Tls10 => Protocol::Tlsv10,
            MinTlsVersion::Tls11 => Protocol::Tlsv11,
            MinTlsVersion::Tls12 => Protocol::Tlsv12,
        }))
        .danger_accept_invalid_certs(options.accept_invalid_certs)
        .danger_accept_invalid_hostnames(options.accept_invalid_hostnames);
    if let Some(path) = &options.ca_file {
        let pem = read(path, "CaFile")?;
        let mut certificates = Certificate::stack_from_pem(&pem)
            .map_err(|source| unusable(path, "CaFile", &format!("holds no PEM certificate: {source}")))?
            .into_iter()
            .peekable();
        if certificates.peek().is_none() {
            return Err(unusable(path, "CaFile", "holds no PEM certificate"));
        }
        certificates.for_each(|certificate| {
            builder.add_root_certificate(certificate);
        });
    }
    if let Some(certificate) = &options.client_certificate {
        builder.identity(identity(certificate, options.client_key.as_deref())?);
    }
    builder.build().map_err(|source| {
        if let (Some(certificate), true) =
            (&options.client_certificate, source.to_string().contains("mismatch"))
        {
            // OpenSSL compares the two only here.
            let (path, field) = match &options.client_key {
                Some(key) => (key, "ClientKey"),
                None => (certificate, "ClientCertificate"),
            };
            return unusable(path, field, &format!("is not the key of {}", certificate.display()));
        }
        Error::new(ErrorKind::Tls, Stage::StartTls, format!("the platform's TLS can't be used: {source}"))
            .with_failure(Failure::TlsFailed)
    })
}

/// The client's certificate and key, from two PEM files, from one, or from PKCS#12.
fn identity(certificate: &Path, key: Option<&Path>) -> Result<Identity, Error> {
    const FIELD: &str = "ClientCertificate";
    let chain = read(certificate, FIELD)?;
    let is_pem = chain.windows(BEGIN.len()).any(|window| window == BEGIN);
    if !is_pem && key.is_none() {
        return Identity::from_pkcs12(&chain, "").map_err(|source| {
            let what = format!("is neither PEM nor PKCS#12 without password: {source}");
            unusable(certificate, FIELD, &what)
        });
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

const BEGIN: &[u8] = b"-----BEGIN ";

/// The PKCS#8 key in a PEM file that may hold other things before it.
fn private_key(pem: &[u8]) -> Option<&[u8]> {
    let begin = b"-----BEGIN PRIVATE KEY-----";
    pem.windows(begin.len()).position(|window| window == begin).map(|at| &pem[at..])
}

/// Bytes of a file that may hold a key, wiped when dropped.
fn read(path: &Path, field: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| unusable(path, field, &format!("could not be read: {source}; name a PEM file")))
}

fn unusable(path: &Path, field: &str, what: &str) -> Error {
    Error::new(ErrorKind::FileIo, Stage::Compose, format!("{} {what}", path.display()))
        .with_field(field)
        .with_failure(Failure::FileFailed)
}

fn plain_text(error: &Error) -> Error {
    Error::new(
        ErrorKind::Tls,
        Stage::StartTls,
        format!("the server answered the TLS handshake in plain text ({})", error.message()),
    )
    .with_failure(Failure::TlsOnPlainPort)
}

/// Which check failed. The libraries give no code through the common interface, so their words are read; what
/// they say stays in the message, whether it is understood or not.
fn failed(source: &native_tls::Error) -> Error {
    let text = source.to_string();
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let failure = if says(&["wrong version number", "http request", "packet length too long"]) {
        Failure::TlsOnPlainPort
    } else if says(&["expired", "not yet valid", "validity period"]) {
        Failure::CertificateExpired
    } else if says(&[
        "hostname mismatch",
        "ip address mismatch",
        "host name",
        "cn name",
        "name does not match",
    ]) {
        Failure::CertificateWrongName
    } else if says(&[
        "self-signed",
        "self signed",
        "local issuer",
        "not trusted",
        "untrusted",
        "unable to verify",
    ]) {
        Failure::CertificateUntrusted
    } else {
        Failure::TlsFailed
    };
    Error::new(ErrorKind::Tls, Stage::StartTls, format!("the TLS handshake failed: {text}"))
        .with_failure(failure)
        .with_temporary(lower.contains("unexpected eof") || is_io(source))
}

/// Whether the connection broke, so that a second try may bring more.
fn is_io(source: &native_tls::Error) -> bool {
    let mut cause = std::error::Error::source(source);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}
