//! What the server offers: its reply to EHLO (RFC 5321 section 4.1.1.1).

use crate::types::{Moment, Reply, digits};

/// The extensions named in the reply to `EHLO`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The name the server gives itself.
    pub host: String,
    /// The keyword lines as the server wrote them, for diagnosis.
    pub lines: Vec<String>,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030); without CHUNKING it is of no use.
    pub binary_mime: bool,
    /// SIZE (RFC 1870) is known at all.
    pub size: bool,
    /// The greatest message in octets; `SIZE 0` and a bare `SIZE` name none.
    pub size_limit: Option<u64>,
    /// AUTH mechanisms in the server's order, upper case (RFC 4954; the old `AUTH=` form counts too).
    pub auth: Vec<String>,
    /// LIMITS (RFC 9422).
    pub limits: Limits,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status_codes: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// REQUIRETLS (RFC 8689); servers offer it within TLS only.
    pub require_tls: bool,
    /// DELIVERBY (RFC 2852).
    pub deliver_by: Option<DeliverByOffer>,
    /// FUTURERELEASE (RFC 4865).
    pub future_release: Option<FutureReleaseOffer>,
    /// MT-PRIORITY (RFC 6710).
    pub mt_priority: Option<MtPriorityOffer>,
    /// RRVS (RFC 7293).
    pub rrvs: bool,
    /// VRFY is named (RFC 5321 section 3.5.2); it may work unnamed, and it may be named and say nothing.
    pub vrfy: bool,
    /// EXPN is named (RFC 5321 section 3.5.2).
    pub expn: bool,
    /// HELP is named (RFC 5321 section 4.1.1.8).
    pub help: bool,
    /// ETRN is named (RFC 1985).
    pub etrn: bool,
}

/// The limits of LIMITS (RFC 9422): what the server names holds for this session; what it does not name is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `RCPTMAX`: the most RCPT commands in one transaction.
    pub recipients: Option<u32>,
    /// `MAILMAX`: the most transactions in one session.
    pub messages: Option<u32>,
    /// `RCPTDOMAINMAX`: the most domains among the recipients of all transactions of one session.
    pub domains: Option<u32>,
}

/// The parameters of DELIVERBY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliverByOffer {
    /// The least time in seconds that the server takes with the mode *return* (RFC 2852 section 2); `None` for any.
    pub minimum: Option<u64>,
}

/// The parameters of FUTURERELEASE, which RFC 4865 section 4 asks for; a server that leaves one out names no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FutureReleaseOffer {
    /// The longest time in seconds that a message is held.
    pub longest: Option<u64>,
    /// The latest moment until which a message is held.
    pub latest: Option<Moment>,
}

/// The parameters of MT-PRIORITY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MtPriorityOffer {
    /// The priority assignment policy such as `MIXER` or `STANAG4406`, when the server names one.
    pub profile: Option<String>,
}

impl Capabilities {
    /// Reads the reply to `EHLO`; `disabled` are extensions that the user switched off for a broken server.
    #[must_use]
    pub fn parse(reply: &Reply, disabled: &[String]) -> Self {
        let mut lines = reply.lines().iter();
        let host = lines.next().and_then(|line| line.split_whitespace().next()).unwrap_or_default();
        let mut this = Self { host: host.to_owned(), ..Self::default() };
        for line in lines {
            let line = line.trim();
            // The pre-RFC form `AUTH=LOGIN PLAIN` is still sent, usually beside the right one.
            let (keyword, rest) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
            if disabled.iter().any(|name| name.eq_ignore_ascii_case(keyword)) {
                continue;
            }
            this.lines.push(line.to_owned());
            this.read(keyword, rest);
        }
        this
    }

