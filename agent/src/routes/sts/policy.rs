//! The policy of a domain, and the record that announces it (RFC 8461 section 3).

use std::time::Duration;

use crate::digits::digits;

/// RFC 8461 section 3.2: about a year.
const LONGEST: u64 = 31_557_600;

/// What is done when a server does not fit the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing is sent to it.
    Enforce,
    /// It is reported, and mail flows as without a policy.
    Testing,
    /// There is no policy any more.
    None,
}

impl Mode {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Enforce, "enforce"), (Self::Testing, "testing"), (Self::None, "none")];
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    mode: Mode,
    pub(super) max_age: Duration,
    /// Host names in lower case; the first label may be `*`.
    mx: Vec<String>,
}

impl Policy {
    /// Reads a policy as its server gives it; what is wrong with it, for a person.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.trim().is_empty() {
                continue;
            }
            let (key, value) =
                line.split_once(':').ok_or_else(|| format!("the line {line:?} has no colon"))?;
            let value = value.trim_matches([' ', '\t']);
            match key {
                // Of a field that is there twice, the first counts (section 3.2).
                "version" if version.is_none() => version = Some(value),
                "mode" if mode.is_none() => mode = Some(value),
                "max_age" if max_age.is_none() => max_age = Some(value),
                "mx" => mx.push(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("its version is not STSv1".to_owned());
        }
        let mode = mode.and_then(|name| Mode::ALL.iter().find(|(_, known)| *known == name));
        let (mode, _) = *mode.ok_or("its mode is none of enforce, testing, none")?;
        let seconds: u64 = max_age.and_then(digits).ok_or("its max_age is no number")?;
        if mx.is_empty() && mode != Mode::None {
            return Err("it names no mx".to_owned());
        }
        Ok(Self { mode, max_age: Duration::from_secs(seconds.min(LONGEST)), mx })
    }

    /// In the form in which it is read.
    pub(super) fn text(&self) -> String {
        let mode = Mode::ALL.iter().find(|(mode, _)| *mode == self.mode).map_or("none", |(_, name)| name);
        let mx: String = self.mx.iter().map(|name| format!("mx: {name}\n")).collect();
        format!("version: STSv1\nmode: {mode}\nmax_age: {}\n{mx}", self.max_age.as_secs())
    }

    /// Whether mail is kept from servers that do not fit.
    pub(crate) fn is_obeyed(&self) -> bool {
        self.mode == Mode::Enforce
    }

    /// Whether it names that host: a `*` stands for one label (section 4.1).
    pub(crate) fn names(&self, host: &str) -> bool {
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
            }
            None => pattern == host,
        })
    }
}

/// The id that a domain's TXT records announce; `None` without exactly one record (section 3.1).
pub(super) fn announced(texts: &[String]) -> Option<String> {
    let mut records = texts.iter().filter(|text| text.starts_with("v=STSv1"));
    let (record, None) = (records.next()?, records.next()) else { return None };
    let mut fields = record.split(';').map(|field| field.trim_matches([' ', '\t']));
    if fields.next() != Some("v=STSv1") {
        return None;
    }
    let id = fields.find_map(|field| field.strip_prefix("id="))?;
    let good = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let policy = Policy::parse(
            "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\n\
             max_age: 604800\r\n",
        );
        let policy = policy.unwrap();
        assert_eq!((policy.is_obeyed(), policy.max_age), (true, Duration::from_secs(604_800)));
        for (host, named) in [
            ("mail.example.com", true),
            ("a.example.net", true),
            ("example.net", false),
            ("a.b.example.net", false),
            (".example.net", false),
            ("mx.example.com", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
        assert_eq!(Policy::parse(&policy.text()), Ok(policy));
    }

    #[test]
    fn fields_that_are_unknown_or_twice_are_passed_over() {
        let text = "version: STSv1\nmode:testing\nmode: enforce\nfuture: x\nmx: A.Example\nmax_age:\t 1 \n\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!((policy.mode, policy.max_age), (Mode::Testing, Duration::from_secs(1)));
        assert!(policy.names("a.example") && !policy.is_obeyed());
        let long = Policy::parse("version: STSv1\nmode: none\nmax_age: 99999999999\n").unwrap();
        assert_eq!((long.mode, long.max_age), (Mode::None, Duration::from_secs(LONGEST)));
    }

    #[test]
    fn what_is_no_policy_says_why() {
        for (text, why) in [
            ("", "version"),
            ("<html>", "colon"),
            ("version: STSv2\nmode: none\nmax_age: 1", "version"),
            ("version: STSv1\nmode: strict\nmx: a\nmax_age: 1", "mode"),
            ("version: STSv1\nmode: enforce\nmx: a\nmax_age: -1", "max_age"),
            ("version: STSv1\nmode: enforce\nmx: a", "max_age"),
            ("version: STSv1\nmode: enforce\nmax_age: 1", "mx"),
        ] {
            assert!(Policy::parse(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn records_announce_an_id() {
        let id = |texts: &[&str]| announced(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(id(&["v=STSv1; id=20160831085700Z;"]).as_deref(), Some("20160831085700Z"));
        assert_eq!(id(&["v=spf1 -all", "v=STSv1;id=1"]).as_deref(), Some("1"));
        for texts in [
            &["v=STSv1; id=1", "v=STSv1; id=2"] as &[&str],
            &["v=STSv1; id=;"],
            &["v=STSv1; id=a-b;"],
            &["v=STSv10; id=1;"],
            &["v=STSv1"],
            &[],
        ] {
            assert_eq!(id(texts), None, "{texts:?}");
        }
    }
}
