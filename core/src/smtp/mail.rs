//! One message on its way: composed for the session at hand, its recipients offered in as many transactions as the
//! server takes.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::{
    Smtp,
    observers::{Observers, SendStatus},
    outcome,
    send::stamp,
};
use crate::{
    error::{Error, ErrorKind},
    message::{Composed, EmailMessage, Form, Stamp},
    os::file::Disk,
    protocol::{Capabilities, Decision, Outcome, Transaction, TransactionResult},
    types::{EnhancedCode, Failure, RecipientStatus, Reply, Stage},
};

/// A message on its way.
pub(super) struct Mail<'m> {
    message: Cow<'m, EmailMessage>,
    stamp: Stamp,
    composed: Composed,
    form: Form,
    /// `composed` was given to a server, or a part of it.
    used: bool,
    started: Instant,
    all_or_nothing: bool,
    /// What was decided for each recipient; `None` for those that are still to be offered.
    decisions: Vec<Option<Decision>>,
    /// The recipients of the transaction under way, as indices.
    offered: Vec<usize>,
    /// The first reply with which the message was taken.
    delivered: Option<Reply>,
    /// How the last transaction that did not deliver ended.
    failed: Option<Outcome>,
    warnings: Vec<String>,
    observers: Observers,
    /// Octets that were given to the server in this transaction.
    given: u64,
}

impl<'m> Mail<'m> {
    /// Checks the message and composes it for a session with every extension: one that lacks some gets it once more,
    /// for what it takes.
    pub(super) fn new(smtp: &Smtp, message: Cow<'m, EmailMessage>, started: Instant) -> Result<Self, Error> {
        let stamp = stamp(smtp.default_domain());
        let composed = compose(&message, &stamp, WIDEST)?;
        let decisions = vec![None; composed.recipients().len()];
        Ok(Self {
            message,
            stamp,
            composed,
            form: WIDEST,
            used: false,
            started,
            all_or_nothing: smtp.all_or_nothing(),
            decisions,
            offered: Vec::new(),
            delivered: None,
            failed: None,
            warnings: Vec::new(),
            observers: smtp.observers.clone(),
            given: 0,
        })
    }

    pub(super) fn composed(&self) -> &Composed {
        &self.composed
    }

