//! Explanations, and the function that gives one for a reply.

use std::net::IpAddr;

use freesmtp_core::{
    Diagnosis, Stage,
    diagnosis::{self, Context, Explanation},
    types::Reply,
};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    error::input,
    report::ReplyFields,
};

/// Why something failed, and what to do.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct DiagnosisFields {
    /// What went wrong.
    pub cause: String,
    /// Who must act.
    pub who: String,
    /// One sentence for a person.
    pub summary: String,
    /// What to do; several ways are separated by line feeds.
    pub remedy: String,
    /// The server's words, or the facts.
    pub evidence: String,
    /// Seconds to wait.
    pub retry_after: Option<f64>,
    /// The RFC section, or the page that the server named.
    pub reference: Option<String>,
}

impl From<&Diagnosis> for DiagnosisFields {
    fn from(diagnosis: &Diagnosis) -> Self {
        Self {
            cause: diagnosis.cause.to_string(),
            who: diagnosis.who.to_string(),
            summary: diagnosis.summary.clone(),
            remedy: diagnosis.remedy.clone(),
            evidence: diagnosis.evidence.clone(),
            retry_after: diagnosis.retry_after.map(|wait| wait.as_secs_f64()),
            reference: diagnosis.reference.clone(),
        }
    }
}

/// What is known of the session beside the reply.
#[napi(object, object_to_js = false)]
pub struct ContextFields {
    /// The host name that was asked for.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The host name in the greeting.
    pub greeting_host: Option<String>,
    /// The lines of the EHLO reply.
    pub offered: Option<Vec<String>>,
    /// An account was set.
    pub credentials_set: Option<bool>,
    /// The session is logged in.
    pub authenticated: Option<bool>,
    /// The session is encrypted.
    pub tls: Option<bool>,
    /// The user name.
    pub user: Option<String>,
    /// The SASL mechanism.
    pub mechanism: Option<String>,
    /// The client's own address.
    pub local_address: Option<String>,
    /// The name given in EHLO.
    pub ehlo_name: Option<String>,
    /// The address of MAIL FROM.
    pub sender: Option<String>,
    /// The address of RCPT TO.
    pub recipient: Option<String>,
    /// Bytes of the message.
    pub message_size: Option<i64>,
    /// Number of recipients.
    pub recipient_count: Option<u32>,
    /// The `Message-ID`.
    pub message_id: Option<String>,
}

/// Explains a reply that refused.
#[napi]
pub fn diagnose(reply: String, stage: Option<String>, context: ContextFields) -> Answer<DiagnosisFields> {
    guard(|| {
        let reply = Reply::parse(&reply).ok_or_else(|| {
            input("Reply", "has no reply code; give it as the server sent it, such as 550 5.7.1 …")
        })?;
        let stage = stage
            .map(|name| {
                name.parse::<Stage>()
                    .map_err(|()| input("Stage", format!("{name:?} is not one of {}", stages())))
            })
            .transpose()?;
        let local_address = context
            .local_address
            .map(|text| text.parse::<IpAddr>().map_err(|_| input("LocalAddress", "is not an IP address")))
            .transpose()?;
        let diagnosis = diagnosis::diagnose(&Context {
            stage,
            reply: Some(&reply),
            failure: None,
            detail: "",
            field: None,
            host: context.host.as_deref().unwrap_or_default(),
            port: context.port.unwrap_or_default(),
            greeting_host: context.greeting_host.as_deref(),
            offered: context.offered.as_deref().unwrap_or_default(),
            credentials_set: context.credentials_set.unwrap_or_default(),
            authenticated: context.authenticated.unwrap_or_default(),
            tls: context.tls.unwrap_or_default(),
            user: context.user.as_deref(),
            mechanism: context.mechanism.as_deref(),
            local_address,
            ehlo_name: context.ehlo_name.as_deref(),
            sender: context.sender.as_deref(),
            recipient: context.recipient.as_deref(),
            message_size: context.message_size.and_then(|size| u64::try_from(size).ok()),
            recipient_count: context
                .recipient_count
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or_default(),
            message_id: context.message_id.as_deref(),
        });
        Ok(DiagnosisFields::from(&diagnosis))
    })
}

/// One failure found in a transcript.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ExplanationFields {
    /// The line where it stands, from 1.
    pub line: u32,
    /// The phase.
    pub stage: Option<String>,
    /// The server's name, or empty.
    pub host: String,
    /// The sender of the transaction.
    pub sender: Option<String>,
    /// The recipient in question.
    pub recipient: Option<String>,
    /// The reply that refused.
    pub reply: Option<ReplyFields>,
    /// Why, and what to do.
    pub diagnosis: DiagnosisFields,
}

impl From<Explanation> for ExplanationFields {
    fn from(found: Explanation) -> Self {
        Self {
            line: u32::try_from(found.line).unwrap_or(u32::MAX),
            stage: found.stage.map(|stage| stage.to_string()),
            host: found.host,
            sender: found.sender,
            recipient: found.recipient,
            reply: found.reply.map(ReplyFields::from),
            diagnosis: DiagnosisFields::from(&found.diagnosis),
        }
    }
}

/// Explains every failure in a transcript.
#[napi]
pub fn explain(transcript: String) -> Answer<Vec<ExplanationFields>> {
    guard(|| Ok(diagnosis::explain(&transcript).into_iter().map(ExplanationFields::from).collect()))
}

fn stages() -> String {
    Stage::ALL.map(Stage::as_str).join(", ")
}
