//! What becomes of the messages of a session.

use std::{io, path::PathBuf};

use freesmtp_core::{
    EmailMessage, Error, ErrorKind,
    message::{Date, Recipient, RecipientType},
    spool::{Durability, Spool},
};

use crate::{
    clock,
    entrances::{Additions, Incoming, message_id, not_held},
    server::{Client, Envelope, Reply},
};

/// A message that has passed more servers goes round in circles (RFC 5321 section 6.3).
const MOST_HOPS: u32 = 50;

/// Takes the messages of one session into the spool.
#[derive(Debug)]
pub(crate) struct Reception {
    spool: Spool,
    /// Where a long message is while it comes in.
    folder: PathBuf,
    /// This server's name.
    name: String,
    current: Option<Whole>,
}

/// A message that comes in, and is to be submitted.
#[derive(Debug)]
pub(crate) struct Whole {
    spool: Spool,
    envelope: EmailMessage,
    incoming: Incoming,
    failed: Option<io::Error>,
}

impl Reception {
    pub(crate) fn new(spool: Spool, folder: PathBuf, name: String) -> Self {
        Self { spool, folder, name, current: None }
    }

    /// A message begins.
    pub(crate) fn begin(&mut self, client: &Client, envelope: Envelope) {
        let now = clock::now() / 1_000;
        let additions = Additions {
            trace: self.received(client, &envelope, now),
            from: envelope.sender.clone(),
            now,
            message_id: message_id(&self.name),
            // What a client of SMTP hands over is complete.
            domain: String::new(),
        };
        let mut message = EmailMessage::new();
        message.return_path = Some(envelope.sender);
        message.delivery.return_content = envelope.return_content;
        message.delivery.envelope_id = envelope.envelope_id;
        for recipient in envelope.recipients {
            // That of this server is the only one without a domain (RFC 5321 section 4.5.1).
            let email = match recipient.address.contains('@') {
                true => recipient.address,
                false => format!("{}@{}", recipient.address, self.name),
            };
            let mut named = Recipient::new(email.into(), RecipientType::To);
            named.options = recipient.options;
            message.recipients.push(named);
        }
        let incoming = Incoming::new(additions, &self.folder);
        self.current = Some(Whole { spool: self.spool.clone(), envelope: message, incoming, failed: None });
    }

    /// The next octets of it. A failure is told at its end.
    pub(crate) fn body(&mut self, bytes: &[u8]) {
        if let Some(Whole { incoming, failed: failed @ None, .. }) = &mut self.current {
            *failed = incoming.write(bytes).err();
        }
    }

    /// It is forgotten.
    pub(crate) fn abandon(&mut self) {
        self.current = None;
    }

    /// It is complete.
    pub(crate) fn commit(&mut self) -> Option<Whole> {
        self.current.take()
    }

    /// `Received` (RFC 5321 section 4.4). Recipients are not named: one must not learn of another.
    fn received(&self, client: &Client, envelope: &Envelope, now: i64) -> String {
        // What a client calls itself is in UTF-8, where it is not in ASCII (RFC 6531 section 3.7.3): not in this field.
        let shown = |name: &str| name.replace(|c: char| !c.is_ascii_graphic(), "?");
        let from = match (client.peer, client.name.as_str()) {
            (None, _) => "from this machine".to_owned(),
            (Some((address, _)), name) => {
                let literal = match address.to_canonical() {
                    std::net::IpAddr::V4(address) => format!("[{address}]"),
                    std::net::IpAddr::V6(address) => format!("[IPv6:{address}]"),
                };
                format!("from {} ({literal})", shown(name))
            }
        };
        // RFC 3848 and RFC 6531 section 4.3.
        let protocol = match (client.extended, envelope.utf8) {
            (false, _) => "SMTP".to_owned(),
            (true, utf8) => {
                let secure = if client.tls { "S" } else { "" };
                let known = if client.account.is_some() { "A" } else { "" };
                format!("{}{secure}{known}", if utf8 { "UTF8SMTP" } else { "ESMTP" })
            }
        };
        format!("Received: {from}\r\n\tby {} with {protocol};\r\n\t{}\r\n", shown(&self.name), Date::utc(now))
    }
}

impl Whole {
    /// Submits it, durably, and says what the client is told. It blocks until the disk has it.
    pub(crate) fn submit(self) -> Reply {
        if let Some(error) = self.failed {
            return refusal(&not_held(&error));
        }
        let finished = match self.incoming.finish(self.envelope) {
            Ok(finished) => finished,
            Err(error) => return refusal(&not_held(&error)),
        };
        if finished.hops > MOST_HOPS {
            return Reply::new(
                554,
                "5.4.6",
                "The message has passed too many servers: it goes round in circles",
            );
        }
        match finished.submit(&self.spool, Durability::Full) {
            Ok(id) => Reply::new(250, "2.0.0", format!("Ok: queued as {id}")),
            Err(error) => refusal(&error),
        }
    }
}

/// What a failure means to the client.
fn refusal(error: &Error) -> Reply {
    let text: String = error.message().chars().filter(|c| !c.is_control()).take(400).collect();
    match error.kind() {
        ErrorKind::Message => Reply::new(554, "5.6.0", text),
        kind => {
            // Paths are the administrator's business.
            eprintln!("freesmtp agent: a message could not be taken: {error}");
            if kind == ErrorKind::Spool && error.is_temporary() {
                Reply::new(452, "4.3.1", "There is no room for the message, try again later")
            } else {
                Reply::new(451, "4.3.0", "The message could not be kept, try again later")
            }
        }
    }
}
