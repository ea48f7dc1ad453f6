//! The sender's domain: what its steps need in common.

use std::net::IpAddr;

use super::{CheckName, CheckOptions, CheckStatus, CheckStep, advice};
use crate::{
    dns::Resolver,
    smtp::{Server, probe::Probe},
    types::{Cause, Mailbox, Who},
};

/// Who sends, and who is asked about it.
pub(super) struct Domain<'a> {
    pub(super) mailbox: &'a Mailbox,
    /// The domain in lower case ASCII.
    pub(super) name: String,
    pub(super) resolver: &'a dyn Resolver,
    pub(super) selector: &'a str,
    pub(super) outgoing: Outgoing,
    /// The name given in EHLO.
    pub(super) helo: &'a str,
}

/// The address that recipients' servers see.
pub(super) enum Outgoing {
    Known(IpAddr),
    /// Why it is not known, as the end of a sentence.
    Unknown(String),
}

impl<'a> Domain<'a> {
    pub(super) fn new(
        mailbox: &'a Mailbox,
        resolver: &'a dyn Resolver,
        options: &'a CheckOptions,
        outgoing: Outgoing,
        helo: &'a str,
    ) -> Self {
        let name = mailbox.ascii_domain().trim_end_matches('.').to_ascii_lowercase();
        Self { mailbox, name, resolver, selector: &options.dkim_selector, outgoing, helo }
    }
}

/// Which address recipients' servers see, as far as it can be known from here.
pub(super) fn outgoing(options: &CheckOptions, probe: &Probe, server: &Server) -> Outgoing {
    if let Some(ip) = options.outgoing_ip {
        return Outgoing::Known(ip.to_canonical());
    }
    let talk = probe.talk();
    if talk.is_some_and(|talk| talk.authenticated.is_some()) {
        return Outgoing::Unknown(format!(
            "mail that is handed in with a login leaves from an address of {}, which its administrator knows",
            server.name
        ));
    }
    let tried = || probe.attempts.iter().find_map(|attempt| attempt.result.as_ref().ok().copied().flatten());
    if server.proxy.is_some() {
        return Outgoing::Unknown(
            "the connection goes through a proxy, and its far end is not seen from here".to_owned(),
        );
    }
    match talk.and_then(|talk| talk.local).or_else(tried) {
        Some(ip) if is_public(ip.to_canonical()) => Outgoing::Known(ip.to_canonical()),
        Some(ip) => Outgoing::Unknown(format!(
            "this computer's address {ip} is private, and recipients see the public address of the network"
        )),
        None => Outgoing::Unknown("there was no connection to take the address of".to_owned()),
    }
}

/// Whether an address means the same everywhere (RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            let special = ip.is_loopback() || ip.is_unspecified() || ip.is_link_local() || ip.is_multicast();
            !(ip.is_private() || shared || special || ip.is_broadcast())
        }
        IpAddr::V6(ip) => {
            let local = ip.segments()[0] & 0xfe00 == 0xfc00 || ip.segments()[0] & 0xffc0 == 0xfe80;
            !(local || ip.is_loopback() || ip.is_unspecified() || ip.is_multicast())
        }
    }
}

/// A step whose record could not be looked up.
pub(super) fn not_answered(name: CheckName, what: &str, why: &str) -> CheckStep {
    let summary = format!("{what} could not be looked up: {why}.");
    CheckStep::new(name, CheckStatus::Warning, summary.clone()).temporary(true).with_diagnosis(advice(
        Cause::DnsFailed,
        Who::NobodyRetry,
        &summary,
        &["Try again later; if it stays, the domain's name servers need a look, or this computer's: name another \
           with Dns."
            .to_owned()],
        why,
        "RFC 1034 section 5.3.3",
    ))
}

/// The tags of a DKIM key or a DMARC record (RFC 6376 section 3.2), in order; `None` when it is no such list.
pub(super) fn tags(text: &str) -> Option<Vec<(String, String)>> {
    let text = text.trim().trim_end_matches(';');
    text.split(';')
        .map(|tag| {
            let (name, value) = tag.split_once('=')?;
            let name = name.trim();
            let known = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            known.then(|| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        let is = |text: &str| is_public(text.parse().unwrap());
        for public in ["9.9.9.9", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2001:db8::1", "2a00::1"] {
            assert!(is(public), "{public}");
        }
        for private in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.1.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::",
        ] {
            assert!(!is(private), "{private}");
        }
    }

    #[test]
    fn tags_are_pairs() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            tags(" v=DMARC1;P = none ; rua=mailto:a@b?x=y;"),
            Some(vec![pair("v", "DMARC1"), pair("p", "none"), pair("rua", "mailto:a@b?x=y")])
        );
        for none in ["", "v", "v=1;x", "=1", "v=1;;p=2"] {
            assert_eq!(tags(none), None, "{none}");
        }
    }
}
