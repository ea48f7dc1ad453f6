//! A name server on loopback that answers as a recursive one does, with the faults that such servers have.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, MX, NS, SOA, TXT},
    },
};

use super::signed::Signer;

pub(super) const TTL: u32 = 600;

/// What a name does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    ServFail,
    Silent,
    /// Over UDP only a part.
    Truncated,
    /// The answer is changed on the way.
    Forged,
}

#[derive(Clone, Debug, Default)]
struct Zone {
    records: HashMap<(Name, RecordType), Vec<RData>>,
    faults: HashMap<(Name, RecordType), Fault>,
    signer: Option<Arc<Signer>>,
    /// Zones below that are not signed, and the root says so.
    unsigned: Vec<Name>,
}

/// Names and their records; what is not there does not exist.
#[derive(Debug)]
pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    /// Each question, and whether it came over TCP.
    asked: Arc<Mutex<Vec<(Name, RecordType, bool)>>>,
}

pub(super) fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

impl NameServer {
    pub(super) fn new() -> Self {
        // A port that is free for both.
        let (udp, tcp) = std::iter::repeat_with(|| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            TcpListener::bind(udp.local_addr().unwrap()).map(|tcp| (udp, tcp))
        })
        .find_map(Result::ok)
        .unwrap();
        let server = Self { address: udp.local_addr().unwrap(), zone: Arc::default(), asked: Arc::default() };
        let (zone, asked) = (Arc::clone(&server.zone), Arc::clone(&server.asked));
        // One reads, so that the system need not drop what comes at once; another answers.
        let (questions, waiting) = mpsc::channel();
        let answers = udp.try_clone().unwrap();
        thread::spawn(move || {
            let mut heard = [0; 4096];
            while let Ok((count, from)) = udp.recv_from(&mut heard) {
                questions.send((heard[..count].to_vec(), from)).unwrap();
            }
        });
        thread::spawn(move || {
            for (heard, from) in waiting {
                if let Some(reply) = reply(&heard, false, &zone, &asked) {
                    answers.send_to(&reply, from).unwrap();
                }
            }
        });
        let (zone, asked) = (Arc::clone(&server.zone), Arc::clone(&server.asked));
        thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                let (zone, asked) = (Arc::clone(&zone), Arc::clone(&asked));
                thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut heard = vec![0; u16::from_be_bytes(length).into()];
                        stream.read_exact(&mut heard).unwrap();
                        let Some(reply) = reply(&heard, true, &zone, &asked) else { break };
                        let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
                        // A client that was answered by another connection is gone.
                        if stream.write_all(&[&length, &reply[..]].concat()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn with(self, owner: &str, data: RData) -> Self {
        self.add(owner, data);
        self
    }

    pub(super) fn add(&self, owner: &str, data: RData) {
        let key = (name(owner), data.record_type());
        self.zone.lock().unwrap().records.entry(key).or_default().push(data);
    }

    pub(super) fn remove(&self, owner: &str, kind: RecordType) {
        self.zone.lock().unwrap().records.remove(&(name(owner), kind));
    }

    pub(super) fn mx(self, owner: &str, preference: u16, exchange: &str) -> Self {
        self.with(owner, RData::MX(MX::new(preference, Name::from_ascii(exchange).unwrap())))
    }

    pub(super) fn a(self, owner: &str, address: &str) -> Self {
        self.with(owner, RData::A(A(address.parse().unwrap())))
    }

    pub(super) fn aaaa(self, owner: &str, address: &str) -> Self {
        self.with(owner, RData::AAAA(AAAA(address.parse().unwrap())))
    }

    pub(super) fn cname(self, owner: &str, target: &str) -> Self {
        self.with(owner, RData::CNAME(CNAME(name(target))))
    }

    pub(super) fn txt(self, owner: &str, text: &str) -> Self {
        self.with(owner, RData::TXT(TXT::new(vec![text.to_owned()])))
    }

    pub(super) fn fault(self, owner: &str, kind: RecordType, fault: Fault) -> Self {
        self.zone.lock().unwrap().faults.insert((name(owner), kind), fault);
        self
    }

    pub(super) fn signed_by(self, signer: &Arc<Signer>) -> Self {
        self.zone.lock().unwrap().signer = Some(Arc::clone(signer));
        self
    }

    pub(super) fn unsigned(self, zone: &str) -> Self {
        self.zone.lock().unwrap().unsigned.push(name(zone));
        self.with(zone, RData::NS(NS(name("ns"))))
    }

    /// How often that question was asked, over TCP or not.
    pub(super) fn asked(&self, owner: &str, kind: RecordType, tcp: bool) -> usize {
        let question = (name(owner), kind, tcp);
        self.asked.lock().unwrap().iter().filter(|one| **one == question).count()
    }

    /// Every name that was asked for is one of ours or below it.
    pub(super) fn names_asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(name, ..)| name.to_ascii()).collect()
    }
}

