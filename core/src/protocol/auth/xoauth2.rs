//! XOAUTH2 (Google's and Microsoft's own, older than RFC 7628): user name and access token.

use super::{Fault, Material, Mechanism, Message, bearer};
use crate::error::Error;

/// One XOAUTH2 exchange.
pub(super) struct XOAuth2 {
    message: Message,
    refusal: bearer::Refusal,
}

impl XOAuth2 {
    pub(super) fn new(material: &Material<'_>) -> Result<Self, Error> {
        let account = &material.credentials.account;
        bearer::check_account(material.credentials)?;
        bearer::check_token(material.token)?;
        if account.is_empty() {
            return Err(Error::input("Account", "is empty; XOAUTH2 needs the user name beside the token"));
        }
        let message = format!("user={account}\u{1}auth=Bearer {}\u{1}\u{1}", material.token.expose());
        Ok(Self { message: Message::new(message.into_bytes()), refusal: bearer::Refusal::default() })
    }
}

impl Mechanism for XOAuth2 {
    fn initial(&mut self) -> Option<Message> {
        Some(self.message.clone())
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        self.refusal.take(challenge, b"")
    }

    fn remark(&self) -> Option<&str> {
        self.refusal.remark()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::auth::{Credentials, tests::with_material};

    #[test]
    fn the_example_of_its_documentation() {
        let c = Credentials { account: "someuser@example.com".into(), ..Credentials::default() };
        let initial = with_material(&c, "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg", |m| {
            XOAuth2::new(&m).unwrap().initial()
        });
        let Some(message) = initial else { panic!() };
        assert_eq!(
            **message,
            *b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
        );
    }

    #[test]
    fn a_refusal_is_answered_once_and_kept() {
        let c = Credentials { account: "u".into(), ..Credentials::default() };
        let mut mechanism = with_material(&c, "t", |m| XOAuth2::new(&m).unwrap());
        assert_eq!(**mechanism.respond(br#"{"status":"401"}"#).unwrap(), *b"");
        assert_eq!(mechanism.remark(), Some(r#"{"status":"401"}"#));
        mechanism.respond(b"").unwrap_err();
    }

    #[test]
    fn what_would_end_a_part_early_is_refused() {
        let c = Credentials { account: "u\u{1}".into(), ..Credentials::default() };
        assert_eq!(with_material(&c, "t", |m| XOAuth2::new(&m).err().unwrap()).field(), Some("Account"));
        let c = Credentials { account: "u".into(), ..Credentials::default() };
        for token in ["", "a\u{1}b", "a\n", "\u{e4}"] {
            assert_eq!(with_material(&c, token, |m| XOAuth2::new(&m).err().unwrap()).field(), Some("Token"));
        }
    }
}
