//! EXTERNAL (RFC 4422 appendix A): who the client is, the server knows already.

use super::{Credentials, Fault, Mechanism, Message};

/// One EXTERNAL exchange.
pub(super) struct External(Message);

impl External {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self(Message::new(credentials.account.as_bytes().to_vec()))
    }
}

impl Mechanism for External {
    fn initial(&mut self) -> Option<Message> {
        Some(self.0.clone())
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Message, Fault> {
        Err(Fault::Malformed("EXTERNAL has no second challenge".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4422_appendix_a() {
        for (account, message) in [("fred@example.com", &b"fred@example.com"[..]), ("", b"")] {
            let c = Credentials { account: account.into(), ..Credentials::default() };
            assert_eq!(External::new(&c).initial(), Some(Message::new(message.to_vec())));
        }
    }
}
