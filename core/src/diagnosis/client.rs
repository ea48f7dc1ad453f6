//! What the client itself noticed, as a cause.

use super::context::{Context, Failure};
use super::rules::{Facts, TABLE};
use crate::types::Cause;

/// The cause of a failure that the client noticed.
pub(super) fn cause(failure: Failure, detail: &str) -> Cause {
    match failure {
        Failure::DnsFailed => Cause::DnsFailed,
        Failure::ConnectRefused => Cause::ConnectRefused,
        Failure::ConnectTimeout => Cause::ConnectTimeout,
        Failure::GreetingTimeout => Cause::GreetingTimeout,
        Failure::ReplyTimeout | Failure::ConnectionLost => Cause::ConnectionLost,
        Failure::TlsOnPlainPort => Cause::TlsOnPlainPort,
        Failure::PlainOnTlsPort => Cause::PlainOnTlsPort,
        Failure::CertificateExpired | Failure::CertificateNotYetValid => Cause::CertificateExpired,
        Failure::CertificateWrongName => Cause::CertificateWrongName,
        Failure::CertificateUntrusted | Failure::CertificateSelfSigned => Cause::CertificateUntrusted,
        Failure::CertificateNotPinned => Cause::CertificateNotPinned,
        Failure::ClientCertificateRequired | Failure::ClientCertificateRefused => {
            Cause::ClientCertificateRefused
        }
        // The platform's TLS library often tells more in its text than in its error number.
        Failure::TlsFailed => {
            Some(from_text(detail)).filter(|c| *c != Cause::Unknown).unwrap_or(Cause::TlsFailed)
        }
        Failure::TlsNotOffered | Failure::TlsTooOld => Cause::TlsFailed,
        Failure::ProxyFailed => Cause::ProxyFailed,
        Failure::ProxyRefused => Cause::ProxyRefused,
        Failure::ProxyAuthFailed => Cause::ProxyAuthFailed,
        Failure::RedirectedPort => Cause::RedirectedPort,
        Failure::OutcomeUnknown => Cause::OutcomeUnknown,
        Failure::AuthNotOffered | Failure::NoCommonMechanism => Cause::AuthMechanismUnavailable,
        Failure::PlaintextAuthRefused => Cause::TlsRequired,
        Failure::MessageTooLarge { .. } => Cause::MessageTooLarge,
        Failure::TooManyRecipients { .. } => Cause::TooManyRecipients,
        Failure::SmtpUtf8Unsupported => Cause::SmtpUtf8Unsupported,
        Failure::DeliveryOption { .. } => Cause::DeliveryOptionUnavailable,
        Failure::InvalidInput => Cause::InvalidInput,
        Failure::FileFailed => Cause::FileFailed,
        Failure::Cancelled => Cause::Cancelled,
        Failure::MalformedReply | Failure::MalformedChallenge | Failure::ServerNotVerified => {
            Cause::ProtocolError
        }
        Failure::TokenUnavailable => Cause::AuthFailed,
    }
}

/// What to say instead of the cause's own sentence.
pub(super) fn summary(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::CertificateExpired => Some("The certificate of {server} has expired."),
        Failure::CertificateNotYetValid => Some("The certificate of {server} is not valid yet."),
        Failure::CertificateSelfSigned => Some(
            "The certificate of {server} is signed by nobody but itself, and this computer does not trust it.",
        ),
        Failure::ClientCertificateRequired => {
            Some("{server}{port} asks for a client certificate, and the settings name none.")
        }
        Failure::TlsTooOld => {
            Some("{server}{port} offers only versions of TLS that are older than MinTlsVersion allows.")
        }
        Failure::TlsNotOffered => {
            Some("{server} does not offer STARTTLS{on-port}, and the settings ask for encryption.")
        }
        Failure::AuthNotOffered => Some("{server} does not offer any login{on-port}, and Account is set."),
        Failure::NoCommonMechanism => Some("{server} offers no way of logging in that the settings can use."),
        Failure::MalformedReply => Some("{server}{port} answered something that is not SMTP."),
        Failure::MalformedChallenge => Some("{server}{port} broke the rules of the login."),
        Failure::ServerNotVerified => Some(
            "{server}{port} could not prove that it knows the password: it may not be the server it says it is.",
        ),
        Failure::TokenUnavailable => {
            Some("The access token for {server} could not be had, so no login was tried.")
        }
        Failure::ReplyTimeout => Some("{server} did not answer in time."),
        _ => None,
    }
}

