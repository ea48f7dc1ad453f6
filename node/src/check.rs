//! A check's options and what it found, as data for JavaScript.

use freesmtp_core::{
    Error,
    check::{CheckOptions, CheckReport, CheckStep},
};
use napi_derive::napi;

use crate::{diagnosis::DiagnosisFields, server::seconds};

/// What a check is to look at besides the server.
#[napi(object, object_to_js = false)]
pub struct CheckOptionsFields {
    /// The sender's address.
    pub from: Option<String>,
    /// Recipients to ask about.
    pub to: Option<Vec<String>>,
    /// The selector of the DKIM key.
    pub dkim_selector: Option<String>,
    /// The address that recipients' servers see.
    pub outgoing_ip: Option<String>,
    /// The name server to ask.
    pub dns: Option<String>,
    /// Seconds for the whole check.
    pub timeout: Option<f64>,
    /// Which of the servers.
    pub server: Option<u32>,
}

impl CheckOptionsFields {
    /// The options of the core.
    pub(crate) fn into_core(self) -> Result<CheckOptions, Error> {
        let mut options = CheckOptions {
            from: self.from.unwrap_or_default(),
            to: self.to.unwrap_or_default(),
            dkim_selector: self.dkim_selector.unwrap_or_default(),
            server: self.server.and_then(|index| usize::try_from(index).ok()).unwrap_or_default(),
            ..CheckOptions::default()
        };
        options.set_outgoing_ip(&self.outgoing_ip.unwrap_or_default())?;
        options.set_dns(&self.dns.unwrap_or_default())?;
        if let Some(limit) = self.timeout {
            options.timeout = seconds("Timeout", limit)?;
        }
        Ok(options)
    }
}

/// One thing that a step found.
#[napi(object, object_from_js = false)]
pub struct CheckFactFields {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// One step.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct CheckStepFields {
    /// What it looks at.
    pub name: String,
    /// How it ended.
    pub status: String,
    /// One sentence.
    pub summary: String,
    /// The same check may end better later.
    pub is_temporary: bool,
    /// What was found.
    pub facts: Vec<CheckFactFields>,
    /// Why, and what to do.
    pub diagnosis: Option<DiagnosisFields>,
}

impl From<&CheckStep> for CheckStepFields {
    fn from(step: &CheckStep) -> Self {
        Self {
            name: step.name.to_string(),
            status: step.status.to_string(),
            summary: step.summary.clone(),
            is_temporary: step.is_temporary,
            facts: step
                .facts
                .iter()
                .map(|fact| CheckFactFields { name: fact.name.to_owned(), value: fact.value.clone() })
                .collect(),
            diagnosis: step.diagnosis.as_ref().map(DiagnosisFields::from),
        }
    }
}

/// What a check found.
#[napi(object, object_from_js = false)]
pub struct CheckReportFields {
    /// The server and its port.
    pub server: String,
    /// The worst of the steps.
    pub status: String,
    /// What it comes to.
    pub summary: String,
    /// It may end better later.
    pub is_temporary: bool,
    /// Every step.
    pub steps: Vec<CheckStepFields>,
    /// Seconds it took.
    pub elapsed: f64,
    /// Trouble that is none of the server's.
    pub warnings: Vec<String>,
    /// The conversation.
    pub transcript: Vec<String>,
    /// All of it, for a person.
    pub text: String,
}

impl From<CheckReport> for CheckReportFields {
    fn from(report: CheckReport) -> Self {
        Self {
            status: report.status.to_string(),
            is_temporary: report.is_temporary(),
            steps: report.steps.iter().map(CheckStepFields::from).collect(),
            elapsed: report.elapsed.as_secs_f64(),
            text: report.to_string(),
            server: report.server,
            summary: report.summary,
            warnings: report.warnings,
            transcript: report.transcript,
        }
    }
}
