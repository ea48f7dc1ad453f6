//! Who logs in, and what an exchange is made of.

use super::{AuthMode, hash, hash::SHA256};
use crate::types::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// Where the OAuth token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenSource {
    /// There is none.
    #[default]
    None,
    /// This one.
    Fixed(Secret),
    /// The engine asks for it with [`Step::NeedToken`](crate::protocol::Step::NeedToken).
    Asked,
}

/// Who logs in, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub account: String,
    /// The password.
    pub password: Secret,
    /// The OAuth token.
    pub token: TokenSource,
    /// The connection presents a client certificate, so that EXTERNAL makes sense.
    pub client_certificate: bool,
    /// The way to log in.
    pub mode: AuthMode,
    /// The mechanism wanted, when `mode` is `Sasl`; empty for the strongest.
    pub sasl: String,
    /// Mechanisms that send the password or token as it is may go over clear text.
    pub allow_plaintext: bool,
    /// A server that offers no usable mechanism is used without a login.
    pub optional: bool,
}

/// What an exchange is made of.
pub(in crate::protocol) struct Material<'a> {
    pub(in crate::protocol) credentials: &'a Credentials,
    /// The token, for the mechanisms that need one.
    pub(in crate::protocol) token: &'a Secret,
    /// The server as the settings name it.
    pub(in crate::protocol) host: &'a str,
    pub(in crate::protocol) port: u16,
    pub(in crate::protocol) binding: Option<&'a [u8]>,
    /// The server offers a mechanism with channel binding.
    pub(in crate::protocol) plus_offered: bool,
    pub(in crate::protocol) nonces: &'a mut Nonces,
    pub(in crate::protocol) unix_seconds: i64,
}

/// Nonces, each of its own, from entropy that came as an argument.
pub(in crate::protocol) struct Nonces {
    entropy: Zeroizing<[u8; 32]>,
    count: u64,
}

impl Nonces {
    pub(in crate::protocol) fn new(entropy: [u8; 32]) -> Self {
        Self { entropy: Zeroizing::new(entropy), count: 0 }
    }

    fn next(&mut self) -> Vec<u8> {
        self.count += 1;
        hash::hmac(&SHA256, &*self.entropy, &self.count.to_le_bytes())
    }

    /// Eight bytes.
    pub(super) fn challenge(&mut self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(self.next()).for_each(|(to, from)| *to = from);
        bytes
    }

    /// 24 letters, digits, `+` and `/`, of 144 bits.
    pub(super) fn text(&mut self) -> String {
        STANDARD.encode(self.next().get(..18).unwrap_or_default())
    }
}

/// `DOMAIN\user` and `user@domain` in two parts: the user, and the domain, empty when there is none.
pub(super) fn split_domain(account: &str) -> (&str, &str) {
    if let Some((domain, user)) = account.split_once('\\') {
        return (user, domain);
    }
    account.rsplit_once('@').unwrap_or((account, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nonce_comes_twice_and_none_without_its_entropy() {
        let mut nonces = Nonces::new([1; 32]);
        let (first, second) = (nonces.text(), nonces.text());
        assert_ne!(first, second);
        assert_eq!(first.len(), 24);
        assert!(first.bytes().all(|b| b.is_ascii_graphic() && b != b','));
        assert_eq!(Nonces::new([1; 32]).text(), first);
        assert_ne!(Nonces::new([2; 32]).text(), first);
    }

    #[test]
    fn an_account_names_its_domain_in_two_ways() {
        assert_eq!(split_domain("DOMAIN\\user"), ("user", "DOMAIN"));
        assert_eq!(split_domain("user@a.example"), ("user", "a.example"));
        assert_eq!(split_domain("DOMAIN\\user@x"), ("user@x", "DOMAIN"));
        assert_eq!(split_domain("user"), ("user", ""));
    }
}
