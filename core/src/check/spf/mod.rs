//! Whether a domain lets an address send for it: `check_host()` of RFC 7208.

mod macros;
mod record;
mod step;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use crate::dns::{DnsError, Kind, Record as DnsRecord, Resolver};
use macros::MacroString;
use record::{Mechanism, Prefixes, Record};
pub(super) use step::spf;

/// Terms that look something up (RFC 7208 section 4.6.4).
const MOST_LOOKUPS: u32 = 10;

/// Look-ups that find nothing.
const MOST_VOID: u32 = 2;

/// Names of one MX or PTR answer.
const MOST_NAMES: usize = 10;

/// The results of RFC 7208 section 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    SoftFail,
    Neutral,
    None,
    TempError,
    PermError,
}

impl Verdict {
    /// The name of the RFC.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::None => "none",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Who sends as whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'a> {
    pub(super) ip: IpAddr,
    pub(super) local_part: &'a str,
    pub(super) domain: &'a str,
    /// The name given in EHLO.
    pub(super) helo: &'a str,
    pub(super) unix_seconds: i64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// The term that decided, as it stands in the record of `domain`; empty when none did.
    pub(super) term: String,
    /// The domain whose record decided.
    pub(super) domain: String,
    /// The record of the sender's domain.
    pub(super) record: String,
    /// Why there is no better result.
    pub(super) problem: String,
    /// What the domain says of a refusal.
    pub(super) explanation: String,
}

/// Judges; what goes wrong is a result.
pub(super) fn check_host(sender: &Sender<'_>, resolver: &dyn Resolver) -> Judgement {
    let mut evaluation = Evaluation {
        sender: Sender { ip: sender.ip.to_canonical(), ..*sender },
        resolver,
        lookups: 0,
        void: 0,
        record: None,
    };
    let decided = evaluation.judge(sender.domain, true);
    let record = evaluation.record.take().unwrap_or_default();
    match decided {
        Ok(decision) => {
            let explanation = match (decision.verdict, &decision.explanation) {
                (Verdict::Fail, Some(name)) => evaluation.explain(name, &decision.domain),
                _ => String::new(),
            };
            let Decision { verdict, term, domain, .. } = decision;
            Judgement { verdict, term, domain, record, problem: String::new(), explanation }
        }
        Err(stop) => Judgement {
            verdict: stop.verdict,
            term: stop.term,
            domain: stop.domain,
            record,
            problem: stop.problem,
            explanation: String::new(),
        },
    }
}

struct Evaluation<'a> {
    sender: Sender<'a>,
    resolver: &'a dyn Resolver,
    lookups: u32,
    void: u32,
    /// The first record, for the reader.
    record: Option<String>,
}

struct Decision {
    verdict: Verdict,
    term: String,
    domain: String,
    explanation: Option<MacroString>,
}

/// An end without a decision: none, temperror, permerror.
struct Stop {
    verdict: Verdict,
    problem: String,
    term: String,
    domain: String,
}

impl Stop {
    fn new(verdict: Verdict, problem: impl Into<String>) -> Self {
        Self { verdict, problem: problem.into(), term: String::new(), domain: String::new() }
    }

    fn permanent(problem: impl Into<String>) -> Self {
        Self::new(Verdict::PermError, problem)
    }

    /// The innermost term is the one to look at.
    fn at(mut self, term: &str, domain: &str) -> Self {
        if self.term.is_empty() {
            term.clone_into(&mut self.term);
        }
        if self.domain.is_empty() {
            domain.clone_into(&mut self.domain);
        }
        self
    }
}

