//! Why a send failed, who must act, and what to do.

mod context;

pub use context::{Context, Failure};

use crate::types::{Cause, Diagnosis, Who};

/// Explains a failure.
#[must_use]
pub fn diagnose(context: &Context<'_>) -> Diagnosis {
    Diagnosis {
        cause: Cause::Unknown,
        who: Who::ServerAdmin,
        summary: String::new(),
        remedy: String::new(),
        evidence: context.detail.to_owned(),
        retry_after: None,
        reference: None,
    }
}
