//! A server's settings as JavaScript holds them.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use freesmtp_core::{
    AuthMode, Error, Secret, Security, Server, Token,
    smtp::{CertificatePin, MinTlsVersion, Proxy},
};
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    error::{explained, input},
    token::Asking,
};

/// The properties of an `SMTPServer`; the names are those of its setters.
#[napi(object, use_nullable = true)]
pub struct ServerFields {
    /// Host name or address.
    pub name: String,
    /// TCP port; 0 for the default.
    pub port: u16,
    /// The server speaks LMTP (RFC 2033).
    pub lmtp: bool,
    /// Seconds for each phase.
    pub timeout: Option<f64>,
    /// A number of `SMTPAuthMode`.
    pub auth_mode: u8,
    /// User name.
    pub account: String,
    /// Password.
    pub password: String,
    /// SASL mechanism.
    pub sasl: String,
    /// Access token; empty for none.
    pub token: String,
    /// The number of a function that gives the token, from [`crate::token::new_token_key`].
    pub token_key: Option<i64>,
    /// The `AUTH=` parameter of MAIL.
    pub mail_auth: Option<String>,
    /// URL of a proxy.
    pub proxy: Option<String>,
    /// Local address.
    pub local_end_point: Option<String>,
    /// A number of `Security`.
    pub security: u8,
    /// PEM file.
    pub ca_file: Option<String>,
    /// Text of a PEM file.
    pub ca_pem: Option<String>,
    /// PEM or PKCS#12 file.
    pub client_certificate: Option<String>,
    /// PEM file.
    pub client_key: Option<String>,
    /// Password of a PKCS#12 file.
    pub client_certificate_password: String,
    /// Fingerprints of certificates or keys.
    pub certificate_pins: Vec<String>,
    /// The name that the certificate must be for.
    pub tls_server_name: String,
    /// `1.0`, `1.1` or `1.2`.
    pub min_tls_version: String,
    /// Passwords may go in clear text.
    pub allow_plaintext_auth: bool,
    /// EHLO keywords to ignore.
    pub disabled_extensions: Vec<String>,
    /// Any certificate will do.
    pub danger_accept_invalid_certs: bool,
    /// A certificate for any name will do.
    pub danger_accept_invalid_hostnames: bool,
}

impl From<Server> for ServerFields {
    fn from(server: Server) -> Self {
        Self {
            name: server.name,
            port: server.port,
            lmtp: server.lmtp,
            timeout: server.timeout.map(|limit| limit.as_secs_f64()),
            auth_mode: server.auth_mode as u8,
            account: server.account,
            password: server.password.expose().to_owned(),
            sasl: server.sasl,
            token: match &server.token {
                Token::Fixed(token) => token.expose().to_owned(),
                Token::None | Token::Callback(_) | Token::Keyed(..) => String::new(),
            },
            token_key: None,
            mail_auth: server.mail_auth,
            proxy: server.proxy.as_ref().map(Proxy::url),
            local_end_point: server.local_end_point.map(|address| address.to_string()),
            security: server.security as u8,
            ca_file: server.ca_file.as_deref().map(display),
            ca_pem: server.ca_pem.map(|pem| String::from_utf8_lossy(&pem).into_owned()),
            client_certificate: server.client_certificate.as_deref().map(display),
            client_key: server.client_key.as_deref().map(display),
            client_certificate_password: server.client_certificate_password.expose().to_owned(),
            certificate_pins: server.certificate_pins.iter().map(ToString::to_string).collect(),
            tls_server_name: server.tls_server_name,
            min_tls_version: server.min_tls_version.as_str().to_owned(),
            allow_plaintext_auth: server.allow_plaintext_auth,
            disabled_extensions: server.disabled_extensions,
            danger_accept_invalid_certs: server.danger_accept_invalid_certs,
            danger_accept_invalid_hostnames: server.danger_accept_invalid_hostnames,
        }
    }
}

impl ServerFields {
    /// The server of the core; `index` is its place in `SMTPServers`, `asking` how the call asks for tokens.
    pub(crate) fn into_core(self, index: usize, asking: &Asking) -> Result<Server, Error> {
        let field = |name: &str| format!("SMTPServers[{index}].{name}");
        let unknown = |name: &str| input(field(name), "is no value of its enum");
        Ok(Server {
            name: self.name,
            port: self.port,
            lmtp: self.lmtp,
            timeout: self.timeout.map(|limit| seconds(&field("Timeout"), limit)).transpose()?,
            auth_mode: AuthMode::from_number(self.auth_mode.into()).ok_or_else(|| unknown("AuthMode"))?,
            account: self.account,
            password: Secret::new(self.password),
            sasl: self.sasl,
            token: self.token_key.map_or_else(|| self.token.into(), |key| asking.token(key)),
            mail_auth: self.mail_auth,
            proxy: self.proxy.as_deref().map(Proxy::parse).transpose().map_err(explained)?,
            local_end_point: self
                .local_end_point
                .map(|text| {
                    text.parse::<IpAddr>().map_err(|_| input(field("LocalEndPoint"), "is not an IP address"))
                })
                .transpose()?,
            security: Security::from_number(self.security.into()).ok_or_else(|| unknown("Security"))?,
            ca_file: self.ca_file.map(PathBuf::from),
            ca_pem: self.ca_pem.map(String::into_bytes),
            client_certificate: self.client_certificate.map(PathBuf::from),
            client_key: self.client_key.map(PathBuf::from),
            client_certificate_password: Secret::new(self.client_certificate_password),
            certificate_pins: pins(&self.certificate_pins)?,
            tls_server_name: self.tls_server_name,
            min_tls_version: self.min_tls_version.parse::<MinTlsVersion>().map_err(explained)?,
            allow_plaintext_auth: self.allow_plaintext_auth,
            disabled_extensions: self.disabled_extensions,
            danger_accept_invalid_certs: self.danger_accept_invalid_certs,
            danger_accept_invalid_hostnames: self.danger_accept_invalid_hostnames,
            ..Server::default()
        })
    }
}

fn display(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A length of time from JavaScript's number.
pub(crate) fn seconds(field: &str, number: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(number)
        .map_err(|_| input(field, format!("{number} is not a number of seconds above zero")))
}

/// The settings of a server that nothing was set of.
#[napi]
pub fn server_defaults() -> Answer<ServerFields> {
    guard(|| Ok(Server::default().into()))
}

/// Reads a host name, `host:port` or a URL.
#[napi]
pub fn parse_server(text: String) -> Answer<ServerFields> {
    guard(|| Server::parse(&text).map(ServerFields::from).map_err(explained))
}

/// The URL of a proxy, checked; an error names the field and shows no password.
#[napi]
pub fn proxy(url: String) -> Answer<String> {
    guard(|| Proxy::parse(&url).map(|proxy| proxy.url()).map_err(explained))
}

/// Fingerprints, in the form in which they are shown.
#[napi]
pub fn certificate_pins(given: Vec<String>) -> Answer<Vec<String>> {
    guard(|| Ok(pins(&given)?.iter().map(ToString::to_string).collect()))
}

fn pins(given: &[String]) -> Result<Vec<CertificatePin>, Error> {
    given.iter().map(|pin| pin.parse().map_err(explained)).collect()
}
