//! SPF records, parsed whole before anything is looked up (RFC 7208 section 4.6).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Verdict, macros::MacroString};

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    /// Where the domain explains a refusal.
    pub(super) explanation: Option<MacroString>,
}

/// A mechanism with what its match means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) verdict: Verdict,
    pub(super) mechanism: Mechanism,
    /// As it stands in the record.
    pub(super) text: String,
}

/// What may match (section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Prefixes),
    Mx(Option<MacroString>, Prefixes),
    Ptr(Option<MacroString>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(MacroString),
}

/// How many bits of an address count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    pub(super) v4: u8,
    pub(super) v6: u8,
}

/// Whether a TXT record is one of SPF (section 4.5).
pub(super) fn is_spf(text: &str) -> bool {
    text.get(..6).is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"))
        && text[6..].chars().next().is_none_or(|c| c == ' ')
}

/// Parses a record that [`is_spf`]; what is wrong with it, else.
pub(super) fn parse(text: &str) -> Result<Record, String> {
    let mut record = Record { directives: Vec::new(), redirect: None, explanation: None };
    for term in text[6..].split(' ').filter(|term| !term.is_empty()) {
        let name = term.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)).count();
        if term[name..].starts_with('=') && term.starts_with(|c: char| c.is_ascii_alphabetic()) {
            modifier(&mut record, &term[..name], &term[name + 1..])?;
        } else {
            record.directives.push(directive(term)?);
        }
    }
    Ok(record)
}

fn modifier(record: &mut Record, name: &str, value: &str) -> Result<(), String> {
    let place = match name.to_ascii_lowercase().as_str() {
        "redirect" => &mut record.redirect,
        "exp" => &mut record.explanation,
        // A modifier that is not known means nothing, but must be well formed (section 6).
        _ => return MacroString::text(value).map(drop),
    };
    if place.is_some() {
        return Err(format!("{name}= stands twice"));
    }
    *place = Some(MacroString::domain(value)?);
    Ok(())
}

fn directive(text: &str) -> Result<Directive, String> {
    let (verdict, term) = match text.chars().next() {
        Some('+') => (Verdict::Pass, &text[1..]),
        Some('-') => (Verdict::Fail, &text[1..]),
        Some('~') => (Verdict::SoftFail, &text[1..]),
        Some('?') => (Verdict::Neutral, &text[1..]),
        _ => (Verdict::Pass, text),
    };
    let end = term.find([':', '/']).unwrap_or(term.len());
    let (name, rest) = term.split_at(end);
    let argument = rest.strip_prefix(':');
    let domain = |argument: &str| MacroString::domain(argument).map_err(|why| format!("{text:?}: {why}"));
    let needed = || domain(argument.unwrap_or_default());
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(needed()?),
        "exists" => Mechanism::Exists(needed()?),
        "ptr" if rest.is_empty() => Mechanism::Ptr(None),
        "ptr" => Mechanism::Ptr(Some(needed()?)),
        "a" | "mx" => {
            let (rest, prefixes) = prefixes(rest).ok_or_else(|| wrong(text))?;
            let of = match rest {
                "" => None,
                rest => Some(domain(rest.strip_prefix(':').unwrap_or_default())?),
            };
            if name.len() == 1 { Mechanism::A(of, prefixes) } else { Mechanism::Mx(of, prefixes) }
        }
        "ip4" => {
            let (address, bits) = network(argument, 32).ok_or_else(|| wrong(text))?;
            Mechanism::Ip4(address.parse().map_err(|_| wrong(text))?, bits)
        }
        "ip6" => {
            let (address, bits) = network(argument, 128).ok_or_else(|| wrong(text))?;
            Mechanism::Ip6(address.parse().map_err(|_| wrong(text))?, bits)
        }
        _ => return Err(wrong(text)),
    };
    Ok(Directive { verdict, mechanism, text: text.to_owned() })
}

fn wrong(text: &str) -> String {
    format!("{text:?} is no mechanism of SPF")
}

