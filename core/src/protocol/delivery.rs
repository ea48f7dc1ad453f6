//! What the replies of a transaction mean: for one recipient, for the message, or for the session. It is decided here
//! and nowhere else.
//!
//! Transactions end in the order in which they began, so a reply always concerns the first of the queue.

use super::{
    Engine, Event, Stuffer, TransactionResult,
    dialogue::Expect,
    sending::Content,
    transaction::{Active, Decision, Progress, status_of_reply},
};
use crate::{
    error::{Error, ErrorKind},
    types::{Failure, RecipientStatus, Reply, Stage},
};

impl Engine {
    pub(super) fn on_transaction_reply(&mut self, expect: Expect, reply: Reply) {
        if let Some(active) = self.queue.front_mut().filter(|_| expect.is_of_transaction()) {
            active.outstanding = active.outstanding.saturating_sub(1);
        }
        match expect {
            Expect::Rset | Expect::ResetByEhlo => self.on_reset(expect, reply),
            Expect::Mail => self.on_mail(reply),
            Expect::Rcpt(index) => self.on_rcpt(index, reply),
            Expect::Data => self.on_data(reply),
            Expect::Chunk => self.on_chunk(reply),
            Expect::EndOfData => self.on_end_of_data(reply),
            Expect::EmptyEndOfData => self.give_up(),
            _ => {}
        }
    }

    /// Keeps what a 421 says of one recipient before the session ends.
    pub(super) fn settle(&mut self, expect: Expect, reply: &Reply) {
        if let (Expect::Rcpt(index), Some(active)) = (expect, self.queue.front_mut()) {
            let reply = Some(reply.clone());
            let (status, stage) = (RecipientStatus::Deferred, Stage::Rcpt);
            active.decide(index, Decision { status, stage, reply, failure: None });
        }
    }

    fn on_reset(&mut self, expect: Expect, reply: Reply) {
        if reply.is_positive() {
            self.dirty = false;
            if expect == Expect::Rset {
                self.resets = Some(true);
            }
            return;
        }
        if expect == Expect::ResetByEhlo || reply.is_intermediate() {
            return self.on_nonsense(Stage::Command, reply);
        }
        self.resets = Some(false);
        let followed = self.queue.front().is_some_and(|active| active.outstanding > 0);
        match (self.dirty, followed) {
            (false, _) => {}
            // A server without RSET: EHLO clears its buffers too (RFC 5321 section 4.1.4).
            (true, false) => {
                let line = self.hello();
                self.send(&line, Expect::ResetByEhlo);
            }
            // What followed that RSET would be taken for a part of the transaction before.
            (true, true) => self.on_nonsense(Stage::Command, reply),
        }
    }

