//! `[mx]`: how mail exchangers are found and spoken to.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use freesmtp_core::Error;
use serde::Deserialize;

use super::Span;

/// The port of the name service.
const DOMAIN: u16 = 53;

/// How the mail exchangers of a domain are found (RFC 5321 section 5.1), and how the way to them is protected.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MxSettings {
    /// Name servers to ask: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`; none means those of the system.
    pub name_servers: Vec<String>,
    /// How long one name server has for one question; it is asked twice.
    pub dns_timeout: Span,
    /// The port of mail exchangers.
    pub port: u16,
    /// Address to connect from.
    pub local_address: Option<IpAddr>,
    /// Names besides `name` by which other servers know this one: mail is never sent back to where it is.
    pub own_names: Vec<String>,
    /// Obeys the policies that domains publish by MTA-STS (RFC 8461).
    pub mta_sts: bool,
    /// The port of the servers of such policies.
    pub mta_sts_port: u16,
    /// The file that keeps these policies over a restart; none means `queue/mta-sts.json` of the spool.
    pub mta_sts_cache: Option<PathBuf>,
    /// PEM file of authorities to trust besides those of the system, for policies and for servers that these name.
    pub ca_file: Option<PathBuf>,
    /// Obeys TLSA records (DANE, RFC 7672). Every answer is validated here, so the name servers must hand on what DNSSEC
    /// needs. Where they do not, no mail could be sent, so it is off at first.
    pub dane: bool,
    /// A file of DNSKEY records to trust, in place of the keys of the root.
    pub trust_anchors: Option<PathBuf>,
}

impl Default for MxSettings {
    fn default() -> Self {
        Self {
            name_servers: Vec::new(),
            dns_timeout: Span::seconds(5),
            port: 25,
            local_address: None,
            own_names: Vec::new(),
            mta_sts: true,
            mta_sts_port: 443,
            mta_sts_cache: None,
            ca_file: None,
            dane: false,
            trust_anchors: None,
        }
    }
}

impl MxSettings {
    /// The name servers; none means those of the system.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the field of one that is no address.
    pub fn name_servers(&self) -> Result<Vec<SocketAddr>, Error> {
        let read = |(index, text): (usize, &String)| {
            let bare = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DOMAIN));
            text.parse().or_else(|_| bare()).map_err(|_| {
                let problem = format!("{text:?} is no address; write 192.0.2.1, or 192.0.2.1:53");
                Error::input(format!("mx.name_servers[{index}]"), problem)
            })
        };
        self.name_servers.iter().enumerate().map(read).collect()
    }
}
