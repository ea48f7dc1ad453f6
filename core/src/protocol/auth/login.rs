//! LOGIN (draft-murchison-sasl-login-00): the server asks for user name, then password.
//!
//! What the prompts say is not looked at: servers word and translate them as they like, and the order is fixed.

use super::{Credentials, Fault, Mechanism, Message};

/// One LOGIN exchange.
pub(super) struct Login {
    account: Message,
    password: Message,
    asked: u8,
}

impl Login {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self {
            account: Message::new(credentials.account.as_bytes().to_vec()),
            password: Message::new(credentials.password.expose().as_bytes().to_vec()),
            asked: 0,
        }
    }
}

impl Mechanism for Login {
    fn initial(&mut self) -> Option<Message> {
        None
    }

    fn respond(&mut self, _challenge: &[u8]) -> Result<Message, Fault> {
        self.asked = self.asked.saturating_add(1);
        match self.asked {
            1 => Ok(self.account.clone()),
            2 => Ok(self.password.clone()),
            _ => Err(Fault::Malformed(
                "LOGIN asks for a user name and a password, and this server asked for more".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_name_then_password_then_no_more() {
        let c = Credentials { account: "tim".into(), password: "pw".into(), ..Credentials::default() };
        let mut login = Login::new(&c);
        assert_eq!(login.initial(), None);
        assert_eq!(**login.respond(b"Username:").unwrap(), *b"tim");
        assert_eq!(**login.respond(b"\xe5\xaf\x86").unwrap(), *b"pw");
        login.respond(b"again").unwrap_err();
    }
}
