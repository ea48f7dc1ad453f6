//! One message through one session: what is asked, and what came of it.

use super::{delivery::Progress, parameters::Parameters};
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
    /// Nothing is sent when one recipient is refused.
    pub all_or_nothing: bool,
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

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) transaction: Transaction,
    /// What is known of each recipient; `None` until its reply came.
    pub(super) decisions: Vec<Option<Decision>>,
    /// What its options add to MAIL and RCPT.
    pub(super) parameters: Parameters,
    /// How far its commands have been put into the output.
    pub(super) progress: Progress,
    /// The server answered MAIL with 2yz.
    pub(super) touched: bool,
    /// MAIL was refused: what the rest of the group is answered does not matter.
    pub(super) mail_refused: Option<Reply>,
}

impl Active {
    pub(super) fn new(transaction: Transaction) -> Self {
        let decisions = vec![None; transaction.forward_paths.len()];
        Self {
            transaction,
            decisions,
            parameters: Parameters::default(),
            progress: Progress::Queued,
            touched: false,
            mail_refused: None,
        }
    }

    /// How many recipients the server has accepted so far.
    pub(super) fn accepted(&self) -> usize {
        self.decisions.iter().flatten().filter(|d| d.status == RecipientStatus::Accepted).count()
    }

    /// How many recipients have been decided against.
    pub(super) fn rejected(&self) -> usize {
        self.decisions.iter().flatten().filter(|d| d.status != RecipientStatus::Accepted).count()
    }

    /// Ends it well: the recipients that RCPT accepted are delivered to.
    pub(super) fn delivered(self, reply: Reply) -> TransactionResult {
        let recipients = self
            .decisions
            .into_iter()
            .map(|decision| match decision {
                Some(d) if d.status == RecipientStatus::Accepted => {
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
        self.finish(status, |untouched| Outcome::NotDelivered { error: error.clone(), untouched }, &error)
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
        let recipients = self
            .decisions
            .into_iter()
            .map(|decision| match decision {
                Some(d) if d.status != RecipientStatus::Accepted => d,
                _ => undecided(status, error.stage(), error.reply().cloned(), error.failure()),
            })
            .collect();
        let (token, warnings) = (self.transaction.token, self.parameters.warnings);
        TransactionResult { token, recipients, outcome: outcome(untouched), warnings }
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
