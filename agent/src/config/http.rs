//! `[http]`: the web server.

use std::{net::SocketAddr, path::PathBuf};

use freesmtp_core::Error;
use serde::Deserialize;

use super::Span;

/// Where it listens when nothing is said.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8025);

/// The web server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// The addresses to listen on, such as `127.0.0.1:8025`; an empty list for none. Unset it is that one, unless
    /// somebody else has it. One beyond loopback needs `certificate_file` and `key_file`, or `behind_proxy`.
    pub listen: Option<Vec<String>>,
    /// A file whose first line is the token that changes need. Unset it is `queue/token` in the spool, which is made.
    pub token_file: Option<PathBuf>,
    /// The names that others reach it by, such as `mail.example.com`; `localhost` and loopback addresses are always.
    pub hosts: Vec<String>,
    /// The certificate in PEM, with those between it and the authority: it then speaks https alone.
    pub certificate_file: Option<PathBuf>,
    /// Its key in PEM (PKCS #8).
    pub key_file: Option<PathBuf>,
    /// Who reaches it from other machines does so through a server that speaks https.
    pub behind_proxy: bool,
    /// The largest message, in octets.
    pub max_size: usize,
    /// The most connections at the same time.
    pub connections: usize,
    /// When `/healthz` says that the agent is not well.
    pub health: HealthSettings,
}

/// The limits of `/healthz`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSettings {
    /// How long a message that could be sent may wait for a session. Those of a paused blast do not count.
    pub oldest_ready: Span,
    /// So many octets must be left on the disk of the spool.
    pub least_free: u64,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self { oldest_ready: Span::seconds(30 * 60), least_free: 64 << 20 }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: None,
            token_file: None,
            hosts: Vec::new(),
            certificate_file: None,
            key_file: None,
            behind_proxy: false,
            max_size: 50 << 20,
            connections: 256,
            health: HealthSettings::default(),
        }
    }
}

impl HttpSettings {
    /// Checks every field.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the first field that is not right.
    pub fn check(&self) -> Result<(), Error> {
        super::check_pair("http", self.certificate_file.as_deref(), self.key_file.as_deref())?;
        if self.max_size == 0 {
            return Err(Error::input("http.max_size", "is zero; nothing would be taken"));
        }
        if self.connections == 0 {
            return Err(Error::input("http.connections", "is zero; nothing would be taken"));
        }
        if self.health.oldest_ready == Span::seconds(0) {
            return Err(Error::input(
                "http.health.oldest_ready",
                "is zero; give a length of time above zero",
            ));
        }
        self.addresses().map(drop)
    }

    /// The addresses, and whether it does no harm when one is taken.
    ///
    /// # Errors
    /// As [`HttpSettings::check`].
    pub fn addresses(&self) -> Result<Vec<(SocketAddr, bool)>, Error> {
        let Some(listen) = &self.listen else { return Ok(vec![(USUAL, true)]) };
        let safe = self.certificate_file.is_some() || self.behind_proxy;
        super::check_addresses("http", listen, safe, |address| {
            format!(
                "{address} can be reached from other machines, and the token would cross the network in clear text: set \
                 http.certificate_file and http.key_file, or http.behind_proxy, or listen on 127.0.0.1"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_only_encrypted() {
        let check = |text: &str| {
            let settings: HttpSettings = toml::from_str(text).unwrap();
            settings.check().map_err(|error| error.field().unwrap_or_default().to_owned())
        };
        let listen = "listen = [\"0.0.0.0:8025\"]\n";
        assert_eq!(check(listen), Err("http.listen[0]".to_owned()));
        assert_eq!(check(&format!("{listen}behind_proxy = true")), Ok(()));
        assert_eq!(check(&format!("{listen}certificate_file = \"c\"\nkey_file = \"k\"")), Ok(()));
        assert_eq!(check("certificate_file = \"c\""), Err("http.key_file".to_owned()));
        assert_eq!(check("listen = [\"[::1]:0\"]"), Ok(()));
        assert_eq!(check("max_size = 0"), Err("http.max_size".to_owned()));
        assert_eq!(check("[health]\noldest_ready = 0"), Err("http.health.oldest_ready".to_owned()));
    }
}
