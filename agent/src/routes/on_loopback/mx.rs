//! What MX records and their faults make of a domain.

use std::{collections::HashSet, sync::Arc, time::Duration};

use freesmtp_core::{Cause, Security};
use hickory_resolver::proto::rr::RecordType;
use tokio::task::JoinSet;

use super::{
    addresses, asking, ip, names,
    nameserver::{Fault, NameServer, TTL},
    resolve, routes,
};
use crate::{
    config::{AgentSettings, MxSettings, Span},
    routes::{RouteError, Routes, in_clear_text},
};

fn code(result: Result<crate::routes::Destination, RouteError>) -> (bool, &'static str, String) {
    let error = result.unwrap_err();
    (error.is_permanent(), error.code(), error.text().to_owned())
}

#[tokio::test]
async fn hosts_come_in_the_order_of_their_preference() {
    let server = NameServer::new()
        .mx("example.com", 20, "mx3.example.com.")
        .mx("example.com", 5, "MX1.Example.com.")
        .mx("example.com", 10, "mx2.example.net.")
        .a("mx1.example.com", "127.0.0.2")
        .a("mx2.example.net", "127.0.0.3")
        .a("mx3.example.com", "127.0.0.4");
    let found = resolve(MxSettings { port: 2525, ..asking(&server) }, "Example.COM").await.unwrap();
    assert_eq!(names(&found), ["mx1.example.com", "mx2.example.net", "mx3.example.com"]);
    assert_eq!(addresses(&found), [[ip("127.0.0.2")], [ip("127.0.0.3")], [ip("127.0.0.4")]]);
    assert_eq!(found.key, "mx1.example.com,mx2.example.net,mx3.example.com");
    assert!(found.ttl <= Duration::from_secs(TTL.into()) && found.ttl > Duration::from_secs(TTL.into()) / 2);
    for server in &found.servers {
        assert_eq!((server.port, server.security), (2525, Security::Opportunistic));
        assert!(server.danger_accept_invalid_certs && server.danger_accept_invalid_hostnames);
        assert_eq!(in_clear_text(server).unwrap().security, Security::None);
    }
}

#[tokio::test]
async fn equal_hosts_take_turns_by_chance() {
    let server = NameServer::new()
        .mx("example.com", 10, "a.example.com.")
        .mx("example.com", 10, "b.example.com.")
        .mx("example.com", 10, "c.example.com.")
        .mx("example.com", 20, "last.example.com.")
        .a("a.example.com", "127.0.0.2")
        .a("a.example.com", "127.0.0.3")
        .a("a.example.com", "127.0.0.4")
        .a("b.example.com", "127.0.0.2")
        .a("c.example.com", "127.0.0.2")
        .a("last.example.com", "127.0.0.2");
    let server = server
        .mx("sister.example", 10, "b.example.com.")
        .mx("sister.example", 10, "c.example.com.")
        .mx("sister.example", 10, "a.example.com.")
        .mx("sister.example", 20, "last.example.com.");
    let mut firsts = HashSet::new();
    let mut keys = HashSet::new();
    for _ in 0..60 {
        let routes = routes(asking(&server));
        let found = routes.resolve("example.com").await.unwrap();
        assert_eq!(names(&found)[3], "last.example.com");
        // The order is the same for all with these servers: they share connections.
        for domain in ["example.com", "sister.example"] {
            assert_eq!(routes.resolve(domain).await.unwrap().servers, found.servers);
        }
        firsts.insert(found.servers[0].name.clone());
        keys.insert(found.key);
    }
    assert_eq!((firsts.len(), keys.len()), (3, 1));
    assert_eq!(server.asked("example.com", RecordType::MX, false), 60, "answers are kept");
}

