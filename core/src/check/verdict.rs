//! What the steps come to.

use super::{CheckName, CheckStatus, CheckStep};
use crate::smtp::Server;

/// The worst status, and one sentence.
pub(super) fn verdict(steps: &[CheckStep], server: &Server) -> (CheckStatus, String) {
    let worst = steps.iter().map(|step| step.status).max().unwrap_or(CheckStatus::Ok).max(CheckStatus::Ok);
    let label = server.label();
    let of_session = |step: &&CheckStep| step.name <= CheckName::Limits;
    let failed = |step: &&CheckStep| step.status == CheckStatus::Failed;
    let asked = steps.iter().find(|step| step.name == CheckName::Envelope);
    let took_recipients =
        asked.is_some_and(|step| step.status == CheckStatus::Ok && step.facts_named("address").count() > 1);
    let summary = if let Some(step) = steps.iter().filter(of_session).find(failed) {
        let what = match step.name {
            CheckName::Dns => "has no address that could be found",
            CheckName::Connect => "cannot be reached",
            CheckName::Greeting | CheckName::Ehlo => "does not open a session",
            CheckName::Tls => "cannot be used: encryption fails",
            CheckName::Auth => "refuses the login",
            _ => "refuses this mail",
        };
        format!("{label} {what}.")
    } else if let Some(step) = steps.iter().find(failed) {
        let taken = if took_recipients { "takes this mail" } else { "answers" };
        format!(
            "{label} {taken}, but the domain's {} record will get it refused.",
            step.name.as_str().to_uppercase()
        )
    } else {
        let taken = match took_recipients {
            true => format!("{label} takes mail from this sender to these recipients."),
            false => format!("{label} answers as it should."),
        };
        match steps.iter().filter(|step| step.status == CheckStatus::Warning).count() {
            0 => taken,
            1 => format!("{taken} One thing should be looked at."),
            count => format!("{taken} {count} things should be looked at."),
        }
    };
    (worst, summary)
}
