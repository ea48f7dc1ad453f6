//! The first part of a report: for the person who wrote the message.

use freesmtp_core::{Cause, message::Date};

use super::{Facts, Kind, Told, returned::Returned, status};

/// What the report is called.
pub(super) fn subject(kind: Kind, count: usize) -> &'static str {
    match (kind, count) {
        (Kind::Failed, 1) => "Your message could not be delivered",
        (Kind::Failed, _) => "Your message could not be delivered to some recipients",
        (Kind::Delayed, _) => "Your message is late, and still being tried",
        (Kind::Relayed, _) => "Your message was passed on",
    }
}

/// What happened, and what to do.
pub(super) fn text(facts: &Facts<'_>, told: &[Told<'_>], returned: &Returned) -> String {
    let mut text = format!("This is the mail system at {}.\n\n{}\n", facts.host, opening(facts.kind));
    let about = [("Subject", returned.field("Subject")), ("Date", returned.field("Date"))];
    // An encoded word (RFC 2047) tells a person nothing; the whole field is in the last part.
    let known: Vec<String> = about
        .into_iter()
        .filter_map(|(name, value)| {
            Some(format!("    {name}: {}\n", shown(&value.filter(|value| !value.contains("=?"))?)))
        })
        .collect();
    if !known.is_empty() {
        text.push_str(&format!("\n{}", known.concat()));
    }
    for one in told {
        text.push('\n');
        text.push_str(&paragraph(facts, *one));
    }
    text.push_str(&closing(facts, returned));
    text
}

fn opening(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => {
            "Your message could not be delivered to the recipients below, and will not be tried again."
        }
        Kind::Delayed => {
            "Your message has not been delivered yet. It is still being tried; you need not send it again."
        }
        Kind::Relayed => {
            "Your message was handed to the server of the recipients below. That server does not report deliveries, \
             so you will not be told when it arrives."
        }
    }
}

fn paragraph(facts: &Facts<'_>, told: Told<'_>) -> String {
    let words = &told.about.words;
    let mut text = format!("<{}>\n", told.recipient.email);
    if facts.kind != Kind::Relayed {
        let expired = told.about.expired && facts.kind == Kind::Failed;
        if expired {
            text.push_str("    It was tried again and again until its time was over.\n");
        }
        let before = if expired { "At last: " } else { "" };
        let found = words.cause.parse().unwrap_or(Cause::Unknown);
        let sentence = match words.status.as_str() {
            "5.1.2" => "The domain of the address does not exist; it may be misspelt",
            "5.1.10" => "The domain of the address takes no mail",
            _ => cause(found),
        };
        text.push_str(&format!("    {before}{sentence}.\n"));
        let remedy = if words.remedy.trim().is_empty() { remedy(found) } else { &words.remedy };
        for remedy in remedy.lines().filter(|line| !line.trim().is_empty()) {
            text.push_str(&format!("    What to do: {}\n", shown(remedy.trim())));
        }
    }
    if let Some(said) = status::said(told) {
        let who = match words.server.as_str() {
            "" => "What happened".to_owned(),
            server if words.code == 0 => format!("What happened, with {server}"),
            server => format!("The server {server} said"),
        };
        text.push_str(&format!("    {who}: {said}\n"));
    }
    if let Some(until) = told.about.until.filter(|_| facts.kind == Kind::Delayed) {
        text.push_str(&format!("    It is tried until {}.\n", Date::utc(until.div_euclid(1000))));
    }
    text
}

fn closing(facts: &Facts<'_>, returned: &Returned) -> String {
    let attached = match returned {
        returned if returned.is_empty() => "",
        returned if returned.is_whole() => "Your message is attached.",
        returned if returned.is_shortened() => {
            "The headers of your message are attached; it is too large to be given back whole."
        }
        _ => "The headers of your message are attached.",
    };
    let space = if attached.is_empty() { "" } else { " " };
    format!("\n{attached}{space}Whoever runs {} finds more about it by the id {}.\n", facts.host, facts.id)
}

/// What a person is told of a cause: a sentence without its full stop.
fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::RecipientUnknown => "There is no such mailbox; the address may be misspelt, or given up",
        Cause::RecipientInactive => "The mailbox is closed, suspended, or has moved",
        Cause::RecipientAddressSyntax => "The server does not take the address as one",
        Cause::RecipientRefuses => "The recipient, or their organisation, takes no mail from you",
        Cause::MailboxFull => "The recipient's mailbox is full",
        Cause::MessageTooLarge => "The message is larger than the server takes",
        Cause::RelayDenied => "The server does not carry mail for that domain",
        Cause::SenderNotPermitted => "The server does not take mail from your address by this way",
        Cause::SenderDomainInvalid => "The server finds that the domain of your address takes no mail",
        Cause::DomainAuthFailed => {
            "The server could not prove that the message is from the domain of your address"
        }
        Cause::ContentRejected => "The server refused what is in the message",
        Cause::MessageFormatRejected => "The server refused the form of the message",
        Cause::IpBlocked => "The server takes no mail from the address of the mail system",
        Cause::HeloOrRdnsRejected => "The server refused the name of the mail system",
        Cause::RateLimited => "The server takes no more mail at this rate",
        Cause::Greylisted => "The server asked to wait before it takes a first message",
        Cause::ServerBusy => "The server was in trouble itself",
        Cause::TooManyRecipients => "The message has more recipients than the server takes",
        Cause::TooManyConnections => "The server took no more connections",
        Cause::SmtpUtf8Unsupported => {
            "The address has letters outside ASCII, and the server does not take those"
        }
        Cause::DeliveryOptionUnavailable => "The server cannot do what the message asks of it",
        Cause::RoutingFailed => "There is no way to the recipient's server",
        Cause::DnsFailed => "The recipient's server could not be found",
        Cause::ConnectRefused | Cause::ConnectTimeout | Cause::GreetingTimeout => {
            "The recipient's server did not answer"
        }
        Cause::ConnectionLost => "The connection to the recipient's server broke",
        Cause::OutcomeUnknown => {
            "The connection broke after the whole message was sent; it may have been delivered"
        }
        Cause::TlsFailed
        | Cause::TlsRequired
        | Cause::CertificateExpired
        | Cause::CertificateWrongName
        | Cause::CertificateUntrusted
        | Cause::CertificateNotPinned
        | Cause::ClientCertificateRefused => {
            "There was no connection to the recipient's server that is safe enough"
        }
        Cause::AuthRequired | Cause::AuthFailed | Cause::AuthMechanismUnavailable => {
            "The server did not let the mail system log in"
        }
        _ => "The message was not taken",
    }
}

/// What a sender can do when the diagnosis said nothing.
fn remedy(cause: Cause) -> &'static str {
    match cause {
        Cause::RecipientUnknown | Cause::RecipientAddressSyntax => {
            "Check the spelling of the address, or ask the recipient for the right one."
        }
        Cause::RecipientInactive => "Ask the recipient for the new address.",
        Cause::RecipientRefuses => "Ask the recipient in another way to take mail from you.",
        Cause::MailboxFull => "Tell the recipient in another way, and send the message again later.",
        Cause::MessageTooLarge => "Send a smaller message, or a link in place of the attachment.",
        Cause::TooManyRecipients => "Send the message to fewer recipients at once.",
        Cause::ContentRejected => {
            "Send the message without its attachments and links, or ask the recipient what was refused."
        }
        _ => "Send it again later, or tell whoever runs this mail system.",
    }
}

/// Words of others on one line, without what a screen would obey.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
