//! What a failed handshake means.
//!
//! First counts what the server said in clear: it is the same on every platform. Then the words of the platform's library, for
//! it gives no code through the common interface. What a certificate says of itself is added once it is known.

use std::io;

use super::{
    MinTlsVersion, TlsOptions,
    certificate::{Certificate, Problem},
    records::{self, Alert, Heard},
};
use crate::{
    error::{Error, ErrorKind},
    log::escape,
    net::stream::begins_as_plain_text,
    types::{Failure, Stage},
};

/// Characters of a peer's plain text that an error shows.
const SHOWN: usize = 80;

/// Why a handshake failed.
pub(super) fn handshake(source: &native_tls::Error, heard: &[u8], options: &TlsOptions) -> Error {
    let said = source.to_string();
    if let Some(text) = plain_text(heard) {
        return error(
            Failure::TlsOnPlainPort,
            format!("the server answered the TLS handshake in plain text: {text}"),
        );
    }
    let clear = records::read(heard);
    let min = options.min_version;
    if let Some(alert) = clear.alert.or_else(|| alert_in(&said)) {
        return refused(alert, clear, options);
    }
    if let Some(version) = clear.version.filter(|version| *version < min.number()) {
        let answered = format!("it answered with {}", records::version_name(version));
        return error(Failure::TlsTooOld, too_old(min, &answered));
    }
    if said.to_lowercase().contains("unexpected eof") || is_io(source) {
        let text = format!("the connection broke in the TLS handshake: {said}");
        return error(Failure::TlsFailed, text).with_temporary(true);
    }
    let failure = in_words(&said);
    error(failure, format!("the TLS handshake failed: {said}"))
}

/// Whether the connection broke, so that a second try may bring more.
fn is_io(source: &native_tls::Error) -> bool {
    let mut cause = std::error::Error::source(source);
    while let Some(error) = cause {
        if error.is::<io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Why an established session broke, where the server said it: in TLS 1.3 it looks at the client's certificate only after
/// the client has finished.
pub(crate) fn after_handshake(source: &io::Error, has_certificate: bool) -> Option<Error> {
    let alert = alert_in(&source.to_string())?;
    let (failure, text) = certificate_refused(alert, has_certificate)?;
    Some(error(failure, text))
}

/// An alert of the server.
fn refused(alert: Alert, clear: Heard, options: &TlsOptions) -> Error {
    let has_certificate = options.client_certificate.is_some();
    // Before TLS 1.3 there is no alert for a certificate that was asked for and not given.
    let missing = clear.asks_for_certificate && !has_certificate;
    if missing && (alert == Alert::HANDSHAKE_FAILURE || alert.is_about_certificate()) {
        return error(Failure::ClientCertificateRequired, CERTIFICATE_ASKED.to_owned());
    }
    if let Some((failure, text)) = certificate_refused(alert, has_certificate) {
        return error(failure, text);
    }
    let answered = format!("alert {}, {}", alert.name(), alert.0);
    match alert {
        Alert::PROTOCOL_VERSION => error(Failure::TlsTooOld, too_old(options.min_version, &answered)),
        Alert::UNRECOGNIZED_NAME => error(
            Failure::TlsFailed,
            format!("the server has no certificate for the name that it was asked for ({answered})"),
        ),
        _ => error(Failure::TlsFailed, format!("the server refused the TLS handshake ({answered})")),
    }
}

const CERTIFICATE_ASKED: &str =
    "the server asks for a client certificate, and none is set: ClientCertificate names its file";

/// An alert that is about the client's certificate.
fn certificate_refused(alert: Alert, has_certificate: bool) -> Option<(Failure, String)> {
    let why = match alert.0 {
        _ if alert == Alert::CERTIFICATE_REQUIRED || (alert.is_about_certificate() && !has_certificate) => {
            return Some(if has_certificate {
                // It was asked for one of an authority that it names, and the library had none to give.
                let text =
                    "the server asks for a client certificate, and the one that is set does not fit its wish";
                (Failure::ClientCertificateRefused, text.to_owned())
            } else {
                (Failure::ClientCertificateRequired, CERTIFICATE_ASKED.to_owned())
            });
        }
        44 => "it is revoked",
        45 => "it has expired",
        48 => "its issuer is not one that the server knows",
        _ if alert.is_about_certificate() => "it is not one that the server takes",
        _ => return None,
    };
    let text =
        format!("the server refused the client certificate: {why} (alert {}, {})", alert.name(), alert.0);
    Some((Failure::ClientCertificateRefused, text))
}

fn too_old(min: MinTlsVersion, answered: &str) -> String {
    let min = min.as_str();
    format!(
        "the server offers no TLS version from {min} on ({answered}); MinTlsVersion asks for {min} or later"
    )
}

/// The first line of a peer that speaks no TLS.
fn plain_text(heard: &[u8]) -> Option<String> {
    if !begins_as_plain_text(heard) {
        return None;
    }
    let text = String::from_utf8_lossy(heard);
    let line = text.lines().next().unwrap_or_default();
    Some(escape(&line.chars().take(SHOWN).collect::<String>()).into_owned())
}

/// The number of an alert that the library had to decrypt: OpenSSL gives it in its words.
fn alert_in(said: &str) -> Option<Alert> {
    let (_, behind) = said.split_once("alert number ")?;
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Alert)
}

/// The failure that the library's words tell: those of OpenSSL, Apple and Windows.
fn in_words(said: &str) -> Failure {
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["wrong version number", "http request", "packet length too long"]) {
        Failure::TlsOnPlainPort
    } else if says(&["unsupported protocol", "unsupported version"]) {
        Failure::TlsTooOld
    } else if says(&["not yet valid"]) {
        Failure::CertificateNotYetValid
    } else if says(&["expired", "validity period"]) {
        Failure::CertificateExpired
    } else if says(&[
        "hostname mismatch",
        "ip address mismatch",
        "host name",
        "cn name",
        "name does not match",
    ]) {
        Failure::CertificateWrongName
    } else if says(&["certificate in certificate chain"]) {
        // A root of its own that came along: the server's certificate is another one.
        Failure::CertificateUntrusted
    } else if says(&["self-signed", "self signed"]) {
        Failure::CertificateSelfSigned
    } else if says(&[
        "local issuer",
        "not trusted",
        "untrusted",
        "unable to verify",
        "certificate verify failed",
    ]) {
        Failure::CertificateUntrusted
    } else {
        Failure::TlsFailed
    }
}

