//! The servers that the MX records of a domain name (RFC 5321 section 5.1, RFC 7505).

use std::{
    fs,
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use freesmtp_core::{Error, Security, Server, spool::Spool};
use hickory_resolver::proto::dnssec::TrustAnchors;
use tokio::task::JoinSet;

use super::{
    Destination, RouteError, dane,
    dns::{Dns, DnsSettings, Exchange, Found, NoAnswer},
    domain::Domain,
    order::Order,
    sts::{self, Fetcher, Policies, Policy},
};
use crate::config::{AgentSettings, MxSettings};

/// No route is looked up more often, whatever its records say, and none more seldom.
const HOLDS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(86_400));

/// More hosts than this no message tries; the others are left out.
const MOST_HOSTS: usize = 16;

/// More addresses of a host than this are not tried.
const MOST_ADDRESSES: usize = 16;

/// A domain without MX records is its own server, with this preference.
const IMPLICIT: u16 = 0;

/// The hosts of a domain in the order to try.
#[derive(Debug)]
struct Hosts {
    names: Vec<String>,
    until: Instant,
    secure: bool,
    notes: Vec<String>,
}

/// What is known of one host.
struct Known {
    addresses: Result<Found<IpAddr>, NoAnswer>,
    tlsa: Result<dane::Demand, NoAnswer>,
}

/// Looks mail exchangers up. Answers of the name service and policies are kept as long as they hold.
#[derive(Debug)]
pub(super) struct MailExchangers {
    settings: MxSettings,
    own_names: Vec<String>,
    ca_pem: Option<Vec<u8>>,
    dns: Dns,
    policies: Option<Policies>,
    order: Order,
}

impl MailExchangers {
    /// Checks the settings. Nothing is looked up yet.
    pub(super) fn new(settings: &AgentSettings) -> Result<Self, Error> {
        let own = own_names(settings)?;
        let spool = settings.spool.clone().unwrap_or_else(Spool::default_path);
        let settings = settings.mx.clone();
        let validate = settings.dane.then(|| anchors(settings.trust_anchors.as_deref())).transpose()?;
        let (servers, timeout) = (settings.name_servers()?, settings.dns_timeout.0);
        let dns = Dns::new(&DnsSettings { servers, timeout, validate })
            .map_err(|why| Error::input("mx.name_servers", format!("cannot be asked: {why}")))?;
        let ca_pem = settings.ca_file.as_deref().map(|path| read("mx.ca_file", path)).transpose()?;
        let fetcher = Fetcher::new(dns.clone(), settings.mta_sts_port, ca_pem.as_deref())?;
        let cache = settings.mta_sts_cache.clone().unwrap_or_else(|| spool.join("queue/mta-sts.json"));
        let policies = settings.mta_sts.then(|| Policies::new(dns.clone(), fetcher, &cache));
        Ok(Self { settings, own_names: own, ca_pem, dns, policies, order: Order::new() })
    }

    /// The servers for a domain, or for an address literal.
    pub(super) async fn resolve(&self, domain: &str) -> Result<Destination, RouteError> {
        let domain = Domain::parse(domain).map_err(|why| RouteError::permanent("5.1.2", why))?;
        let key = domain.text();
        match domain {
            Domain::Name(name) => self.by_name(&name).await,
            Domain::Address(address) => {
                let server = self.unverified(address.to_string());
                Ok(Destination { key, servers: vec![server], ttl: HOLDS.1, notes: Vec::new() })
            }
        }
    }

    /// TLS when it is offered, with any certificate.
    fn unverified(&self, name: String) -> Server {
        Server {
            port: self.settings.port,
            security: Security::Opportunistic,
            local_end_point: self.settings.local_address,
            danger_accept_invalid_certs: true,
            danger_accept_invalid_hostnames: true,
            ..Server::new(name)
        }
    }

    /// TLS with a certificate of an authority, for the name (RFC 8461 section 4.1).
    fn verified(&self, name: String) -> Server {
        Server {
            security: Security::Required,
            danger_accept_invalid_certs: false,
            danger_accept_invalid_hostnames: false,
            ca_pem: self.ca_pem.clone(),
            ..self.unverified(name)
        }
    }

    async fn by_name(&self, domain: &str) -> Result<Destination, RouteError> {
        let policy = async {
            match &self.policies {
                Some(policies) => policies.of(domain).await,
                None => sts::Known::default(),
            }
        };
        let (hosts, policy) = tokio::join!(self.hosts(domain), policy);
        let mut hosts = hosts?;
        hosts.notes.extend(policy.note);
        let policy = policy.policy.filter(|policy| policy.is_obeyed());
        if let Some(policy) = &policy {
            leave_to_policy(domain, policy, &mut hosts)?;
        }
        let known = self.know(&hosts).await;
        self.assemble(domain, hosts, known, policy.as_deref())
    }

