//! TLSA records (DANE) of a signed zone, and mail servers that have the right certificate or do not.

use std::sync::Arc;

use freesmtp_core::{Cause, Security, types::CertificatePin};
use hickory_resolver::proto::rr::{RData, RecordType, rdata::TLSA};

use super::{
    asking,
    mailserver::{MailServers, Manner, send},
    nameserver::{Fault, NameServer},
    pki::Authority,
    resolve, routes,
    signed::Signer,
};
use crate::{config::MxSettings, routes::in_clear_text};

fn tlsa(usage: u8, selector: u8, digest: &[u8]) -> RData {
    RData::TLSA(TLSA::new(usage.into(), selector.into(), 1.into(), digest.to_vec()))
}

/// A signed zone, and an agent that trusts its key.
struct Signed {
    signer: Arc<Signer>,
    folder: tempfile::TempDir,
}

impl Signed {
    fn new() -> Self {
        let signed = Self { signer: Arc::new(Signer::new()), folder: tempfile::tempdir().unwrap() };
        signed.signer.write_anchor(&signed.folder.path().join("root.key"));
        signed
    }

    fn zone(&self) -> NameServer {
        NameServer::new()
            .signed_by(&self.signer)
            .mx("example.com", 10, "mx.example.com.")
            .a("mx.example.com", "127.0.0.31")
    }

    fn settings(&self, server: &NameServer, port: u16) -> MxSettings {
        let trust_anchors = Some(self.folder.path().join("root.key"));
        MxSettings { dane: true, trust_anchors, port, ..asking(server) }
    }
}

#[tokio::test]
async fn a_server_must_have_the_certificate_that_its_records_name() {
    let signed = Signed::new();
    let authority = Authority::new();
    let (good, other) = (authority.issue("whatever.example"), authority.issue("mx.example.com"));
    for (certified, cause) in [(&good, None), (&other, Some(Cause::CertificateNotPinned))] {
        for selector in [0, 1] {
            let mail = MailServers::new(&[("127.0.0.31", Manner::tls(certified))]);
            let owner = format!("_{}._tcp.mx.example.com", mail.port);
            let digest = &good.digests()[usize::from(selector)];
            let server = signed.zone().with(&owner, tlsa(3, selector, digest));
            let found = resolve(signed.settings(&server, mail.port), "example.com").await.unwrap();
            assert_eq!(found.servers[0].security, Security::Required);
            assert!(in_clear_text(&found.servers[0]).is_none());
            let sent = send(&found.servers, "bob@example.com").await;
            let failed = sent.as_ref().err().map(|error| error.diagnosis().unwrap().cause);
            assert_eq!(failed, cause, "{selector} {sent:?}");
            assert_eq!(mail.arrived().len(), usize::from(cause.is_none()));
        }
    }
}

#[tokio::test]
async fn a_server_with_records_gets_nothing_in_clear_text() {
    let signed = Signed::new();
    let mail = MailServers::new(&[("127.0.0.31", Manner::Clear)]);
    let owner = format!("_{}._tcp.mx.example.com", mail.port);
    let server = signed.zone().with(&owner, tlsa(2, 1, &[7; 32]));
    let routes = routes(signed.settings(&server, mail.port));
    let found = routes.resolve("example.com").await.unwrap();
    assert!(found.notes[0].contains("not checked"), "{:?}", found.notes);
    // Whoever runs the agent was told, once.
    assert!(routes.news("example.com", &found.notes).is_empty());
    assert_eq!(routes.news("example.org", &found.notes).len(), 1);
    send(&found.servers, "bob@example.com").await.unwrap_err();
    assert!(mail.arrived().is_empty());
}