fn reply(
    heard: &[u8],
    tcp: bool,
    zone: &Mutex<Zone>,
    asked: &Mutex<Vec<(Name, RecordType, bool)>>,
) -> Option<Vec<u8>> {
    let query = Message::from_vec(heard).unwrap();
    let question = query.queries[0].clone();
    let (mut owner, kind) = (question.name().to_lowercase(), question.query_type());
    asked.lock().unwrap().push((owner.clone(), kind, tcp));
    let zone = zone.lock().unwrap();
    let mut reply = Message::response(query.metadata.id, OpCode::Query);
    reply.add_query(question);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.edns = query.edns.clone();
    let fault = zone.faults.get(&(owner.clone(), kind)).copied();
    match fault {
        Some(Fault::Silent) => return None,
        Some(Fault::ServFail) => reply.metadata.response_code = ResponseCode::ServFail,
        Some(Fault::Truncated) if !tcp => reply.metadata.truncation = true,
        _ => loop {
            let records = zone.rrset(&owner, kind);
            if !records.is_empty() {
                reply.add_answers(records);
                break;
            }
            let alias = zone.rrset(&owner, RecordType::CNAME);
            let Some(RData::CNAME(target)) = alias.first().map(|record| record.data.clone()) else {
                zone.deny(&owner, kind, &mut reply);
                break;
            };
            reply.add_answers(alias);
            owner = target.0;
        },
    }
    if fault == Some(Fault::Forged) {
        for record in &mut reply.answers {
            if let RData::TLSA(tlsa) = &mut record.data {
                tlsa.cert_data[0] ^= 1;
            }
        }
    }
    Some(reply.to_vec().unwrap())
}

impl Zone {
    /// The records of a name and kind, signed where there is a key.
    fn rrset(&self, owner: &Name, kind: RecordType) -> Vec<Record> {
        if let Some(signer) = &self.signer
            && owner.is_root()
            && kind == RecordType::DNSKEY
        {
            return signer.keys();
        }
        let rows = self.records.get(&(owner.clone(), kind)).into_iter().flatten();
        let records: Vec<Record> =
            rows.map(|data| Record::from_rdata(owner.clone(), TTL, data.clone())).collect();
        match &self.signer {
            Some(signer) if !records.is_empty() && self.unsigned_zone(owner).is_none() => {
                signer.sign(records)
            }
            _ => records,
        }
    }

    fn unsigned_zone(&self, owner: &Name) -> Option<&Name> {
        self.unsigned.iter().find(|zone| zone.zone_of(owner))
    }

    /// Says that there is none, with the SOA record of the root.
    fn deny(&self, owner: &Name, kind: RecordType, reply: &mut Message) {
        let is_known = self.records.keys().any(|(name, _)| owner.zone_of(name));
        if !is_known {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        let soa = SOA::new(name("ns"), name("hostmaster"), 1, 60, 60, 60, 60);
        let unsigned = self.unsigned_zone(owner).filter(|zone| *zone != owner || kind != RecordType::DS);
        let apex = unsigned.cloned().unwrap_or_else(Name::root);
        let soa = vec![Record::from_rdata(apex, 60, RData::SOA(soa))];
        match self.signer.as_ref().filter(|_| unsigned.is_none()) {
            Some(signer) if self.unsigned.contains(owner) => {
                reply.add_authorities(signer.sign(soa));
                reply.add_authorities(signer.deny(owner, kind, Some(vec![RecordType::NS])));
            }
            Some(signer) => {
                let kinds: Vec<RecordType> =
                    self.records.keys().filter(|(name, _)| name == owner).map(|(_, kind)| *kind).collect();
                reply.add_authorities(signer.sign(soa));
                reply.add_authorities(signer.deny(owner, kind, is_known.then_some(kinds)));
            }
            None => {
                reply.add_authorities(soa);
            }
        }
    }
}