    /// The hosts in random order where their preferences are equal.
    async fn hosts(&self, domain: &str) -> Result<Hosts, RouteError> {
        let found = self.dns.exchanges(domain).await.map_err(|error| match error {
            NoAnswer::NoSuchName => {
                RouteError::permanent("5.1.2", format!("the domain {domain} does not exist"))
            }
            NoAnswer::Failed(why) => {
                RouteError::temporary("4.4.3", format!("the MX records of {domain} can't be had: {why}"))
            }
        })?;
        let mut exchanges = found.records;
        if exchanges.is_empty() {
            exchanges.push(Exchange { preference: IMPLICIT, name: domain.to_owned() });
        }
        if exchanges.iter().all(|exchange| exchange.name.is_empty()) {
            let text = format!("the domain {domain} takes no mail: it says so by a null MX (RFC 7505)");
            return Err(RouteError::permanent("5.1.10", text));
        }
        let mut notes = Vec::new();
        exchanges.retain(|exchange| {
            let why = if exchange.name.is_empty() {
                "a null MX beside others means nothing"
            } else if exchange.name.parse::<IpAddr>().is_ok() {
                "an MX names a host, never an address"
            } else {
                return true;
            };
            notes.push(format!("MX {:?} of {domain} is left out: {why}", exchange.name));
            false
        });
        let turn = self.order.turn();
        exchanges.sort_by_key(|exchange| (exchange.preference, self.order.place(turn, &exchange.name)));
        self.cut_at_ourselves(domain, &mut exchanges)?;
        let mut names: Vec<String> = Vec::new();
        for exchange in exchanges {
            if !names.contains(&exchange.name) && names.len() < MOST_HOSTS {
                names.push(exchange.name);
            }
        }
        Ok(Hosts { names, until: found.until, secure: found.secure, notes })
    }

    /// A server that is an MX itself hands on only to those before it (RFC 5321 section 5.1).
    fn cut_at_ourselves(&self, domain: &str, exchanges: &mut Vec<Exchange>) -> Result<(), RouteError> {
        let own = |exchange: &&Exchange| self.own_names.contains(&exchange.name);
        let Some(own) = exchanges.iter().find(own).cloned() else { return Ok(()) };
        exchanges.retain(|exchange| exchange.preference < own.preference);
        if exchanges.is_empty() {
            let text = format!(
                "mail for {domain} leads back here: its best MX is {}, which is this server, and no route says where \
                 it goes from here",
                own.name
            );
            return Err(RouteError::permanent("5.4.6", text));
        }
        Ok(())
    }

    /// Both families in turn: a broken one delays by one attempt only (RFC 8305 section 4).
    fn in_turn(&self, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let turn = self.order.turn();
        addresses.sort_by_key(|address| self.order.place(turn, address));
        let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.into_iter().partition(IpAddr::is_ipv6);
        let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
        let mut mixed = Vec::new();
        loop {
            match (v6.next(), v4.next()) {
                (None, None) => return mixed,
                (a, b) => mixed.extend(a.into_iter().chain(b)),
            }
        }
    }

    /// Asks about all hosts at once, so that one that is silent costs its time only once.
    async fn know(&self, hosts: &Hosts) -> Vec<Known> {
        let mut asked = JoinSet::new();
        for (index, name) in hosts.names.iter().enumerate() {
            let (dns, name) = (self.dns.clone(), name.clone());
            let (dane, port) = (self.settings.dane && hosts.secure, self.settings.port);
            asked.spawn(async move {
                let addresses = dns.addresses(&name).await;
                // Without a proof for the host there can be none for what hangs below it (RFC 7672 section 2.2.2).
                let proved = addresses.as_ref().is_ok_and(|found| found.secure);
                let tlsa = if dane && proved {
                    let canonical = addresses.as_ref().ok().and_then(|found| found.canonical.as_deref());
                    dane::demand(&dns, &name, canonical, port).await
                } else {
                    Ok(dane::Demand::none())
                };
                (index, Known { addresses, tlsa })
            });
        }
        let mut known: Vec<(usize, Known)> = Vec::new();
        while let Some(one) = asked.join_next().await {
            known.extend(one);
        }
        known.sort_by_key(|(index, _)| *index);
        known.into_iter().map(|(_, known)| known).collect()
    }

