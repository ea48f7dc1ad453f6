//! One server of an `SMTP` object: where it is, how it is protected, who logs in.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use super::{token::Token, url};
use crate::{
    error::{Error, ErrorKind},
    net::{Place, TlsOptions},
    os,
    protocol::{
        Security, Timeouts,
        auth::{self, AuthMode, Credentials},
    },
    types::{CertificatePin, Failure, Proxy, Secret, Stage, shown_path},
};

pub use crate::net::MinTlsVersion;

/// Where to send, and how: an entry of `SMTPServers`.
///
/// Everything but `name` has a default that fits; see [`Server::port`] and [`Security::Auto`].
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Host name or address literal: `mail.example.com`, `192.0.2.1`, `::1`. Or the path of a Unix-domain socket:
    /// `unix:/run/dovecot/lmtp`; it has no port, and TLS only when `security` asks for it.
    pub name: String,
    /// Where the host is, in the order to try, for whoever has looked `name` up already, as an agent that follows MX
    /// records has. Empty, as it is at first, asks the system for the addresses of `name`. A proxy is given the name.
    pub addresses: Vec<IpAddr>,
    /// TCP port; 0 means 24 for LMTP, 465 for [`Security::Implicit`], 587 when an account is set, else 25.
    pub port: u16,
    /// The server speaks LMTP (RFC 2033), as mailbox servers do: it answers for each recipient after the message.
    pub lmtp: bool,
    /// Limit for each phase, in place of [`Timeouts`]; `None` uses those of the object.
    pub timeout: Option<Duration>,
    /// How to log in.
    pub auth_mode: AuthMode,
    /// User name; empty means no login.
    pub account: String,
    /// Password.
    pub password: Secret,
    /// The SASL mechanism to use with [`AuthMode::Sasl`]; empty for the strongest offered.
    pub sasl: String,
    /// OAuth access token, or a function that gets one; it goes before the password.
    pub token: Token,
    /// The `AUTH=` parameter of MAIL (RFC 4954 section 5): the mailbox of whoever submitted the message first, empty
    /// for nobody known (`<>`). `None`, as it is at first, sends no parameter.
    pub mail_auth: Option<String>,
    /// The proxy that connects to the server in our place, and looks its name up.
    pub proxy: Option<Proxy>,
    /// Local address to connect from.
    pub local_end_point: Option<IpAddr>,
    /// How the connection is protected.
    pub security: Security,
    /// PEM file of authorities to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Authorities to trust besides those of the system, as the text of a PEM file.
    pub ca_pem: Option<Vec<u8>>,
    /// Client certificate: a PEM file, with intermediate certificates behind it; or a PKCS#12 file.
    pub client_certificate: Option<PathBuf>,
    /// Private key of the client certificate: a PEM file, PKCS#8, not encrypted. Without it the key is in the file of
    /// the certificate.
    pub client_key: Option<PathBuf>,
    /// Password of a PKCS#12 file in `client_certificate`.
    pub client_certificate_password: Secret,
    /// Certificates that the server may have, and no others; empty for any that is valid. A pin replaces no other check,
    /// unless `danger_accept_invalid_certs` turns them off: then the pin is the check.
    pub certificate_pins: Vec<CertificatePin>,
    /// The name the certificate must be for; empty means `name`, or `localhost` behind a Unix-domain socket.
    pub tls_server_name: String,
    /// Oldest TLS version accepted.
    pub min_tls_version: MinTlsVersion,
    /// The login may go over clear text: password and token can then be read on the way.
    pub allow_plaintext_auth: bool,
    /// EHLO keywords to ignore, for a server that offers what it can't do: `PIPELINING`, `SIZE` …
    pub disabled_extensions: Vec<String>,
    /// Takes any certificate: whoever is on the way can read and change everything.
    pub danger_accept_invalid_certs: bool,
    /// Takes a certificate for any name: whoever has a certificate can be on the way.
    pub danger_accept_invalid_hostnames: bool,
}

