//! The second part of a report: what became of each recipient, for programs (RFC 3464, RFC 6533).

use freesmtp_core::{Cause, message::Date, types::EnhancedCode};

use super::{Facts, Kind, Told};
use crate::queue::Millis;

/// A field is folded at this column.
const WIDTH: usize = 76;

/// Words of a server are given so far.
const LONGEST: usize = 1_000;

/// The part with its fields.
pub(super) fn part(facts: &Facts<'_>, told: &[Told<'_>], utf8: bool) -> String {
    let subtype = if utf8 { "global-delivery-status" } else { "delivery-status" };
    let mut text = format!("Content-Description: Delivery report\r\nContent-Type: message/{subtype}\r\n");
    let blocks = std::iter::once(message(facts)).chain(told.iter().map(|told| recipient(facts, *told, utf8)));
    let blocks: Vec<String> = blocks.map(|fields| written(&fields, utf8)).collect();
    let body = blocks.join("\r\n");
    if !body.is_ascii() {
        text.push_str("Content-Transfer-Encoding: 8bit\r\n");
    }
    text + "\r\n" + &body
}

type Fields = Vec<(&'static str, String)>;

/// Of the message as a whole (RFC 3464 section 2.2).
fn message(facts: &Facts<'_>) -> Fields {
    let mut fields = Fields::new();
    if let Some(id) = &facts.envelope.delivery.envelope_id {
        fields.push(("Original-Envelope-Id", id.clone()));
    }
    fields.push(("Reporting-MTA", format!("dns; {}", facts.host)));
    fields.push(("Arrival-Date", date(i64::try_from(facts.id.unix_ms()).unwrap_or(facts.now))));
    fields.push(("X-FreeSMTP-Id", facts.id.to_string()));
    fields
}

/// Of one recipient (RFC 3464 section 2.3).
fn recipient(facts: &Facts<'_>, told: Told<'_>, utf8: bool) -> Fields {
    let words = &told.about.words;
    let mut fields = Fields::new();
    if let Some(original) = &told.recipient.options.original_recipient {
        let typed = match original.split_once(';') {
            Some((kind, address)) => address_of(kind.trim(), address.trim(), utf8),
            None => address_of("rfc822", original, utf8),
        };
        fields.push(("Original-Recipient", typed));
    }
    fields.push(("Final-Recipient", address_of("rfc822", &told.recipient.email, utf8)));
    let action = match facts.kind {
        Kind::Failed => "failed",
        Kind::Delayed => "delayed",
        Kind::Relayed => "relayed",
    };
    fields.push(("Action", action.to_owned()));
    fields.push(("Status", status(facts.kind, told)));
    let server = host(&words.server);
    if !server.is_empty() {
        fields.push(("Remote-MTA", format!("dns; {server}")));
    }
    if let Some(said) = said(told) {
        // What the client itself found has no reply code, and so is no diagnostic of SMTP (RFC 3464 section 2.3.6).
        let kind = if words.code == 0 { "x-freesmtp" } else { "smtp" };
        fields.push(("Diagnostic-Code", format!("{kind}; {said}")));
    }
    if let Some(at) = told.about.at {
        fields.push(("Last-Attempt-Date", date(at)));
    }
    if let Some(until) = told.about.until.filter(|_| facts.kind == Kind::Delayed) {
        fields.push(("Will-Retry-Until", date(until)));
    }
    fields
}

/// What the server said, or what happened; on one line.
pub(super) fn said(told: Told<'_>) -> Option<String> {
    let words = &told.about.words;
    let text = words.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let status = match words.status.as_str() {
        status if status.is_empty() || text.starts_with(status) => String::new(),
        status => format!("{status} "),
    };
    match (words.code, text.is_empty()) {
        (0, true) => None,
        (0, false) => Some(text),
        (code, _) => Some(format!("{code} {status}{text}").trim_end().to_owned()),
    }
}

/// The enhanced status code (RFC 3463), of the class that the action asks for.
pub(super) fn status(kind: Kind, told: Told<'_>) -> String {
    let words = &told.about.words;
    let known: Option<EnhancedCode> = words.status.parse().ok();
    let class = match kind {
        Kind::Relayed => 2,
        Kind::Delayed => 4,
        // Its time was over: a persistent transient failure (RFC 3464 section 2.3.4).
        Kind::Failed if told.about.expired => return "4.4.7".to_owned(),
        Kind::Failed => 5,
    };
    if let Some(code) = known {
        return EnhancedCode { class, ..code }.to_string();
    }
    let rest = match words.cause.parse::<Cause>() {
        _ if kind == Kind::Relayed => "0.0",
        Ok(Cause::ConnectRefused | Cause::ConnectTimeout | Cause::GreetingTimeout) => "4.1",
        Ok(Cause::ConnectionLost | Cause::OutcomeUnknown) => "4.2",
        Ok(Cause::DnsFailed) => "4.3",
        Ok(Cause::RoutingFailed) => "4.4",
        Ok(Cause::RecipientUnknown) => "1.1",
        Ok(Cause::MailboxFull) => "2.2",
        Ok(Cause::MessageTooLarge) => "3.4",
        Ok(Cause::TlsFailed | Cause::CertificateExpired | Cause::CertificateWrongName) => "7.5",
        Ok(Cause::CertificateUntrusted | Cause::CertificateNotPinned) => "7.5",
        _ => "0.0",
    };
    format!("{class}.{rest}")
}

/// `type; address`: outside ASCII as RFC 6533 section 3 writes it.
fn address_of(kind: &str, address: &str, utf8: bool) -> String {
    if address.is_ascii() {
        return format!("{kind}; {address}");
    }
    let escaped = |c: char| match c {
        _ if utf8 => c.to_string(),
        c if c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\') => c.to_string(),
        c => format!("\\x{{{:X}}}", u32::from(c)),
    };
    format!("utf-8; {}", address.chars().map(escaped).collect::<String>())
}

/// `mail.example.com:25` without its port.
fn host(server: &str) -> &str {
    match server.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => server,
    }
}

fn date(at: Millis) -> String {
    Date::utc(at.div_euclid(1000)).to_string()
}

/// The fields, folded, of printable characters alone.
fn written(fields: &Fields, utf8: bool) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let plain = |c: char| if c.is_control() || (!utf8 && !c.is_ascii()) { '?' } else { c };
        let value: String = value.chars().map(plain).collect();
        let mut column = name.len() + 1;
        text.push_str(name);
        text.push(':');
        for word in value.split(' ') {
            let length = word.chars().count() + 1;
            if column > name.len() + 1 && column + length > WIDTH {
                text.push_str("\r\n");
                column = 0;
            }
            text.push(' ');
            text.push_str(word);
            column += length;
        }
        text.push_str("\r\n");
    }
    text
}
