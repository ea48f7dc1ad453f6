//! Why something failed, who must act, and what to do: the data; the rules are in `crate::diagnosis`.

use std::{fmt, str::FromStr, time::Duration};

macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The stable identifier, the same in every language.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = ();
            fn from_str(s: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|v| v.as_str() == s).ok_or(())
            }
        }
    };
}

names! {
    /// What went wrong. The identifiers are stable: programs may branch on them.
    Cause {
        /// The server will not carry mail for that recipient's domain for this client.
        RelayDenied = "relay-denied",
        /// The server asks for login first.
        AuthRequired = "auth-required",
        /// Credentials were presented and refused.
        AuthFailed = "auth-failed",
        /// The way of logging in is refused: mechanism unknown, AUTH off, application password needed.
        AuthMechanismUnavailable = "auth-mechanism-unavailable",
        /// A command was refused because the session is not encrypted.
        TlsRequired = "tls-required",
        /// TLS was tried and could not start, or was not acceptable.
        TlsFailed = "tls-failed",
        /// The sender address is not one this login or client may use.
        SenderNotPermitted = "sender-not-permitted",
        /// The sender's domain does not exist or cannot take mail.
        SenderDomainInvalid = "sender-domain-invalid",
        /// No such mailbox.
        RecipientUnknown = "recipient-unknown",
        /// The mailbox is disabled, suspended, expired or moved.
        RecipientInactive = "recipient-inactive",
        /// The address in RCPT is malformed.
        RecipientAddressSyntax = "recipient-address-syntax",
        /// The recipient or their organisation refuses this sender.
        RecipientRefuses = "recipient-refuses",
        /// The recipient is over quota.
        MailboxFull = "mailbox-full",
        /// A size limit was exceeded.
        MessageTooLarge = "message-too-large",
        /// A volume or frequency limit was exceeded.
        RateLimited = "rate-limited",
        /// First contact is deferred by design.
        Greylisted = "greylisted",
        /// The client's address is on a block list or of bad reputation.
        IpBlocked = "ip-blocked",
        /// SPF, DKIM, DMARC or ARC failed for the sender's domain.
        DomainAuthFailed = "domain-auth-failed",
        /// Spam, virus, attachment type or URL.
        ContentRejected = "content-rejected",
        /// The EHLO name was refused, or the reverse DNS entry is missing or wrong.
        HeloOrRdnsRejected = "helo-or-rdns-rejected",
        /// Too many RCPT in one message.
        TooManyRecipients = "too-many-recipients",
        /// Too many connections at the same time.
        TooManyConnections = "too-many-connections",
        /// Temporary local trouble at the server.
        ServerBusy = "server-busy",
        /// A non-ASCII address, and SMTPUTF8 is not available.
        SmtpUtf8Unsupported = "smtputf8-unsupported",
        /// A delivery option was asked for that this server or session cannot give.
        DeliveryOptionUnavailable = "delivery-option-unavailable",
        /// Syntax, order of commands, unknown command or parameter.
        ProtocolError = "protocol-error",
        /// The server cannot pass the message on.
        RoutingFailed = "routing-failed",
        /// Headers or lines of the message are malformed.
        MessageFormatRejected = "message-format-rejected",
        /// The host name has no address, or the name service did not answer.
        DnsFailed = "dns-failed",
        /// Nothing listens at that address and port.
        ConnectRefused = "connect-refused",
        /// No answer to the attempt to connect.
        ConnectTimeout = "connect-timeout",
        /// Connected, but the server never greeted.
        GreetingTimeout = "greeting-timeout",
        /// TLS was begun on a port that speaks plain text.
        TlsOnPlainPort = "tls-on-plain-port",
        /// Plain text was spoken to a port that expects TLS.
        PlainOnTlsPort = "plain-on-tls-port",
        /// The server's certificate has expired or is not valid yet.
        CertificateExpired = "certificate-expired",
        /// The server's certificate is for other names.
        CertificateWrongName = "certificate-wrong-name",
        /// The server's certificate is not signed by a trusted authority.
        CertificateUntrusted = "certificate-untrusted",
        /// The server's certificate is none of those that the settings pin.
        CertificateNotPinned = "certificate-not-pinned",
        /// The server asks for a client certificate, or does not take the one it got.
        ClientCertificateRefused = "client-certificate-refused",
        /// The proxy could not be reached, or is not of the kind that the settings name.
        ProxyFailed = "proxy-failed",
        /// The proxy does not connect to this server.
        ProxyRefused = "proxy-refused",
        /// The proxy asks for a login, or refused the one it got.
        ProxyAuthFailed = "proxy-auth-failed",
        /// Another server answered than the one asked for: the port is redirected.
        RedirectedPort = "redirected-port",
        /// The connection broke, or the server stopped answering.
        ConnectionLost = "connection-lost",
        /// The connection broke after the whole message was sent: it may have been delivered.
        OutcomeUnknown = "outcome-unknown",
        /// The message or the settings were refused by this library before anything was sent.
        InvalidInput = "invalid-input",
        /// A local file could not be read or written.
        FileFailed = "file-failed",
        /// The program cancelled the operation.
        Cancelled = "cancelled",
        /// The reply does not say.
        Unknown = "unknown",
    }
}

names! {
    /// Who must act.
    Who {
        /// The program that sends: its code or settings.
        SenderCode = "sender-code",
        /// The owner of the sending account or domain.
        SenderAccount = "sender-account",
        /// The administrator of the server that refused.
        ServerAdmin = "server-admin",
        /// The recipient, or their organisation.
        Recipient = "recipient",
        /// Whoever runs the network in between.
        Network = "network",
        /// Nobody: the same attempt later will do.
        NobodyRetry = "nobody-retry",
    }
}

/// The explanation of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What went wrong.
    pub cause: Cause,
    /// Who must act.
    pub who: Who,
    /// One sentence for a person.
    pub summary: String,
    /// What to do, concrete for this session; several ways are separated by `\n`.
    pub remedy: String,
    /// The server's words, or the facts, on which this rests.
    pub evidence: String,
    /// How long to wait before the next attempt, when the server named a time or the cause implies one.
    pub retry_after: Option<Duration>,
    /// The RFC section, or the provider's page that the server named.
    pub reference: Option<String>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.summary)?;
        for remedy in self.remedy.lines() {
            write!(f, "\n  - {remedy}")?;
        }
        Ok(())
    }
}
