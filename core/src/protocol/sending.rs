//! What leaves, and when: RSET, MAIL, RCPT, DATA or BDAT, the message, and the next transaction behind it.
//!
//! With PIPELINING (RFC 2920) the envelope and DATA leave in one write, and so do the end of a message and the
//! envelope of the next one: one round trip a message. With CHUNKING too (RFC 3030) nothing waits at all: the
//! message follows its envelope, and the next transaction follows the message. That is blind, so it needs two locks:
//!
//! - RSET goes before each MAIL that follows a BDAT whose reply is outstanding. Else a refused transaction would
//!   stay open at the server, refuse the next MAIL and send the next message in the name of the sender before.
//!   So nobody is followed blindly before the server has shown that it knows RSET.
//! - Of a long message not more than [`BLIND`] leaves before the envelope is decided.

use super::{
    Engine, Stuffer, command,
    dialogue::Expect,
    parameters::{Encryption, Parameters},
    transaction::{Active, Decision, Progress},
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, RecipientStatus, Stage},
};

/// Octets of a message that may leave before it is known whether a recipient was accepted.
const BLIND: u64 = 1024 * 1024;

/// Transactions under way at once when nothing waits for a reply: what a lost connection leaves unknown at most.
const WINDOW: usize = 64;

/// Octets of messages under way at once, beyond the first two.
const WINDOW_OCTETS: u64 = 4 * 1024 * 1024;

/// How the message that is being given travels.
#[derive(Debug)]
pub(super) enum Content {
    /// After DATA: dots stuffed, ended by a dot.
    Lines(Stuffer),
    /// With BDAT: as it is.
    Chunks,
}

impl Engine {
    /// Whether another transaction may be begun so that it leaves without waiting for those under way: give it now,
    /// and its envelope shares a write with the end of the message before.
    #[must_use]
    pub fn has_room(&self) -> bool {
        if !self.is_open() || self.is_spent() {
            return false;
        }
        let offered = &self.capabilities;
        let blind = offered.pipelining && offered.chunking && self.resets == Some(true);
        match self.queue.len() {
            0 => true,
            1 => offered.pipelining,
            n => blind && n < WINDOW && self.octets_under_way() < WINDOW_OCTETS,
        }
    }

