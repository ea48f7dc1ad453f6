//! One message through one session: what is asked, and what came of it.

use super::parameters::Parameters;
use crate::{
    error::Error,
    types::{Failure, MailOptions, Mailbox, RcptOptions, RecipientStatus, Reply, Stage},
};

/// A mail transaction (RFC 5321 section 3.3), without the bytes of the message: the engine asks for those with
/// [`Step::Body`](super::Step::Body) when the server is ready to take them.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The driver's own name for it; comes back in events.
    pub token: u64,
    /// Where bounces go; `None` is the null reverse-path `<>`.
    pub reverse_path: Option<Mailbox>,
    /// The recipients.
    pub forward_paths: Vec<Mailbox>,
    /// Octets of the message (RFC 1870 section 5); 0 when they are not known beforehand, and then not declared.
    pub size: u64,
    /// The message holds octets over 127.
    pub eight_bit: bool,
    /// The headers or addresses need SMTPUTF8.
    pub utf8: bool,
    /// It holds bytes that only BINARYMIME carries (RFC 3030): NUL, bare CR or LF, lines without end.
    pub binary: bool,
    /// It must arrive byte for byte, so that only BDAT carries it: DATA would add the last line end.
    pub exact: bool,
    /// Nothing is sent when one recipient is refused.
    pub all_or_nothing: bool,
    /// Nothing of its message is sent before the transactions begun before it have ended, whose results may have to be
    /// kept first. Its envelope is.
    pub in_turn: bool,
    /// What is asked of the servers for the message.
    pub mail_options: MailOptions,
    /// What is asked for each forward path, in their order; empty when nothing is asked for any.
    pub rcpt_options: Vec<RcptOptions>,
}

/// What was decided for one recipient.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What became of it.
    pub status: RecipientStatus,
    /// The phase in which that was decided.
    pub stage: Stage,
    /// The reply that decided.
    pub reply: Option<Reply>,
    /// What the client noticed, when it decided.
    pub failure: Option<Failure>,
}

/// How a transaction ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The server took responsibility for at least one recipient.
    Delivered(Reply),
    /// Nothing was delivered.
    NotDelivered {
        /// Why.
        error: Error,
        /// The server had accepted no command of it: it may be repeated on another connection.
        untouched: bool,
        /// The session ended for another transaction's sake, and this one was behind it.
        bystander: bool,
    },
    /// The connection broke between the end of the message and the reply: it may have been delivered.
    Unknown(Error),
}

/// The end of a transaction.
#[derive(Clone, Debug)]
pub struct TransactionResult {
    /// The driver's own name for it.
    pub token: u64,
    /// One entry for each forward path, in order.
    pub recipients: Vec<Decision>,
    /// How it ended.
    pub outcome: Outcome,
    /// The delivery options that were left out, and why.
    pub warnings: Vec<String>,
}

/// How far a transaction has been put into the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing yet.
    Queued,
    /// MAIL; the next is RCPT of that forward path, or DATA or BDAT behind the last.
    Envelope(usize),
    /// DATA, or all recipients before BDAT: the message is awaited or being given.
    Content,
    /// All that will ever be sent of it.
    Sent,
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) transaction: Transaction,
    /// Its number in the session.
    pub(super) serial: u64,
    /// What is known of each recipient; `None` until its reply came.
    pub(super) decisions: Vec<Option<Decision>>,
    /// What its options add to MAIL and RCPT.
    pub(super) parameters: Parameters,
    /// How many recipients the server has accepted so far.
    pub(super) accepted: usize,
    /// How many recipients have been decided against.
    pub(super) rejected: usize,
    /// LMTP: the recipient whose answer to the end of the message comes next, or one before it.
    next_end: usize,
    /// LMTP: such an answer has come.
    ending: bool,
    pub(super) progress: Progress,
    /// The message travels with BDAT.
    pub(super) chunked: bool,
    /// Octets of the message given so far.
    pub(super) octets: u64,
    /// Replies that are awaited.
    pub(super) outstanding: usize,
    /// The server answered MAIL with 2yz.
    pub(super) touched: bool,
    /// MAIL was refused: what the rest of the group is answered does not matter.
    pub(super) mail_refused: Option<Reply>,
    /// A chunk before the last was refused.
    pub(super) content_refused: Option<Reply>,
}

impl Active {
    pub(super) fn new(transaction: Transaction, serial: u64) -> Self {
        let decisions = vec![None; transaction.forward_paths.len()];
        Self {
            transaction,
            serial,
            decisions,
            parameters: Parameters::default(),
            accepted: 0,
            rejected: 0,
            next_end: 0,
            ending: false,
            progress: Progress::Queued,
            chunked: false,
            octets: 0,
            outstanding: 0,
            touched: false,
            mail_refused: None,
            content_refused: None,
        }
    }

    /// Keeps what was decided for a recipient, in place of what was known before.
    pub(super) fn decide(&mut self, index: usize, decision: Decision) {
        let Some(slot) = self.decisions.get_mut(index) else { return };
        let accepts = |d: &Decision| d.status == RecipientStatus::Accepted;
        if let Some(before) = slot {
            *(if accepts(before) { &mut self.accepted } else { &mut self.rejected }) -= 1;
        }
        *(if accepts(&decision) { &mut self.accepted } else { &mut self.rejected }) += 1;
        *slot = Some(decision);
    }