impl Server {
    /// A server by host name, everything else at its default.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Reads a host name, `host:port`, `unix:/path`, or a URL: `smtp://host:port`, `smtps://user:password@host`,
    /// `lmtp://host`, `lmtp+unix:/path`.
    ///
    /// `smtps` means [`Security::Implicit`], `lmtp` [`Server::lmtp`]; user and password are percent-decoded. A host
    /// name takes no login.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `Name`, `Port` or the like.
    pub fn parse(text: &str) -> Result<Self, Error> {
        url::parse(text)
    }

    /// The port in use: as set, else by protocol, security and account. 0 for a Unix-domain socket.
    #[must_use]
    pub fn effective_port(&self) -> u16 {
        match (self.port, self.security) {
            _ if self.unix_path().is_some() => 0,
            (0, _) if self.lmtp => 24,
            (0, Security::Implicit) => 465,
            (0, _) if self.has_credentials() => 587,
            (0, _) => 25,
            (port, _) => port,
        }
    }

    /// How the connection is protected: as set, else by port, account and host. Never `Auto`.
    #[must_use]
    pub fn effective_security(&self) -> Security {
        match self.security {
            Security::Auto if self.unix_path().is_some() => Security::None,
            Security::Auto if self.effective_port() == 465 => Security::Implicit,
            Security::Auto if self.is_loopback() && !self.has_credentials() => Security::None,
            Security::Auto if self.effective_port() == 587 => Security::Required,
            Security::Auto if self.has_credentials() && !self.is_loopback() => Security::Required,
            Security::Auto => Security::Opportunistic,
            security => security,
        }
    }

