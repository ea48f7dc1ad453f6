//! `SMTPServer` and the collection `SMTPServers`.

use std::{borrow::Cow, sync::Mutex};

use freesmtp_core::{Secret, Server, Token, smtp::Proxy};
use pyo3::{PyTraverseError, PyVisit, exceptions::PyTypeError, prelude::*, types::PyDict};

use crate::{
    boundary::{call, lock},
    collection::Collection,
    enums::{from_python, to_python},
    token::Callback,
    value::{
        from_path, optional_address, optional_bytes, optional_path, optional_seconds, optional_text, port,
        text, texts,
    },
};

/// Where to send, and how. Everything but the name has a default that fits.
#[pyclass(module = "freesmtp", name = "SMTPServer", frozen, subclass)]
pub(crate) struct SmtpServer {
    core: Mutex<Server>,
    callback: Callback,
}

type Argument<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

impl SmtpServer {
    /// A copy of the data.
    pub(crate) fn data(&self) -> Server {
        lock(&self.core).clone()
    }

    /// Sets the properties that were given by keyword.
    fn set_all(&self, keywords: &Bound<'_, PyDict>) -> PyResult<()> {
        for (name, value) in keywords {
            let name: String = name.extract()?;
            match name.as_str() {
                "sasl" => self.set_sasl(&value),
                "token" => self.set_token(&value),
                "mail_auth" => self.set_mail_auth(&value),
                "lmtp" => self.set_lmtp(value.extract()?),
                "proxy" => self.set_proxy(&value),
                "local_end_point" => self.set_local_end_point(&value),
                "security" => self.set_security(&value),
                "ca_file" => self.set_ca_file(&value),
                "ca_pem" => self.set_ca_pem(&value),
                "client_certificate" => self.set_client_certificate(&value),
                "client_key" => self.set_client_key(&value),
                "client_certificate_password" => self.set_client_certificate_password(&value),
                "certificate_pins" => self.set_certificate_pins(&value),
                "tls_server_name" => self.set_tls_server_name(&value),
                "min_tls_version" => self.set_min_tls_version(&value),
                "allow_plaintext_auth" => self.set_allow_plaintext_auth(value.extract()?),
                "disabled_extensions" => self.set_disabled_extensions(&value),
                "danger_accept_invalid_certs" => self.set_danger_accept_invalid_certs(value.extract()?),
                "danger_accept_invalid_hostnames" => {
                    self.set_danger_accept_invalid_hostnames(value.extract()?)
                }
                _ => Err(PyTypeError::new_err(format!("SMTPServer has no property {name:?}"))),
            }?;
        }
        Ok(())
    }
}

