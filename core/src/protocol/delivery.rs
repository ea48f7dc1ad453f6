//! Transactions: MAIL, RCPT, DATA, the end of the message, RSET.
//!
//! What a refusal means is decided here and nowhere else: for one recipient, for the message, or for the session.

use super::{
    Engine, Event, Stuffer, command,
    dialogue::Expect,
    parameters::{Encryption, Parameters},
    transaction::{Active, Decision, status_of_reply},
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, RecipientStatus, Reply, Stage},
};

/// How far the commands of a transaction have been put into the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing yet.
    Queued,
    /// MAIL; the next is RCPT of that forward path, or DATA behind the last.
    Envelope(usize),
    /// DATA.
    Data,
}

impl Engine {
    /// Adds the commands that may leave now; whether anything happened.
    pub(super) fn advance(&mut self) -> bool {
        let Some(active) = self.queue.front() else { return false };
        match active.progress {
            Progress::Queued if !self.has_pending() => self.start_transaction(),
            Progress::Envelope(next) if !self.is_full() => {
                if self.has_pending() && !self.capabilities.pipelining {
                    return false;
                }
                self.continue_envelope(next)
            }
            _ => false,
        }
    }

    fn start_transaction(&mut self) -> bool {
        if self.dirty {
            self.send("RSET", Expect::Rset);
            return true;
        }
        let offered = &self.capabilities;
        let Some(Active { transaction, .. }) = self.queue.front() else { return false };
        if let Some(limit) = offered.size_limit.filter(|limit| transaction.size > *limit) {
            let size = transaction.size;
            let text = format!("the message has {size} octets, the server takes {limit}");
            let error = Error::new(ErrorKind::Protocol, Stage::Mail, text)
                .with_failure(Failure::MessageTooLarge { size, limit });
            self.finish(|active| active.failed(error));
            return true;
        }
        let path = match &transaction.reverse_path {
            None => Some(String::new()),
            Some(mailbox) => command::path(mailbox, transaction, offered),
        };
        let Some(path) = path else {
            let text = "the sender's address needs SMTPUTF8, which the server does not offer";
            let error =
                Error::new(ErrorKind::Protocol, Stage::Mail, text).with_failure(Failure::SmtpUtf8Unsupported);
            self.finish(|active| active.failed(error));
            return true;
        };
        let (mail, rcpt) = (&transaction.mail_options, &transaction.rcpt_options);
        let parameters = match Parameters::new(mail, rcpt, offered, self.encryption()) {
            Ok(parameters) => parameters,
            Err(error) => {
                self.finish(|active| active.failed(error));
                return true;
            }
        };
        let line = command::mail(transaction, &path, self.config.mail_auth.as_deref(), &parameters, offered);
        self.send(&line, Expect::Mail);
        if let Some(active) = self.queue.front_mut() {
            active.parameters = parameters;
            active.progress = Progress::Envelope(0);
        }
        true
    }

    fn encryption(&self) -> Encryption {
        match self.tls {
            false => Encryption::None,
            true if self.config.certificate_checked => Encryption::Checked,
            true => Encryption::Unchecked,
        }
    }

    fn continue_envelope(&mut self, next: usize) -> bool {
        let pipelined = self.capabilities.pipelining;
        let outstanding = self.has_pending();
        let Some(active) = self.queue.front_mut() else { return false };
        if active.mail_refused.is_some() {
            if !outstanding {
                self.give_up();
            }
            return !outstanding;
        }
        if let Some(mailbox) = active.transaction.forward_paths.get(next) {
            active.progress = Progress::Envelope(next + 1);
            match command::path(mailbox, &active.transaction, &self.capabilities) {
                Some(path) => {
                    let line = command::rcpt(&path, next, &active.parameters);
                    self.send(&line, Expect::Rcpt(next));
                }
                None => {
                    active.decisions[next] = Some(Decision {
                        status: RecipientStatus::Refused,
                        stage: Stage::Rcpt,
                        reply: None,
                        failure: Some(Failure::SmtpUtf8Unsupported),
                    });
                }
            }
            return true;
        }
        let decided = active.accepted() + active.rejected() == active.decisions.len();
        // Everything may leave in one write, unless a refusal is to stop it before DATA.
        let may_send_data = decided || (pipelined && !active.transaction.all_or_nothing);
        if !may_send_data {
            return false;
        }
        let unwanted = active.transaction.all_or_nothing && active.rejected() > 0;
        if decided && (active.accepted() == 0 || unwanted) && !outstanding {
            self.give_up();
            return true;
        }
        if decided && active.accepted() == 0 {
            return false;
        }
        active.progress = Progress::Data;
        self.send("DATA", Expect::Data);
        true
    }

    pub(super) fn on_transaction_reply(&mut self, expect: Expect, reply: Reply) {
        match expect {
            Expect::Rset | Expect::ResetByEhlo => self.on_reset(expect, &reply),
            Expect::Mail => self.on_mail(reply),
            Expect::Rcpt(index) => self.on_rcpt(index, reply),
            Expect::Data => self.on_data(reply),
            Expect::EndOfData => self.on_end_of_data(reply),
            Expect::EmptyEndOfData => self.give_up(),
            _ => {}
        }
    }

