//! A live look at a server and at the records of the sender's domain, without sending mail.
//!
//! Purpose: say before the first message whether it would be taken, and if not why, who must act and what to do.
//!
//! Policy: nothing is sent that a server could take for a message: no DATA, no BDAT, no VRFY. Every step has its entry
//! in the report, those too that were not reached. The whole check has one time limit.
//!
//! The facts come from `crate::smtp::probe` (the session) and `crate::dns` (the records); this module says what they
//! mean, one subject a file.
//! mean, one subject a file.
//!
//! ```
//! use freesmtp_core::{Cause, Smtp, check::{CheckName, CheckOptions, CheckStatus}};
//!
//! // A port of this machine where nothing listens.
//! let smtp = Smtp::new("127.0.0.1:1")?;
//! let report = smtp.check(&CheckOptions::default())?;
//! assert_eq!(report.status, CheckStatus::Failed);
//! let connect = report.step(CheckName::Connect).unwrap();
//! assert_eq!(connect.diagnosis.as_ref().unwrap().cause, Cause::ConnectRefused);
//! # Ok::<(), freesmtp_core::Error>(())
//! ```

mod auth;
mod bound;
mod connect;
mod dkim;
mod dmarc;
mod domain;
mod envelope;
mod greeting;
mod mx;
mod options;
mod report;
mod spf;
mod text;
mod tls;
mod verdict;

pub use options::CheckOptions;
pub use report::{CheckFact, CheckName, CheckReport, CheckStatus, CheckStep};

use std::time::{Duration, Instant};

use crate::{
    Smtp,
    dns::Client,
    error::Error,
    net::Cancel,
    protocol::Timeouts,
    smtp::{
        Server, explain_input,
        probe::{Probe, Question, Talk},
    },
    types::{Cause, Diagnosis, Failure, Stage, Who},
};
use bound::Bound;
use domain::Domain;

impl Smtp {
    /// Looks at a server without sending mail: addresses, connections, greeting, extensions, TLS, login, and what the
    /// server says to a sender and recipients; and at the records of the sender's domain.
    ///
    /// ```no_run
    /// use freesmtp_core::{Smtp, check::CheckOptions};
    ///
    /// let smtp = Smtp::new("mail.example.com:587")?;
    /// let options = CheckOptions { from: "me@example.com".into(), ..CheckOptions::default() };
    /// println!("{}", smtp.check(&options)?);
    /// # Ok::<(), freesmtp_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `ErrorKind::Message` for settings and options that are not valid, `ErrorKind::Cancelled`. What is wrong with the
    /// server or the domain is no error but a step of the report.
    pub fn check(&self, options: &CheckOptions) -> Result<CheckReport, Error> {
        self.check_with(options, &Cancel::new())
    }

    /// Like [`Smtp::check`], and `cancel` ends it from another thread.
    ///
    /// # Errors
    /// As [`Smtp::check`].
    pub fn check_with(&self, options: &CheckOptions, cancel: &Cancel) -> Result<CheckReport, Error> {
        let began = Instant::now();
        let envelope = options.envelope().map_err(explain_input)?;
        self.check_servers()?;
        let server = self.servers().get(options.server).ok_or_else(|| {
            explain_input(Error::input(
                "Server",
                format!(
                    "is {}, and there are {} servers, counted from 0",
                    options.server,
                    self.servers().len()
                ),
            ))
        })?;
        let _running = self.register(cancel);
        let bound = Bound::new(cancel, options.timeout)?;
        let timeouts = timeouts(server.timeouts(self.timeouts()), options.timeout);
        // The limits of the check hold for every phase; those of the server have gone into them.
        let server = Server { timeout: None, ..server.clone() };
        let question = Question {
            server: &server,
            timeouts,
            from: envelope.from.as_ref(),
            to: &envelope.to,
            cancel: bound.cancel(),
        };
        let probe = self.probe(&question);
        if cancel.is_cancelled() {
            return Err(explain_input(crate::net::cancelled(Stage::Command)));
        }
        let probe = bound.explain(probe, &server);
        let resolver = Client::new(options.dns, bound.cancel().clone());
        let mut steps = vec![connect::dns(&probe, &server), connect::connect(&probe, &server)];
        steps.push(greeting::greeting(&probe, &server, &resolver));
        steps.push(greeting::ehlo(&probe));
        steps.push(tls::tls(&probe, &server));
        steps.push(auth::auth(&probe, &server));
        steps.push(envelope::envelope(&probe, question.from.is_some(), question.to));
        steps.push(envelope::limits(&probe));
        steps.extend(match question.from {
            Some(mailbox) if !mailbox.domain().starts_with('[') => {
                let outgoing = domain::outgoing(options, &probe, &server);
                let helo = Some(self.default_domain()).filter(|name| !name.is_empty()).unwrap_or("unknown");
                records(&Domain::new(mailbox, &resolver, options, outgoing, helo))
            }
            Some(_) => without_records("The sender's address has no domain."),
            None => without_records("No sender was given."),
        });
        if cancel.is_cancelled() {
            return Err(explain_input(crate::net::cancelled(Stage::Command)));
        }
        let (status, summary) = verdict::verdict(&steps, &server);
        Ok(CheckReport {
            server: server.label(),
            status,
            summary,
            steps,
            elapsed: began.elapsed(),
            warnings: probe.warnings,
            transcript: probe.transcript,
        })
    }
}

