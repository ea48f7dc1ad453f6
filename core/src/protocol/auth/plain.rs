//! PLAIN (RFC 4616): authorization identity, user name and password, separated by NUL.

use super::{Credentials, Mechanism, Message};

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

    fn respond(&mut self, _challenge: &[u8]) -> Result<Message, &'static str> {
        Err("PLAIN has no second challenge")
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
        assert_eq!(**Plain::new(&c).initial().unwrap(), *b"\0tim\0tanstaaftanstaaf");
    }
}