    fn assemble(
        &self,
        domain: &str,
        hosts: Hosts,
        known: Vec<Known>,
        policy: Option<&Policy>,
    ) -> Result<Destination, RouteError> {
        let Hosts { names, mut until, mut notes, .. } = hosts;
        let mut servers: Vec<Server> = Vec::new();
        let (mut failed, mut missing) = (Vec::new(), Vec::new());
        for (name, known) in names.iter().zip(known) {
            let addresses = match known.addresses {
                Ok(found) if !found.records.is_empty() => found,
                Ok(_) => {
                    missing.push(format!("{name} has no address"));
                    continue;
                }
                Err(NoAnswer::NoSuchName) => {
                    missing.push(format!("{name} does not exist"));
                    continue;
                }
                Err(NoAnswer::Failed(why)) => {
                    failed.push(format!("the addresses of {name} can't be had: {why}"));
                    continue;
                }
            };
            let demand = match known.tlsa {
                Ok(demand) => demand,
                // To go on without them is what an attacker wants (RFC 7672 section 2.1.2).
                Err(error) => {
                    failed.push(format!("the TLSA records of {name} can't be had: {error}"));
                    continue;
                }
            };
            until = until.min(addresses.until).min(demand.until.unwrap_or(addresses.until));
            let mut server = match policy {
                Some(_) if !demand.has_pins() => self.verified(name.clone()),
                _ => self.unverified(name.clone()),
            };
            notes.extend(demand.apply(&mut server));
            server.addresses = self.in_turn(addresses.records);
            server.addresses.truncate(MOST_ADDRESSES);
            servers.push(server);
        }
        if servers.is_empty() {
            return Err(no_server(domain, &failed, &missing, &notes));
        }
        notes.extend(failed.into_iter().chain(missing));
        let mut sorted = names;
        sorted.retain(|name| servers.iter().any(|server| server.name == *name));
        sorted.sort();
        let key = sorted.join(",");
        let key = if policy.is_some() { format!("{key} (MTA-STS)") } else { key };
        Ok(Destination { key, servers, ttl: remaining(until), notes })
    }
}

/// How long an answer holds from now on.
fn remaining(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).clamp(HOLDS.0, HOLDS.1)
}

/// The names by which other servers know this one.
fn own_names(settings: &AgentSettings) -> Result<Vec<String>, Error> {
    let own = settings.mx.own_names.iter().enumerate().map(|(index, name)| {
        let own = Domain::parse(name);
        own.map(|own| own.text()).map_err(|why| Error::input(format!("mx.own_names[{index}]"), why))
    });
    let mut names: Vec<String> = own.collect::<Result<_, _>>()?;
    names.extend(Domain::parse(&settings.name).ok().map(|name| name.text()));
    Ok(names)
}

/// The keys to trust: of a file, or `None` for those of the root.
fn anchors(path: Option<&Path>) -> Result<Option<Arc<TrustAnchors>>, Error> {
    let Some(path) = path else { return Ok(None) };
    let anchors = TrustAnchors::from_file(path).map_err(|error| {
        let text = format!("{} cannot be read: {error}; name a file of DNSKEY records", path.display());
        Error::input("mx.trust_anchors", text)
    })?;
    Ok(Some(Arc::new(anchors)))
}

fn read(field: &str, path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| Error::input(field, format!("{} cannot be read: {error}", path.display())))
}

fn no_server(domain: &str, failed: &[String], missing: &[String], notes: &[String]) -> RouteError {
    if !failed.is_empty() {
        let text = format!("no server of {domain} can be found now: {}", failed.join("; "));
        return RouteError::temporary("4.4.3", text);
    }
    if missing.len() == 1 && missing[0].starts_with(&format!("{domain} ")) {
        let text = format!("the domain {domain} has no server for mail: neither MX records nor an address");
        return RouteError::permanent("5.1.2", text);
    }
    let all: Vec<&str> = missing.iter().chain(notes).map(String::as_str).collect();
    RouteError::permanent("5.4.4", format!("{domain} names no server that exists: {}", all.join("; ")))
}

/// Only hosts that the policy names may be sent to (RFC 8461 section 5).
fn leave_to_policy(domain: &str, policy: &Policy, hosts: &mut Hosts) -> Result<(), RouteError> {
    let (named, others): (Vec<String>, Vec<String>) =
        std::mem::take(&mut hosts.names).into_iter().partition(|name| policy.names(name));
    if named.is_empty() && !others.is_empty() {
        let text = format!(
            "the policy of {domain} (MTA-STS) names none of its servers: {}; whoever runs {domain} must mend the policy or \
             the MX records",
            others.join(", ")
        );
        return Err(RouteError::temporary("4.7.5", text));
    }
    hosts.names = named;
    hosts.notes.extend(
        others
            .iter()
            .map(|name| format!("{name} is left out: the policy of {domain} (MTA-STS) does not name it")),
    );
    Ok(())
}
