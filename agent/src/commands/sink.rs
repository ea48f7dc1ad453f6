//! `freesmtp sink`.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use freesmtp_core::{Secret, log::escape};

use super::{Exit, complain, print};
use crate::sink::{Limits, Listener, Login, Policy, Received, Store};

/// Catches mail: an SMTP server on this machine that keeps each message as a file and delivers nothing.
///
/// Prints "listening on HOST:PORT" when it is ready, then a line for each message: its file, sender, recipients and
/// size. Beside FILE.eml, the bytes as they came, stands FILE.json with the envelope and the facts of the session.
/// SIGTERM and Ctrl-C end it; messages that are not complete then leave nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  freesmtp sink --port 2525 --dir caught &\n  \
    echo Hello | freesmtp send --server 127.0.0.1:2525 --from a@example.com --to b@example.com --subject Hello")]
pub(crate) struct Arguments {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 2525)]
    port: u16,
    /// Address to listen on. Everyone who reaches another address than a loopback one can send mail to it
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Folder for the messages; made for this user alone when it does not exist
    #[arg(long, value_name = "DIR", default_value = "mail")]
    dir: PathBuf,
    /// Print no line for each message
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    refusals: Refusals,
    /// Seconds that a client may be silent
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Connections at the same time; further ones are told to come back
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
}

/// Ways of real servers to refuse.
#[derive(Debug, Args)]
#[command(next_help_heading = "Refuse like a real server")]
struct Refusals {
    /// Largest message, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 50 * 1024 * 1024)]
    max_size: u64,
    /// Offer AUTH PLAIN and LOGIN, and let this user in
    #[arg(long, value_name = "NAME", requires = "password")]
    user: Option<String>,
    /// The password of --user, for tests: other users of this machine can see it
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// Take mail only after a login
    #[arg(long, requires = "user")]
    require_auth: bool,
    /// Without a login, take mail only for the domains of --local
    #[arg(long)]
    deny_relay: bool,
    /// A domain that --deny-relay takes mail for; may be repeated
    #[arg(long, value_name = "DOMAIN", requires = "deny_relay")]
    local: Vec<String>,
    /// An address that is refused as unknown; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    unknown_user: Vec<String>,
    /// Put off the first attempt for each client, sender and recipient
    #[arg(long)]
    greylist: bool,
}

/// Serves until it is told to stop.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    match arguments.serve() {
        Ok(()) => Exit::Done.into(),
        Err(problem) => {
            complain(&format!("freesmtp: {problem}\n"));
            Exit::Usage.into()
        }
    }
}

impl Arguments {
    fn serve(self) -> Result<(), String> {
        let address = address(&self.host, self.port)?;
        let store =
            Store::open(&self.dir).map_err(|error| format!("--dir {}: {error}", self.dir.display()))?;
        let limits = Limits {
            connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            idle: Duration::from_secs(self.timeout),
        };
        let quiet = self.quiet;
        let listener = Listener::bind(
            address,
            self.refusals.into_policy(),
            store,
            limits,
            Box::new(move |received| tell(received, quiet)),
        )
        .map_err(|error| format!("can't listen on {address}: {error}"))?;
        let stopped = listener.clone();
        ctrlc::set_handler(move || stopped.stop())
            .map_err(|error| format!("can't wait for the signal to stop: {error}"))?;
        print(&format!("listening on {}\n", listener.address()));
        listener.run().map_err(|error| format!("can't accept connections any more: {error}"))
    }
}

impl Refusals {
    fn into_policy(self) -> Policy {
        let login = self.user.zip(self.password);
        Policy {
            max_size: self.max_size,
            login: login.map(|(user, password)| Login { user, password: Secret::new(password) }),
            require_auth: self.require_auth,
            deny_relay: self.deny_relay,
            local_domains: self.local,
            unknown_users: self.unknown_user,
            greylist: self.greylist.then(Default::default),
        }
    }
}

/// The address to listen on. A name must mean this machine: whoever wants to be reached from outside says so with an
/// address.
fn address(host: &str, port: u16) -> Result<SocketAddr, String> {
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("--host {host}: {error}"))?;
    addresses.filter(|address| address.ip().is_loopback()).min_by_key(SocketAddr::is_ipv6).ok_or_else(|| {
        format!("--host {host} is not this machine alone; to be reached from outside, give an address such as 0.0.0.0")
    })
}

fn tell(received: io::Result<Received>, quiet: bool) {
    match received {
        Ok(_) if quiet => {}
        Ok(Received { path, size, sender, recipients }) => {
            let from = if sender.is_empty() { "<>" } else { &sender };
            let line = format!("{} {from} -> {} ({size} bytes)", path.display(), recipients.join(", "));
            print(&format!("{}\n", escape(&line)));
        }
        Err(error) => complain(&format!("freesmtp: a message could not be kept: {error}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_opens_it_to_others() {
        assert_eq!(address("127.0.0.1", 25), Ok("127.0.0.1:25".parse().unwrap()));
        assert_eq!(address("[::1]", 0), Ok("[::1]:0".parse().unwrap()));
        assert_eq!(address("0.0.0.0", 0), Ok("0.0.0.0:0".parse().unwrap()));
        assert!(address("localhost", 25).unwrap().ip().is_loopback());
        assert!(address("no such host", 25).is_err());
    }
}
