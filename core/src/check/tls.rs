//! Encryption, and the certificate.

use super::{CheckName, CheckStatus, CheckStep, advice, counted, failed};
use crate::{
    os,
    protocol::Security,
    smtp::{
        Server,
        probe::{Probe, Talk},
    },
    types::{Cause, Stage, TlsInfo, Who},
};

/// A certificate that ends sooner than this should be renewed now: renewal by machines comes weeks before.
const SOON_DAYS: i64 = 14;

const DAY: i64 = 86_400;

pub(super) fn tls(probe: &Probe, server: &Server) -> CheckStep {
    const NAME: CheckName = CheckName::Tls;
    let mode = mode(server);
    if let Some(error) = probe.error_at(&[Stage::StartTls]) {
        return failed(NAME, error).with("mode", mode).with("problem", error.message());
    }
    let Some(talk) = probe.talk() else {
        return CheckStep::skipped(NAME, "There is no connection.");
    };
    match &talk.tls {
        Some(info) => encrypted(info, server).with("mode", mode),
        None if talk.greeting_host.is_none() => {
            CheckStep::skipped(NAME, "The session ended before encryption.").with("mode", mode)
        }
        None => clear(talk, server).with("mode", mode),
    }
}

/// How the settings want the connection encrypted.
fn mode(server: &Server) -> &'static str {
    match server.effective_security() {
        Security::Implicit => "implicit",
        Security::None => "none",
        Security::Opportunistic => "opportunistic",
        _ => "required",
    }
}

fn encrypted(info: &TlsInfo, server: &Server) -> CheckStep {
    let days = info.certificate_not_after.map(|end| (end - os::entropy::unix_seconds()).div_euclid(DAY));
    let how = match server.effective_security() {
        Security::Implicit => "from the first byte",
        _ => "by STARTTLS",
    };
    let version = info.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
    let name = server.certificate_name();
    let mut summary = format!("Encrypted {how}{version}");
    summary.push_str(&match (is_verified(server), days) {
        (true, Some(days)) => {
            format!("; the certificate is valid for {name}, {} more.", counted_days(days))
        }
        (true, None) => format!("; the certificate is valid for {name}."),
        (false, _) => "; the certificate was not verified, because the settings say so.".to_owned(),
    });
    let step = CheckStep::new(CheckName::Tls, CheckStatus::Ok, summary.clone());
    let step = match days.filter(|days| *days < SOON_DAYS) {
        _ if !is_verified(server) => not_verified(step),
        Some(days) => ends_soon(days, name),
        None => step,
    };
    step.with("verified", if is_verified(server) { "yes" } else { "no" })
        .with("version", info.version.as_deref().unwrap_or_default())
        .with("cipher", info.cipher.as_deref().unwrap_or_default())
        .with("certificate_subject", info.certificate_subject.as_deref().unwrap_or_default())
        .with(
            "certificate_not_after",
            info.certificate_not_after.map(|at| at.to_string()).unwrap_or_default(),
        )
        .with("days_left", days.map(|days| days.to_string()).unwrap_or_default())
}

fn is_verified(server: &Server) -> bool {
    !server.danger_accept_invalid_certs && !server.danger_accept_invalid_hostnames
}

fn counted_days(days: i64) -> String {
    counted(usize::try_from(days).unwrap_or_default(), "day", "days")
}

fn not_verified(step: CheckStep) -> CheckStep {
    let summary = step.summary.clone();
    CheckStep { status: CheckStatus::Warning, ..step }.with_diagnosis(advice(
        Cause::CertificateUntrusted,
        Who::SenderCode,
        &summary,
        &["Clear DangerAcceptInvalidCerts and DangerAcceptInvalidHostnames, and set CaFile if the server has its own \
           authority: as it is, anybody on the way can read and change everything."
            .to_owned()],
        "the settings accept any certificate",
        "RFC 9525 section 6",
    ))
}

fn ends_soon(days: i64, name: &str) -> CheckStep {
    let summary = format!("The certificate of {name} ends in {}.", counted_days(days));
    CheckStep::new(CheckName::Tls, CheckStatus::Warning, summary.clone()).with_diagnosis(advice(
        Cause::CertificateExpired,
        Who::ServerAdmin,
        &summary,
        &[format!(
            "Have the administrator of {name} renew the certificate before it ends, and reload the server."
        )],
        &format!("{} left", counted_days(days)),
        "RFC 5280 section 4.1.2.5",
    ))
}

/// The session went on in clear text.
fn clear(talk: &Talk, server: &Server) -> CheckStep {
    const NAME: CheckName = CheckName::Tls;
    let offered = talk.capabilities.starttls;
    let by_choice = server.effective_security() == Security::None;
    if by_choice && server.is_loopback() {
        let step =
            CheckStep::skipped(NAME, "Not encrypted: the server is on this machine, and Security is none.");
        return step.with("starttls_offered", if offered { "yes" } else { "no" });
    }
    let host = &server.name;
    let (summary, remedy) = match (by_choice, offered) {
        (true, true) => (
            format!(
                "Not encrypted, although {host} offers STARTTLS: everybody on the way can read the mail."
            ),
            "Set Security to Required.".to_owned(),
        ),
        (false, true) => (
            format!("Not encrypted: {host} offers STARTTLS and then refused it."),
            format!("Ask the administrator of {host} to look at its certificate and key, and its log."),
        ),
        (_, false) => (
            format!("Not encrypted: {host} offers no STARTTLS. Everybody on the way can read the mail."),
            "Use port 465 with Security Implicit, or 587 with Security Required, if the server has them."
                .to_owned(),
        ),
    };
    let evidence =
        if offered { "STARTTLS was offered and is not in use" } else { "the EHLO reply has no STARTTLS" };
    CheckStep::new(NAME, CheckStatus::Warning, summary.clone())
        .with_diagnosis(advice(
            Cause::TlsFailed,
            if by_choice { Who::SenderCode } else { Who::ServerAdmin },
            &summary,
            &[remedy],
            evidence,
            "RFC 3207 section 4",
        ))
        .with("starttls_offered", if offered { "yes" } else { "no" })
}
