//! What the name service says, in our own words: records, none, no such name, or no answer.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        dnssec::{Proof, TrustAnchors},
        op::ResponseCode,
        rr::{Name, RData, Record, RecordType, rdata::TLSA},
    },
};

/// How long "there is none" is believed, where the answer does not say.
const NONE_LASTS: Duration = Duration::from_secs(60);

/// Answers that are kept.
const KEPT: u64 = 65_536;

/// No answer is believed longer, whatever it says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Records of one name and kind; none when the name exists without any.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) records: Vec<T>,
    /// How long the answer holds.
    pub(super) until: Instant,
    /// DNSSEC proves the answer. Never, where nobody validates.
    pub(super) secure: bool,
    /// The name that has the records, where aliases (CNAME) led to another.
    pub(super) canonical: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The name does not exist, or cannot exist.
    NoSuchName,
    /// Nobody could tell, or what was told is forged: why, for a person.
    Failed(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("the name does not exist"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// One MX record. The exchange has no dot at its end; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) preference: u16,
    pub(super) name: String,
}

/// Where to ask.
#[derive(Clone)]
pub(super) struct DnsSettings {
    /// The name servers; none means those of the system.
    pub(super) servers: Vec<SocketAddr>,
    /// For one question to one server; it is asked twice.
    pub(super) timeout: Duration,
    /// Validate every answer (RFC 4035), from these anchors or else from the root's; `None` validates nothing.
    pub(super) validate: Option<Option<Arc<TrustAnchors>>>,
}

/// Asks; answers are kept as long as they hold.
#[derive(Clone, Debug)]
pub(super) struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    pub(super) fn new(settings: &DnsSettings) -> Result<Self, String> {
        let said = |error: NetError| error.to_string();
        let mut builder = if settings.servers.is_empty() {
            TokioResolver::builder_tokio().map_err(said)?
        } else {
            let servers = settings.servers.iter().map(|server| {
                let mut config = NameServerConfig::udp_and_tcp(server.ip());
                for connection in &mut config.connections {
                    connection.port = server.port();
                }
                config
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.timeout = settings.timeout;
        options.attempts = 2;
        options.edns0 = true;
        // Mail follows the name service alone: a line of /etc/hosts moves no other organisation's mail.
        options.use_hosts_file = ResolveHosts::Never;
        options.cache_size = KEPT;
        options.positive_max_ttl = Some(LONGEST);
        options.negative_max_ttl = Some(LONGEST);
        match &settings.validate {
            Some(Some(anchors)) => builder = builder.with_trust_anchor(Arc::clone(anchors)),
            Some(None) => options.validate = true,
            None => {}
        }
        Ok(Self { resolver: builder.build().map_err(said)? })
    }

    pub(super) async fn exchanges(&self, domain: &str) -> Result<Found<Exchange>, NoAnswer> {
        let of = |data: &RData| match data {
            RData::MX(mx) => Some(Exchange { preference: mx.preference, name: plain(&mx.exchange) }),
            _ => None,
        };
        self.lookup(domain, RecordType::MX, of).await
    }

    /// IPv6 and IPv4 addresses; those of one family are enough when the other can't be had.
    pub(super) async fn addresses(&self, host: &str) -> Result<Found<IpAddr>, NoAnswer> {
        let (v6, v4) = tokio::join!(self.v6(host), self.v4(host));
        match (v6, v4) {
            (Ok(v6), Ok(v4)) => {
                let until = match (v6.records.is_empty(), v4.records.is_empty()) {
                    (true, false) => v4.until,
                    (false, true) => v6.until,
                    _ => v6.until.min(v4.until),
                };
                let proved = |found: &Found<IpAddr>| found.records.is_empty() || found.secure;
                let secure = proved(&v6) && proved(&v4) && (v6.secure || v4.secure);
                let canonical = v6.canonical.or(v4.canonical);
                let records = [v6.records, v4.records].concat();
                Ok(Found { records, until, secure, canonical })
            }
            (Ok(some), Err(other)) | (Err(other), Ok(some)) => {
                let failed = matches!(other, NoAnswer::Failed(_));
                if some.records.is_empty() && failed { Err(other) } else { Ok(some) }
            }
            (Err(failed @ NoAnswer::Failed(_)), Err(_)) => Err(failed),
            (Err(_), Err(other)) => Err(other),
        }
    }

    async fn v6(&self, host: &str) -> Result<Found<IpAddr>, NoAnswer> {
        let of = |data: &RData| match data {
            RData::AAAA(address) => Some(IpAddr::V6(Ipv6Addr::from(*address))),
            _ => None,
        };
        self.lookup(host, RecordType::AAAA, of).await
    }

    async fn v4(&self, host: &str) -> Result<Found<IpAddr>, NoAnswer> {
        let of = |data: &RData| match data {
            RData::A(address) => Some(IpAddr::V4(Ipv4Addr::from(*address))),
            _ => None,
        };
        self.lookup(host, RecordType::A, of).await
    }

    /// The texts of a name, the strings of each in one.
    pub(super) async fn texts(&self, name: &str) -> Result<Found<String>, NoAnswer> {
        let of = |data: &RData| match data {
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        };
        self.lookup(name, RecordType::TXT, of).await
    }

    pub(super) async fn associations(&self, name: &str) -> Result<Found<TLSA>, NoAnswer> {
        let of = |data: &RData| match data {
            RData::TLSA(record) => Some(record.clone()),
            _ => None,
        };
        self.lookup(name, RecordType::TLSA, of).await
    }

    async fn lookup<T>(
        &self,
        name: &str,
        kind: RecordType,
        of: impl Fn(&RData) -> Option<T>,
    ) -> Result<Found<T>, NoAnswer> {
        // The dot at the end keeps the search list of the system out of it.
        let name = Name::from_ascii(format!("{name}.")).map_err(|_| NoAnswer::NoSuchName)?;
        let lookup = match self.resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => lookup,
            Err(error) => return none(&error),
        };
        let owner =
            lookup.answers().iter().find(|record| of(&record.data).is_some()).map(|record| &record.name);
        let canonical = owner.filter(|owner| **owner != name).map(plain);
        let records: Vec<T> = lookup.answers().iter().filter_map(|record| of(&record.data)).collect();
        // A chain of CNAME records is proved by every link.
        let secure = !records.is_empty() && lookup.answers().iter().all(is_secure);
        let until = lookup.valid_until().min(Instant::now() + LONGEST);
        Ok(Found { records, until, secure, canonical })
    }
}

fn is_secure(record: &Record) -> bool {
    record.proof == Proof::Secure || record.record_type() == RecordType::RRSIG
}

/// What an error means: none, no such name, or no answer.
fn none<T>(error: &NetError) -> Result<Found<T>, NoAnswer> {
    let empty = |ttl: Option<u32>, proof: Proof| {
        let lasts = ttl.map_or(NONE_LASTS, |ttl| Duration::from_secs(ttl.into()).min(LONGEST));
        let (until, secure) = (Instant::now() + lasts, proof == Proof::Secure);
        Ok(Found { records: Vec::new(), until, secure, canonical: None })
    };
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
            Err(NoAnswer::NoSuchName)
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NoError => {
            empty(none.negative_ttl, Proof::Indeterminate)
        }
        NetError::Dns(DnsError::Nsec { proof, .. }) if *proof == Proof::Bogus => {
            Err(NoAnswer::Failed("DNSSEC does not prove that there is none".to_owned()))
        }
        NetError::Dns(DnsError::Nsec { response, .. })
            if response.response_code == ResponseCode::NXDomain =>
        {
            Err(NoAnswer::NoSuchName)
        }
        NetError::Dns(DnsError::Nsec { proof, .. }) => empty(None, *proof),
        NetError::Dns(DnsError::NoRecordsFound(none)) => Err(answered(none.response_code)),
        NetError::Dns(DnsError::ResponseCode(code)) => Err(answered(*code)),
        NetError::Timeout => Err(NoAnswer::Failed("no name server answered in time".to_owned())),
        other => Err(NoAnswer::Failed(other.to_string())),
    }
}

fn answered(code: ResponseCode) -> NoAnswer {
    let code = match code {
        ResponseCode::ServFail => "SERVFAIL: it could not find out".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => other.to_string(),
    };
    NoAnswer::Failed(format!("the name server answered {code}"))
}

/// As people write it: lower case, without the dot at the end.
fn plain(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
