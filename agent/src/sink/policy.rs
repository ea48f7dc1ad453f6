//! Who and what is refused: the one place that decides.

use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use freesmtp_core::{Secret, VERSION, types::Mailbox};

use crate::server::{self, Client, Envelope, Offer, Reply};

/// RFC 5321 section 4.5.3.1.8 asks for 100 at least.
const MOST_RECIPIENTS: usize = 1_000;

/// How many first contacts greylisting remembers; the oldest is forgotten first.
const MOST_CONTACTS: usize = 10_000;

/// The account that may log in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// User name.
    pub(crate) user: String,
    /// Password.
    pub(crate) password: Secret,
}

impl Login {
    fn fits(&self, user: &str, password: &[u8]) -> bool {
        // Every byte is compared, wherever the first difference is, so that the time tells nothing.
        let own = self.password.expose().as_bytes();
        let differing = own.iter().zip(password).fold(0, |sum, (a, b)| sum | (a ^ b));
        (self.user == user) & (own.len() == password.len()) & (differing == 0)
    }
}

/// What the server takes and refuses.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Largest message in bytes, announced as SIZE.
    pub(crate) max_size: u64,
    /// AUTH is offered for this account.
    pub(crate) login: Option<Login>,
    /// MAIL is refused before a login.
    pub(crate) require_auth: bool,
    /// Recipients outside `local_domains` are refused to who is not logged in.
    pub(crate) deny_relay: bool,
    /// Domains that this server takes mail for, whoever sends it.
    pub(crate) local_domains: Vec<String>,
    /// Addresses that are refused as unknown.
    pub(crate) unknown_users: Vec<String>,
    /// The first attempt for each client, sender and recipient is put off.
    pub(crate) greylist: Option<Greylist>,
}

impl server::Policy for Policy {
    /// It serves this machine.
    fn offer(&self) -> Offer {
        Offer {
            name: "localhost".to_owned(),
            product: format!("freesmtp sink {VERSION}"),
            max_size: self.max_size,
            chunking: false,
            dsn: false,
            starttls: false,
        }
    }

    fn offers_auth(&self, _client: &Client) -> bool {
        self.login.is_some()
    }

    fn admits(&self, user: &str, password: &[u8]) -> bool {
        self.login.as_ref().is_some_and(|login| login.fits(user, password))
    }

    fn sender(&self, client: &Client, _envelope: &Envelope) -> Result<(), Reply> {
        if self.require_auth && client.account.is_none() {
            return Err(Reply::new(530, "5.7.0", "Authentication required"));
        }
        Ok(())
    }

    fn recipient(&self, client: &Client, envelope: &Envelope, recipient: &str) -> Result<(), Reply> {
        if envelope.recipients.len() >= MOST_RECIPIENTS {
            return Err(Reply::new(452, "4.5.3", "Too many recipients"));
        }
        if self.deny_relay && client.account.is_none() && !self.is_local(recipient) {
            let from = client.peer.map(|(address, _)| format!(" for {address}")).unwrap_or_default();
            return Err(Reply::new(550, "5.7.1", format!("<{recipient}>: relaying denied{from}")));
        }
        if self.unknown_users.iter().any(|user| user.eq_ignore_ascii_case(recipient)) {
            return Err(Reply::new(550, "5.1.1", format!("<{recipient}>: no such user here")));
        }
        match &self.greylist {
            Some(greylist)
                if greylist.is_first(client.peer.map(|(address, _)| address), envelope, recipient) =>
            {
                Err(Reply::new(451, "4.7.1", format!("<{recipient}>: greylisted, please try again later")))
            }
            _ => Ok(()),
        }
    }
}

impl Policy {
    fn is_local(&self, recipient: &str) -> bool {
        // Only the server's own postmaster has no domain.
        let Ok(mailbox) = Mailbox::parse(recipient, "") else { return true };
        let is_own = |name: &str| self.local_domains.iter().any(|own| own.eq_ignore_ascii_case(name));
        is_own(mailbox.domain()) || is_own(mailbox.ascii_domain())
    }
}

/// The first contacts seen (RFC 6647).
#[derive(Debug, Default)]
pub(crate) struct Greylist(Mutex<Contacts>);

#[derive(Debug, Default)]
struct Contacts {
    seen: HashSet<Contact>,
    oldest_first: VecDeque<Contact>,
}

type Contact = (Option<IpAddr>, String, String);

impl Greylist {
    /// Whether it is the first time; the next time it is not.
    fn is_first(&self, address: Option<IpAddr>, envelope: &Envelope, recipient: &str) -> bool {
        let contact = (address, envelope.sender.to_lowercase(), recipient.to_lowercase());
        let mut contacts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !contacts.seen.insert(contact.clone()) {
            return false;
        }
        contacts.oldest_first.push_back(contact);
        if contacts.oldest_first.len() > MOST_CONTACTS
            && let Some(oldest) = contacts.oldest_first.pop_front()
        {
            contacts.seen.remove(&oldest);
        }
        true
    }
}
