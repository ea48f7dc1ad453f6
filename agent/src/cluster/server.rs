//! The servers one by one: whether each is there, new enough, and has JetStream.
//!
//! The client's connection sees one of them; an old one among them shows when the others are down.

use async_nats::ServerAddr;
use freesmtp_core::{Error, ErrorKind, Stage};
use futures_util::future::join_all;

use super::connection;
use crate::config::ClusterSettings;

/// The first version that keeps message schedules and counters. Those before drop these settings of a stream silently.
const LEAST: (u32, u32) = (2, 12);

/// A server of the settings, and what it says of itself.
#[derive(Clone, Debug)]
pub struct Node {
    /// As the settings have it.
    pub address: String,
    /// What it says, or why it says nothing.
    pub found: Result<Greeting, Error>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its name.
    pub name: String,
    /// Its version, such as `2.15.1`.
    pub version: String,
    /// The cluster that it is part of.
    pub cluster: Option<String>,
    /// Whether it has JetStream.
    pub has_jetstream: bool,
    /// The largest message that it takes, in octets.
    pub max_payload: usize,
}

/// Asks each server.
///
/// # Errors
/// When one that answers will not do, or none answers.
pub(super) async fn survey(
    settings: &ClusterSettings,
    addresses: &[ServerAddr],
    name: &str,
) -> Result<Vec<Node>, Error> {
    let nodes: Vec<Node> = join_all(addresses.iter().map(|address| ask(settings, address, name))).await;
    for (index, node) in nodes.iter().enumerate() {
        if let Ok(greeting) = &node.found {
            check(greeting).map_err(|problem| {
                Error::input(format!("cluster.servers[{index}]"), format!("{}: {problem}", node.address))
            })?;
        }
        // A file of ours is the same with each server.
        if let Err(error) = &node.found
            && error.field().is_some()
        {
            return Err(error.clone());
        }
    }
    if nodes.iter().any(|node| node.found.is_ok()) { Ok(nodes) } else { Err(none(&nodes)) }
}

async fn ask(settings: &ClusterSettings, address: &ServerAddr, name: &str) -> Node {
    let found = match connection::connect(settings, std::slice::from_ref(address), name).await {
        Err(error) => Err(error),
        Ok(client) => {
            let info = client.server_info();
            // Closes the connection; nothing was sent over it.
            drop(client.drain().await);
            Ok(Greeting {
                name: info.server_name,
                version: info.version,
                cluster: info.cluster,
                has_jetstream: info.jetstream,
                max_payload: info.max_payload,
            })
        }
    };
    Node { address: format!("{}:{}", address.host(), address.port()), found }
}

fn check(greeting: &Greeting) -> Result<(), String> {
    if version(&greeting.version).is_none_or(|version| version < LEAST) {
        return Err(format!(
            "is nats-server {}, which silently drops the settings that the queue needs (message schedules, counters, \
             lifetimes of keys); install 2.12 or newer from https://nats.io/download (Debian's own package is too old)",
            greeting.version
        ));
    }
    if !greeting.has_jetstream {
        return Err(format!(
            "nats-server {} runs without JetStream, which keeps the queue; add `jetstream {{ store_dir: \
             /var/lib/nats, sync_interval: always }}` to its configuration and start it again",
            greeting.name
        ));
    }
    Ok(())
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// One error for all servers: that of the one that got farthest.
fn none(nodes: &[Node]) -> Error {
    let errors = || nodes.iter().filter_map(|node| node.found.as_ref().err());
    // A server that refuses is there, and it will refuse again.
    let worst = errors().find(|error| !error.is_temporary()).or_else(|| errors().next());
    let (kind, stage, temporary) = match worst {
        Some(error) => (error.kind(), error.stage(), error.is_temporary()),
        None => (ErrorKind::Connect, Stage::Connect, true),
    };
    let each: Vec<String> = nodes
        .iter()
        .filter_map(|node| Some(format!("{}: {}", node.address, node.found.as_ref().err()?.message())))
        .collect();
    let text = match each.as_slice() {
        [one] => format!("the server of the queue cannot be used: {one}"),
        all => format!("no server of the queue can be used: {}", all.join("\n")),
    };
    Error::new(kind, stage, text).with_field("cluster.servers").with_temporary(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let fits = |text: &str| version(text).is_some_and(|version| version >= LEAST);
        for new in ["2.12.0", "2.12.0-beta.1", "2.15.1", "3.0.0", "v2.12.3"] {
            assert!(fits(new), "{new}");
        }
        for old in ["2.9.10", "2.11.9", "1.99.0", "", "dev"] {
            assert!(!fits(old), "{old}");
        }
    }
}
