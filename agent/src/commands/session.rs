//! The arguments that say how to reach a server, the same for every command.

use std::{env, fs, path::PathBuf, time::Duration};

use clap::Args;
use freesmtp_core::{AuthMode, Error, ErrorKind, Secret, Security, Server, Stage};

/// Names the password without showing it to other users of the machine.
const PASSWORD_VARIABLE: &str = "FREESMTP_PASSWORD";

/// How to connect, encrypt and log in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
pub(super) struct SessionArguments {
    /// User name. The password comes from --password-file, else from the variable `FREESMTP_PASSWORD`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How to log in: auto, plain, login, sasl, none
    #[arg(long, value_name = "MODE")]
    auth: Option<AuthMode>,
    /// Let the password cross a connection that is not encrypted
    #[arg(long)]
    allow_plaintext_auth: bool,
    /// none, opportunistic, required (STARTTLS), implicit, auto
    #[arg(long, value_name = "MODE")]
    security: Option<Security>,
    /// Authorities to trust besides those of the system, in PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The name to give in EHLO; without it, this host's
    #[arg(long, value_name = "NAME")]
    ehlo: Option<String>,
    /// Seconds that each phase may take
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

impl SessionArguments {
    /// The name to give in EHLO, when one was given.
    pub(super) fn ehlo(&self) -> Option<&str> {
        self.ehlo.as_deref()
    }

    /// The server, with its password.
    pub(super) fn server(&self, url: &str) -> Result<Server, Error> {
        let mut server = Server::parse(url)?;
        if let Some(user) = &self.user {
            server.account.clone_from(user);
        }
        if let Some(path) = &self.password_file {
            server.password = password(path)?;
        } else if let (false, Ok(password)) = (server.account.is_empty(), env::var(PASSWORD_VARIABLE)) {
            server.password = Secret::new(password);
        }
        if !server.account.is_empty() && server.password.is_empty() {
            let text = format!("is missing: give --password-file, or set {PASSWORD_VARIABLE}");
            return Err(Error::input("Password", text));
        }
        server.auth_mode = self.auth.unwrap_or_default();
        server.allow_plaintext_auth = self.allow_plaintext_auth;
        server.security = self.security.unwrap_or(server.security);
        server.ca_file.clone_from(&self.ca_file);
        server.timeout = self.timeout.map(Duration::from_secs);
        Ok(server)
    }
}

fn password(path: &PathBuf) -> Result<Secret, Error> {
    let text = fs::read_to_string(path).map(Secret::new).map_err(|error| {
        let what = format!("{} can't be read", path.display());
        Error::io(ErrorKind::FileIo, Stage::Compose, what, &error).with_field("--password-file")
    })?;
    Ok(Secret::new(text.expose().lines().next().unwrap_or_default()))
}
