//! The hashes that mechanisms are made of, as data: a mechanism that differs by its hash alone is one type.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::Message;

/// One hash, and what is built of it.
pub(super) struct Hash {
    digest: fn(&[u8]) -> Vec<u8>,
    hmac: fn(&[u8], &[u8]) -> Vec<u8>,
    pbkdf2: fn(&[u8], &[u8], u32) -> Message,
}

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident = $hash:ty, $octets:literal;)*) => {$(
        $(#[$doc])*
        pub(super) static $name: Hash = Hash {
            digest: |data| <$hash>::digest(data).to_vec(),
            hmac: |key, data| {
                // HMAC takes keys of every length, so there is no other branch.
                let mac = Hmac::<$hash>::new_from_slice(key).map(|mac| mac.chain_update(data).finalize());
                mac.map(|mac| mac.into_bytes().to_vec()).unwrap_or_default()
            },
            pbkdf2: |password, salt, rounds| {
                let mut key = Zeroizing::new(vec![0; $octets]);
                pbkdf2::pbkdf2_hmac::<$hash>(password, salt, rounds, &mut key);
                key
            },
        };
    )*};
}

hashes! {
    /// MD5: broken as a hash, asked for by name in old mechanisms.
    MD5 = Md5, 16;
    /// SHA-1.
    SHA1 = Sha1, 20;
    /// SHA-256.
    SHA256 = Sha256, 32;
    /// SHA-512.
    SHA512 = Sha512, 64;
}

impl Hash {
    /// The hash of the parts, one after the other.
    pub(super) fn digest(&self, parts: &[&[u8]]) -> Vec<u8> {
        (self.digest)(&Zeroizing::new(parts.concat()))
    }

    /// `Hi` of RFC 5802 section 2.2.
    pub(super) fn pbkdf2(&self, password: &[u8], salt: &[u8], rounds: u32) -> Message {
        (self.pbkdf2)(password, salt, rounds)
    }
}

/// HMAC (RFC 2104).
pub(super) fn hmac(hash: &Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
    (hash.hmac)(key, data)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether two values are the same, without telling by the time it takes where they differ.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    !a.is_empty() && bool::from(subtle::ConstantTimeEq::ct_eq(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(hex(&MD5.digest(&[b"a", b"bc"])), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(&SHA1.digest(&[b"abc"])), "a9993e364706816aba3e25717850c26c9cd0d89d");
        // RFC 2104 appendix, RFC 6070.
        assert_eq!(
            hex(&hmac(&MD5, b"Jefe", b"what do ya want for nothing?")),
            "750c783e6ab0b503eaa86e310a5db738"
        );
        assert_eq!(hex(&SHA1.pbkdf2(b"password", b"salt", 4096)), "4b007901b765489abead49d926f721d065a429c1");
        assert_eq!(SHA512.pbkdf2(b"password", b"salt", 1).len(), 64);
    }

    #[test]
    fn nothing_is_not_the_same_as_nothing() {
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"ab", b"abc") && !same(b"", b""));
    }
}