    pub(super) fn forget_decisions(&mut self) {
        self.decisions.iter_mut().for_each(|decision| *decision = None);
        (self.accepted, self.rejected) = (0, 0);
    }

    /// Whether every recipient has its answer to RCPT.
    pub(super) fn is_decided(&self) -> bool {
        self.accepted + self.rejected == self.decisions.len()
    }

    /// Whether nothing can come of it any more, as far as MAIL, RCPT and the chunks before the last say.
    pub(super) fn is_hopeless(&self) -> bool {
        if self.ending {
            return false;
        }
        self.mail_refused.is_some()
            || self.content_refused.is_some()
            || (self.is_decided() && self.accepted == 0)
            || (self.transaction.all_or_nothing && self.rejected > 0)
    }

    /// LMTP: the answer to the end of the message for the next recipient.
    pub(super) fn decide_end(&mut self, reply: Reply) {
        self.seek_end();
        self.ending = true;
        let decision = Decision {
            status: status_of_reply(&reply),
            stage: Stage::Eom,
            reply: Some(reply),
            failure: None,
        };
        self.decide(self.next_end, decision);
        self.next_end += 1;
    }

    /// LMTP: whether there is a recipient without an answer to the end of the message.
    pub(super) fn awaits_ends(&mut self) -> bool {
        self.seek_end();
        self.next_end < self.decisions.len()
    }

    fn seek_end(&mut self) {
        let accepted = |d: &Option<Decision>| {
            d.as_ref().is_some_and(|d| d.status == RecipientStatus::Accepted && d.stage == Stage::Rcpt)
        };
        while self.decisions.get(self.next_end).is_some_and(|d| !accepted(d)) {
            self.next_end += 1;
        }
    }

    /// LMTP: the first answer with which a recipient's message was taken.
    pub(super) fn delivered_reply(&self) -> Option<Reply> {
        let mut taken = self.decisions.iter().flatten().filter(|d| d.stage == Stage::Eom);
        taken.find(|d| d.status == RecipientStatus::Accepted).and_then(|d| d.reply.clone())
    }

    /// Ends it well: the recipients that RCPT accepted are delivered to.
    pub(super) fn delivered(self, reply: Reply) -> TransactionResult {
        let recipients = self
            .decisions
            .into_iter()
            .map(|decision| match decision {
                Some(d) if d.status == RecipientStatus::Accepted && d.stage != Stage::Eom => {
                    Decision { stage: Stage::Eom, reply: Some(reply.clone()), ..d }
                }
                Some(d) => d,
                // Unreachable as long as every RCPT is answered before the end of the message.
                None => undecided(RecipientStatus::Unknown, Stage::Rcpt, None, None),
            })
            .collect();
        let (token, warnings) = (self.transaction.token, self.parameters.warnings);
        TransactionResult { token, recipients, outcome: Outcome::Delivered(reply), warnings }
    }

    /// Ends it badly: what was accepted so far was not delivered.
    pub(super) fn failed(self, error: Error) -> TransactionResult {
        let status = status_of(&error);
        let outcome = |untouched| Outcome::NotDelivered { error: error.clone(), untouched, bystander: false };
        self.finish(status, outcome, &error)
    }

    /// Ends it because the session ended for another's sake.
    pub(super) fn swept_away(self, error: Error) -> TransactionResult {
        let mut result = self.failed(error);
        if let Outcome::NotDelivered { bystander, .. } = &mut result.outcome {
            *bystander = true;
        }
        result
    }

    /// Ends it without knowing how.
    pub(super) fn unknown(self, error: Error) -> TransactionResult {
        self.finish(RecipientStatus::Unknown, |_| Outcome::Unknown(error.clone()), &error)
    }

    fn finish(
        self,
        status: RecipientStatus,
        outcome: impl FnOnce(bool) -> Outcome,
        error: &Error,
    ) -> TransactionResult {
        let untouched = !self.touched;
        // LMTP: what was answered for one recipient stands, whatever came of the others.
        let delivered = self.delivered_reply();
        let stands = |d: &Decision| d.status != RecipientStatus::Accepted || d.stage == Stage::Eom;
        let recipients = self
            .decisions
            .into_iter()
            .map(|decision| match decision {
                Some(d) if stands(&d) => d,
                _ => undecided(status, error.stage(), error.reply().cloned(), error.failure()),
            })
            .collect();
        let outcome = delivered.map_or_else(|| outcome(untouched), Outcome::Delivered);
        let (token, warnings) = (self.transaction.token, self.parameters.warnings);
        TransactionResult { token, recipients, outcome, warnings }
    }
}

fn undecided(
    status: RecipientStatus,
    stage: Stage,
    reply: Option<Reply>,
    failure: Option<Failure>,
) -> Decision {
    Decision { status, stage, reply, failure }
}

/// The status that a failure of the whole transaction gives to its recipients.
fn status_of(error: &Error) -> RecipientStatus {
    if error.is_temporary() { RecipientStatus::Deferred } else { RecipientStatus::Refused }
}

/// The status that a reply to RCPT gives.
pub(super) fn status_of_reply(reply: &Reply) -> RecipientStatus {
    if reply.is_positive() {
        RecipientStatus::Accepted
    } else if reply.is_transient() {
        RecipientStatus::Deferred
    } else {
        RecipientStatus::Refused
    }
}
