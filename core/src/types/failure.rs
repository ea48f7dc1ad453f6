//! What the client itself noticed.

use super::{DeliveryExtension, Unmet};

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
    /// The certificate, or one above it, has expired.
    CertificateExpired,
    /// The certificate, or one above it, is not valid yet: or this computer's clock is wrong.
    CertificateNotYetValid,
    /// The certificate is for other names.
    CertificateWrongName,
    /// The certificate is not signed by a trusted authority.
    CertificateUntrusted,
    /// The certificate is signed by nobody but itself, and not trusted.
    CertificateSelfSigned,
    /// The certificate is none of those that the settings pin.
    CertificateNotPinned,
    /// The server asks for a client certificate, and the settings name none.
    ClientCertificateRequired,
    /// The server does not take the client certificate.
    ClientCertificateRefused,
    /// The server offers only versions of TLS that are older than the settings allow.
    TlsTooOld,
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
    /// A challenge of the server is none of the mechanism that it began.
    MalformedChallenge,
    /// The server could not prove that it knows the password: it may be another one.
    ServerNotVerified,
    /// The program's callback gave no access token.
    TokenUnavailable,
    /// Logging in would send the password in clear text, which the settings do not allow.
    PlaintextAuthRefused,
    /// The message is larger than the SIZE that the server announced (RFC 1870).
    MessageTooLarge {
        /// Bytes of the message.
        size: u64,
        /// Bytes that the server takes.
        limit: u64,
    },
    /// The message has more recipients than the server takes in one transaction, and can't be split.
    TooManyRecipients {
        /// Recipients of the message.
        recipients: usize,
        /// Recipients that the server takes.
        limit: usize,
    },
    /// An address or header needs SMTPUTF8 (RFC 6531), and the server does not offer it.
    SmtpUtf8Unsupported,
    /// A delivery option was asked for that this server or session cannot give.
    DeliveryOption {
        /// The extension that the option needs.
        extension: DeliveryExtension,
        /// What is missing.
        unmet: Unmet,
    },
    /// The message or a setting is not valid; `field` names it.
    InvalidInput,
    /// A local file could not be read or written.
    FileFailed,
    /// The program cancelled the operation.
    Cancelled,
    /// The server's answer is not a reply of SMTP.
    MalformedReply,
    /// The proxy could not be reached, did not answer, or is not of the kind that the settings name.
    ProxyFailed,
    /// The proxy does not connect to this server.
    ProxyRefused,
    /// The proxy asks for a login, or refused the one it got.
    ProxyAuthFailed,
}
