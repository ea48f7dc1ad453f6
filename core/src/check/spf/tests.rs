//! The examples of RFC 7208 appendix A, and every rule that they leave out.

use std::collections::HashMap;

use super::*;

/// A name server of a few names.
#[derive(Default)]
struct Zones(HashMap<(String, Kind), Result<Vec<DnsRecord>, DnsError>>);

impl Zones {
    /// Lines such as `mx example.com 10 mail.example.com`; `fail` for a name server that does not answer.
    fn new(lines: &str) -> Self {
        let mut zones = Self::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let (what, name, value) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or(""));
            let (kind, record) = match what {
                "a" => (Kind::A, DnsRecord::A(value.parse().unwrap())),
                "aaaa" => (Kind::Aaaa, DnsRecord::Aaaa(value.parse().unwrap())),
                "ptr" => (Kind::Ptr, DnsRecord::Ptr(value.into())),
                "txt" => (Kind::Txt, DnsRecord::Txt(value.into())),
                "mx" => {
                    let (preference, exchange) = value.split_once(' ').unwrap();
                    let preference = preference.parse().unwrap();
                    (Kind::Mx, DnsRecord::Mx { preference, exchange: exchange.into() })
                }
                _ => {
                    let failed = Err(DnsError::Failed("SERVFAIL".into()));
                    for kind in [Kind::A, Kind::Aaaa, Kind::Ptr, Kind::Txt, Kind::Mx] {
                        zones.0.insert((name.into(), kind), failed.clone());
                    }
                    continue;
                }
            };
            let records = zones.0.entry((name.to_ascii_lowercase(), kind)).or_insert_with(|| Ok(Vec::new()));
            records.as_mut().unwrap().push(record);
        }
        zones
    }
}

impl Resolver for Zones {
    fn lookup(&self, name: &str, kind: Kind) -> Result<Vec<DnsRecord>, DnsError> {
        let name = name.to_ascii_lowercase();
        let exists = self.0.keys().any(|(known, _)| *known == name);
        match self.0.get(&(name, kind)) {
            Some(answer) => answer.clone(),
            None if exists => Ok(Vec::new()),
            None => Err(DnsError::NoSuchName),
        }
    }
}

fn judge(zones: &Zones, domain: &str, ip: &str) -> Judgement {
    let sender = Sender {
        ip: ip.parse().unwrap(),
        local_part: "strong-bad",
        domain,
        helo: "client.test",
        unix_seconds: 1_000_000,
    };
    check_host(&sender, zones)
}

fn verdict(zones: &Zones, domain: &str, ip: &str) -> &'static str {
    judge(zones, domain, ip).verdict.as_str()
}

const APPENDIX_A: &str = "
    mx example.com 10 mail-a.example.com
    mx example.com 20 mail-b.example.com
    a example.com 192.0.2.10
    a example.com 192.0.2.11
    a amy.example.com 192.0.2.65
    a bob.example.com 192.0.2.66
    a mail-a.example.com 192.0.2.129
    a mail-b.example.com 192.0.2.130
    mx example.org 10 mail-c.example.org
    a mail-c.example.org 192.0.2.140
    ptr 10.2.0.192.in-addr.arpa example.com
    ptr 11.2.0.192.in-addr.arpa example.com
    ptr 65.2.0.192.in-addr.arpa amy.example.com
    ptr 66.2.0.192.in-addr.arpa bob.example.com
    ptr 129.2.0.192.in-addr.arpa mail-a.example.com
    ptr 130.2.0.192.in-addr.arpa mail-b.example.com
    ptr 140.2.0.192.in-addr.arpa mail-c.example.org
    ptr 4.0.0.10.in-addr.arpa bob.example.com";

#[test]
fn appendix_a_1() {
    for (record, passing, failing) in [
        ("+all", &["192.0.2.10", "203.0.113.1", "2001:db8::1"][..], &[][..]),
        ("a -all", &["192.0.2.10", "192.0.2.11"], &["192.0.2.65", "192.0.2.129"]),
        ("a:example.org -all", &[], &["192.0.2.10", "192.0.2.140"]),
        ("mx -all", &["192.0.2.129", "192.0.2.130"], &["192.0.2.10", "192.0.2.140"]),
        ("mx:example.org -all", &["192.0.2.140"], &["192.0.2.129"]),
        ("mx mx:example.org -all", &["192.0.2.129", "192.0.2.130", "192.0.2.140"], &["192.0.2.10"]),
        (
            "mx/30 mx:example.org/30 -all",
            &["192.0.2.128", "192.0.2.131", "192.0.2.140", "192.0.2.143"],
            &["192.0.2.127", "192.0.2.132", "192.0.2.144"],
        ),
        ("ptr -all", &["192.0.2.65", "192.0.2.10"], &["192.0.2.140", "10.0.0.4"]),
        ("ip4:192.0.2.128/28 -all", &["192.0.2.129"], &["192.0.2.65"]),
    ] {
        let zones = Zones::new(&format!("{APPENDIX_A}\ntxt example.com v=spf1 {record}"));
        for ip in passing {
            assert_eq!(verdict(&zones, "example.com", ip), "pass", "{record} for {ip}");
        }
        for ip in failing {
            assert_eq!(verdict(&zones, "example.com", ip), "fail", "{record} for {ip}");
        }
    }
}

