//! Prints the page of all causes: what each means, who must act, what to do, and a reply that shows it.
//!
//! Nothing is written down here: the words are those of the diagnosis, for the replies of `tests/diagnosis_cases.tsv`
//! and for what the client notices itself. `make docs` puts the page into the site.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Write as _,
    io::{self, Write as _},
};

use freesmtp_core::{
    diagnosis::{Context, Failure, diagnose},
    types::{Cause, DeliveryExtension, Diagnosis, Reply, Stage, Unmet, Who},
};

/// A reply for each row of the table of rules.
const CASES: &str = include_str!("../tests/diagnosis_cases.tsv");

/// What the client notices itself: its failure, the port it was at, and the words of the system.
const NOTICED: &[(Failure, u16, &str)] = &[
    (Failure::DnsFailed, 587, "failed to lookup address information: Name or service not known"),
    (Failure::ConnectRefused, 587, "Connection refused (os error 111)"),
    (Failure::ConnectTimeout, 25, "no answer in 30 seconds"),
    (Failure::GreetingTimeout, 465, "no greeting in 60 seconds"),
    (Failure::TlsOnPlainPort, 587, "wrong version number"),
    (Failure::PlainOnTlsPort, 465, ""),
    (Failure::TlsTooOld, 587, "unsupported protocol"),
    (Failure::CertificateExpired, 587, "certificate has expired"),
    (Failure::CertificateWrongName, 587, "hostname mismatch"),
    (Failure::CertificateUntrusted, 587, "unable to get local issuer certificate"),
    (Failure::CertificateNotPinned, 587, ""),
    (Failure::ClientCertificateRequired, 587, "certificate required"),
    (Failure::ProxyFailed, 587, "Connection refused (os error 111)"),
    (Failure::ProxyRefused, 25, "403 Forbidden"),
    (Failure::ProxyAuthFailed, 587, "407 Proxy Authentication Required"),
    (Failure::RedirectedPort, 25, ""),
    (Failure::ConnectionLost, 587, "Connection reset by peer (os error 104)"),
    (Failure::OutcomeUnknown, 587, "Connection reset by peer (os error 104)"),
    (Failure::MessageTooLarge { size: 31_457_280, limit: 26_214_400 }, 587, ""),
    (Failure::SmtpUtf8Unsupported, 587, ""),
    (Failure::InvalidInput, 0, "holds a line break"),
    (Failure::FileFailed, 0, "report.pdf: No such file or directory (os error 2)"),
    (Failure::Cancelled, 0, ""),
];

/// One cause with the example that shows it.
struct Entry {
    /// Where it happened, and what was said.
    shown: Vec<String>,
    diagnosis: Diagnosis,
}

fn main() -> Result<(), Box<dyn Error>> {
    io::stdout().write_all(page()?.as_bytes())?;
    Ok(())
}

fn page() -> Result<String, Box<dyn Error>> {
    let mut refused = refusals()?;
    let mut noticed = notices();
    let mut page = String::from(HEAD);
    for (title, entries) in
        [("What a server refuses", &mut refused), ("What the client notices itself", &mut noticed)]
    {
        writeln!(page, "\n## {title}\n\n| cause | who must act |\n|---|---|")?;
        for (cause, entry) in &*entries {
            writeln!(page, "| [`{cause}`](#{cause}) | {} |", acting(entry.diagnosis.who))?;
        }
    }
    page.push_str("\n## Each of them\n");
    for cause in Cause::ALL {
        let entry = refused.remove(cause).or_else(|| noticed.remove(cause));
        describe(&mut page, *cause, &entry.ok_or(format!("no example shows {cause}"))?)?;
    }
    Ok(page)
}

const HEAD: &str = "\
# Causes

Why a mail failed, who must act, and what to do: `diagnosis` of every error, result and event. The identifiers are
stable, and the same in every language; programs may branch on them. The sentences are written for people and name what is
known of the session; these are from one where `mail.example.com` was asked to take a mail from `you@example.com` to
`friend@example.org`. What the server offered and what was set decides with: the same reply to a program that has logged in
may have another cause, and another remedy.

`unknown` is an honest answer: the reply does not say, or no rule knows its words yet.
[CONTRIBUTING.md](../CONTRIBUTING.md) says how a rule is added.
";

