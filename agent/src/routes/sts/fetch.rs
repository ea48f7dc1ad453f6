//! Fetching a policy over HTTPS (RFC 8461 section 3.3).

use std::{net::SocketAddr, time::Duration};

use freesmtp_core::Error;
use reqwest::{Certificate, Client, header, redirect, tls::Version};

use super::policy::Policy;
use crate::routes::dns::Dns;

/// A policy server has so long (section 3.3 suggests a minute; mail waits meanwhile).
const PATIENCE: Duration = Duration::from_secs(20);

/// A policy is a few lines; more is none (section 3.3 allows a limit).
const LONGEST: usize = 64 * 1024;

/// Fetches policies. The name of the policy server is looked up where all other names are.
#[derive(Debug)]
pub(in crate::routes) struct Fetcher {
    dns: Dns,
    port: u16,
    authorities: Vec<Certificate>,
}

impl Fetcher {
    pub(in crate::routes) fn new(dns: Dns, port: u16, ca_pem: Option<&[u8]>) -> Result<Self, Error> {
        let authorities = ca_pem
            .map(Certificate::from_pem_bundle)
            .transpose()
            .map_err(|error| Error::input("mx.ca_file", format!("holds no certificates in PEM: {error}")))?;
        Ok(Self { dns, port, authorities: authorities.unwrap_or_default() })
    }

    /// The policy of a domain; why there is none, for a person.
    pub(super) async fn fetch(&self, domain: &str) -> Result<Policy, String> {
        let host = format!("mta-sts.{domain}");
        let found = self.dns.addresses(&host).await.map_err(|error| format!("{host}: {error}"))?;
        let addresses: Vec<SocketAddr> =
            found.records.iter().map(|ip| SocketAddr::new(*ip, self.port)).collect();
        if addresses.is_empty() {
            return Err(format!("{host} has no address"));
        }
        let url = format!("https://{host}:{}/.well-known/mta-sts.txt", self.port);
        let failed = |error: reqwest::Error| format!("{url}: {}", causes(&error));
        let mut response =
            self.client(&host, &addresses).map_err(failed)?.get(&url).send().await.map_err(failed)?;
        // Redirects are not followed, and what is not 200 is no policy (section 3.3).
        if response.status() != 200 {
            return Err(format!("{url} answered {}", response.status()));
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/plain")) {
            return Err(format!("{url} is not text/plain"));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST {
                return Err(format!("{url} is longer than a policy can be"));
            }
        }
        let text = String::from_utf8(body).map_err(|_| format!("{url} is no text"))?;
        Policy::parse(&text).map_err(|why| format!("{url}: {why}"))
    }

    /// A client of its own for each policy: they are fetched once a day, and the addresses are of this name alone.
    fn client(&self, host: &str, addresses: &[SocketAddr]) -> reqwest::Result<Client> {
        let client = Client::builder()
            .https_only(true)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tls_version_min(Version::TLS_1_2)
            .timeout(PATIENCE)
            .resolve_to_addrs(host, addresses)
            .user_agent(concat!("freesmtp/", env!("CARGO_PKG_VERSION")));
        self.authorities.iter().fold(client, |client, one| client.add_root_certificate(one.clone())).build()
    }
}

/// An error with what it came from.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