/// Whether the server's certificate would tell more of this failure.
pub(crate) fn asks_for_certificate(error: &Error) -> bool {
    matches!(
        error.failure(),
        Some(
            Failure::CertificateExpired
                | Failure::CertificateNotYetValid
                | Failure::CertificateWrongName
                | Failure::CertificateUntrusted
                | Failure::CertificateSelfSigned
        )
    )
}

/// The failure with the facts of the certificate: `name` is what it should be for, `now` in seconds since 1970-01-01 UTC.
pub(crate) fn with_certificate(
    failed: &Error,
    certificate: &Certificate,
    name: &str,
    now: i64,
    options: &TlsOptions,
) -> Error {
    let name = Some(name).filter(|_| !options.accept_invalid_hostnames);
    let mut problems = certificate.problems(name, now);
    let (failure, sentence) = verdict(failed, certificate, &mut problems);
    let trusted = !matches!(failure, Failure::CertificateUntrusted | Failure::CertificateSelfSigned);
    let others: Vec<String> = problems
        .into_iter()
        // One that is trusted may well be self-signed.
        .filter(|(other, _)| !(trusted && *other == Failure::CertificateSelfSigned))
        .map(|(_, sentence)| format!("; it also {sentence}"))
        .collect();
    error(failure, format!("the server's certificate {sentence}{}", others.concat()))
}

/// What the library found wrong, in the certificate's own facts, which are taken out of `problems`.
fn verdict(failed: &Error, certificate: &Certificate, problems: &mut Vec<Problem>) -> Problem {
    let found = failed.failure().unwrap_or(Failure::CertificateUntrusted);
    let same = |failure| match found {
        // Not every library tells these two apart.
        Failure::CertificateUntrusted => failure == Failure::CertificateSelfSigned,
        _ => failure == found,
    };
    if let Some(at) = problems.iter().position(|(failure, _)| same(*failure)) {
        return problems.remove(at);
    }
    let said = failed.message();
    let words = said.rsplit_once('(').map_or(said, |(_, words)| words.trim_end_matches(')'));
    let issuer = certificate.issuer().unwrap_or_default();
    let own = certificate.last_day().map(|day| format!("; its own is valid until {day}")).unwrap_or_default();
    let sentence = match found {
        Failure::CertificateExpired => {
            format!("is signed by {issuer}, and a certificate above it has expired{own}")
        }
        Failure::CertificateNotYetValid => {
            format!("is signed by {issuer}, and a certificate above it is not valid yet{own}")
        }
        Failure::CertificateUntrusted if !issuer.is_empty() => {
            format!("is signed by an issuer that this computer does not trust: {issuer} ({words})")
        }
        _ => format!("was not accepted: {words}"),
    };
    (found, sentence)
}

