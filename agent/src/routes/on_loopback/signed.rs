//! A root zone of the test's own, signed (RFC 4034, RFC 4035).

use std::{fmt, path::Path, time::Duration};

use hickory_resolver::proto::{
    dnssec::{
        Algorithm, DnssecSigner, PublicKey, SigningKey,
        crypto::Ed25519SigningKey,
        rdata::{DNSKEY, DNSSECRData, NSEC, RRSIG},
    },
    rr::{DNSClass, Name, RData, Record, RecordSet, RecordType},
};
use time::OffsetDateTime;

use super::nameserver::TTL;

/// The key of the root.
pub(super) struct Signer {
    signer: DnssecSigner,
    key: DNSKEY,
    public: Vec<u8>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    pub(super) fn new() -> Self {
        let pkcs8 = Ed25519SigningKey::generate_pkcs8().unwrap();
        let key = Ed25519SigningKey::from_pkcs8(&pkcs8).unwrap();
        let public = key.to_public_key().unwrap();
        assert_eq!(public.algorithm(), Algorithm::ED25519);
        let dnskey = DNSKEY::from_key(&public);
        let month = Duration::from_secs(30 * 86_400);
        Self {
            signer: DnssecSigner::new(dnskey.clone(), Box::new(key), Name::root(), month),
            key: dnskey,
            public: public.public_bytes().to_vec(),
        }
    }

    /// Writes the file of anchors.
    pub(super) fn write_anchor(&self, path: &Path) {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let key = BASE64_STANDARD.encode(&self.public);
        std::fs::write(path, format!(". {TTL} IN DNSKEY 257 3 15 {key}\n")).unwrap();
    }

    pub(super) fn keys(&self) -> Vec<Record> {
        let key = RData::DNSSEC(DNSSECRData::DNSKEY(self.key.clone()));
        self.sign(vec![Record::from_rdata(Name::root(), TTL, key)])
    }

    /// The records of one name and kind, with their signature.
    pub(super) fn sign(&self, records: Vec<Record>) -> Vec<Record> {
        let first = &records[0];
        let mut set = RecordSet::with_ttl(first.name.clone(), first.record_type(), first.ttl);
        for record in &records {
            set.add_rdata(record.data.clone());
        }
        let yesterday = OffsetDateTime::now_utc() - Duration::from_secs(86_400);
        let signature = RRSIG::from_rrset(&set, DNSClass::IN, yesterday, &self.signer).unwrap();
        let data = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        let signature = Record::from_rdata(first.name.clone(), first.ttl, data);
        records.into_iter().chain([signature]).collect()
    }

    /// The proof that a name has no such record (`kinds` it has), or does not exist.
    pub(super) fn deny(&self, owner: &Name, kind: RecordType, kinds: Option<Vec<RecordType>>) -> Vec<Record> {
        let nsec = |owner: &Name, next: Name, kinds: Vec<RecordType>| {
            let kinds = kinds.into_iter().filter(|one| *one != kind);
            let data = RData::DNSSEC(DNSSECRData::NSEC(NSEC::new_cover_self(next, kinds)));
            self.sign(vec![Record::from_rdata(owner.clone(), TTL, data)])
        };
        match kinds {
            Some(kinds) => nsec(owner, owner.prepend_label("0").unwrap(), kinds),
            // From the root to the root: nothing is between, not even what a wildcard stands for.
            None => nsec(&Name::root(), Name::root(), vec![RecordType::SOA, RecordType::DNSKEY]),
        }
    }
}
