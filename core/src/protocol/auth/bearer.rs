//! What XOAUTH2 and OAUTHBEARER share: a token goes out, and a refusal comes back as a challenge.
//!
//! The challenge is JSON that says why (RFC 7628 section 3.2.2). It is answered, so that the server can end the exchange
//! with its refusal, and kept for the error.

use super::{Credentials, Fault, Message, printable};
use crate::{error::Error, types::Secret};

/// The longest piece of the server's explanation that is kept, in characters.
const MAX_REMARK: usize = 500;

/// The server's side of an exchange with a token.
#[derive(Default)]
pub(super) struct Refusal(Option<String>);

impl Refusal {
    /// Keeps what the server says.
    pub(super) fn take(&mut self, challenge: &[u8], answer: &[u8]) -> Result<Message, Fault> {
        if self.0.is_some() {
            return Err(Fault::Malformed("a refused token was followed by another challenge".into()));
        }
        self.0 = Some(printable(&String::from_utf8_lossy(challenge), MAX_REMARK));
        Ok(Message::new(answer.to_vec()))
    }

    /// What the server said, when it said anything.
    pub(super) fn remark(&self) -> Option<&str> {
        self.0.as_deref().filter(|remark| !remark.is_empty())
    }
}

/// Checks the token: RFC 6750 section 2.1 has letters, digits and a few signs; what may not pass is what would end it
/// early.
pub(super) fn check_token(token: &Secret) -> Result<(), Error> {
    if token.is_empty() {
        return Err(Error::input("Token", "is empty; give the access token, or a callback that gets it"));
    }
    if !token.expose().bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(Error::input(
            "Token",
            "holds a character that no access token has; pass the token alone, without line end",
        ));
    }
    Ok(())
}

/// Checks the user name, whose end is told by a control character.
pub(super) fn check_account(credentials: &Credentials) -> Result<(), Error> {
    if credentials.account.contains('\u{1}') {
        return Err(Error::input("Account", "holds a control character, which this login can't carry"));
    }
    Ok(())
}
