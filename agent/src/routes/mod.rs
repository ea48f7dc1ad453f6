//! From a recipient's domain to the servers that take its mail.
//!
//! Policy: the first `[[route]]` whose domains fit decides; without one, the domain's mail exchangers do. What needs no
//! network (which queue a recipient belongs to) is apart from what does ([`Routes::resolve`]).
//!
//! For mail exchangers the name service decides (RFC 5321 section 5.1, RFC 7505). When it cannot tell, that is a reason to
//! wait; when it says no, to give up; `dns` alone decides which of the two an answer is. To a mail exchanger goes TLS whenever it
//! is offered, with any certificate (RFC 7435: who only listens learns nothing), unless the domain asks for more: by a
//! policy (MTA-STS, RFC 8461: `sts`) or by TLSA records (DANE, RFC 7672: `dane`). Where both do, the TLSA records of a
//! server go before the policy.

mod dane;
mod dns;
mod domain;
mod error;
mod mx;
#[cfg(test)]
mod on_loopback;
mod order;
mod smarthost;
mod sts;

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use freesmtp_core::{Error, Security, Server};

pub use self::error::RouteError;
use self::{domain::Domain, mx::MailExchangers, smarthost::Smarthosts};
use crate::config::{AgentSettings, DestinationLimits, RouteSettings, Via};

/// So much is said of the ways to domains between two starts or reloads: whoever writes to very many has other ways to look.
const SAID: usize = 1_000;

/// Where mail for a domain goes.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The site: what limits and health belong to. Domains with the same mail exchangers share it.
    pub key: String,
    /// The servers in the order to try them, each with its TLS policy.
    pub servers: Vec<Server>,
    /// For how long this holds.
    pub ttl: Duration,
    /// What was left out or could not be done, for a person.
    pub notes: Vec<String>,
}

/// The same server in clear text, for a second attempt after TLS could not start; `None` where TLS is asked for.
///
/// Where any certificate would do, clear text is no worse than what an attacker could make of TLS (RFC 7435 section 3).
#[must_use]
pub fn in_clear_text(server: &Server) -> Option<Server> {
    let anything_goes = server.security == Security::Opportunistic
        && server.danger_accept_invalid_certs
        && server.certificate_pins.is_empty();
    anything_goes.then(|| Server { security: Security::None, ..server.clone() })
}

/// All routes.
#[derive(Debug)]
pub struct Routes {
    routes: Vec<Route>,
    exchangers: MailExchangers,
    /// What a person was told already.
    said: Mutex<HashSet<String>>,
}

/// One `[[route]]`, checked.
#[derive(Debug)]
struct Route {
    domains: Vec<String>,
    /// `None`: the mail exchangers.
    servers: Option<Smarthosts>,
    limits: DestinationLimits,
}

impl Routes {
    /// Checks the routes and reads their files.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the field that is not right, such as `route[0].servers[1]`.
    pub fn new(settings: &AgentSettings) -> Result<Self, Error> {
        let routes = settings.route.iter().enumerate().map(|(index, route)| Route::new(route, index));
        Ok(Self {
            routes: routes.collect::<Result<_, _>>()?,
            exchangers: MailExchangers::new(settings)?,
            said: Mutex::default(),
        })
    }

    /// The queue for a domain, found without asking anybody: recipients with the same one may share a transaction. The
    /// servers' names for a smarthost, else the domain.
    #[must_use]
    pub fn site(&self, domain: &str) -> String {
        let domain = normal(domain);
        match self.route(&domain).and_then(|route| route.servers.as_ref()) {
            Some(servers) => servers.key().to_owned(),
            None => domain,
        }
    }

    /// The limits of the destination of a domain; what is not set there is not set here.
    #[must_use]
    pub fn limits(&self, domain: &str) -> DestinationLimits {
        self.route(&normal(domain)).map(|route| route.limits).unwrap_or_default()
    }

    /// Whether a domain's mail goes to servers that the settings name.
    #[must_use]
    pub fn is_named(&self, domain: &str) -> bool {
        self.route(&normal(domain)).is_some_and(|route| route.servers.is_some())
    }

    /// The servers for a domain.
    ///
    /// # Errors
    /// That there are none, for now or for good.
    pub async fn resolve(&self, domain: &str) -> Result<Destination, RouteError> {
        let domain = normal(domain);
        match self.route(&domain).and_then(|route| route.servers.as_ref()) {
            Some(servers) => Ok(servers.destination()),
            None => {
                let found = self.exchangers.resolve(&domain).await?;
                for note in self.news(&domain, &found.notes) {
                    eprintln!("freesmtp agent: {note}");
                }
                Ok(found)
            }
        }
    }

