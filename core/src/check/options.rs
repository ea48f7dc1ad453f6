//! What a check is to look at besides the server itself.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    error::Error,
    smtp::explain_input,
    types::{Mailbox, shown},
};

/// RFC 1035 section 4.2.
const DNS_PORT: u16 = 53;

/// What a check is to look at besides the server itself. Everything is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// The address that mail will come from: it is given in MAIL FROM, and the records of its domain are judged. Empty
    /// for none.
    pub from: String,
    /// Recipients to ask the server about with RCPT TO. No message is sent to them.
    pub to: Vec<String>,
    /// The selector of the DKIM key (RFC 6376 section 3.1), such as `mail` for `mail._domainkey.example.com`; empty
    /// for none.
    pub dkim_selector: String,
    /// The address that recipients' servers will see, which SPF is judged for; `None` means the local address of the
    /// connection.
    pub outgoing_ip: Option<IpAddr>,
    /// The name server to ask for the records; `None` means those of the system.
    pub dns: Option<SocketAddr>,
    /// The longest that the whole check may take.
    pub timeout: Duration,
    /// Which of the servers to check, counted from 0.
    pub server: usize,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            from: String::new(),
            to: Vec::new(),
            dkim_selector: String::new(),
            outgoing_ip: None,
            dns: None,
            timeout: Duration::from_secs(120),
            server: 0,
        }
    }
}

/// The addresses, checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) from: Option<Mailbox>,
    pub(crate) to: Vec<Mailbox>,
}

impl CheckOptions {
    /// Sets [`CheckOptions::outgoing_ip`] from its text; an empty one means none.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `OutgoingIp`.
    pub fn set_outgoing_ip(&mut self, text: &str) -> Result<(), Error> {
        let bad = |_| {
            Error::input("OutgoingIp", format!("{} is no address; give one such as 192.0.2.1", shown(text)))
        };
        self.outgoing_ip =
            (!text.is_empty()).then(|| text.parse().map_err(bad)).transpose().map_err(explain_input)?;
        Ok(())
    }

    /// Sets [`CheckOptions::dns`] from its text: `192.0.2.1`, `192.0.2.1:53`, `[2001:db8::1]:53`; an empty one means
    /// those of the system.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `Dns`.
    pub fn set_dns(&mut self, text: &str) -> Result<(), Error> {
        let with_port = || text.parse().ok();
        let alone = || Some(SocketAddr::new(text.trim_matches(['[', ']']).parse().ok()?, DNS_PORT));
        self.dns = match text {
            "" => None,
            text => Some(with_port().or_else(alone).ok_or_else(|| {
                let what =
                    format!("{} is no address of a name server; give one such as 192.0.2.1:53", shown(text));
                explain_input(Error::input("Dns", what))
            })?),
        };
        Ok(())
    }

    /// Checks everything that can be checked before a server is involved.
    pub(super) fn envelope(&self) -> Result<Envelope, Error> {
        if self.timeout.is_zero() {
            return Err(Error::input("Timeout", "is zero; give seconds above zero"));
        }
        if self.from.is_empty() && !self.to.is_empty() {
            return Err(Error::input("From", "is empty, but To is set; give the sender's address too"));
        }
        if self.from.is_empty() && !self.dkim_selector.is_empty() {
            return Err(Error::input("From", "is empty, but DkimSelector is set; its domain has the key"));
        }
        check_selector(&self.dkim_selector)?;
        let from = (!self.from.is_empty()).then(|| Mailbox::parse(&self.from, "From")).transpose()?;
        let parse = |(at, email): (usize, &String)| Mailbox::parse(email, &format!("To[{at}]"));
        Ok(Envelope { from, to: self.to.iter().enumerate().map(parse).collect::<Result<_, _>>()? })
    }
}

/// A selector is one label or several (RFC 6376 section 3.1).
fn check_selector(selector: &str) -> Result<(), Error> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if selector.is_empty() || (selector.len() <= 200 && selector.split('.').all(label)) {
        return Ok(());
    }
    Err(Error::input(
        "DkimSelector",
        "is no selector; give what stands before ._domainkey, such as mail or s2048.mail",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let mut options = CheckOptions::default();
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("[::1]:5353", "[::1]:5353"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
        ] {
            options.set_dns(text).unwrap();
            assert_eq!(options.dns.unwrap().to_string(), expected);
        }
        options.set_dns("").unwrap();
        assert_eq!(options.dns, None);
        options.set_outgoing_ip("2001:db8::1").unwrap();
        assert_eq!(options.outgoing_ip.unwrap().to_string(), "2001:db8::1");
        let error = options.set_dns("ns.example.test").unwrap_err();
        assert_eq!((error.field(), error.diagnosis().is_some()), (Some("Dns"), true));
        assert_eq!(options.set_outgoing_ip("192.0.2").unwrap_err().field(), Some("OutgoingIp"));
    }

    #[test]
    fn bad_options_are_named() {
        let field = |options: CheckOptions| options.envelope().unwrap_err().field().unwrap().to_owned();
        let from = || "a@b.test".to_owned();
        let default = CheckOptions::default;
        assert_eq!(field(CheckOptions { from: "a".into(), ..default() }), "From");
        assert_eq!(field(CheckOptions { to: vec![from()], ..default() }), "From");
        assert_eq!(
            field(CheckOptions { from: from(), to: vec![from(), "x y@z".into()], ..default() }),
            "To[1]"
        );
        assert_eq!(field(CheckOptions { dkim_selector: "s".into(), ..default() }), "From");
        for selector in ["a b", ".", "a..b", "a/b", &"x".repeat(64)] {
            let options = CheckOptions { from: from(), dkim_selector: selector.into(), ..default() };
            assert_eq!(field(options), "DkimSelector", "{selector}");
        }
        assert_eq!(field(CheckOptions { timeout: Duration::ZERO, ..default() }), "Timeout");
        let good = CheckOptions { from: from(), dkim_selector: "s1.mail_a".into(), ..default() };
        assert_eq!(good.envelope().unwrap().from.unwrap().domain(), "b.test");
    }
}
