//! Doors for the fuzzers of `fuzz/` to what is private here and reads what strangers write. No part of the library.

use std::{io, path::Path, sync::Arc};

use freesmtp_core::{
    EmailMessage,
    message::{RecipientOptions, ReturnContent},
};

use crate::{
    entrances::{Additions, Incoming},
    server::{Client, Envelope, Offer, Policy, Reply, Session, Step},
};

pub use crate::{
    commands::fuzzing::{sendmail_arguments, sendmail_text},
    http::fuzzing::{WebServer, message_of_json},
};

/// Who may log in, and with what.
pub const LOGIN: (&str, &[u8]) = ("user", b"hunter22-hunter22");

/// The most recipients of a message.
pub const MOST_RECIPIENTS: usize = 5;

#[derive(Debug)]
struct Anyone {
    max_size: u64,
}

impl Policy for Anyone {
    fn offer(&self) -> Offer {
        Offer {
            name: "fuzz.test".to_owned(),
            product: String::new(),
            max_size: self.max_size,
            chunking: true,
            dsn: true,
            starttls: true,
        }
    }

    fn offers_auth(&self, _client: &Client) -> bool {
        true
    }

    fn admits(&self, user: &str, password: &[u8]) -> bool {
        (user, password) == LOGIN
    }

    fn sender(&self, _client: &Client, _envelope: &Envelope) -> Result<(), Reply> {
        Ok(())
    }

    fn recipient(&self, _client: &Client, envelope: &Envelope, _recipient: &str) -> Result<(), Reply> {
        if envelope.recipients.len() >= MOST_RECIPIENTS {
            return Err(Reply::new(452, "4.5.3", "Too many recipients"));
        }
        Ok(())
    }
}

/// A message that the listener took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Empty for the null reverse-path.
    pub sender: String,
    /// The forward paths, and what is asked for each.
    pub recipients: Vec<(String, RecipientOptions)>,
    /// `RET`.
    pub return_content: ReturnContent,
    /// `ENVID`, decoded.
    pub envelope_id: Option<String>,
    /// Who had logged in.
    pub account: Option<String>,
    /// The text, without doubled dots.
    pub text: Vec<u8>,
}

/// The listener's side of one session.
#[derive(Debug)]
pub struct Listener {
    session: Session,
    begun: Option<Taken>,
    /// What it said.
    pub said: Vec<u8>,
    /// What it took.
    pub taken: Vec<Taken>,
    /// Messages that it began to take, and did not.
    pub abandoned: usize,
    /// It waits for the handshake that [`Listener::secured`] ends.
    pub securing: bool,
    /// It has closed the session.
    pub closed: bool,
}

impl Listener {
    /// A session that begins.
    ///
    /// # Panics
    /// As [`Listener::hear`].
    #[must_use]
    pub fn new(max_size: u64) -> Self {
        let session = Session::new(Arc::new(Anyone { max_size }), None);
        let mut this = Self {
            session,
            begun: None,
            said: Vec::new(),
            taken: Vec::new(),
            abandoned: 0,
            securing: false,
            closed: false,
        };
        this.run();
        this
    }

    /// Takes what the client sends.
    ///
    /// # Panics
    /// When the steps of a message do not come in their order.
    pub fn hear(&mut self, bytes: &[u8]) {
        if !self.closed && !self.securing {
            self.session.input(bytes);
            self.run();
        }
    }

    /// The handshake is done.
    ///
    /// # Panics
    /// As [`Listener::hear`].
    pub fn secured(&mut self) {
        if std::mem::take(&mut self.securing) {
            self.session.secured();
            self.run();
        }
    }

    fn run(&mut self) {
        loop {
            match self.session.next() {
                Step::Send(bytes) => self.said.extend(bytes),
                Step::Begin(client, envelope) => {
                    assert!(self.begun.is_none(), "a message begins within another");
                    let recipients = envelope.recipients.into_iter().map(|r| (r.address, r.options));
                    self.begun = Some(Taken {
                        sender: envelope.sender,
                        recipients: recipients.collect(),
                        return_content: envelope.return_content,
                        envelope_id: envelope.envelope_id,
                        account: client.account,
                        text: Vec::new(),
                    });
                }
                Step::Body(bytes) => {
                    assert!(self.begun.is_some(), "a text without a message");
                    self.begun.iter_mut().for_each(|begun| begun.text.extend_from_slice(&bytes));
                }
                Step::Commit => {
                    assert!(self.begun.is_some(), "the end of no message");
                    self.taken.extend(self.begun.take());
                    self.session.committed(&Reply::new(250, "2.0.0", "Ok"));
                }
                Step::Abandon => {
                    assert!(self.begun.take().is_some(), "no message is abandoned");
                    self.abandoned += 1;
                }
                Step::StartTls => {
                    self.securing = true;
                    return;
                }
                Step::NeedInput => return,
                Step::Close => {
                    self.closed = true;
                    return;
                }
            }
        }
    }
}

/// A message as every entrance makes it whole, put in in these pieces; long ones are held in `folder`.
///
/// # Errors
/// What cannot be held.
pub fn completed(pieces: &[&[u8]], domain: &str, folder: &Path) -> io::Result<EmailMessage> {
    let additions = Additions {
        trace: "Received: by fuzz.test;\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n".to_owned(),
        from: "added@fuzz.test".to_owned(),
        now: 0,
        message_id: "<added@fuzz.test>".to_owned(),
        domain: domain.to_owned(),
    };
    let mut incoming = Incoming::new(additions, folder);
    for piece in pieces {
        incoming.write(piece)?;
    }
    Ok(incoming.finish(EmailMessage::new())?.message)
}