/// The RFC of what is missing, where the failure knows it better than the cause.
pub(super) fn reference(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::DeliveryOption { extension, .. } => Some(extension.reference()),
        _ => None,
    }
}

/// Whether the server's last words may explain this failure better than the failure itself.
pub(super) fn yields_to_reply(failure: Failure) -> bool {
    matches!(failure, Failure::ConnectionLost | Failure::ReplyTimeout | Failure::TlsFailed)
}

/// The cause of an error text of the operating system or of the TLS library.
pub(super) fn from_text(detail: &str) -> Cause {
    let facts = Facts { local: true, ..Facts::default() };
    TABLE.decide(&facts, detail).map_or(Cause::Unknown, |rule| rule.cause)
}

/// What happened, in words, when there is no text of the system.
pub(super) fn evidence(context: &Context<'_>) -> String {
    match context.failure {
        _ if !context.detail.is_empty() => context.detail.to_owned(),
        Some(Failure::MessageTooLarge { size, limit }) => {
            format!("the message has {size} bytes, and the server announced SIZE {limit}")
        }
        Some(Failure::TlsNotOffered) => "the EHLO reply has no STARTTLS".to_owned(),
        Some(Failure::AuthNotOffered) => "the EHLO reply has no AUTH".to_owned(),
        Some(Failure::NoCommonMechanism) => {
            format!("the server offers AUTH {}", context.auth_offered().unwrap_or_default())
        }
        Some(Failure::PlaintextAuthRefused) => "the connection is not encrypted".to_owned(),
        Some(Failure::RedirectedPort) => {
            format!(
                "asked for {}, greeted by {}",
                context.host,
                context.greeting_host.unwrap_or("another host")
            )
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_system_and_of_tls_libraries() {
        for (text, cause) in [
            ("Connection refused (os error 111)", Cause::ConnectRefused),
            (
                "No connection could be made because the target machine actively refused it.",
                Cause::ConnectRefused,
            ),
            ("Network is unreachable (os error 101)", Cause::ConnectRefused),
            ("Connection timed out (os error 110)", Cause::ConnectTimeout),
            ("Connection reset by peer (os error 104)", Cause::ConnectionLost),
            ("Broken pipe (os error 32)", Cause::ConnectionLost),
            ("failed to lookup address information: Name or service not known", Cause::DnsFailed),
            ("nodename nor servname provided, or not known", Cause::DnsFailed),
            ("Temporary failure in name resolution", Cause::DnsFailed),
            (
                "error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed: (certificate has expired)",
                Cause::CertificateExpired,
            ),
            ("certificate verify failed (self-signed certificate)", Cause::CertificateUntrusted),
            (
                "certificate verify failed (unable to get local issuer certificate)",
                Cause::CertificateUntrusted,
            ),
            ("certificate verify failed: (hostname mismatch)", Cause::CertificateWrongName),
            ("error:0A00010B:SSL routines:ssl3_get_record:wrong version number", Cause::TlsOnPlainPort),
            ("error:0A0000C6:SSL routines::packet length too long", Cause::TlsOnPlainPort),
            ("sslv3 alert handshake failure", Cause::TlsFailed),
            ("Permission denied (os error 13)", Cause::FileFailed),
            ("quite something else", Cause::Unknown),
        ] {
            assert_eq!(from_text(text), cause, "{text}");
        }
    }
}