/// The certificate is none of the pinned ones.
pub(super) fn not_pinned(certificate: &Certificate) -> Error {
    let text = format!(
        "the server's certificate is none of CertificatePins: the pin of this one is {}",
        certificate.pins()
    );
    error(Failure::CertificateNotPinned, text)
}

fn error(failure: Failure, text: String) -> Error {
    Error::new(ErrorKind::Tls, Stage::StartTls, text).with_failure(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_libraries() {
        for (said, failure) in [
            ("certificate verify failed: (certificate has expired)", Failure::CertificateExpired),
            ("certificate verify failed: (certificate is not yet valid)", Failure::CertificateNotYetValid),
            ("certificate verify failed: (hostname mismatch)", Failure::CertificateWrongName),
            ("certificate verify failed: (IP address mismatch)", Failure::CertificateWrongName),
            ("certificate verify failed: (self-signed certificate)", Failure::CertificateSelfSigned),
            ("certificate verify failed: (self signed certificate)", Failure::CertificateSelfSigned),
            (
                "certificate verify failed: (self-signed certificate in certificate chain)",
                Failure::CertificateUntrusted,
            ),
            (
                "certificate verify failed: (unable to get local issuer certificate)",
                Failure::CertificateUntrusted,
            ),
            (
                "certificate verify failed: (CA signature digest algorithm too weak)",
                Failure::CertificateUntrusted,
            ),
            ("The certificate was not trusted.", Failure::CertificateUntrusted),
            ("The certificate's CN name does not match the passed value.", Failure::CertificateWrongName),
            ("ssl_choose_client_version:unsupported protocol", Failure::TlsTooOld),
            ("unexpected EOF", Failure::TlsFailed),
        ] {
            assert_eq!(in_words(said), failure, "{said}");
        }
    }

    #[test]
    fn alerts_of_the_server_are_named() {
        let said = "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:rec.c:1:SSL alert number 116";
        let of = |said: &str, has| {
            let error = after_handshake(&io::Error::other(said.to_owned()), has)?;
            Some((error.failure()?, error.message().to_owned()))
        };
        let (failure, text) = of(said, false).unwrap();
        assert_eq!(failure, Failure::ClientCertificateRequired);
        assert!(text.starts_with("the server asks for a client certificate"), "{text}");
        assert_eq!(of(said, true).unwrap().0, Failure::ClientCertificateRefused);
        let (failure, text) = of("tlsv1 alert unknown ca: SSL alert number 48", true).unwrap();
        assert_eq!(failure, Failure::ClientCertificateRefused);
        assert!(text.contains("issuer") && text.contains("unknown_ca, 48"), "{text}");
        assert_eq!(of("SSL alert number 80", true), None);
        assert_eq!(of("Connection reset by peer", true), None);
    }

    #[test]
    fn an_alert_in_clear_decides() {
        let min = |min_version| TlsOptions { min_version, ..TlsOptions::default() };
        let error = refused(Alert(70), Heard::default(), &min(MinTlsVersion::Tls12));
        assert_eq!(error.failure(), Some(Failure::TlsTooOld));
        assert!(
            error.message().contains("no TLS version from 1.2 on")
                && error.message().contains("MinTlsVersion")
        );
        let asked = Heard { asks_for_certificate: true, ..Heard::default() };
        let none = TlsOptions::default();
        let some = TlsOptions { client_certificate: Some("c".into()), ..TlsOptions::default() };
        assert_eq!(refused(Alert(40), asked, &none).failure(), Some(Failure::ClientCertificateRequired));
        assert_eq!(refused(Alert(40), asked, &some).failure(), Some(Failure::TlsFailed));
        assert_eq!(refused(Alert(42), asked, &some).failure(), Some(Failure::ClientCertificateRefused));
        assert!(refused(Alert(40), Heard::default(), &none).message().contains("handshake_failure, 40"));
        assert!(refused(Alert(99), Heard::default(), &none).message().contains("99"));
    }

    #[test]
    fn plain_text_is_shown_as_it_begins() {
        assert_eq!(plain_text(b"220 mail.test ESMTP\r\n250").as_deref(), Some("220 mail.test ESMTP"));
        assert_eq!(plain_text(b"HTTP/1.1 400 \x1b[2J").as_deref(), Some("HTTP/1.1 400 \\x1b[2J"));
        assert_eq!(plain_text(b"\x15\x03\x01\x00\x02"), None);
        assert_eq!(plain_text(b"22"), None);
    }
}
