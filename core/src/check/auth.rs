//! The login.

use super::{CheckName, CheckStatus, CheckStep, failed};
use crate::{
    smtp::{Server, probe::Probe},
    types::Stage,
};

pub(super) fn auth(probe: &Probe, server: &Server) -> CheckStep {
    const NAME: CheckName = CheckName::Auth;
    let Some(talk) = probe.talk() else {
        return CheckStep::skipped(NAME, "There is no connection.");
    };
    let offered = talk.capabilities.auth.join(" ");
    if let Some(error) = probe.error_at(&[Stage::Auth]) {
        return failed(NAME, error)
            .with("offered", offered)
            .with("mechanism", talk.mechanism_tried.unwrap_or_default());
    }
    if let Some(mechanism) = talk.authenticated {
        let who = match server.account.as_str() {
            "" => String::new(),
            account => format!(" as {account}"),
        };
        return CheckStep::new(NAME, CheckStatus::Ok, format!("Logged in{who} with {mechanism}."))
            .with("offered", offered)
            .with("mechanism", mechanism);
    }
    if talk.capabilities.host.is_empty() && probe.error.is_some() {
        return CheckStep::skipped(NAME, "The session ended before the login.");
    }
    if server.has_credentials() {
        return CheckStep::skipped(NAME, "The session ended before the login.").with("offered", offered);
    }
    let summary = if !offered.is_empty() {
        format!(
            "No user name was given. The server offers AUTH {offered}: without login it may refuse mail to other domains."
        )
    } else if talk.capabilities.starttls && !talk.encrypted {
        "No user name was given. The server may offer AUTH after STARTTLS.".to_owned()
    } else {
        "No user name was given, and the server offers no login.".to_owned()
    };
    CheckStep::skipped(NAME, summary).with("offered", offered)
}
