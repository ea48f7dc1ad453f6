//! The connection to the servers: how it logs in, and what its failures mean.

use std::{error::Error as StdError, io, path::Path, time::Duration};

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr, rustls};
use freesmtp_core::{Error, ErrorKind, Stage};

use crate::config::ClusterSettings;

/// How long one server has to greet.
const GREETING: Duration = Duration::from_secs(5);

/// How long the servers have for an answer: an election of a leader takes a few seconds.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// The longest pause between two attempts to come back.
const PAUSE: Duration = Duration::from_secs(2);

/// Connects to the first of the servers that lets it in. When that one is lost it comes back to any, for ever.
pub(super) async fn connect(
    settings: &ClusterSettings,
    servers: &[ServerAddr],
    name: &str,
) -> Result<Client, Error> {
    let mut options = ConnectOptions::new()
        .name(format!("freesmtp {name}"))
        .connection_timeout(GREETING)
        .request_timeout(Some(ANSWER))
        .max_reconnects(None)
        .reconnect_delay_callback(pause)
        .require_tls(settings.needs_tls());
    if !settings.user.is_empty() {
        let password = secret("cluster.password_file", settings.password_file.as_deref())?;
        options = options.user_and_password(settings.user.clone(), password);
    }
    if settings.token_file.is_some() {
        options = options.token(secret("cluster.token_file", settings.token_file.as_deref())?);
    }
    if settings.nkey_file.is_some() {
        options = options.nkey(seed(settings.nkey_file.as_deref())?);
    }
    if let Some(path) = &settings.credentials_file {
        let wrong = |error| unreadable("cluster.credentials_file", path, &error);
        options = options.credentials_file(path).await.map_err(wrong)?;
    }
    if let Some(path) = &settings.ca_file {
        readable("cluster.ca_file", path)?;
        options = options.add_root_certificates(path.clone());
    }
    if let (Some(certificate), Some(key)) = (&settings.certificate_file, &settings.key_file) {
        readable("cluster.certificate_file", certificate)?;
        readable("cluster.key_file", key)?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    options.connect(servers).await.map_err(|error| explained(&error))
}

/// A moment after the first failure, longer after each that follows.
fn pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(8);
    if attempts <= 1 { Duration::ZERO } else { (Duration::from_millis(10) * 2_u32.pow(doublings)).min(PAUSE) }
}

fn secret(field: &str, path: Option<&Path>) -> Result<String, Error> {
    let path = path.unwrap_or(Path::new(""));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(field, path, &error))?;
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(Error::input(field, format!("{}: the first line is empty", path.display()))),
    }
}

/// The line of a file that is a seed: `nsc` and `nk` write comments around it.
fn seed(path: Option<&Path>) -> Result<String, Error> {
    const FIELD: &str = "cluster.nkey_file";
    let path = path.unwrap_or(Path::new(""));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(FIELD, path, &error))?;
    let wrong = |what: &str| Error::input(FIELD, format!("{}: {what}", path.display()));
    let found = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    let found = found.ok_or_else(|| wrong("no line is the seed of a user, which begins with SU"))?;
    // It has a check sum; a server would only refuse the login.
    match nkeys::KeyPair::from_seed(found) {
        Ok(_) => Ok(found.to_owned()),
        Err(_) => Err(wrong("the line that begins with SU is no whole seed")),
    }
}

fn readable(field: &str, path: &Path) -> Result<(), Error> {
    std::fs::File::open(path).map(drop).map_err(|error| unreadable(field, path, &error))
}

fn unreadable(field: &str, path: &Path, error: &io::Error) -> Error {
    Error::input(field, format!("{} cannot be read: {error}", path.display()))
}

/// What a failure to connect means, and what to do about it.
fn explained(error: &ConnectError) -> Error {
    let tls = source(error, |error| error.downcast_ref::<rustls::Error>().map(ToString::to_string));
    if let Some(why) = tls {
        return Error::new(
            ErrorKind::Tls,
            Stage::StartTls,
            format!(
                "no TLS: {why}; check that cluster.ca_file holds the authority of the server's certificate, that the \
                 certificate names the host as cluster.servers does, and what certificate the server asks of us"
            ),
        );
    }
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => Error::new(
            ErrorKind::Authentication,
            Stage::Auth,
            "the login was refused; check cluster.user and cluster.password_file, or whichever of token_file, nkey_file \
             and credentials_file the server's authorization asks for",
        ),
        ConnectErrorKind::Tls => Error::new(
            ErrorKind::Tls,
            Stage::StartTls,
            format!(
                "no TLS: {}; check cluster.ca_file, cluster.certificate_file and cluster.key_file",
                causes(error)
            ),
        ),
        ConnectErrorKind::Dns => Error::new(
            ErrorKind::Dns,
            Stage::Resolve,
            format!("the name has no address: {}; check cluster.servers", causes(error)),
        ),
        ConnectErrorKind::TimedOut => Error::new(
            ErrorKind::Timeout,
            Stage::Connect,
            format!(
                "no answer within {} s; check that it runs, and the firewalls between",
                GREETING.as_secs()
            ),
        ),
        _ => Error::new(
            ErrorKind::Connect,
            Stage::Connect,
            format!("{}; check that nats-server runs there and listens on this port", causes(error)),
        ),
    }
}

/// The first cause below an error for which there is something to say.
fn source<T>(
    error: &(dyn StdError + 'static),
    of: impl Fn(&(dyn StdError + 'static)) -> Option<T>,
) -> Option<T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = of(error) {
            return Some(found);
        }
        // What an I/O error wraps is not its source, but that one's.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            let inner: &(dyn StdError + 'static) = inner;
            if let Some(found) = of(inner) {
                return Some(found);
            }
        }
        next = error.source();
    }
    None
}

/// The innermost cause, which says most.
pub(super) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
