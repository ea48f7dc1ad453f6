//! TLS through the platform's own library and trust store, and what its failures mean.

mod certificate;
mod failure;
mod identity;
mod records;

use std::{fmt, path::PathBuf};

use native_tls::{HandshakeError, MidHandshakeTlsStream, Protocol, TlsStream};
use once_cell::sync::OnceCell;

pub(crate) use self::{
    certificate::Certificate,
    failure::{after_handshake, asks_for_certificate, with_certificate},
};
use super::{
    Socket,
    stream::{Heard, Tap},
};
use crate::{
    error::{Error, ErrorKind},
    types::{CertificatePin, Failure, Secret, Stage, TlsInfo},
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

    /// As it stands in a `ServerHello`.
    fn number(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
        }
    }

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

/// How the server's certificate is checked, and what the client shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) client_certificate_password: Secret,
    pub(crate) min_version: MinTlsVersion,
    pub(crate) pins: Vec<CertificatePin>,
    pub(crate) accept_invalid_certs: bool,
    pub(crate) accept_invalid_hostnames: bool,
}

impl TlsOptions {
    /// Whoever answers is taken, to find out who it is: nothing may be said to him.
    pub(crate) fn accept_anyone(&self) -> Self {
        Self {
            accept_invalid_certs: true,
            accept_invalid_hostnames: true,
            min_version: self.min_version,
            ..Self::default()
        }
    }
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

    /// Reads the files that the settings name, so that what is wrong with them is known before a server is asked.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        let TlsOptions { ca_file, ca_pem, client_certificate, .. } = &self.options;
        if ca_file.is_some() || ca_pem.is_some() || client_certificate.is_some() {
            self.built()?;
        }
        Ok(())
    }

    fn built(&self) -> Result<&native_tls::TlsConnector, Error> {
        self.built.get_or_try_init(|| build(&self.options))
    }

    /// Begins a handshake; `name` is what the certificate must be for.
    pub(crate) fn begin(&self, name: &str, socket: Socket) -> Result<Handshake, Error> {
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let tap = Tap::new(socket);
        let heard = tap.heard();
        let begun = self.built()?.connect(name, tap);
        self.classify(begun, &heard)
    }

    /// Goes on with a handshake after bytes came.
    pub(crate) fn resume(&self, mid: MidHandshakeTlsStream<Tap>) -> Result<Handshake, Error> {
        let heard = mid.get_ref().heard();
        self.classify(mid.handshake(), &heard)
    }

    fn classify(
        &self,
        result: Result<TlsStream<Tap>, HandshakeError<Tap>>,
        heard: &Heard,
    ) -> Result<Handshake, Error> {
        match result {
            Ok(stream) => Ok(Handshake::Done(stream)),
            Err(HandshakeError::WouldBlock(mid)) => Ok(Handshake::Wait(mid)),
            Err(HandshakeError::Failure(source)) => {
                Err(failure::handshake(&source, &heard.take(), &self.options))
            }
        }
    }

    /// What the new session is, once its certificate is one of the pinned ones, where there are pins.
    pub(crate) fn established(&self, stream: &mut TlsStream<Tap>) -> Result<TlsInfo, Error> {
        let clear = records::read(&stream.get_mut().end_of_handshake());
        let certificate = certificate_of(stream);
        if !self.options.pins.is_empty() {
            let unknown = || {
                let text = "the platform's TLS does not tell the server's certificate, so CertificatePins can't be checked";
                Error::new(ErrorKind::Tls, Stage::StartTls, text).with_failure(Failure::CertificateNotPinned)
            };
            let certificate = certificate.as_ref().ok_or_else(unknown)?;
            if !certificate.is_pinned(&self.options.pins) {
                return Err(failure::not_pinned(certificate));
            }
        }
        Ok(TlsInfo {
            version: clear.version.map(records::version_name),
            cipher: clear.cipher.map(records::cipher_name),
            certificate_subject: certificate.as_ref().and_then(Certificate::subject).map(str::to_owned),
            certificate_not_after: certificate.as_ref().and_then(Certificate::not_after),
        })
    }
}

/// The server's certificate, where the platform's TLS tells it.
pub(crate) fn certificate_of(stream: &TlsStream<Tap>) -> Option<Certificate> {
    let der = stream.peer_certificate().ok().flatten()?.to_der().ok()?;
    Some(Certificate::from_der(&der))
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
    for authority in identity::authorities(options)? {
        builder.add_root_certificate(authority);
    }
    if let Some(certificate) = &options.client_certificate {
        builder.identity(identity::identity(certificate, options)?);
    }
    builder.build().map_err(|source| match &options.client_certificate {
        Some(certificate) if source.to_string().contains("mismatch") => {
            identity::mismatch(certificate, options)
        }
        _ => {
            Error::new(ErrorKind::Tls, Stage::StartTls, format!("the platform's TLS can't be used: {source}"))
                .with_failure(Failure::TlsFailed)
        }
    })
}
