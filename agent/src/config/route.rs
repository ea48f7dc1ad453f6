//! One `[[route]]`: which domains go where.

use std::path::PathBuf;

use serde::Deserialize;

use super::DestinationLimits;

/// Where a route leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// To the servers that `servers` names, in this order.
    #[default]
    Servers,
    /// To the mail exchangers of the recipient's domain (RFC 5321 section 5).
    Mx,
}

/// Where mail for some domains goes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteSettings {
    /// The domains: `example.org`, `*.example.org` for those below it, `*` for all; none means all. The first route
    /// that fits is taken.
    pub domains: Vec<String>,
    /// Where it leads.
    pub via: Via,
    /// The servers to try in order: host, `host:port`, or a URL such as `smtps://user@host`.
    pub servers: Vec<String>,
    /// User name to log in with, at each of the servers.
    pub user: String,
    /// A file whose first line is the password. No password stands in the settings themselves.
    pub password_file: Option<PathBuf>,
    /// PEM file of authorities to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// How the connection is protected: `none`, `opportunistic`, `required`, `implicit`; empty chooses by port.
    pub security: String,
    /// Lets a login go over clear text.
    pub allow_plaintext_auth: bool,
    /// Limits of each destination of this route, in place of those of `[destination]`.
    pub limits: DestinationLimits,
}
