//! PLAIN (RFC 4616): authorization identity, user name and password, separated by NUL.
//!
//! RFC 4616 section 2 has the server prepare both sides before it compares, so they leave as they were typed: a server
//! that compares octets keeps working with a password that SASLprep would change or prohibit.

use super::{Credentials, Fault, Mechanism, Message};

/// One PLAIN exchange.
pub(super) struct Plain(Message);

impl Plain {
    pub(super) fn new(credentials: &Credentials) -> Self {
        let password = credentials.password.expose();
        let mut message = Message::new(Vec::with_capacity(credentials.account.len() + password.len() + 2));
        message.push(0);
        message.extend_from_slice(credentials.account.as_bytes());
        message.push(0);
        message.extend_from_slice(password.as_bytes());
        Self(message)
    }
}

impl Mechanism for Plain {
    fn initial(&mut self) -> Option<Message> {
        Some(self.0.clone())
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Message, Fault> {
        Err(Fault::Malformed("PLAIN has no second challenge".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4616_example() {
        let c = Credentials {
            account: "tim".into(),
            password: "tanstaaftanstaaf".into(),
            ..Credentials::default()
        };
        let message = Message::new(b"\0tim\0tanstaaftanstaaf".to_vec());
        assert_eq!(Plain::new(&c).initial(), Some(message));
    }
}