    /// Keeps what a 421 says of one recipient before the session ends.
    pub(super) fn settle(&mut self, expect: Expect, reply: &Reply) {
        if let (Expect::Rcpt(index), Some(active)) = (expect, self.queue.front_mut()) {
            active.decisions[index] = Some(Decision {
                status: RecipientStatus::Deferred,
                stage: Stage::Rcpt,
                reply: Some(reply.clone()),
                failure: None,
            });
        }
    }

    fn on_reset(&mut self, expect: Expect, reply: &Reply) {
        self.dirty = false;
        if !reply.is_positive() && expect == Expect::Rset {
            // A server without RSET: EHLO clears its buffers too (RFC 5321 section 4.1.4).
            let line = format!("EHLO {}", self.config.helo_name);
            self.send(&line, Expect::ResetByEhlo);
        }
    }

    fn on_mail(&mut self, reply: Reply) {
        if reply.is_intermediate() {
            return self.on_nonsense(Stage::Mail, reply);
        }
        let Some(active) = self.queue.front_mut() else { return };
        if reply.is_positive() {
            active.touched = true;
            return;
        }
        active.mail_refused = Some(reply);
        if !self.has_pending() {
            self.give_up();
        }
    }

    fn on_rcpt(&mut self, index: usize, reply: Reply) {
        if reply.is_intermediate() {
            return self.on_nonsense(Stage::Rcpt, reply);
        }
        let Some(active) = self.queue.front_mut() else { return };
        let status = status_of_reply(&reply);
        if status != RecipientStatus::Accepted && active.mail_refused.is_none() {
            let token = active.transaction.token;
            self.events.push_back(Event::RecipientRefused { token, index, reply: reply.clone() });
        }
        active.decisions[index] =
            Some(Decision { status, stage: Stage::Rcpt, reply: Some(reply), failure: None });
    }

    fn on_data(&mut self, reply: Reply) {
        let Some(active) = self.queue.front() else { return };
        let wanted = active.mail_refused.is_none() && active.accepted() > 0;
        if reply.is_intermediate() {
            if wanted {
                self.body = Some(Stuffer::default());
                self.body_octets = 0;
            } else {
                self.send(".", Expect::EmptyEndOfData);
            }
        } else if reply.is_positive() {
            self.on_nonsense(Stage::Data, reply);
        } else if wanted {
            self.dirty = true;
            let error = Error::refused(ErrorKind::Protocol, Stage::Data, reply);
            self.finish(|active| active.failed(error));
        } else {
            self.give_up();
        }
    }

    fn on_end_of_data(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.finish(|active| active.delivered(reply));
        } else if reply.is_intermediate() {
            // It is not known whether the server took the message: `fail` must see the end as outstanding.
            let stage = Stage::Eom;
            let text = format!("the server's reply is no answer to the end of the message: {reply}");
            let error = Error::new(ErrorKind::OutcomeUnknown, stage, text)
                .with_failure(Failure::OutcomeUnknown)
                .with_reply(reply);
            let session_error = error.clone();
            self.finish(|active| active.unknown(error));
            self.fail(session_error);
        } else {
            let error = Error::refused(ErrorKind::Protocol, Stage::Eom, reply);
            self.finish(|active| active.failed(error));
        }
    }

    /// Ends the first transaction because MAIL or recipients were refused.
    fn give_up(&mut self) {
        self.dirty = true;
        let Some(active) = self.queue.front_mut() else { return };
        let error = match &active.mail_refused {
            Some(reply) => {
                // What a pipelined RCPT was answered after that (usually 503) says nothing of the recipient.
                active.decisions.iter_mut().for_each(|decision| *decision = None);
                Error::refused(ErrorKind::Protocol, Stage::Mail, reply.clone())
            }
            None => recipients_refused(active),
        };
        self.finish(|active| active.failed(error));
    }

    /// Takes the first transaction off the queue.
    fn finish(&mut self, end: impl FnOnce(Active) -> super::TransactionResult) {
        if let Some(active) = self.queue.pop_front() {
            let result = end(active);
            self.events.push_back(Event::Finished(result));
        }
    }
}

/// The error of a transaction in which too few recipients were accepted; its reply is the first refusal.
fn recipients_refused(active: &Active) -> Error {
    let refused = |d: &&Decision| d.status != RecipientStatus::Accepted;
    let first = active.decisions.iter().flatten().find(refused);
    let (count, all) = (active.rejected(), active.decisions.len());
    let temporary = active.decisions.iter().flatten().any(|d| d.status == RecipientStatus::Deferred);
    let mut text = match (count, all) {
        (1, 1) => "the recipient was refused".to_owned(),
        (n, all) if n == all => format!("all {all} recipients were refused"),
        (n, all) => format!("{n} of {all} recipients were refused, and AllOrNothing is set"),
    };
    if let Some(reply) = first.and_then(|d| d.reply.as_ref()) {
        text.push_str(&format!("; the server answered: {reply}"));
    }
    let mut error = Error::new(ErrorKind::RecipientsRefused, Stage::Rcpt, text).with_temporary(temporary);
    if let Some(failure) = first.and_then(|d| d.failure) {
        error = error.with_failure(failure);
    }
    match first.and_then(|d| d.reply.clone()) {
        Some(reply) => error.with_reply(reply),
        None => error,
    }
}
