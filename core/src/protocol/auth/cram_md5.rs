//! CRAM-MD5 (RFC 2195): the challenge, keyed with the password.
//!
//! RFC 2195 names no preparation of user name and password, and servers keep the key of the password as it was typed:
//! both go unchanged.

use super::{Credentials, Fault, Mechanism, Message, hash};
use crate::types::Secret;

/// One CRAM-MD5 exchange.
pub(super) struct CramMd5 {
    account: String,
    password: Secret,
    done: bool,
}

impl CramMd5 {
    pub(super) fn new(credentials: &Credentials) -> Self {
        let Credentials { account, password, .. } = credentials.clone();
        Self { account, password, done: false }
    }
}

impl Mechanism for CramMd5 {
    fn initial(&mut self) -> Option<Message> {
        None
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        if std::mem::replace(&mut self.done, true) {
            return Err(Fault::Malformed("CRAM-MD5 has one challenge, and this server sent another".into()));
        }
        if challenge.is_empty() {
            // The same answer each time would be as good as the password.
            return Err(Fault::Malformed("the challenge is empty".into()));
        }
        let digest = hash::hmac(&hash::MD5, self.password.expose().as_bytes(), challenge);
        Ok(Message::new(format!("{} {}", self.account, hash::hex(&digest)).into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2195_section_2() {
        let c = Credentials {
            account: "tim".into(),
            password: "tanstaaftanstaaf".into(),
            ..Credentials::default()
        };
        let mut cram = CramMd5::new(&c);
        assert_eq!(cram.initial(), None);
        let answer = cram.respond(b"<1896.697170952@postoffice.reston.mci.net>").unwrap();
        assert_eq!(**answer, *b"tim b913a602c7eda7a495b4e6e7334d3890");
        cram.respond(b"again").unwrap_err();
    }

    #[test]
    fn an_empty_challenge_is_none() {
        CramMd5::new(&Credentials::default()).respond(b"").unwrap_err();
    }
}
