//! Whom the listener serves.

use std::path::PathBuf;

use freesmtp_core::VERSION;

use super::users::Users;
use crate::server::{self, Client, Envelope, Offer, Reply};

/// What a session may do.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The name that it gives itself.
    pub(crate) name: String,
    /// Largest message in octets.
    pub(crate) max_size: u64,
    /// Most recipients of a message.
    pub(crate) max_recipients: usize,
    /// STARTTLS is offered.
    pub(crate) starttls: bool,
    /// Users who may log in; read at each login, so that a change counts at once.
    pub(crate) users: Option<PathBuf>,
    /// MAIL is refused before a login.
    pub(crate) require_auth: bool,
}

impl server::Policy for Policy {
    fn offer(&self) -> Offer {
        Offer {
            name: self.name.clone(),
            product: format!("freesmtp {VERSION}"),
            max_size: self.max_size,
            chunking: true,
            dsn: true,
            starttls: self.starttls,
        }
    }

    /// A password crosses no network in clear text.
    fn offers_auth(&self, client: &Client) -> bool {
        let on_this_machine = client.peer.is_some_and(|(address, _)| address.to_canonical().is_loopback());
        self.users.is_some() && (client.tls || on_this_machine)
    }

    fn admits(&self, user: &str, password: &[u8]) -> bool {
        let users = self.users.as_deref().map(Users::read);
        match users {
            Some(Ok(users)) => users.admit(user, password),
            Some(Err(error)) => {
                eprintln!("freesmtp agent: nobody can log in: {error}");
                false
            }
            None => false,
        }
    }

    fn sender(&self, client: &Client, _envelope: &Envelope) -> Result<(), Reply> {
        if !self.require_auth || client.account.is_some() {
            return Ok(());
        }
        Err(if self.offers_auth(client) {
            Reply::new(530, "5.7.0", "Authentication required")
        } else {
            Reply::new(530, "5.7.0", "Say STARTTLS, then log in")
        })
    }

    fn recipient(&self, _client: &Client, envelope: &Envelope, _recipient: &str) -> Result<(), Reply> {
        if envelope.recipients.len() >= self.max_recipients {
            return Err(Reply::new(452, "4.5.3", "Too many recipients"));
        }
        Ok(())
    }
}