    fn read(&mut self, keyword: &str, rest: &str) {
        match keyword.to_ascii_uppercase().as_str() {
            "STARTTLS" => self.starttls = true,
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "DSN" => self.dsn = true,
            "REQUIRETLS" => self.require_tls = true,
            "RRVS" => self.rrvs = true,
            "VRFY" => self.vrfy = true,
            "EXPN" => self.expn = true,
            "HELP" => self.help = true,
            "ETRN" => self.etrn = true,
            "LIMITS" => self.limits.read(rest),
            "DELIVERBY" => self.deliver_by = Some(DeliverByOffer::read(rest)),
            "FUTURERELEASE" => self.future_release = Some(FutureReleaseOffer::read(rest)),
            "MT-PRIORITY" => {
                let profile = rest.split_whitespace().next().map(str::to_owned);
                self.mt_priority = Some(MtPriorityOffer { profile });
            }
            "SIZE" => {
                self.size = true;
                self.size_limit = digits(rest.trim()).filter(|limit: &u64| *limit > 0);
            }
            "AUTH" => {
                for mechanism in rest.split_whitespace().map(str::to_ascii_uppercase) {
                    if !self.auth.contains(&mechanism) {
                        self.auth.push(mechanism);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Limits {
    /// Names and values that are not known are ignored, as RFC 9422 section 3 asks.
    fn read(&mut self, parameters: &str) {
        for (name, value) in parameters.split_whitespace().filter_map(|word| word.split_once('=')) {
            // One to six digits, the first of them not zero.
            let value = Some(value).filter(|v| v.len() <= 6).and_then(digits);
            let limit = match name.to_ascii_uppercase().as_str() {
                "RCPTMAX" => &mut self.recipients,
                "MAILMAX" => &mut self.messages,
                "RCPTDOMAINMAX" => &mut self.domains,
                _ => continue,
            };
            *limit = value.filter(|v| *v > 0).or(*limit);
        }
    }
}

impl DeliverByOffer {
    /// A comma separates the number from parameters of the future (RFC 2852 section 2).
    fn read(parameters: &str) -> Self {
        let first = parameters.split([',', ' ']).next().unwrap_or_default();
        Self { minimum: digits(first).filter(|seconds: &u64| *seconds > 0) }
    }
}

impl FutureReleaseOffer {
    fn read(parameters: &str) -> Self {
        let mut words = parameters.split_whitespace();
        Self {
            longest: words.next().and_then(digits),
            latest: words.next().and_then(|word| word.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Capabilities {
        Capabilities::parse(&Reply::parse(text).unwrap(), &[])
    }

    #[test]
    fn both_auth_forms_are_one_list() {
        let caps =
            parse("250-mail.example.com hi\n250-AUTH SCRAM-MD5 LOGIN\n250-AUTH=LOGIN plain\n250 8BITMIME");
        assert_eq!(caps.auth, ["SCRAM-MD5", "LOGIN", "PLAIN"]);
        assert_eq!(caps.host, "mail.example.com");
        assert!(caps.eight_bit_mime && !caps.starttls);
        assert_eq!(caps.lines.len(), 3);
    }

    #[test]
    fn size_without_a_number_names_no_limit() {
        for text in
            ["SIZE", "SIZE 0", "SIZE many", "SIZE +5", "SIZE -5"].map(|line| format!("250-a\n250 {line}"))
        {
            let caps = parse(&text);
            assert!(caps.size && caps.size_limit.is_none(), "{text}");
        }
        assert_eq!(parse("250-a\n250 size 1000").size_limit, Some(1000));
    }

    #[test]
    fn a_disabled_extension_is_not_seen() {
        let reply = Reply::parse("250-a\n250-PIPELINING\n250-LIMITS RCPTMAX=3\n250 SIZE 10").unwrap();
        let caps = Capabilities::parse(&reply, &["pipelining".to_owned(), "Limits".to_owned()]);
        assert!(!caps.pipelining && caps.size);
        assert_eq!(caps.limits, Limits::default());
    }

    #[test]
    fn keywords_in_any_case() {
        let caps = parse(
            "250-a\n250-chunking\n250-BinaryMIME\n250-EnhancedStatusCodes\n250-dsn\n250-RequireTLS\n250-rrvs\n\
             250-vrfy\n250-expn\n250-help\n250 etrn",
        );
        let expected = Capabilities {
            host: "a".to_owned(),
            lines: caps.lines.clone(),
            chunking: true,
            binary_mime: true,
            enhanced_status_codes: true,
            dsn: true,
            require_tls: true,
            rrvs: true,
            vrfy: true,
            expn: true,
            help: true,
            etrn: true,
            ..Capabilities::default()
        };
        assert_eq!(caps, expected);
        assert_eq!(caps.lines.len(), 10);
    }

    #[test]
    fn limits_that_are_known_and_well_formed() {
        let limits = |text: &str| parse(&format!("250-a\n250 LIMITS {text}")).limits;
        let all = Limits { recipients: Some(20), messages: Some(5), domains: Some(1) };
        assert_eq!(limits("RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1"), all);
        assert_eq!(limits("rcptmax=20  FUTURE=7 X mailmax=5 RcptDomainMax=1"), all);
        for text in ["", "RCPTMAX", "RCPTMAX=", "RCPTMAX=0", "RCPTMAX=-1", "RCPTMAX=+5", "RCPTMAX=1000000"] {
            assert_eq!(limits(text), Limits::default(), "{text}");
        }
        assert_eq!(limits("MAILMAX=x RCPTMAX=999999").recipients, Some(999_999));
    }

    #[test]
    fn parameters_of_delivery_options() {
        let minimum = |text: &str| parse(&format!("250-a\n250 {text}")).deliver_by.map(|offer| offer.minimum);
        assert_eq!(minimum("DELIVERBY"), Some(None));
        assert_eq!(minimum("DELIVERBY 0"), Some(None));
        assert_eq!(minimum("DELIVERBY 240"), Some(Some(240)));
        assert_eq!(minimum("DELIVERBY 240,TRACE"), Some(Some(240)));
        assert_eq!(minimum("DELIVERBY ,X"), Some(None));
        assert_eq!(minimum("DELIVERBY -5"), Some(None));
        assert_eq!(minimum("SIZE"), None);

        let release = |text: &str| parse(&format!("250-a\n250 {text}")).future_release;
        let offer = release("FUTURERELEASE 86400 2026-12-24T18:00:00Z").unwrap();
        assert_eq!(
            (offer.longest, offer.latest.unwrap().to_string()),
            (Some(86_400), "2026-12-24T18:00:00Z".into())
        );
        assert_eq!(release("FUTURERELEASE"), Some(FutureReleaseOffer::default()));
        assert_eq!(release("FUTURERELEASE soon never"), Some(FutureReleaseOffer::default()));
        assert_eq!(release("DSN"), None);

        let profile =
            |text: &str| parse(&format!("250-a\n250 {text}")).mt_priority.map(|offer| offer.profile);
        assert_eq!(profile("MT-PRIORITY"), Some(None));
        assert_eq!(profile("mt-priority MIXER"), Some(Some("MIXER".to_owned())));
        assert_eq!(profile("DSN"), None);
    }
}
