//! Servers that the settings name: smarthosts, and static routes of some domains.

use std::time::Duration;

use freesmtp_core::{Error, Secret, Security, Server};

use super::Destination;
use crate::config::RouteSettings;

/// For how long servers hold that the settings name: until these are read again.
const ALWAYS: Duration = Duration::from_secs(86_400);

/// A list of servers, to be tried in this order.
#[derive(Clone, Debug)]
pub(super) struct Smarthosts {
    key: String,
    servers: Vec<Server>,
}

impl Smarthosts {
    pub(super) fn new(settings: &RouteSettings, field: &str) -> Result<Self, Error> {
        if settings.servers.is_empty() {
            let problem = "is empty; name a server such as mail.example.com:587, or say via = \"mx\"";
            return Err(Error::input(format!("{field}.servers"), problem));
        }
        let password = password(settings, field)?;
        let security = security(&settings.security, field)?;
        let mut servers = Vec::with_capacity(settings.servers.len());
        for (index, text) in settings.servers.iter().enumerate() {
            let named = |error: Error| Error::input(format!("{field}.servers[{index}]"), error.message());
            let mut server = Server::parse(text).map_err(named)?;
            if server.name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                let problem = format!("{text:?} is no host; name one such as mail.example.com:587");
                return Err(Error::input(format!("{field}.servers[{index}]"), problem));
            }
            if !settings.user.is_empty() {
                server.account.clone_from(&settings.user);
            }
            if let Some(password) = &password {
                server.password = password.clone();
            }
            if let Some(security) = security {
                server.security = security;
            }
            server.ca_file.clone_from(&settings.ca_file);
            server.allow_plaintext_auth |= settings.allow_plaintext_auth;
            servers.push(server);
        }
        let labels: Vec<_> = servers.iter().map(Server::label).collect();
        Ok(Self { key: labels.join(" "), servers })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn destination(&self) -> Destination {
        Destination { key: self.key.clone(), servers: self.servers.clone(), ttl: ALWAYS, notes: Vec::new() }
    }
}

fn password(settings: &RouteSettings, field: &str) -> Result<Option<Secret>, Error> {
    let Some(path) = &settings.password_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::input(format!("{field}.password_file"), format!("{} cannot be read: {error}", path.display()))
    })?;
    Ok(Some(text.lines().next().unwrap_or_default().into()))
}

fn security(text: &str, field: &str) -> Result<Option<Security>, Error> {
    match text {
        "" => Ok(None),
        "none" => Ok(Some(Security::None)),
        "opportunistic" => Ok(Some(Security::Opportunistic)),
        "required" => Ok(Some(Security::Required)),
        "implicit" => Ok(Some(Security::Implicit)),
        _ => {
            let problem = format!("{text:?} is none of none, opportunistic, required, implicit");
            Err(Error::input(format!("{field}.security"), problem))
        }
    }
}
