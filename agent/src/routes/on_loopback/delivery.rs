//! Mail goes by these routes: real sessions to servers on loopback.

use std::net::IpAddr;

use freesmtp_core::Cause;

use super::{
    asking, ip,
    mailserver::{MailServers, Manner, peer, send},
    nameserver::NameServer,
    pki::Authority,
    resolve,
};
use crate::{config::MxSettings, routes::in_clear_text};

fn settings(server: &NameServer, mail: &MailServers) -> MxSettings {
    MxSettings { port: mail.port, ..asking(server) }
}

#[tokio::test]
async fn the_next_host_takes_what_the_best_does_not() {
    let mail = MailServers::new(&[("127.0.0.12", Manner::Busy), ("127.0.0.13", Manner::Clear)]);
    let server = NameServer::new()
        .mx("example.com", 10, "down.example.com.")
        .mx("example.com", 20, "busy.example.com.")
        .mx("example.com", 30, "good.example.com.")
        .a("down.example.com", "127.0.0.11")
        .a("busy.example.com", "127.0.0.12")
        .a("good.example.com", "127.0.0.13");
    let found = resolve(settings(&server, &mail), "example.com").await.unwrap();
    let report = send(&found.servers, "bob@example.com").await.unwrap();
    assert_eq!(report.server, format!("good.example.com:{}", mail.port));
    assert_eq!((peer(&report), report.tls.is_some()), (Some(ip("127.0.0.13")), false));
    assert_eq!(mail.arrived(), [("127.0.0.13".to_owned(), false, "RCPT TO:<bob@example.com>".to_owned())]);
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
}

#[tokio::test]
async fn another_address_of_a_host_takes_what_the_first_does_not() {
    let mail = MailServers::new(&[("127.0.0.13", Manner::Clear)]);
    let server = NameServer::new()
        .mx("example.com", 10, "mx.example.com.")
        .aaaa("mx.example.com", "::1")
        .a("mx.example.com", "127.0.0.11")
        .a("mx.example.com", "127.0.0.13");
    let found = resolve(settings(&server, &mail), "example.com").await.unwrap();
    let report = send(&found.servers, "bob@example.com").await.unwrap();
    assert_eq!(peer(&report), Some(ip("127.0.0.13")));
}

#[tokio::test]
async fn every_kind_of_domain_is_reached() {
    let mail = MailServers::new(&[("127.0.0.13", Manner::Clear)]);
    let server = NameServer::new()
        .a("implicit.example", "127.0.0.13")
        .cname("alias.example", "implicit.example")
        .mx("aliased.example", 10, "mx.aliased.example.")
        .cname("mx.aliased.example", "implicit.example");
    for domain in ["implicit.example", "alias.example", "aliased.example", "[127.0.0.13]"] {
        let found = resolve(settings(&server, &mail), domain).await.unwrap();
        let report = send(&found.servers, &format!("bob@{domain}")).await.unwrap();
        assert_eq!(peer(&report), Some(IpAddr::from([127, 0, 0, 13])), "{domain}");
    }
    assert_eq!(mail.arrived().len(), 4);
}

#[tokio::test]
async fn tls_is_taken_whenever_it_is_offered_with_any_certificate() {
    let other = Authority::new().issue("another.example");
    let mail = MailServers::new(&[("127.0.0.13", Manner::tls(&other))]);
    let server = NameServer::new().mx("example.com", 10, "mx.example.com.").a("mx.example.com", "127.0.0.13");
    let found = resolve(settings(&server, &mail), "example.com").await.unwrap();
    let report = send(&found.servers, "bob@example.com").await.unwrap();
    assert!(report.tls.is_some());
    assert!(mail.arrived()[0].1);
}

#[tokio::test]
async fn clear_text_is_left_where_tls_cannot_start() {
    let mail = MailServers::new(&[("127.0.0.13", Manner::BrokenTls)]);
    let server = NameServer::new().mx("example.com", 10, "mx.example.com.").a("mx.example.com", "127.0.0.13");
    let found = resolve(settings(&server, &mail), "example.com").await.unwrap();
    let error = send(&found.servers, "bob@example.com").await.unwrap_err();
    assert_eq!(error.diagnosis().unwrap().cause, Cause::TlsFailed);
    let clear = in_clear_text(&found.servers[0]).unwrap();
    send(&[clear], "bob@example.com").await.unwrap();
    assert_eq!(mail.arrived().iter().map(|arrived| arrived.1).collect::<Vec<_>>(), [false]);
}
