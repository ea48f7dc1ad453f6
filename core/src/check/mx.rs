//! Where mail for the sender's domain goes: a domain that takes no bounces is refused by many servers.

use super::{
    CheckName, CheckStatus, CheckStep, advice, counted,
    domain::{Domain, not_answered},
};
use crate::{
    dns::{DnsError, Kind, Record},
    types::{Cause, Who},
};

const NAME: CheckName = CheckName::Mx;

pub(super) fn mx(domain: &Domain<'_>) -> CheckStep {
    let name = &domain.name;
    let mut hosts: Vec<(u16, String)> = match domain.resolver.lookup(name, Kind::Mx) {
        Ok(records) => records.into_iter().filter_map(exchange).collect(),
        Err(DnsError::NoSuchName) => return invalid(domain, &format!("The domain {name} does not exist.")),
        Err(DnsError::Failed(why)) => return not_answered(NAME, &format!("MX of {name}"), &why),
    };
    hosts.sort();
    if hosts.iter().any(|(_, host)| host.is_empty()) {
        // RFC 7505 section 3.
        return invalid(domain, &format!("The domain {name} takes no mail: it has a null MX."))
            .with("null_mx", "yes");
    }
    let reachable = |host: &str| {
        [Kind::A, Kind::Aaaa].iter().any(|kind| match domain.resolver.lookup(host, *kind) {
            Ok(records) => !records.is_empty(),
            // Nobody knows: no reason to complain.
            Err(DnsError::Failed(_)) => true,
            Err(DnsError::NoSuchName) => false,
        })
    };
    if hosts.is_empty() {
        // RFC 5321 section 5.1: without MX the domain itself.
        return match reachable(name) {
            true => CheckStep::new(
                NAME,
                CheckStatus::Ok,
                format!("{name} has no MX; its own address takes its mail."),
            )
            .with("host", name),
            false => {
                invalid(domain, &format!("The domain {name} takes no mail: it has neither MX nor address."))
            }
        };
    }
    let dead: Vec<&str> =
        hosts.iter().take(10).map(|(_, host)| host.as_str()).filter(|host| !reachable(host)).collect();
    let step = if dead.len() == hosts.len() {
        invalid(domain, &format!("The mail servers of {name} have no address: {}.", dead.join(", ")))
    } else {
        let summary = format!("Mail for {name} goes to {}.", counted(hosts.len(), "server", "servers"));
        CheckStep::new(NAME, CheckStatus::Ok, summary)
    };
    hosts.iter().fold(step, |step, (preference, host)| step.with("host", host).with("preference", preference))
}

fn exchange(record: Record) -> Option<(u16, String)> {
    match record {
        Record::Mx { preference, exchange } => Some((preference, exchange)),
        _ => None,
    }
}

/// The domain cannot take a bounce.
fn invalid(domain: &Domain<'_>, summary: &str) -> CheckStep {
    let remedy = [
        "Send from a domain that takes mail: answers and bounces come back there.".to_owned(),
        format!("Or have an MX record made for {}, which names a server that takes its mail.", domain.name),
    ];
    CheckStep::new(NAME, CheckStatus::Failed, summary).with_diagnosis(advice(
        Cause::SenderDomainInvalid,
        Who::SenderAccount,
        summary,
        &remedy,
        summary,
        "RFC 7505 section 4.2",
    ))
}