/// Takes `/24`, `//64` or `/24//64` off the end.
fn prefixes(rest: &str) -> Option<(&str, Prefixes)> {
    let mut prefixes = Prefixes { v4: 32, v6: 128 };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut rest = rest;
    if let Some((before, bits)) = rest.rsplit_once("//").filter(|(_, bits)| digits(bits)) {
        prefixes.v6 = length(bits, 128)?;
        rest = before;
    }
    if let Some((before, bits)) = rest.rsplit_once('/').filter(|(_, bits)| digits(bits)) {
        prefixes.v4 = length(bits, 32)?;
        rest = before;
    }
    Some((rest, prefixes))
}

fn network(argument: Option<&str>, whole: u8) -> Option<(&str, u8)> {
    let argument = argument?;
    match argument.split_once('/') {
        Some((address, bits)) => Some((address, length(bits, whole)?)),
        None => Some((argument, whole)),
    }
}

/// A number of bits without leading zeros.
fn length(text: &str, most: u8) -> Option<u8> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|bits| plain && *bits <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_makes_a_record() {
        for text in ["v=spf1", "v=spf1 ", "V=SPF1 -all", "v=spf1  a"] {
            assert!(is_spf(text), "{text}");
        }
        for text in ["v=spf10 -all", "v=spf1-all", "v=spf2", " v=spf1", "spf1", "v=spf1\t-all", "v=spf", ""] {
            assert!(!is_spf(text), "{text}");
        }
    }

    #[test]
    fn every_mechanism_and_modifier() {
        let record = parse(
            "v=spf1 +a mx/24 ~a:b.test/24//64 ?ptr ptr:c.test -ip4:192.0.2.0/24 IP6:2001:db8::/32 ip6:::ffff:1.2.3.4 \
             include:%{d}.test exists:%{ir}.x.test a//0 moo.x-1=%{c}1 exp=e.test redirect=r.test -all",
        )
        .unwrap();
        assert_eq!(record.directives.len(), 12);
        let prefixes: Vec<(u8, u8)> = record
            .directives
            .iter()
            .filter_map(|directive| match directive.mechanism {
                Mechanism::A(_, bits) | Mechanism::Mx(_, bits) => Some((bits.v4, bits.v6)),
                _ => None,
            })
            .collect();
        assert_eq!(prefixes, [(32, 128), (24, 128), (24, 64), (32, 0)]);
        assert_eq!(record.directives[2].verdict, Verdict::SoftFail);
        assert_eq!(record.directives[2].text, "~a:b.test/24//64");
        assert!(record.redirect.is_some() && record.explanation.is_some());
    }

    #[test]
    fn what_is_wrong_makes_the_whole_record_wrong() {
        for term in [
            "foo",
            "all:",
            "all/8",
            "-all.",
            "--all",
            "ip4",
            "ip4:",
            "ip4:1.2.3",
            "ip4:1.2.3.4/33",
            "ip4:1.2.3.4/",
            "ip4:1.2.3.4/032",
            "ip4:01.2.3.4",
            "ip4:1.2.3.4//24",
            "ip4:::1",
            "ip6:1.2.3.4",
            "ip6:::1/129",
            "ip6:::1/",
            "ip6:::1::",
            "a:",
            "a:b.test/33",
            "a:b.test//129",
            "a:b.test/",
            "a:localhost",
            "a/00",
            "mx:/24",
            "include",
            "include:",
            "include:b.test/24",
            "exists",
            "exists:b.test/24",
            "ptr:",
            "ptr/24",
            "redirect=",
            "exp=",
            "redirect=a.test redirect=b.test",
            "exp=a.test exp=b.test",
            "-redirect=a.test",
            "redirect:a.test",
            "moo=%",
            "=x",
            "1moo=x",
            "a\t-all",
            "a:b.t\u{fffd}st",
            "exp=%{c}.test",
        ] {
            assert!(parse(&format!("v=spf1 {term} -all")).is_err(), "{term}");
        }
    }
}
