//! An authority of the test's own, and what it signs.

use native_tls::{Identity, TlsAcceptor};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

/// A certificate with its key.
#[derive(Clone)]
pub(super) struct Certified {
    certificate: String,
    key: String,
    der: Vec<u8>,
    public_key: Vec<u8>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "An authority for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(super) fn issue(&self, name: &str) -> Certified {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
            public_key: key.subject_public_key_info(),
        }
    }
}

impl Certified {
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let identity = Identity::from_pkcs8(self.certificate.as_bytes(), self.key.as_bytes()).unwrap();
        TlsAcceptor::new(identity).unwrap()
    }

    /// For TLSA records of selector 0 and 1, matching type 1.
    pub(super) fn digests(&self) -> [Vec<u8>; 2] {
        [&self.der, &self.public_key].map(|der| Sha256::digest(der).to_vec())
    }
}
