//! What a server is asked apart from messages.

use super::Smtp;
use crate::{
    error::Error,
    net::{Cancel, Runtime, on_this_thread},
    protocol::Inquiry,
    types::Reply,
};

/// Each goes over the kept connection, or a new one, and gives the reply, whatever its code is. Servers of today answer
/// most of them with a refusal, or with nothing that tells (RFC 5321 section 7.3).
impl Smtp {
    /// Asks whether the server knows a mailbox or a name (`VRFY`, RFC 5321 section 3.5.1): 250 and the mailbox, 252 for
    /// "cannot say", 550 for "no". What is not ASCII goes out with SMTPUTF8 (RFC 6531 section 3.7.4.2).
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `Address`; `ErrorKind::Protocol` for what is not ASCII and a server without
    /// SMTPUTF8; else as [`Smtp::connect`].
    pub fn verify(&self, address: &str) -> Result<Reply, Error> {
        self.ask(Inquiry::verify(address))
    }

    /// Asks for the members of a list (`EXPN`, RFC 5321 section 3.5.1), one for each line of the reply.
    ///
    /// # Errors
    /// As [`Smtp::verify`], with field `List`.
    pub fn expand(&self, list: &str) -> Result<Reply, Error> {
        self.ask(Inquiry::expand(list))
    }

    /// Asks for help (`HELP`, RFC 5321 section 4.1.1.8) on a topic such as `MAIL`, or at large with an empty one.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `Topic`; else as [`Smtp::connect`].
    pub fn help(&self, topic: &str) -> Result<Reply, Error> {
        self.ask(Inquiry::help(topic))
    }

    /// Keeps the connection in use (`NOOP`, RFC 5321 section 4.1.1.9).
    ///
    /// # Errors
    /// As [`Smtp::connect`].
    pub fn noop(&self) -> Result<Reply, Error> {
        self.ask(Ok(Inquiry::noop()))
    }

    /// Asks the server to deliver what it holds for a domain (`ETRN`, RFC 1985): `example.com`, `@example.com` with its
    /// subdomains, or `#queue`.
    ///
    /// # Errors
    /// `ErrorKind::Message` with field `Domain`; else as [`Smtp::connect`].
    pub fn etrn(&self, domain: &str) -> Result<Reply, Error> {
        self.ask(Inquiry::etrn(domain))
    }

    fn ask(&self, inquiry: Result<Inquiry, Error>) -> Result<Reply, Error> {
        let inquiry = inquiry.map_err(super::explain_input)?;
        on_this_thread(self.ask_on(Runtime::Thread, &Cancel::new(), |offered| inquiry.command(offered)))
    }
}