/// Several domains with one record, and addresses listed by name (appendix A.3 and A.4).
#[test]
fn appendix_a_3_and_a_4() {
    let zones = Zones::new(
        "txt la.example.com v=spf1 redirect=example.com
         txt example.com v=spf1 mx:example.com -all
         mx example.com 10 mail.example.com
         a mail.example.com 192.0.2.129
         txt black.example.com v=spf1 -exists:%{ir}.list.example.com ?all
         a 1.2.0.192.list.example.com 127.0.0.2
         txt user.example.com v=spf1 exists:%{lr-}.lp._spf.%{d2} -all
         a bad.strong.lp._spf.example.com 127.0.0.2",
    );
    assert_eq!(verdict(&zones, "la.example.com", "192.0.2.129"), "pass");
    assert_eq!(verdict(&zones, "la.example.com", "192.0.2.130"), "fail");
    assert_eq!(verdict(&zones, "black.example.com", "192.0.2.1"), "fail");
    assert_eq!(verdict(&zones, "black.example.com", "192.0.2.2"), "neutral");
    assert_eq!(verdict(&zones, "user.example.com", "192.0.2.2"), "pass");
}

#[test]
fn results_of_included_records() {
    let zones = Zones::new(
        "txt pass.test v=spf1 ip4:192.0.2.1 -all
         txt soft.test v=spf1 ~all
         txt neutral.test v=spf1 ?all
         txt broken.test v=spf1 foo:bar
         fail down.test
         txt a.test v=spf1 include:pass.test include:soft.test include:neutral.test ?include:pass.test ~all
         txt b.test v=spf1 include:none.test -all
         txt c.test v=spf1 include:broken.test -all
         txt d.test v=spf1 include:down.test -all
         txt e.test v=spf1 ?include:pass.test -all
         txt f.test v=spf1 redirect=none.test
         txt g.test v=spf1 redirect=soft.test all:
         txt h.test v=spf1 redirect=soft.test -all
         txt i.test v=spf1 include:i.test -all
         txt j.test v=spf1 redirect=j.test",
    );
    let of = |domain| verdict(&zones, domain, "192.0.2.1");
    assert_eq!(of("a.test"), "pass");
    assert_eq!(verdict(&zones, "a.test", "192.0.2.2"), "softfail");
    assert_eq!(of("b.test"), "permerror");
    assert_eq!(of("c.test"), "permerror");
    assert_eq!(of("d.test"), "temperror");
    assert_eq!(of("e.test"), "neutral");
    assert_eq!(of("f.test"), "permerror");
    assert_eq!(of("g.test"), "permerror", "the syntax of the whole record comes first");
    assert_eq!(of("h.test"), "fail", "all makes redirect meaningless");
    assert_eq!(of("i.test"), "permerror", "an endless inclusion ends at ten");
    assert_eq!(of("j.test"), "permerror");
    let judgement = judge(&zones, "c.test", "192.0.2.1");
    assert_eq!((judgement.domain.as_str(), judgement.term.as_str()), ("broken.test", "include:broken.test"));
}

#[test]
fn which_record_counts() {
    let zones = Zones::new(
        "txt two.test v=spf1 -all
         txt two.test v=spf1 +all
         txt other.test some text
         txt other.test v=spf10 -all
         txt mixed.test v=spf2.0/pra -all
         txt mixed.test v=SPF1 ?all
         fail down.test
         a bare.test 192.0.2.1
         txt empty.test v=spf1",
    );
    for (domain, expected) in [
        ("two.test", "permerror"),
        ("other.test", "none"),
        ("mixed.test", "neutral"),
        ("down.test", "temperror"),
        ("bare.test", "none"),
        ("missing.test", "none"),
        ("empty.test", "neutral"),
        ("localhost", "none"),
        ("a..test", "none"),
    ] {
        assert_eq!(verdict(&zones, domain, "192.0.2.1"), expected, "{domain}");
    }
    let long = format!("{}.test", "a".repeat(64));
    assert_eq!(verdict(&zones, &long, "192.0.2.1"), "none");
}

