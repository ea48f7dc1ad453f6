//! What a check found: one entry for each step.

use std::time::Duration;

use crate::types::Diagnosis;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckStatus {
    /// Not done: a step before it failed, or what it needs was not given.
    Skipped,
    /// As it should be.
    Ok,
    /// It works, and something should be looked at.
    Warning,
    /// Mail cannot be sent this way, or will be refused.
    Failed,
}

impl CheckStatus {
    /// Every value.
    pub const ALL: [CheckStatus; 4] = [Self::Skipped, Self::Ok, Self::Warning, Self::Failed];

    /// The stable name: `skipped`, `ok`, `warning`, `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a step looks at. A report has each of them once, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CheckName {
    /// The addresses of the host.
    Dns,
    /// A connection to each address.
    Connect,
    /// The server's greeting.
    Greeting,
    /// The extensions that it offers.
    Ehlo,
    /// Encryption and the certificate.
    Tls,
    /// The login.
    Auth,
    /// Sender and recipients, without a message.
    Envelope,
    /// How large a message may be, and how many recipients it may have.
    Limits,
    /// Where mail for the sender's domain goes (RFC 5321 section 5.1, RFC 7505).
    Mx,
    /// Whether the sender's domain allows the outgoing address (RFC 7208).
    Spf,
    /// The sender's domain's DKIM key (RFC 6376).
    Dkim,
    /// The sender's domain's policy (RFC 7489).
    Dmarc,
}

impl CheckName {
    /// Every step, in order.
    pub const ALL: [CheckName; 12] = [
        Self::Dns,
        Self::Connect,
        Self::Greeting,
        Self::Ehlo,
        Self::Tls,
        Self::Auth,
        Self::Envelope,
        Self::Limits,
        Self::Mx,
        Self::Spf,
        Self::Dkim,
        Self::Dmarc,
    ];

    /// The stable name: `dns`, `connect`, `greeting`, `ehlo`, `tls`, `auth`, `envelope`, `limits`, `mx`, `spf`,
    /// `dkim`, `dmarc`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Envelope => "envelope",
            Self::Limits => "limits",
            Self::Mx => "mx",
            Self::Spf => "spf",
            Self::Dkim => "dkim",
            Self::Dmarc => "dmarc",
        }
    }
}

impl std::fmt::Display for CheckName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that a step found. A name may stand several times in a step; `docs/check.md` lists them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFact {
    /// Its stable name, such as `address` or `certificate_subject`.
    pub name: &'static str,
    /// Its value, as text.
    pub value: String,
}

/// One step: how it ended, what was found, and on trouble why and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckStep {
    /// What it looks at.
    pub name: CheckName,
    /// How it ended.
    pub status: CheckStatus,
    /// One sentence for a person.
    pub summary: String,
    /// What was found, in order.
    pub facts: Vec<CheckFact>,
    /// Cause, who must act, remedy; on warnings and failures.
    pub diagnosis: Option<Diagnosis>,
    /// Whether the same check may end better later without a change.
    pub is_temporary: bool,
}

impl CheckStep {
    pub(super) fn new(name: CheckName, status: CheckStatus, summary: impl Into<String>) -> Self {
        Self {
            name,
            status,
            summary: summary.into(),
            facts: Vec::new(),
            diagnosis: None,
            is_temporary: false,
        }
    }

    pub(super) fn skipped(name: CheckName, why: impl Into<String>) -> Self {
        Self::new(name, CheckStatus::Skipped, why)
    }

    /// The same with a fact; an empty one is left out.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.add(name, value);
        self
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.facts.push(CheckFact { name, value });
        }
    }

    pub(super) fn with_diagnosis(mut self, diagnosis: Diagnosis) -> Self {
        self.diagnosis = Some(diagnosis);
        self
    }

    pub(super) fn temporary(mut self, is_temporary: bool) -> Self {
        self.is_temporary = is_temporary;
        self
    }

    /// The values of a fact, in order; none when it was not found.
    pub fn facts_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.facts.iter().filter(move |fact| fact.name == name).map(|fact| fact.value.as_str())
    }

    /// The first value of a fact.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str())
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The server as it was named in the settings, and its port: `mail.example.com:587`.
    pub server: String,
    /// The worst of the steps; never `Skipped`.
    pub status: CheckStatus,
    /// What it comes to, in one sentence for a person.
    pub summary: String,
    /// Every step in order, those that were skipped too.
    pub steps: Vec<CheckStep>,
    /// How long it took.
    pub elapsed: Duration,
    /// Trouble that is none of the server's: a log that could not be written.
    pub warnings: Vec<String>,
    /// The conversation, secrets removed, oldest line first.
    pub transcript: Vec<String>,
}

impl CheckReport {
    /// The step of that name.
    #[must_use]
    pub fn step(&self, name: CheckName) -> Option<&CheckStep> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The steps that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CheckStep> {
        self.steps.iter().filter(|step| step.status == CheckStatus::Failed)
    }

    /// Whether it failed, and the same check may end better later without a change.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.status == CheckStatus::Failed && self.failed().all(|step| step.is_temporary)
    }
}