#[tokio::test]
async fn all_addresses_of_a_host_are_tried_in_both_families() {
    let server = NameServer::new()
        .mx("example.com", 10, "mx.example.com.")
        .a("mx.example.com", "127.0.0.2")
        .a("mx.example.com", "127.0.0.3")
        .aaaa("mx.example.com", "::1");
    let found = resolve(asking(&server), "example.com").await.unwrap();
    let list = &addresses(&found)[0];
    assert_eq!((list.len(), list[0]), (3, ip("::1")));
    let four: HashSet<_> = list[1..].iter().copied().collect();
    assert_eq!(four, HashSet::from([ip("127.0.0.2"), ip("127.0.0.3")]));
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_server() {
    let server = NameServer::new().a("example.com", "127.0.0.2").aaaa("six.example", "::1");
    let found = resolve(asking(&server), "example.com").await.unwrap();
    assert_eq!((names(&found), addresses(&found)), (vec!["example.com"], vec![vec![ip("127.0.0.2")]]));
    assert_eq!(found.key, "example.com");
    let found = resolve(asking(&server), "six.example").await.unwrap();
    assert_eq!(addresses(&found), [[ip("::1")]]);
}

#[tokio::test]
async fn a_null_mx_takes_no_mail() {
    let server = NameServer::new()
        .mx("null.example", 0, ".")
        .a("null.example", "127.0.0.2")
        .mx("odd.example", 0, ".")
        .mx("odd.example", 10, "mx.odd.example.")
        .a("mx.odd.example", "127.0.0.3");
    let (permanent, code, text) = code(resolve(asking(&server), "null.example").await);
    assert_eq!((permanent, code), (true, "5.1.10"), "{text}");
    let found = resolve(asking(&server), "odd.example").await.unwrap();
    assert_eq!(names(&found), ["mx.odd.example"]);
    assert!(found.notes[0].contains("null MX"), "{:?}", found.notes);
}

#[tokio::test]
async fn what_does_not_exist_is_given_up() {
    let server = NameServer::new()
        .txt("empty.example", "nothing but this")
        .mx("gone.example", 10, "mx.nowhere.example.")
        .mx("gone.example", 20, "bare.gone.example.")
        .txt("bare.gone.example", "no address")
        .cname("dangling.example", "nowhere.example");
    for (domain, status) in [
        ("nowhere.example", "5.1.2"),
        ("dangling.example", "5.1.2"),
        ("empty.example", "5.1.2"),
        ("gone.example", "5.4.4"),
        ("a b.example", "5.1.2"),
        ("", "5.1.2"),
        ("[mx.example]", "5.1.2"),
    ] {
        let (permanent, code, text) = code(resolve(asking(&server), domain).await);
        assert_eq!((permanent, code), (true, status), "{domain}: {text}");
    }
}

#[tokio::test]
async fn trouble_of_the_name_service_is_waited_out() {
    let server = NameServer::new()
        .fault("broken.example", RecordType::MX, Fault::ServFail)
        .fault("silent.example", RecordType::MX, Fault::Silent)
        .mx("half.example", 10, "mx.half.example.")
        .fault("mx.half.example", RecordType::A, Fault::ServFail)
        .fault("mx.half.example", RecordType::AAAA, Fault::ServFail)
        .mx("quiet.example", 10, "mx.quiet.example.")
        .fault("mx.quiet.example", RecordType::A, Fault::Silent)
        .txt("mx.quiet.example", "no AAAA");
    for (domain, why) in [
        ("broken.example", "SERVFAIL"),
        ("silent.example", "in time"),
        ("half.example", "mx.half.example"),
        ("quiet.example", "mx.quiet.example"),
    ] {
        let error = resolve(asking(&server), domain).await.unwrap_err();
        assert_eq!((error.is_permanent(), error.code(), error.cause()), (false, "4.4.3", Cause::DnsFailed));
        assert!(error.text().contains(why), "{domain}: {error}");
    }
    // Nobody listens there.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = MxSettings { name_servers: vec![closed.to_string()], ..asking(&server) };
    assert_eq!(resolve(settings, "example.com").await.unwrap_err().code(), "4.4.3");
}

#[tokio::test]
async fn one_host_or_family_without_an_answer_leaves_the_others() {
    let server = NameServer::new()
        .mx("example.com", 10, "mx1.example.com.")
        .mx("example.com", 20, "mx2.example.com.")
        .mx("example.com", 30, "mx3.example.com.")
        .fault("mx1.example.com", RecordType::A, Fault::ServFail)
        .fault("mx1.example.com", RecordType::AAAA, Fault::ServFail)
        .a("mx2.example.com", "127.0.0.2")
        .fault("mx2.example.com", RecordType::AAAA, Fault::Silent);
    let found = resolve(asking(&server), "example.com").await.unwrap();
    assert_eq!((names(&found), addresses(&found)), (vec!["mx2.example.com"], vec![vec![ip("127.0.0.2")]]));
    assert_eq!(found.key, "mx2.example.com");
    let notes = found.notes.join("\n");
    assert!(notes.contains("mx1.example.com") && notes.contains("mx3.example.com does not exist"), "{notes}");
}

#[tokio::test]
async fn aliases_are_followed() {
    let server = NameServer::new()
        .cname("alias.example", "example.com")
        .mx("example.com", 10, "mx.example.com.")
        .cname("mx.example.com", "host.example.net")
        .a("host.example.net", "127.0.0.2")
        .cname("implicit.example", "host.example.net");
    let found = resolve(asking(&server), "alias.example").await.unwrap();
    assert_eq!((names(&found), addresses(&found)), (vec!["mx.example.com"], vec![vec![ip("127.0.0.2")]]));
    let found = resolve(asking(&server), "implicit.example").await.unwrap();
    assert_eq!((names(&found), addresses(&found)), (vec!["implicit.example"], vec![vec![ip("127.0.0.2")]]));
}

#[tokio::test]
async fn an_mx_that_is_an_address_is_left_out() {
    let server = NameServer::new()
        .mx("example.com", 10, "127.0.0.2.")
        .mx("example.com", 20, "mx.example.com.")
        .a("mx.example.com", "127.0.0.3")
        .mx("only.example", 10, "127.0.0.2.")
        // Somebody who answers for every name.
        .a("127.0.0.2", "127.0.0.9");
    let found = resolve(asking(&server), "example.com").await.unwrap();
    assert_eq!(names(&found), ["mx.example.com"]);
    assert!(found.notes[0].contains("127.0.0.2"), "{:?}", found.notes);
    let (permanent, code, text) = code(resolve(asking(&server), "only.example").await);
    assert_eq!((permanent, code), (true, "5.4.4"), "{text}");
    assert!(text.contains("127.0.0.2"), "{text}");
}

#[tokio::test]
async fn mail_is_never_sent_back_to_us() {
    let server = NameServer::new()
        .mx("backup.example", 10, "primary.example.")
        .mx("backup.example", 20, "us.example.")
        .mx("backup.example", 20, "beside.example.")
        .mx("backup.example", 30, "behind.example.")
        .a("primary.example", "127.0.0.2")
        .a("us.example", "127.0.0.3")
        .a("beside.example", "127.0.0.4")
        .a("behind.example", "127.0.0.5");
    let settings = MxSettings { own_names: vec!["US.example.".to_owned()], ..asking(&server) };
    let found = resolve(settings.clone(), "backup.example").await.unwrap();
    assert_eq!(names(&found), ["primary.example"]);
    let (permanent, code, text) = code(resolve(settings, "us.example").await);
    assert_eq!((permanent, code), (true, "5.4.6"), "{text}");
}

#[tokio::test]
async fn long_answers_come_over_tcp() {
    let mut server = NameServer::new().fault("example.com", RecordType::MX, Fault::Truncated);
    for index in 0..40 {
        let host = format!("a-long-name-of-an-mx-{index:02}.example.com");
        server = server.mx("example.com", 10 + index, &format!("{host}.")).a(&host, "127.0.0.2");
    }
    let found = resolve(asking(&server), "example.com").await.unwrap();
    assert_eq!((found.servers.len(), names(&found)[0]), (16, "a-long-name-of-an-mx-00.example.com"));
    assert_eq!(server.asked("example.com", RecordType::MX, true), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_ask_at_once() {
    let mut server = NameServer::new();
    for number in 0..400 {
        let host = format!("mx.{number}.example");
        server = server.mx(&format!("{number}.example"), 10, &format!("{host}.")).a(&host, "127.0.0.2");
        if number % 2 == 0 {
            server = server.fault(&host, RecordType::A, Fault::Truncated);
        }
    }
    let routes = Arc::new(routes(MxSettings { dns_timeout: Span::seconds(5), ..asking(&server) }));
    let mut all = JoinSet::new();
    for number in 0..400 {
        let routes = Arc::clone(&routes);
        all.spawn(async move { routes.resolve(&format!("{number}.example")).await });
    }
    for found in all.join_all().await {
        assert_eq!(addresses(&found.unwrap()), [[ip("127.0.0.2")]]);
    }
}

#[tokio::test]
async fn address_literals_need_no_name_service() {
    let server = NameServer::new();
    for (domain, name) in [("[127.0.0.2]", "127.0.0.2"), ("[IPv6:::1]", "::1")] {
        let found = resolve(asking(&server), domain).await.unwrap();
        assert_eq!((names(&found), found.key.as_str()), (vec![name], domain));
    }
    assert!(server.names_asked().is_empty());
}

#[tokio::test]
async fn routes_go_before_mx() {
    let server =
        NameServer::new().mx("direct.example", 10, "mx.direct.example.").a("mx.direct.example", "127.0.0.2");
    let text = "[[route]]\ndomains = [\"direct.example\"]\nvia = \"mx\"\n\
        [[route]]\ndomains = [\"b\u{fc}cher.example\", \"[127.0.0.9]\"]\nservers = [\"10.0.0.1:2525\"]\n\
        [[route]]\nservers = [\"smtps://u:p@smart.example\", \"second.example\"]\n";
    let settings = AgentSettings { mx: asking(&server), ..AgentSettings::parse(text).unwrap() };
    let routes = Routes::new(&settings).unwrap();
    let smart = routes.resolve("any.example").await.unwrap();
    assert_eq!(smart.key, "smart.example:465 second.example:25");
    assert_eq!((smart.servers[0].account.as_str(), smart.servers.len()), ("u", 2));
    assert!(in_clear_text(&smart.servers[1]).is_none(), "a smarthost is as it was configured");
    for domain in ["BÜCHER.example", "xn--bcher-kva.example.", "[127.0.0.9]"] {
        assert_eq!(routes.resolve(domain).await.unwrap().key, "10.0.0.1:2525", "{domain}");
    }
    assert!(server.names_asked().is_empty());
    assert_eq!(names(&routes.resolve("Direct.example").await.unwrap()), ["mx.direct.example"]);
}

#[test]
fn bad_settings_are_named() {
    let field = |text: &str| {
        let settings = AgentSettings::parse(&format!("[mx]\n{text}")).unwrap();
        Routes::new(&settings).unwrap_err().field().unwrap().to_owned()
    };
    assert_eq!(field("own_names = [\"a\", \"a b\"]"), "mx.own_names[1]");
    assert_eq!(field("name_servers = [\"127.0.0.1\", \"ns.example\"]"), "mx.name_servers[1]");
    assert_eq!(field("dane = true\ntrust_anchors = \"/nowhere\""), "mx.trust_anchors");
    assert_eq!(field("ca_file = \"/nowhere\""), "mx.ca_file");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    assert_eq!(field(&format!("ca_file = {path:?}")), "mx.ca_file");
}
