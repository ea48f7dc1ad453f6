//! What the server offers: its reply to EHLO (RFC 5321 section 4.1.1.1).

use crate::types::Reply;

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
    /// SIZE (RFC 1870) is known at all.
    pub size: bool,
    /// The greatest message in octets; `SIZE 0` and a bare `SIZE` name none.
    pub size_limit: Option<u64>,
    /// AUTH mechanisms in the server's order, upper case (RFC 4954; the old `AUTH=` form counts too).
    pub auth: Vec<String>,
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
            match keyword.to_ascii_uppercase().as_str() {
                "STARTTLS" => this.starttls = true,
                "PIPELINING" => this.pipelining = true,
                "8BITMIME" => this.eight_bit_mime = true,
                "SMTPUTF8" => this.smtputf8 = true,
                "SIZE" => {
                    this.size = true;
                    this.size_limit = rest.trim().parse().ok().filter(|limit| *limit > 0);
                }
                "AUTH" => {
                    for mechanism in rest.split_whitespace().map(str::to_ascii_uppercase) {
                        if !this.auth.contains(&mechanism) {
                            this.auth.push(mechanism);
                        }
                    }
                }
                _ => {}
            }
        }
        this
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
        for text in ["250-a\n250 SIZE", "250-a\n250 SIZE 0", "250-a\n250 SIZE many"] {
            let caps = parse(text);
            assert!(caps.size && caps.size_limit.is_none(), "{text}");
        }
        assert_eq!(parse("250-a\n250 size 1000").size_limit, Some(1000));
    }

    #[test]
    fn a_disabled_extension_is_not_seen() {
        let reply = Reply::parse("250-a\n250-PIPELINING\n250 SIZE 10").unwrap();
        let caps = Capabilities::parse(&reply, &["pipelining".to_owned()]);
        assert!(!caps.pipelining && caps.size);
    }
}