impl Evaluation<'_> {
    /// `check_host()` for a domain; `first` for that of the sender.
    fn judge(&mut self, domain: &str, first: bool) -> Result<Decision, Stop> {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let text = self.record_of(domain).map_err(|stop| stop.at("", domain))?;
        if first {
            self.record = Some(text.clone());
        }
        let record = record::parse(&text).map_err(|problem| Stop::permanent(problem).at("", domain))?;
        let has_all = record.directives.iter().any(|d| d.mechanism == Mechanism::All);
        for directive in &record.directives {
            let matched = self.matches(&directive.mechanism, domain);
            if matched.map_err(|stop| stop.at(&directive.text, domain))? {
                return Ok(Decision {
                    verdict: directive.verdict,
                    term: directive.text.clone(),
                    domain: domain.to_owned(),
                    explanation: record.explanation,
                });
            }
        }
        // Section 6.1: `all` makes a redirect meaningless, wherever they stand.
        if let Some(redirect) = record.redirect.as_ref().filter(|_| !has_all) {
            self.count("redirect=").map_err(|stop| stop.at("redirect=", domain))?;
            let target = self.name(redirect, domain);
            return self.judge(&target, false).map_err(|stop| match stop.verdict {
                Verdict::None => {
                    Stop::permanent(format!("redirect={target}: {}", stop.problem)).at("redirect=", domain)
                }
                _ => stop,
            });
        }
        Ok(self.undecided(domain, record))
    }

    /// Section 4.7: nothing matched.
    fn undecided(&self, domain: &str, record: Record) -> Decision {
        Decision {
            verdict: Verdict::Neutral,
            term: String::new(),
            domain: domain.to_owned(),
            explanation: record.explanation,
        }
    }

    /// The one SPF record of a domain.
    fn record_of(&self, domain: &str) -> Result<String, Stop> {
        let labels: Vec<&str> = domain.split('.').collect();
        if labels.len() < 2 || !labels.iter().all(|l| (1..=63).contains(&l.len())) || domain.len() > 253 {
            return Err(Stop::new(Verdict::None, format!("{domain:?} is no domain that can have a record")));
        }
        let texts = match self.resolver.texts(domain) {
            Ok(texts) => texts,
            Err(DnsError::NoSuchName) => {
                return Err(Stop::new(Verdict::None, format!("{domain} does not exist")));
            }
            Err(DnsError::Failed(why)) => {
                return Err(Stop::new(Verdict::TempError, format!("TXT of {domain}: {why}")));
            }
        };
        let mut records = texts.into_iter().filter(|text| record::is_spf(text));
        match (records.next(), records.next()) {
            (Some(record), None) => Ok(record),
            (None, _) => Err(Stop::new(Verdict::None, format!("{domain} has no SPF record"))),
            (Some(_), Some(_)) => {
                Err(Stop::permanent(format!("{domain} has more than one SPF record, and must have one")))
            }
        }
    }

    fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Stop> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, bits) => Ok(is_within(self.sender.ip, IpAddr::V4(*network), *bits)),
            Mechanism::Ip6(network, bits) => Ok(is_within(self.sender.ip, IpAddr::V6(*network), *bits)),
            Mechanism::Include(name) => self.includes(&self.name(name, domain)),
            Mechanism::A(name, bits) => {
                self.count("a")?;
                let addresses = self.addresses(&self.name_or(name.as_ref(), domain), true)?;
                Ok(self.any_within(&addresses, *bits))
            }
            Mechanism::Mx(name, bits) => self.is_exchange(&self.name_or(name.as_ref(), domain), *bits),
            Mechanism::Ptr(name) => {
                self.count("ptr")?;
                let target = self.name_or(name.as_ref(), domain);
                Ok(self.own_names()?.iter().any(|name| is_at_or_below(name, &target)))
            }
            Mechanism::Exists(name) => {
                self.count("exists")?;
                // Always A, for IPv6 too (section 5.7).
                Ok(!self.lookup(&self.name(name, domain), Kind::A, true)?.is_empty())
            }
        }
    }

    fn includes(&mut self, domain: &str) -> Result<bool, Stop> {
        self.count("include")?;
        match self.judge(domain, false) {
            Ok(decision) => Ok(decision.verdict == Verdict::Pass),
            Err(stop) if stop.verdict == Verdict::None => {
                Err(Stop::permanent(format!("include:{domain}: {}", stop.problem)))
            }
            Err(stop) => Err(stop),
        }
    }

    fn is_exchange(&mut self, domain: &str, bits: Prefixes) -> Result<bool, Stop> {
        self.count("mx")?;
        let exchanges: Vec<String> = self
            .lookup(domain, Kind::Mx, true)?
            .into_iter()
            .filter_map(|record| match record {
                DnsRecord::Mx { exchange, .. } => Some(exchange),
                _ => None,
            })
            .collect();
        if exchanges.len() > MOST_NAMES {
            return Err(Stop::permanent(format!("{domain} has more than {MOST_NAMES} mail servers")));
        }
        for exchange in exchanges {
            let addresses = self.addresses(&exchange, false)?;
            if self.any_within(&addresses, bits) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names of the sending address that have this very address (section 5.5). Trouble with a name server means
    /// none.
    fn own_names(&mut self) -> Result<Vec<String>, Stop> {
        let names = match self.lookup(&reverse_name(self.sender.ip), Kind::Ptr, true) {
            Err(stop) if stop.verdict == Verdict::TempError => Vec::new(),
            found => found?,
        };
        let names = names.into_iter().take(MOST_NAMES).filter_map(|record| match record {
            DnsRecord::Ptr(name) => Some(name),
            _ => None,
        });
        let names: Vec<String> = names.collect();
        let confirmed = |name: &String| {
            self.addresses(name, false).is_ok_and(|addresses| addresses.contains(&self.sender.ip))
        };
        Ok(names.into_iter().filter(confirmed).collect())
    }

    fn addresses(&mut self, name: &str, counted: bool) -> Result<Vec<IpAddr>, Stop> {
        let kind = if self.sender.ip.is_ipv4() { Kind::A } else { Kind::Aaaa };
        let address = |record| match record {
            DnsRecord::A(address) => Some(IpAddr::V4(address)),
            DnsRecord::Aaaa(address) => Some(IpAddr::V6(address)),
            _ => None,
        };
        Ok(self.lookup(name, kind, counted)?.into_iter().filter_map(address).collect())
    }

    fn any_within(&self, addresses: &[IpAddr], bits: Prefixes) -> bool {
        let bits = if self.sender.ip.is_ipv4() { bits.v4 } else { bits.v6 };
        addresses.iter().any(|address| is_within(self.sender.ip, *address, bits))
    }

    /// Looks something up; an answer without records is void, and few of those are allowed.
    fn lookup(&mut self, name: &str, kind: Kind, counted: bool) -> Result<Vec<DnsRecord>, Stop> {
        let records = match self.resolver.lookup(name, kind) {
            Ok(records) => records,
            Err(DnsError::NoSuchName) => Vec::new(),
            Err(DnsError::Failed(why)) => {
                return Err(Stop::new(Verdict::TempError, format!("{kind} of {name}: {why}")));
            }
        };
        if records.is_empty() && counted {
            self.void += 1;
            if self.void > MOST_VOID {
                return Err(Stop::permanent(format!(
                    "more than {MOST_VOID} of the names do not exist, {name} among them"
                )));
            }
        }
        Ok(records)
    }

    fn count(&mut self, what: &str) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > MOST_LOOKUPS {
            return Err(Stop::permanent(format!(
                "{what} is one look-up too many: the record and those that it includes may have {MOST_LOOKUPS}"
            )));
        }
        Ok(())
    }

    fn name(&self, name: &MacroString, domain: &str) -> String {
        name.expand_name(|letter| self.value(letter, domain))
    }

    fn name_or(&self, name: Option<&MacroString>, domain: &str) -> String {
        name.map_or_else(|| domain.to_owned(), |name| self.name(name, domain))
    }

    /// The value of a macro letter (section 7.2).
    fn value(&self, letter: char, domain: &str) -> String {
        let Sender { ip, local_part, domain: of_sender, helo, unix_seconds } = self.sender;
        match letter {
            's' => format!("{local_part}@{of_sender}"),
            'l' => local_part.to_owned(),
            'o' => of_sender.to_owned(),
            'd' => domain.to_owned(),
            'h' => helo.to_owned(),
            'i' => dotted(ip),
            'v' => if ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            'p' => self.own_name(domain),
            'c' => ip.to_string(),
            't' => unix_seconds.to_string(),
            _ => "unknown".to_owned(),
        }
    }

    /// The name of the sending address for `%{p}` (section 7.3): the domain itself, one below it, or any.
    fn own_name(&self, domain: &str) -> String {
        let mut aside = Evaluation { lookups: 0, void: 0, record: None, ..*self };
        let names = aside.own_names().unwrap_or_default();
        let best = names
            .iter()
            .find(|name| name.eq_ignore_ascii_case(domain))
            .or_else(|| names.iter().find(|name| is_at_or_below(name, domain)))
            .or_else(|| names.first());
        best.map_or_else(|| "unknown".to_owned(), Clone::clone)
    }

    /// The explanation of a refusal (section 6.2); trouble means none.
    fn explain(&self, name: &MacroString, domain: &str) -> String {
        let texts = self.resolver.texts(&self.name(name, domain)).unwrap_or_default();
        let [text] = texts.as_slice() else { return String::new() };
        let parsed = MacroString::text(text).ok();
        parsed.map(|text| text.expand(|letter| self.value(letter, domain))).unwrap_or_default()
    }
}