fn describe(page: &mut String, cause: Cause, entry: &Entry) -> Result<(), Box<dyn Error>> {
    let Diagnosis { who, summary, remedy, reference, .. } = &entry.diagnosis;
    writeln!(page, "\n### {cause}\n\n{}\n", plain(summary))?;
    if !entry.shown.is_empty() {
        writeln!(page, "```text\n{}\n```\n", entry.shown.join("\n"))?;
    }
    writeln!(page, "Who must act: {} (`{who}`).\n", acting(*who))?;
    for way in remedy.lines() {
        writeln!(page, "- {}", plain(way))?;
    }
    if let Some(reference) = reference {
        writeln!(page, "\nSee {}.", plain(reference))?;
    }
    Ok(())
}

/// Text in which Markdown finds nothing to do.
fn plain(text: &str) -> String {
    text.replace('\\', r"\\").replace('<', "&lt;").replace('*', r"\*").replace('_', r"\_")
}

fn acting(who: Who) -> &'static str {
    match who {
        Who::SenderCode => "the program that sends: its code or settings",
        Who::SenderAccount => "the owner of the sending account or domain",
        Who::ServerAdmin => "the administrator of the server",
        Who::Recipient => "the recipient, or their organisation",
        Who::Network => "whoever runs the network in between",
        Who::NobodyRetry => "nobody: the same attempt later will do",
        _ => "see the remedy",
    }
}

fn session() -> Context<'static> {
    Context {
        host: "mail.example.com",
        sender: Some("you@example.com"),
        recipient: Some("friend@example.org"),
        message_id: Some("<20260714.4711@example.com>"),
        ..Context::default()
    }
}

/// A telling reply of each cause, short enough for a line.
fn refusals() -> Result<BTreeMap<Cause, Entry>, Box<dyn Error>> {
    let mut found: BTreeMap<Cause, (usize, Entry)> = BTreeMap::new();
    for row in CASES.lines().filter(|row| !row.starts_with('#')).skip(1) {
        let [cause, phase, offered, text] = row.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("not four columns: {row}").into());
        };
        let cause: Cause = cause.parse().map_err(|()| format!("no cause: {cause}"))?;
        let fits = text.is_ascii() && (30..=110).contains(&text.len()) && !text.contains("\\n");
        // Codes of their own tell more than any words: a reply with an enhanced status code goes first, then a short one.
        let enhanced = text.get(4..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let worth = if fits { 200 - text.len() + if enhanced { 200 } else { 0 } } else { 0 };
        if found.get(&cause).is_some_and(|(best, _)| *best >= worth) {
            continue;
        }
        let reply = Reply::parse(text).ok_or(format!("not a reply: {text}"))?;
        let stage: Option<Stage> = phase.parse().ok();
        let offered: Vec<String> = offered.split(", ").map(str::to_owned).collect();
        let diagnosis =
            diagnose(&Context { stage, reply: Some(&reply), offered: &offered, port: 587, ..session() });
        if diagnosis.cause == cause {
            let shown = vec![format!("{phase}: {text}")];
            found.insert(cause, (worth, Entry { shown, diagnosis }));
        }
    }
    let mut entries: BTreeMap<Cause, Entry> =
        found.into_iter().map(|(cause, (_, entry))| (cause, entry)).collect();
    // Of no use as an example: any reply may be understood by tomorrow.
    entries.insert(Cause::Unknown, Entry { shown: Vec::new(), diagnosis: diagnose(&session()) });
    Ok(entries)
}

fn notices() -> BTreeMap<Cause, Entry> {
    let option =
        Failure::DeliveryOption { extension: DeliveryExtension::RequireTls, unmet: Unmet::NotOffered };
    let mut entries = BTreeMap::new();
    for (failure, port, detail) in NOTICED.iter().copied().chain([(option, 587, "")]) {
        let diagnosis = diagnose(&Context {
            failure: Some(failure),
            detail,
            port,
            field: (failure == Failure::InvalidInput).then_some("Recipients[0].Email"),
            greeting_host: (failure == Failure::RedirectedPort).then_some("smtp.provider.example"),
            ..session()
        });
        let shown = diagnosis.evidence.lines().map(str::to_owned).collect();
        entries.entry(diagnosis.cause).or_insert(Entry { shown, diagnosis });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_place() {
        let page = page().unwrap();
        for cause in Cause::ALL {
            let (_, after) = page.split_once(&format!("\n### {cause}\n")).unwrap();
            let section = after.split("\n### ").next().unwrap();
            assert!(section.contains("Who must act: "), "{cause}");
            assert!(section.contains("\n- "), "{cause} has no remedy");
        }
    }
}
