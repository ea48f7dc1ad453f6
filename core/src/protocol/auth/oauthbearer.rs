//! OAUTHBEARER (RFC 7628): an access token (RFC 6750), with the server it is meant for.

use super::{Fault, Material, Mechanism, Message, bearer, scram::sasl_name};
use crate::error::Error;

/// One OAUTHBEARER exchange.
pub(super) struct OAuthBearer {
    message: Message,
    refusal: bearer::Refusal,
}

impl OAuthBearer {
    pub(super) fn new(material: &Material<'_>) -> Result<Self, Error> {
        let Material { credentials, token, host, port, .. } = material;
        bearer::check_account(credentials)?;
        bearer::check_token(token)?;
        let identity = match credentials.account.as_str() {
            "" => String::new(),
            account => format!("a={}", sasl_name(account)),
        };
        let message = format!(
            "n,{identity},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {}\u{1}\u{1}",
            token.expose()
        );
        Ok(Self { message: Message::new(message.into_bytes()), refusal: bearer::Refusal::default() })
    }
}

impl Mechanism for OAuthBearer {
    fn initial(&mut self) -> Option<Message> {
        Some(self.message.clone())
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Message, Fault> {
        self.refusal.take(challenge, b"\x01")
    }

    fn remark(&self) -> Option<&str> {
        self.refusal.remark()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::auth::{Credentials, tests::with_material};

    const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

    #[test]
    fn rfc_7628_section_4() {
        let c = Credentials { account: "user@example.com".into(), ..Credentials::default() };
        let initial = with_material(&c, TOKEN, |m| {
            OAuthBearer::new(&Material { host: "server.example.com", port: 587, ..m }).unwrap().initial()
        });
        let Some(message) = initial else { panic!() };
        let expected = format!(
            "n,a=user@example.com,\u{1}host=server.example.com\u{1}port=587\u{1}auth=Bearer {TOKEN}\u{1}\u{1}"
        );
        assert_eq!(**message, *expected.as_bytes());
    }

    #[test]
    fn rfc_7628_section_4_3_a_failed_exchange() {
        let c = Credentials { account: "user@example.com".into(), ..Credentials::default() };
        let mut mechanism = with_material(&c, TOKEN, |m| OAuthBearer::new(&m).unwrap());
        let json = br#"{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/openid-configuration"}"#;
        assert_eq!(**mechanism.respond(json).unwrap(), *b"\x01");
        assert!(mechanism.remark().unwrap().contains("invalid_token"));
    }

    #[test]
    fn signs_of_the_header_are_escaped_in_names() {
        let c = Credentials { account: "a,b=c".into(), ..Credentials::default() };
        let initial = with_material(&c, TOKEN, |m| OAuthBearer::new(&m).unwrap().initial());
        assert!(matches!(initial, Some(m) if m.starts_with(b"n,a=a=2Cb=3Dc,\x01")));
    }
}
