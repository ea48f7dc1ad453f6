//! Questions and answers as they go over the wire (RFC 1035 section 4).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, Record};

/// What fits through every path without fragments (RFC 9715).
const EDNS_SIZE: u16 = 1232;

/// More links than this no honest chain of aliases has.
const LONGEST_CHAIN: usize = 16;

const INTERNET: u16 = 1;
const CNAME: u16 = 5;
const OPT: u16 = 41;

/// A question (RFC 1035 section 4.1.2); `None` for a name that cannot be asked for. `edns` allows longer answers
/// (RFC 6891).
pub(super) fn query(id: u16, name: &str, kind: Kind, edns: bool) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(64);
    message.extend(id.to_be_bytes());
    // Recursion is desired; one question.
    message.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)]);
    push_name(&mut message, name)?;
    message.extend((kind as u16).to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    if edns {
        message.push(0);
        message.extend(OPT.to_be_bytes());
        message.extend(EDNS_SIZE.to_be_bytes());
        message.extend([0; 6]);
    }
    Some(message)
}

fn push_name(message: &mut Vec<u8>, name: &str) -> Option<()> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 253 {
        return None;
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend(label.bytes());
    }
    message.push(0);
    Some(())
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// RFC 1035 section 4.1.1: 0 no error, 3 no such name.
    pub(super) code: u8,
    /// It did not fit: ask over TCP.
    pub(super) truncated: bool,
    pub(super) records: Vec<Record>,
}

/// Reads the answer to `query`; `None` when it is none, whoever sent it (RFC 5452 section 9.1).
pub(super) fn response(query: &[u8], kind: Kind, message: &[u8]) -> Option<Response> {
    let mut reader = Reader { message, at: 0 };
    let id = reader.bytes(2)?;
    let flags = reader.u16()?;
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    reader.bytes(4)?;
    let is_response = flags & 0x8000 != 0;
    let code = u8::try_from(flags & 0x000f).ok()?;
    if id != query.get(..2)? || !is_response {
        return None;
    }
    let truncated = flags & 0x0200 != 0;
    // Some servers answer an error without the question.
    if questions == 0 && code != 0 {
        return Some(Response { code, truncated, records: Vec::new() });
    }
    let asked = Reader { message: query, at: 12 }.question()?;
    if questions != 1 || reader.question()? != asked {
        return None;
    }
    let records = if truncated { Vec::new() } else { follow(asked.0, kind, &entries(&mut reader, answers)?) };
    Some(Response { code, truncated, records })
}

/// A record with its owner.
enum Entry {
    Alias { owner: String, target: String },
    Record { owner: String, kind: u16, record: Record },
}

fn entries(reader: &mut Reader<'_>, count: u16) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let owner = reader.name()?.to_ascii_lowercase();
        let kind = reader.u16()?;
        let class = reader.u16()?;
        reader.bytes(4)?;
        let length = usize::from(reader.u16()?);
        let end = reader.at.checked_add(length).filter(|end| *end <= reader.message.len())?;
        if class == INTERNET {
            if kind == CNAME {
                entries.push(Entry::Alias { owner, target: reader.name()? });
            } else if let Some(record) = record(reader, kind, length)? {
                entries.push(Entry::Record { owner, kind, record });
            }
        }
        reader.at = end;
    }
    Some(entries)
}

/// The inner `None` is a kind that nobody asked for.
fn record(reader: &mut Reader<'_>, kind: u16, length: usize) -> Option<Option<Record>> {
    let is = |wanted: Kind| kind == wanted as u16;
    Some(if is(Kind::A) {
        Some(Record::A(Ipv4Addr::from(<[u8; 4]>::try_from(reader.bytes(length)?).ok()?)))
    } else if is(Kind::Aaaa) {
        Some(Record::Aaaa(Ipv6Addr::from(<[u8; 16]>::try_from(reader.bytes(length)?).ok()?)))
    } else if is(Kind::Mx) {
        Some(Record::Mx { preference: reader.u16()?, exchange: reader.name()? })
    } else if is(Kind::Ptr) {
        Some(Record::Ptr(reader.name()?))
    } else if is(Kind::Txt) {
        let mut strings = reader.bytes(length)?;
        let mut text = Vec::with_capacity(length);
        while let Some((&size, rest)) = strings.split_first() {
            text.extend(rest.get(..usize::from(size))?);
            strings = &rest[usize::from(size)..];
        }
        Some(Record::Txt(text))
    } else {
        None
    })
}

