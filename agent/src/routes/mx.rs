//! The mail exchangers of a domain (RFC 5321 section 5).

use freesmtp_core::Error;

use super::{Destination, RouteError};
use crate::config::AgentSettings;

/// Looks mail exchangers up.
#[derive(Debug)]
pub(super) struct MailExchangers;

impl MailExchangers {
    pub(super) fn new(_settings: &AgentSettings) -> Result<Self, Error> {
        Ok(Self)
    }

    pub(super) async fn resolve(&self, domain: &str) -> Result<Destination, RouteError> {
        let text = format!("mail exchangers are not looked up yet, and no route is set for {domain}");
        Err(RouteError::Temporary { text })
    }
}
