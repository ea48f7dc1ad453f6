//! Private keys: read from PEM, used to sign, never shown.

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use rsa::{pkcs1::DecodeRsaPrivateKey as _, pkcs8::DecodePrivateKey as _, signature::SignatureEncoding as _};
use zeroize::Zeroizing;

use crate::error::Error;

const FIELD: &str = "DKIM.Key";
/// RFC 8301 section 3.2: verifiers take shorter keys for no signature.
const SHORTEST_RSA: u32 = 1024;

/// A private key.
pub(super) enum Key {
    Rsa(Box<rsa::pkcs1v15::SigningKey<rsa::sha2::Sha256>>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl Key {
    /// Reads PEM: `RSA PRIVATE KEY` (PKCS#1) or `PRIVATE KEY` (PKCS#8, RSA or Ed25519); or the 32 bytes of an Ed25519
    /// key in base64, the form of RFC 8463 appendix A.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let (label, body) = match text.split_once("-----BEGIN ") {
            None => ("", text),
            Some((_, rest)) => {
                let (label, rest) = rest.split_once("-----").ok_or_else(no_key)?;
                let (body, _) = rest.split_once("-----END ").ok_or_else(no_key)?;
                (label, body)
            }
        };
        if label.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
            let problem = "the key is encrypted with a passphrase; decrypt it with `openssl pkey` first";
            return Err(Error::input(FIELD, problem));
        }
        let base64: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(base64.as_bytes()).map_err(|_| no_key())?);
        match label {
            "RSA PRIVATE KEY" => {
                rsa::PrivateKey::from_pkcs1_der(&der).map_err(|_| no_key()).and_then(Self::rsa)
            }
            "PRIVATE KEY" => match rsa::PrivateKey::from_pkcs8_der(&der) {
                Ok(key) => Self::rsa(key),
                Err(_) => ed25519_dalek::SigningKey::from_pkcs8_der(&der)
                    .map(|key| Self::Ed25519(Box::new(key)))
                    .map_err(|_| no_key()),
            },
            "" => <&[u8; 32]>::try_from(der.as_slice())
                .map(|seed| Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))))
                .map_err(|_| no_key()),
            _ => Err(no_key()),
        }
    }

    fn rsa(key: rsa::PrivateKey) -> Result<Self, Error> {
        use rsa::traits::PublicKeyParts as _;
        let bits = key.n().bit_width();
        if bits < SHORTEST_RSA {
            let problem =
                format!("the RSA key has {bits} bits; at least {SHORTEST_RSA} are needed, better 2048");
            return Err(Error::input(FIELD, problem));
        }
        Ok(Self::Rsa(Box::new(rsa::pkcs1v15::SigningKey::new(key))))
    }

    /// As the `a=` tag names it.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The signature of canonical headers, in base64.
    pub(super) fn sign(&self, headers: &[u8]) -> Result<String, Error> {
        let failed = |_| Error::input(FIELD, "the key cannot sign; check that it is whole");
        match self {
            Self::Rsa(key) => {
                let signature = key.as_ref().try_sign(headers).map_err(failed)?;
                Ok(STANDARD.encode(signature.to_vec()))
            }
            // RFC 8463 section 3: the hash is what Ed25519 signs.
            Self::Ed25519(key) => {
                use sha2::Digest as _;
                let signature = key.try_sign(&sha2::Sha256::digest(headers)).map_err(failed)?;
                Ok(STANDARD.encode(signature.to_bytes()))
            }
        }
    }
}

fn no_key() -> Error {
    let problem =
        "is no private key; give PEM text: PKCS#1 (RSA PRIVATE KEY) or PKCS#8 (PRIVATE KEY, RSA or Ed25519)";
    Error::input(FIELD, problem)
}
