//! What each cause means in general: who must act, one sentence, ways out. `{…}` is filled in by `words.rs`; a line
//! whose fact is not known says it in general words.

use crate::types::{Cause, Who};

/// The advice for one cause.
pub(super) struct Advice {
    pub(super) who: Who,
    /// One sentence for a person.
    pub(super) summary: &'static str,
    /// The ways out, one a line, the first the most likely.
    pub(super) remedy: &'static str,
    /// The RFC section.
    pub(super) reference: &'static str,
}

/// The advice for `cause`.
pub(super) fn of(cause: Cause) -> Advice {
    let (who, summary, remedy, reference) = match cause {
        Cause::RelayDenied => (
            Who::SenderCode,
            "{server} does not carry mail from {client} to {domain}.",
            "Use another server: your provider's, with login, on port 587 (STARTTLS) or 465 (TLS), or the one \
             responsible for {domain} (its MX host).",
            "RFC 5321 section 3.6.2",
        ),
        Cause::AuthRequired => (
            Who::SenderCode,
            "{server} takes this mail only after login.",
            "Set Account and Password, and connect to the submission port: Port 587 with Security Required, or 465 \
             with Security Implicit.",
            "RFC 4954 section 6",
        ),
        Cause::AuthFailed => (
            Who::SenderAccount,
            "{server} refused the user name or the password{of-user}.",
            "Check Account: some servers want the full address, others the name alone or DOMAIN\\user.\n\
             Check Password: retype it, or sign in on the provider's web page with it.\n\
             Do not repeat the login unchanged: many servers lock the account after a few failures.",
            "RFC 4954 section 6",
        ),
        Cause::AuthMechanismUnavailable => (
            Who::SenderAccount,
            "{server} does not allow this way of logging in.",
            "Do not retype the password. Set AuthMode to a mechanism that the server offers, or use OAuth2 with \
             Token.\n\
             Create an application password or authorization code in the provider's settings and set it as \
             Password.\n\
             Ask the administrator to enable SMTP AUTH for the mailbox.",
            "RFC 4954 section 4",
        ),
        Cause::TlsRequired => (
            Who::SenderCode,
            "{server} accepts this only over an encrypted connection.",
            "Set Security to Required (STARTTLS, usually Port 587), or to Implicit (TLS from the start, usually Port \
             465).",
            "RFC 3207 section 4",
        ),
        Cause::TlsFailed => (
            Who::ServerAdmin,
            "No encrypted connection to {server} came about.",
            "Check that port and Security fit: 465 is Implicit; 587 and 25 are Required or Opportunistic.\n\
             The server must speak TLS 1.2 or later and have a valid certificate and key: ask its administrator.\n\
             If the reply's code begins with 4, try again later. Do not fall back to clear text.",
            "RFC 3207 section 4.1",
        ),
        Cause::SenderNotPermitted => (
            Who::SenderCode,
            "{server} does not let this client or login send as {sender}.",
            "Set From.Email (and ReturnPath, if set) to the mailbox you log in with, or to an address verified with \
             the provider.\n\
             Have the right to send as {sender} granted to the account.",
            "RFC 6409 section 6.1",
        ),
        Cause::SenderDomainInvalid => (
            Who::SenderCode,
            "{server} does not accept the sender's domain{sender-domain}: it does not exist, or takes no mail.",
            "Set From.Email to an address of a real domain that has MX or A records and takes bounces; not \
             localhost, not an internal host name.\n\
             Check the DNS entries of the domain; when they are new, wait until they are visible everywhere.",
            "RFC 5321 section 4.1.1.2",
        ),
        Cause::RecipientUnknown => (
            Who::SenderCode,
            "There is no mailbox {recipient} at {server}.",
            "Correct the address: compare it with what the recipient gave you.\n\
             Remove it from your lists; sending again will not help.",
            "RFC 5321 section 3.4",
        ),
        Cause::RecipientInactive => (
            Who::Recipient,
            "The mailbox {recipient} is disabled, suspended, expired or moved.",
            "Reach the recipient another way, and stop sending to this address.\n\
             Try again later only if the text calls it temporary.",
            "RFC 3463 section 3.3",
        ),
        Cause::RecipientAddressSyntax => (
            Who::SenderCode,
            "The recipient address {recipient} is malformed.",
            "Correct Recipients: one @, a domain after it, no display name, blanks or stray characters in Email.",
            "RFC 5321 section 4.1.2",
        ),
        Cause::RecipientRefuses => (
            Who::Recipient,
            "The recipient {recipient} or their organisation does not take mail from this sender.",
            "Ask the recipient or their administrator to allow {sender}.\n\
             Do not send again unchanged.",
            "RFC 3463 section 3.8",
        ),
        Cause::MailboxFull => (
            Who::Recipient,
            "The mailbox {recipient} is full.",
            "Tell the recipient another way; try again in some hours, and stop after a few days.",
            "RFC 3463 section 3.3",
        ),
        Cause::MessageTooLarge => (
            Who::SenderCode,
            "The message is larger than {server} or the recipient takes{sizes}.",
            "Make attachments smaller: they grow by about a third when encoded. Compress or split them.\n\
             Put large files on a web server and send a link.",
            "RFC 1870 section 6",
        ),
        Cause::RateLimited => (
            Who::NobodyRetry,
            "{server} limits how much may be sent in a time, and the limit is reached.",
            "Send later and slower: set RateLimit, and MaxMessagesPerConnection.\n\
             For a daily quota, wait until it resets, or have the plan raised.",
            "RFC 3463 section 3.8",
        ),
        Cause::Greylisted => (
            Who::NobodyRetry,
            "{server} defers the first contact of every new sender; nothing is wrong.",
            "Send the same message again, from the same address to the same recipient{wait}. The spool does this by \
             itself.",
            "RFC 6647 section 2",
        ),
        Cause::IpBlocked => (
            Who::SenderAccount,
            "{server} does not take mail from the address {client}: it is on a block list or has a bad reputation.",
            "Send through your provider's server, with login, on port 587 or 465: it uses another address. From a \
             dynamic or cloud address always do so.\n\
             Look {client} up on the list that the reply names, stop the cause, and ask there for removal.",
            "RFC 5782 section 2.1",
        ),
        Cause::DomainAuthFailed => (
            Who::SenderAccount,
            "SPF, DKIM or DMARC of the sender's domain{sender-domain} does not fit this mail.",
            "Send through the server that is meant for this domain, or add {client} to its SPF record.\n\
             Sign with DKIM for the domain of From.Email, so that DMARC finds an aligned domain.\n\
             Do not send as gmail.com, yahoo.com or another provider's domain from your own server.",
            "RFC 7489 section 6.6",
        ),
        Cause::ContentRejected => (
            Who::SenderCode,
            "{server} takes the content of the message for spam, a virus or a forbidden attachment.",
            "Remove executables, archives and shortened or listed links; scan the attachments.\n\
             Send a plain short text: if it passes, add the parts again one at a time to find the one that triggers.\n\
             If the content is harmless, report it to the administrator of {server}.",
            "RFC 3463 section 3.8",
        ),
        Cause::HeloOrRdnsRejected => (
            Who::SenderCode,
            "{server} does not accept the name of this computer{helo}, or its reverse DNS entry.",
            "Set DefaultDomain to a fully qualified host name that resolves to {client}.\n\
             Have your provider set the reverse DNS entry (PTR) of {client} to that name.\n\
             Otherwise send through your provider's server, with login, on port 587 or 465.",
            "RFC 5321 section 4.1.4",
        ),
        Cause::TooManyRecipients => (
            Who::SenderCode,
            "The message has more recipients{count} than {server} takes at once.",
            "Send to the others in further messages, at most 100 recipients each, or fewer if the reply names a \
             smaller number.",
            "RFC 5321 section 4.5.3.1.8",
        ),
        Cause::TooManyConnections => (
            Who::SenderCode,
            "{server} allows fewer connections at the same time.",
            "Set MaxConnections to 1 to 5, and send later.\n\
             Use one SMTP object for many messages, so that its connections are used again.",
            "RFC 5321 section 4.2.3",
        ),
        Cause::ServerBusy => (
            Who::NobodyRetry,
            "{server} has trouble of its own for the moment.",
            "Try again later, with growing pauses; nothing in the message needs a change.\n\
             If it lasts for hours, tell the administrator of {server}.",
            "RFC 5321 section 4.2.3",
        ),
        Cause::SmtpUtf8Unsupported => (
            Who::SenderCode,
            "An address has characters outside ASCII, and {server} does not take such addresses.",
            "Use an ASCII address for sender and recipients; a domain can be written in its xn-- form, the part \
             before the @ cannot.\n\
             Use a server that offers SMTPUTF8.",
            "RFC 6531 section 3.1",
        ),
        Cause::DeliveryOptionUnavailable => (
            Who::SenderCode,
            "{server} cannot give what the message asks for{option}; nothing was sent.",
            "Do without the option, or name its extension in OptionalExtensions: then the message goes without it and \
             the report says so.\n\
             Use a server that offers it.",
            "",
        ),
        Cause::ProtocolError => (
            Who::SenderCode,
            "{server} did not understand the conversation.",
            "Look at the transcript: a firewall or virus scanner that inspects SMTP may change the commands; try \
             port 587 or 465 with TLS to pass it.\n\
             Turn off the extension that the server refuses with DisabledExtensions.",
            "RFC 5321 section 4.3.2",
        ),
        Cause::RoutingFailed => (
            Who::ServerAdmin,
            "{server} cannot pass the mail on to {domain}.",
            "Check the spelling of {domain}, and that it has an MX or address record.\n\
             If the reply speaks of a loop or of hops, check forwarding rules of the recipient.\n\
             Otherwise the administrator of {server} must act.",
            "RFC 5321 section 5.1",
        ),
        Cause::MessageFormatRejected => (
            Who::SenderCode,
            "{server} finds the message malformed.",
            "Give it exactly one From, Date, Message-ID and Subject, in CRLF lines of at most 998 bytes; remove \
             CustomHeaders that repeat a header.\n\
             Let EmailMessage compose the message, if its bytes came from elsewhere.",
            "RFC 5322 section 3.6",
        ),
        Cause::DnsFailed => (
            Who::SenderCode,
            "The host name {server} has no address, or the name service did not answer.",
            "Check the spelling of the server's name.\n\
             Check this computer's network and name service: look the name up with `nslookup {server}`.",
            "RFC 5321 section 5.1",
        ),
        Cause::ConnectRefused => (
            Who::Network,
            "Nothing listens at {server}{port}, or a firewall refuses.",
            "Check Name and Port: 587 or 465 for mail with login, 25 between servers.\n\
             Check that the server runs, and that no firewall is in between.",
            "RFC 5321 section 4.5.4.2",
        ),
        Cause::ConnectTimeout => (
            Who::Network,
            "{server}{port} did not answer the attempt to connect.",
            "Port 25 is closed in many networks (homes, clouds): set Port to 587 or 465.\n\
             Check Name, and that no firewall drops the connection.",
            "RFC 5321 section 4.5.3.2",
        ),
        Cause::GreetingTimeout => (
            Who::Network,
            "{server}{port} took the connection and then said nothing.",
            "If the port expects TLS from the start (465), set Security to Implicit.\n\
             The server may delay or be overloaded: raise Timeouts for the greeting, or try later.\n\
             A firewall or proxy in between may hold the connection.",
            "RFC 5321 section 4.5.3.2.1",
        ),
        Cause::TlsOnPlainPort => (
            Who::SenderCode,
            "TLS was begun at {server}{port}, and the server answered in plain text.",
            "Set Security to Required for this port (STARTTLS), or set Port to 465 and keep Implicit.",
            "RFC 8314 section 3.3",
        ),
        Cause::PlainOnTlsPort => (
            Who::SenderCode,
            "{server}{port} expects TLS from the first byte.",
            "Set Security to Implicit for this port, or set Port to 587 with Security Required (STARTTLS).",
            "RFC 8314 section 3.3",
        ),
        Cause::CertificateExpired => (
            Who::ServerAdmin,
            "The certificate of {server} has expired or is not valid yet.",
            "Check this computer's clock.\n\
             Have the administrator of {server} renew the certificate.",
            "RFC 5280 section 4.1.2.5",
        ),
        Cause::CertificateWrongName => (
            Who::SenderCode,
            "The certificate was not issued for the name {server}.",
            "Set the server's Name to one that the certificate is issued for, or TlsServerName if you must connect \
             under another name.\n\
             Have the administrator of {server} add the name to the certificate.",
            "RFC 9525 section 6",
        ),
        Cause::CertificateUntrusted => (
            Who::SenderCode,
            "The certificate of {server} is not signed by an authority that this computer trusts.",
            "If the server has its own authority or a self-signed certificate, set CaFile to the PEM file of it.\n\
             Have the administrator of {server} send the complete chain, with all intermediate certificates.\n\
             A virus scanner or proxy that opens TLS shows its own certificate: exclude the mail server there.",
            "RFC 5280 section 6",
        ),
        Cause::CertificateNotPinned => (
            Who::SenderCode,
            "The certificate of {server} is none of those that CertificatePins names.",
            "Ask the administrator of {server} whether the certificate was renewed, by another way than this \
             connection; if so, add the pin that the error shows to CertificatePins.\n\
             If it was not, somebody in between may be reading along: send nothing.",
            "RFC 7469 section 2.6",
        ),
        Cause::ClientCertificateRefused => (
            Who::SenderAccount,
            "{server}{port} does not take the client certificate.",
            "Set ClientCertificate and ClientKey to the certificate that the administrator of {server} gave you, with \
             its intermediate certificates behind it.\n\
             Or use a port without client certificates: 587 or 465, with Account and Password.",
            "RFC 8446 section 4.4.2",
        ),
        Cause::ProxyFailed => (
            Who::SenderCode,
            "The proxy could not be reached, or does not work as one.",
            "Check host, port and kind of Proxy: socks5:// or http://.\n\
             Check that the proxy runs, and that no firewall is in between.",
            "",
        ),
        Cause::ProxyRefused => (
            Who::Network,
            "The proxy did not connect to {server}{port}.",
            "Check the server's Name and Port: the proxy looks the name up, not this computer.\n\
             Ask whoever runs the proxy to allow connections to {server}{port}: many allow web ports only.",
            "",
        ),
        Cause::ProxyAuthFailed => (
            Who::SenderCode,
            "The proxy did not let this program in.",
            "Set user and password in Proxy: socks5://user:password@host:1080 or http://user:password@host:3128, with \
             special characters percent-encoded.",
            "",
        ),
        Cause::RedirectedPort => (
            Who::Network,
            "Another server answered than the one asked for{greeting}: the network redirects{port}.",
            "Set Port to 587 or 465 with TLS: providers and scanners redirect port 25 most of all.\n\
             Use the server of the network you are in, or ask whoever runs it.",
            "RFC 5321 section 4.2",
        ),
        Cause::ConnectionLost => (
            Who::Network,
            "The connection to {server} broke, or the server stopped answering.",
            "Try again; nothing was delivered.\n\
             If it breaks at the same place each time, look at the transcript's last line: the server, a firewall or \
             a virus scanner closes there.",
            "RFC 5321 section 3.8",
        ),
        Cause::OutcomeUnknown => (
            Who::SenderCode,
            "The connection broke after the whole message was sent: it may have been delivered.",
            "Ask the recipient, or the server's log, for the message{message-id} before sending it again: a second \
             attempt may deliver it twice.",
            "RFC 5321 section 4.5.3.2.6",
        ),
        Cause::InvalidInput => (
            Who::SenderCode,
            "The message or a setting is not valid{field}; nothing was sent.",
            "Correct the value that the error names{field}.",
            "RFC 5322 section 3",
        ),
        Cause::FileFailed => (
            Who::SenderCode,
            "A local file could not be opened, read or written{field}.",
            "Check the path, that the folder exists, and that this program may use it.",
            "",
        ),
        Cause::Cancelled => (
            Who::SenderCode,
            "The program cancelled the operation.",
            "Send again when wanted; nothing was delivered unless the report says so.",
            "",
        ),
        _ => (
            Who::ServerAdmin,
            "{server} refused, and its reply does not say why.",
            "Read the reply and the transcript.\n\
             Ask the administrator of {server}, with the time and the text of the reply.",
            "RFC 5321 section 4.2",
        ),
    };
    Advice { who, summary, remedy, reference }
}
