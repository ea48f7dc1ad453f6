//! ANONYMOUS (RFC 4505): nobody in particular, with a word for the server's log.

use super::{Credentials, Fault, Mechanism, Message};
use crate::error::Error;

/// The longest trace, in characters (RFC 4505 section 2).
const MAX_TRACE: usize = 255;

/// One ANONYMOUS exchange.
pub(super) struct Anonymous(Message);

impl Anonymous {
    pub(super) fn new(credentials: &Credentials) -> Result<Self, Error> {
        if credentials.account.chars().count() > MAX_TRACE {
            return Err(Error::input("Account", "is longer than the 255 characters that ANONYMOUS takes"));
        }
        Ok(Self(Message::new(credentials.account.as_bytes().to_vec())))
    }
}

impl Mechanism for Anonymous {
    fn initial(&mut self) -> Option<Message> {
        Some(self.0.clone())
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Message, Fault> {
        Err(Fault::Malformed("ANONYMOUS has no second challenge".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_is_the_account() {
        let c = Credentials { account: "sirhc".into(), ..Credentials::default() };
        let initial = Anonymous::new(&c).unwrap().initial();
        assert_eq!(initial, Some(Message::new(b"sirhc".to_vec())));
        let long = Credentials { account: "x".repeat(256), ..Credentials::default() };
        assert_eq!(Anonymous::new(&long).err().unwrap().field(), Some("Account"));
    }
}
