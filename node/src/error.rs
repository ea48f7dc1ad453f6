//! The error of the core as data for JavaScript.

use freesmtp_core::{Error, diagnosis, types::Failure};
use napi_derive::napi;

use crate::{diagnosis::DiagnosisFields, report::RecipientFields};

/// Everything that is known about a failure.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ErrorFields {
    /// The stable name of its kind.
    pub kind: String,
    /// The stable number of its kind.
    pub number: u16,
    /// The phase of the session.
    pub stage: String,
    /// For a person: the sentence, the server, the diagnosis.
    pub message: String,
    /// The sentence alone.
    pub reason: String,
    /// The property that holds the bad input.
    pub field: Option<String>,
    /// The reply code; 0 without a reply.
    pub reply_code: u16,
    /// The enhanced status code (RFC 3463).
    pub enhanced_code: Option<String>,
    /// The text of the reply.
    pub reply_text: String,
    /// One entry for each recipient, when the transaction got that far.
    pub recipients: Vec<RecipientFields>,
    /// Host and port of the server.
    pub server: Option<String>,
    /// Whether the same call may succeed later.
    pub is_temporary: bool,
    /// Why, and what to do.
    pub diagnosis: Option<DiagnosisFields>,
    /// The last lines of the conversation.
    pub transcript: Vec<String>,
    /// The `Message-ID` of the message.
    pub message_id: Option<String>,
    /// The failures of the servers tried before.
    pub others: Vec<ErrorFields>,
    /// The operating system's error number.
    pub os_error: Option<i32>,
    /// Whether the function of `Token` gave none.
    pub no_token: bool,
}

impl From<&Error> for ErrorFields {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().to_string(),
            number: error.kind().number(),
            stage: error.stage().to_string(),
            message: error.to_string(),
            reason: error.message().to_owned(),
            field: error.field().map(str::to_owned),
            reply_code: error.reply_code(),
            enhanced_code: error.enhanced_code().map(|code| code.to_string()),
            reply_text: error.reply_text(),
            recipients: error.recipients().iter().map(RecipientFields::from).collect(),
            server: error.server().map(str::to_owned),
            is_temporary: error.is_temporary(),
            diagnosis: error.diagnosis().map(DiagnosisFields::from),
            transcript: error.transcript().to_vec(),
            message_id: error.message_id().map(str::to_owned),
            others: error.others().iter().map(Self::from).collect(),
            os_error: error.os_error(),
            no_token: error.failure() == Some(Failure::TokenUnavailable),
        }
    }
}

/// Bad input that was noticed before the core saw it, explained as the core explains its own.
pub(crate) fn input(field: impl Into<String>, message: impl Into<String>) -> Error {
    explained(Error::input(field, message))
}

/// The error with its diagnosis, where it has none yet.
pub(crate) fn explained(error: Error) -> Error {
    let diagnosis = diagnosis::diagnose(&diagnosis::Context {
        stage: Some(error.stage()),
        failure: error.failure(),
        detail: error.message(),
        field: error.field(),
        ..diagnosis::Context::default()
    });
    error.with_diagnosis(diagnosis)
}
