//! A proxy, as the settings name it.

use std::{fmt, net::IpAddr, str::FromStr};

use super::{
    Secret,
    url::{decode, encode, split_port},
};
use crate::error::Error;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// SOCKS 5 (RFC 1928), with user name and password (RFC 1929) where they are set.
    Socks5,
    /// HTTP's CONNECT (RFC 9110 section 9.3.6), with Basic authentication (RFC 7617) where a login is set.
    Http,
}

/// A proxy that connects to the server in our place.
///
/// The server's name is resolved by the proxy, never here. `Display` and `Debug` show no password.
///
/// ```
/// use freesmtp_core::smtp::{Proxy, ProxyProtocol};
///
/// let proxy: Proxy = "socks5://user:secret@proxy.example.com".parse()?;
/// assert_eq!((proxy.protocol(), proxy.host(), proxy.port()), (ProxyProtocol::Socks5, "proxy.example.com", 1080));
/// assert_eq!(proxy.to_string(), "socks5://user:****@proxy.example.com:1080");
/// # Ok::<(), freesmtp_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    protocol: ProxyProtocol,
    scheme: &'static str,
    host: String,
    port: u16,
    user: String,
    password: Secret,
}

/// The property that holds a proxy, for errors.
const FIELD: &str = "Proxy";

/// Scheme, protocol, port when none is given.
const SCHEMES: [(&str, ProxyProtocol, u16); 3] = [
    ("socks5", ProxyProtocol::Socks5, 1080),
    // The word of curl for "the proxy resolves the name", which is always so here.
    ("socks5h", ProxyProtocol::Socks5, 1080),
    ("http", ProxyProtocol::Http, 80),
];

impl Proxy {
    /// Reads `socks5://user:password@host:1080`, `socks5h://host`, `http://host:3128`; user and password are
    /// percent-decoded. Without a port it is 1080 for SOCKS and 80 for HTTP.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `Proxy`. No error shows the password.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let bad = |text: &str| Error::input(FIELD, text);
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| bad("is no URL such as socks5://host:1080 or http://user:password@host:3128"))?;
        let (scheme, protocol, default_port) = SCHEMES
            .into_iter()
            .find(|(name, ..)| scheme.eq_ignore_ascii_case(name))
            .ok_or_else(|| bad("is of a kind that is not known; use socks5://, socks5h:// or http://"))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) =
            rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        if place.contains(['/', '?', '#']) {
            return Err(bad("holds more than user, password, host and port; write / in a password as %2F"));
        }
        let (host, port) =
            split_port(place).map_err(|error| bad(&format!("has a port that {}", error.message())))?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if !is_host(host) {
            return Err(bad(
                "names no host; give a name or an address, such as socks5://proxy.example.com:1080",
            ));
        }
        let (user, password) = login.map_or(("", ""), |login| login.split_once(':').unwrap_or((login, "")));
        let proxy = Self {
            protocol,
            scheme,
            host: host.to_owned(),
            port: if port == 0 { default_port } else { port },
            user: decode(user, FIELD)?,
            password: Secret::new(decode(password, FIELD)?),
        };
        proxy.check_login()?;
        Ok(proxy)
    }

    /// What the protocol can carry.
    fn check_login(&self) -> Result<(), Error> {
        let bad = |text: &str| Err(Error::input(FIELD, text));
        let parts = [self.user.as_str(), self.password.expose()];
        if self.user.is_empty() && !self.password.is_empty() {
            return bad("has a password, but no user name");
        }
        match self.protocol {
            // RFC 1929 section 2: each length is one octet.
            ProxyProtocol::Socks5 if parts.iter().any(|part| part.len() > 255) => {
                bad("has a user name or password longer than the 255 octets that SOCKS can carry")
            }
            ProxyProtocol::Socks5 if !self.user.is_empty() && self.password.is_empty() => {
                bad("has a user name, but no password; SOCKS knows no empty one")
            }
            // RFC 7617 section 2.
            ProxyProtocol::Http if self.user.contains(':') => {
                bad("has a user name with a colon, which Basic authentication can't carry")
            }
            ProxyProtocol::Http if parts.iter().any(|part| part.contains(char::is_control)) => bad(
                "has a control character in user name or password, which Basic authentication can't carry",
            ),
            _ => Ok(()),
        }
    }

    /// How it is spoken to.
    #[must_use]
    pub fn protocol(&self) -> ProxyProtocol {
        self.protocol
    }

    /// Its host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user name; empty for no login.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// The whole URL, **with the password**: what the property was set to, for whoever reads it back.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_with(&encode(self.password.expose()))
    }

    /// Host and port: `proxy.example.com:1080`, `[::1]:1080`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    fn url_with(&self, password: &str) -> String {
        let login = match (self.user.is_empty(), password.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!("{}@", encode(&self.user)),
            (false, false) => format!("{}:{password}@", encode(&self.user)),
        };
        format!("{}://{login}{}", self.scheme, self.label())
    }
}

/// A name or an address as a person writes it.
fn is_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || (!host.is_empty()
            && host.len() <= 255
            && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')))
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        Self::parse(s)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url_with(if self.password.is_empty() { "" } else { "****" }))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_a_person_writes() {
        let parts = |url: &str| {
            let p = Proxy::parse(url).unwrap();
            (p.protocol, p.host.clone(), p.port, p.user.clone(), p.password.expose().to_owned())
        };
        let plain =
            |protocol, host: &str, port| (protocol, host.to_owned(), port, String::new(), String::new());
        assert_eq!(
            parts("socks5://proxy.example.com"),
            plain(ProxyProtocol::Socks5, "proxy.example.com", 1080)
        );
        assert_eq!(parts("SOCKS5H://[::1]:9/"), plain(ProxyProtocol::Socks5, "::1", 9));
        assert_eq!(parts("http://127.0.0.1:3128"), plain(ProxyProtocol::Http, "127.0.0.1", 3128));
        assert_eq!(parts("http://proxy"), plain(ProxyProtocol::Http, "proxy", 80));
        let (_, _, _, user, password) = parts("http://us%40er:p%3A%2Fä@[2001:db8::1]:8080");
        assert_eq!((user.as_str(), password.as_str()), ("us@er", "p:/ä"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "proxy.example.com:1080",
            "https://hunter22@proxy",
            "socks4://proxy",
            "socks5://u:hunter22@",
            "socks5://u:hunter22@a b",
            "socks5://u:hunter22@a:0",
            "socks5://u:hunter22@a:70000",
            "socks5://u:hunter22%zz@a",
            "socks5://:hunter22@a",
            "socks5://u@a",
            "http://u%3Av:hunter22@a",
            "http://u:hunter22%0d%0aX@a",
            "http://u:hunter22@a/path",
            "http://u:hunter22/@a/path",
            &format!("socks5://u:hunter22{}@a", "x".repeat(255)),
        ] {
            let error = Proxy::parse(url).unwrap_err();
            assert_eq!(error.field(), Some("Proxy"), "{url}");
            assert!(!format!("{error} {error:?}").contains("hunter22"), "{error}");
        }
    }

    #[test]
    fn a_password_is_shown_to_nobody_but_the_one_who_asks_for_the_url() {
        let url = "socks5://user:hunter%2022@proxy.example.com:1080";
        let proxy = Proxy::parse(url).unwrap();
        assert!(!format!("{proxy} {proxy:?}").contains("hunter"));
        assert_eq!(proxy.url(), url);
        assert_eq!(Proxy::parse(&proxy.url()).unwrap(), proxy);
    }
}
