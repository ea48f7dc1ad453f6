//! What the sender's domain asks recipients to do with mail that neither SPF nor DKIM vouches for (RFC 7489).

use super::{
    CheckName, CheckStatus, CheckStep, advice,
    domain::{Domain, not_answered, tags},
    spf::Verdict,
};
use crate::{
    dns::DnsError,
    types::{Cause, Who},
};

const NAME: CheckName = CheckName::Dmarc;

/// Most names that are looked at on the way up from a domain.
const MOST_STEPS: usize = 8;

/// `spf` is the verdict when there is one; `key` is how the step for the DKIM key ended.
pub(super) fn dmarc(domain: &Domain<'_>, spf: Option<Verdict>, key: CheckStatus) -> CheckStep {
    let found = match find(domain) {
        Ok(found) => found,
        Err(why) => return not_answered(NAME, &format!("The DMARC record of {}", domain.name), &why),
    };
    let Some(found) = found else { return none(domain) };
    let policy = found.policy(&domain.name);
    let step = judge(domain, &policy, spf, key);
    step.with("name", format!("_dmarc.{}", found.domain))
        .with("record", &found.record)
        .with("policy", policy)
        .with("alignment", if found.tag("aspf") == Some("s") { "strict" } else { "relaxed" })
}

/// A record, and the domain that has it.
struct Found {
    domain: String,
    record: String,
    tags: Vec<(String, String)>,
}

impl Found {
    fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What is asked for mail from `domain`: `none`, `quarantine` or `reject`. A domain above says it in sp=.
    fn policy(&self, domain: &str) -> String {
        let known = |value: &&str| {
            ["none", "quarantine", "reject"].iter().any(|policy| value.eq_ignore_ascii_case(policy))
        };
        let own = self.tag("p").filter(known);
        let said = if self.domain == domain { own } else { self.tag("sp").filter(known).or(own) };
        said.unwrap_or("none").to_ascii_lowercase()
    }
}

/// The record of the domain, else of the organizational domain above it.
///
/// RFC 7489 finds that one with a list of public suffixes, which ages; its successor walks up the tree of names, and so
/// is it done here. The record nearest to the root counts, unless one says that it is (`psd=n`) or is a registry's
/// (`psd=y`).
fn find(domain: &Domain<'_>) -> Result<Option<Found>, String> {
    let labels: Vec<&str> = domain.name.split('.').collect();
    let mut organizational: Option<Found> = None;
    for step in 0..labels.len() {
        // Of a very long name the upper seven are looked at, after the name itself.
        if step > 0 && labels.len() - step >= MOST_STEPS {
            continue;
        }
        let Some(found) = record_at(domain, &labels[step..].join("."))? else { continue };
        if step == 0 || found.tag("psd") == Some("n") {
            return Ok(Some(found));
        }
        if found.tag("psd") == Some("y") && organizational.is_some() {
            break;
        }
        organizational = Some(found);
    }
    Ok(organizational)
}

fn record_at(domain: &Domain<'_>, name: &str) -> Result<Option<Found>, String> {
    let texts = match domain.resolver.texts(&format!("_dmarc.{name}")) {
        Ok(texts) => texts,
        Err(DnsError::NoSuchName) => Vec::new(),
        Err(DnsError::Failed(why)) => return Err(why),
    };
    let mut records = texts.into_iter().filter_map(|record| {
        let tags = tags(&record)?;
        let is_dmarc = tags.first().is_some_and(|(name, value)| name == "v" && value == "DMARC1");
        is_dmarc.then(|| Found { domain: name.to_owned(), record, tags })
    });
    // Two records are none (section 6.6.3).
    Ok(records.next().filter(|_| records.next().is_none()))
}

fn none(domain: &Domain<'_>) -> CheckStep {
    let name = &domain.name;
    let summary = format!("{name} has no DMARC record; large providers want one.");
    let remedy = [format!(
        "Have a TXT record made for _dmarc.{name}; to begin with: v=DMARC1; p=none; rua=mailto:postmaster@{name}"
    )];
    CheckStep::new(NAME, CheckStatus::Warning, summary.clone()).with_diagnosis(advice(
        Cause::DomainAuthFailed,
        Who::SenderAccount,
        &summary,
        &remedy,
        &format!("no record at _dmarc.{name} or above"),
        "RFC 7489 section 6.6.3",
    ))
}

fn judge(domain: &Domain<'_>, policy: &str, spf: Option<Verdict>, key: CheckStatus) -> CheckStep {
    let name = &domain.name;
    let signed = matches!(key, CheckStatus::Ok | CheckStatus::Warning);
    let what = match policy {
        "reject" => "is to be rejected",
        "quarantine" => "is to be put aside as spam",
        _ => "is delivered as ever",
    };
    let asks = format!("{name} asks: mail that neither SPF nor DKIM vouches for {what}.");
    match spf {
        // The domain in MAIL FROM is that of From: it is aligned.
        Some(Verdict::Pass) => {
            CheckStep::new(NAME, CheckStatus::Ok, format!("{asks} SPF vouches for this mail."))
        }
        _ if policy == "none" => CheckStep::new(NAME, CheckStatus::Ok, asks),
        // Not known here.
        None | Some(Verdict::TempError) if !signed => CheckStep::new(
            NAME,
            CheckStatus::Ok,
            format!("{asks} Whether one of them does could not be told from here."),
        ),
        _ if signed => CheckStep::new(
            NAME,
            CheckStatus::Ok,
            format!("{asks} This mail must be signed with the DKIM key {}.", domain.selector),
        ),
        _ => {
            let summary = format!("{asks} SPF does not vouch for this mail, so DKIM must.");
            // A key that is not there vouches for nothing; without a selector nobody knows.
            let status = if key == CheckStatus::Failed { CheckStatus::Failed } else { CheckStatus::Warning };
            let remedy = [
                format!("Sign the mail with DKIM for {name}, and check again with the selector of the key."),
                format!("Or send through a server that the SPF record of {name} names."),
            ];
            CheckStep::new(NAME, status, summary.clone()).with_diagnosis(advice(
                Cause::DomainAuthFailed,
                Who::SenderAccount,
                &summary,
                &remedy,
                &format!("policy {policy}"),
                "RFC 7489 section 6.6",
            ))
        }
    }
}
