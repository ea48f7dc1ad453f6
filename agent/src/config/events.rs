//! `[events]`: who is told what becomes of each recipient.

use std::path::PathBuf;

use serde::Deserialize;

use super::Span;
use crate::events::EventKind;

/// Who is told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// A file to which each event is appended as a line of JSON. Others may rotate it.
    pub file: Option<PathBuf>,
    /// Web servers.
    pub webhook: Vec<WebhookSettings>,
}

/// A web server that is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Where events are posted to: `https`, or `http` on this machine.
    pub url: String,
    /// A file whose first line is the secret of the signature: any text, or `whsec_` and base64.
    pub secret_file: Option<PathBuf>,
    /// The kinds of events: `delivered`, `deferred`, `bounced`, `expired`, `cancelled`; none means all.
    pub events: Vec<EventKind>,
    /// PEM file of authorities to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// The most events in one request.
    pub batch: usize,
    /// How long the server may take to answer.
    pub timeout: Span,
    /// How long the same events are tried.
    pub lifetime: Span,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret_file: None,
            events: Vec::new(),
            ca_file: None,
            batch: 100,
            timeout: Span::seconds(15),
            lifetime: Span::seconds(3 * 86_400),
        }
    }
}
