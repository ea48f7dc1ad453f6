//! What is known about a failure: the input of the diagnosis.

use std::net::IpAddr;

use crate::types::{Reply, Stage};

/// A failure that the client itself noticed, as opposed to a reply that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The host name has no address, or the name service did not answer.
    DnsFailed,
    /// The connection was refused, or the network is unreachable.
    ConnectRefused,
    /// No answer to the attempt to connect.
    ConnectTimeout,
    /// Connected, but no greeting came in time.
    GreetingTimeout,
    /// A reply to a command did not come in time.
    ReplyTimeout,
    /// TLS was begun and the server answered in plain text.
    TlsOnPlainPort,
    /// Plain text was spoken and the server expects TLS.
    PlainOnTlsPort,
    /// The certificate has expired or is not valid yet.
    CertificateExpired,
    /// The certificate is for other names.
    CertificateWrongName,
    /// The certificate is not signed by a trusted authority.
    CertificateUntrusted,
    /// TLS could not be established for another reason; `detail` may say which.
    TlsFailed,
    /// TLS is required by the settings, and the server does not offer STARTTLS.
    TlsNotOffered,
    /// The greeting names another host than the one asked for.
    RedirectedPort,
    /// The connection broke.
    ConnectionLost,
    /// The connection broke between the end of the message and the reply.
    OutcomeUnknown,
    /// A user name is set, and the server offers no AUTH at all.
    AuthNotOffered,
    /// The server offers AUTH, but no mechanism that the settings can use.
    NoCommonMechanism,
    /// Logging in would send the password in clear text, which the settings do not allow.
    PlaintextAuthRefused,
    /// The message is larger than the SIZE that the server announced (RFC 1870).
    MessageTooLarge {
        /// Bytes of the message.
        size: u64,
        /// Bytes that the server takes.
        limit: u64,
    },
    /// An address or header needs SMTPUTF8 (RFC 6531), and the server does not offer it.
    SmtpUtf8Unsupported,
    /// The message or a setting is not valid; `field` names it.
    InvalidInput,
    /// A local file could not be read or written.
    FileFailed,
    /// The program cancelled the operation.
    Cancelled,
    /// The server's answer is not a reply of SMTP.
    MalformedReply,
    /// The proxy could not be reached, or refused.
    ProxyFailed,
}

/// What is known when something failed. Everything is optional: the more is known, the better the diagnosis.
///
/// ```
/// use freesmtp_core::{diagnosis::{Context, diagnose}, types::{Cause, Reply, Stage}};
///
/// let reply = Reply::parse("550 5.7.1 Relaying denied").unwrap();
/// let offered = ["AUTH LOGIN PLAIN".to_owned(), "STARTTLS".to_owned()];
/// let diagnosis = diagnose(&Context {
///     stage: Some(Stage::Rcpt),
///     reply: Some(&reply),
///     host: "mail.example.com",
///     offered: &offered,
///     ..Context::default()
/// });
/// assert_eq!(diagnosis.cause, Cause::RelayDenied);
/// assert!(diagnosis.remedy.lines().next().unwrap().contains("Account"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    /// The phase of the session.
    pub stage: Option<Stage>,
    /// The reply that refused, or the server's last words.
    pub reply: Option<&'a Reply>,
    /// What the client noticed.
    pub failure: Option<Failure>,
    /// The text of the client's failure: the operating system's or the TLS library's words.
    pub detail: &'a str,
    /// The property that holds bad input, such as `Recipients[2].Email`.
    pub field: Option<&'a str>,
    /// The host name that was asked for; empty when unknown.
    pub host: &'a str,
    /// The port; 0 when unknown.
    pub port: u16,
    /// The host name in the server's greeting.
    pub greeting_host: Option<&'a str>,
    /// The lines of the EHLO reply after the first, without code: `AUTH LOGIN PLAIN`, `SIZE 1000`, `STARTTLS`.
    pub offered: &'a [String],
    /// A user name or a token was set by the program.
    pub credentials_set: bool,
    /// The session is logged in.
    pub authenticated: bool,
    /// The session is encrypted.
    pub tls: bool,
    /// The user name.
    pub user: Option<&'a str>,
    /// The SASL mechanism that was used or tried.
    pub mechanism: Option<&'a str>,
    /// The client's own address on this connection.
    pub local_address: Option<IpAddr>,
    /// The name that the client gave in EHLO.
    pub ehlo_name: Option<&'a str>,
    /// The address of MAIL FROM.
    pub sender: Option<&'a str>,
    /// The address of the RCPT TO in question.
    pub recipient: Option<&'a str>,
    /// Bytes of the message as sent.
    pub message_size: Option<u64>,
    /// Number of recipients in the transaction; 0 when unknown.
    pub recipient_count: usize,
    /// The `Message-ID`, to search for when the outcome is unknown.
    pub message_id: Option<&'a str>,
}

impl Context<'_> {
    /// The parameters of an EHLO keyword, when it was offered: `extension("SIZE")` is `Some("35882577")`.
    ///
    /// Takes the lines as they stood on the wire too (`250-SIZE 1000`), and `AUTH=LOGIN` as `AUTH LOGIN`.
    #[must_use]
    pub fn extension(&self, keyword: &str) -> Option<&str> {
        self.offered.iter().find_map(|line| {
            let line = line.strip_prefix("250").map_or(line.as_str(), |rest| rest.trim_start_matches(['-', ' ']));
            let (name, parameters) = line.split_once([' ', '=']).unwrap_or((line, ""));
            name.eq_ignore_ascii_case(keyword).then(|| parameters.trim())
        })
    }

    /// The mechanisms that the server offers for AUTH, separated by spaces; `None` when AUTH is not offered.
    #[must_use]
    pub fn auth_offered(&self) -> Option<&str> {
        self.extension("AUTH").filter(|mechanisms| !mechanisms.is_empty())
    }

    /// The largest message that the server announced in EHLO, in bytes; `None` for no announced limit.
    #[must_use]
    pub fn size_limit(&self) -> Option<u64> {
        self.extension("SIZE")?.split(' ').next()?.parse().ok().filter(|limit| *limit > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ehlo_offered() {
        let offered: Vec<String> =
            ["250-SIZE 1000", "auth=LOGIN PLAIN", "STARTTLS", "8BITMIME"].map(str::to_owned).to_vec();
        let context = Context { offered: &offered, ..Context::default() };
        assert_eq!(context.size_limit(), Some(1000));
        assert_eq!(context.auth_offered(), Some("LOGIN PLAIN"));
        assert_eq!(context.extension("starttls"), Some(""));
        assert_eq!(context.extension("8BIT"), None);
    }

    #[test]
    fn nothing_offered_is_no_limit() {
        let offered = ["SIZE 0".to_owned(), "AUTH".to_owned()];
        let context = Context { offered: &offered, ..Context::default() };
        assert_eq!(context.size_limit(), None);
        assert_eq!(context.auth_offered(), None);
        assert_eq!(Context::default().size_limit(), None);
    }
}
