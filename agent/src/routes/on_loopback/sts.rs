//! Policies (MTA-STS) against a policy server over HTTPS, and mail servers that keep them or do not.

use freesmtp_core::{Cause, Security};
use hickory_resolver::proto::rr::RecordType;

use super::{
    asking,
    https::{Answer, PolicyServer},
    mailserver::{MailServers, Manner, send},
    names,
    nameserver::NameServer,
    pki::Authority,
    routes,
};
use crate::{
    config::MxSettings,
    routes::{Destination, RouteError, Routes, in_clear_text},
};

fn policy(mode: &str, max_age: u32, mx: &[&str]) -> String {
    let mx: String = mx.iter().map(|name| format!("mx: {name}\r\n")).collect();
    format!("version: STSv1\r\nmode: {mode}\r\nmax_age: {max_age}\r\n{mx}")
}

fn zone() -> NameServer {
    NameServer::new()
        .mx("example.com", 10, "mx.example.com.")
        .mx("example.com", 20, "stray.example.net.")
        .a("mx.example.com", "127.0.0.21")
        .a("stray.example.net", "127.0.0.22")
        .txt("_mta-sts.example.com", "v=STSv1; id=1;")
        .a("mta-sts.example.com", "127.0.0.1")
}

/// A domain with a policy, its servers, and an agent that trusts the authority.
struct Domain {
    server: NameServer,
    policies: PolicyServer,
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Domain {
    fn new(policy: &str) -> Self {
        let authority = Authority::new();
        let policies = PolicyServer::new(&authority.issue("mta-sts.example.com"), policy);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        Self { server: zone(), policies, folder, authority }
    }

    fn settings(&self) -> MxSettings {
        MxSettings {
            mta_sts: true,
            mta_sts_port: self.policies.port,
            mta_sts_cache: Some(self.folder.path().join("policies.json")),
            ca_file: Some(self.folder.path().join("ca.pem")),
            ..asking(&self.server)
        }
    }

    /// A new id, as a domain gives that has changed its policy.
    fn announce(&self, id: &str) {
        self.server.remove("_mta-sts.example.com", RecordType::TXT);
        let text = hickory_resolver::proto::rr::rdata::TXT::new(vec![format!("v=STSv1; id={id};")]);
        self.server.add("_mta-sts.example.com", hickory_resolver::proto::rr::RData::TXT(text));
    }
}

async fn resolve(routes: &Routes) -> Result<Destination, RouteError> {
    routes.resolve("example.com").await
}

fn is_opportunistic(found: &Destination) -> bool {
    found
        .servers
        .iter()
        .all(|server| server.security == Security::Opportunistic && server.danger_accept_invalid_certs)
}

#[tokio::test]
async fn an_enforced_policy_leaves_the_servers_that_it_names_and_asks_for_their_certificates() {
    let domain = Domain::new(&policy("enforce", 86_400, &["mx.example.com"]));
    let found = resolve(&routes(domain.settings())).await.unwrap();
    assert_eq!(names(&found), ["mx.example.com"], "{:?}", found.notes);
    assert_eq!(found.key, "mx.example.com (MTA-STS)");
    let server = &found.servers[0];
    assert_eq!(server.security, Security::Required);
    assert!(!server.danger_accept_invalid_certs && !server.danger_accept_invalid_hostnames);
    assert!(in_clear_text(server).is_none());
    assert!(found.notes.iter().any(|note| note.contains("stray.example.net")), "{:?}", found.notes);
    let host = format!("mta-sts.example.com:{}", domain.policies.port);
    assert_eq!(domain.policies.asked(), [(host, "/.well-known/mta-sts.txt".to_owned())]);
}

#[tokio::test]
async fn a_server_must_have_the_certificate_that_the_policy_asks_for() {
    let domain = Domain::new(&policy("enforce", 86_400, &["*.example.com"]));
    let good = domain.authority.issue("mx.example.com");
    let wrong = domain.authority.issue("mx.example.net");
    let strange = Authority::new().issue("mx.example.com");
    for (manner, cause) in [
        (Manner::tls(&good), None),
        (Manner::tls(&wrong), Some(Cause::CertificateWrongName)),
        (Manner::tls(&strange), Some(Cause::CertificateUntrusted)),
        (Manner::Clear, Some(Cause::TlsFailed)),
    ] {
        let mail = MailServers::new(&[("127.0.0.21", manner)]);
        let settings = MxSettings { port: mail.port, ..domain.settings() };
        let found = resolve(&routes(settings)).await.unwrap();
        let sent = send(&found.servers, "bob@example.com").await;
        let failed = sent.as_ref().err().map(|error| error.diagnosis().unwrap().cause);
        assert_eq!(failed, cause, "{sent:?}");
        assert_eq!(mail.arrived().len(), usize::from(cause.is_none()));
    }
}

#[tokio::test]
async fn modes_that_enforce_nothing_change_nothing() {
    for mode in ["testing", "none"] {
        let domain = Domain::new(&policy(mode, 86_400, &["other.example.com"]));
        let found = resolve(&routes(domain.settings())).await.unwrap();
        assert_eq!((found.servers.len(), is_opportunistic(&found)), (2, true), "{mode}");
        assert_eq!(domain.policies.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_policy_that_names_no_server_of_the_domain_is_waited_out() {
    let domain = Domain::new(&policy("enforce", 86_400, &["mx.example.org", "*.mx.example.com"]));
    let error = resolve(&routes(domain.settings())).await.unwrap_err();
    assert_eq!((error.is_permanent(), error.code(), error.cause()), (false, "4.7.5", Cause::TlsFailed));
    assert!(error.text().contains("stray.example.net"), "{error}");
}

#[tokio::test]
async fn a_domain_that_announces_nothing_is_asked_for_nothing() {
    let domain = Domain::new(&policy("enforce", 86_400, &["mx.example.com"]));
    domain.server.remove("_mta-sts.example.com", RecordType::TXT);
    let found = resolve(&routes(domain.settings())).await.unwrap();
    assert!(is_opportunistic(&found) && domain.policies.asked().is_empty());
    assert_eq!(domain.server.asked("_mta-sts.example.com", RecordType::TXT, false), 1);
    let off = MxSettings { mta_sts: false, ..domain.settings() };
    domain.announce("1");
    assert!(is_opportunistic(&resolve(&routes(off)).await.unwrap()));
    assert_eq!(domain.server.asked("_mta-sts.example.com", RecordType::TXT, false), 1);
}

#[tokio::test]
async fn a_policy_is_kept_for_its_time_over_a_restart_and_against_who_would_hide_it() {
    let domain = Domain::new(&policy("enforce", 86_400, &["mx.example.com"]));
    let first = routes(domain.settings());
    for _ in 0..3 {
        assert_eq!(names(&resolve(&first).await.unwrap()), ["mx.example.com"]);
    }
    assert_eq!(domain.policies.asked().len(), 1);
    // The record and the policy server are gone.
    domain.server.remove("_mta-sts.example.com", RecordType::TXT);
    domain.policies.answer(Answer { head: "503 Gone for lunch".to_owned(), body: String::new() });
    let second = routes(domain.settings());
    assert_eq!(names(&resolve(&second).await.unwrap()), ["mx.example.com"]);
    // A new policy is announced, and can't be had: the old one still holds.
    domain.announce("2");
    let third = routes(domain.settings());
    assert_eq!(names(&resolve(&third).await.unwrap()), ["mx.example.com"]);
    assert_eq!(domain.policies.asked().len(), 2);
    // It can be had.
    domain.policies.set(&policy("none", 86_400, &[]));
    assert_eq!(
        names(&resolve(&third).await.unwrap()),
        ["mx.example.com"],
        "after a failure there is a pause"
    );
    let fourth = routes(domain.settings());
    assert!(is_opportunistic(&resolve(&fourth).await.unwrap()));
}

#[tokio::test]
async fn what_is_no_policy_is_none() {
    let good = policy("enforce", 86_400, &["mx.example.com"]);
    let plain = "Content-Type: text/plain";
    for (head, body) in [
        ("404 Not Found\r\nContent-Type: text/plain".to_owned(), good.clone()),
        (format!("302 Found\r\nLocation: /elsewhere\r\n{plain}"), good.clone()),
        ("200 OK\r\nContent-Type: text/html".to_owned(), good.clone()),
        (format!("200 OK\r\n{plain}"), "version: STSv9".to_owned()),
        (format!("200 OK\r\n{plain}"), format!("{good}{}", "x: y\r\n".repeat(20_000))),
    ] {
        let domain = Domain::new("");
        domain.policies.answer(Answer { head: head.clone(), body });
        let found = resolve(&routes(domain.settings())).await.unwrap();
        assert!(is_opportunistic(&found), "{head}");
        assert!(found.notes[0].contains("mta-sts.txt"), "{:?}", found.notes);
        assert_eq!(domain.policies.asked().len(), 1, "{head}");
    }
}

#[tokio::test]
async fn a_policy_server_proves_its_name() {
    let domain = Domain::new("");
    for certified in [domain.authority.issue("example.com"), Authority::new().issue("mta-sts.example.com")] {
        let policies = PolicyServer::new(&certified, &policy("enforce", 86_400, &["mx.example.com"]));
        let settings = MxSettings { mta_sts_port: policies.port, ..domain.settings() };
        assert!(is_opportunistic(&resolve(&routes(settings)).await.unwrap()));
        assert!(policies.asked().is_empty());
    }
}
