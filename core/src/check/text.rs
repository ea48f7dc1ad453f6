//! A report as a person reads it: a line for each step, what was found below it, then what to do.

use std::fmt;

use super::{CheckName, CheckReport, CheckStatus, CheckStep};
use crate::{log::escape, types::Diagnosis};

/// Where lines are folded.
const WIDTH: usize = 80;

/// Where the text of a step begins: behind its status and its name.
const INDENT: usize = 18;

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self, Colours::NONE))
    }
}

impl CheckReport {
    /// The report as a person reads it, at most 80 columns wide, in the colours of a terminal.
    ///
    /// What servers said is escaped in either form: it may hold what drives a terminal. `Display` is the same without
    /// colours.
    #[must_use]
    pub fn to_coloured_text(&self) -> String {
        text(self, Colours::ANSI)
    }
}

struct Colours {
    ok: &'static str,
    warning: &'static str,
    failed: &'static str,
    faint: &'static str,
    end: &'static str,
}

impl Colours {
    const NONE: Self = Self { ok: "", warning: "", failed: "", faint: "", end: "" };
    const ANSI: Self =
        Self { ok: "\x1b[32m", warning: "\x1b[33m", failed: "\x1b[1;31m", faint: "\x1b[2m", end: "\x1b[0m" };

    fn of(&self, status: CheckStatus) -> &'static str {
        match status {
            CheckStatus::Skipped => self.faint,
            CheckStatus::Ok => self.ok,
            CheckStatus::Warning => self.warning,
            CheckStatus::Failed => self.failed,
        }
    }
}

fn text(report: &CheckReport, colours: Colours) -> String {
    let mut text = format!("Check of {}\n\n", escape(&report.server));
    for step in &report.steps {
        let (mark, colour) = (mark(step.status), colours.of(step.status));
        text.push_str(&format!("{colour}{mark:<8}{}{:<10}", colours.end, title(step.name)));
        fold(&mut text, INDENT, INDENT, &step.summary);
        for detail in details(step) {
            text.push_str(&" ".repeat(INDENT));
            fold(&mut text, INDENT, INDENT + 2, &detail);
        }
    }
    text.push('\n');
    let colour = colours.of(report.status);
    text.push_str(colour);
    fold(&mut text, 0, 0, &report.summary);
    text.pop();
    text.push_str(colours.end);
    text.push('\n');
    for step in &report.steps {
        if let Some(diagnosis) = &step.diagnosis {
            remedies(&mut text, step, diagnosis);
        }
    }
    for warning in &report.warnings {
        fold(&mut text, 0, 9, &format!("warning: {warning}"));
    }
    text
}

fn mark(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Skipped => "-",
        CheckStatus::Ok => "ok",
        CheckStatus::Warning => "warning",
        CheckStatus::Failed => "FAILED",
    }
}

fn title(name: CheckName) -> &'static str {
    match name {
        CheckName::Dns => "Name",
        CheckName::Connect => "Connect",
        CheckName::Greeting => "Greeting",
        CheckName::Ehlo => "EHLO",
        CheckName::Tls => "TLS",
        CheckName::Auth => "Login",
        CheckName::Envelope => "Envelope",
        CheckName::Limits => "Limits",
        CheckName::Mx => "MX",
        CheckName::Spf => "SPF",
        CheckName::Dkim => "DKIM",
        CheckName::Dmarc => "DMARC",
    }
}

/// What was found, a line each; what the summary says already is left out.
fn details(step: &CheckStep) -> Vec<String> {
    let all = |name| step.facts_named(name);
    match step.name {
        CheckName::Dns => all("address").map(str::to_owned).collect(),
        CheckName::Connect => all("address")
            .zip(all("result"))
            .zip(all("milliseconds"))
            .map(|((address, result), took)| format!("{address}: {result} ({took} ms)"))
            .collect(),
        CheckName::Greeting => all("greeting").flat_map(str::lines).map(str::to_owned).collect(),
        CheckName::Ehlo => {
            all("extension").filter(|line| line.contains([' ', '='])).map(str::to_owned).collect()
        }
        CheckName::Envelope => all("address")
            .zip(all("result"))
            .zip(all("reply"))
            .map(|((address, result), reply)| format!("{address} {result}: {}", reply.replace('\n', " / ")))
            .collect(),
        CheckName::Auth | CheckName::Limits => Vec::new(),
        CheckName::Tls => named(
            step,
            &[
                ("problem", "found"),
                ("version", "version"),
                ("cipher", "cipher"),
                ("certificate_subject", "subject"),
                ("certificate_name", "name"),
                ("certificate_issuer", "issuer"),
            ],
        ),
        CheckName::Mx => all("host").map(str::to_owned).collect(),
        CheckName::Spf => named(
            step,
            &[
                ("record", "record"),
                ("term", "decided by"),
                ("domain", "in the record of"),
                ("address", "judged for"),
                ("explanation", "the domain says"),
                ("compare", "to compare"),
            ],
        ),
        CheckName::Dkim => named(step, &[("name", "name"), ("record", "record")]),
        CheckName::Dmarc => named(step, &[("name", "name"), ("record", "record")]),
    }
}

