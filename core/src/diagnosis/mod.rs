//! Why a send failed, who must act, and what to do.

mod context;
mod pattern;
mod rules;
mod text;

pub use context::{Context, Failure};

use crate::types::{Cause, Diagnosis, Who};

/// The line of the rule that decides.
#[doc(hidden)]
pub fn rule_for(context: &Context<'_>) -> (Cause, usize) {
    let Some(reply) = context.reply else { return (Cause::Unknown, 0) };
    let facts = rules::Facts { stage: context.stage, code: reply.code(), enhanced: rules::enhanced_code(reply), ..Default::default() };
    rules::TABLE.decide(&facts, &reply.text()).map_or((Cause::Unknown, 0), |r| (r.cause, r.line))
}

/// Explains a failure.
#[must_use]
pub fn diagnose(context: &Context<'_>) -> Diagnosis {
    Diagnosis {
        cause: rule_for(context).0,
        who: Who::ServerAdmin,
        summary: String::new(),
        remedy: String::new(),
        evidence: context.detail.to_owned(),
        retry_after: None,
        reference: None,
    }
}