    /// Of what a person should know of the way to a domain, that which was not said before.
    fn news(&self, domain: &str, notes: &[String]) -> Vec<String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = notes.iter().map(|note| format!("mail for {domain}: {note}"));
        notes.filter(|note| said.len() < SAID && said.insert(note.clone())).collect()
    }

    fn route(&self, domain: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.fits(domain))
    }
}

/// Domains are the same in either case, with the dot at their end, and in Unicode. What is no domain stays as it is.
fn normal(domain: &str) -> String {
    Domain::parse(domain).map_or_else(|_| domain.to_lowercase(), |domain| domain.text())
}

impl Route {
    fn new(settings: &RouteSettings, index: usize) -> Result<Self, Error> {
        let field = format!("route[{index}]");
        let servers = match settings.via {
            Via::Servers => Some(Smarthosts::new(settings, &field)?),
            Via::Mx if !settings.servers.is_empty() => {
                let problem =
                    "names servers, and via = \"mx\" takes those of the domain; leave one of them out";
                return Err(Error::input(format!("{field}.servers"), problem));
            }
            Via::Mx => None,
        };
        let mut domains = Vec::new();
        for (at, domain) in settings.domains.iter().enumerate() {
            let name = domain.strip_prefix("*.").unwrap_or(domain);
            if domain != "*" && (name.is_empty() || name.contains(['*', '@', ' ', '/'])) {
                let problem = format!("{domain:?} is no domain; write example.org, *.example.org or *");
                return Err(Error::input(format!("{field}.domains[{at}]"), problem));
            }
            domains.push(normal(domain));
        }
        Ok(Self { domains, servers, limits: settings.limits })
    }

    fn fits(&self, domain: &str) -> bool {
        self.domains.is_empty()
            || self.domains.iter().any(|pattern| match pattern.strip_prefix('*') {
                Some("") => true,
                Some(below) => domain.len() > below.len() && domain.ends_with(below),
                None => domain == pattern,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(text: &str) -> Result<Routes, Error> {
        Routes::new(&AgentSettings::parse(text).unwrap())
    }

    const THREE: &str = "[[route]]\ndomains = [\"a.test\", \"*.b.test\"]\nservers = [\"one:2525\", \"two\"]\n\
        [[route]]\ndomains = [\"mx.test\"]\nvia = \"mx\"\n[[route]]\nservers = [\"rest\"]\nlimits.sessions = 7\n";

    #[test]
    fn the_first_route_that_fits_is_taken() {
        let routes = routes(THREE).unwrap();
        let site = |domain| routes.site(domain);
        assert_eq!(site("A.test."), site("x.b.test"));
        assert_ne!(site("b.test"), site("x.b.test"), "*.b.test is what is below b.test");
        assert_eq!(site("b.test"), site("other.test"));
        assert_eq!(site("MX.test"), "mx.test");
        assert_eq!(routes.limits("other.test").sessions, Some(7));
        assert!(routes.is_named("a.test") && !routes.is_named("mx.test"));
    }

    #[tokio::test]
    async fn the_servers_are_tried_in_the_order_of_the_settings() {
        let routes = routes(THREE).unwrap();
        let found = routes.resolve("a.test").await.unwrap();
        let labels: Vec<_> = found.servers.iter().map(Server::label).collect();
        assert_eq!(labels, ["one:2525", "two:25"]);
        assert_eq!(found.key, routes.site("x.b.test"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let field = |text: &str| routes(text).unwrap_err().field().unwrap().to_owned();
        assert_eq!(field("[[route]]\nservers = []"), "route[0].servers");
        assert_eq!(field("[[route]]\nservers = [\"a\", \"b c\"]"), "route[0].servers[1]");
        assert_eq!(field("[[route]]\nvia = \"mx\"\nservers = [\"a\"]"), "route[0].servers");
        assert_eq!(field("[[route]]\nservers = [\"a\"]\ndomains = [\"x@y\"]"), "route[0].domains[0]");
        assert_eq!(field("[[route]]\nservers = [\"a\"]\nsecurity = \"some\""), "route[0].security");
        assert_eq!(
            field("[[route]]\nservers = [\"a\"]\nuser = \"u\"\npassword_file = \"/none\""),
            "route[0].password_file"
        );
    }
}
