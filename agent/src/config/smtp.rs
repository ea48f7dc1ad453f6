//! `[smtp]`: the SMTP listener.

use std::{net::SocketAddr, path::PathBuf};

use freesmtp_core::Error;
use serde::Deserialize;

use super::Span;

/// Where it listens when nothing is said.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2525);

/// The SMTP listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpSettings {
    /// The addresses to listen on, such as `127.0.0.1:2525`; an empty list for none. Unset it is that one, unless
    /// somebody else has it. One beyond loopback needs `certificate_file`, `key_file` and `users_file`.
    pub listen: Option<Vec<String>>,
    /// The certificate in PEM, with those between it and the authority: STARTTLS is then offered.
    pub certificate_file: Option<PathBuf>,
    /// Its key in PEM (PKCS #8).
    pub key_file: Option<PathBuf>,
    /// Users who may log in, one in a line: `name:hash`, with a hash of `openssl passwd -6`.
    pub users_file: Option<PathBuf>,
    /// Mail is taken only from users who logged in, on loopback too.
    pub require_auth: bool,
    /// The largest message, in octets.
    pub max_size: u64,
    /// The most recipients of a message.
    pub max_recipients: usize,
    /// The most connections at the same time.
    pub connections: usize,
    /// The most of them from one address that is not this machine's.
    pub connections_per_client: usize,
    /// How long a client may be silent.
    pub timeout: Span,
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            listen: None,
            certificate_file: None,
            key_file: None,
            users_file: None,
            require_auth: false,
            max_size: 50 << 20,
            max_recipients: 1_000,
            connections: 512,
            connections_per_client: 32,
            timeout: Span::seconds(300),
        }
    }
}

impl SmtpSettings {
    /// Checks every field.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the first field that is not right.
    pub fn check(&self) -> Result<(), Error> {
        super::check_pair("smtp", self.certificate_file.as_deref(), self.key_file.as_deref())?;
        if self.require_auth && self.users_file.is_none() {
            return Err(Error::input("smtp.users_file", "is not set, and nobody could log in"));
        }
        let most = [
            ("smtp.max_size", self.max_size == 0),
            ("smtp.max_recipients", self.max_recipients == 0),
            ("smtp.connections", self.connections == 0),
            ("smtp.connections_per_client", self.connections_per_client == 0),
            ("smtp.timeout", self.timeout == Span::seconds(0)),
        ];
        if let Some((field, _)) = most.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(Error::input(field, "is zero; nothing would be taken"));
        }
        self.addresses().map(drop)
    }

    /// The addresses, and whether it does no harm when one is taken.
    ///
    /// # Errors
    /// As [`SmtpSettings::check`].
    pub fn addresses(&self) -> Result<Vec<(SocketAddr, bool)>, Error> {
        let Some(listen) = &self.listen else { return Ok(vec![(USUAL, true)]) };
        let safe = self.certificate_file.is_some() && self.users_file.is_some();
        super::check_addresses("smtp", listen, safe, |address| {
            format!(
                "{address} can be reached from other machines, which could send mail in your name: set \
                 smtp.certificate_file, smtp.key_file and smtp.users_file, or listen on 127.0.0.1"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        let settings: SmtpSettings = toml::from_str(text).unwrap();
        settings.check().unwrap_err().field().unwrap_or_default().to_owned()
    }

    #[test]
    fn beyond_loopback_only_with_tls_and_users() {
        let files = "certificate_file = \"c\"\nkey_file = \"k\"\nusers_file = \"u\"\n";
        for address in ["0.0.0.0:25", "[::]:25", "192.0.2.1:25", "[::ffff:192.0.2.1]:25"] {
            let listen = format!("listen = [\"127.0.0.1:0\", \"{address}\"]\n");
            assert_eq!(field(&listen), "smtp.listen[1]", "{address}");
            assert_eq!(
                field(&format!("{listen}certificate_file = \"c\"\nkey_file = \"k\"\n")),
                "smtp.listen[1]"
            );
            assert_eq!(field(&format!("{listen}users_file = \"u\"\n")), "smtp.listen[1]");
            let settings: SmtpSettings = toml::from_str(&format!("{listen}{files}")).unwrap();
            assert!(settings.check().is_ok(), "{address}");
        }
        for address in ["127.0.0.1:25", "[::1]:25", "127.8.8.8:25"] {
            let settings: SmtpSettings = toml::from_str(&format!("listen = [\"{address}\"]")).unwrap();
            assert!(settings.check().is_ok(), "{address}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(field("listen = [\"localhost\"]"), "smtp.listen[0]");
        assert_eq!(field("certificate_file = \"c\""), "smtp.key_file");
        assert_eq!(field("key_file = \"c\""), "smtp.certificate_file");
        assert_eq!(field("require_auth = true"), "smtp.users_file");
        assert_eq!(field("max_recipients = 0"), "smtp.max_recipients");
        assert_eq!(field("timeout = 0"), "smtp.timeout");
    }
}
