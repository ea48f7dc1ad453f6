//! What the server says of itself: its greeting and its extensions.

use std::net::IpAddr;

use super::{CheckName, CheckStatus, CheckStep, advice, failed};
use crate::{
    diagnosis::is_foreign,
    dns::{Kind, Record, Resolver},
    smtp::{
        Server,
        probe::{Probe, Talk},
    },
    types::{Cause, Stage, Who},
};

pub(super) fn greeting(probe: &Probe, server: &Server, resolver: &dyn Resolver) -> CheckStep {
    const NAME: CheckName = CheckName::Greeting;
    let Some(talk) = probe.talk() else {
        return CheckStep::skipped(NAME, "There is no connection.");
    };
    if let Some(error) = probe.error_at(&[Stage::Connect]) {
        return failed(NAME, error).with("greeting", first_reply(&probe.transcript));
    }
    let Some(host) = &talk.greeting_host else {
        return CheckStep::skipped(NAME, "The session ended before the greeting.");
    };
    let step = match is_another(host, server, talk) && !is_same_machine(host, probe, resolver) {
        false => CheckStep::new(NAME, CheckStatus::Ok, format!("The server calls itself {host}.")),
        true => another(host, server),
    };
    step.with("host", host).with("greeting", first_reply(&probe.transcript))
}

pub(super) fn ehlo(probe: &Probe) -> CheckStep {
    const NAME: CheckName = CheckName::Ehlo;
    if let Some(error) = probe.error_at(&[Stage::Ehlo]) {
        return failed(NAME, error);
    }
    // With implicit TLS the handshake comes first.
    let Some(talk) = probe.talk().filter(|talk| talk.greeting_host.is_some()) else {
        return CheckStep::skipped(NAME, "The session ended before EHLO.");
    };
    let offered = &talk.capabilities.lines;
    let step = if talk.capabilities.host.is_empty() {
        let summary = "The server does not know EHLO: no extension can be used.";
        CheckStep::new(NAME, CheckStatus::Warning, summary).with_diagnosis(advice(
            Cause::ProtocolError,
            Who::ServerAdmin,
            summary,
            &[
                "Ask its administrator to enable ESMTP: without it there is no TLS and no login.".to_owned(),
                "A firewall in between may hide EHLO (\"SMTP inspection\"): have it turned off, or use port 465."
                    .to_owned(),
            ],
            "EHLO was refused, and HELO was taken",
            "RFC 5321 section 2.2.1",
        ))
    } else {
        let keywords: Vec<&str> = offered.iter().map(|line| keyword(line)).collect();
        let when = if talk.encrypted { " within TLS" } else { "" };
        CheckStep::new(
            NAME,
            CheckStatus::Ok,
            match keywords.is_empty() {
                true => format!("The server offers no extensions{when}."),
                false => format!("The server offers{when}: {}.", keywords.join(", ")),
            },
        )
    };
    offered.iter().fold(step, |step, line| step.with("extension", line))
}

fn keyword(line: &str) -> &str {
    line.split([' ', '=']).next().unwrap_or_default()
}

/// The first reply of the conversation, which is the greeting: its lines as they came.
fn first_reply(transcript: &[String]) -> String {
    let is_line = |line: &&String| {
        line.len() >= 3
            && line.bytes().take(3).all(|b| b.is_ascii_digit())
            && line.as_bytes().get(3).is_none_or(|b| matches!(b, b' ' | b'-'))
    };
    let lines = transcript.iter().skip_while(|line| !is_line(line)).take_while(is_line);
    lines.map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Whether the greeting is of somebody else's server.
///
/// A certificate that was verified proves who answers, whatever the greeting says; nothing can be said of a host that is
/// named by its address or is this machine.
fn is_another(greeting: &str, server: &Server, talk: &Talk) -> bool {
    let proven =
        talk.encrypted && !server.danger_accept_invalid_certs && !server.danger_accept_invalid_hostnames;
    let asked = server.certificate_name();
    !proven && is_foreign(greeting, asked)
}

/// Whether the name in the greeting leads to an address that was connected to: a hoster's own name for its machine.
fn is_same_machine(greeting: &str, probe: &Probe, resolver: &dyn Resolver) -> bool {
    let addresses = probe.addresses.as_deref().unwrap_or_default();
    [Kind::A, Kind::Aaaa].into_iter().any(|kind| {
        resolver.lookup(greeting, kind).unwrap_or_default().into_iter().any(|record| {
            let found: IpAddr = match record {
                Record::A(address) => address.into(),
                Record::Aaaa(address) => address.into(),
                _ => return false,
            };
            addresses.iter().any(|address| address.ip() == found)
        })
    })
}

fn another(greeting: &str, server: &Server) -> CheckStep {
    let (asked, port) = (server.certificate_name(), server.effective_port());
    let summary = format!("{asked} was asked for, and {greeting} answers: port {port} may be redirected.");
    let remedy = [
        format!(
            "If {greeting} belongs to your provider's mail service, all is well: then set the server's Name to \
             {greeting}, or Security to Required, so that the certificate proves it."
        ),
        format!(
            "If it belongs to your internet provider or to a firewall, port {port} is intercepted: use port 465 with \
             Security Implicit, or 587 with Security Required."
        ),
    ];
    let evidence = format!("asked for {asked}, greeted by {greeting}");
    CheckStep::new(CheckName::Greeting, CheckStatus::Warning, summary.clone()).with_diagnosis(advice(
        Cause::RedirectedPort,
        Who::Network,
        &summary,
        &remedy,
        &evidence,
        "RFC 5321 section 4.3.1",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_found_in_the_conversation() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let transcript =
            lines("Connect to server. a Port: 2525\nTLS established.\n220-a\n220 b\nEHLO x\n250 a");
        assert_eq!(first_reply(&transcript), "220-a\n220 b");
        assert_eq!(first_reply(&lines("Connect to server. a\nNo answer.")), "");
    }
}
