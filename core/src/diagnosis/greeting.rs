//! Who answered: whether the server's greeting is that of the host that was asked for.

use super::context::{Context, Failure};
use crate::types::Cause;

/// What to add to a remedy when somebody else's server may have answered; `None` when nothing speaks for it, or when it
/// makes no difference.
///
/// A foreign name proves nothing by itself, since many hosts are only names for a hoster's machine. So the cause stays
/// what the server said it is, and the greeting is told beside it where another server would explain the failure.
pub(super) fn another_server(cause: Cause, context: &Context<'_>) -> Option<Another> {
    let greeting = context.greeting_host.filter(|greeting| is_foreign(greeting, context.host))?;
    (matters(cause) && !is_proven(context)).then(|| {
        let (asked, port) = (context.host, context.port);
        let port = if port == 0 { "the port".to_owned() } else { format!("port {port}") };
        Another {
            remedy: format!(
                "The server that answered calls itself {greeting}, and {asked} was asked for: if {greeting} is none of \
                 your provider's, the network redirects {port}. Then set Port to 465 with Security Implicit, or to 587 \
                 with Security Required."
            ),
            evidence: format!("asked for {asked}, greeted by {greeting}"),
        }
    })
}

/// That another server may have answered, in words.
pub(super) struct Another {
    pub(super) remedy: String,
    pub(super) evidence: String,
}

/// Whether the server that was asked for would perhaps not have failed so: it knows its users and has a certificate.
fn matters(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::RelayDenied
            | Cause::AuthRequired
            | Cause::AuthFailed
            | Cause::AuthMechanismUnavailable
            | Cause::TlsRequired
            | Cause::TlsFailed
            | Cause::CertificateWrongName
            | Cause::CertificateUntrusted
            | Cause::Unknown
    )
}

/// A certificate that was taken says who answers, whatever the greeting says.
fn is_proven(context: &Context<'_>) -> bool {
    let refused = matches!(
        context.failure,
        Some(Failure::CertificateWrongName | Failure::CertificateUntrusted | Failure::CertificateSelfSigned)
    );
    context.tls && !refused
}

/// Whether two host names belong to different domains, as far as names tell.
pub(crate) fn is_foreign(greeting: &str, asked: &str) -> bool {
    let labels = |name: &str| -> Vec<String> {
        name.trim_end_matches('.').to_ascii_lowercase().split('.').map(str::to_owned).collect()
    };
    let is_name = |labels: &[String]| {
        labels.len() >= 2
            && labels
                .iter()
                .all(|l| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
            && labels.last().is_some_and(|top| top.bytes().any(|b| b.is_ascii_alphabetic()))
    };
    let (greeting, asked) = (labels(greeting), labels(asked));
    let local = ["local", "localdomain", "localhost", "internal", "lan"];
    let is_local = |labels: &[String]| labels.last().is_some_and(|top| local.contains(&top.as_str()));
    is_name(&greeting)
        && is_name(&asked)
        && !is_local(&greeting)
        && !is_local(&asked)
        && greeting[greeting.len() - 2..] != asked[asked.len() - 2..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_greeting_is_told_from_a_sibling() {
        for (greeting, asked) in [
            ("mx.isp.example", "mail.shop.test"),
            ("smtp-filter.isp.example.", "mail.shop.example"),
            ("MX1.provider.net", "smtp.shop.example"),
        ] {
            assert!(is_foreign(greeting, asked), "{greeting} for {asked}");
        }
        for (greeting, asked) in [
            ("mx3.shop.example", "mail.SHOP.example"),
            ("shop.example", "mail.shop.example."),
            ("mx.isp.example", "192.0.2.1"),
            ("mx.isp.example", "::1"),
            ("mx.isp.example", "localhost"),
            ("mailhost", "mail.shop.example"),
            ("[192.0.2.1]", "mail.shop.example"),
            ("localhost.localdomain", "mail.shop.example"),
            ("***********", "mail.shop.example"),
            ("", "mail.shop.example"),
        ] {
            assert!(!is_foreign(greeting, asked), "{greeting} for {asked}");
        }
    }
}