/// Whether an address is in a network; never across families.
fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |left: u128, right: u128, width: u32| {
        let ignored = width.saturating_sub(bits.into());
        left.checked_shr(ignored).unwrap_or(0) == right.checked_shr(ignored).unwrap_or(0)
    };
    match (address, network) {
        (IpAddr::V4(left), IpAddr::V4(right)) => same(u32::from(left).into(), u32::from(right).into(), 32),
        (IpAddr::V6(left), IpAddr::V6(right)) => same(left.into(), right.into(), 128),
        _ => false,
    }
}

/// Whether `name` is `domain` or ends in it.
fn is_at_or_below(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    name == domain || name.strip_suffix(domain.as_str()).is_some_and(|front| front.ends_with('.'))
}

/// The address as labels: `192.0.2.3`, or one hexadecimal digit each for IPv6.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => nibbles(ip).join("."),
    }
}

fn nibbles(ip: Ipv6Addr) -> Vec<String> {
    ip.octets().iter().flat_map(|octet| [octet >> 4, octet & 15]).map(|digit| format!("{digit:x}")).collect()
}

/// The name under which the names of an address are found (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reverse_name(ip: IpAddr) -> String {
    let (mut labels, zone) = match ip {
        IpAddr::V4(ip) => (ip.octets().map(|octet| octet.to_string()).to_vec(), "in-addr.arpa"),
        IpAddr::V6(ip) => (nibbles(ip), "ip6.arpa"),
    };
    labels.reverse();
    format!("{}.{zone}", labels.join("."))
}