#[pymethods]
impl SmtpServer {
    #[new]
    #[pyo3(signature = (name=None, port=None, timeout=None, auth_mode=None, account=None, password=None,
        **properties))]
    #[allow(clippy::too_many_arguments)] // the order of the original, then keywords
    pub(crate) fn new(
        py: Python<'_>,
        name: Argument<'_, '_>,
        port: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        auth_mode: Argument<'_, '_>,
        account: Argument<'_, '_>,
        password: Argument<'_, '_>,
        properties: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let place = name.map(|name| text(name, "Name")).transpose()?;
        let server = match place {
            Some(place) => call(py, || Server::parse(&place))?,
            None => Server::default(),
        };
        let server = Self { core: Mutex::new(server), callback: Callback::default() };
        port.map_or(Ok(()), |value| server.set_port(value))?;
        timeout.map_or(Ok(()), |value| server.set_timeout(value))?;
        auth_mode.map_or(Ok(()), |value| server.set_auth_mode(value))?;
        account.map_or(Ok(()), |value| server.set_account(value))?;
        password.map_or(Ok(()), |value| server.set_password(value))?;
        properties.map_or(Ok(()), |keywords| server.set_all(keywords))?;
        Ok(server)
    }

    /// Host name or address literal: `mail.example.com`, `192.0.2.1`, `::1`; or the path of a Unix-domain socket:
    /// `unix:/run/dovecot/lmtp`.
    #[getter]
    fn name(&self) -> String {
        lock(&self.core).name.clone()
    }

    #[setter]
    fn set_name(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Name")?;
        lock(&self.core).name = value;
        Ok(())
    }

    /// TCP port; 0 means 465 for implicit TLS, 587 when an account is set, else 25.
    #[getter]
    fn port(&self) -> u16 {
        lock(&self.core).port
    }

    #[setter]
    fn set_port(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = port(value)?;
        lock(&self.core).port = value;
        Ok(())
    }

    /// The server speaks LMTP (RFC 2033), as mailbox servers do: it answers for each recipient after the message.
    #[getter]
    fn lmtp(&self) -> bool {
        lock(&self.core).lmtp
    }

    #[setter]
    fn set_lmtp(&self, value: bool) -> PyResult<()> {
        lock(&self.core).lmtp = value;
        Ok(())
    }

    /// Limit for each phase in seconds; `None` uses those of the `SMTP` object.
    #[getter]
    fn timeout(&self) -> Option<f64> {
        lock(&self.core).timeout.map(|limit| limit.as_secs_f64())
    }

    #[setter]
    fn set_timeout(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_seconds(value, "Timeout")?;
        lock(&self.core).timeout = value;
        Ok(())
    }

    /// How to log in.
    #[getter]
    fn auth_mode<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mode = lock(&self.core).auth_mode;
        to_python(py, mode)
    }

    #[setter]
    fn set_auth_mode(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "AuthMode")?;
        lock(&self.core).auth_mode = value;
        Ok(())
    }

    /// User name; empty means no login.
    #[getter]
    fn account(&self) -> String {
        lock(&self.core).account.clone()
    }

    #[setter]
    fn set_account(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "Account")?;
        lock(&self.core).account = value;
        Ok(())
    }

    /// Password. It is in no `repr`, no log and no error.
    #[getter]
    fn password(&self) -> String {
        lock(&self.core).password.expose().to_owned()
    }

    #[setter]
    fn set_password(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = Secret::new(text(value, "Password")?);
        lock(&self.core).password = value;
        Ok(())
    }

    /// The SASL mechanism to use with `SMTPAuthMode.SASL`; empty for the strongest offered.
    #[getter]
    fn sasl(&self) -> String {
        lock(&self.core).sasl.clone()
    }

    #[setter]
    fn set_sasl(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "SASL")?;
        lock(&self.core).sasl = value;
        Ok(())
    }

    /// OAuth access token, or a function that gets one; it goes before the password. It is in no `repr`, no log and
    /// no error.
    ///
    /// The function is called on the thread that sends when a session needs a token, which is not always the thread
    /// that called `send`; and once more in the same session when the server refuses the token. Its first parameter,
    /// if it has one without a default or named `refresh`, then is `True`: a token that was kept is of no use. What
    /// it raises is the cause (`__cause__`) of the `SMTPAuthenticationError`.
    #[getter]
    fn token(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let token = lock(&self.core).token.clone();
        match token {
            Token::None => Ok(None),
            Token::Fixed(token) => Ok(Some(token.expose().into_pyobject(py)?.into_any().unbind())),
            Token::Callback(_) | Token::Keyed(..) => Ok(self.callback.get(py)),
        }
    }

    #[setter]
    fn set_token(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = self.callback.token(value)?;
        let before = std::mem::replace(&mut lock(&self.core).token, value);
        drop(before);
        Ok(())
    }

    /// The `AUTH=` parameter of MAIL (RFC 4954 section 5): the mailbox of whoever submitted the message first, empty
    /// for nobody known. `None`, as it is at first, sends no parameter.
    #[getter]
    fn mail_auth(&self) -> Option<String> {
        lock(&self.core).mail_auth.clone()
    }

    #[setter]
    fn set_mail_auth(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_text(value, "MailAuth")?;
        lock(&self.core).mail_auth = value;
        Ok(())
    }

    /// The proxy that connects to the server, and looks its name up: `socks5://user:password@host:1080`,
    /// `socks5h://host`, `http://host:3128`; `None` for none. User and password are percent-encoded; the password is in
    /// no `repr`, no log and no error.
    #[getter]
    fn proxy(&self) -> Option<String> {
        lock(&self.core).proxy.as_ref().map(Proxy::url)
    }

    #[setter]
    fn set_proxy(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let url = optional_text(value, "Proxy")?;
        let proxy = call(value.py(), || url.as_deref().map(Proxy::parse).transpose())?;
        lock(&self.core).proxy = proxy;
        Ok(())
    }

    /// Local address to connect from; `None` leaves it to the system.
    #[getter]
    fn local_end_point(&self) -> Option<String> {
        lock(&self.core).local_end_point.map(|address| address.to_string())
    }

    #[setter]
    fn set_local_end_point(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_address(value, "LocalEndPoint")?;
        lock(&self.core).local_end_point = value;
        Ok(())
    }

    /// How the connection is protected.
    #[getter]
    fn security<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let security = lock(&self.core).security;
        to_python(py, security)
    }

    #[setter]
    fn set_security(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = from_python(value, "Security")?;
        lock(&self.core).security = value;
        Ok(())
    }

    /// PEM file of authorities to trust besides those of the system.
    #[getter]
    fn ca_file<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        from_path(py, self.data().ca_file)
    }

    #[setter]
    fn set_ca_file(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_path(value, "CaFile")?;
        lock(&self.core).ca_file = value;
        Ok(())
    }

    /// Authorities to trust besides those of the system, as the text of a PEM file: `str` or `bytes`.
    #[getter]
    fn ca_pem(&self) -> Option<Cow<'static, [u8]>> {
        self.data().ca_pem.map(Cow::Owned)
    }

    #[setter]
    fn set_ca_pem(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_bytes(value, "CaPem")?;
        lock(&self.core).ca_pem = value;
        Ok(())
    }

    /// Client certificate: a PEM file, with intermediate certificates behind it; or a PKCS#12 file.
    #[getter]
    fn client_certificate<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        from_path(py, self.data().client_certificate)
    }

    #[setter]
    fn set_client_certificate(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_path(value, "ClientCertificate")?;
        lock(&self.core).client_certificate = value;
        Ok(())
    }

    /// Private key of the client certificate: a PEM file, PKCS#8, not encrypted. Without it the key is in the file
    /// of the certificate.
    #[getter]
    fn client_key<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        from_path(py, self.data().client_key)
    }

    #[setter]
    fn set_client_key(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = optional_path(value, "ClientKey")?;
        lock(&self.core).client_key = value;
        Ok(())
    }

    /// Password of a PKCS#12 file in `client_certificate`. It is in no `repr`, no log and no error.
    #[getter]
    fn client_certificate_password(&self) -> String {
        lock(&self.core).client_certificate_password.expose().to_owned()
    }

    #[setter]
    fn set_client_certificate_password(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = Secret::new(text(value, "ClientCertificatePassword")?);
        lock(&self.core).client_certificate_password = value;
        Ok(())
    }

    /// Certificates that the server may have; empty for any that is valid. SHA-256 in hexadecimal or base64:
    /// `sha256/…` of the public key (RFC 7469), `cert-sha256:…` of the certificate, without a prefix either of them. A pin
    /// replaces no other check, unless `danger_accept_invalid_certs` turns them off.
    #[getter]
    fn certificate_pins(&self) -> Vec<String> {
        lock(&self.core).certificate_pins.iter().map(ToString::to_string).collect()
    }

    #[setter]
    fn set_certificate_pins(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let pins = texts(value, "CertificatePins")?;
        let pins = call(value.py(), || pins.iter().map(|pin| pin.parse()).collect())?;
        lock(&self.core).certificate_pins = pins;
        Ok(())
    }

    /// The name the certificate must be for; empty means `name`.
    #[getter]
    fn tls_server_name(&self) -> String {
        lock(&self.core).tls_server_name.clone()
    }

    #[setter]
    fn set_tls_server_name(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value, "TlsServerName")?;
        lock(&self.core).tls_server_name = value;
        Ok(())
    }

    /// Oldest TLS version accepted: `1.0`, `1.1` or `1.2`.
    #[getter]
    fn min_tls_version(&self) -> &'static str {
        lock(&self.core).min_tls_version.as_str()
    }

    #[setter]
    fn set_min_tls_version(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = text(value, "MinTlsVersion")?;
        let value = call(value.py(), || name.parse())?;
        lock(&self.core).min_tls_version = value;
        Ok(())
    }

    /// The login may go over clear text: password and token can then be read on the way.
    #[getter]
    fn allow_plaintext_auth(&self) -> bool {
        lock(&self.core).allow_plaintext_auth
    }

    #[setter]
    fn set_allow_plaintext_auth(&self, value: bool) -> PyResult<()> {
        lock(&self.core).allow_plaintext_auth = value;
        Ok(())
    }

    /// EHLO keywords to ignore, for a server that offers what it can't do: `PIPELINING`, `SIZE` …
    #[getter]
    fn disabled_extensions(&self) -> Vec<String> {
        lock(&self.core).disabled_extensions.clone()
    }

    #[setter]
    fn set_disabled_extensions(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let names = texts(value, "DisabledExtensions")?;
        lock(&self.core).disabled_extensions = names;
        Ok(())
    }

    /// Takes any certificate: whoever is on the way can read and change everything.
    #[getter]
    fn danger_accept_invalid_certs(&self) -> bool {
        lock(&self.core).danger_accept_invalid_certs
    }

    #[setter]
    fn set_danger_accept_invalid_certs(&self, value: bool) -> PyResult<()> {
        lock(&self.core).danger_accept_invalid_certs = value;
        Ok(())
    }

    /// Takes a certificate for any name: whoever has a certificate can be on the way.
    #[getter]
    fn danger_accept_invalid_hostnames(&self) -> bool {
        lock(&self.core).danger_accept_invalid_hostnames
    }

    #[setter]
    fn set_danger_accept_invalid_hostnames(&self, value: bool) -> PyResult<()> {
        lock(&self.core).danger_accept_invalid_hostnames = value;
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callback.traverse(&visit)
    }

    fn __clear__(&self) {
        let token = std::mem::take(&mut lock(&self.core).token);
        drop(token);
        self.callback.clear();
    }

    fn __repr__(&self) -> String {
        let server = self.data();
        let account =
            if server.account.is_empty() { String::new() } else { format!(", account={:?}", server.account) };
        format!(
            "SMTPServer({:?}, {}{account}, security={:?})",
            server.name,
            server.port,
            server.security.as_str()
        )
    }
}

