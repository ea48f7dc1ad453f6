//! What TLSA records ask of the way to a server (RFC 6698, RFC 7671, RFC 7672).
//!
//! Records of usage 3 (DANE-EE) become pins: the server's certificate or key is one of those, and no authority, name or date
//! matters (RFC 7672 section 3.1.1). Usage 2 (DANE-TA) needs the server's chain, which the TLS of the platform does not give, and
//! SHA-512 is no pin: such records count as unusable, and then TLS is still asked for, with any certificate (RFC 7672
//! section 2.2), and a note says so. Usages 0 and 1 are not for mail (section 3.1.3).

use std::time::Instant;

use freesmtp_core::{Security, Server, types::CertificatePin};
use hickory_resolver::proto::rr::rdata::{
    TLSA,
    tlsa::{CertUsage, Matching, Selector},
};

use super::dns::{Dns, NoAnswer};

/// What the TLSA records of a server ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// TLS, at least.
    tls: bool,
    /// The certificates it may have; empty for any.
    pins: Vec<CertificatePin>,
    /// The name that the records hang below, when it is not that of the host; the server is asked for its certificate.
    name: Option<String>,
    /// What could not be kept, for a person.
    note: Option<String>,
    /// How long the records hold.
    pub(super) until: Option<Instant>,
}

impl Demand {
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Whether a certificate can be checked by them; else a policy is still to be kept (RFC 8461 section 2).
    pub(super) fn has_pins(&self) -> bool {
        !self.pins.is_empty()
    }

    /// Sets the protection of the server, and gives what a person should know.
    pub(super) fn apply(self, server: &mut Server) -> Option<String> {
        if self.tls {
            server.security = Security::Required;
            server.certificate_pins = self.pins;
            server.tls_server_name = self.name.unwrap_or_default();
        }
        self.note
    }

    fn of(host: &str, records: &[TLSA]) -> Self {
        if records.is_empty() {
            return Self::none();
        }
        let pins: Vec<CertificatePin> = records.iter().filter_map(pin).collect();
        // A server may change from a key to an authority and back: while records of an authority stand beside the pins, a
        // certificate that is none of the pins may still be right.
        let by_authority = records.iter().any(|record| record.cert_usage == CertUsage::DaneTa);
        // Publishers give each certificate by every digest they use (RFC 7671 section 9), so that pins alone are enough.
        if !pins.is_empty() && !by_authority {
            return Self { tls: true, pins, ..Self::default() };
        }
        let why = if by_authority { "an authority (usage 2)" } else { "nothing that can be checked here" };
        let note = format!(
            "the TLSA records of {host} name {why}: TLS is asked for, but its certificate is not checked"
        );
        Self { tls: true, note: Some(note), ..Self::default() }
    }
}

/// Asks for the TLSA records of a host: below the name that its aliases lead to, and else below its own (RFC 7672 section
/// 2.2.2).
pub(super) async fn demand(
    dns: &Dns,
    host: &str,
    canonical: Option<&str>,
    port: u16,
) -> Result<Demand, NoAnswer> {
    if let Some(canonical) = canonical {
        let demand = below(dns, canonical, port).await?;
        if demand.tls {
            return Ok(Demand { name: Some(canonical.to_owned()), ..demand });
        }
    }
    below(dns, host, port).await
}

async fn below(dns: &Dns, host: &str, port: u16) -> Result<Demand, NoAnswer> {
    match dns.associations(&format!("_{port}._tcp.{host}")).await {
        Ok(found) if found.secure => {
            Ok(Demand { until: Some(found.until), ..Demand::of(host, &found.records) })
        }
        Ok(_) | Err(NoAnswer::NoSuchName) => Ok(Demand::none()),
        Err(error) => Err(error),
    }
}

fn pin(record: &TLSA) -> Option<CertificatePin> {
    if record.cert_usage != CertUsage::DaneEe {
        return None;
    }
    let data = &record.cert_data;
    match (record.selector, record.matching) {
        (Selector::Full, Matching::Raw) => Some(CertificatePin::of_certificate(data)),
        (Selector::Spki, Matching::Raw) => Some(CertificatePin::of_public_key(data)),
        (Selector::Full, Matching::Sha256) => format!("cert-sha256:{}", hexadecimal(data)).parse().ok(),
        (Selector::Spki, Matching::Sha256) => format!("sha256/{}", hexadecimal(data)).parse().ok(),
        _ => None,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(usage: u8, selector: u8, matching: u8, data: &[u8]) -> TLSA {
        TLSA::new(usage.into(), selector.into(), matching.into(), data.to_vec())
    }

    fn applied(records: &[TLSA]) -> (Server, Option<String>) {
        let mut server = Server { security: Security::Opportunistic, ..Server::new("mx.example") };
        let note = Demand::of("mx.example", records).apply(&mut server);
        (server, note)
    }

    #[test]
    fn certificates_and_keys_become_pins() {
        let digest = [7; 32];
        let hex = "07".repeat(32);
        for (row, pin) in [
            (record(3, 1, 1, &digest), format!("sha256/{hex}").parse().unwrap()),
            (record(3, 0, 1, &digest), format!("cert-sha256:{hex}").parse().unwrap()),
            (record(3, 0, 0, b"der"), CertificatePin::of_certificate(b"der")),
            (record(3, 1, 0, b"der"), CertificatePin::of_public_key(b"der")),
        ] {
            let (server, note) = applied(&[row, record(3, 1, 2, &[1; 64])]);
            assert_eq!((server.security, note), (Security::Required, None));
            assert_eq!(server.certificate_pins, [pin]);
        }
    }

    #[test]
    fn what_cannot_be_checked_asks_for_tls_and_says_so() {
        for records in [
            vec![record(2, 1, 1, &[7; 32])],
            vec![record(3, 1, 1, &[7; 32]), record(2, 0, 1, &[8; 32])],
            vec![record(3, 1, 2, &[7; 64])],
            vec![record(1, 1, 1, &[7; 32])],
            vec![record(3, 1, 1, &[7; 31])],
        ] {
            let (server, note) = applied(&records);
            assert_eq!((server.security, server.certificate_pins.len()), (Security::Required, 0));
            assert!(note.unwrap().contains("not checked"), "{records:?}");
        }
    }

    #[test]
    fn no_records_ask_for_nothing() {
        let (server, note) = applied(&[]);
        assert_eq!((server.security, note), (Security::Opportunistic, None));
    }
}