#[tokio::test]
async fn a_server_without_records_is_as_without_dane() {
    let signed = Signed::new();
    let server = signed.zone();
    let found = resolve(signed.settings(&server, 25), "example.com").await.unwrap();
    assert_eq!(found.servers[0].security, Security::Opportunistic);
    assert_eq!(server.asked("_25._tcp.mx.example.com", RecordType::TLSA, false), 1);
    // What does not exist is proved not to.
    assert_eq!(resolve(signed.settings(&server, 25), "nowhere.example").await.unwrap_err().code(), "5.1.2");
}

#[tokio::test]
async fn records_hang_below_the_name_that_aliases_lead_to() {
    let signed = Signed::new();
    let zone = || {
        signed
            .zone()
            .mx("aliased.example", 10, "mx.aliased.example.")
            .cname("mx.aliased.example", "mx.example.com")
            .with("_25._tcp.mx.aliased.example", tlsa(3, 1, &[1; 32]))
    };
    let pins = |text: &str| [text.repeat(32).parse::<CertificatePin>().unwrap()];
    let pin = |text: &str| [format!("sha256/{}", text.repeat(32)).parse::<CertificatePin>().unwrap()];
    let found = resolve(signed.settings(&zone(), 25), "aliased.example").await.unwrap();
    assert_eq!(found.servers[0].certificate_pins, pin("01"));
    assert_ne!(found.servers[0].certificate_pins, pins("01"), "of the key, not of either");
    assert_eq!(found.servers[0].tls_server_name, "");
    let server = zone().with("_25._tcp.mx.example.com", tlsa(3, 1, &[2; 32]));
    let found = resolve(signed.settings(&server, 25), "aliased.example").await.unwrap();
    assert_eq!(found.servers[0].certificate_pins, pin("02"));
    assert_eq!(
        (found.servers[0].name.as_str(), found.servers[0].tls_server_name.as_str()),
        ("mx.aliased.example", "mx.example.com")
    );
}

#[tokio::test]
async fn a_domain_that_is_not_signed_is_as_without_dane() {
    let signed = Signed::new();
    let server = signed
        .zone()
        .unsigned("plain.example")
        .mx("plain.example", 10, "mx.plain.example.")
        .mx("plain.example", 20, "mx.example.com.")
        .a("mx.plain.example", "127.0.0.32")
        .with("_25._tcp.mx.plain.example", tlsa(3, 1, &[7; 32]))
        .with("_25._tcp.mx.example.com", tlsa(3, 1, &[7; 32]))
        .mx("signed.example", 10, "mx.plain.example.");
    // Who forges the MX records need not forge the TLSA records of a server.
    let found = resolve(signed.settings(&server, 25), "plain.example").await.unwrap();
    assert!(found.servers.iter().all(|server| server.security == Security::Opportunistic));
    let found = resolve(signed.settings(&server, 25), "signed.example").await.unwrap();
    assert_eq!(found.servers[0].security, Security::Opportunistic);
    assert!(!server.names_asked().iter().any(|name| name.starts_with("_25")), "{:?}", server.names_asked());
}

#[tokio::test]
async fn records_that_cannot_be_had_or_proved_keep_the_mail_back() {
    let signed = Signed::new();
    let owner = "_25._tcp.mx.example.com";
    for fault in [Fault::ServFail, Fault::Silent, Fault::Forged] {
        let server = signed.zone().with(owner, tlsa(3, 1, &[7; 32])).fault(owner, RecordType::TLSA, fault);
        let error = resolve(signed.settings(&server, 25), "example.com").await.unwrap_err();
        assert_eq!((error.is_permanent(), error.code()), (false, "4.4.3"), "{fault:?}: {error}");
        assert!(error.text().contains("TLSA"), "{error}");
    }
}

#[tokio::test]
async fn answers_without_signatures_are_not_believed() {
    let signed = Signed::new();
    let unsigned =
        NameServer::new().mx("example.com", 10, "mx.example.com.").a("mx.example.com", "127.0.0.31");
    let error = resolve(signed.settings(&unsigned, 25), "example.com").await.unwrap_err();
    assert_eq!((error.is_permanent(), error.code()), (false, "4.4.3"), "{error}");
}
