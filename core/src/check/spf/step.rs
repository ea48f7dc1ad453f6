//! The step `spf`: the judgement in words, and what to change in the record.

use super::{
    super::{
        CheckName, CheckStatus, CheckStep, advice,
        domain::{Domain, Outgoing, not_answered},
    },
    Judgement, Sender, Verdict, check_host,
};
use crate::{
    os,
    types::{Cause, Who},
};

const NAME: CheckName = CheckName::Spf;
const REFERENCE: &str = "RFC 7208 section 8";

/// The step, and the verdict when there is one.
pub(in super::super) fn spf(domain: &Domain<'_>) -> (CheckStep, Option<Verdict>) {
    let (ip, unknown) = match &domain.outgoing {
        Outgoing::Known(ip) => (*ip, None),
        // Judged for an address that nobody has, a record shows whether it is there and can be read at all.
        Outgoing::Unknown(why) => (std::net::Ipv4Addr::UNSPECIFIED.into(), Some(why.as_str())),
    };
    let judgement = check_host(
        &Sender {
            ip,
            local_part: domain.mailbox.local_part(),
            domain: &domain.name,
            helo: domain.helo,
            unix_seconds: os::entropy::unix_seconds(),
        },
        domain.resolver,
    );
    let name = &domain.name;
    let step = match (judgement.verdict, unknown) {
        (Verdict::TempError, _) => {
            not_answered(NAME, &format!("The SPF record of {name}"), &judgement.problem)
        }
        (Verdict::None, _) => none(domain, &judgement),
        (Verdict::PermError, _) => broken(domain, &judgement),
        (_, Some(why)) => {
            let summary =
                format!("{name} has an SPF record; whom it allows could not be compared, because {why}.");
            return (
                CheckStep::new(NAME, CheckStatus::Ok, summary)
                    .with("result", "unknown")
                    .with("record", &judgement.record)
                    .with("compare", "give the outgoing address as OutgoingIp to have it judged"),
                None,
            );
        }
        (Verdict::Pass, None) => {
            let summary = format!("{name} lets {ip} send its mail.");
            CheckStep::new(NAME, CheckStatus::Ok, summary)
        }
        (verdict, None) => refused(domain, &judgement, verdict, &ip.to_string()),
    };
    let address = if unknown.is_none() { ip.to_string() } else { String::new() };
    let step = step
        .with("result", judgement.verdict.as_str())
        .with("record", &judgement.record)
        .with("term", &judgement.term)
        .with("domain", if judgement.term.is_empty() { "" } else { &judgement.domain })
        .with("address", address)
        .with("problem", &judgement.problem)
        .with("explanation", &judgement.explanation);
    (step, Some(judgement.verdict))
}

fn refused(domain: &Domain<'_>, judgement: &Judgement, verdict: Verdict, ip: &str) -> CheckStep {
    let name = &domain.name;
    let (status, summary) = match verdict {
        Verdict::Fail => (CheckStatus::Failed, format!("{name} forbids {ip} to send its mail.")),
        Verdict::SoftFail => (CheckStatus::Warning, format!("{name} does not expect {ip} to send its mail.")),
        _ => (CheckStatus::Warning, format!("{name} does not say whether {ip} may send its mail.")),
    };
    let network = if ip.contains(':') { format!("ip6:{ip}") } else { format!("ip4:{ip}") };
    let remedy = [
        format!("Send mail of {name} through a server that its SPF record names."),
        format!("Or have {network} added to the SPF record: {}", with_term(&judgement.record, &network)),
        format!("If {ip} is not the address that recipients see, check again with OutgoingIp set to that."),
    ];
    let evidence =
        format!("{}: {} by {}", judgement.domain, verdict.as_str(), or(&judgement.term, "no term"));
    CheckStep::new(NAME, status, summary.clone()).with_diagnosis(advice(
        Cause::DomainAuthFailed,
        Who::SenderAccount,
        &summary,
        &remedy,
        &evidence,
        REFERENCE,
    ))
}

fn none(domain: &Domain<'_>, judgement: &Judgement) -> CheckStep {
    let name = &domain.name;
    let summary = format!("{name} has no SPF record: recipients cannot tell its mail from forgeries.");
    let term = match domain.outgoing {
        Outgoing::Known(ip) if ip.is_ipv6() => format!("ip6:{ip}"),
        Outgoing::Known(ip) => format!("ip4:{ip}"),
        Outgoing::Unknown(_) => "mx".to_owned(),
    };
    let remedy = [format!(
        "Have a TXT record made for {name} that names every server which sends its mail, such as: \
         v=spf1 {term} -all"
    )];
    CheckStep::new(NAME, CheckStatus::Warning, summary.clone()).with_diagnosis(advice(
        Cause::DomainAuthFailed,
        Who::SenderAccount,
        &summary,
        &remedy,
        &judgement.problem,
        "RFC 7208 section 3",
    ))
}

fn broken(domain: &Domain<'_>, judgement: &Judgement) -> CheckStep {
    let name = &domain.name;
    let summary = format!("The SPF record of {name} cannot be used: {}.", judgement.problem);
    let whose = or(&judgement.domain, name);
    let remedy = [format!("Have the record of {whose} corrected; until then recipients take it for broken.")];
    CheckStep::new(NAME, CheckStatus::Failed, summary.clone()).with_diagnosis(advice(
        Cause::DomainAuthFailed,
        Who::SenderAccount,
        &summary,
        &remedy,
        &judgement.problem,
        "RFC 7208 section 8.7",
    ))
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// The record with one more term, before `all` or at the end.
fn with_term(record: &str, term: &str) -> String {
    let terms: Vec<&str> = record.split(' ').filter(|term| !term.is_empty()).collect();
    let is_last = |term: &&str| {
        let bare = term.trim_start_matches(['+', '-', '~', '?']).to_ascii_lowercase();
        bare == "all" || bare.starts_with("redirect=")
    };
    let at = terms.iter().position(is_last).unwrap_or(terms.len());
    [&terms[..at], &[term], &terms[at..]].concat().join(" ")
}

#[cfg(test)]
mod tests {
    use super::with_term;

    #[test]
    fn a_term_goes_before_all() {
        let with = |record| with_term(record, "ip4:192.0.2.1");
        assert_eq!(with("v=spf1 mx -all"), "v=spf1 mx ip4:192.0.2.1 -all");
        assert_eq!(with("v=spf1  redirect=a.test"), "v=spf1 ip4:192.0.2.1 redirect=a.test");
        assert_eq!(with("v=spf1 mx"), "v=spf1 mx ip4:192.0.2.1");
    }
}
