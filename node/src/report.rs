//! The report of a send as data for JavaScript.

use freesmtp_core::{
    RecipientResult, Report,
    types::{Reply, TlsInfo},
};
use napi_derive::napi;

use crate::diagnosis::DiagnosisFields;

/// The result for one recipient.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct RecipientFields {
    /// The address as it was given.
    pub email: String,
    /// `accepted`, `deferred`, `refused` or `unknown`.
    pub status: String,
    /// The phase in which that was decided.
    pub stage: String,
    /// The reply code; 0 when no reply decided.
    pub reply_code: u16,
    /// The enhanced status code.
    pub enhanced_code: Option<String>,
    /// The text of the reply.
    pub reply_text: String,
    /// Why, and what to do, unless accepted.
    pub diagnosis: Option<DiagnosisFields>,
}

impl From<&RecipientResult> for RecipientFields {
    fn from(result: &RecipientResult) -> Self {
        Self {
            email: result.email.clone(),
            status: result.status.to_string(),
            stage: result.stage.to_string(),
            reply_code: result.reply_code(),
            enhanced_code: result.enhanced_code().map(|code| code.to_string()),
            reply_text: result.reply_text(),
            diagnosis: result.diagnosis.as_ref().map(DiagnosisFields::from),
        }
    }
}

/// The TLS session that was in use.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct TlsFields {
    /// Protocol version.
    pub version: Option<String>,
    /// Cipher suite.
    pub cipher: Option<String>,
    /// The subject of the server's certificate.
    pub certificate_subject: Option<String>,
    /// Its expiry, in seconds since 1970.
    pub certificate_not_after: Option<i64>,
}

impl From<&TlsInfo> for TlsFields {
    fn from(tls: &TlsInfo) -> Self {
        Self {
            version: tls.version.clone(),
            cipher: tls.cipher.clone(),
            certificate_subject: tls.certificate_subject.clone(),
            certificate_not_after: tls.certificate_not_after,
        }
    }
}

/// What a send answers.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ReportFields {
    /// One entry for each recipient.
    pub recipients: Vec<RecipientFields>,
    /// The code of the last reply.
    pub reply_code: u16,
    /// The text of the last reply.
    pub reply_text: String,
    /// The `Message-ID`.
    pub message_id: String,
    /// Bytes of the message.
    pub size: i64,
    /// Host and port.
    pub server: String,
    /// The address that was connected to.
    pub peer_address: Option<String>,
    /// The TLS session; nothing for clear text.
    pub tls: Option<TlsFields>,
    /// The mechanism that logged in.
    pub auth_mechanism: Option<String>,
    /// How long it took, in seconds.
    pub elapsed: f64,
    /// Trouble that did not stop the mail.
    pub warnings: Vec<String>,
    /// The conversation.
    pub transcript: Vec<String>,
}

impl From<Report> for ReportFields {
    fn from(report: Report) -> Self {
        Self {
            recipients: report.recipients.iter().map(RecipientFields::from).collect(),
            reply_code: report.reply.code(),
            reply_text: report.reply.text(),
            message_id: report.message_id,
            size: i64::try_from(report.size).unwrap_or(i64::MAX),
            server: report.server,
            peer_address: report.peer_address.map(|address| address.to_string()),
            tls: report.tls.as_ref().map(TlsFields::from),
            auth_mechanism: report.auth_mechanism,
            elapsed: report.elapsed.as_secs_f64(),
            warnings: report.warnings,
            transcript: report.transcript.to_vec(),
        }
    }
}

/// The reply to one command.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ReplyFields {
    /// The reply code.
    pub code: u16,
    /// The lines without the code.
    pub lines: Vec<String>,
    /// The lines joined.
    pub text: String,
    /// The enhanced status code.
    pub enhanced_code: Option<String>,
}

impl From<Reply> for ReplyFields {
    fn from(reply: Reply) -> Self {
        Self {
            code: reply.code(),
            lines: reply.lines().to_vec(),
            text: reply.text(),
            enhanced_code: reply.enhanced_code().map(|code| code.to_string()),
        }
    }
}