    /// Whether a login is wanted: a user name or a token is set, or a mode that needs neither.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        let named = |name: &str| self.auth_mode == AuthMode::Sasl && self.sasl.eq_ignore_ascii_case(name);
        match self.auth_mode {
            AuthMode::None => false,
            AuthMode::External | AuthMode::Anonymous => true,
            _ if named("EXTERNAL") || named("ANONYMOUS") => true,
            _ => !self.account.is_empty() || !self.token.is_none(),
        }
    }

    /// Whether the client certificate is all there is to log in with: then it is used where it can be.
    fn has_certificate_only(&self) -> bool {
        !self.has_credentials() && self.auth_mode == AuthMode::Auto && self.client_certificate.is_some()
    }

    /// The path of the Unix-domain socket, when the name is one.
    #[must_use]
    pub fn unix_path(&self) -> Option<&Path> {
        self.name.strip_prefix("unix:").map(Path::new)
    }

    /// Whether the host is this machine. Through a proxy it is another one, whatever it is called.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        if self.proxy.is_some() {
            return false;
        }
        let name = self.name.trim_end_matches('.');
        self.unix_path().is_some()
            || name.eq_ignore_ascii_case("localhost")
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Name and port: `mail.example.com:587`; of a Unix-domain socket its path.
    #[must_use]
    pub fn label(&self) -> String {
        if let Some(path) = self.unix_path() {
            path.display().to_string()
        } else if self.name.contains(':') && !self.name.starts_with('[') {
            format!("[{}]:{}", self.name, self.effective_port())
        } else {
            format!("{}:{}", self.name, self.effective_port())
        }
    }

    /// Checks what can be checked before a connection exists; `index` is its place in `SMTPServers`.
    pub(crate) fn check(&self, index: usize) -> Result<(), Error> {
        let field = |name: &str| format!("SMTPServers[{index}].{name}");
        if self.name.is_empty() {
            return Err(Error::input(field("Name"), "is empty; give a host name such as mail.example.com"));
        }
        match self.unix_path() {
            Some(path) => self.check_path(path, &field)?,
            None => check_host(&self.name, &field("Name"))?,
        }
        if !self.tls_server_name.is_empty() {
            check_host(&self.tls_server_name, &field("TlsServerName"))?;
        }
        for (value, name) in [(self.account.as_str(), "Account"), (self.password.expose(), "Password")] {
            // NUL separates the parts of PLAIN (RFC 4616); CR and LF belong to no login.
            if value.contains(['\0', '\r', '\n']) {
                return Err(Error::input(
                    field(name),
                    "holds a NUL, CR or LF character, which no login can carry",
                ));
            }
        }
        if self.timeout.is_some_and(|limit| limit.is_zero()) {
            return Err(Error::input(field("Timeout"), "is zero; give seconds above zero"));
        }
        if self.account.is_empty() && !self.password.is_empty() {
            return Err(Error::input(
                field("Account"),
                "is empty, but a Password is set; give the user name too",
            ));
        }
        if self.mail_auth.as_ref().is_some_and(|mailbox| !mailbox.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(Error::input(field("MailAuth"), "is no mailbox; give user@example.com, or nothing"));
        }
        auth::check_sasl_name(&self.sasl, &field("SASL"))?;
        self.check_files(&field)
    }

    fn check_path(&self, path: &Path, field: &dyn Fn(&str) -> String) -> Result<(), Error> {
        if path.as_os_str().is_empty() {
            return Err(Error::input(
                field("Name"),
                "names no path; give one such as unix:/run/dovecot/lmtp",
            ));
        }
        if let Err(error) = os::socket::path_address(path) {
            return Err(Error::input(field("Name"), format!("names no Unix-domain socket: {error}")));
        }
        if self.port != 0 {
            return Err(Error::input(field("Port"), "is set, and a Unix-domain socket has none; leave it 0"));
        }
        if self.proxy.is_some() {
            return Err(Error::input(
                field("Proxy"),
                "is set, and no proxy connects to a Unix-domain socket",
            ));
        }
        if self.local_end_point.is_some() {
            return Err(Error::input(
                field("LocalEndPoint"),
                "is set, and a connection to a Unix-domain socket comes from no address",
            ));
        }
        Ok(())
    }

    fn check_files(&self, field: &dyn Fn(&str) -> String) -> Result<(), Error> {
        if self.client_certificate.is_none() && self.client_key.is_some() {
            return Err(Error::input(
                field("ClientCertificate"),
                "is not set, but a ClientKey is; name the file of the certificate too",
            ));
        }
        if self.client_certificate.is_none() && !self.client_certificate_password.is_empty() {
            return Err(Error::input(
                field("ClientCertificate"),
                "is not set, but a ClientCertificatePassword is; name the PKCS#12 file too",
            ));
        }
        let files = [
            (&self.ca_file, "CaFile"),
            (&self.client_certificate, "ClientCertificate"),
            (&self.client_key, "ClientKey"),
        ];
        for (file, name) in files {
            if let Some(path) = file.as_ref().filter(|path| !path.is_file()) {
                let text = format!("{} is not a file that can be read; name a PEM file", shown_path(path));
                return Err(Error::new(ErrorKind::FileIo, Stage::Compose, text)
                    .with_field(field(name))
                    .with_failure(Failure::FileFailed));
            }
        }
        Ok(())
    }

    pub(crate) fn credentials(&self) -> Option<Credentials> {
        (self.has_credentials() || self.has_certificate_only()).then(|| Credentials {
            account: self.account.clone(),
            password: self.password.clone(),
            token: self.token.source(),
            client_certificate: self.client_certificate.is_some(),
            mode: self.auth_mode,
            sasl: self.sasl.clone(),
            allow_plaintext: self.allow_plaintext_auth,
            optional: self.has_certificate_only(),
        })
    }

    /// Where to connect to.
    pub(crate) fn place(&self) -> Place<'_> {
        match self.unix_path() {
            Some(path) => Place::Path(path),
            None => {
                let (port, local) = (self.effective_port(), self.local_end_point);
                Place::Host { name: &self.name, addresses: &self.addresses, port, local }
            }
        }
    }

    pub(crate) fn timeouts(&self, default: Timeouts) -> Timeouts {
        self.timeout.map_or(default, Timeouts::all)
    }

    pub(crate) fn tls_options(&self) -> TlsOptions {
        TlsOptions {
            ca_file: self.ca_file.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            ca_pem: self.ca_pem.clone(),
            client_certificate_password: self.client_certificate_password.clone(),
            pins: self.certificate_pins.clone(),
            min_version: self.min_tls_version,
            accept_invalid_certs: self.danger_accept_invalid_certs,
            accept_invalid_hostnames: self.danger_accept_invalid_hostnames,
        }
    }

    /// Whether nothing about the certificate is taken on trust: an authority answers for it, or it is one of the pins.
    pub(crate) fn checks_certificate(&self) -> bool {
        let by_authority = !self.danger_accept_invalid_certs && !self.danger_accept_invalid_hostnames;
        by_authority || !self.certificate_pins.is_empty()
    }

    /// The name that the certificate must be for: the configured one, never what DNS made of it.
    pub(crate) fn certificate_name(&self) -> &str {
        match (self.tls_server_name.as_str(), self.unix_path()) {
            ("", Some(_)) => "localhost",
            ("", None) => &self.name,
            (name, _) => name,
        }
    }
}

