//! Routes against name servers and mail servers on loopback.

mod dane;
mod delivery;
mod https;
mod mailserver;
mod mx;
mod nameserver;
mod pki;
mod signed;
mod sts;
mod whole;

use std::{net::IpAddr, time::Duration};

use nameserver::NameServer;

use super::{Destination, RouteError, Routes};
use crate::config::{AgentSettings, MxSettings, Span};

/// Settings that ask that name server alone, and wait no longer than a test should.
fn asking(server: &NameServer) -> MxSettings {
    MxSettings {
        name_servers: vec![server.address.to_string()],
        dns_timeout: Span(Duration::from_millis(300)),
        mta_sts: false,
        ..MxSettings::default()
    }
}

fn routes(mx: MxSettings) -> Routes {
    Routes::new(&AgentSettings { mx, ..AgentSettings::default() }).unwrap()
}

async fn resolve(mx: MxSettings, domain: &str) -> Result<Destination, RouteError> {
    routes(mx).resolve(domain).await
}

fn names(destination: &Destination) -> Vec<&str> {
    destination.servers.iter().map(|server| server.name.as_str()).collect()
}

fn addresses(destination: &Destination) -> Vec<Vec<IpAddr>> {
    destination.servers.iter().map(|server| server.addresses.clone()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