#[test]
fn limits() {
    let many = |count: usize| (0..count).map(|i| format!("a:a{i}.l.test")).collect::<Vec<_>>().join(" ");
    let hosts: String = (0..12).map(|i| format!("a a{i}.l.test 192.0.2.200\n")).collect();
    let exchanges =
        |count: usize| (0..count).map(|i| format!("mx m{count}.test 10 a{i}.l.test\n")).collect::<String>();
    let zones = Zones::new(&format!(
        "{hosts}{}{}
         txt ten.test v=spf1 {} ip4:192.0.2.1 -all
         txt eleven.test v=spf1 {} ip4:192.0.2.1 -all
         txt early.test v=spf1 ip4:192.0.2.1 {} -all
         txt void2.test v=spf1 a:x1.test mx:x2.test ip4:192.0.2.1 -all
         txt void3.test v=spf1 a:x1.test mx:x2.test exists:x3.test ip4:192.0.2.1 -all
         txt mx10.test v=spf1 mx:m10.test ip4:192.0.2.1 -all
         txt mx11.test v=spf1 mx:m11.test ip4:192.0.2.1 -all",
        exchanges(10),
        exchanges(11),
        many(10),
        many(11),
        many(11),
    ));
    for (domain, expected) in [
        ("ten.test", "pass"),
        ("eleven.test", "permerror"),
        ("early.test", "pass"),
        ("void2.test", "pass"),
        ("void3.test", "permerror"),
        ("mx10.test", "pass"),
        ("mx11.test", "permerror"),
    ] {
        assert_eq!(verdict(&zones, domain, "192.0.2.1"), expected, "{domain}");
    }
}

#[test]
fn both_families() {
    let zones = Zones::new(
        "txt v.test v=spf1 a:h.test/24//64 ip6:2001:db8:1::/48 ip4:198.51.100.7 -all
         a h.test 192.0.2.1
         aaaa h.test 2001:db8::1
         txt only4.test v=spf1 exists:%{ir}.%{v}.x.test -all
         a 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.x.test 127.0.0.2
         txt zero.test v=spf1 ip4:1.2.3.4/0 -ip6:::/0
         txt p.test v=spf1 ptr:h.test -all
         ptr 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa mail.H.test
         aaaa mail.h.test 2001:db8::1",
    );
    for (domain, ip, expected) in [
        ("v.test", "192.0.2.200", "pass"),
        ("v.test", "192.0.3.1", "fail"),
        ("v.test", "2001:db8::ffff:1", "pass"),
        ("v.test", "2001:db8:0:1::1", "fail"),
        ("v.test", "2001:db8:1:ffff::1", "pass"),
        ("v.test", "::ffff:198.51.100.7", "pass"),
        ("only4.test", "2001:db8::1", "pass"),
        ("zero.test", "203.0.113.1", "pass"),
        ("zero.test", "2001:db8::1", "fail"),
        ("p.test", "2001:db8::1", "pass"),
        ("p.test", "2001:db8::2", "fail"),
    ] {
        assert_eq!(verdict(&zones, domain, ip), expected, "{domain} {ip}");
    }
}

#[test]
fn what_decided_is_told() {
    let zones = Zones::new(
        "txt e.test v=spf1 mx include:i.test -all exp=why.%{d}
         mx e.test 0 m.e.test
         txt i.test v=spf1 ip4:192.0.2.1 -all exp=other.test
         txt why.e.test See http://%{d}/why?s=%{S}&i=%{i}&h=%{h}&t=%{t}&r=%{r}
         txt p.test v=spf1 exists:%{p}.names.test -all
         ptr 9.2.0.192.in-addr.arpa x.p.test
         a x.p.test 192.0.2.9
         a x.p.test.names.test 127.0.0.2
         fail t.test",
    );
    let allowed = judge(&zones, "e.test", "192.0.2.1");
    assert_eq!((allowed.verdict, allowed.term.as_str()), (Verdict::Pass, "include:i.test"));
    assert_eq!(allowed.record, "v=spf1 mx include:i.test -all exp=why.%{d}");
    assert_eq!(allowed.explanation, "");
    let refused = judge(&zones, "e.test", "192.0.2.2");
    assert_eq!((refused.verdict, refused.term.as_str()), (Verdict::Fail, "-all"));
    assert_eq!(
        refused.explanation,
        "See http://e.test/why?s=strong-bad%40e.test&i=192.0.2.2&h=client.test&t=1000000&r=unknown"
    );
    assert_eq!(verdict(&zones, "p.test", "192.0.2.9"), "pass");
    assert_eq!(verdict(&zones, "p.test", "192.0.2.10"), "fail");
    let failed = judge(&zones, "t.test", "192.0.2.1");
    assert!(failed.problem.contains("SERVFAIL"), "{failed:?}");
}
