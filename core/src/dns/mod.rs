//! Asking name servers for the records that the system's resolver does not give: TXT, MX, PTR.
//!
//! A stub resolver (RFC 1034 section 5.3.1) of our own: it asks a recursive name server one question and reads the
//! answer. A library for that (hickory-proto alone) would bring a dozen crates for four record types; the message
//! format (RFC 1035 section 4) has not changed in decades. Nothing is cached, no search list is used.

mod client;
mod message;
mod servers;

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

pub(crate) use client::Client;

/// The records that are asked for, with their numbers (RFC 1035 section 3.2.2, RFC 3596).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    A = 1,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Ptr => "PTR",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Aaaa => "AAAA",
        })
    }
}

/// One record. Names have no dot at their end; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx {
        preference: u16,
        exchange: String,
    },
    Ptr(String),
    /// The strings of the record in one (RFC 7208 section 3.3, RFC 6376 section 3.6.2.2).
    Txt(Vec<u8>),
}

/// Why there are no records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DnsError {
    /// The name does not exist, or cannot: RFC 1035 section 2.3.4.
    NoSuchName,
    /// Nobody could tell: why, for a person.
    Failed(String),
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("the name does not exist"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// Who can be asked for records.
pub(crate) trait Resolver {
    /// The records of that kind; none when the name exists without any.
    fn lookup(&self, name: &str, kind: Kind) -> Result<Vec<Record>, DnsError>;

    /// The texts of a name; bytes that are no UTF-8 are shown as marks.
    fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let text = |record| match record {
            Record::Txt(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        };
        Ok(self.lookup(name, Kind::Txt)?.into_iter().filter_map(text).collect())
    }
}
