//! What came of a message, put into a [`Report`] or an [`Error`], each failure with its diagnosis.

use super::{Server, mail::Mail, session::Session};
use crate::{
    diagnosis::{Context, diagnose},
    error::Error,
    protocol::{Decision, Engine, Outcome},
    types::{Diagnosis, RecipientResult, RecipientStatus, Report},
};

/// What is known of the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) sender: Option<&'a str>,
    pub(super) size: Option<u64>,
    pub(super) recipients: usize,
    pub(super) message_id: Option<&'a str>,
}

impl Facts<'_> {
    pub(super) const NONE: Facts<'static> =
        Facts { sender: None, size: None, recipients: 0, message_id: None };
}

/// What the diagnosis may use of server and session.
fn context<'a>(server: &'a Server, session: Option<&'a Session>, facts: Facts<'a>) -> Context<'a> {
    let engine = session.map(|s| s.connection.engine());
    Context {
        host: &server.name,
        port: server.effective_port(),
        greeting_host: engine.and_then(Engine::greeting_host),
        offered: engine.map_or(&[][..], |e| &e.capabilities().lines),
        credentials_set: server.has_credentials(),
        authenticated: engine.is_some_and(|e| e.authenticated().is_some()),
        tls: engine.is_some_and(Engine::is_tls),
        user: server.has_credentials().then_some(server.account.as_str()),
        mechanism: engine.and_then(Engine::mechanism_tried),
        local_address: session.and_then(|s| s.connection.local()).map(|address| address.ip()),
        sender: facts.sender,
        message_size: facts.size,
        recipient_count: facts.recipients,
        message_id: facts.message_id,
        ..Context::default()
    }
}

/// Explains an error of the session or of the message as a whole.
pub(super) fn explain(error: Error, server: &Server, session: Option<&Session>, facts: Facts<'_>) -> Error {
    let diagnosis = {
        let refused = error.recipients().iter().find(|r| r.status != RecipientStatus::Accepted);
        diagnose(&Context {
            stage: Some(error.stage()),
            reply: error.reply(),
            failure: error.failure(),
            detail: error.message(),
            field: error.field(),
            recipient: refused.map(|r| r.email.as_str()),
            ..context(server, session, facts)
        })
    };
    error.with_server(server.label()).with_diagnosis(diagnosis)
}

/// Explains an error that lies with a server, of which nothing else is known.
pub(crate) fn explain_at(error: Error, server: &Server) -> Error {
    explain(error, server, None, Facts::NONE)
}

/// Explains bad input and local files, before any server is involved; bindings explain their own refusals of an
/// argument with it, so that every error has a diagnosis.
#[must_use]
pub fn explain_input(error: Error) -> Error {
    if error.diagnosis().is_some() {
        return error;
    }
    let diagnosis = diagnose(&Context {
        stage: Some(error.stage()),
        failure: error.failure(),
        detail: error.message(),
        field: error.field(),
        ..Context::default()
    });
    error.with_diagnosis(diagnosis)
}

/// What came of a message, for the caller.
pub(super) fn conclude(
    mail: &mut Mail<'_>,
    session: &mut Session,
    warnings: Vec<String>,
) -> Result<Report, Error> {
    let (result, elapsed) = (mail.result(), mail.elapsed());
    let composed = mail.composed();
    let message_id = composed.message_id().to_owned();
    let sender = composed.reverse_path().and_then(|path| path.to_path(true)).unwrap_or_default();
    let facts = Facts {
        sender: Some(&sender),
        size: Some(composed.size()),
        recipients: composed.recipients().len(),
        message_id: Some(&message_id),
    };
    let recipients: Vec<RecipientResult> = composed
        .recipients()
        .iter()
        .zip(result.recipients)
        .map(|(recipient, decision)| recipient_result(&recipient.email, decision, session, facts))
        .collect();
    mail.observers().recipients(&recipients);
    match result.outcome {
        Outcome::Delivered(reply) => Ok(Report {
            recipients,
            reply,
            size: composed.size(),
            server: session.server.label(),
            peer_address: session.connection.peer(),
            tls: session.connection.tls().cloned(),
            auth_mechanism: session.mechanism.map(str::to_owned),
            reports_delivery: session.connection.engine().capabilities().dsn,
            elapsed,
            warnings: warnings
                .into_iter()
                .chain(result.warnings)
                .chain(session.conversation.take_warning())
                .collect(),
            transcript: session.conversation.take_transcript(),
            message_id,
        }),
        Outcome::NotDelivered { error, .. } | Outcome::Unknown(error) => {
            let error = session.complete(error.with_recipients(recipients));
            Err(explain(error, &session.server, Some(session), facts).with_message_id(message_id))
        }
    }
}

fn recipient_result(email: &str, decision: Decision, session: &Session, facts: Facts<'_>) -> RecipientResult {
    let diagnosis = (decision.status != RecipientStatus::Accepted)
        .then(|| explain_decision(email, &decision, session, facts));
    RecipientResult {
        email: email.to_owned(),
        status: decision.status,
        stage: decision.stage,
        reply: decision.reply,
        diagnosis,
    }
}

/// Explains what the server said about one recipient, or about the sender when `email` is empty.
pub(super) fn explain_decision(
    email: &str,
    decision: &Decision,
    session: &Session,
    facts: Facts<'_>,
) -> Diagnosis {
    diagnose(&Context {
        stage: Some(decision.stage),
        reply: decision.reply.as_ref(),
        failure: decision.failure,
        recipient: Some(email).filter(|email| !email.is_empty()),
        ..context(&session.server, Some(session), facts)
    })
}