    /// Whether the server takes no further transaction in this session (MAILMAX of RFC 9422).
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.capabilities.limits.messages.is_some_and(|most| self.begun >= u64::from(most))
    }

    fn octets_under_way(&self) -> u64 {
        self.queue.iter().map(|active| active.transaction.size).sum()
    }

    /// Adds the commands that may leave now; whether anything happened.
    pub(super) fn advance(&mut self) -> bool {
        if self.is_full() {
            return false;
        }
        match self.queue.get(self.sending).map(|active| active.progress) {
            None | Some(Progress::Content) => false,
            Some(Progress::Queued) => self.start(),
            Some(Progress::Envelope(next)) => self.continue_envelope(next),
            Some(Progress::Sent) => {
                self.sending += 1;
                true
            }
        }
    }

    /// Begins the next transaction as soon as the way is clear.
    fn start(&mut self) -> bool {
        let pipelining = self.capabilities.pipelining;
        let Some(before) = self.sending.checked_sub(1) else {
            if self.has_pending() {
                return false;
            }
            if !self.dirty {
                return self.start_transaction();
            }
            self.send("RSET", Expect::Rset);
            return !pipelining || self.resets != Some(true) || self.start_transaction();
        };
        if !pipelining {
            return false;
        }
        if self.queue.get(before).is_some_and(|active| !active.chunked) {
            // The final dot ends a transaction, whatever is answered to it (RFC 5321 section 4.1.1.4).
            return self.start_transaction();
        }
        match self.resets {
            Some(true) => {
                self.send("RSET", Expect::Rset);
                self.start_transaction()
            }
            None if !self.reset_asked => {
                self.reset_asked = true;
                self.send("RSET", Expect::Rset);
                true
            }
            _ => false,
        }
    }

    fn start_transaction(&mut self) -> bool {
        let offered = &self.capabilities;
        let Some(Active { transaction, .. }) = self.queue.get(self.sending) else { return false };
        if let Some(limit) = offered.size_limit.filter(|limit| transaction.size > *limit) {
            let size = transaction.size;
            let text = format!("the message has {size} octets, the server takes {limit}");
            let failure = Failure::MessageTooLarge { size, limit };
            return self.refuse(Error::new(ErrorKind::Protocol, Stage::Mail, text).with_failure(failure));
        }
        if (transaction.binary || transaction.exact) && !offered.chunking
            || transaction.binary && !offered.binary_mime
        {
            let text =
                "the message can only travel as it is with BDAT, which the server does not offer for it";
            return self.refuse(Error::new(ErrorKind::Internal, Stage::Mail, text));
        }
        let path = match &transaction.reverse_path {
            None => Some("".into()),
            Some(mailbox) => command::path(mailbox, transaction, offered),
        };
        let Some(path) = path else {
            let text = "the sender's address needs SMTPUTF8, which the server does not offer";
            let failure = Failure::SmtpUtf8Unsupported;
            return self.refuse(Error::new(ErrorKind::Protocol, Stage::Mail, text).with_failure(failure));
        };
        let chunked = transaction.binary || transaction.exact || offered.chunking && offered.pipelining;
        let (mail, rcpt) = (&transaction.mail_options, &transaction.rcpt_options);
        let parameters = match Parameters::new(mail, rcpt, offered, self.encryption()) {
            Ok(parameters) => parameters,
            Err(error) => return self.refuse(error),
        };
        let line = command::mail(transaction, &path, self.config.mail_auth.as_deref(), &parameters, offered);
        if let Some(active) = self.queue.get_mut(self.sending) {
            active.parameters = parameters;
            active.progress = Progress::Envelope(0);
            active.chunked = chunked;
        }
        self.send_for_transaction(&line, Expect::Mail);
        true
    }

    fn encryption(&self) -> Encryption {
        match self.tls {
            false => Encryption::None,
            true if self.config.certificate_checked => Encryption::Checked,
            true => Encryption::Unchecked,
        }
    }

    /// Ends the transaction that was to begin, before anything of it left.
    fn refuse(&mut self, error: Error) -> bool {
        self.finish(self.sending, |active| active.failed(error));
        true
    }

    /// Puts a command of the transaction that is being sent into the output.
    pub(super) fn send_for_transaction(&mut self, line: &str, expect: Expect) {
        if let Some(active) = self.queue.get_mut(self.sending) {
            active.outstanding += 1;
        }
        self.send(line, expect);
    }

    fn continue_envelope(&mut self, next: usize) -> bool {
        let pipelined = self.capabilities.pipelining;
        let Some(active) = self.queue.get_mut(self.sending) else { return false };
        if active.mail_refused.is_some() {
            // Nobody more is named, and the answer to the last who was ends the transaction.
            return false;
        }
        let outstanding = active.outstanding > 0;
        if outstanding && !pipelined {
            return false;
        }
        if let Some(mailbox) = active.transaction.forward_paths.get(next) {
            active.progress = Progress::Envelope(next + 1);
            match command::path(mailbox, &active.transaction, &self.capabilities) {
                Some(path) => {
                    let line = command::rcpt(&path, next, &active.parameters);
                    self.send_for_transaction(&line, Expect::Rcpt(next));
                }
                None => active.decide(
                    next,
                    Decision {
                        status: RecipientStatus::Refused,
                        stage: Stage::Rcpt,
                        reply: None,
                        failure: Some(Failure::SmtpUtf8Unsupported),
                    },
                ),
            }
            return true;
        }
        // Everything may leave in one write, unless a refusal is to stop it before the message.
        let decided = active.is_decided();
        if !decided && (!pipelined || active.transaction.all_or_nothing) {
            return false;
        }
        if active.is_hopeless() {
            if !outstanding {
                self.give_up();
            }
            return !outstanding;
        }
        active.progress = Progress::Content;
        if active.chunked {
            self.content = Some(Content::Chunks);
        } else {
            self.send_for_transaction("DATA", Expect::Data);
        }
        true
    }

    /// The transaction whose message is to be given now.
    pub(super) fn wants_body(&self) -> Option<u64> {
        let active = self.content.as_ref().and(self.queue.get(self.sending))?;
        let held = (active.chunked && active.octets >= BLIND && !active.is_decided())
            || (active.transaction.in_turn && self.sending > 0);
        (!held && !self.is_full()).then_some(active.transaction.token)
    }

    /// Gives a piece of the message that [`Step::Body`](super::Step::Body) asked for: CRLF line ends, not
    /// dot-stuffed; whether more follow. The last piece may be empty.
    pub fn body(&mut self, bytes: &[u8], more: bool) {
        let Some(active) = self.content.as_ref().and(self.queue.get_mut(self.sending)) else { return };
        active.octets += bytes.len() as u64;
        let octets = active.octets;
        let line = match &mut self.content {
            Some(Content::Lines(stuffer)) => {
                stuffer.push(bytes, &mut self.out);
                None
            }
            // An empty chunk says nothing, unless it is the last (RFC 3030 section 2).
            Some(Content::Chunks) if more && bytes.is_empty() => None,
            Some(Content::Chunks) => {
                let line = format!("BDAT {}{}", bytes.len(), if more { "" } else { " LAST" });
                self.out.extend_from_slice(line.as_bytes());
                self.out.extend_from_slice(b"\r\n");
                self.out.extend_from_slice(bytes);
                Some(line)
            }
            None => None,
        };
        if more {
            if let Some(line) = line {
                active.outstanding += 1;
                self.expect_chunk(line, bytes.len());
            }
            return;
        }
        active.outstanding += 1;
        active.progress = Progress::Sent;
        let serial = active.serial;
        if let Some(Content::Lines(stuffer)) = self.content.take() {
            stuffer.finish(&mut self.out);
        }
        self.expect_end(serial, octets, bytes.len(), line);
    }

    /// The message can't be completed: the connection must be dropped, so that the server delivers nothing.
    pub fn body_abort(&mut self, error: Error) {
        self.fail(error);
    }
}