    pub(super) fn observers(&self) -> &Observers {
        &self.observers
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether no server has decided anything about it.
    pub(super) fn is_untouched(&self) -> bool {
        self.delivered.is_none() && self.decisions.iter().all(Option::is_none)
    }

    /// Forgets what came of it so far: it is offered anew, to another session.
    pub(super) fn start_over(&mut self) {
        self.decisions.fill(None);
        self.offered.clear();
        self.failed = None;
    }

    /// The transaction that offers it to this session: to all recipients that are not decided, or to as many as one
    /// transaction takes. `None` when the session takes none of them, but another one may.
    ///
    /// # Errors
    /// When it can't be composed for this session, or not be split as the session asks for.
    pub(super) fn transaction(
        &mut self,
        token: u64,
        offered: &Capabilities,
        room: &mut Room,
    ) -> Result<Option<Transaction>, Error> {
        let open: Vec<usize> = (0..self.decisions.len()).filter(|i| self.decisions[*i].is_none()).collect();
        let all = open.len();
        let chosen = room.choose(open, |i| self.domain(i));
        if chosen.is_empty() {
            return Ok(None);
        }
        if chosen.len() < all {
            self.check_split(all, chosen.len())?;
        }
        // What an earlier session did without, this one does without too: what is composed no longer tells of it.
        let form = form_for(&self.composed, self.form, offered);
        if self.used || form != self.form {
            self.composed = compose(&self.message, &self.stamp, form)?;
            self.form = form;
        }
        self.used = true;
        self.given = 0;
        self.offered = chosen;
        Ok(Some(self.describe(token)))
    }

    fn describe(&self, token: u64) -> Transaction {
        let composed = &self.composed;
        let recipients = composed.recipients();
        let options = composed.rcpt_options();
        Transaction {
            token,
            reverse_path: composed.reverse_path().cloned(),
            forward_paths: self.offered.iter().map(|i| recipients[*i].mailbox.clone()).collect(),
            size: composed.exact_size().unwrap_or(0),
            eight_bit: composed.has_eight_bit(),
            utf8: composed.needs_utf8(),
            binary: composed.needs_binary(),
            exact: composed.needs_exact(),
            all_or_nothing: self.all_or_nothing,
            in_turn: false,
            mail_options: composed.options().clone(),
            rcpt_options: self.offered.iter().filter_map(|i| options.get(*i).cloned()).collect(),
        }
    }

    fn domain(&self, index: usize) -> String {
        let email = self.composed.recipients().get(index).map(|r| &*r.email).unwrap_or_default();
        email.rsplit('@').next().unwrap_or_default().to_lowercase()
    }

    /// Whether the message can go out in several transactions.
    fn check_split(&self, recipients: usize, limit: usize) -> Result<(), Error> {
        let what = if self.all_or_nothing {
            "AllOrNothing is set, which holds for one transaction"
        } else if self.message.has_streams() {
            "a stream can be read only once; attach a file or bytes, or send to fewer recipients at a time"
        } else {
            return Ok(());
        };
        let text = format!(
            "the server takes {limit} recipients in one transaction, the message has {recipients}, and {what}"
        );
        let failure = Failure::TooManyRecipients { recipients, limit };
        Err(Error::new(ErrorKind::Protocol, Stage::Mail, text).with_failure(failure))
    }

    /// Whether functions of the program make parts of it.
    pub(super) fn has_streams(&self) -> bool {
        self.message.has_streams()
    }

    /// Appends the next piece of the message; whether more follows.
    pub(super) fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool, Error> {
        let before = piece.len();
        let more = self.composed.read(piece)?;
        self.given += (piece.len() - before) as u64;
        let (total_sent, composed) = (self.given, &self.composed);
        self.observers.status(|| SendStatus { total_sent, total_size: composed.size().max(total_sent) });
        Ok(more)
    }

    /// Whether the transaction under way is its last in the session, as far as can be foreseen: it offers all that is left,
    /// and no more than the server has taken at once before.
    pub(super) fn ends_with_this(&self, room: &Room) -> bool {
        let offered = self.offered.len();
        offered <= room.proven.max(1) && self.decisions.iter().filter(|d| d.is_none()).count() == offered
    }

    /// Takes the end of a transaction; whether recipients are left to be offered to the same session. None is when another
    /// message follows that may not wait: who is one too many is then put off.
    pub(super) fn settle(&mut self, result: TransactionResult, room: &mut Room, followed: bool) -> bool {
        let accepted = result.recipients.iter().filter(|d| d.status == RecipientStatus::Accepted).count();
        let offered = std::mem::take(&mut self.offered);
        let mut put_off = false;
        for (index, mut decision) in offered.into_iter().zip(result.recipients) {
            // With an all-or-nothing message no other transaction may follow; and a stream is gone.
            let too_many = accepted > 0
                && !self.all_or_nothing
                && !self.message.has_streams()
                && decision.reply.as_ref().is_some_and(says_too_many);
            put_off |= too_many;
            if too_many && followed {
                decision.status = RecipientStatus::Deferred;
            }
            self.decisions[index] = (!too_many || followed).then_some(decision);
        }
        room.proven = room.proven.max(accepted);
        if put_off {
            room.recipients = Some(accepted);
        }
        self.warnings.extend(result.warnings);
        self.warnings.dedup();
        let nobody = match result.outcome {
            Outcome::Delivered(reply) => {
                self.delivered.get_or_insert(reply);
                false
            }
            other => {
                let refused = matches!(&other, Outcome::NotDelivered { error, .. }
                    if error.kind() == ErrorKind::RecipientsRefused);
                self.failed = Some(other);
                if !refused {
                    return false;
                }
                true
            }
        };
        // Of a transaction that failed as a whole nothing better is to be expected next time.
        (!nobody || !self.all_or_nothing) && self.decisions.iter().any(Option::is_none)
    }

    /// There is no session for the recipients that are left.
    pub(super) fn cut_off(&mut self, error: Error) {
        self.failed = Some(Outcome::NotDelivered { error, untouched: true, bystander: false });
    }

    /// What came of all its transactions.
    pub(super) fn result(&mut self) -> TransactionResult {
        let failed = self.failed.take();
        let outcome = match (self.delivered.take(), &failed) {
            (Some(reply), _) => Outcome::Delivered(reply),
            (None, Some(outcome)) => outcome.clone(),
            (None, None) => Outcome::NotDelivered { error: left_over(), untouched: true, bystander: false },
        };
        let rest = match failed {
            Some(Outcome::NotDelivered { error, .. } | Outcome::Unknown(error)) => Some(error),
            _ => None,
        };
        let undecided = || {
            let rest = rest.clone().unwrap_or_else(left_over);
            let temporary = rest.is_temporary();
            Decision {
                status: if temporary { RecipientStatus::Deferred } else { RecipientStatus::Refused },
                stage: rest.stage(),
                reply: rest.reply().cloned(),
                failure: rest.failure(),
            }
        };
        let recipients = std::mem::take(&mut self.decisions)
            .into_iter()
            .map(|decision| decision.unwrap_or_else(undecided));
        TransactionResult {
            token: 0,
            recipients: recipients.collect(),
            outcome,
            warnings: std::mem::take(&mut self.warnings),
        }
    }
}

/// The session ended before all recipients were offered.
fn left_over() -> Error {
    let text = "the session ended before the message was offered to this recipient";
    Error::new(ErrorKind::Connect, Stage::Mail, text).with_failure(Failure::ConnectionLost)
}

/// What a session takes in one transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    /// The most recipients of a transaction: announced (RFC 9422), or learnt from a refusal.
    pub(super) recipients: Option<usize>,
    /// The most that it took in one transaction so far.
    proven: usize,
    /// The most domains of all transactions together.
    domains: Option<usize>,
    /// The domains so far, kept where their number is limited.
    seen: Vec<String>,
}

