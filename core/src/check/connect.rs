//! The addresses of the host, and a connection to each.

use super::{CheckName, CheckStatus, CheckStep, advice, counted, failed};
use crate::{
    error::Error,
    smtp::{
        Server,
        probe::{Attempt, Probe},
    },
    types::{Cause, Failure, Who},
};

pub(super) fn dns(probe: &Probe, server: &Server) -> CheckStep {
    let addresses = match &probe.addresses {
        Ok(addresses) => addresses,
        Err(error) => return failed(CheckName::Dns, error),
    };
    if let Some(path) = server.unix_path() {
        let summary = format!("{} is a socket of this machine: nothing to look up.", path.display());
        return CheckStep::skipped(CheckName::Dns, summary);
    }
    if server.proxy.is_some() {
        return CheckStep::skipped(CheckName::Dns, "The proxy looks the name up, not this computer.");
    }
    let literal = server.name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let summary = if literal {
        format!("{} is an address: nothing to look up.", server.name)
    } else {
        format!("{} has {}.", server.name, counted(addresses.len(), "address", "addresses"))
    };
    let mut step = CheckStep::new(CheckName::Dns, CheckStatus::Ok, summary);
    for address in addresses {
        step.add("address", address.ip());
    }
    step
}

pub(super) fn connect(probe: &Probe, server: &Server) -> CheckStep {
    let attempts = &probe.attempts;
    if server.unix_path().is_some() || server.proxy.is_some() {
        let what = if server.proxy.is_some() {
            "The proxy connects to the server."
        } else {
            "The socket takes connections."
        };
        return match (&probe.error, probe.talk()) {
            (Some(error), None) => failed(CheckName::Connect, error),
            _ => CheckStep::new(CheckName::Connect, CheckStatus::Ok, what),
        };
    }
    if attempts.is_empty() {
        return CheckStep::skipped(CheckName::Connect, "There is no address to connect to.");
    }
    let refused: Vec<(&Attempt, &Error)> =
        attempts.iter().filter_map(|it| it.result.as_ref().err().map(|error| (it, error))).collect();
    let step = match refused.first() {
        None => CheckStep::new(CheckName::Connect, CheckStatus::Ok, all_take(attempts.len(), server)),
        Some((_, error)) if refused.len() == attempts.len() => failed(CheckName::Connect, error),
        Some((_, error)) => partly(&refused, attempts.len(), error, server),
    };
    attempts.iter().fold(step, |step, attempt| {
        let result = match &attempt.result {
            Ok(_) => "connected".to_owned(),
            Err(error) => why(error),
        };
        let took = attempt.elapsed.map(|took| took.as_millis().to_string());
        step.with("address", attempt.address)
            .with("result", result)
            .with("milliseconds", took.unwrap_or_else(|| "0".to_owned()))
    })
}

fn all_take(count: usize, server: &Server) -> String {
    match count {
        1 => format!("Port {} takes connections.", server.effective_port()),
        count => format!("Port {} takes connections at all {count} addresses.", server.effective_port()),
    }
}

/// Some addresses answer: a send works, and is slower for those that do not.
fn partly(refused: &[(&Attempt, &Error)], count: usize, error: &Error, server: &Server) -> CheckStep {
    let summary = format!("{} of {count} addresses take no connection.", refused.len());
    let names: Vec<String> = refused.iter().map(|(attempt, _)| attempt.address.ip().to_string()).collect();
    let cause = error.diagnosis().map_or(Cause::ConnectRefused, |diagnosis| diagnosis.cause);
    let v6_only = refused.iter().all(|(attempt, _)| attempt.address.is_ipv6());
    let mut remedy = vec![format!(
        "Ask the administrator of {} to serve port {} at {}, or to remove the address from DNS.",
        server.name,
        server.effective_port(),
        names.join(", ")
    )];
    if v6_only {
        remedy.push("If this network has no IPv6, nothing need be done: IPv4 is used.".to_owned());
    }
    let who = if v6_only { Who::Network } else { Who::ServerAdmin };
    let evidence: Vec<String> =
        refused.iter().map(|(attempt, error)| format!("{}: {}", attempt.address, error.message())).collect();
    CheckStep::new(CheckName::Connect, CheckStatus::Warning, summary.clone()).with_diagnosis(advice(
        cause,
        who,
        &summary,
        &remedy,
        &evidence.join("\n"),
        "RFC 5321 section 5.1",
    ))
}

/// The system's own words, without what every error says.
fn why(error: &Error) -> String {
    match error.failure() {
        Some(Failure::ConnectTimeout | Failure::GreetingTimeout) => "no answer".to_owned(),
        _ => error.message().split_once(": ").map_or(error.message(), |(_, why)| why).to_owned(),
    }
}
