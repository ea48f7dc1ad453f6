//! `[cluster]`: the queue that agents on many machines share.

use std::{net::IpAddr, path::PathBuf};

use async_nats::ServerAddr;
use freesmtp_core::Error;
use serde::Deserialize;

/// The servers of the queue (NATS JetStream), and how to log in to them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterSettings {
    /// The servers: `nats://host:4222`, or `tls://host:4222`. Without any there is no cluster.
    pub servers: Vec<String>,
    /// User name to log in with.
    pub user: String,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// A file whose first line is the token that takes the place of user and password.
    pub token_file: Option<PathBuf>,
    /// A file with the seed of an nkey, a line that begins with `SU`.
    pub nkey_file: Option<PathBuf>,
    /// A file of credentials, `user.creds`, as `nsc` writes it.
    pub credentials_file: Option<PathBuf>,
    /// PEM file of the authorities to trust in place of those of the system; the servers must then speak TLS.
    pub ca_file: Option<PathBuf>,
    /// The certificate that this agent shows, in PEM; the servers must then speak TLS.
    pub certificate_file: Option<PathBuf>,
    /// Its key in PEM.
    pub key_file: Option<PathBuf>,
    /// Lets a password or a token go over clear text to another machine.
    pub allow_plaintext_auth: bool,
    /// Copies of each message, on as many servers: 1, 3 or 5. With 3 one server may be lost, with 5 two.
    pub replicas: usize,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            user: String::new(),
            password_file: None,
            token_file: None,
            nkey_file: None,
            credentials_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            allow_plaintext_auth: false,
            replicas: 3,
        }
    }
}

impl ClusterSettings {
    /// Whether there is a cluster.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.servers.is_empty()
    }

    /// The servers of `nats://a,b,c`: what stands before the first name counts for those that have nothing of their own.
    #[must_use]
    pub fn list(text: &str) -> Vec<String> {
        let scheme = text.split_once("://").map_or("nats", |(scheme, _)| scheme);
        text.split(',')
            .map(str::trim)
            .map(|one| if one.contains("://") { one.to_owned() } else { format!("{scheme}://{one}") })
            .collect()
    }

    /// Whether a connection without TLS is given up.
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        self.ca_file.is_some() || self.certificate_file.is_some()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the first field that is not right.
    pub fn check(&self) -> Result<(), Error> {
        if !self.is_on() {
            let is_bare = *self == Self { replicas: self.replicas, ..Self::default() };
            let problem = "is empty; name the servers, or leave [cluster] out";
            return if is_bare { Ok(()) } else { Err(Error::input("cluster.servers", problem)) };
        }
        if ![1, 3, 5].contains(&self.replicas) {
            return Err(Error::input("cluster.replicas", "is not 1, 3 or 5"));
        }
        match (self.user.is_empty(), &self.password_file) {
            (false, None) => {
                return Err(Error::input("cluster.password_file", "is not set, but cluster.user is"));
            }
            (true, Some(_)) => {
                return Err(Error::input("cluster.user", "is empty, but cluster.password_file is set"));
            }
            _ => {}
        }
        super::check_pair("cluster", self.certificate_file.as_deref(), self.key_file.as_deref())?;
        let ways = [
            ("cluster.user", !self.user.is_empty()),
            ("cluster.token_file", self.token_file.is_some()),
            ("cluster.nkey_file", self.nkey_file.is_some()),
            ("cluster.credentials_file", self.credentials_file.is_some()),
        ];
        let mut set = ways.into_iter().filter(|(_, is_set)| *is_set);
        if let (Some((first, _)), Some((second, _))) = (set.next(), set.next()) {
            return Err(Error::input(second, format!("is set, and {first} too; there is one way to log in")));
        }
        self.addresses().map(drop)
    }

    /// The addresses of the servers.
    ///
    /// # Errors
    /// `ErrorKind::Message` with the first server that is not right.
    pub fn addresses(&self) -> Result<Vec<ServerAddr>, Error> {
        let one = |(index, text): (usize, &String)| {
            let wrong = |problem: String| Error::input(format!("cluster.servers[{index}]"), problem);
            let address: ServerAddr = text.parse().map_err(|_| {
                wrong(format!("{text:?} is no server; name one such as nats://10.0.0.1:4222"))
            })?;
            if address.has_user_pass() {
                // Not shown: it holds the password.
                return Err(wrong("holds a user; set cluster.user and cluster.password_file".to_owned()));
            }
            if !["nats", "tls"].contains(&address.scheme()) || address.host().is_empty() {
                return Err(wrong(format!("{text:?} is no server; it begins with nats:// or tls://")));
            }
            let shown = !self.user.is_empty() || self.token_file.is_some();
            let is_clear = !self.needs_tls() && !address.tls_required() && !is_here(address.host());
            if shown && is_clear && !self.allow_plaintext_auth {
                return Err(wrong(format!(
                    "{text:?} is another machine, and the password would cross the network in clear text: write \
                     tls://, or set cluster.ca_file, or cluster.allow_plaintext_auth where the network is your own"
                )));
            }
            Ok(address)
        };
        self.servers.iter().enumerate().map(one).collect()
    }
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        let settings: ClusterSettings = toml::from_str(text).unwrap();
        settings
            .check()
            .map_or_else(|error| error.field().unwrap_or_default().to_owned(), |()| "none".to_owned())
    }

    #[test]
    fn servers_of_one_argument() {
        assert_eq!(ClusterSettings::list("nats://a,b:4223"), ["nats://a", "nats://b:4223"]);
        assert_eq!(ClusterSettings::list("tls://a, b"), ["tls://a", "tls://b"]);
        assert_eq!(ClusterSettings::list("a"), ["nats://a"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = "servers = [\"nats://127.0.0.1:4222\"]\n";
        assert_eq!(field(""), "none");
        assert_eq!(field(one), "none");
        assert_eq!(field("user = \"u\""), "cluster.servers");
        assert_eq!(field("servers = [\"nats://a\", \"http://b\"]"), "cluster.servers[1]");
        assert_eq!(field("servers = [\"nats://u:p@a\"]"), "cluster.servers[0]");
        assert_eq!(field("servers = [\"\"]"), "cluster.servers[0]");
        assert_eq!(field(&format!("{one}replicas = 2")), "cluster.replicas");
        assert_eq!(field(&format!("{one}user = \"u\"")), "cluster.password_file");
        assert_eq!(field(&format!("{one}password_file = \"p\"")), "cluster.user");
        assert_eq!(field(&format!("{one}key_file = \"k\"")), "cluster.certificate_file");
        assert_eq!(field(&format!("{one}nkey_file = \"k\"\ntoken_file = \"t\"")), "cluster.nkey_file");
    }

    #[test]
    fn a_password_crosses_no_network_in_clear_text() {
        let far = |more: &str| field(&format!("servers = [\"nats://10.0.0.1\"]\n{more}"));
        let user = "user = \"u\"\npassword_file = \"p\"\n";
        assert_eq!(far(user), "cluster.servers[0]");
        assert_eq!(far("token_file = \"t\""), "cluster.servers[0]");
        assert_eq!(far(&format!("{user}ca_file = \"c\"")), "none");
        assert_eq!(far(&format!("{user}allow_plaintext_auth = true")), "none");
        assert_eq!(far("credentials_file = \"c\""), "none");
        assert_eq!(field(&format!("servers = [\"tls://10.0.0.1\"]\n{user}")), "none");
        assert_eq!(
            field(&format!("servers = [\"nats://[::1]:4222\", \"nats://localhost\"]\n{user}")),
            "none"
        );
    }
}