impl Room {
    pub(super) fn new(offered: &Capabilities) -> Self {
        let limit = |limit: Option<u32>| limit.and_then(|limit| usize::try_from(limit).ok());
        Self {
            recipients: limit(offered.limits.recipients),
            proven: 0,
            domains: limit(offered.limits.domains),
            seen: Vec::new(),
        }
    }

    /// Those of the open recipients that fit into the next transaction.
    fn choose(&mut self, mut open: Vec<usize>, domain: impl Fn(usize) -> String) -> Vec<usize> {
        let most = self.recipients.unwrap_or(usize::MAX).max(1);
        let Some(domains) = self.domains else {
            open.truncate(most);
            return open;
        };
        let mut chosen = Vec::new();
        for index in open {
            let domain = domain(index);
            let known = self.seen.contains(&domain);
            if chosen.len() < most && (known || self.seen.len() < domains.max(1)) {
                if !known {
                    self.seen.push(domain);
                }
                chosen.push(index);
            }
        }
        chosen
    }
}

/// Whether a reply to RCPT says that the transaction has recipients enough (RFC 5321 section 4.5.3.1.10, which asks to
/// take 552 for 452 here), and not that this one is refused.
fn says_too_many(reply: &Reply) -> bool {
    match reply.enhanced_code() {
        Some(EnhancedCode { subject: 5, detail: 3, .. }) => true,
        Some(_) => false,
        None => {
            matches!(reply.code(), 452 | 552) && {
                let text = reply.text().to_lowercase();
                text.contains("recipient") && (text.contains("many") || text.contains("limit"))
            }
        }
    }
}

fn compose(message: &EmailMessage, stamp: &Stamp, form: Form) -> Result<Composed, Error> {
    message.compose(stamp, &Disk, form).map_err(outcome::explain_input)
}

/// What a session with every extension allows; attachments without encoding only on request.
const WIDEST: Form = Form { eight_bit: true, utf8: true, exact: true, binary: true, unencoded: false };

/// What this session allows of the form that was asked for; what the message does not use does not matter.
fn form_for(composed: &Composed, asked: Form, offered: &Capabilities) -> Form {
    let (exact, binary) = (offered.chunking, offered.chunking && offered.binary_mime);
    Form {
        eight_bit: asked.eight_bit && (offered.eight_bit_mime || !composed.has_eight_bit()),
        utf8: asked.utf8 && (offered.smtputf8 || !composed.needs_utf8()),
        exact: asked.exact && (exact || !composed.needs_exact()),
        binary: asked.binary && (binary || !composed.needs_binary()),
        unencoded: asked.unencoded && (binary || !composed.needs_binary()),
    }
}