    fn on_mail(&mut self, reply: Reply) {
        if reply.is_intermediate() {
            return self.on_nonsense(Stage::Mail, reply);
        }
        let Some(active) = self.queue.front_mut() else { return };
        if reply.is_positive() {
            active.touched = true;
        } else {
            active.mail_refused = Some(reply);
            self.stop_if_hopeless();
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
        active.decide(index, Decision { status, stage: Stage::Rcpt, reply: Some(reply), failure: None });
        self.stop_if_hopeless();
    }

    fn on_data(&mut self, reply: Reply) {
        let Some(active) = self.queue.front_mut() else { return };
        let hopeless = active.is_hopeless();
        if reply.is_intermediate() {
            if !hopeless {
                self.content = Some(Content::Lines(Stuffer::default()));
            } else if self.config.lmtp {
                // RFC 2033 section 4.2: a reply for each accepted recipient. There is none, so nothing would come.
                self.on_nonsense(Stage::Data, reply);
            } else {
                active.outstanding += 1;
                self.send(".", Expect::EmptyEndOfData);
            }
        } else if reply.is_positive() {
            self.on_nonsense(Stage::Data, reply);
        } else if hopeless {
            self.give_up();
        } else {
            self.dirty = true;
            let error = Error::refused(ErrorKind::Protocol, Stage::Data, reply);
            self.finish(0, |active| active.failed(error));
        }
    }

    fn on_chunk(&mut self, reply: Reply) {
        if reply.is_intermediate() {
            return self.on_nonsense(Stage::Data, reply);
        }
        let Some(active) = self.queue.front_mut() else { return };
        if !reply.is_positive() && active.content_refused.is_none() {
            active.content_refused = Some(reply);
        }
        self.stop_if_hopeless();
    }

    fn on_end_of_data(&mut self, reply: Reply) {
        if reply.is_intermediate() {
            return self.on_nonsense_at_end(reply);
        }
        let Some(active) = self.queue.front_mut() else { return };
        if active.is_hopeless() {
            return self.give_up();
        }
        if self.config.lmtp {
            return self.on_end_for_recipient(reply);
        }
        if reply.is_positive() {
            return self.finish(0, |active| active.delivered(reply));
        }
        // What a refused BDAT leaves behind is indeterminate (RFC 3030 section 2).
        self.dirty |= active.chunked;
        let error = Error::refused(ErrorKind::Protocol, Stage::Eom, reply);
        self.finish(0, |active| active.failed(error));
    }

    /// LMTP: the end of the message is answered for each recipient that RCPT accepted, in order (RFC 2033 section 4.2).
    fn on_end_for_recipient(&mut self, reply: Reply) {
        let Some(active) = self.queue.front_mut() else { return };
        active.decide_end(reply);
        if active.awaits_ends() {
            active.outstanding += 1;
            return self.expect_again();
        }
        match active.delivered_reply() {
            Some(reply) => self.finish(0, |active| active.delivered(reply)),
            None => {
                let error = recipients_refused(active, Stage::Eom);
                self.finish(0, |active| active.failed(error));
            }
        }
    }

    /// It is not known whether the server took the message.
    fn on_nonsense_at_end(&mut self, reply: Reply) {
        let text = format!("the server's reply is no answer to the end of the message: {reply}");
        let error = Error::new(ErrorKind::OutcomeUnknown, Stage::Eom, text)
            .with_failure(Failure::OutcomeUnknown)
            .with_reply(reply);
        let session_error = error.clone();
        self.finish(0, |active| active.unknown(error));
        self.fail(session_error);
    }

    /// Ends the flow of a message that is refused while it is given, and the transaction once all is answered.
    fn stop_if_hopeless(&mut self) {
        let Some(active) = self.queue.front_mut() else { return };
        if !active.is_hopeless() {
            return;
        }
        if self.sending == 0 && active.chunked && active.progress == Progress::Content {
            self.content = None;
            active.progress = Progress::Sent;
        }
        let all_left = matches!(active.progress, Progress::Sent) || active.mail_refused.is_some();
        if active.outstanding == 0 && all_left {
            self.give_up();
        }
    }

    /// Ends the first transaction because MAIL, recipients or a chunk were refused.
    pub(super) fn give_up(&mut self) {
        self.dirty = true;
        self.finish(0, |mut active| {
            let error = refusal(&mut active);
            active.failed(error)
        });
    }

    /// Takes a transaction off the queue.
    pub(super) fn finish(&mut self, at: usize, end: impl FnOnce(Active) -> TransactionResult) {
        let Some(active) = self.queue.remove(at) else { return };
        if at == self.sending {
            self.content = None;
        } else if at < self.sending {
            self.sending -= 1;
        }
        self.events.push_back(Event::Finished(end(active)));
    }
}

/// Why nothing can come of a transaction.
pub(super) fn refusal(active: &mut Active) -> Error {
    match (&active.mail_refused, &active.content_refused) {
        (Some(reply), _) => {
            let error = Error::refused(ErrorKind::Protocol, Stage::Mail, reply.clone());
            // What a pipelined RCPT was answered after that (usually 503) says nothing of the recipient.
            active.forget_decisions();
            error
        }
        (None, Some(reply)) if active.accepted > 0 => {
            Error::refused(ErrorKind::Protocol, Stage::Data, reply.clone())
        }
        _ => recipients_refused(active, Stage::Rcpt),
    }
}

/// The error of a transaction in which too few recipients were accepted; its reply is the first refusal.
fn recipients_refused(active: &Active, stage: Stage) -> Error {
    let refused = |d: &&Decision| d.status != RecipientStatus::Accepted;
    let first = active.decisions.iter().flatten().find(refused);
    let (count, all) = (active.rejected, active.decisions.len());
    let temporary = active.decisions.iter().flatten().any(|d| d.status == RecipientStatus::Deferred);
    let mut text = match (count, all) {
        (1, 1) => "the recipient was refused".to_owned(),
        (n, all) if n == all => format!("all {all} recipients were refused"),
        (n, all) => format!("{n} of {all} recipients were refused, and AllOrNothing is set"),
    };
    if let Some(reply) = first.and_then(|d| d.reply.as_ref()) {
        text.push_str(&format!("; the server answered: {reply}"));
    }
    let mut error = Error::new(ErrorKind::RecipientsRefused, stage, text).with_temporary(temporary);
    if let Some(failure) = first.and_then(|d| d.failure) {
        error = error.with_failure(failure);
    }
    match first.and_then(|d| d.reply.clone()) {
        Some(reply) => error.with_reply(reply),
        None => error,
    }
}