fn named(step: &CheckStep, names: &[(&str, &str)]) -> Vec<String> {
    let lines = names.iter().flat_map(|(name, words)| {
        step.facts_named(name).map(move |value| format!("{words}: {value}")).collect::<Vec<_>>()
    });
    lines.collect()
}

fn remedies(text: &mut String, step: &CheckStep, diagnosis: &Diagnosis) {
    text.push('\n');
    fold(text, 0, 0, &format!("{}: {} ({})", title(step.name), diagnosis.summary, diagnosis.cause));
    for remedy in diagnosis.remedy.lines() {
        text.push_str("  - ");
        fold(text, 4, 4, remedy);
    }
}

/// Adds a text that begins at column `at`, folded between words, with further lines indented; then a line end.
///
/// A word that is longer than a line stays whole: it is to be copied.
fn fold(text: &mut String, at: usize, indent: usize, words: &str) {
    let words = escape(words);
    let mut column = at;
    for (index, word) in words.split(' ').filter(|word| !word.is_empty()).enumerate() {
        let width = word.chars().count();
        if index > 0 && column + 1 + width > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::types::{Cause, Who};

    fn report() -> CheckReport {
        let diagnosis = Diagnosis {
            cause: Cause::RelayDenied,
            who: Who::SenderCode,
            summary: "mail.example.com does not carry mail from 192.0.2.7 to other.example.".to_owned(),
            remedy:
                "Log in: the server offers AUTH PLAIN LOGIN and no user name was set, so set Account.\nAsk."
                    .to_owned(),
            evidence: String::new(),
            retry_after: None,
            reference: None,
        };
        CheckReport {
            server: "mail.example.com:25".to_owned(),
            status: CheckStatus::Failed,
            summary: "mail.example.com:25 refuses this mail.".to_owned(),
            steps: vec![
                CheckStep::new(CheckName::Greeting, CheckStatus::Ok, "The server calls itself a.")
                    .with("greeting", "220 a \x1b[2J"),
                CheckStep::new(CheckName::Envelope, CheckStatus::Failed, "The server refuses the recipient.")
                    .with("address", "a@b.example")
                    .with("result", "refused")
                    .with(
                        "reply",
                        "554 5.7.1 <a@b.example>: Relay access denied, and more words than a line has",
                    )
                    .with_diagnosis(diagnosis),
            ],
            elapsed: Duration::ZERO,
            warnings: vec!["the log could not be written".to_owned()],
            transcript: Vec::new(),
        }
    }

    #[test]
    fn a_report_fits_a_terminal_and_drives_it_not() {
        let expected = "\
Check of mail.example.com:25

ok      Greeting  The server calls itself a.
                  220 a \\x1b[2J
FAILED  Envelope  The server refuses the recipient.
                  a@b.example refused: 554 5.7.1 <a@b.example>: Relay access
                    denied, and more words than a line has

mail.example.com:25 refuses this mail.

Envelope: mail.example.com does not carry mail from 192.0.2.7 to other.example.
(relay-denied)
  - Log in: the server offers AUTH PLAIN LOGIN and no user name was set, so set
    Account.
  - Ask.
warning: the log could not be written
";
        assert_eq!(report().to_string(), expected);
    }

    #[test]
    fn colours_change_no_word() {
        let coloured = report().to_coloured_text();
        assert!(coloured.contains("\x1b[1;31mFAILED"), "{coloured}");
        let mut plain = coloured;
        for code in ["\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[2m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, report().to_string());
    }
}
