//! Which name servers the system uses.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
};

/// Where Unix systems name them (resolv.conf(5)). Windows keeps them where only its own interfaces reach: there the
/// program names one.
const FILE: &str = "/etc/resolv.conf";

/// What resolv.conf(5) takes at most.
const MOST: usize = 3;

/// The name servers of the system, or why they are not known.
pub(super) fn of_system() -> Result<Vec<SocketAddr>, String> {
    let text = fs::read_to_string(FILE)
        .map_err(|source| format!("the name servers of this system are not known: {FILE}: {source}"))?;
    let servers = parse(&text);
    if servers.is_empty() { Err(format!("{FILE} names no name server")) } else { Ok(servers) }
}

fn parse(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let keyword = words.next()?;
        let address: IpAddr = words.next().filter(|_| keyword == "nameserver")?.parse().ok()?;
        Some(SocketAddr::new(address, 53))
    };
    text.lines().filter_map(address).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_as_the_system_does() {
        let text = "# a comment\nsearch example.test\nnameserver 192.0.2.1\nnameserver\t::1 \n;nameserver 192.0.2.9\n\
                    nameserver nonsense\noptions timeout:1\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        let found: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1:53", "[::1]:53", "192.0.2.3:53"]);
        assert!(parse("").is_empty());
    }
}