/// The steps for the records of the sender's domain.
fn records(domain: &Domain<'_>) -> Vec<CheckStep> {
    let (spf, verdict) = spf::spf(domain);
    let dkim = dkim::dkim(domain);
    let dmarc = dmarc::dmarc(domain, verdict, dkim.status);
    vec![mx::mx(domain), spf, dkim, dmarc]
}

fn without_records(why: &str) -> Vec<CheckStep> {
    [CheckName::Mx, CheckName::Spf, CheckName::Dkim, CheckName::Dmarc]
        .map(|name| CheckStep::skipped(name, why))
        .to_vec()
}

/// Shorter limits for each phase than a send has, so that one that hangs leaves time for the others.
fn timeouts(set: Timeouts, whole: Duration) -> Timeouts {
    let at_most = |limit: Duration, seconds: u64| limit.min(Duration::from_secs(seconds)).min(whole);
    Timeouts {
        connect: at_most(set.connect, 15),
        greeting: at_most(set.greeting, 45),
        command: at_most(set.command, 30),
        ..set
    }
}

impl Probe {
    /// The connection that was talked over.
    fn talk(&self) -> Option<&Talk> {
        self.talk.as_ref()
    }

    /// Why the session ended, when it ended in one of these phases.
    fn error_at(&self, stages: &[Stage]) -> Option<&Error> {
        self.error.as_ref().filter(|error| stages.contains(&error.stage()))
    }
}

/// A step that failed with this error.
fn failed(name: CheckName, error: &Error) -> CheckStep {
    let step = CheckStep::new(name, CheckStatus::Failed, sentence(error.message()))
        .temporary(error.is_temporary())
        .with("reply", error.reply().map(ToString::to_string).unwrap_or_default());
    match error.diagnosis() {
        Some(diagnosis) => {
            CheckStep { summary: diagnosis.summary.clone(), ..step }.with_diagnosis(diagnosis.clone())
        }
        None => step,
    }
}

/// A diagnosis of something that no reply and no error tells.
fn advice(
    cause: Cause,
    who: Who,
    summary: &str,
    remedy: &[String],
    evidence: &str,
    reference: &str,
) -> Diagnosis {
    Diagnosis {
        cause,
        who,
        summary: summary.to_owned(),
        remedy: remedy.join("\n"),
        evidence: evidence.to_owned(),
        retry_after: None,
        reference: Some(reference.to_owned()),
    }
}

/// Words as a sentence: a capital letter, a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// `one address`, `3 addresses`.
fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("one {one}"),
        count => format!("{count} {many}"),
    }
}

/// What the engine noticed, for a failure that a check itself found.
fn failure_at(stage: Stage) -> Failure {
    match stage {
        Stage::Resolve => Failure::DnsFailed,
        Stage::Connect => Failure::GreetingTimeout,
        Stage::StartTls => Failure::TlsFailed,
        _ => Failure::ReplyTimeout,
    }
}