impl Server {
    /// Host names are the same in either case; paths are not.
    fn place_key(&self) -> (String, u16) {
        let name =
            if self.unix_path().is_some() { self.name.clone() } else { self.name.to_ascii_lowercase() };
        (name, self.effective_port())
    }
}

impl PartialEq for Server {
    /// Whether a connection to one is as good as a connection to the other.
    fn eq(&self, other: &Self) -> bool {
        let key = |s: &Self| {
            (
                (s.place_key(), s.addresses.clone(), s.effective_security(), s.timeout, s.lmtp),
                (s.auth_mode, s.sasl.clone(), s.local_end_point, s.allow_plaintext_auth, s.proxy.clone()),
                (s.tls_options(), s.tls_server_name.clone(), s.disabled_extensions.clone()),
            )
        };
        let login = |s: &Self| (s.account.clone(), s.token.clone(), s.mail_auth.clone());
        login(self) == login(other) && self.password == other.password && key(self) == key(other)
    }
}

impl FromStr for Server {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        Self::parse(s)
    }
}

/// A host name or address as a person writes it.
fn check_host(name: &str, field: &str) -> Result<(), Error> {
    let unbracketed = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if unbracketed.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let allowed =
        |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_') || (!c.is_ascii() && !c.is_control());
    match name.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(Error::input(
            field,
            format!("{c:?} can't stand in a host name; give a name such as mail.example.com, the port apart"),
        )),
        None if name.len() > 255 => Err(Error::input(field, "is longer than 255 octets")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, port: u16, account: &str, security: Security) -> Server {
        Server { port, account: account.into(), security, ..Server::new(name) }
    }

    #[test]
    fn defaults_follow_the_documented_table() {
        let auto = |name, port, account| {
            let s = server(name, port, account, Security::Auto);
            (s.effective_port(), s.effective_security())
        };
        assert_eq!(auto("mail.example.com", 0, ""), (25, Security::Opportunistic));
        assert_eq!(auto("mail.example.com", 0, "u"), (587, Security::Required));
        assert_eq!(auto("mail.example.com", 587, ""), (587, Security::Required));
        assert_eq!(auto("mail.example.com", 465, ""), (465, Security::Implicit));
        assert_eq!(auto("mail.example.com", 25, "u"), (25, Security::Required));
        assert_eq!(auto("localhost", 0, ""), (25, Security::None));
        assert_eq!(auto("127.0.0.1", 2525, ""), (2525, Security::None));
        assert_eq!(auto("[::1]", 2525, "u"), (2525, Security::Opportunistic));
        assert_eq!(server("a", 0, "", Security::Implicit).effective_port(), 465);
    }

    #[test]
    fn a_unix_domain_socket_has_a_path_and_no_port() {
        let socket = Server::new("unix:/run/Mail");
        assert_eq!(socket.unix_path(), Some(Path::new("/run/Mail")));
        assert_eq!((socket.effective_port(), socket.effective_security()), (0, Security::None));
        assert_eq!((socket.label(), socket.certificate_name()), ("/run/Mail".to_owned(), "localhost"));
        assert!(socket.is_loopback());
        assert_ne!(socket, Server::new("unix:/run/mail"), "paths differ by case");
        assert_eq!(Server::new("Mail.test"), Server::new("mail.test"));
        assert_eq!(Server { lmtp: true, ..Server::new("a") }.effective_port(), 24);
        assert_ne!(Server { lmtp: true, port: 25, ..Server::new("a") }, Server::new("a"));
        #[cfg(unix)]
        socket.check(0).unwrap();
    }

    #[test]
    fn bad_settings_are_named() {
        let field = |server: Server| server.check(1).unwrap_err().field().unwrap().to_owned();
        assert_eq!(field(Server::default()), "SMTPServers[1].Name");
        assert_eq!(field(Server::new("a b")), "SMTPServers[1].Name");
        assert_eq!(field(Server::new("a\r\nb")), "SMTPServers[1].Name");
        assert_eq!(field(Server { account: "u\r\n".into(), ..Server::new("a") }), "SMTPServers[1].Account");
        assert_eq!(field(Server { password: "p\0".into(), ..Server::new("a") }), "SMTPServers[1].Password");
        assert_eq!(field(Server { password: "p".into(), ..Server::new("a") }), "SMTPServers[1].Account");
        assert_eq!(field(Server { sasl: "X".into(), ..Server::new("a") }), "SMTPServers[1].SASL");
        assert_eq!(field(Server::new("unix:")), "SMTPServers[1].Name");
        assert_eq!(field(Server::new(format!("unix:/{}", "x".repeat(200)))), "SMTPServers[1].Name");
        #[cfg(unix)]
        assert_eq!(field(Server { port: 25, ..Server::new("unix:/s") }), "SMTPServers[1].Port");
        let none = || Some("/none".into());
        assert_eq!(field(Server { ca_file: none(), ..Server::new("a") }), "SMTPServers[1].CaFile");
        assert_eq!(
            field(Server { client_certificate: none(), ..Server::new("a") }),
            "SMTPServers[1].ClientCertificate"
        );
        assert_eq!(
            field(Server { client_key: none(), ..Server::new("a") }),
            "SMTPServers[1].ClientCertificate"
        );
        assert_eq!(
            field(Server { mail_auth: Some("a b".into()), ..Server::new("a") }),
            "SMTPServers[1].MailAuth"
        );
    }

    #[test]
    fn a_login_is_wanted_when_there_is_something_to_log_in_with() {
        let wanted = |server: Server| (server.has_credentials(), server.credentials().is_some());
        assert_eq!(wanted(Server::new("a")), (false, false));
        assert_eq!(wanted(Server { account: "u".into(), ..Server::new("a") }), (true, true));
        assert_eq!(wanted(Server { token: "t".into(), ..Server::new("a") }), (true, true));
        let none = AuthMode::None;
        assert_eq!(wanted(Server { token: "t".into(), auth_mode: none, ..Server::new("a") }), (false, false));
        assert_eq!(wanted(Server { auth_mode: AuthMode::Anonymous, ..Server::new("a") }), (true, true));
        let sasl = Server { auth_mode: AuthMode::Sasl, sasl: "external".into(), ..Server::new("a") };
        assert_eq!(wanted(sasl), (true, true));
        let certificate = Server { client_certificate: Some("c".into()), ..Server::new("a") };
        assert!(certificate.credentials().is_some_and(|c| c.optional));
        assert_eq!(certificate.effective_port(), 25, "a certificate alone is no account");
    }

    #[test]
    fn a_pin_is_a_check_where_no_authority_is_asked() {
        let any = Server { danger_accept_invalid_certs: true, ..Server::new("a") };
        assert!(Server::new("a").checks_certificate() && !any.checks_certificate());
        let pinned = Server { certificate_pins: vec![CertificatePin::of_certificate(b"x")], ..any };
        assert!(pinned.checks_certificate());
    }

    #[test]
    fn a_password_is_never_shown() {
        let server = Server { password: "hunter22".into(), ..Server::new("a") };
        assert!(!format!("{server:?}").contains("hunter22"));
    }
}