/// The servers of an `SMTP` object, tried in order: the next one when one cannot be reached.
#[pyclass(module = "freesmtp", name = "SMTPServers", extends = Collection, frozen)]
pub(crate) struct SmtpServers;

#[pymethods]
impl SmtpServers {
    /// Adds a server: a host name, `host:port` or URL with the properties of `SMTPServer`, or an `SMTPServer`.
    #[pyo3(signature = (name, port=None, timeout=None, auth_mode=None, account=None, password=None,
        **properties))]
    #[allow(clippy::too_many_arguments)] // the order of the original, then keywords
    fn add<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        port: Argument<'_, 'py>,
        timeout: Argument<'_, 'py>,
        auth_mode: Argument<'_, 'py>,
        account: Argument<'_, 'py>,
        password: Argument<'_, 'py>,
        properties: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, SmtpServer>> {
        let py = slf.py();
        let others = [port, timeout, auth_mode, account, password];
        let bare = others.iter().all(Option::is_none) && properties.is_none();
        let item = match name.cast::<SmtpServer>() {
            Ok(server) if bare => server.clone(),
            _ => Bound::new(
                py,
                SmtpServer::new(py, Some(name), port, timeout, auth_mode, account, password, properties)?,
            )?,
        };
        Ok(slf.as_super().get().push(&item))
    }
}