/// The records of `name`, through the aliases that the answer holds.
fn follow(name: String, wanted: Kind, entries: &[Entry]) -> Vec<Record> {
    let mut name = name;
    for _ in 0..LONGEST_CHAIN {
        let found: Vec<Record> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Record { owner, kind, record } if *owner == name && *kind == wanted as u16 => {
                    Some(record.clone())
                }
                _ => None,
            })
            .collect();
        let alias = entries.iter().find_map(|entry| match entry {
            Entry::Alias { owner, target } if *owner == name => Some(target.to_ascii_lowercase()),
            _ => None,
        });
        match alias {
            Some(target) if found.is_empty() => name = target,
            _ => return found,
        }
    }
    Vec::new()
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let bytes = self.message.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.bytes(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Name, kind and class; the name in lower case, because servers may change its case.
    fn question(&mut self) -> Option<(String, u16, u16)> {
        Some((self.name()?.to_ascii_lowercase(), self.u16()?, self.u16()?))
    }

    /// A name, compressed or not (RFC 1035 section 4.1.4). A dot within a label is escaped.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut at = self.at;
        let mut end = None;
        let mut labels = 0;
        loop {
            let length = *self.message.get(at)?;
            match length {
                0 => {
                    self.at = end.unwrap_or(at + 1);
                    return Some(name);
                }
                1..=63 => {
                    labels += 1;
                    let label = self.message.get(at + 1..at + 1 + usize::from(length))?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(&String::from_utf8_lossy(label).replace('.', "\\."));
                    if labels > 128 || name.len() > 1024 {
                        return None;
                    }
                    at += 1 + usize::from(length);
                }
                192.. => {
                    let low = *self.message.get(at + 1)?;
                    end.get_or_insert(at + 2);
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    // Only backwards: then no chain of pointers is endless.
                    if target >= at {
                        return None;
                    }
                    at = target;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "Example.test";

    fn answer(query: &[u8], flags: u16, count: u16, records: &[u8]) -> Vec<u8> {
        let mut message = query[..2].to_vec();
        message.extend(flags.to_be_bytes());
        message.extend([0, 1]);
        message.extend(count.to_be_bytes());
        message.extend([0, 0, 0, 0]);
        message.extend(&query[12..]);
        message.extend(records);
        message
    }

    /// Owner by pointer to the question, kind, IN, TTL 0, data.
    fn entry(kind: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xc0, 12];
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 0]);
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_question_and_its_answer() {
        let query = query(0x1234, NAME, Kind::Mx, false).unwrap();
        assert_eq!(query[..12], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(query[12..], *b"\x07Example\x04test\0\0\x0f\0\x01");
        // "mx" and a pointer to example.test.
        let message = answer(&query, 0x8180, 1, &entry(15, &[0, 10, 2, b'm', b'x', 0xc0, 12]));
        let expected = vec![Record::Mx { preference: 10, exchange: "mx.Example.test".into() }];
        let response = response(&query, Kind::Mx, &message).unwrap();
        assert_eq!(response, Response { code: 0, truncated: false, records: expected });
    }

    #[test]
    fn strings_are_joined_and_aliases_followed() {
        let query = query(1, NAME, Kind::Txt, false).unwrap();
        let mut records = entry(5, b"\x01a\x04test\0");
        records.extend(b"\x01A\x04TEST\0\0\x10\0\x01\0\0\0\0\0\x06\x02v=\x02sp");
        let read = |records: &[u8], count| {
            response(&query, Kind::Txt, &answer(&query, 0x8180, count, records)).map(|r| r.records)
        };
        assert_eq!(read(&records, 2), Some(vec![Record::Txt(b"v=sp".to_vec())]));
        assert_eq!(read(&entry(5, &[0xc0, 12]), 1), Some(vec![]), "an alias of itself");
        assert_eq!(read(&entry(16, b"\x09short"), 1), None, "a string beyond its record");
        assert_eq!(read(&entry(16, b"\x01a"), 2), None, "fewer records than were announced");
    }

    #[test]
    fn what_answers_another_question_is_none() {
        let query = query(7, NAME, Kind::A, true).unwrap();
        assert!(query.ends_with(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), "EDNS with 1232 bytes");
        let plain = super::query(7, NAME, Kind::A, false).unwrap();
        let good = answer(&plain, 0x8180, 1, &entry(1, &[192, 0, 2, 1]));
        let read = |message: &[u8]| response(&query, Kind::A, message);
        assert_eq!(read(&good).unwrap().records, [Record::A(Ipv4Addr::new(192, 0, 2, 1))]);
        let mut other_id = good.clone();
        other_id[1] = 8;
        assert_eq!(read(&other_id), None);
        assert_eq!(read(&plain), None, "a question is no answer");
        let other = super::query(7, "other.test", Kind::A, false).unwrap();
        assert_eq!(read(&answer(&other, 0x8180, 0, &[])), None);
        let other = super::query(7, NAME, Kind::Aaaa, false).unwrap();
        assert_eq!(read(&answer(&other, 0x8180, 0, &[])), None);
        assert!(read(&answer(&plain, 0x8380, 0, &[])).unwrap().truncated);
        assert_eq!(read(&answer(&plain, 0x8183, 0, &[])).unwrap().code, 3);
        for end in 0..good.len() {
            assert_eq!(read(&good[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn pointers_never_loop() {
        let query = query(1, NAME, Kind::Ptr, false).unwrap();
        let here = u8::try_from(query.len()).unwrap();
        // The owner points to itself, and forwards.
        for target in [here, here + 2] {
            let mut bytes = vec![0xc0, target];
            bytes.extend([0, 12, 0, 1, 0, 0, 0, 0, 0, 0]);
            assert_eq!(response(&query, Kind::Ptr, &answer(&query, 0x8180, 1, &bytes)), None);
        }
    }

    #[test]
    fn names_that_cannot_be_are_not_asked_for() {
        for name in ["", ".", "a..b", &"a".repeat(64), &"a.".repeat(128)] {
            assert_eq!(query(1, name, Kind::A, true), None, "{name}");
        }
        assert!(query(1, "a.test.", Kind::A, true).is_some());
    }
}
